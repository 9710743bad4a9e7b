package webhook_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/webhook"
)

func secretOf(s string) secret.Text { return secret.Text(s) }

// try is what one attempt at a server gives, and how long it took.
func try(t *testing.T, url string, change ...func(*webhook.Endpoint)) (webhook.Attempt, time.Duration) {
	t.Helper()
	box := tester(t, webhook.Options{})
	e := webhook.Endpoint{URL: secretOf(url)}
	for _, c := range change {
		c(&e)
	}
	e = create(t, box, e)
	start := time.Now()
	a, err := box.Test(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	return a, time.Since(start)
}

func TestSend_RedirectsAreNotFollowed(t *testing.T) {
	target, reached := receive(t, nil)
	for _, status := range []int{301, 302, 307, 308} {
		server, _ := receive(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target.URL, status) })
		if a, _ := try(t, server.URL); a.Status != status || a.Error == "" {
			t.Errorf("the attempt is %+v, want a failure with %d", a, status)
		}
	}
	if len(reached) != 0 {
		t.Error("a redirect was followed")
	}
}

// Without a bound each of these takes the 15 s that an attempt may take.
func TestSend_TheAnswerIsBounded(t *testing.T) {
	endless, _ := receive(t, func(w http.ResponseWriter, r *http.Request) {
		chunk := []byte(strings.Repeat("x", 32<<10))
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if a, took := try(t, endless.URL); a.Status != 200 || a.Response != "" || took > 13*time.Second {
		t.Errorf("an endless body gave %+v after %s", a, took)
	}
	headers := raw(t, func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\n")
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(c, "X-%d: %s\r\n", i, strings.Repeat("y", 1000)); err != nil {
				return
			}
		}
	})
	if a, took := try(t, headers); a.Status != 0 || a.Error == "" || took > 13*time.Second {
		t.Errorf("endless headers gave %+v after %s", a, took)
	}
	interim := raw(t, func(c net.Conn) {
		for {
			if _, err := fmt.Fprint(c, "HTTP/1.1 103 Early Hints\r\n\r\n"); err != nil {
				return
			}
		}
	})
	if a, took := try(t, interim); a.Status != 0 || a.Error == "" || took > 13*time.Second {
		t.Errorf("endless interim answers gave %+v after %s", a, took)
	}
	endlessly := raw(t, func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n")
		_, _ = c.Read(make([]byte, 1)) // Until the sender has had enough.
	})
	if a, took := try(t, endlessly); a.Status != 202 || a.Error != "" || took > 13*time.Second {
		t.Errorf("an answer that never ends gave %+v after %s", a, took)
	}
	garbage := raw(t, func(c net.Conn) { fmt.Fprint(c, "\x00\x01 no http\r\n\r\n") })
	if a, _ := try(t, garbage); a.Status != 0 || a.Error == "" {
		t.Errorf("garbage gave %+v", a)
	}
}

// raw is a server that answers each request by hand, and its URL.
func raw(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // owner: the clean-up closes the listener and waits for done
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				answer(c)
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return "http://" + l.Addr().String() + "/"
}

func TestSend_ErrorsHoldNoSecret(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String() + "/SECRETPATH?token=SECRETPATH"
	_ = l.Close()
	a, _ := try(t, url)
	if a.Error == "" || strings.Contains(a.Error, "SECRETPATH") {
		t.Errorf("the error is %q", a.Error)
	}
	e := webhook.Endpoint{ID: "x", URL: secretOf(url), Secret: "whsec_SECRETPATH", Headers: map[string]secret.Text{"A": "SECRETPATH"}}
	if s := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(s, "SECRETPATH") {
		t.Errorf("an endpoint prints its secrets: %s", s)
	}
}

func TestSend_NoProxyFromTheEnvironment(t *testing.T) {
	proxy, reached := receive(t, nil)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	server, requests := receive(t, nil)
	box := tester(t, webhook.Options{Policy: webhook.Policy{Resolve: resolving([]string{"127.0.0.1"})}})
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	e := create(t, box, webhook.Endpoint{URL: secretOf("http://printer.example" + port + "/")})
	if a, err := box.Test(t.Context(), e.ID); err != nil || a.Status != 200 || len(requests) != 1 || len(reached) != 0 {
		t.Errorf("the attempt is %+v (%v); %d requests reached the server and %d the proxy", a, err, len(requests), len(reached))
	}
}

func TestSend_Certificates(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	server.Config.ErrorLog = nil
	if a, _ := try(t, server.URL); a.Status != 0 || !strings.Contains(a.Error, "certificate") {
		t.Errorf("a certificate of nobody gave %+v", a)
	}
	sum := sha256.Sum256(server.Certificate().Raw)
	if a, _ := try(t, server.URL, func(e *webhook.Endpoint) { e.Certificate = hex.EncodeToString(sum[:]) }); a.Status != 200 {
		t.Errorf("the pinned certificate gave %+v", a)
	}
	sum[0] ^= 1
	if a, _ := try(t, server.URL, func(e *webhook.Endpoint) { e.Certificate = hex.EncodeToString(sum[:]) }); a.Status != 0 {
		t.Errorf("another than the pinned certificate gave %+v", a)
	}
}

func TestCreate_NamesAllProblems(t *testing.T) {
	box := tester(t, webhook.Options{})
	_, err := box.Create(t.Context(), webhook.Endpoint{
		URL: "ftp://x", Format: "none", Events: []string{"print_complete", "nothing"}, Printers: []int{0}, Results: nil,
		Milestones: webhook.Milestones{Percent: []int{0}, MinutesLeft: []int{-1}, EveryLayers: -1, Jumps: "some"},
		Quiet:      webhook.Quiet{Mode: "hold", From: "25:00", To: "x"}, Digest: webhook.Digest{Mode: "both", At: "8"}, TimeZone: "Mars/Base",
		Ordered: "no", Signature: "rsa", Headers: map[string]secret.Text{"Host": "x", "X-Bad": "a\r\nb", "bad name": "x"}, Certificate: "12",
	})
	for _, field := range strings.Fields(`name url format events.1 printers milestones.percent milestones.minutes_left milestones.every_layers milestones.jumps
		quiet_hours.from quiet_hours.to digest.at time_zone ordered signature headers.Host headers.X-Bad headers certificate`) {
		if problem(err, field) == "" {
			t.Errorf("the field %s has no problem in %v", field, err)
		}
	}
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("the kind is %v", fault.KindOf(err))
	}
	var first *fault.Error
	if !errors.As(err, &first) || first.Field == "" {
		t.Errorf("the first problem is %v", first)
	}
	if _, err := box.Create(t.Context(), webhook.Endpoint{Name: "x", Target: "home_assistant"}); problem(err, "target") == "" {
		t.Errorf("the event bus was saved outside an app (%v)", err)
	}
}
