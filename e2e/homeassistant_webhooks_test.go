package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/settings"
)

// automated is a bridge beside a real Home Assistant with automations of all kinds.
type automated struct {
	t      *testing.T
	h      *homeAssistant
	in     *inside
	core   *supervisor
	x1, a1 *simulator.Printer
	phone  *phone
	// The registry's ids of the printers and the phone.
	device, otherDevice, phoneDevice string

	mu sync.Mutex
	// said is what the listeners were given, by topic.
	said map[string][]firing
}

// TestHomeAssistant_Automations runs automations of Home Assistant on what
// the bridge tells. The steps build on each other, so the first that fails is
// the last.
func TestHomeAssistant_Automations(t *testing.T) {
	ends(t)
	s := newAutomated(t)
	for _, step := range []struct {
		name string
		run  func()
	}{
		{"the blueprints can be imported", s.blueprints},
		{"automations are made of them", s.made},
		{"a print is told at its milestones and its end", s.printed},
		{"the webhook trigger and the event trigger have told the same", s.triggered},
		{"a fault is told, and the phone pauses and stops", s.faulted},
		{"a print fails", s.failed},
		{"filament runs out, and the phone resumes", s.ranOut},
		{"what the bus refuses comes later", s.outage},
	} {
		began := time.Now()
		t.Logf("step: %s", step.name)
		step.run()
		s.quiet()
		if t.Failed() {
			t.FailNow()
		}
		t.Logf("      %s", time.Since(began).Round(100*time.Millisecond))
	}
}

func newAutomated(t *testing.T) *automated {
	t.Helper()
	s := &automated{t: t, said: map[string][]firing{}, x1: simulated(t, "X1C", "00M00A000000011"), a1: simulated(t, "A1", "03900A000000012")}
	yaml := filepath.Join(t.TempDir(), "base.yaml")
	if err := os.WriteFile(yaml, []byte("mobile_app:\nautomation: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.h = startHomeAssistant(t, "--yaml", yaml)
	s.in = runApp(t, s.options(), s.heard)
	s.h.join(s.in.access)
	s.phone = newPhone(t, s.h, "Anna's phone")
	eventually(t, "the printers are there", patience, func() (bool, string) {
		states := s.h.states()
		for _, id := range []string{"event.garage_events", "image.garage_cover", "event.workshop_events"} {
			if states[id].State == "" {
				return false, "no " + id
			}
		}
		return true, ""
	})
	s.device, s.otherDevice = s.h.device("printwire_"+s.x1.Serial()), s.h.device("printwire_"+s.a1.Serial())
	s.phoneDevice = s.phone.device()
	// What a person has renamed must still be found.
	s.ws("config/device_registry/update", map[string]any{"device_id": s.device, "name_by_user": "Oma's printer"})
	s.ws("config/entity_registry/update", map[string]any{"entity_id": "event.garage_events", "new_entity_id": "event.what_happens"})
	s.ws("config/entity_registry/update", map[string]any{"entity_id": "image.garage_cover", "new_entity_id": "image.what_is_printed"})
	s.h.must("ha.py", "log", "--mark")
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := s.h.call("ha.py", "log", "--since-mark", "--all", "--traces")
			t.Logf("the last event is %+v; Home Assistant's log:\n%s", s.h.state("event.what_happens"), log)
		}
	})
	return s
}

// options make the program an app of Home Assistant with an endpoint for its webhook trigger.
func (s *automated) options() app.Options {
	o := app.Options{Settings: settings.Default(), Log: slog.New(slog.DiscardHandler), Token: supervisorToken}
	o.Settings.HTTP.Listen, o.Settings.MQTT.Listen = "127.0.0.1:0", "127.0.0.1:0"
	o.Settings.Printers = []settings.Printer{reached("Garage", s.x1), reached("Workshop", s.a1)}
	s.core, o.SupervisorURL = newSupervisor(s.t, s.h)
	url, _ := s.h.login()
	o.Settings.WebhookAddresses.Loopback = true
	o.Settings.Webhooks = []settings.Webhook{{
		ID: "automation", Name: "Automation", URL: secret.Text(url + "/api/webhook/" + webhookID), Format: "home_assistant", Printers: []string{"Garage"},
	}}
	return o
}

// simulated is a printer in this process that is idle.
func simulated(t *testing.T, model, serial string) *simulator.Printer {
	t.Helper()
	p, err := simulator.New(simulator.Options{Model: model, Serial: serial, Speed: 20, Seed: 1, ListenFiles: "127.0.0.1:0"})
	if err == nil {
		err = p.Listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }() // owner: the clean-up waits on done
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the simulated printer ended with %v", err)
		}
	})
	return p
}

// reached is how a simulated printer and its files are reached.
func reached(name string, p *simulator.Printer) settings.Printer {
	s := at(p.Model(), p.Serial(), p.Addr(), p.AccessCode())
	s.Name, s.FilesPort = name, p.FilesAddr().(*net.TCPAddr).Port
	return s
}

// ws calls a command of Home Assistant's websocket.
func (s *automated) ws(command string, arguments map[string]any) string {
	s.t.Helper()
	if arguments == nil {
		arguments = map[string]any{}
	}
	text, err := json.Marshal(arguments)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.h.must("ha.py", "ws", command, string(text))
}

// made loads all automations, and wants each to be on.
func (s *automated) made() {
	path := filepath.Join(s.h.kept, "config", "packages", "user_base.yaml")
	if err := os.WriteFile(path, []byte("mobile_app:\nautomation: "+s.automations()+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.h.must("ha.py", "call", "automation", "reload", "{}")
	eventually(s.t, "the automations are on", patience, func() (bool, string) {
		on := 0
		states := s.h.states()
		for _, name := range []string{"print_finished", "milestones", "failure", "filament_runout"} {
			for _, id := range []string{"automation." + name, "automation." + name + "_plain"} {
				if states[id].State == "on" {
					on++
				}
			}
		}
		return on == 8 && states["automation.webhook"].State == "on" && states["automation.bus"].State == "on", fmt.Sprintf("%d of 8 blueprints", on)
	})
	// It subscribes a moment after an automation is on, to all that is new together.
	eventually(s.t, "the triggers listen", patience, func() (bool, string) {
		s.h.must("ha.py", "call", "mqtt", "publish", `{"topic":"`+readyTopic+`","payload":"1"}`)
		return s.h.state("automation.ready").Attributes["last_triggered"] != nil, "no message came to an MQTT trigger"
	})
}

// readyTopic is that of an automation which tells that others listen.
const readyTopic = "e2e/ready"

// quiet wants Home Assistant to have nothing to complain about.
func (s *automated) quiet() {
	s.t.Helper()
	if out, err := s.h.call("ha.py", "log", "--since-mark", "--all", "--traces", "--fail"); err != nil {
		s.t.Errorf("Home Assistant logged:\n%s", out)
	}
}
