package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/auth/oauth"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/storage"
)

// seedRow is a request that a client's documentation shows, and our answer.
type seedRow struct {
	seed string
	// request is a shell command, a raw request of HTTP, or a method and a path
	// with, behind a space, a body.
	request string
	// with says which key stands for the one of the documentation; "" is none.
	with string
	want int
	// holds is what the answer must contain, says what it means.
	holds, says string
	// keep takes fields of the answer for later rows: the name in later
	// requests, and the field.
	keep map[string]string
	// consent: a person opens the address, signs in and allows.
	consent bool
}

// world is the demo with what stands for the words of the documentation.
type world struct {
	access
	words map[string]string
	keys  map[string]string
	next  int
}

// adminPassword is that of the person who consents.
const adminPassword = "a password of the tests"

// prepare writes into an empty data folder what nobody can make from outside:
// an OAuth client, the local administrator, an expired key and one without owner.
func prepare(t *testing.T, folder string, keys map[string]string) (client, hidden string) {
	t.Helper()
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	store, err := storage.Open(ctx, storage.Options{Path: filepath.Join(folder, "printwire.db"), Log: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	now := time.Now().Add(-time.Hour)
	clock, id := func() time.Time { return now }, func() string { return ulid.Make().String() }
	kv := store.KV("auth")
	audit, failures := auth.NewAudit(kv, clock), auth.NewLimiter(clock)
	server := oauth.New(oauth.Options{Store: kv, Audit: audit, Failures: failures, Log: log, Now: clock, NewID: id})
	people := auth.New(auth.Options{Store: kv, Audit: audit, Failures: failures, Log: log, Now: clock, NewID: id, Tokens: server, Prefix: "printwire"})
	if err := errors.Join(people.Load(), server.Load(), people.SetAdmin(secret.Text(adminPassword))); err != nil {
		t.Fatal(err)
	}
	c, text, err := server.CreateClient(oauth.NewClient{
		Name: "Your app", Redirects: []string{"https://your-app.com/callback"}, Terms: []string{"read", "write"}, Confidential: true, WithoutPKCE: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	unlimited := auth.Plan{Name: auth.PlanUnlimited}
	for name, n := range map[string]auth.NewKey{
		"expired":   {Owner: "local", Expires: now.Add(time.Minute)},
		"ownerless": {Plan: unlimited},
		"cloud":     {Owner: "local", Terms: []string{"cloud:read"}, Plan: unlimited},
		"withdrawn": {Owner: "local"},
		"maker": {Owner: "local", Plan: unlimited, Terms: []string{
			"full_access", "keys:read", "keys:write", "jobs:write", "printers:manage", "tariff:write", "cloud:read",
		}},
	} {
		n.Name = name
		whole, k, err := people.CreateKey(n)
		if err == nil && name == "withdrawn" {
			_, err = people.RevokeKey(k.ID, "test", "")
		}
		if err != nil {
			t.Fatalf("the key %s: %v", name, err)
		}
		keys[name] = whole.Reveal()
	}
	return c.ID, text.Reveal()
}

// compatible is the demo for all rows.
func compatible(t *testing.T) *world {
	t.Helper()
	folder, keys := t.TempDir(), map[string]string{"": "", "unknown": "pw_live_unknown", "foreign": "bb_0123456789abcdefghij0123456789abcdefghij012"}
	client, hidden := prepare(t, folder, keys)
	_, a := demo(t, "--data", folder, "--speed", "300")
	eventually(t, "a print is on record", patience, func() (bool, string) {
		body := a.get(t, "/api/v1/archives", keys["maker"], http.StatusOK)
		return strings.Contains(body, `"id":1,`), body
	})
	for name, key := range a.Keys {
		keys[name] = key
	}
	return &world{access: a, keys: keys, words: map[string]string{"YOUR_CLIENT_ID": client, "YOUR_CLIENT_SECRET": hidden}}
}

// address is another one for each request, so that failures of one row do not
// limit the next.
func (w *world) address() string {
	w.next++
	return "127.0.1." + strconv.Itoa(w.next%250+1)
}

// said is a request with our host and the row's key and words.
func (w *world) said(r seedRow) string {
	text := r.request
	host := strings.TrimPrefix(w.HTTP, "http://")
	pairs := []string{
		"https://api.bamboosnow.com", w.HTTP, "https://bamboosnow.com", w.HTTP, "http://localhost:8000", w.HTTP, "http://bambuddy:8000", w.HTTP,
		".../api-keys", w.HTTP + "/v1/api-keys", "Host: example.com", "Host: " + host,
	}
	for _, word := range []string{"your-api-key-here", "your-api-key", "bs_live_abc123...", "YOUR_KEY", "abcdef..."} {
		pairs = append(pairs, word, w.keys[r.with])
	}
	for word, value := range w.words {
		pairs = append(pairs, word, value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// ask sends a row's request as it is written, and gives the status and the answer.
func (w *world) ask(t *testing.T, r seedRow) (int, string) {
	t.Helper()
	said := w.said(r)
	switch {
	case r.consent:
		return w.allow(t, said)
	case strings.Contains(said, "curl "):
		return w.shell(t, said)
	case strings.Contains(said, " HTTP/1.1"):
		return w.raw(t, said)
	}
	method, rest, _ := strings.Cut(said, " ")
	path, body, _ := strings.Cut(rest, " ")
	header := "Connection: close\nHost: " + strings.TrimPrefix(w.HTTP, "http://")
	if key := w.keys[r.with]; key != "" {
		header += "\nX-API-Key: " + key
	}
	if body != "" {
		header += "\nContent-Type: application/json\nContent-Length: " + strconv.Itoa(len(body))
	}
	return w.raw(t, fmt.Sprintf("%s %s HTTP/1.1\n%s\n\n%s", method, path, header, body))
}

func (w *world) shell(t *testing.T, command string) (int, string) {
	t.Helper()
	before := "curl() { command curl -s --interface " + w.address() + ` -w '%{stderr}%{http_code}' "$@"; }` + "\n"
	if strings.HasPrefix(command, "NEW_KEY=") {
		command += "\necho \"$NEW_KEY\""
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", before+command)
	var out, status bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &status
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v %s", command, err, status.String())
	}
	code, err := strconv.Atoi(status.String())
	if err != nil {
		t.Fatalf("%s: curl says %q", command, status.String())
	}
	return code, out.String()
}

func (w *world) raw(t *testing.T, request string) (int, string) {
	t.Helper()
	head, body, _ := strings.Cut(strings.TrimRight(request, "\n")+"\n\n", "\n\n")
	request = strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + strings.TrimRight(body, "\n")
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(w.address())}, Timeout: 5 * time.Second}
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(w.HTTP, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s: %v", head, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s: %v", head, err)
	}
	w.described(t, request, response, text)
	for _, name := range []string{"WWW-Authenticate", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"} {
		if value := response.Header.Get(name); value != "" {
			text = fmt.Appendf(text, "\n%s: %s", name, value)
		}
	}
	return response.StatusCode, string(text)
}

// described fails the test when the answer to a raw request is not as described.
func (w *world) described(t *testing.T, request string, response *http.Response, body []byte) {
	t.Helper()
	asked, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
	if err != nil {
		t.Fatal(err)
	}
	d, err := description()
	if err == nil {
		err = d.Check(asked, response.StatusCode, response.Header, body)
	}
	if err != nil {
		t.Error(err)
	}
}

// allow is a person who opens an address of consent, signs in and allows. It
// gives where the person is sent, and keeps the code.
func (w *world) allow(t *testing.T, address string) (int, string) {
	t.Helper()
	jar, _ := cookiejar.New(nil) // without options it cannot fail
	browser := checked(t)
	browser.Jar, browser.CheckRedirect = jar, func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "your-app.com" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	read := func(response *http.Response, err error) (string, *http.Response) {
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text), response
	}
	address = strings.ReplaceAll(address, "\n", "")
	page, _ := read(browser.Get(address))
	if !strings.Contains(page, "/oauth/login") {
		t.Fatalf("no page to sign in: %s", page)
	}
	next, _ := url.Parse(address)
	page, _ = read(browser.PostForm(w.HTTP+"/oauth/login", url.Values{"name": {auth.LocalAdmin}, "password": {adminPassword}, "next": {next.RequestURI()}}))
	form := url.Values{"answer": {"allow"}}
	for _, field := range regexp.MustCompile(`name="(consent|scopes)" value="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		form.Add(field[1], field[2])
	}
	if form.Get("consent") == "" {
		t.Fatalf("no page of consent: %s", page)
	}
	_, response := read(browser.PostForm(w.HTTP+"/oauth/authorize", form))
	where := response.Header.Get("Location")
	back, err := url.Parse(where)
	if err != nil {
		t.Fatal(err)
	}
	w.words["AUTH_CODE"] = back.Query().Get("code")
	return response.StatusCode, where
}

// TestCompatibility_EveryRequestOfTheSeeds sends each row to the demo, in order.
func TestCompatibility_EveryRequestOfTheSeeds(t *testing.T) {
	for _, name := range []string{"sh", "curl", "jq"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
	w := compatible(t)
	for _, r := range seedRows() {
		got, body := w.ask(t, r)
		if got != r.want || !strings.Contains(body, r.holds) {
			t.Errorf("%s, %s, with the key %q: %d, want %d with %q: %.600s", r.seed, r.request, r.with, got, r.want, r.holds, body)
		}
		for word, field := range r.keep {
			var v map[string]any
			if err := json.Unmarshal([]byte(body), &v); err != nil || v[field] == nil {
				t.Errorf("%s: no %s in %.300s", r.request, field, body)
				continue
			}
			w.words[word] = fmt.Sprint(v[field])
		}
	}
	w.limit(t)
	w.callsAndFields(t)
}

// limit uses up what a key of the usual plan may read in a minute. Where a
// hundred requests take longer, it goes on until they do not.
func (w *world) limit(t *testing.T) {
	t.Helper()
	r := seedRow{request: "GET /api/v1/printers", with: "control"}
	var sent []time.Time
	for n := range 1000 {
		sent = append(sent, time.Now())
		got, body := w.ask(t, r)
		switch {
		case got == http.StatusOK && strings.Contains(body, "X-RateLimit-Limit: 100") && (n < 100 || time.Since(sent[n-100]) > time.Minute):
		case n >= 100 && got == http.StatusTooManyRequests && strings.Contains(body, `"error":"rate_limit_exceeded"`) &&
			strings.Contains(body, `"message":"Too many requests"`) && strings.Contains(body, `"retry_after":`):
			return
		default:
			t.Fatalf("request %d: %d %.300s", n+1, got, body)
		}
	}
	t.Fatal("nothing is refused")
}

// TestCompatibility_TheDocumentHoldsTheTables compares docs/compatibility.md
// with the rows that are tested.
func TestCompatibility_TheDocumentHoldsTheTables(t *testing.T) {
	const path = "../docs/compatibility.md"
	want := compatibilityDocument()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s differs from the tables; run go test ./e2e -run Compat -update and look at the difference", path)
	}
}
