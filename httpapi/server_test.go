package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/printer"
)

// listen serves a handler by Server on a free port and gives its address.
func listen(tb testing.TB, h http.Handler) string {
	tb.Helper()
	srv := httpapi.Server(h, slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }() // owner: the test's clean-up
	tb.Cleanup(func() {
		if err := srv.Shutdown(context.Background()); err != nil {
			tb.Errorf("shut down: %v", err)
		}
		<-done
	})
	return l.Addr().String()
}

func TestServer_HasALimitOnEverything(t *testing.T) {
	srv := httpapi.Server(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if srv.ReadHeaderTimeout != 5*time.Second || srv.ReadTimeout != 30*time.Second || srv.WriteTimeout != 30*time.Second ||
		srv.IdleTimeout != 2*time.Minute || srv.MaxHeaderBytes != 16<<10 || srv.ErrorLog == nil {
		t.Errorf("the limits are %+v", srv)
	}
}

// raw sends bytes and reads the status line that comes back.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(25 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return strings.TrimSpace(line)
}

func TestServer_RefusesBrokenRequests(t *testing.T) {
	addr := listen(t, newFixture(t).handler)
	for _, c := range []struct{ name, request, want string }{
		{"too many headers", "GET /health HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: bbbbbbbbbbbbbbbbbbbb\r\n", 2000) + "\r\n", " 431 "},
		{"a body of two lengths", "POST /api/v1/printers HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", " 400 "},
		{"an encoding that does not exist", "POST /api/v1/printers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", " 501 "},
		{"no host", "GET /health HTTP/1.1\r\n\r\n", " 400 "},
		{"a header with a line break in its name", "GET /health HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n", " 400 "},
		{"a whole URL", "GET http://evil.example/health HTTP/1.1\r\nHost: x\r\n\r\n", " 421 "},
		{"HEAD", "HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n", " 200 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := raw(t, addr, c.request); !strings.Contains(got+" ", c.want) {
				t.Errorf("answered %q, want%s", got, c.want)
			}
		})
	}
}

func TestServer_HeadHasTheHeadersOfGetAndNoBody(t *testing.T) {
	f := newFixture(t)
	addr, key := listen(t, f.handler), f.reader()
	req, _ := http.NewRequest(http.MethodHead, "http://"+addr+"/api/v1/printers/1/status/", nil)
	req.Header.Set("X-API-Key", key)
	resp, err := f.client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || len(body) != 0 || resp.Header.Get("ETag") == "" {
		t.Errorf("status %d, %d bytes, %v, ETag %q", resp.StatusCode, len(body), err, resp.Header.Get("ETag"))
	}
}

// slow lets the test decide when a request ends.
type slow struct {
	*fleet
	begun, end chan struct{}
}

func (s slow) Find(ref string) (snapshot printer.Snapshot, err error) {
	s.begun <- struct{}{}
	<-s.end
	return s.fleet.Find(ref)
}

func TestServer_TooManyAtOnceAreToldToComeBack(t *testing.T) {
	block := slow{fleet: newFleet(), begun: make(chan struct{}), end: make(chan struct{})}
	f := newFixture(t, func(o *httpapi.Options) { o.Printers, o.Concurrent = block, 2 })
	key := f.reader()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if got := f.get("/api/v1/printers/1", key); got.code != http.StatusOK {
				t.Errorf("status %d", got.code)
			}
		})
		<-block.begun
	}
	got := f.get("/api/v1/printers/1", key)
	want(t, got, 503, "unavailable", "UNAVAILABLE")
	if got.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	if got := f.get("/health", ""); got.code != http.StatusOK {
		t.Errorf("health while full: status %d", got.code)
	}
	close(block.end)
	wg.Wait()
}

func TestServer_TheLogOfRequestsHidesKeys(t *testing.T) {
	var text strings.Builder
	f := newFixture(t, func(o *httpapi.Options) {
		o.Log = slog.New(slog.NewTextHandler(&lockedWriter{w: &text}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	key := f.reader()
	f.request(http.MethodGet, "/api/v1/printers?apikey="+key+"&page=2", "")
	f.request(http.MethodGet, "/api/v1/printers?APIKEY=canary&x=%zz", "")
	f.get("/api/v1/printers", key, "Authorization", "Bearer "+key)
	if strings.Contains(text.String(), key) || strings.Contains(text.String(), "canary") {
		t.Errorf("a key is in the log:\n%s", text.String())
	}
	for _, part := range []string{"status=200", "page=2", "path=/api/v1/printers", "method=GET"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("the log lacks %s:\n%s", part, text.String())
		}
	}
}

// get64 sends b.N requests over 64 connections of real sockets.
func get64(b *testing.B, url string, header http.Header) {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequest(http.MethodGet, url, nil)
			if err != nil {
				b.Error(err)
				return
			}
			req.Header = header
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusOK {
				b.Errorf("status %d, %v", resp.StatusCode, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// BenchmarkStatus compares the keyed status with a bare gin route that answers
// the same bytes, in one run: over sockets, and without them.
func BenchmarkStatus(b *testing.B) {
	f := newFixture(b)
	key := f.reader()
	document := []byte(f.get("/api/v1/printers/1/status", key).body)
	gin.SetMode(gin.ReleaseMode)
	bare := gin.New()
	bare.GET("/api/v1/printers/:id/status", func(c *gin.Context) { c.Data(200, "application/json", document) })
	header := http.Header{"X-Api-Key": {key}}
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{{"bare", bare}, {"keyed", f.handler}} {
		b.Run("socket/"+c.name, func(b *testing.B) {
			get64(b, fmt.Sprintf("http://%s/api/v1/printers/1/status", listen(b, c.handler)), header)
		})
		b.Run("handler/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequest(http.MethodGet, "http://printwire:8000/api/v1/printers/1/status", nil)
			r.Header = header
			for b.Loop() {
				w := httptest.NewRecorder()
				c.handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("status %d", w.Code)
				}
			}
		})
	}
}

func TestStatus_NeverGoesBackWhileItIsReadAndChanged(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	f.fleet.set(1, func(s *printer.Snapshot) { s.State.Job.Layer = printer.Some(0) })
	var wg sync.WaitGroup
	wg.Go(func() {
		for layer := range 200 {
			f.fleet.set(1, func(s *printer.Snapshot) { s.State.Job.Layer = printer.Some(layer) })
		}
	})
	for range 4 {
		wg.Go(func() {
			last := -1.0
			for range 100 {
				layer, _ := f.get("/api/v1/printers/1/status", key).object(t)["layer_num"].(float64)
				if layer < last {
					t.Errorf("layer %v after %v", layer, last)
				}
				last = layer
			}
		})
	}
	wg.Wait()
	if layer := f.get("/api/v1/printers/1/status", key).object(t)["layer_num"]; layer != 199.0 {
		t.Errorf("the last value is lost: %v", layer)
	}
}
