package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

func create(t testing.TB, r *rig, n auth.NewKey) (secret.Text, auth.Key) {
	t.Helper()
	if n.Name == "" {
		n.Name = "test"
	}
	text, key, err := r.CreateKey(n)
	if err != nil {
		t.Fatal(err)
	}
	return text, key
}

func check(r *rig, key secret.Text) (auth.Identity, error) {
	return r.Check(auth.Credential{Text: key, Remote: "192.168.1.5:4711", Agent: "curl"})
}

func TestAuth_CreateKey(t *testing.T) {
	r := open(t, nil, nil)
	text, key := create(t, r, auth.NewKey{Name: " Dashboard ", Terms: []string{"read_only"}, Printers: []int{1, 2}})
	id, err := check(r, text)
	switch {
	case err != nil:
		t.Fatal(err)
	case id.KeyID != key.ID || id.Name != "Dashboard" || !strings.HasPrefix(key.ID, "key_01TEST"):
		t.Errorf("identity %+v of %+v", id, key)
	case !id.Has(auth.PrintersRead) || id.Has(auth.PrintersControl) || id.MayPrinter(3) || !id.MayPrinter(2):
		t.Error("the rights are others")
	}

	t.Run("the key itself is kept nowhere", func(t *testing.T) {
		for k, v := range r.store.copy() {
			if strings.Contains(string(v), text.Reveal()) || strings.Contains(string(v), text.Reveal()[8:51]) {
				t.Errorf("%s holds the key", k)
			}
		}
		if s := fmt.Sprintf("%v %+v %#v", text, r.Keys(), text); strings.Contains(s, text.Reveal()) {
			t.Error("the key is printed")
		}
	})
	t.Run("another start knows it", func(t *testing.T) {
		if id, err := check(open(t, r.store, nil), text); err != nil || id.KeyID != key.ID {
			t.Errorf("Check = %v, %v", id, err)
		}
	})
	t.Run("nothing asked for is read", func(t *testing.T) {
		text, _ := create(t, r, auth.NewKey{})
		if id, err := check(r, text); err != nil || !id.Has(auth.PrintersRead) || id.MayChange() {
			t.Errorf("Check = %v, %v", id, err)
		}
	})
	t.Run("a key without scopes is somebody who may nothing", func(t *testing.T) {
		text, _ := create(t, r, auth.NewKey{Terms: []string{}})
		if id, err := check(r, text); err != nil || len(id.Scopes()) != 0 {
			t.Errorf("Check = %v, %v", id, err)
		}
	})
	t.Run("a test key says so", func(t *testing.T) {
		text, key := create(t, r, auth.NewKey{Test: true})
		if id, err := check(r, text); err != nil || !id.Test || !strings.HasPrefix(key.Masked, "pw_test_") {
			t.Errorf("Check = %v, %v; %s", id, err, key.Masked)
		}
	})
	t.Run("a store that fails makes no key", func(t *testing.T) {
		before := len(r.Keys())
		r.store.breakDown(errDisk)
		defer r.store.breakDown(nil)
		if text, _, err := r.CreateKey(auth.NewKey{Name: "x"}); !errors.Is(err, errDisk) || text != "" || len(r.Keys()) != before {
			t.Errorf("CreateKey = %v, %d keys", err, len(r.Keys()))
		}
	})
}

