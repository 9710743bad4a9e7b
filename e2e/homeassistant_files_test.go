package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// plate is what REST says of a printer's present print and its file.
type plate struct {
	Name    string   `json:"name"`
	State   string   `json:"state"`
	Job     string   `json:"subtask_name"`
	Grams   *float64 `json:"filament_used"`
	Details *string  `json:"filament_details"`
	Objects *int     `json:"printable_objects_count"`
	Cover   *string  `json:"cover_url"`
}

func (a access) plate(t *testing.T, id int) plate {
	t.Helper()
	var p plate
	if err := json.Unmarshal([]byte(a.get(t, "/api/v1/printers/"+strconv.Itoa(id)+"/status", a.Keys["read"], http.StatusOK)), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// sliced wants Home Assistant and REST to tell the same of each print's file:
// grams, objects, the picture, and what each tray gives.
func sliced(t *testing.T, h *homeAssistant, a access) {
	for id, slug := range []string{"workshop_a1", "garage_x1c", "studio_h2d"} {
		eventually(t, slug+" tells of its file", patience, func() (bool, string) {
			p, states := a.plate(t, id+1), h.states()
			if p.Grams == nil || p.Objects == nil || p.Details == nil {
				return false, fmt.Sprintf("REST: %+v", p)
			}
			weight, objects := states["sensor."+slug+"_print_weight"].State, states["sensor."+slug+"_objects"].State
			if objects != strconv.Itoa(*p.Objects) || !near(weight, *p.Grams) {
				return false, fmt.Sprintf("Home Assistant: %s g, %s objects; REST: %+v", weight, objects, p)
			}
			// The demo's filament costs 22.50 or 25 EUR a kilogram.
			cost := states["sensor."+slug+"_filament_cost"]
			if v, err := strconv.ParseFloat(cost.State, 64); err != nil || v < *p.Grams*0.0225-0.006 || v > *p.Grams*0.025+0.006 || cost.Attributes["unit_of_measurement"] != "EUR" {
				return false, fmt.Sprintf("%.1f g cost %+v", *p.Grams, cost)
			}
			return h.trays(states, slug, *p.Grams)
		})
		eventually(t, slug+" shows its cover", patience, func() (bool, string) {
			got := h.picture(t, "image."+slug+"_cover")
			want := a.get(t, "/api/v1/printers/"+strconv.Itoa(id+1)+"/cover", a.Keys["read"], http.StatusOK)
			return len(want) > 500 && bytes.Equal(got, []byte(want)), fmt.Sprintf("%d bytes, REST has %d", len(got), len(want))
		})
	}
}

// trays tells whether what the trays give adds up to the whole print.
func (h *homeAssistant) trays(states map[string]state, slug string, grams float64) (bool, string) {
	sum, parts := 0.0, []string{}
	for entity, s := range states {
		if !strings.HasPrefix(entity, "sensor."+slug+"_") || !strings.HasSuffix(entity, "_use") {
			continue
		}
		if v, err := strconv.ParseFloat(s.State, 64); err == nil {
			sum += v
			parts = append(parts, entity+" = "+s.State)
		}
	}
	return math.Abs(sum-grams) < 0.15 && len(parts) > 0, fmt.Sprintf("trays: %q, together %.1f of %.1f g", parts, sum, grams)
}

func near(text string, want float64) bool {
	v, err := strconv.ParseFloat(text, 64)
	return err == nil && math.Abs(v-want) < 0.051
}

// picture is what Home Assistant shows for an image entity.
func (h *homeAssistant) picture(t *testing.T, entity string) []byte {
	t.Helper()
	url, token := h.login()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/image_proxy/"+entity, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return nil
	}
	return b
}

// filesOnRecord wants the records of the prints under way to know their files.
func filesOnRecord(t *testing.T, a access) {
	eventually(t, "the records tell of the files", patience, func() (bool, string) {
		var list []struct {
			Printer string   `json:"printer_name"`
			Status  string   `json:"status"`
			Planned *float64 `json:"planned_grams"`
			Details *string  `json:"filament_details"`
		}
		text := a.get(t, "/api/v1/archives?limit=50", a.Keys["read"], http.StatusOK)
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			t.Fatalf("archives: %v: %.200s", err, text)
		}
		known := map[string]bool{}
		for _, r := range list {
			known[r.Printer] = known[r.Printer] || r.Status == "printing" && r.Planned != nil && r.Details != nil
		}
		for _, name := range []string{"Workshop A1", "Garage X1C", "Studio H2D"} {
			if !known[name] {
				return false, fmt.Sprintf("no record under way of %s with grams: %.600s", name, text)
			}
		}
		return true, ""
	})
}
