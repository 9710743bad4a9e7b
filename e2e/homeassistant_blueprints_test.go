package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/printer/simulator"
)

// Where the blueprints are, here and for those who import them.
const (
	blueprintFolder = "../blueprints/automation/printwire"
	blueprintSource = "https://github.com/printwire/printwire/blob/main/blueprints/automation/printwire/"
)

// hostile is a job's name that must reach people as it is.
const hostile = `Bracket {{ 7 * 6 }} <b>ü`

// TestBlueprints_CanBeImported wants each blueprint's import link in the
// documentation to lead to it.
func TestBlueprints_CanBeImported(t *testing.T) {
	page, err := os.ReadFile("../docs/home-assistant.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range blueprintFiles(t) {
		link := "https://my.home-assistant.io/redirect/blueprint_import/?blueprint_url=" + url.QueryEscape(blueprintSource+name)
		if !strings.Contains(string(page), "[Import]("+link+")") || !strings.Contains(string(page), "("+blueprintFolder+"/"+name+")") {
			t.Errorf("docs/home-assistant.md does not lead to %s", name)
		}
		text, err := os.ReadFile(blueprintFolder + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\n  source_url: "+blueprintSource+name+"\n") {
			t.Errorf("%s does not say where it comes from", name)
		}
	}
}

func blueprintFiles(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob(blueprintFolder + "/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("the blueprints are %v (%v)", files, err)
	}
	for _, file := range files {
		names = append(names, filepath.Base(file))
	}
	return names
}

// blueprints gives the shipped blueprints to Home Assistant as its import does,
// and wants it to list each without an error.
func (s *automated) blueprints() {
	files := blueprintFiles(s.t)
	for _, name := range files {
		text, err := os.ReadFile(blueprintFolder + "/" + name)
		if err != nil {
			s.t.Fatal(err)
		}
		s.ws("blueprint/save", map[string]any{"domain": "automation", "path": "printwire/" + name, "yaml": string(text), "source_url": blueprintSource + name})
	}
	var list map[string]struct {
		Error    string
		Metadata struct {
			Name, Description, Domain, Author string
			SourceURL                         string `json:"source_url"`
			HomeAssistant                     struct {
				MinVersion string `json:"min_version"`
			}
			Input map[string]any
		}
	}
	s.h.decode(s.ws("blueprint/list", map[string]any{"domain": "automation"}), &list)
	for _, file := range files {
		got := list["printwire/"+file]
		m := got.Metadata
		if got.Error != "" || m.Name == "" || m.Description == "" || m.Domain != "automation" || m.Author == "" || m.HomeAssistant.MinVersion == "" || m.Input["printer"] == nil {
			s.t.Errorf("Home Assistant lists %s as %+v", file, got)
		}
	}
}

// automations makes one of each blueprint, as a person would who fills in the
// form, and one with nothing filled in but the printer.
func (s *automated) automations() string {
	note := func(id, picture string) []any {
		return []any{map[string]any{"action": "persistent_notification.create", "data": map[string]any{
			"notification_id": id, "title": "{{ title }}", "message": "{{ message }}" + picture,
		}}}
	}
	inputs := map[string]map[string]any{
		"print_finished": {"also": note("{{ tag }}", " {{ picture }}"), "price_per_kg": 20, "currency": "EUR"},
		"milestones": {"also": note("{{ tag }}", " {{ progress }}"), "also_at_end": []any{map[string]any{
			"action": "persistent_notification.dismiss", "data": map[string]any{"notification_id": "{{ tag }}"},
		}}},
		"failure":         {"also": note("{{ tag }}", ""), "page": "/lovelace/printers"},
		"filament_runout": {},
	}
	list := listeners()
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		input := inputs[name]
		input["printer"], input["phones"] = s.device, []any{s.phoneDevice}
		for alias, in := range map[string]any{name: input, name + " plain": map[string]any{"printer": s.otherDevice}} {
			list = append(list, map[string]any{"alias": alias, "id": alias, "use_blueprint": map[string]any{"path": "printwire/" + name + ".yaml", "input": in}})
		}
	}
	text, err := json.MarshalIndent(list, "", " ") // JSON is YAML
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// notes are the persistent notifications, id to what they say.
func (s *automated) notes() map[string]string {
	s.t.Helper()
	var list []struct {
		ID      string `json:"notification_id"`
		Title   string
		Message string
	}
	s.h.decode(s.ws("persistent_notification/get", nil), &list)
	all := map[string]string{}
	for _, n := range list {
		all[n.ID] = n.Title + "|" + n.Message
	}
	return all
}

// job is one to print; a minute takes three seconds.
func job(name string, duration time.Duration) simulator.Job {
	return simulator.Job{
		Name: name, Plate: 1, Layers: 40, Duration: duration, Prepare: 20 * time.Second, Nozzle: 220, Bed: 60,
		Slots: []int{0}, Grams: []float64{15.2}, Metres: []float64{5.1},
	}
}

// printing begins a job and waits until it prints.
func (s *automated) printing(name string, duration time.Duration) {
	s.t.Helper()
	s.x1.Print(job(name, duration))
	s.in.until("printwire/"+s.x1.Serial()+"/job_name", name)
	s.in.until("printwire/"+s.x1.Serial()+"/activity", "printing")
	s.phone.gets("that it prints", patience, titled("print started"))
}

