package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/storage"
)

// TestSchemathesis lets a foreign program read our description of the API and
// look for calls whose answers it does not describe. testdata/schemathesis.toml
// says with which checks.
func TestSchemathesis(t *testing.T) {
	ends(t)
	need(t, "schemathesis")
	folder := t.TempDir()
	key, id := allowedAll(t, folder)
	_, a := demo(t, "--data", folder, "--speed", "300")
	eventually(t, "a print is on record", patience, func() (bool, string) {
		body := a.get(t, "/api/v1/archives", key, http.StatusOK)
		return strings.Contains(body, `"id":1,`), body
	})
	address := manyClients(t, strings.TrimPrefix(a.HTTP, "http://"))
	config, err := filepath.Abs("testdata/schemathesis.toml")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute) // a minute or two where nothing else runs
	defer cancel()
	cmd := exec.CommandContext(ctx, "schemathesis", "--config-file", config, "run", "http://"+address+"/api/v1/openapi.json",
		"--header", "X-API-Key: "+key, "--header", "Connection: close", "--no-color")
	cmd.Dir = t.TempDir() // it leaves a cache behind
	receiver := newCounter(t)
	cmd.Env = append(environment(), "OWN_KEY_ID="+id, "HOOKS="+strings.TrimSuffix(config, ".toml")+"_hooks.py", "RECEIVER="+receiver.URL)
	out, err := cmd.CombinedOutput()
	text := strings.ReplaceAll(string(out), key, "***")
	if keep := os.Getenv("PRINTWIRE_SCHEMATHESIS_LOG"); keep != "" {
		if err := os.WriteFile(keep, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	_, summary, found := strings.Cut(text, " SUMMARY =")
	switch {
	case err != nil && found:
		t.Errorf("schemathesis: %v\n%s", err, text)
	case err != nil || !found:
		t.Fatalf("schemathesis did not run to its end: %v\n%s", err, text)
	}
	t.Logf("schemathesis:%s", summary)
	var endpoints []struct{ URL *string }
	if err := json.Unmarshal([]byte(a.get(t, "/api/v1/webhooks", key, http.StatusOK)), &endpoints); err != nil {
		t.Fatal(err)
	}
	for _, e := range endpoints {
		if e.URL == nil || *e.URL != receiver.URL+"/***" {
			t.Errorf("a webhook goes elsewhere: %v", e.URL)
		}
	}
	if receiver.n.Load() == 0 {
		t.Error("no webhook was sent: what happens then was not tested")
	}
}

// counter is a receiver of webhooks that counts them, and wants each third one again.
type counter struct {
	*httptest.Server
	n atomic.Int64
}

func newCounter(t *testing.T) *counter {
	c := &counter{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if c.n.Add(1)%3 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// allowedAll writes a key for which nothing is refused and nothing limited into
// an empty data folder. Nobody can make such a key from outside.
func allowedAll(t *testing.T, folder string) (key, id string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	store, err := storage.Open(t.Context(), storage.Options{Path: filepath.Join(folder, "printwire.db"), Log: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	kv := store.KV("auth")
	keys := auth.New(auth.Options{
		Store: kv, Audit: auth.NewAudit(kv, time.Now), Failures: auth.NewLimiter(time.Now), Log: log, Now: time.Now,
		NewID: func() string { return ulid.Make().String() }, Prefix: "printwire", AllowAdminKeys: true,
	})
	err = keys.Load()
	if err == nil {
		whole, k, made := keys.CreateKey(auth.NewKey{Name: "all", Owner: "local", Terms: []string{"admin"}, Plan: auth.Plan{Name: auth.PlanUnlimited}})
		key, id, err = whole.Reveal(), k.ID, made
	}
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	return key, id
}

// manyClients passes connections on, each from an address of its own: what is
// limited for each address, such as failed credentials, is not what is tested
// here, and a hundred clients who fail once are not one who fails a hundred times.
func manyClients(t *testing.T, target string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() { // owner: the clean-up closes the listener and waits
		for n := 1; ; n++ {
			near, err := l.Accept()
			if err != nil {
				return
			}
			from := net.IPv4(127, 1+byte(n>>16&63), byte(n>>8), byte(n))
			group.Go(func() { passOn(near, target, from) }) // owner: the clean-up waits; both ends close it
		}
	})
	t.Cleanup(func() { _ = l.Close(); group.Wait() })
	return l.Addr().String()
}

// passOn copies both ways until the far end has said all.
func passOn(near net.Conn, target string, from net.IP) {
	defer func() { _ = near.Close() }()
	dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: from}}
	far, err := dialer.Dial("tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	var group sync.WaitGroup
	group.Go(func() { // owner: passOn waits; the far end ends when the near one did
		_, _ = io.Copy(far, near)
		_ = far.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(near, far)
	_ = near.Close()
	group.Wait()
}
