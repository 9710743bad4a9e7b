package httpapi_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/printwire/printwire/auth"
)

// open opens a stream and gives its lines; the channel ends with the stream.
func (f *fixture) open(t *testing.T, addr, target, key string, header ...string) (*http.Response, <-chan string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("X-API-Key", key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := f.client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	go func() { // owner: ends with the body, which the test's context closes
		defer close(lines)
		defer func() { _ = resp.Body.Close() }()
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return resp, lines
}

// next is the next line that begins with a word.
func next(t *testing.T, lines <-chan string, word string) string {
	t.Helper()
	for line := range lines {
		if strings.HasPrefix(line, word) {
			return line
		}
	}
	t.Fatalf("the stream ended without %q", word)
	return ""
}

func TestEvents_ResumesFiltersAndEndsWithTheKey(t *testing.T) {
	f := newFixture(t)
	f.ledger.add("print_started", 1)
	f.ledger.add("print_started", 2)
	f.ledger.add("door_opened", 1)
	addr := listen(t, f.handler)
	text, k, err := f.auth.CreateKey(auth.NewKey{Name: "stream", Printers: []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	resp, lines := f.open(t, addr, "/api/v1/events?states=true", text.Reveal(), "Last-Event-ID", "0")
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	if state := next(t, lines, "data: "); !strings.Contains(state, `"state":"RUNNING"`) {
		t.Errorf("the first picture is %s", state)
	}
	for _, want := range []string{"id: 1", "id: 3"} {
		if got := next(t, lines, "id: "); got != want {
			t.Errorf("got %q, want %q: another printer's events are not told", got, want)
		}
	}
	f.ledger.add("print_paused", 1)
	if got := next(t, lines, "id: "); got != "id: 4" {
		t.Errorf("a new event: %q", got)
	}
	if _, err := f.auth.RevokeKey(k.ID, "test", ""); err != nil {
		t.Fatal(err)
	}
	f.api.Cut(k.ID)
	for range lines {
	}
}

func TestEvents_BadRequestsAndTickets(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	for _, target := range []string{"?event=nothing", "?last_event_id=x"} {
		if got := f.get("/api/v1/events"+target, key); got.code != 422 {
			t.Errorf("%s: %d %s", target, got.code, got.body)
		}
	}
	if got := f.get("/api/v1/events?printer=99", key); got.code != 404 {
		t.Errorf("an unknown printer: %d", got.code)
	}
	addr := listen(t, f.handler)
	ticket, _ := f.get("/api/v1/auth/ticket", key).object(t)["ticket"].(string)
	resp, lines := f.open(t, addr, "/api/v1/events?ticket="+ticket, "")
	if resp.StatusCode != 200 || next(t, lines, "retry") == "" {
		t.Errorf("with a ticket: %d", resp.StatusCode)
	}
	if resp, _ := f.open(t, addr, "/api/v1/events?ticket="+ticket, ""); resp.StatusCode != 401 {
		t.Errorf("the same ticket again: %d", resp.StatusCode)
	}
}

func TestEvents_OneKeyHasEightStreams(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	addr := listen(t, f.handler)
	for range 8 {
		if resp, _ := f.open(t, addr, "/api/v1/events", key); resp.StatusCode != 200 {
			t.Fatalf("%d", resp.StatusCode)
		}
	}
	resp, _ := f.open(t, addr, "/api/v1/events", key)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("the ninth: %d", resp.StatusCode)
	}
}
