package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// verify compares the journal with the plays, and MQTT with the journal.
func (h *theatre) verify() {
	h.t.Helper()
	got := map[string][]string{} // by printer and job's name
	ids := map[string]map[string]bool{}
	online := map[string]int{}
	for i, e := range h.entries {
		if e.Seq != uint64(i+1) {
			h.t.Errorf("entry %d has the number %d", i+1, e.Seq)
		}
		switch e.Name {
		case "printer_online":
			online[e.Serial]++
			continue
		case "printer_offline":
			h.t.Errorf("entry %d: %s was told to be offline", e.Seq, e.Serial)
			continue
		case "printer_error", "printer_error_cleared", "bed_cooled":
			continue // looked at below
		}
		job, name, milestone := nameIn(e)
		key := e.Serial + " " + job
		got[key] = append(got[key], strings.TrimSpace(keyOf("", name, milestone)))
		if ids[key] == nil {
			ids[key] = map[string]bool{}
		}
		ids[key][e.Job] = true
	}
	for _, s := range h.stage {
		if n := online[s.sim.Serial()]; n != 1 {
			h.t.Errorf("%s was told to be online %d times, want once", s.sim.Serial(), n)
		}
		for _, a := range s.acts {
			key := a.printer + " " + a.name
			h.verifyAct(a, got[key])
			if len(ids[key]) != 1 {
				h.t.Errorf("%s: has %d ids: %v", key, len(ids[key]), ids[key])
			}
			delete(got, key)
		}
	}
	for key, events := range got {
		h.t.Errorf("the journal has events about %q, which nobody played: %q", key, events)
	}
	h.verifyEpisodes()
	h.verifyTold()
}

// verifyAct wants each event of a job exactly once, the end among those that
// it may have had, and last.
func (h *theatre) verifyAct(a act, got []string) {
	h.t.Helper()
	rest := slices.Clone(got)
	take := func(want string) bool {
		i := slices.Index(rest, want)
		if i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		}
		return i >= 0
	}
	unseen := len(a.ends) > 1 && slices.Contains(got, "print_failed")
	for _, want := range a.want {
		if !take(want) && !(unseen && want != "print_started") {
			h.t.Errorf("%s, %s: no %q in %q", a.printer, a.name, want, got)
		}
	}
	ended := 0
	for _, end := range a.ends {
		if take(end) {
			ended++
		}
	}
	if ended != 1 || len(rest) > 0 {
		h.t.Errorf("%s, %s: %d ends, and more than wanted: %q of %q", a.printer, a.name, ended, rest, got)
	}
	if len(got) > 0 && (got[0] != "print_started" || !slices.Contains(a.ends, got[len(got)-1])) {
		h.t.Errorf("%s, %s: does not begin with its start and end with its end: %q", a.printer, a.name, got)
	}
}

// verifyEpisodes wants a fault told and cleared in turns, and at most one
// cooled bed a job.
func (h *theatre) verifyEpisodes() {
	h.t.Helper()
	standing, cooled := map[string]bool{}, map[string]int{}
	for _, e := range h.entries {
		key := e.Serial + " " + about(e)[len(e.Name):]
		switch e.Name {
		case "printer_error", "printer_error_cleared":
			if on := e.Name == "printer_error"; standing[key] == on {
				h.t.Errorf("entry %d: %s twice in a row for %s", e.Seq, e.Name, key)
			} else {
				standing[key] = on
			}
		case "bed_cooled":
			if cooled[e.Job]++; cooled[e.Job] > 1 {
				h.t.Errorf("entry %d: the bed of job %s cooled twice", e.Seq, e.Job)
			}
		}
	}
}

// verifyTold wants everything on MQTT to be in the journal, and a repeat to be
// the same to the byte. The first events after a start wait two seconds for
// their audience, which is longer than the lives before the last one, and are
// not told when they are older than a minute: only of what was new in the last
// life has each to be told.
func (h *theatre) verifyTold() {
	h.t.Helper()
	h.listener.mu.Lock()
	defer h.listener.mu.Unlock()
	for _, m := range h.listener.events {
		var e struct {
			Seq   uint64
			Event string
			Type  string `json:"event_type"`
			Job   string
		}
		if err := json.Unmarshal([]byte(m.payload), &e); err != nil || e.Seq < 1 || e.Seq > uint64(len(h.entries)) {
			h.t.Errorf("MQTT told %s, which is not in the journal (%v)", m.payload, err)
			continue
		}
		entry := h.entries[e.Seq-1]
		if entry.Name != e.Event || e.Event != e.Type || entry.Job != e.Job || m.topic != "printwire/"+entry.Serial+"/event" {
			h.t.Errorf("MQTT told %s on %s, the journal has %s", m.payload, m.topic, entryText(entry))
		}
		h.sameData(m.payload, entry.Data)
		before, again := h.told[e.Seq]
		if again {
			h.repeats++
		}
		if again && before != m.payload {
			h.t.Errorf("MQTT told number %d as %s and as %s", e.Seq, before, m.payload)
		}
		h.told[e.Seq] = m.payload
	}
	for _, e := range h.entries {
		if _, ok := h.told[e.Seq]; ok {
			continue
		}
		h.untold++
		if e.Time.After(h.last.Add(-30 * time.Second)) {
			h.t.Errorf("MQTT did not tell entry %d, which was new when the last life began: %s", e.Seq, entryText(e))
		}
	}
}

// sameData wants every field of the entry's data in the payload.
func (h *theatre) sameData(payload string, data json.RawMessage) {
	h.t.Helper()
	var told, kept map[string]any
	if json.Unmarshal([]byte(payload), &told) != nil || json.Unmarshal(data, &kept) != nil {
		h.t.Errorf("MQTT told %s of %s", payload, data)
		return
	}
	for k, v := range kept {
		if fmt.Sprint(told[k]) != fmt.Sprint(v) {
			h.t.Errorf("MQTT told %s, the journal has %s", payload, data)
		}
	}
}
