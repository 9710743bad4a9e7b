package discovery_test

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/printer"
)

// FuzzBuilder feeds hostile text and numbers through every entity: whatever a
// device says, Home Assistant logs nothing and topics stay ours.
func FuzzBuilder(f *testing.F) {
	f.Add("Workshop", "Bracket", 215.0, 42)
	f.Add("{{ x }}", "a/b+c#d", math.NaN(), -1)
	f.Add("\x00\x1b", "\xff\xfe", math.Inf(1), math.MaxInt)
	f.Add("🎉\u202e\u2028", "None", math.Copysign(0, -1), math.MinInt)
	f.Add("\"\\", "<script>&", 1e300, 1<<40)
	f.Fuzz(func(t *testing.T, name, word string, number float64, whole int) {
		s := h2d()
		s.Config.Name, s.Config.Area = name, word
		fill(&s.State, word, number, whole)
		b := newBed(t, fixed, s, a1())
		b.apply(s, func(s *printer.Snapshot) { fill(&s.State, name, number/3, whole/7) })
		for topic, v := range b.bus.Retained() {
			if err := mqtt.ValidTopic(topic); err != nil {
				t.Error(err)
			}
			if !utf8.ValidString(v) && !strings.HasSuffix(topic, "/cover") { // a picture
				t.Errorf("%s is not valid UTF-8", topic)
			}
		}
		conforms(t, b.bus.Published())
	})
}

// fill puts the same hostile values everywhere.
func fill(s *printer.State, word string, number float64, whole int) {
	heater := printer.Heater{Temperature: some(number), Target: some(number)}
	s.Model, s.Firmware, s.FirmwareAvailable, s.Hardware = word, word, word, word
	s.Activity, s.Stage, s.Speed, s.AirDuct, s.Storage, s.Tool, s.IPAddress = printer.Activity(word), word, word, word, word, word, word
	s.Problem = printer.Problem{Code: printer.ProblemCode(word), Text: word}
	s.Nozzles[0] = printer.Nozzle{Heater: heater, Diameter: some(number), Type: word, Flow: word}
	s.Bed, s.Chamber, s.ActiveNozzle, s.SpeedPercent, s.WiFi = heater, heater, some(whole), some(whole), some(whole)
	s.Fans = printer.Fans{Part: some(whole), Aux: some(whole), Chamber: some(whole), Heatbreak: some(whole), SecondAux: some(whole)}
	s.Job.Name, s.Job.File, s.Job.Source, s.Job.Reason, s.Job.PauseReason, s.Job.Result = word, word, word, word, word, printer.Result(word)
	s.Job.Progress, s.Job.Layer, s.Job.RemainingSeconds, s.Job.TotalLayers = some(whole), some(whole), some(whole), some(whole)
	s.Job.StartedAt, s.Job.EndedAt = time.Unix(int64(whole), 0), time.Time{}
	tray := printer.Tray{Material: word, Brand: word, Name: word, Color: word, Colors: word, Tag: word, Spool: word, FilamentID: word,
		Remaining: some(whole), Weight: some(whole), Diameter: some(number), PressureAdvance: some(number)}
	s.External = []printer.Tray{tray}
	s.Units = []printer.Unit{{ID: 1, Kind: word, Serial: word, Firmware: word, Humidity: some(whole), HumidityIndex: some(whole), Temperature: some(number),
		CanDry: true, MaxDryTemperature: whole, Drying: word, DryingRemaining: some(whole), DryingTarget: some(whole), DryingHours: some(whole),
		DryingFilament: word, Trays: []printer.Tray{tray}}, {ID: whole}}
	s.ActiveTray = some(printer.TrayRef{Unit: whole, Slot: whole})
	s.Faults = nil
	for range 40 {
		s.Faults = append(s.Faults, printer.Fault{Code: word, Severity: printer.Severity(word), Module: word, Text: word, URL: word})
	}
}
