package auth_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

func span(d time.Duration) *time.Duration { return &d }

func TestAuth_WhatTheOldSecretOpenedEndsWithIt(t *testing.T) {
	r := open(t, nil, nil)
	old, key := create(t, r, auth.NewKey{Terms: []string{"mqtt:subscribe"}})
	session := must[auth.MQTTGrant](t)(r.MQTT("x", old, "c", "10.0.0.1"))
	stream, err := check(r, old)
	if err != nil {
		t.Fatal(err)
	}
	r.clock.add(time.Minute)
	second, _, err := r.RotateKey(key.ID, auth.Rotation{Grace: span(24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if now, err := r.Again(stream); err != nil || !now.Sunset.Equal(r.clock.Now().Add(24*time.Hour)) || !session.Read("printwire/status") {
		t.Errorf("in the overlap: %+v, %v", now, err)
	}
	between, err := check(r, second)
	if err != nil {
		t.Fatal(err)
	}
	r.clock.add(time.Minute)
	newest, _, err := r.RotateKey(key.ID, auth.Rotation{Grace: span(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	fresh := must[auth.MQTTGrant](t)(r.MQTT("x", newest, "c", "10.0.0.1"))
	last, err := check(r, newest)
	if err != nil {
		t.Fatal(err)
	}
	r.clock.add(time.Hour)
	for name, id := range map[string]auth.Identity{"the first": stream, "the second": between} {
		if _, err := r.Again(id); auth.ReasonOf(err) != auth.Revoked {
			t.Errorf("a stream of %s secret after the overlap: %v", name, err)
		}
	}
	if session.Read("printwire/status") {
		t.Error("a session of the first secret reads on after the overlap")
	}
	if _, err := r.Again(last); err != nil || !fresh.Read("printwire/status") {
		t.Errorf("what the newest secret opened: %v", err)
	}
}

func TestAuth_RotateKey(t *testing.T) {
	r := open(t, nil, nil)
	old, key := create(t, r, auth.NewKey{})
	fresh, after, err := r.RotateKey(key.ID, auth.Rotation{Grace: span(time.Hour)})
	if err != nil || after.ID != key.ID || fresh == old || after.Masked == key.Masked {
		t.Fatalf("RotateKey = %+v, %v", after, err)
	}
	for _, a := range []*rig{r, open(t, r.store, nil)} {
		id, err := check(a, old)
		if err != nil || id.KeyID != key.ID || !id.Sunset.Equal(after.Grace) || !id.Rotated.Equal(r.clock.Now()) {
			t.Errorf("the old secret: %+v, %v", id, err)
		}
		if id, err := check(a, fresh); err != nil || !id.Sunset.IsZero() || id.KeyID != key.ID {
			t.Errorf("the new secret: %+v, %v", id, err)
		}
	}
	if len(r.revoked) != 0 {
		t.Errorf("told %v during the grace", r.revoked)
	}
	r.clock.add(time.Hour)
	if _, err := check(r, old); auth.ReasonOf(err) != auth.Revoked {
		t.Errorf("after the grace: %v", err)
	}
	if _, err := check(r, fresh); err != nil {
		t.Errorf("the new secret after the grace: %v", err)
	}

	t.Run("without grace the old one ends at once", func(t *testing.T) {
		newest, _, err := r.RotateKey(key.ID, auth.Rotation{Grace: span(0)})
		if err != nil || !slices.Equal(r.revoked, []string{key.ID}) {
			t.Errorf("RotateKey = %v, told %v", err, r.revoked)
		}
		if _, err := check(r, fresh); auth.ReasonOf(err) != auth.Revoked {
			t.Errorf("the old secret: %v", err)
		}
		if _, err := check(r, newest); err != nil {
			t.Error(err)
		}
	})
	t.Run("secrets from before end with the last one, never later", func(t *testing.T) {
		first, key := create(t, r, auth.NewKey{})
		second, _, err := r.RotateKey(key.ID, auth.Rotation{Grace: span(24 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		third, _, err := r.RotateKey(key.ID, auth.Rotation{Grace: span(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if id, err := check(r, first); err != nil || !id.Sunset.Equal(r.clock.Now().Add(time.Hour)) {
			t.Errorf("the first secret: %+v, %v; want it to end with the second", id, err)
		}
		if _, _, err := r.RotateKey(key.ID, auth.Rotation{Grace: span(0)}); err != nil {
			t.Fatal(err)
		}
		for i, old := range []secret.Text{first, second, third} {
			if _, err := check(r, old); auth.ReasonOf(err) != auth.Revoked {
				t.Errorf("secret %d after a rotation without overlap: %v", i+1, err)
			}
		}
	})
	t.Run("what cannot be is refused", func(t *testing.T) {
		for _, grace := range []time.Duration{-1, 31 * 24 * time.Hour} {
			if _, _, err := r.RotateKey(key.ID, auth.Rotation{Grace: &grace}); !fault.Is(err, fault.Invalid) {
				t.Errorf("grace %v: %v", grace, err)
			}
		}
		must[auth.Key](t)(r.RevokeKey(key.ID, "me", ""))
		if _, _, err := r.RotateKey(key.ID, auth.Rotation{}); !fault.Is(err, fault.Conflict) {
			t.Errorf("a revoked key: %v", err)
		}
		if _, _, err := r.RotateKey("key_x", auth.Rotation{}); !fault.Is(err, fault.NotFound) {
			t.Errorf("an unknown key: %v", err)
		}
	})
}

func ptr[T any](v T) *T { return &v }

func TestAuth_EditKey(t *testing.T) {
	r := open(t, nil, nil)
	text, key := create(t, r, auth.NewKey{Owner: "anna", Terms: []string{"read"}, Printers: []int{1}, Expires: r.clock.Now().Add(time.Hour)})
	grant, err := r.MQTT("", text, "", "")
	if err == nil {
		t.Fatal("a key without mqtt:subscribe logs in", grant)
	}
	t.Run("a name cuts nothing", func(t *testing.T) {
		if k, err := r.EditKey(key.ID, auth.KeyEdit{Name: ptr("Kitchen")}); err != nil || k.Name != "Kitchen" || len(r.revoked) != 0 {
			t.Errorf("EditKey = %+v, %v, told %v", k, err, r.revoked)
		}
	})
	t.Run("rights change at once, are told, and null clears", func(t *testing.T) {
		k, err := r.EditKey(key.ID, auth.KeyEdit{
			Terms: ptr([]string{"Control Printers"}), Printers: ptr([]int(nil)), Expires: ptr(time.Time{}), Plan: &auth.Plan{Name: "team"},
		})
		if err != nil || k.Printers != nil || !k.Expires.IsZero() || len(r.revoked) != 1 {
			t.Fatalf("EditKey = %+v, %v, told %v", k, err, r.revoked)
		}
		for _, a := range []*rig{r, open(t, r.store, nil)} {
			id, err := check(a, text)
			if err != nil || id.Has(auth.PrintersRead) || !id.Has(auth.PrintersControl) || !id.MayPrinter(9) || id.Plan().Name != "team" {
				t.Errorf("identity %+v, %v", id, err)
			}
		}
	})
	t.Run("an MQTT session ends with the rights it had", func(t *testing.T) {
		text, key := create(t, r, auth.NewKey{Terms: []string{"mqtt:subscribe"}})
		grant, err := r.MQTT("x", text, "c", "10.0.0.9:1")
		if err != nil || !grant.Read("printwire/S/progress") {
			t.Fatal(err)
		}
		must[auth.Key](t)(r.EditKey(key.ID, auth.KeyEdit{Printers: ptr([]int{1})}))
		if grant.Read("printwire/S/progress") {
			t.Error("the old session still reads")
		}
	})
	t.Run("so does one from before a rename and a rotation", func(t *testing.T) {
		text, key := create(t, r, auth.NewKey{Terms: []string{"mqtt:subscribe"}})
		grant, err := r.MQTT("x", text, "c", "10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		name := "renamed"
		if _, err := r.EditKey(key.ID, auth.KeyEdit{Name: &name}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.RotateKey(key.ID, auth.Rotation{}); err != nil {
			t.Fatal(err)
		}
		if !grant.Read("printwire/status") {
			t.Error("a rename or an overlapping rotation ends it")
		}
		if _, err := r.RevokeKey(key.ID, "me", ""); err != nil {
			t.Fatal(err)
		}
		if grant.Read("printwire/status") {
			t.Error("it reads on after the key was revoked")
		}
	})
	t.Run("bad values and other people's keys", func(t *testing.T) {
		keeper := auth.NewIdentity("keeper", list("read keys:write printers:read"), nil)
		keeper.Owner, keeper.KeyID = "anna", "key_other"
		eve := keeper
		eve.Owner = "eve"
		for name, c := range map[string]struct {
			edit auth.KeyEdit
			kind fault.Kind
		}{
			"an empty list of printers": {auth.KeyEdit{Printers: ptr([]int{})}, fault.Invalid},
			"an empty list of networks": {auth.KeyEdit{Addresses: ptr([]string{})}, fault.Invalid},
			"a bad network":             {auth.KeyEdit{Addresses: ptr([]string{"10.0.0.0/40"})}, fault.Invalid},
			"an unknown scope":          {auth.KeyEdit{Terms: ptr([]string{"fly"})}, fault.Invalid},
			"an end in the past":        {auth.KeyEdit{Expires: ptr(r.clock.Now())}, fault.Invalid},
			"an unknown plan":           {auth.KeyEdit{Plan: &auth.Plan{Name: "gold"}}, fault.Invalid},
			"another owner's":           {auth.KeyEdit{Name: ptr("x"), By: &eve}, fault.NotFound},
			"more than the asker has":   {auth.KeyEdit{Name: ptr("x"), By: &keeper}, fault.Denied},
		} {
			if _, err := r.EditKey(key.ID, c.edit); fault.KindOf(err) != c.kind || err == nil {
				t.Errorf("%s: %v, want %s", name, err, c.kind)
			}
		}
	})
	t.Run("admin and settings:write are not granted, and why", func(t *testing.T) {
		for _, term := range []string{"admin", "Write Settings"} {
			_, err := r.EditKey(key.ID, auth.KeyEdit{Terms: ptr([]string{term})})
			if !errors.Is(err, auth.ErrNotGranted) || fault.HintOf(err) == "" {
				t.Errorf("%s: %v", term, err)
			}
		}
		_, legacy := create(t, r, auth.NewKey{})
		if _, err := r.EditKey(legacy.ID, auth.KeyEdit{Terms: ptr([]string{"cloud:read"})}); !errors.Is(err, auth.ErrNotGranted) || !strings.Contains(err.Error(), "recreate it") {
			t.Errorf("cloud for an ownerless key: %v", err)
		}
	})
}

func TestAuth_Networks(t *testing.T) {
	r := open(t, nil, nil)
	text, key := create(t, r, auth.NewKey{Terms: []string{"keys:write", "read"}, Owner: "anna", Addresses: []string{"192.168.1.0/24", "10.0.0.7", "2001:db8::/32"}})
	for remote, good := range map[string]bool{
		"192.168.1.77": true, "192.168.1.77:80": true, "10.0.0.7": true, "[::ffff:10.0.0.7]:1": true, "[2001:db8::5]:1": true,
		"192.168.2.1": false, "10.0.0.8": false, "": false, "@": false,
	} {
		_, err := r.Check(auth.Credential{Text: text, Remote: remote})
		if good != (err == nil) || !good && auth.ReasonOf(err) != auth.Elsewhere {
			t.Errorf("from %q: %v", remote, err)
		}
	}
	id, err := r.Check(auth.Credential{Text: text, Remote: "10.0.0.7"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		networks []string
		good     bool
	}{{nil, false}, {[]string{"192.168.1.128/25"}, true}, {[]string{"192.168.0.0/16"}, false}} {
		if _, _, err := r.CreateKey(auth.NewKey{Name: "x", Addresses: c.networks, By: &id}); (err == nil) != c.good {
			t.Errorf("a key of %s for %v: %v", key.ID, c.networks, err)
		}
	}
}

func TestAuth_Owners(t *testing.T) {
	r := open(t, nil, nil)
	text, key := create(t, r, auth.NewKey{Owner: "anna", Terms: []string{"full_access"}})
	other, _ := create(t, r, auth.NewKey{Owner: "bert"})
	put := func(o auth.Owner) {
		t.Helper()
		if err := r.PutOwner(o, "boss"); err != nil {
			t.Fatal(err)
		}
	}
	put(auth.Owner{Name: "anna", Scopes: []auth.Scope{auth.PrintersRead}})
	id, err := check(open(t, r.store, nil), text)
	if err != nil || id.Has(auth.QueueWrite) || !strings.Contains(fmt.Sprint(id.Require(auth.QueueWrite)), "owner") {
		t.Errorf("the owner lost rights: %v, %v", id.Scopes(), err)
	}
	put(auth.Owner{Name: "anna", Disabled: true})
	if _, err := check(r, text); auth.ReasonOf(err) != auth.Inactive {
		t.Errorf("the owner is disabled: %v", err)
	}
	put(auth.Owner{Name: "anna"})
	if id, err := check(r, text); err != nil || !id.Has(auth.QueueWrite) {
		t.Errorf("the owner may again: %v", err)
	}
	session, _, err := r.StartSession(auth.Person("anna", "Anna"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteOwner("anna", "boss"); err != nil || !slices.Contains(r.revoked, key.ID) {
		t.Errorf("DeleteOwner = %v, told %v", err, r.revoked)
	}
	if _, err := check(r, text); auth.ReasonOf(err) != auth.Revoked {
		t.Errorf("the owner is gone: %v", err)
	}
	if _, err := r.Session(session); err == nil {
		t.Error("the owner's session lives on")
	}
	if _, err := check(r, other); err != nil {
		t.Errorf("another owner's key: %v", err)
	}
}

func TestAsked_Terms(t *testing.T) {
	for _, c := range []struct {
		name  string
		asked auth.Asked
		want  string // scopes, "" for none
	}{
		{"nothing", auth.Asked{}, "read"},
		{"an empty list", auth.Asked{Scopes: []string{}}, ""},
		{"ten permissions", auth.Asked{Permissions: []string{"Read Printers", "write_queue"}}, "printers:read queue:write"},
		{"five toggles", auth.Asked{Flags: map[string]bool{"can_read_status": false, "can_queue": true, "can_control_printer": true}}, "queue:read queue:write printers:control"},
		{"a toggle alone reads too", auth.Asked{Flags: map[string]bool{"can_update_energy_cost": true}}, "read tariff:write"},
		{"everything off", auth.Asked{Flags: map[string]bool{"can_read_status": false, "can_queue": false}}, ""},
		{"one scope", auth.Asked{Scope: "read_only"}, "read"},
		{"six scopes", auth.Asked{Scopes: []string{"read", "agents:run"}}, "read jobs:run"},
		{"mixed", auth.Asked{Scopes: []string{"queue:write"}, Scope: "read_only", Flags: map[string]bool{"can_control_printer": true}}, "read queue:write printers:control"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := auth.Expand(c.asked.Terms(), false)
			want, wantErr := auth.Expand(strings.Fields(c.want), false)
			if err != nil || wantErr != nil || !slices.Equal(got, want) {
				t.Errorf("%v, %v, want %v", got, err, want)
			}
		})
	}
	scopes, err := auth.Expand([]string{"read", "can_queue"}, false)
	flags := auth.Flags(scopes)
	if err != nil || !flags["can_queue"] || !flags["can_read_status"] || flags["can_control_printer"] || len(flags) != 10 {
		t.Errorf("flags %v, %v", flags, err)
	}
	if names := auth.Permissions(scopes); !slices.Equal(names, []string{"Read Printers", "Read Archives", "Read Statistics", "Read Queue", "Write Queue", "Read Settings"}) {
		t.Errorf("permissions %v", names)
	}
}

func TestCloudFences(t *testing.T) {
	with := func(owner string, scopes ...auth.Scope) auth.Identity {
		id := auth.NewIdentity("k", scopes, nil)
		id.Owner = owner
		return id
	}
	for _, c := range []struct {
		id    auth.Identity
		state auth.CloudState
		code  string
	}{
		{with("", auth.CloudRead), auth.CloudSignedIn, "KEY_HAS_NO_OWNER"},
		{with("anna", auth.PrintersRead), auth.CloudSignedIn, "FORBIDDEN"},
		{with("anna", auth.CloudRead), auth.CloudSignedOut, "CLOUD_NOT_SIGNED_IN"},
		{with("anna", auth.CloudRead), auth.CloudExpired, "CLOUD_TOKEN_EXPIRED"},
		{with("anna", auth.CloudRead), auth.CloudSignedIn, ""},
	} {
		err := auth.CloudFences(c.id, func(string) auth.CloudState { return c.state })
		if got := auth.ReasonOf(err).Code(auth.ByHeader); got != c.code {
			t.Errorf("%v: %q, want %q", err, got, c.code)
		}
	}
}

func TestAuth_ARequestUnderWayGivesNothingAwayAnyMore(t *testing.T) {
	r := open(t, nil, nil)
	text, key := create(t, r, auth.NewKey{Owner: "anna", Terms: []string{"printers:read", "keys:write"}})
	_, other := create(t, r, auth.NewKey{Owner: "anna", Terms: []string{"printers:read"}})
	asker, err := check(r, text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.EditKey(key.ID, auth.KeyEdit{Terms: &[]string{"keys:write"}}); err != nil {
		t.Fatal(err)
	}
	wide := auth.NewKey{Name: "late", Terms: []string{"printers:read"}, By: &asker}
	if _, _, err := r.CreateKey(wide); auth.ReasonOf(err) != auth.Forbidden {
		t.Errorf("with a right that was taken away meanwhile: %v", err)
	}
	if _, err := r.RevokeKey(key.ID, "me", ""); err != nil {
		t.Fatal(err)
	}
	wide.Terms = []string{}
	if _, _, err := r.CreateKey(wide); auth.ReasonOf(err) != auth.Revoked {
		t.Errorf("creating with a key that was revoked meanwhile: %v", err)
	}
	if _, _, err := r.RotateKey(other.ID, auth.Rotation{By: &asker}); auth.ReasonOf(err) != auth.Revoked {
		t.Errorf("rotating with a key that was revoked meanwhile: %v", err)
	}
}
