package secret_test

import (
	"bytes"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/printwire/printwire/secret"
)

func TestMask_HidesWhatItWasToldOf(t *testing.T) {
	var m secret.Mask
	odd := `a "quoted" päss\word & 100%`
	m.Add("12345678", "1234567890", secret.Text(odd), "", "abc")
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "code", odd)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "code", odd)
	for _, text := range []string{
		"code=12345678 and 1234567890.", "pass " + odd, log.String(), "?p=" + url.QueryEscape(odd), "/" + url.PathEscape(odd),
	} {
		got := m.Hide(text)
		for _, part := range []string{"12345678", "90", "quoted", "word", "sswor"} {
			if strings.Contains(got, part) {
				t.Errorf("%s shows %q", got, part)
			}
		}
	}
	if got := m.Hide("abc stays: it is too short to be told from a word"); !strings.HasPrefix(got, "abc stays") {
		t.Errorf("got %q", got)
	}
}

func TestMask_HidesWhatHasTheFormOfASecret(t *testing.T) {
	var m secret.Mask
	for text, want := range map[string]string{
		"key pw_live_0123456789ABCDEFGHIJabcdefghij0123456789012345678901234 x": "key pw_live_*** x",
		"token pw_at_0123456789ABCDEFGHIJ":                                      "token pw_at_***",
		"key bb_0123456789-_ABCDEFGHIJ":                                         "key bb_***",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw":                                "whsec_***",
		"mqtt://user:pa:ss@broker:1883/x":                                       "mqtt://***@broker:1883/x",
		"GET /api/v1/printers?APIKEY=abc&x=1":                                   "GET /api/v1/printers?APIKEY=***&x=1",
		"Authorization: Bearer abcdefgh.ijkl":                                   "Authorization: Bearer ***",
		"Authorization: Basic YWRtaW46Y2FuYXJ5":                                 "Authorization: Basic ***",
		"-----BEGIN EC PRIVATE KEY-----\nMIGH\n-----END EC PRIVATE KEY----- ok": "*** ok",
		`-----BEGIN PRIVATE KEY-----\nMIGHcut off`:                              "***",
	} {
		if got := m.Hide(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{
		"level=INFO msg=ready http=127.0.0.1:8000 serial=01S00C000000001", "a bearer of news, basic things", "pw_live_…", "user@host", "https://example.org/a@b?x=1",
	} {
		if got := m.Hide(text); got != text {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

func TestMask_ManyAtOnce(t *testing.T) {
	var m secret.Mask
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { // owner: this test waits
			code := secret.Text("canary" + strings.Repeat("x", i))
			for range 50 {
				m.Add(code)
				if got := m.Hide("code=" + code.Reveal()); got != "code=***" {
					t.Errorf("got %q", got)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzMask(f *testing.F) {
	f.Add("12345678", "code=12345678 12345678")
	f.Add(`a"b`, `pw_live_a"b`)
	f.Fuzz(func(t *testing.T, known, text string) {
		var m secret.Mask
		m.Add(secret.Text(known))
		if got := m.Hide(text + known + text); len(known) >= 4 && !strings.Contains("***", known) && strings.Contains(m.Hide(known), known) {
			t.Errorf("%q shows %q: %q", text, known, got)
		}
	})
}

func BenchmarkMask(b *testing.B) {
	var m secret.Mask
	for i := range 100 {
		m.Add(secret.Text(strings.Repeat("x", 8) + strconv.Itoa(i)))
	}
	for b.Loop() {
		m.Hide(`time=2026-11-24T10:35:55.000Z level=INFO msg="connected" component=bridge printer=01S00C000000001 address=192.168.1.50:8883`)
	}
}