func TestAuth_CreateKeyInvalid(t *testing.T) {
	r := open(t, nil, nil)
	now := r.clock.Now()
	reader := auth.NewIdentity("reader", list("printers:read keys:write"), []int{1})
	admin := auth.NewIdentity("boss", list("printers:read"), nil)
	for _, c := range []struct {
		name  string
		key   auth.NewKey
		kind  fault.Kind
		field string
	}{
		{"no name", auth.NewKey{Name: " "}, fault.Invalid, "name"},
		{"a name of 65", auth.NewKey{Name: strings.Repeat("x", 65)}, fault.Invalid, "name"},
		{"a name with a line", auth.NewKey{Name: "a\nb"}, fault.Invalid, "name"},
		{"a name that is not text", auth.NewKey{Name: "\xff"}, fault.Invalid, "name"},
		{"unknown scopes", auth.NewKey{Name: "x", Terms: []string{"fly"}}, fault.Invalid, "scopes"},
		{"an empty list of printers", auth.NewKey{Name: "x", Printers: []int{}}, fault.Invalid, "printers"},
		{"printer 0", auth.NewKey{Name: "x", Printers: []int{0}}, fault.Invalid, "printers"},
		{"an end in the past", auth.NewKey{Name: "x", Expires: now}, fault.Invalid, "expires_at"},
		{"an end before the beginning", auth.NewKey{Name: "x", Expires: now.Add(time.Hour), NotBefore: now.Add(2 * time.Hour)}, fault.Invalid, "expires_at"},
		{"cloud without an owner", auth.NewKey{Name: "x", Terms: []string{"cloud:read"}}, fault.Invalid, "scopes"},
		{"a key that gives what it has not", auth.NewKey{Name: "x", Terms: []string{"printers:control"}, Printers: []int{1}, By: &reader}, fault.Denied, ""},
		{"a key that gives all printers", auth.NewKey{Name: "x", Terms: []string{"printers:read"}, By: &reader}, fault.Denied, ""},
		{"a key that gives another printer", auth.NewKey{Name: "x", Terms: []string{"printers:read"}, Printers: []int{2}, By: &reader}, fault.Denied, ""},
		{"a key without keys:write", auth.NewKey{Name: "x", Terms: []string{"printers:read"}, By: &admin}, fault.Denied, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := r.CreateKey(c.key)
			var f *fault.Error
			if err == nil || fault.KindOf(err) != c.kind || errors.As(err, &f) && f.Field != c.field {
				t.Errorf("CreateKey = %v, want %s at %q", err, c.kind, c.field)
			}
		})
	}
	t.Run("a key may give what it has", func(t *testing.T) {
		if _, _, err := r.CreateKey(auth.NewKey{Name: "x", Terms: []string{"printers:read"}, Printers: []int{1}, By: &reader}); err != nil {
			t.Error(err)
		}
	})
	t.Run("cloud with an owner, but without authentication", func(t *testing.T) {
		off := open(t, nil, func(o *auth.Options) { o.AuthOff = true })
		n := auth.NewKey{Name: "x", Owner: "anna", Terms: []string{"cloud:read"}}
		if _, _, err := off.CreateKey(n); !fault.Is(err, fault.Invalid) {
			t.Errorf("CreateKey = %v", err)
		}
		if _, _, err := r.CreateKey(n); err != nil {
			t.Error(err)
		}
	})
}

func TestAuth_Check(t *testing.T) {
	r := open(t, nil, nil)
	good, _ := create(t, r, auth.NewKey{})
	now := r.clock.Now()
	later, _ := create(t, r, auth.NewKey{NotBefore: now.Add(time.Hour), Expires: now.Add(2 * time.Hour)})
	gone, key := create(t, r, auth.NewKey{})
	must[auth.Key](t)(r.RevokeKey(key.ID, "me", "test"))
	stranger, _ := create(t, open(t, nil, nil), auth.NewKey{})
	for _, c := range []struct {
		name                  string
		text                  secret.Text
		reason                auth.Reason
		header, bearer, token string
	}{
		{"none", "", auth.Missing, "MISSING_API_KEY", "MISSING_API_KEY", "MISSING_API_KEY"},
		{"rubbish", "bb_abc", auth.Malformed, "INVALID_API_KEY", "INVALID_KEY", "INVALID_TOKEN"},
		{"a wrong checksum", good[:len(good)-1] + "!", auth.Malformed, "INVALID_API_KEY", "INVALID_KEY", "INVALID_TOKEN"},
		{"another installation's", stranger, auth.Unknown, "INVALID_API_KEY", "INVALID_KEY", "INVALID_TOKEN"},
		{"revoked", gone, auth.Revoked, "REVOKED_API_KEY", "REVOKED_KEY", "INVALID_TOKEN"},
		{"not yet", later, auth.Expired, "EXPIRED_API_KEY", "EXPIRED_KEY", "INVALID_TOKEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.Check(auth.Credential{Text: c.text})
			reason := auth.ReasonOf(err)
			if reason != c.reason || !fault.Is(err, fault.Denied) {
				t.Fatalf("Check = %v (%s), want %s", err, reason, c.reason)
			}
			if h, b, k := reason.Code(auth.ByHeader), reason.Code(auth.ByBearer), reason.Code(auth.ByToken); h != c.header || b != c.bearer || k != c.token {
				t.Errorf("codes %s %s %s", h, b, k)
			}
			if c.text != "" && strings.Contains(err.Error(), c.text.Reveal()) {
				t.Error("the credential is in the error")
			}
		})
	}
	t.Run("a key lives from its beginning to its end", func(t *testing.T) {
		r.clock.add(time.Hour)
		if _, err := check(r, later); err != nil {
			t.Errorf("at its beginning: %v", err)
		}
		r.clock.add(time.Hour)
		if _, err := check(r, later); auth.ReasonOf(err) != auth.Expired {
			t.Errorf("at its end: %v", err)
		}
	})
}

