package e2e_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestCommandLine_ClientsAndAdministrator(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain)
	h.serve()
	made := h.must("oauth", "create", "--name", "Dashboard", "--redirect", "https://dash.example/callback", "--scope", "printers:read", "--confidential")
	lines := strings.Split(strings.TrimSpace(made), "\n")
	if secret := lines[len(lines)-1]; !strings.HasPrefix(secret, "pw_cs_") {
		t.Errorf("the last line is %q, want the secret alone", secret)
	}
	var clients []struct {
		ID        string   `json:"client_id"`
		Redirects []string `json:"redirect_uris"`
		Secret    string   `json:"client_secret"`
	}
	h.ask(&clients, "oauth", "list")
	if len(clients) != 1 || clients[0].Redirects[0] != "https://dash.example/callback" || clients[0].Secret != "" {
		t.Fatalf("clients: %+v", clients)
	}
	var preset struct {
		ID     string `json:"client_id"`
		Scopes []string
	}
	h.ask(&preset, "oauth", "create", "--name", "Panel", "--redirect", "https://panel.example/", "--scope", "control")
	if !slices.Contains(preset.Scopes, "printers:control") || !slices.Contains(preset.Scopes, "printers:read") {
		t.Errorf("the preset control gives %v", preset.Scopes)
	}
	h.must("oauth", "delete", preset.ID)
	if out, err := h.run("oauth", "create", "--name", "Bad", "--redirect", "https://dash.example/", "--scope", "reed"); code(err) != 2 || !strings.Contains(out, "presets are read, control") {
		t.Errorf("a scope: exit %d, %s", code(err), out)
	}
	if out, err := h.run("oauth", "create", "--name", "Bad", "--redirect", "http://dash.example/callback"); err == nil || !strings.Contains(out, "redirect") {
		t.Errorf("a redirect over plain http: %v, %s", err, out)
	}
	admin := strings.Split(strings.TrimSpace(h.must("admin")), "\n")
	again := strings.Split(strings.TrimSpace(h.must("admin")), "\n")
	if len(admin) != 2 || len(admin[1]) < 16 || admin[1] == again[1] {
		t.Errorf("the administrator's passwords: %q, then %q", admin, again)
	}
	query := url.Values{"response_type": {"code"}, "client_id": {clients[0].ID}, "redirect_uri": {"https://dash.example/callback"}, "state": {"s"},
		"scope": {"printers:read"}, "code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"}}
	if status, body := h.get("/oauth/authorize?"+query.Encode(), ""); status != http.StatusOK || !strings.Contains(body, "<form") {
		t.Errorf("the page that asks for a sign-in: %d, %.300s", status, body)
	}
	h.must("oauth", "delete", clients[0].ID)
	h.ask(&clients, "oauth", "list")
	if len(clients) != 0 {
		t.Errorf("after the deletion: %+v", clients)
	}
}
