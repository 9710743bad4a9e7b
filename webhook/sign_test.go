package webhook_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/webhook"
)

// got is a request as a receiver got it.
type got struct {
	header http.Header
	body   []byte
}

// receive starts a receiver that keeps what it gets and answers by a handler.
func receive(t *testing.T, answer http.HandlerFunc) (*httptest.Server, chan got) {
	t.Helper()
	requests := make(chan got, 1000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- got{r.Header, body}
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s, requests
}

// tester is an outbox whose endpoints are tried by Test alone.
func tester(t *testing.T, o webhook.Options) *webhook.Outbox {
	t.Helper()
	o.Store = &memory{}
	o.Policy.Loopback = true
	box := webhook.New(o)
	if err := box.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return box
}

func create(t *testing.T, box *webhook.Outbox, e webhook.Endpoint) webhook.Endpoint {
	t.Helper()
	if e.Name == "" {
		e.Name = "Receiver"
	}
	e, err := box.Create(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func verifies(t *testing.T, s secret.Text, g got) error {
	t.Helper()
	v, err := standardwebhooks.NewWebhook(s.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify(g.body, g.header)
}

func TestSignature_TheLibraryAcceptsItOverARotation(t *testing.T) {
	now := time.Now()
	box := tester(t, webhook.Options{Now: func() time.Time { return now }})
	server, requests := receive(t, nil)
	before := create(t, box, webhook.Endpoint{URL: secret.Text(server.URL)})
	try := func() got {
		t.Helper()
		if a, err := box.Test(t.Context(), before.ID); err != nil || a.Status != 200 {
			t.Fatalf("the test gave %+v (%v)", a, err)
		}
		return <-requests
	}
	first := try()
	if err := verifies(t, before.Secret, first); err != nil {
		t.Errorf("before the rotation: %v", err)
	}
	changed := got{first.header, append([]byte{}, first.body...)}
	changed.body[len(changed.body)-3] ^= 1
	if verifies(t, before.Secret, changed) == nil {
		t.Error("a changed byte was accepted")
	}
	after, err := box.Rotate(t.Context(), before.ID)
	if err != nil || after.Secret == before.Secret {
		t.Fatalf("the rotation gave the same secret (%v)", err)
	}
	during := try()
	if err := verifies(t, before.Secret, during); err != nil {
		t.Errorf("during the rotation, with the old secret: %v", err)
	}
	if err := verifies(t, after.Secret, during); err != nil {
		t.Errorf("during the rotation, with the new secret: %v", err)
	}
	// The library knows the present time only: the old secret's end is put into the past instead.
	now = now.Add(25 * time.Hour)
	late := try()
	if list := strings.Fields(late.header.Get("webhook-signature")); len(list) != 1 {
		t.Errorf("a day later there are the signatures %v, want one", list)
	}
	v, err := standardwebhooks.NewWebhook(after.Secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if err := v.VerifyIgnoringTimestamp(late.body, late.header); err != nil {
		t.Errorf("after the rotation, with the new secret: %v", err)
	}
	if other, err := standardwebhooks.NewWebhook(before.Secret.Reveal()); err != nil || other.VerifyIgnoringTimestamp(late.body, late.header) == nil {
		t.Errorf("after the rotation the old secret is good still (%v)", err)
	}
}

func TestSignature_Ed25519(t *testing.T) {
	box := tester(t, webhook.Options{})
	server, requests := receive(t, nil)
	e := create(t, box, webhook.Endpoint{URL: secret.Text(server.URL), Signature: webhook.Ed25519})
	if _, err := box.Test(t.Context(), e.ID); err != nil {
		t.Fatal(err)
	}
	torn := "whsk_" + base64.StdEncoding.EncodeToString(make([]byte, ed25519.PrivateKeySize))
	if _, err := box.Create(t.Context(), webhook.Endpoint{Name: "x", URL: secret.Text(server.URL), Signature: webhook.Ed25519, Secret: secret.Text(torn)}); problem(err, "secret") == "" {
		t.Errorf("two halves that are no pair were saved (%v)", err)
	}
	g := <-requests
	text, ok := strings.CutPrefix(e.PublicKey(), "whpk_")
	key, err := base64.StdEncoding.DecodeString(text)
	signature, isV1a := strings.CutPrefix(g.header.Get("webhook-signature"), "v1a,")
	raw, err2 := base64.StdEncoding.DecodeString(signature)
	if !ok || !isV1a || err != nil || err2 != nil || len(key) != ed25519.PublicKeySize {
		t.Fatalf("the key is %q, the signature %q", e.PublicKey(), g.header.Get("webhook-signature"))
	}
	signed := g.header.Get("webhook-id") + "." + g.header.Get("webhook-timestamp") + "." + string(g.body)
	if !ed25519.Verify(key, []byte(signed), raw) {
		t.Error("the signature does not fit the public key")
	}
	if ed25519.Verify(key, []byte(signed+" "), raw) {
		t.Error("a changed body was accepted")
	}
}

func TestSignature_Hub(t *testing.T) {
	box := tester(t, webhook.Options{Version: "1.2"})
	server, requests := receive(t, nil)
	s := secret.Text("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	e := create(t, box, webhook.Endpoint{URL: secret.Text(server.URL), HubSignature: true, Secret: s, Headers: map[string]secret.Text{"X-Mine": "yes"}})
	if _, err := box.Test(t.Context(), e.ID); err != nil {
		t.Fatal(err)
	}
	g := <-requests
	h := hmac.New(sha256.New, []byte(s.Reveal()))
	h.Write(g.body)
	if want := "sha256=" + hex.EncodeToString(h.Sum(nil)); g.header.Get("X-Hub-Signature-256") != want {
		t.Errorf("the signature is %s, want %s", g.header.Get("X-Hub-Signature-256"), want)
	}
	if g.header.Get("X-Mine") != "yes" || g.header.Get("User-Agent") != "Printwire/1.2" || g.header.Get("Content-Type") != "application/json" {
		t.Errorf("the headers are %v", g.header)
	}
}
