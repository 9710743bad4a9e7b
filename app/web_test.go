package app_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/settings"
)

// secure are local settings with HTTPS.
func secure() settings.Settings {
	s := local()
	s.HTTP.TLSListen = "127.0.0.1:0"
	return s
}

// trusting is a client that trusts a certificate alone, as a file holds it.
func trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", file)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// fetch gets a page and gives the answer, its body read.
func fetch(t *testing.T, client *http.Client, method, address string, form url.Values) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer
}

func TestApp_HTTPSBesideHTTP(t *testing.T) {
	o := options(secure(), t.TempDir())
	r := begin(t, o)
	client := trusting(t, filepath.Join(o.Data, "https.pem"))
	key, err := r.app.CreateKey(t.Context(), app.KeyRequest{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{"http://" + r.ready.HTTP, "https://" + r.ready.HTTPS} {
		answer := fetch(t, client, http.MethodGet, base+"/api/v1/printers?apikey="+key.Key, nil)
		if answer.StatusCode != http.StatusOK || answer.ProtoMajor != 1 {
			t.Errorf("%s answers %s %s", base, answer.Proto, answer.Status)
		}
		// A browser would then refuse plain HTTP at every port of this machine, Home Assistant's too.
		if sts := answer.Header.Get("Strict-Transport-Security"); sts != "" {
			t.Errorf("%s sets Strict-Transport-Security: %s", base, sts)
		}
	}
	if answer := fetch(t, client, http.MethodGet, "http://"+r.ready.HTTPS+"/health", nil); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP at the port of HTTPS: %s", answer.Status)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	// The certificate is the same after a restart: client trusts no other.
	again := begin(t, o)
	if answer := fetch(t, client, http.MethodGet, "https://"+again.ready.HTTPS+"/health", nil); answer.StatusCode != http.StatusOK {
		t.Errorf("after a restart: %s", answer.Status)
	}
}

func TestApp_ItsOwnCertificateIsForItsNames(t *testing.T) {
	o := options(secure(), t.TempDir())
	o.Settings.HTTP.TLSListen = "0.0.0.0:0"
	o.Settings.HTTP.PublicURL, o.Settings.HTTP.Hosts = "https://printwire.example.org", []string{"print.example"}
	begin(t, o)
	text, err := os.ReadFile(filepath.Join(o.Data, "https.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || len(rest) == 0 {
		t.Fatalf("the file holds %v and %d bytes more", err, len(rest))
	}
	name, err := os.Hostname()
	if err != nil {
		t.Skipf("this machine has no name: %v", err)
	}
	short, _, _ := strings.Cut(name, ".")
	for _, host := range []string{"printwire.example.org", "print.example", short, short + ".local", "127.0.0.1", "localhost"} {
		if err := cert.VerifyHostname(host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestApp_AGivenCertificateIsReadAgain(t *testing.T) {
	// Two programs make two certificates; a third is given one after the other.
	var made []string
	for range 2 {
		o := options(secure(), t.TempDir())
		if err := begin(t, o).stop(); err != nil {
			t.Fatal(err)
		}
		made = append(made, filepath.Join(o.Data, "https.pem"))
	}
	file := filepath.Join(t.TempDir(), "given.pem")
	give := func(from string) {
		text, err := os.ReadFile(from)
		if err == nil {
			err = errors.Join(os.WriteFile(file+".new", text, 0o600), os.Rename(file+".new", file))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	give(made[0])
	o := options(secure(), t.TempDir())
	var moved moving
	o.Now = moved.now
	o.Settings.HTTP.Certificate, o.Settings.HTTP.Key = file, settings.PEM(file)
	r := begin(t, o)
	address := "https://" + r.ready.HTTPS + "/health"
	fetch(t, trusting(t, made[0]), http.MethodGet, address, nil)
	give(made[1])
	moved.by.Store(int64(10 * time.Second))
	fetch(t, trusting(t, made[1]), http.MethodGet, address, nil)
	if _, err := os.Stat(filepath.Join(o.Data, "https.pem")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a certificate is made that nobody needs: %v", err)
	}
}

func TestApp_ACertificateThatCannotBeUsedIsAClearError(t *testing.T) {
	o := options(secure(), t.TempDir())
	o.Settings.HTTP.Certificate, o.Settings.HTTP.Key = "/nowhere/cert.pem", "/nowhere/key.pem"
	_, err := app.New(t.Context(), o)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "http.certificate: the file cannot be read") {
		t.Errorf("New: %v", err)
	}
	// The folder is free again.
	begin(t, options(local(), o.Data))
}

func TestApp_TheSessionIsForTLSAloneOverTLS(t *testing.T) {
	o := options(secure(), t.TempDir())
	r := begin(t, o)
	client := trusting(t, filepath.Join(o.Data, "https.pem"))
	password := administrator(t, o.Data)
	for base, want := range map[string]bool{"http://" + r.ready.HTTP: false, "https://" + r.ready.HTTPS: true} {
		answer := fetch(t, client, http.MethodPost, base+"/oauth/login", url.Values{"name": {"admin"}, "password": {password}, "next": {"/device"}})
		cookies := answer.Cookies()
		if len(cookies) != 1 || cookies[0].Secure != want || !cookies[0].HttpOnly {
			t.Errorf("%s: %s, cookies %v", base, answer.Status, cookies)
		}
	}
}

func TestApp_HTTPSDoesNotWaitForSlowClients(t *testing.T) {
	t.Parallel()
	o := options(secure(), t.TempDir())
	r := begin(t, o)
	slow := map[string]func(net.Conn){
		"a client that says nothing": func(net.Conn) {},
		"a client that stops in its headers": func(c net.Conn) {
			s := tls.Client(c, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
			_, _ = io.WriteString(s, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n")
		},
	}
	for name, say := range slow {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.ready.HTTPS)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			say(c)
			_ = c.SetReadDeadline(time.Now().Add(25 * time.Second)) // a whole request may take 30 s
			begun := time.Now()
			_, err = io.Copy(io.Discard, c)
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				t.Errorf("it is still connected after %s: %v", time.Since(begun), err)
			}
		})
	}
}

// moving is the clock, moved by some time.
type moving struct{ by atomic.Int64 }

func (m *moving) now() time.Time { return time.Now().Add(time.Duration(m.by.Load())) }

// administrator asks a running program for a password of its administrator, as
// the command line does.
func administrator(t *testing.T, data string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", app.SocketPath(data))
	}, DisableKeepAlives: true}}
	var user app.UserRow
	if err := json.NewDecoder(fetch(t, client, http.MethodPost, "http://printwire/admin", nil).Body).Decode(&user); err != nil {
		t.Fatal(err)
	}
	return user.Password
}
