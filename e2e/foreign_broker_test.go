package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// outside are settings that use the foreign broker in a mode.
func (f *foreign) settings(mode, more, printers string) string {
	return fmt.Sprintf(`
http: { listen: "127.0.0.1:%%[1]d" }
mqtt:
  mode: %s
  listen: "127.0.0.1:%%[2]d"
  external: { host: 127.0.0.1, user: printwire, %s }
printers:
%s`, mode, more, printers)
}

func (f *foreign) plainly() string {
	return fmt.Sprintf("port: %d, password: %q", f.port, ourPassword)
}

func (f *foreign) overTLS() string {
	return fmt.Sprintf("port: %d, password: %q, tls: true, ca: %q", f.tlsPort, ourPassword, f.authority)
}

// announced wants a printer's device and 40 values or more at a broker, and gives the values' topics.
func announced(t *testing.T, a access, serial string) map[string]string {
	t.Helper()
	values := map[string]string{}
	eventually(t, serial+" is announced", patience, func() (bool, string) {
		seen := a.subscribed(t, 1, "homeassistant/device/#", "printwire/"+serial+"/#")
		var payload struct{ Components map[string]any }
		_ = json.Unmarshal([]byte(seen["homeassistant/device/printwire_"+serial+"/config"]), &payload)
		clear(values)
		for topic, value := range seen {
			if strings.HasPrefix(topic, "printwire/") {
				values[topic] = value
			}
		}
		return len(payload.Components) >= 40 && len(values) >= 40,
			fmt.Sprintf("%d components, %d values", len(payload.Components), len(values))
	})
	return values
}

// silent wants nobody to listen on the house's broker port.
func silent(t *testing.T, h *house) {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(h.access.MQTT.Port))
	if err == nil {
		_ = conn.Close()
		t.Error("an own broker listens beside the foreign one")
	}
}

// TestForeignBroker_External goes through what happens to a bridge at a
// foreign broker. Its steps build on each other.
func TestForeignBroker_External(t *testing.T) {
	ends(t)
	t.Parallel()
	f := newForeign(t)
	a1, x1 := newFake(t, "A1", "03900A000000001"), newFake(t, "X1C", "00M00A000000002")
	a1.on("--speed", "10")
	x1.on("--speed", "10")
	h := newHouse(t, f.settings("external", f.overTLS(), a1.yaml("Left", "pin")+x1.yaml("Right", "pin")))
	p, w := h.serve(), f.access()
	silent(t, h)
	before := announced(t, w, a1.serial)
	announced(t, w, x1.serial)
	w.becomes(t, "printwire/status", "online", patience)
	base := "printwire/" + x1.serial + "/"
	t.Run("a command comes from there", func(t *testing.T) {
		w.becomes(t, base+"activity", "printing", patience)
		w.publish(t, base+"pause/set", "PRESS")
		w.becomes(t, base+"activity", "paused", patience)
		w.publish(t, base+"resume/set", "PRESS")
		w.becomes(t, base+"activity", "printing", patience)
	})
	t.Run("all is sent again after a restart of the broker", func(t *testing.T) {
		f.stop()
		f.start()
		began := time.Now()
		after := announced(t, w, a1.serial)
		eventually(t, "every value is there", patience, func() (bool, string) {
			for topic := range before {
				if _, ok := after[topic]; !ok {
					after = announced(t, w, a1.serial)
					return false, topic + " is missing"
				}
			}
			return true, ""
		})
		w.becomes(t, "printwire/status", "online", patience)
		t.Logf("back %s after the broker", time.Since(began).Round(100*time.Millisecond))
	})
	t.Run("Home Assistant's birth asks for everything", func(t *testing.T) {
		w.fresh(t, "homeassistant/device/+/config", func() { w.publish(t, "homeassistant/status", "online") },
			"homeassistant/device/printwire_"+a1.serial+"/config", "homeassistant/device/printwire_"+x1.serial+"/config")
	})
	t.Run("the last will tells of a crash, and a retained command is none", func(t *testing.T) {
		_ = p.cmd.Process.Kill()
		<-p.done
		p.cmd = nil
		w.becomes(t, "printwire/status", "offline", patience)
		w.publish(t, base+"stop/set", "PRESS", "-r")
		p = h.serve()
		w.becomes(t, "printwire/status", "online", patience)
		w.becomes(t, base+"activity", "printing", patience)
		w.publish(t, base+"pause/set", "PRESS")
		w.becomes(t, base+"activity", "paused", patience)
		p.stop()
		w.becomes(t, "printwire/status", "offline", patience)
	})
}