func TestAuth_RevokeKey(t *testing.T) {
	r := open(t, nil, nil)
	text, key := create(t, r, auth.NewKey{})
	if _, err := check(r, text); err != nil {
		t.Fatal(err)
	}
	t.Run("a store that fails revokes nothing", func(t *testing.T) {
		r.store.breakDown(errDisk)
		defer r.store.breakDown(nil)
		if _, err := r.RevokeKey(key.ID, "me", ""); !errors.Is(err, errDisk) {
			t.Errorf("RevokeKey = %v", err)
		}
		if _, err := check(r, text); err != nil || len(r.revoked) != 0 {
			t.Errorf("Check = %v, told %v", err, r.revoked)
		}
	})
	t.Run("revoked at once, told once, also after a start", func(t *testing.T) {
		for range 2 {
			k := must[auth.Key](t)(r.RevokeKey(key.ID, "me", "lost"))
			if k.RevokedBy != "me" || k.RevokedReason != "lost" || !k.Revoked.Equal(r.clock.Now()) {
				t.Errorf("key %+v", k)
			}
		}
		if len(r.revoked) != 1 || r.revoked[0] != key.ID {
			t.Errorf("told %v", r.revoked)
		}
		for _, a := range []*rig{r, open(t, r.store, nil)} {
			if _, err := check(a, text); auth.ReasonOf(err) != auth.Revoked {
				t.Errorf("Check = %v", err)
			}
		}
	})
	t.Run("an unknown id is not found", func(t *testing.T) {
		if _, err := r.RevokeKey("key_x", "", ""); !fault.Is(err, fault.NotFound) {
			t.Errorf("RevokeKey = %v", err)
		}
	})
}

// keptKey is a key as another start would see it.
func keptKey(t *testing.T, store *memory, id string) auth.Key {
	t.Helper()
	a := auth.New(auth.Options{Store: store, NewID: func() string { return "" }})
	if err := a.Load(); err != nil {
		t.Fatal(err)
	}
	for _, k := range a.Keys() {
		if k.ID == id {
			return k
		}
	}
	t.Fatal("the key is gone")
	return auth.Key{}
}

