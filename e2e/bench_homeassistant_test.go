package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestHomeAssistant_Cost measures what five printers cost a real Home
// Assistant: our way, a raw topic per entity of which only changes are sent,
// beside one JSON topic per printer with a template per entity. Both have the
// same entities and the same four changes a second, and take turns in one Home
// Assistant; what it spends while nothing changes is subtracted.
func TestHomeAssistant_Cost(t *testing.T) {
	if os.Getenv("PRINTWIRE_COST") != "1" {
		t.Skip("a measurement, not a check: set PRINTWIRE_COST=1 to make it")
	}
	c := newCosts(t)
	for range rounds {
		c.idle.add(c.spent("idle", nil))
		c.moving.Store(true)
		c.raw.add(c.spent("raw topics", nil))
		c.moving.Store(false)
		c.json.add(c.spent("one JSON topic", c.publish))
	}
	c.follows("printwire_", func(i int) int64 { return c.shown[i].Load() })
	c.follows("template_", func(int) int64 { return c.told })
	raw, document := c.raw.mean()-c.idle.mean(), c.json.mean()-c.idle.mean()
	t.Logf("ms of Home Assistant per printer and second: raw topics %.2f, one JSON topic with templates %.2f, ratio %.2f, idle %.2f subtracted",
		raw, document, document/raw, c.idle.mean())
	if raw <= 0 || document <= 0 {
		t.Errorf("changes cost nothing: %.2f and %.2f ms", raw, document)
	}
}

// costs is a fleet, a bridge and a Home Assistant.
type costs struct {
	t               *testing.T
	h               *homeAssistant
	fleet           *fleet
	out             *peer
	values          map[string]map[string]string // serial to key to what is published
	moving          atomic.Bool
	shown           []atomic.Int64 // the report whose values a printer shows
	told            int64          // the same of the JSON topics
	idle, raw, json series
}

// series are the milliseconds per printer and second of several phases.
type series []float64

func (s *series) add(v float64) { *s = append(*s, v) }

func (s series) mean() float64 {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	return sum / float64(len(s))
}

func newCosts(t *testing.T) *costs {
	t.Helper()
	const printers = 5
	c := &costs{t: t, shown: make([]atomic.Int64, printers), values: map[string]map[string]string{}}
	f := fullForm(t)
	c.fleet = newFleet(t, printers, "X1C", time.Second, func(dst []byte, printer int, count int64) []byte {
		if c.moving.Load() || c.shown[printer].Load() == 0 {
			c.shown[printer].Store(count)
		}
		return f.fill(dst, c.shown[printer].Load())
	})
	t.Cleanup(c.fleet.stop)
	path, err := stripped()
	if err != nil {
		t.Fatal(err)
	}
	folder, address := t.TempDir(), unused(t)
	c.fleet.settings(t, folder, address, unused(t))
	launch(t, path, []string{"SUPERVISOR_TOKEN="}, "serve", "--data", folder)
	c.out = subscribe(t, address, "homeassistant", "benchmark-only", "#")
	c.moving.Store(true) // collect reads until a message comes after its time
	documents := c.collect(8 * time.Second)
	c.moving.Store(false)
	c.h = startHomeAssistant(t)
	var a access
	host, port, _ := strings.Cut(address, ":")
	a.MQTT.Host, a.MQTT.Username, a.MQTT.Password = host, "homeassistant", "benchmark-only"
	if a.MQTT.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	c.h.join(a)
	c.out = subscribe(t, address, "homeassistant", "benchmark-only", "template/none")
	for topic, payload := range documents {
		c.template(topic, payload)
	}
	c.h.settled("printwire_")
	c.h.settled("template_")
	t.Logf("%d entities of ours, %d with templates", len(c.h.entities("printwire_")), len(c.h.entities("template_")))
	return c
}

// collect reads all values and gives the discovery documents of the printers and their units.
func (c *costs) collect(length time.Duration) map[string][]byte {
	c.t.Helper()
	documents, until := map[string][]byte{}, time.Now().Add(length)
	await(c.t, c.out, func(topic, payload []byte) bool {
		levels := strings.SplitN(string(topic), "/", 3)
		switch {
		case levels[0] == "homeassistant":
			if serial := c.serial(string(topic)); serial != "" {
				documents[string(topic)] = slices.Clone(payload)
			}
		case levels[0] == "printwire" && len(levels) == 3:
			if c.values[levels[1]] == nil {
				c.values[levels[1]] = map[string]string{}
			}
			c.values[levels[1]][levels[2]] = string(payload)
		}
		return time.Now().After(until)
	})
	return documents
}

