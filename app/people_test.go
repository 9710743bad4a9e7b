package app_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/printwire/printwire/logbook"
)

// login sends the form of the sign-in page.
func (r *running) login(name, password string) *http.Response {
	r.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return fetch(r.t, client, http.MethodPost, "http://"+r.ready.HTTP+"/oauth/login", url.Values{"name": {name}, "password": {password}})
}

func TestApp_PeopleOfHomeAssistantSignInWithTheirPassword(t *testing.T) {
	ha := &supervisor{offered: make(chan map[string]any, 9)}
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/auth" {
			ha.ServeHTTP(w, r)
			return
		}
		asked.Add(1)
		var body map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body["username"] != "anna" || body["password"] != "right" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"result": "ok", "data": map[string]any{}})
	}))
	defer server.Close()
	o := options(local(), t.TempDir())
	o.Token, o.SupervisorURL = "token", server.URL
	r := begin(t, o)
	for _, c := range []struct {
		name, password string
		code           int
	}{
		{"Anna ", "right", http.StatusSeeOther}, {"anna", "wrong", http.StatusUnauthorized}, {"otto", "right", http.StatusUnauthorized},
		{strings.Repeat("a", 61), "right", http.StatusUnauthorized}, {"admin", "right", http.StatusUnauthorized},
	} {
		if got := r.login(c.name, c.password); got.StatusCode != c.code || (len(got.Cookies()) == 1) != (c.code == http.StatusSeeOther) {
			t.Errorf("%q: %s", c.name, got.Status)
		}
	}
	if asked.Load() != 4 {
		t.Errorf("Home Assistant was asked %d times", asked.Load())
	}
	// Whoever wants all rights there is has the local administrator.
	if got := r.login("admin", administrator(t, o.Data)); got.StatusCode != http.StatusSeeOther {
		t.Errorf("the administrator: %s", got.Status)
	}
}

func TestApp_TheFirstAdministrator(t *testing.T) {
	var log shared
	book := logbook.New(&log)
	o := options(local(), t.TempDir())
	o.Log, o.Book = book.Logger("text", o.Level), book
	first := begin(t, o)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "printwire admin"); n != 1 {
		t.Errorf("the first start tells %d times how to sign in:\n%s", n, log.String())
	}
	second := begin(t, o)
	if n := strings.Count(log.String(), "printwire admin"); n != 1 {
		t.Errorf("the second start tells it again:\n%s", log.String())
	}
	if got := second.login("admin", ""); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("an empty password: %s", got.Status)
	}
	password := administrator(t, o.Data)
	if got := second.login("admin", password); got.StatusCode != http.StatusSeeOther || password == "" {
		t.Errorf("after \"printwire admin\": %s", got.Status)
	}
	if strings.Contains(log.String(), password) {
		t.Errorf("the log tells the password:\n%s", log.String())
	}
}