func TestAuth_Run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, nil, func(o *auth.Options) { o.Now = time.Now })
		text, key := create(t, r, auth.NewKey{})
		brief, briefKey := create(t, r, auth.NewKey{Expires: time.Now().Add(90 * time.Second)})
		gone, goneKey := create(t, r, auth.NewKey{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }() // owner: this test, which waits
		kept := func() auth.Key { return keptKey(t, r.store, key.ID) }
		writes := r.store.writes()
		for range 1000 {
			if _, err := check(r, text); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := r.store.writes() - writes; n != 1 || kept().Uses == 0 {
			t.Errorf("%d writes for the first uses, %d uses kept, want the first at once", n, kept().Uses)
		}
		<-time.After(61 * time.Second)
		synctest.Wait()
		if k := kept(); k.Uses != 1000 || k.LastFrom != "192.168.1.5" || k.LastAgent != "curl" || k.LastUsed.IsZero() {
			t.Errorf("after a minute: %+v", k)
		}
		writes = r.store.writes()
		<-time.After(60 * time.Second)
		synctest.Wait()
		if n := r.store.writes() - writes; n != 0 {
			t.Errorf("%d writes without any use", n)
		}
		if len(r.revoked) != 1 || r.revoked[0] != briefKey.ID {
			t.Errorf("told %v, want the key that expired", r.revoked)
		}
		if _, err := check(r, brief); auth.ReasonOf(err) != auth.Expired {
			t.Errorf("Check = %v", err)
		}

		must[auth.Key](t)(r.RevokeKey(goneKey.ID, "", ""))
		<-time.After(89 * 24 * time.Hour)
		if _, err := check(r, gone); auth.ReasonOf(err) != auth.Revoked {
			t.Errorf("after 89 days: %v", err)
		}
		<-time.After(25 * time.Hour)
		synctest.Wait()
		if _, err := check(r, gone); auth.ReasonOf(err) != auth.Unknown || len(r.Keys()) != 2 {
			t.Errorf("after 90 days: %v, %d keys", err, len(r.Keys()))
		}

		_, _ = check(r, text)
		cancel()
		if err := <-done; err != nil || kept().Uses != 1001 {
			t.Errorf("Run = %v, %d uses kept at the end", err, kept().Uses)
		}
	})
}

func TestAuth_LoadDamage(t *testing.T) {
	for _, c := range []struct {
		name, key, value string
		kind             fault.Kind
	}{
		{"a key record that is no JSON", "auth/key/key_1", "{", fault.Internal},
		{"a key record without a digest", "auth/key/key_1", `{"v":1}`, fault.Internal},
		{"a key record of tomorrow", "auth/key/key_1", `{"v":9}`, fault.Unsupported},
		{"a user record that is no JSON", "auth/user/a", "[", fault.Internal},
		{"a user record of tomorrow", "auth/user/a", `{"v":9}`, fault.Unsupported},
		{"a user record with a bad hash", "auth/user/a", `{"v":1,"argon2id":"$argon2id$x"}`, fault.Invalid},
	} {
		t.Run(c.name+" is said", func(t *testing.T) {
			store := &memory{pairs: map[string][]byte{c.key: []byte(c.value)}}
			err := auth.New(auth.Options{Store: store, NewID: func() string { return "" }}).Load()
			if err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.key) {
				t.Errorf("Load = %v, want %s naming %s", err, c.kind, c.key)
			}
		})
	}
}

func TestAuth_Race(t *testing.T) {
	r := open(t, nil, func(o *auth.Options) { o.Revoked = nil })
	text, _ := create(t, r, auth.NewKey{Terms: []string{"mqtt:subscribe"}})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.Run(ctx) })
	var users sync.WaitGroup
	for i := range 4 {
		users.Go(func() {
			for range 200 {
				if _, err := r.Check(auth.Credential{Text: text, Remote: fmt.Sprint("10.0.0.", i)}); err != nil {
					t.Error(err)
				}
				if g, err := r.MQTT("x", text, "c", "10.0.0.9:1"); err != nil || !g.Read("printwire/A/progress") {
					t.Error(err)
				}
				_, _ = r.Check(auth.Credential{Text: "bad", Remote: "10.0.1.1"})
				_ = r.Keys()
			}
		})
	}
	users.Go(func() {
		for range 50 {
			_, k, err := r.CreateKey(auth.NewKey{Name: "x"})
			if err == nil {
				_, err = r.RevokeKey(k.ID, "", "")
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	users.Wait()
	cancel()
	wg.Wait()
}

func BenchmarkAuth_Check(b *testing.B) {
	r := open(b, nil, func(o *auth.Options) { o.Now = nil })
	for range 1000 {
		create(b, r, auth.NewKey{})
	}
	text, _ := create(b, r, auth.NewKey{})
	c := auth.Credential{Text: text, Remote: "192.168.1.5:4711", Agent: "Home Assistant"}
	writes := r.store.writes()
	b.ReportAllocs()
	for b.Loop() {
		if id, err := r.Check(c); err != nil || !id.Has(auth.PrintersRead) {
			b.Fatal(err)
		}
	}
	if r.store.writes() != writes {
		b.Error("a check wrote")
	}
}
