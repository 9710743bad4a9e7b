package discovery_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/printer"
)

// fixed is a Now that stands still, and a price of all filament.
func fixed(o *discovery.Options) {
	o.Now, o.Currency = epoch, "EUR"
	o.Price = func(string, string) printer.Opt[float64] { return printer.Some(20.0) }
}

func TestPrepare_GoldenPayloads(t *testing.T) {
	for name, snap := range models() {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, fixed, snap)
			conforms(t, b.bus.Published())
			golden(t, name, b.bus.Retained())
		})
	}
}

// golden compares what is retained with a file: announcements and documents as
// JSON, values as text.
func golden(t *testing.T, name string, retained map[string]string) {
	t.Helper()
	all := map[string]any{}
	for topic, v := range retained {
		if strings.HasPrefix(v, "{") {
			all[topic] = json.RawMessage(v)
			continue
		}
		all[topic] = v
	}
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(all); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".golden.json")
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		g, w := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				t.Fatalf("%s line %d:\n got %s\nwant %s", file, i+1, g[i], w[i])
			}
		}
		t.Fatalf("%s: %d lines, want %d", file, len(g), len(w))
	}
}

func TestPrepare_AllModelsTogether(t *testing.T) {
	b := newBed(t, fixed, slices.Collect(maps.Values(models()))...)
	h := conforms(t, b.bus.Published())
	if len(h.devices) != 1+5+1+2+2+2 {
		t.Errorf("%d devices, want the bridge, 5 printers and 7 filament changers", len(h.devices))
	}
	t.Run("no entity repeats its device's name", func(t *testing.T) {
		for device, components := range h.devices {
			for key, c := range components {
				name, _ := c["name"].(string)
				for _, other := range []string{"workshop", "big one", "twin", "locked", "printwire", "ams"} {
					if strings.HasPrefix(strings.ToLower(name), other) {
						t.Errorf("%s %s is named %q", device, key, name)
					}
				}
			}
		}
	})
	t.Run("an entity's topic has exactly one listener", func(t *testing.T) {
		seen := map[string]string{}
		for device, components := range h.devices {
			for key, c := range components {
				topic, _ := c["state_topic"].(string)
				if other, taken := seen[topic]; topic != "" && taken {
					t.Errorf("%s is of %s and of %s %s", topic, other, device, key)
				}
				seen[topic] = device + " " + key
			}
		}
	})
}

func TestPrepare_FixedKeys(t *testing.T) {
	fixedKeys := words(`activity stage progress remaining_time finish_at started_at current_layer total_layers job_name file_name
		nozzle_temperature nozzle_target bed_temperature bed_target chamber_temperature chamber_target left_nozzle_temperature left_nozzle_target
		right_nozzle_temperature right_nozzle_target part_fan aux_fan chamber_fan heatbreak_fan speed chamber_light pause resume stop refresh
		clear_error online door problem fault wifi_signal firmware active_tray external_spool storage events`)
	b := newBed(t, fixed, h2d())
	for device, keys := range map[string][]string{
		"printwire_09400A000000005":       fixedKeys,
		"printwire_09400A000000005_ams_1": words("humidity humidity_index temperature drying drying_remaining tray_1 tray_2 tray_3 tray_4"),
		"printwire_7f3a":                  words("version printers_connected clients restart log_level"),
	} {
		components := b.components(t, device)
		for _, key := range keys {
			if components[key] == nil {
				t.Errorf("%s has no %s", device, key)
			}
		}
	}
}

func TestPrepare_ReadOnlyPrinterHasNoDeadControls(t *testing.T) {
	b := newBed(t, fixed, readOnly())
	components := b.components(t, "printwire_09400A000000009")
	for key, c := range components {
		if c["command_topic"] != nil && !slices.Contains(words("chamber_light second_light refresh"), key) {
			t.Errorf("%s offers a command that the printer refuses", key)
		}
	}
	for key, platform := range map[string]string{"nozzle_target": "sensor", "speed": "sensor", "part_fan": "sensor", "chamber_light": "light"} {
		if components[key]["platform"] != platform {
			t.Errorf("%s is %v, want %s", key, components[key]["platform"], platform)
		}
	}
	b.want(t, map[string]string{"printwire/09400A000000009/part_fan": "100", "printwire/09400A000000009/problem": "ON",
		"printwire/09400A000000009/problem_text": "Switch on Developer mode on the printer's screen."})
}