// serial is the printer that a text speaks of.
func (c *costs) serial(text string) string {
	for serial := range c.fleet.ids {
		if strings.Contains(text, serial) {
			return serial
		}
	}
	return ""
}

// template publishes a document anew, its entities reading one JSON topic.
// What carries no value, or takes it in another way, is left out.
func (c *costs) template(topic string, payload []byte) {
	c.t.Helper()
	serial := c.serial(topic)
	ours := "printwire/" + serial + "/"
	var doc map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(payload), "printwire_"+serial, "template_"+serial)), &doc); err != nil {
		c.t.Fatal(err)
	}
	parts := doc["components"].(map[string]any)
	for name, part := range parts {
		entity := part.(map[string]any)
		from, _ := entity["state_topic"].(string)
		platform, _ := entity["platform"].(string)
		if !strings.HasPrefix(from, ours) || !slices.Contains([]string{"sensor", "binary_sensor", "number", "select", "switch"}, platform) {
			delete(parts, name)
			continue
		}
		entity["state_topic"] = "template/" + serial + "/state"
		entity["value_template"] = "{{ value_json['" + strings.TrimPrefix(from, ours) + "'] }}"
		delete(entity, "json_attributes_topic")
		delete(entity, "default_entity_id")
	}
	text, err := json.Marshal(doc)
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(strings.Replace(topic, "printwire_", "template_", 1), text)
}

// send publishes a retained message.
func (c *costs) send(topic string, payload []byte) {
	c.t.Helper()
	if _, err := c.out.conn.Write(frame(0x31, append(appendText(nil, topic), payload...))); err != nil {
		c.t.Fatal(err)
	}
}

// publish sends the JSON topic of each printer once, with four new values.
func (c *costs) publish() {
	c.told++
	for serial, values := range c.values {
		for key, value := range published(c.told) {
			values[key] = value
		}
		text, err := json.Marshal(values)
		if err != nil {
			c.t.Fatal(err)
		}
		c.send("template/"+serial+"/state", text)
		<-time.After(time.Second / time.Duration(len(c.values)))
	}
}

// spent lets a phase settle and gives the milliseconds of Home Assistant per
// printer and second. round, if any, is called for a second after second.
func (c *costs) spent(name string, round func()) float64 {
	c.t.Helper()
	if round == nil {
		round = func() { <-time.After(time.Second) }
	}
	for range 2 {
		round()
	}
	length := 5 * time.Second // as a test; as a measurement PRINTWIRE_BENCH_SECONDS says more
	if os.Getenv("PRINTWIRE_BENCH_SECONDS") != "" {
		length = benchTime(c.t)
	}
	pid := c.h.pid()
	before, began := processor(c.t, pid), time.Now()
	for time.Since(began) < length {
		round()
	}
	used, took := processor(c.t, pid)-before, time.Since(began)
	ms := used.Seconds() * 1000 / took.Seconds() / float64(len(c.shown))
	c.t.Logf("%-16s %.2f ms per printer and second", name, ms)
	return ms
}

// follows wants Home Assistant to have a value of the last report of each printer.
func (c *costs) follows(prefix string, count func(printer int) int64) {
	c.t.Helper()
	states := c.h.states()
	for serial, i := range c.fleet.ids {
		want := strconv.FormatInt(fillIn(placeLayer, count(i)), 10)
		for _, e := range c.h.entities(prefix + serial + "_current_layer") {
			if got := states[e.EntityID].State; got != want {
				c.t.Errorf("%s is %s, want %s", e.EntityID, got, want)
			}
		}
	}
}

// pid is the process of Home Assistant.
func (h *homeAssistant) pid() int {
	h.t.Helper()
	for _, pair := range h.env {
		if folder, ok := strings.CutPrefix(pair, "REALHA_STATE="); ok {
			text, err := os.ReadFile(filepath.Join(folder, "ha.pid"))
			if err != nil {
				h.t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.Fields(string(text))[0])
			if err != nil {
				h.t.Fatal(err)
			}
			return pid
		}
	}
	h.t.Fatal("no REALHA_STATE")
	return 0
}