func (s *automated) printed() {
	s.printing(hostile, 4*time.Minute)
	progress := "printwire_" + s.device + "_progress"
	for _, percent := range []int{25, 50, 75} {
		n := s.phone.gets(strconv.Itoa(percent)+" %", patience, titled(fmt.Sprintf("Oma's printer: %d %%", percent)))
		if n.Data.Tag != progress || !n.Data.AlertOnce || n.Data.Progress == nil || *n.Data.Progress != percent {
			s.t.Errorf("at %d %% the phone gets %+v", percent, n)
		}
		if !strings.HasPrefix(n.Message, hostile+": ") || !strings.Contains(n.Message, " min left, done at ") {
			s.t.Errorf("at %d %% the phone says %q", percent, n.Message)
		}
		if got := s.notes()[progress]; !strings.Contains(got, hostile) {
			s.t.Errorf("at %d %% the notifications are %v", percent, s.notes())
		}
	}
	s.phone.loses(progress, patience)
	n := s.phone.gets("that it is finished", patience, titled("Oma's printer: print finished"))
	want := regexp.MustCompile(`^` + regexp.QuoteMeta(hostile) + ` is done after \d+ min, with 15\.2 g of filament for 0\.30 EUR\.$`)
	if !want.MatchString(n.Message) || n.Data.Tag != "printwire_"+s.device+"_finished" || len(n.Data.Actions) > 0 {
		s.t.Errorf("the phone gets %+v", n)
	}
	entity, ok := strings.CutPrefix(n.Data.Image, "/api/image_proxy/")
	if !ok {
		s.t.Fatalf("the notification's picture is %q", n.Data.Image)
	}
	if entity != "image.what_is_printed" {
		s.t.Errorf("the picture is of %s", entity)
	}
	if got, err := png.DecodeConfig(bytes.NewReader(s.h.picture(s.t, entity))); err != nil || got.Width < 32 {
		s.t.Errorf("the picture: %v, %+v", err, got)
	}
	eventually(s.t, "the notifications in Home Assistant are one", patience, func() (bool, string) {
		all := s.notes()
		return len(all) == 1 && strings.HasSuffix(all[n.Data.Tag], n.Data.Image), fmt.Sprint(all)
	})
	if more := s.phone.left(); len(more) > 0 {
		s.t.Errorf("the phone also got %+v", more)
	}
}

// What the simulated printer tells of.
const (
	clogged     = 0x03004006
	ranOutError = 0x07008011
)

func (s *automated) faulted() {
	s.printing("Vase", 30*time.Minute)
	activity := "printwire/" + s.x1.Serial() + "/activity"
	s.x1.SetError(clogged)
	n := s.phone.gets("the fault", patience, titled("Oma's printer: fault"))
	if len(strings.Fields(n.Message)) < 3 || !strings.Contains(n.Message, "0300") {
		s.t.Errorf("the fault is told as %q", n.Message)
	}
	if !s.stops(n) {
		s.t.Errorf("to stop is not marked as what cannot be undone: %+v", n)
	}
	s.phone.presses(n.button("Pause"))
	s.in.until(activity, "paused")
	s.x1.SetError(0)
	s.phone.loses(n.Data.Tag, patience)
	s.phone.presses(n.button("Stop"))
	s.in.until(activity, "stopped")
	s.phone.loses("printwire_"+s.device+"_progress", patience)
}

func (s *automated) stops(n push) bool {
	for _, a := range n.Data.Actions {
		if a.Title == "Stop" {
			return a.Destructive
		}
	}
	return false
}

func (s *automated) failed() {
	s.printing("Tower", 30*time.Minute)
	if err := s.x1.Play("fail_in_print"); err != nil {
		s.t.Fatal(err)
	}
	n := s.phone.gets("the failure", patience, titled("Oma's printer: print failed"))
	if !regexp.MustCompile(`^Tower failed at \d+ %: .{10,} \([0-9A-F_-]+\)$`).MatchString(n.Message) || len(n.Data.Actions) > 0 {
		s.t.Errorf("the failure is told as %+v", n)
	}
	if got := s.notes()[n.Data.Tag]; !strings.Contains(got, "Tower failed") {
		s.t.Errorf("the notifications are %v", s.notes())
	}
	s.phone.loses("printwire_"+s.device+"_progress", patience)
}

func (s *automated) ranOut() {
	s.phone.left()
	s.printing("Gear", 30*time.Minute)
	s.x1.Pause(ranOutError, 6)
	n := s.phone.gets("that filament ran out", patience, titled("Oma's printer: filament ran out"))
	if !strings.HasPrefix(n.Message, "Gear waits at ") {
		s.t.Errorf("it is told as %q", n.Message)
	}
	s.phone.presses(n.button("Resume"))
	s.in.until("printwire/"+s.x1.Serial()+"/activity", "printing")
	s.phone.loses(n.Data.Tag, patience)
	s.x1.Cancel(simulator.CodeWithState)
	s.about("e2e/bus", "Gear", time.Minute, "print_stopped")
}
