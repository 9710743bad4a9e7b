package auth_test

import (
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

const far = "10.1.2.3:50000"

func TestAuth_HomeAssistantLogin(t *testing.T) {
	r := open(t, nil, nil)
	password := must[secret.Text](t)(r.Login(auth.HomeAssistant))
	if !regexp.MustCompile(`^[0-9A-Za-z]{64}$`).MatchString(password.Reveal()) {
		t.Errorf("password %q", password.Reveal())
	}
	t.Run("it stays over a restart", func(t *testing.T) {
		if again := must[secret.Text](t)(open(t, r.store, nil).Login(auth.HomeAssistant)); again != password {
			t.Error("another password after a restart")
		}
	})
	t.Run("it logs in, with its rights", func(t *testing.T) {
		g := must[auth.MQTTGrant](t)(r.MQTT(auth.HomeAssistant, password, "ha", far))
		if g.Name != auth.HomeAssistant || !g.Write("homeassistant/device/printwire_S/config") || g.Write("printwire/S/progress") || !g.Read("#") {
			t.Errorf("grant of %s has other rights", g.Name)
		}
	})
	t.Run("the settings' password takes its place and is readable", func(t *testing.T) {
		s := open(t, r.store, func(o *auth.Options) { o.Users = []auth.User{{Name: auth.HomeAssistant, Password: "mine"}} })
		if p := must[secret.Text](t)(s.Login(auth.HomeAssistant)); p != "mine" {
			t.Error("another password")
		}
		if _, err := s.MQTT(auth.HomeAssistant, password, "", far); auth.ReasonOf(err) != auth.Unknown {
			t.Errorf("the old one: %v", err)
		}
		must[auth.MQTTGrant](t)(s.MQTT(auth.HomeAssistant, "mine", "", far))
	})
	t.Run("a store that fails is said", func(t *testing.T) {
		store := &memory{}
		store.breakDown(errDisk)
		if err := auth.New(auth.Options{Store: store, NewID: func() string { return "" }}).Load(); !errors.Is(err, errDisk) {
			t.Errorf("Load = %v", err)
		}
	})
}

func TestAuth_Users(t *testing.T) {
	r := open(t, nil, func(o *auth.Options) {
		o.Users = []auth.User{
			{Name: "z2m", Password: "secret"},
			{Name: "garage", Password: "secret too", Topics: []auth.TopicRule{{Filter: "garage/#", Access: auth.ReadWriteTopic}}},
		}
	})
	t.Run("default and own topics", func(t *testing.T) {
		z := must[auth.MQTTGrant](t)(r.MQTT("z2m", "secret", "", far))
		if !z.Write("zigbee2mqtt/x") || z.Write("printwire/status") || z.Read("$SYS/#") {
			t.Error("z2m has other rights")
		}
		g := must[auth.MQTTGrant](t)(r.MQTT("garage", "secret too", "", far))
		if !g.Write("garage/door") || g.Write("zigbee2mqtt/x") || g.Read("printwire/status") {
			t.Error("garage has other rights")
		}
	})
	for _, c := range []struct {
		name, user string
		password   secret.Text
		want       auth.Reason
	}{
		{"a wrong password", "z2m", "wrong", auth.Unknown},
		{"another user's password", "z2m", "secret too", auth.Unknown},
		{"an unknown user", "nobody", "secret", auth.Unknown},
		{"no name", "", "secret", auth.Missing},
		{"no password", "z2m", "", auth.Missing},
		{"a key that is none", "z2m", "pw_live_x", auth.Malformed},
	} {
		t.Run(c.name+" is refused", func(t *testing.T) {
			if _, err := r.MQTT(c.user, c.password, "", "10.9.9.9:"+"1"); auth.ReasonOf(err) != c.want || !fault.Is(err, fault.Denied) {
				t.Errorf("MQTT = %v, want %s", err, c.want)
			}
		})
	}
	t.Run("a hash is not readable", func(t *testing.T) {
		if _, err := r.Login("z2m"); !fault.Is(err, fault.Unsupported) {
			t.Errorf("Login = %v", err)
		}
		if _, err := r.Login("nobody"); !fault.Is(err, fault.NotFound) {
			t.Errorf("Login = %v", err)
		}
	})
}

func TestAuth_PutUser(t *testing.T) {
	r := open(t, nil, func(o *auth.Options) { o.Users = []auth.User{{Name: "z2m", Password: "secret"}} })
	if err := r.PutUser(auth.User{Name: "tasmota", Password: "one"}); err != nil {
		t.Fatal(err)
	}
	for k, v := range r.store.copy() {
		if strings.Contains(string(v), `"one"`) || k == "auth/user/tasmota" && !strings.Contains(string(v), "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("%s = %s", k, v)
		}
	}
	must[auth.MQTTGrant](t)(open(t, r.store, nil).MQTT("tasmota", "one", "", far))
	must[auth.MQTTGrant](t)(r.MQTT("tasmota", "one", "", far))
	if err := r.PutUser(auth.User{Name: "tasmota", Password: "two"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.MQTT("tasmota", "one", "", far); auth.ReasonOf(err) != auth.Unknown {
		t.Errorf("the old password: %v", err)
	}
	if err := r.DeleteUser("tasmota"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.MQTT("tasmota", "two", "", far); auth.ReasonOf(err) != auth.Unknown {
		t.Errorf("after removal: %v", err)
	}
	if got := strings.Join(r.revoked, " "); got != "tasmota tasmota tasmota" {
		t.Errorf("told %q", got)
	}
	if err := r.DeleteUser("tasmota"); !fault.Is(err, fault.NotFound) {
		t.Errorf("DeleteUser = %v", err)
	}
	if err := r.PutUser(auth.User{Name: "z2m", Password: "x"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("PutUser of the settings' user = %v", err)
	}
}

func TestAuth_UsersInvalid(t *testing.T) {
	err := auth.New(auth.Options{Store: &memory{}, NewID: func() string { return "" }, Users: []auth.User{
		{Name: "", Password: "x"},
		{Name: "a", Password: ""},
		{Name: "b", Password: "pw_live_x"},
		{Name: "c", Password: "$argon2id$v=19$m=9999999,t=2,p=1$c2FsdHNhbHRzYWx0$c3Vtc3Vtc3Vtc3Vtc3Vt"},
		{Name: "d", Password: "x", Topics: []auth.TopicRule{{Filter: "a/#/b", Access: "read"}, {Filter: "a", Access: "all"}}},
		{Name: "d", Password: "x"},
	}}).Load()
	for _, want := range []string{
		"mqtt.users[0].name", "mqtt.users[1].password", "mqtt.users[2].password", "mqtt.users[3].password",
		"mqtt.users[4].topics[0]", "mqtt.users[4].topics[1]", "mqtt.users[5].name",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load = %v\nwant %s in it", err, want)
		}
	}
}

func TestAuth_MQTTStorm(t *testing.T) {
	r := open(t, nil, func(o *auth.Options) { o.Users = []auth.User{{Name: "z2m", Password: "secret"}} })
	begun := time.Now()
	must[auth.MQTTGrant](t)(r.MQTT("z2m", "secret", "", far))
	hash := time.Since(begun) // what one costs here and now
	t.Run("a login that was right is not hashed again for a while", func(t *testing.T) {
		begun := time.Now()
		for range 1000 {
			must[auth.MQTTGrant](t)(r.MQTT("z2m", "secret", "", far))
		}
		if took := time.Since(begun); took > 100*hash {
			t.Errorf("1,000 logins took %v", took)
		}
	})
	t.Run("wrong passwords are limited before they are hashed", func(t *testing.T) {
		limited := 0
		begun := time.Now()
		for range 1000 {
			if _, err := r.MQTT("z2m", "wrong", "", "10.6.6.6:1"); auth.ReasonOf(err) == auth.Limited {
				limited++
			}
		}
		if took := time.Since(begun); limited != 990 || took > 200*hash {
			t.Errorf("%d of 1,000 limited in %v", limited, took)
		}
		must[auth.MQTTGrant](t)(r.MQTT("z2m", "secret", "", "10.6.6.6:2"))
	})
	t.Run("many at once are hashed one by one", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 3 { // each waits 5 s at most for those before it
			wg.Go(func() {
				remote := "10.7.7." + string(rune('0'+i%10)) + ":1"
				if _, err := r.MQTT("z2m", "wrong", "", remote); auth.ReasonOf(err) != auth.Unknown {
					t.Errorf("MQTT = %v", err)
				}
			})
		}
		wg.Wait()
	})
}

func TestAuth_MQTTKey(t *testing.T) {
	r := open(t, nil, func(o *auth.Options) { o.AllowAdminKeys = true })
	type want struct {
		topic       string
		read, write bool
	}
	for _, c := range []struct {
		name     string
		scopes   string
		printers []int
		want     []want
	}{
		{"a reader of everything", "mqtt:subscribe", nil, []want{
			{"printwire/status", true, false}, {"printwire/S/progress", true, false}, {"printwire/#", true, false},
			{"printwire/S/pause/set", true, false}, {"homeassistant/device/printwire_S/config", false, false},
			{"homeassistant/#", false, false}, {"zigbee2mqtt/x", false, false}, {"$SYS/#", false, false}, {"#", true, false},
		}},
		{"a reader of one printer", "mqtt:subscribe", []int{7}, []want{
			{"printwire/SERIAL7/progress", true, false}, {"printwire/SERIAL7/#", true, false}, {"printwire/SERIAL8/progress", false, false},
			{"printwire/tariff/price", true, false}, {"printwire/bridge/version", true, false}, {"printwire/status", true, false},
			{"printwire/SERIAL7x/progress", false, false},
		}},
		{"a printer that is unknown", "mqtt:subscribe", []int{500}, []want{{"printwire/S/progress", false, false}, {"printwire/status", true, false}}},
		{"publish and control of one printer", "mqtt:publish printers:control", []int{7}, []want{
			{"printwire/SERIAL7/pause/set", false, true}, {"printwire/SERIAL7/chamber_light/brightness/set", false, true},
			{"printwire/SERIAL8/pause/set", false, false}, {"printwire/SERIAL7/progress", false, false}, {"printwire/tariff/x/set", false, false},
		}},
		{"publish without control", "mqtt:publish", nil, []want{{"printwire/S/pause/set", false, false}}},
		{"publish, control, all printers", "mqtt:publish printers:control", nil, []want{
			{"printwire/S/pause/set", false, true}, {"printwire/bridge/restart/set", false, false}, {"printwire/tariff/price/set", false, false},
		}},
		{"publish of prices", "mqtt:publish tariff:write", nil, []want{
			{"printwire/tariff/price/set", false, true}, {"printwire/S/pause/set", false, false},
		}},
		{"everything", "admin", nil, []want{
			{"printwire/bridge/restart/set", false, true}, {"printwire/S/pause/set", true, true}, {"printwire/status", true, false},
			{"homeassistant/status", false, false},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, key := create(t, r, auth.NewKey{Terms: strings.Fields(c.scopes), Printers: c.printers})
			g := must[auth.MQTTGrant](t)(r.MQTT("whoever", text, "client", far))
			if g.Name != key.ID {
				t.Errorf("name %s", g.Name)
			}
			for _, w := range c.want {
				if got := g.Read(w.topic); got != w.read && !strings.HasSuffix(w.topic, "/set") {
					t.Errorf("read %s = %v", w.topic, got)
				}
				if got := g.Write(w.topic); got != w.write {
					t.Errorf("write %s = %v", w.topic, got)
				}
			}
			if n := testing.AllocsPerRun(100, func() { g.Read("printwire/S/a/b/c"); g.Write("printwire/S/a/b/set") }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
	t.Run("a key without either scope is forbidden", func(t *testing.T) {
		text, _ := create(t, r, auth.NewKey{})
		if _, err := r.MQTT("x", text, "", far); auth.ReasonOf(err) != auth.Forbidden {
			t.Errorf("MQTT = %v", err)
		}
	})
	t.Run("an open session ends with its key's time, to the second", func(t *testing.T) {
		text, key := create(t, r, auth.NewKey{Terms: []string{"mqtt:subscribe"}, Expires: r.clock.Now().Add(time.Hour)})
		grant, err := r.MQTT("x", text, "c", "10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		r.clock.add(time.Hour - time.Second)
		if !grant.Read("printwire/status") {
			t.Error("a second before the end it reads nothing")
		}
		fresh := r.clock.Now().Add(2 * time.Hour)
		if _, err := r.EditKey(key.ID, auth.KeyEdit{Expires: &fresh}); err != nil {
			t.Fatal(err)
		}
		if grant, err = r.MQTT("x", text, "c", "10.0.0.1"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.RotateKey(key.ID, auth.Rotation{Grace: span(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		if old, err := r.MQTT("x", text, "c", "10.0.0.1"); err != nil || !old.Read("printwire/status") {
			t.Errorf("with the old secret in the overlap: %v", err)
		} else if r.clock.add(time.Minute); old.Read("printwire/status") {
			t.Error("after the overlap the old secret's session reads on")
		}
		r.clock.add(2 * time.Hour)
		if grant.Read("printwire/status") {
			t.Error("after the end it reads on")
		}
	})
	t.Run("revoking ends the rights of an open session", func(t *testing.T) {
		text, key := create(t, r, auth.NewKey{Terms: []string{"mqtt:subscribe"}})
		g := must[auth.MQTTGrant](t)(r.MQTT("x", text, "", far))
		must[auth.Key](t)(r.RevokeKey(key.ID, "", ""))
		if g.Read("printwire/status") {
			t.Error("still read")
		}
		if _, err := r.MQTT("x", text, "", far); auth.ReasonOf(err) != auth.Revoked {
			t.Errorf("MQTT = %v", err)
		}
	})
}

func TestAuth_ATestKeyReadsSimulatedPrintersAlone(t *testing.T) {
	r := open(t, nil, func(o *auth.Options) { o.Simulated = func() []string { return []string{"SERIAL1", "SERIAL2"} } })
	for _, c := range []struct {
		name     string
		printers []int
		read     map[string]bool
	}{
		{"all printers", nil, map[string]bool{"SERIAL1": true, "SERIAL2": true, "SERIAL3": false}},
		{"one of them", []int{2, 3}, map[string]bool{"SERIAL1": false, "SERIAL2": true, "SERIAL3": false}},
	} {
		text, _ := create(t, r, auth.NewKey{Test: true, Printers: c.printers, Terms: []string{"mqtt:subscribe", "mqtt:publish", "printers:control"}})
		grant, err := r.MQTT("x", text, "", "10.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		for serial, may := range c.read {
			if got := grant.Read("printwire/" + serial + "/progress"); got != may {
				t.Errorf("%s: reads %s: %t", c.name, serial, got)
			}
			if grant.Write("printwire/" + serial + "/pause/set") {
				t.Errorf("%s: moves %s", c.name, serial)
			}
		}
	}
	none := open(t, nil, nil)
	text, _ := create(t, none, auth.NewKey{Test: true, Terms: []string{"mqtt:subscribe"}})
	if grant, err := none.MQTT("x", text, "", "10.0.0.1:1"); err != nil || grant.Read("printwire/SERIAL1/progress") || !grant.Read("printwire/status") {
		t.Errorf("without simulated printers: %v", err)
	}
}
