package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/httpapi"
)

func TestAPI_OctoPrintFiles(t *testing.T) {
	f := newFixture(t)
	good, priceOnly := f.reader(), f.key([]string{"tariff:write"})
	make := func(n auth.NewKey) (string, string) {
		text, k, err := f.auth.CreateKey(n)
		if err != nil {
			t.Fatal(err)
		}
		return text.Reveal(), k.ID
	}
	revoked, id := make(auth.NewKey{Name: "gone"})
	if _, err := f.auth.RevokeKey(id, "test", ""); err != nil {
		t.Fatal(err)
	}
	expired, _ := make(auth.NewKey{Name: "short", Expires: f.now.Add(time.Hour)})
	elsewhere, _ := make(auth.NewKey{Name: "far", Addresses: []string{"203.0.113.0/24"}})
	f.now = f.now.Add(2 * time.Hour)
	for _, c := range []struct {
		name, target string
		header       []string
		code         int
	}{
		{"a key in the header", "/api/files", []string{"X-Api-Key", good}, 200},
		{"a key in the URL", "/api/files?apikey=" + good, nil, 200},
		{"a bearer", "/api/files", []string{"Authorization", "Bearer " + good}, 200},
		{"a local storage, recursively", "/api/files/local/?recursive=true", []string{"X-Api-Key", good}, 200},
		{"the URL's key before the header's", "/api/files?apikey=" + good, []string{"X-Api-Key", "abcdef", "Authorization", "Bearer abc"}, 200},
		{"the header's key before the bearer", "/api/files", []string{"X-Api-Key", good, "Authorization", "Bearer abc"}, 200},
		{"the URL's key is wrong, the header's good", "/api/files?apikey=abcdef", []string{"X-Api-Key", good}, 401},
		{"an empty header beside a bearer", "/api/files", []string{"X-Api-Key", "", "Authorization", "Bearer " + good}, 200},
		{"no key", "/api/files", nil, 401},
		{"an unknown key", "/api/files", []string{"X-Api-Key", "abcdef..."}, 401},
		{"an unknown key in the URL", "/api/files?apikey=abcdef...", nil, 401},
		{"a revoked key", "/api/files", []string{"X-Api-Key", revoked}, 403},
		{"a revoked key in the URL", "/api/files/?apikey=" + revoked, nil, 403},
		{"an expired key", "/api/files", []string{"X-Api-Key", expired}, 403},
		{"a key for another network", "/api/files", []string{"X-Api-Key", elsewhere}, 403},
		{"a key without the scope", "/api/files", []string{"X-Api-Key", priceOnly}, 403},
		{"a key in the URL from a public address", "/api/files?apikey=" + good, []string{"Remote", "203.0.113.9:1"}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := f.request(http.MethodGet, c.target, "", c.header...)
			if got.code != c.code || got.header.Get("Content-Type") != "application/json" {
				t.Fatalf("%d %s, want %d: %s", got.code, got.header.Get("Content-Type"), c.code, got.body)
			}
			body := got.object(t)
			switch c.code {
			case 200:
				if files, ok := body["files"].([]any); !ok || len(files) != 0 {
					t.Errorf("files is %v", body["files"])
				}
			default:
				if text, ok := body["error"].(string); !ok || text == "" || len(body) != 1 {
					t.Errorf("the body is %s; want a sentence under error alone", got.body)
				}
			}
			if challenge := got.header.Get("WWW-Authenticate"); c.code == 401 && challenge == "" {
				t.Error("401 without WWW-Authenticate")
			}
		})
	}
}

func TestAPI_OctoPrintKeysAreNeverTakenWhereTheyAreNotAllowed(t *testing.T) {
	f := newFixture(t)
	f.opts.QueryKey = "never"
	h, err := httpapi.New(f.opts)
	if err != nil {
		t.Fatal(err)
	}
	f.handler = h
	key := f.reader()
	if got := f.request(http.MethodGet, "/api/files?apikey="+key, ""); got.code != http.StatusUnauthorized {
		t.Errorf("a key in the URL: %d", got.code)
	}
	if got := f.request(http.MethodGet, "/api/files?apikey=abc", "", "X-Api-Key", key); got.code != http.StatusOK {
		t.Errorf("a key in the header beside one in the URL that is not taken: %d", got.code)
	}
}
