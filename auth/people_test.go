package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

func TestAuth_Ticket(t *testing.T) {
	r := open(t, nil, nil)
	text, key := create(t, r, auth.NewKey{})
	id, err := check(r, text)
	if err != nil {
		t.Fatal(err)
	}
	make1 := func() secret.Text {
		t.Helper()
		ticket, until, err := r.Ticket(id)
		if err != nil || until.Sub(r.clock.Now()) != 30*time.Second {
			t.Fatalf("Ticket = %v, %v", until, err)
		}
		return ticket
	}
	ticket := make1()
	if got, err := r.Redeem(ticket, ""); err != nil || got.KeyID != key.ID {
		t.Errorf("Redeem = %+v, %v", got, err)
	}
	if _, err := r.Redeem(ticket, ""); auth.ReasonOf(err) != auth.Unknown {
		t.Errorf("twice: %v", err)
	}
	late := make1()
	r.clock.add(30 * time.Second)
	if _, err := r.Redeem(late, ""); auth.ReasonOf(err) != auth.Unknown {
		t.Errorf("too late: %v", err)
	}
	gone := make1()
	must[auth.Key](t)(r.RevokeKey(key.ID, "me", ""))
	if _, err := r.Redeem(gone, ""); auth.ReasonOf(err) != auth.Revoked {
		t.Errorf("of a revoked key: %v", err)
	}
	if _, err := r.Check(auth.Credential{Text: make1()}); err == nil {
		t.Error("a ticket is taken as a key")
	}
	t.Run("it opens nothing where its key would not", func(t *testing.T) {
		text, key := create(t, r, auth.NewKey{Addresses: []string{"192.168.1.0/24"}})
		id, err := check(r, text)
		if err != nil {
			t.Fatal(err)
		}
		ticket, _, err := r.Ticket(id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Redeem(ticket, "10.0.0.1:5"); auth.ReasonOf(err) != auth.Elsewhere {
			t.Errorf("from elsewhere: %v", err)
		}
		ticket, _, err = r.Ticket(id)
		if err != nil {
			t.Fatal(err)
		}
		later := r.clock.Now().Add(time.Hour)
		if _, err := r.EditKey(key.ID, auth.KeyEdit{NotBefore: &later}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Redeem(ticket, "192.168.1.7:5"); auth.ReasonOf(err) != auth.Expired {
			t.Errorf("of a key whose time has not begun: %v", err)
		}
	})
	t.Run("one key opens so many", func(t *testing.T) {
		var err error
		for range 40 {
			_, _, err = r.Ticket(id)
		}
		if auth.ReasonOf(err) != auth.Limited {
			t.Errorf("the 40th: %v", err)
		}
	})
}

func TestAuth_SignIn(t *testing.T) {
	ctx := context.Background()
	r := open(t, nil, func(o *auth.Options) {
		o.Person = func(_ context.Context, name string, password secret.Text) (auth.Identity, error) {
			if name == "anna" && password.Reveal() == "right" {
				return auth.Person("anna-id", "Anna"), nil
			}
			return auth.Identity{}, fault.New(fault.Denied, "no")
		}
	})
	password := must[secret.Text](t)(r.FirstAdmin())
	if again, err := r.FirstAdmin(); err != nil || again != "" || len(password.Reveal()) != 24 {
		t.Errorf("FirstAdmin again = %v, %v", again, err)
	}
	for key, value := range r.store.copy() {
		if strings.Contains(string(value), password.Reveal()) {
			t.Errorf("%s holds the password", key)
		}
	}
	sign := func(name string, password secret.Text) (secret.Text, error) {
		cookie, _, err := r.SignIn(ctx, auth.SignIn{Name: name, Password: password, Remote: "10.0.0.1", Agent: "Browser"})
		return cookie, err
	}
	cookie := must[secret.Text](t)(sign("admin", password))
	if id, err := r.Session(cookie); err != nil || id.Owner != auth.LocalOwner || !id.Has(auth.Admin) || id.KeyID != "" {
		t.Errorf("Session = %+v, %v", id, err)
	}
	anna := must[secret.Text](t)(sign("anna", "right"))
	if id, err := r.Session(anna); err != nil || id.Owner != "anna-id" {
		t.Errorf("Session = %+v, %v", id, err)
	}
	if _, err := r.Check(auth.Credential{Text: cookie}); err == nil {
		t.Error("a cookie is taken as a key")
	}
	t.Run("sessions end", func(t *testing.T) {
		r.EndSession(anna)
		if _, err := r.Session(anna); auth.ReasonOf(err) != auth.Unknown {
			t.Errorf("after EndSession: %v", err)
		}
		if err := r.SetAdmin("long enough"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Session(cookie); auth.ReasonOf(err) != auth.Unknown {
			t.Errorf("after another password: %v", err)
		}
		cookie := must[secret.Text](t)(sign("admin", "long enough"))
		r.clock.add(12 * time.Hour)
		if _, err := r.Session(cookie); auth.ReasonOf(err) != auth.Expired {
			t.Errorf("after 12 h: %v", err)
		}
	})
	t.Run("short passwords and keys are none", func(t *testing.T) {
		for _, p := range []secret.Text{"", "short", "pw_live_and_more"} {
			if err := r.SetAdmin(p); !fault.Is(err, fault.Invalid) {
				t.Errorf("SetAdmin(%q) = %v", p.Reveal(), err)
			}
		}
	})
	t.Run("failures are limited, and so is the right password then", func(t *testing.T) {
		for range 10 {
			if _, err := sign("admin", "wrong"); auth.ReasonOf(err) != auth.Unknown {
				t.Fatal(err)
			}
		}
		if _, err := sign("admin", "long enough"); auth.ReasonOf(err) != auth.Limited {
			t.Errorf("SignIn = %v", err)
		}
		if page, _ := r.Audit().List(auth.AuditFilter{Act: auth.BadCredentials}); len(page) != 1 || page[0].From != "10.0.0.1" {
			t.Errorf("audit %+v", page)
		}
	})
	t.Run("another start knows the password", func(t *testing.T) {
		again := open(t, r.store, nil)
		if _, _, err := again.SignIn(ctx, auth.SignIn{Name: "admin", Password: "long enough"}); err != nil {
			t.Error(err)
		}
	})
}

func TestAudit_Acts(t *testing.T) {
	r := open(t, nil, nil)
	text, key := create(t, r, auth.NewKey{Owner: "anna"})
	must[auth.Key](t)(r.EditKey(key.ID, auth.KeyEdit{Terms: ptr([]string{"read", "queue:write"}), From: "10.0.0.3"}))
	fresh, _, err := r.RotateKey(key.ID, auth.Rotation{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, remote := range []string{"10.0.0.1:1", "10.0.0.2:7", "10.0.0.1:2"} {
			if _, err := r.Check(auth.Credential{Text: fresh, Remote: remote, Agent: "curl"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	must[auth.Key](t)(r.RevokeKey(key.ID, "boss", "lost"))
	page, next := r.Audit().List(auth.AuditFilter{Key: key.ID})
	var acts []string
	for _, e := range page {
		acts = append(acts, string(e.Act))
	}
	want := "key.revoke key.address key.address key.rotate key.scope key.create"
	if got := strings.Join(acts, " "); got != want || next != 0 {
		t.Errorf("acts %s, want %s", got, want)
	}
	if page[0].By != "boss" || page[0].Detail != "lost" || page[4].From != "10.0.0.3" {
		t.Errorf("entries %+v", page)
	}
	for k, v := range r.store.copy() {
		if strings.Contains(string(v), text.Reveal()) || strings.Contains(string(v), fresh.Reveal()) {
			t.Errorf("%s holds a secret", k)
		}
	}
}

func TestAudit_Ring(t *testing.T) {
	store, c := &memory{}, newClock()
	a := auth.NewAudit(store, c.Now)
	for range 12_345 {
		a.Record(auth.AuditEntry{Act: "printers.control", Name: "x\ny", Detail: "key pw_live_" + strings.Repeat("x", 49)})
	}
	store.breakDown(errDisk)
	if err := a.Commit(nil, auth.AuditEntry{Act: auth.KeyCreated}); !errors.Is(err, errDisk) {
		t.Errorf("Commit = %v", err)
	}
	if page, _ := a.List(auth.AuditFilter{Act: "key."}); len(page) != 0 {
		t.Errorf("an act that did not happen: %v", page)
	}
	store.breakDown(nil)
	writes := store.writes()
	if err := a.Commit(nil); err != nil || store.writes() != writes+1 || len(store.copy()) != 10_000 {
		t.Errorf("Commit = %v, %d writes, %d kept", err, store.writes()-writes, len(store.copy()))
	}
	b := auth.NewAudit(store, c.Now)
	if err := b.Load(); err != nil {
		t.Fatal(err)
	}
	for _, audit := range []*auth.Audit{a, b} {
		seen, before := 0, uint64(0)
		for {
			page, next := audit.List(auth.AuditFilter{Before: before, Limit: 400})
			for _, e := range page {
				if before != 0 && e.Seq >= before || strings.Contains(e.Detail, "pw_live") || strings.Contains(e.Name, "\n") {
					t.Fatalf("entry %+v before %d", e, before)
				}
				before = e.Seq
			}
			seen += len(page)
			if next == 0 {
				break
			}
		}
		if seen != 10_000 || before != 2346 {
			t.Errorf("%d entries, the oldest %d", seen, before)
		}
	}
	b.Record(auth.AuditEntry{Act: "x"})
	if page, _ := b.List(auth.AuditFilter{Limit: 1}); page[0].Seq <= 12_345 {
		t.Errorf("a number is used again: %d", page[0].Seq)
	}
}
