package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/secret"
)

// tokens are an OAuth client's.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// exchange asks for tokens at a world's address.
func (w *world) exchange(t *testing.T, form url.Values) tokens {
	t.Helper()
	form.Set("client_id", w.words["YOUR_CLIENT_ID"])
	form.Set("client_secret", w.words["YOUR_CLIENT_SECRET"])
	response, err := http.PostForm(w.HTTP+"/oauth/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	var got tokens
	if err != nil || response.StatusCode != http.StatusOK || json.Unmarshal(body, &got) != nil || got.Access == "" {
		t.Fatalf("tokens for %s: %d %s (%v)", form.Get("grant_type"), response.StatusCode, body, err)
	}
	return got
}

// consent is a person who signs in and lets the client in.
func (w *world) consent(t *testing.T) tokens {
	t.Helper()
	query := url.Values{
		"client_id": {w.words["YOUR_CLIENT_ID"]}, "redirect_uri": {"https://your-app.com/callback"},
		"scope": {"read"}, "state": {"s"}, "response_type": {"code"},
	}
	if status, where := w.allow(t, w.HTTP+"/oauth/authorize?"+query.Encode()); status != http.StatusFound {
		t.Fatalf("after the consent: %d %s", status, where)
	}
	return w.exchange(t, url.Values{
		"grant_type": {"authorization_code"}, "code": {w.words["AUTH_CODE"]}, "redirect_uri": {"https://your-app.com/callback"},
	})
}

// place is where the program runs, and what stays when it moves.
type place struct {
	world
	t *testing.T
	h *house
}

// bearer asks with an access token and gives the status.
func (p *place) bearer(token string) int {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.HTTP+"/api/v1/printers", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// ids are the printers' numbers and serials, as the API gives them.
func (p *place) ids() string {
	p.t.Helper()
	var rows []struct {
		ID     int    `json:"id"`
		Serial string `json:"serial_number"`
	}
	if err := json.Unmarshal([]byte(p.get(p.t, "/api/v1/printers", p.keys["maker"], http.StatusOK)), &rows); err != nil {
		p.t.Fatal(err)
	}
	var list []string
	for _, r := range rows {
		list = append(list, strconv.Itoa(r.ID)+" "+r.Serial)
	}
	return strings.Join(list, ", ")
}

// prints are the prints that ended, by number: job, printer and result.
func (p *place) prints() map[int]string {
	p.t.Helper()
	var rows []struct {
		ID     int
		Job    string `json:"job_id"`
		Serial string `json:"serial_number"`
		Start  string `json:"started_at"`
		Status string
	}
	if err := json.Unmarshal([]byte(p.get(p.t, "/api/v1/archives?limit=1000", p.keys["maker"], http.StatusOK)), &rows); err != nil {
		p.t.Fatal(err)
	}
	ended := map[int]string{}
	for _, r := range rows {
		if r.Status != "printing" {
			ended[r.ID] = strings.Join([]string{r.Job, r.Serial, r.Start, r.Status}, " ")
		}
	}
	return ended
}

// retained is what a new client of the broker is told: the unique ids of all
// announced entities, and the topics of values, all sorted.
func (p *place) retained() []string {
	p.t.Helper()
	told := make(chan [2]string, 10_000)
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	link, err := client.Dial(ctx, client.LinkOptions{
		Address: p.MQTT.Host + ":" + strconv.Itoa(p.MQTT.Port), User: p.MQTT.Username, Password: secret.Text(p.MQTT.Password), ClientID: "looks",
		Subscribe: []string{"homeassistant/#", "printwire/+/activity", "printwire/+/job_name", "printwire/status"},
		OnMessage: func(topic string, payload []byte) { told <- [2]string{topic, string(payload)} },
	})
	if err != nil {
		p.t.Fatal(err)
	}
	defer link.Close()
	seen := map[string]bool{}
	quiet := time.NewTimer(time.Second)
	for {
		select {
		case m := <-told:
			quiet.Reset(time.Second)
			seen[m[0]] = true
			var device struct {
				Components map[string]struct {
					ID string `json:"unique_id"`
				} `json:"components"`
			}
			if json.Unmarshal([]byte(m[1]), &device) == nil {
				for _, c := range device.Components {
					seen[c.ID] = true
				}
			}
		case <-quiet.C:
			var list []string
			for s := range seen {
				list = append(list, s)
			}
			slices.Sort(list)
			return list
		}
	}
}

// copyFolder copies the files of a folder, as a person would who moves it.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == from {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case entry.IsDir():
			return os.Mkdir(target, 0o700)
		case !entry.Type().IsRegular():
			t.Errorf("%s is no file and is left in the folder", path)
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestMove carries the data folder to another path and another address, as to
// another machine. The first folder is gone then.
func TestMove(t *testing.T) {
	t.Parallel()
	added, listed := newFake(t, "A1", "03900A000000021"), newFake(t, "X1C", "00M00A000000022")
	added.on("--speed", "300")
	listed.on("--speed", "300")
	h := newHouse(t, plain+"printers:\n"+listed.yaml("Listed", "pin"))
	p := &place{t: t, h: h, world: world{keys: map[string]string{}}}
	client, hidden := prepare(t, h.data, p.keys)
	p.words = map[string]string{"YOUR_CLIENT_ID": client, "YOUR_CLIENT_SECRET": hidden}
	first := h.serve()
	p.access = h.access
	h.must(append([]string{"printers", "add", "--name", "Added"}, added.flags()...)...)
	made, letIn := h.key("read"), p.consent(t)
	eventually(t, "both printers print, and a print has ended", patience, func() (bool, string) {
		on, ended := h.printers(), p.prints()
		return on[added.serial].Activity == "printing" && on[listed.serial].Activity == "printing" && len(ended) > 0, p.ids()
	})
	ids, prints, retained := p.ids(), p.prints(), p.retained()
	first.stop()

	there := t.TempDir()
	copyFolder(t, h.data, there)
	if err := os.RemoveAll(h.data); err != nil {
		t.Fatal(err)
	}
	h.data = there
	web, mqtt := "127.0.0.2:"+strconv.Itoa(freePort(t)), "127.0.0.2:"+strconv.Itoa(freePort(t))
	second := start(t, "serve", "--data", there, "--http", web, "--mqtt", mqtt)
	second.out.wait(t, "msg=ready", patience)
	p.HTTP = "http://" + web
	p.MQTT.Host, _, _ = strings.Cut(mqtt, ":")
	p.MQTT.Port, _ = strconv.Atoi(mqtt[strings.LastIndex(mqtt, ":")+1:])
	h.access = p.access

	p.same(ids, prints, retained)
	if status, body := h.get("/api/v1/printers", made); status != http.StatusOK {
		t.Errorf("a key of the first place: %d %s", status, body)
	}
	if status, body := h.get("/api/v1/printers", p.keys["withdrawn"]); status != http.StatusUnauthorized || !strings.Contains(body, "REVOKED_API_KEY") {
		t.Errorf("a key that was withdrawn at the first place: %d %s", status, body)
	}
	if status := p.bearer(letIn.Access); status != http.StatusOK {
		t.Errorf("an access token of the first place: %d", status)
	}
	next := p.exchange(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {letIn.Refresh}})
	if again := p.consent(t); p.bearer(next.Access) != http.StatusOK || p.bearer(again.Access) != http.StatusOK {
		t.Error("tokens that were made at the second place do not open it")
	}
	p.pinned(added, listed)
}

// same wants what the first place had.
func (p *place) same(ids string, prints map[int]string, retained []string) {
	p.t.Helper()
	if got := p.ids(); got != ids {
		p.t.Errorf("the printers are %s, they were %s", got, ids)
	}
	now := p.prints()
	for id, was := range prints {
		if now[id] != was {
			p.t.Errorf("print %d is %q, it was %q", id, now[id], was)
		}
	}
	eventually(p.t, "a new client is told what it was told before", patience, func() (bool, string) {
		got := p.retained()
		for _, was := range retained {
			if !slices.Contains(got, was) {
				return false, "nothing of " + was
			}
		}
		return true, ""
	})
	if len(retained) < 50 {
		p.t.Errorf("only %d topics and unique ids were told at the first place: %q", len(retained), retained)
	}
}

// pinned wants the printers online with the certificates that they had, and
// offline with others.
func (p *place) pinned(fakes ...*fake) {
	p.t.Helper()
	state := func(f *fake) printerRow { return p.h.printers()[f.serial] }
	for _, f := range fakes {
		eventually(p.t, f.serial+" is online", patience, func() (bool, string) {
			return state(f).Activity != "offline", state(f).Activity
		})
	}
	for _, f := range fakes {
		f.off()
		f.on()
	}
	for _, f := range fakes {
		eventually(p.t, "another certificate is refused", patience, func() (bool, string) {
			row := state(f)
			return row.Activity == "offline" && strings.Contains(row.Problem, "certificate"), row.Activity + " " + row.Problem
		})
	}
}