func TestForeignBroker_RefusedOrUntrusted(t *testing.T) {
	ends(t)
	f := newForeign(t)
	for _, c := range []struct{ name, more, want string }{
		{"a wrong password", fmt.Sprintf("port: %d, password: wrong", f.port), "refused"},
		{"an unknown authority", fmt.Sprintf("port: %d, password: %q, tls: true", f.tlsPort, ourPassword), "certificate"},
		{"no broker there", fmt.Sprintf("port: %d, password: x", freePort(t)), "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a1 := newFake(t, "A1", "03900A000000003")
			a1.on()
			h := newHouse(t, f.settings("external", c.more, a1.yaml("Left", "pin")))
			p := h.serve()
			p.out.wait(t, "no connection to the broker", patience)
			key := h.key("read")
			eventually(t, "the rest goes on", patience, func() (bool, string) {
				status, body := h.get("/api/v1/printers/1/status", key)
				return status == http.StatusOK && strings.Contains(body, `"connected":true`), body
			})
			said := 0
			for _, line := range strings.Split(p.out.tail(1000), "\n") {
				if strings.Contains(line, "no connection to the broker") {
					said++
					if !strings.Contains(line, c.want) {
						t.Errorf("the log does not say %q: %s", c.want, line)
					}
				}
			}
			if said != 1 {
				t.Errorf("the log says it %d times, want once", said)
			}
			p.stop()
		})
	}
}

func TestForeignBroker_Both(t *testing.T) {
	ends(t)
	t.Parallel()
	f := newForeign(t)
	x1 := newFake(t, "X1C", "00M00A000000004")
	x1.on("--speed", "10")
	h := newHouse(t, f.settings("both", f.plainly(), x1.yaml("Right", "pin")))
	p := h.serve()
	base := "printwire/" + x1.serial + "/"
	sides := map[string]access{"the own broker": h.access, "the foreign broker": f.access()}
	for name, side := range sides {
		t.Run(name, func(t *testing.T) {
			announced(t, side, x1.serial)
			side.becomes(t, base+"activity", "printing", patience)
			side.publish(t, base+"pause/set", "PRESS")
			for _, s := range sides {
				s.becomes(t, base+"activity", "paused", patience)
			}
			side.publish(t, base+"resume/set", "PRESS")
			side.becomes(t, base+"activity", "printing", patience)
		})
	}
	t.Run("the own broker lives on without the other", func(t *testing.T) {
		f.stop()
		h.access.publish(t, base+"pause/set", "PRESS")
		h.access.becomes(t, base+"activity", "paused", patience)
		f.start()
		f.access().becomes(t, base+"activity", "paused", patience)
	})
	p.stop()
	f.access().becomes(t, "printwire/status", "offline", patience)
}

func TestForeignBroker_AutoUsesTheConfiguredOne(t *testing.T) {
	ends(t)
	t.Parallel()
	f := newForeign(t)
	a1 := newFake(t, "A1", "03900A000000005")
	a1.on()
	h := newHouse(t, f.settings("auto", f.plainly(), a1.yaml("Left", "pin")))
	p := h.serve()
	announced(t, f.access(), a1.serial)
	silent(t, h)
	p.stop()
}
