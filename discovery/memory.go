package discovery

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/printer"
)

// memory is what outlives the process. All keys in the store begin with "discovery/".
type memory struct {
	// slugs by serial.
	slugs map[string]string
	// taken are the slugs in use.
	taken map[string]bool
	// told is what was announced, by object id.
	told map[string]told
	// gone are the devices that a person deleted in Home Assistant.
	gone map[string]bool
	// left are the devices that went while nobody listened, to be told at the next birth.
	left map[string]bool
	// kept are the numbers that people set, by object id and key.
	kept map[string]map[string]float64
	// last are the jobs that ended last, by serial.
	last map[string]lastJob
}

// lastJob is how a printer's last job ended.
type lastJob struct {
	Version int            `json:"v"`
	ID      string         `json:"id"`
	Result  printer.Result `json:"result"`
	Reason  string         `json:"reason,omitempty"`
	Seconds int            `json:"seconds,omitempty"`
}

// told is the record of one announced device: enough to remove it without its printer.
type told struct {
	Version int    `json:"v"`
	Serial  string `json:"serial,omitempty"`
	// Unit is the wire id of a filament changer, -1 for none.
	Unit       int                 `json:"unit"`
	Topics     string              `json:"topics"`
	Components map[string]platform `json:"components"`
}

type slugRecord struct {
	Version int    `json:"v"`
	Slug    string `json:"slug"`
}

type goneRecord struct {
	Version int `json:"v"`
}

type keptRecord struct {
	Version int                `json:"v"`
	Numbers map[string]float64 `json:"numbers"`
}

const recordVersion = 1

const (
	slugKey = "discovery/slug/"
	toldKey = "discovery/told/"
	goneKey = "discovery/gone/"
	leftKey = "discovery/left/"
	keptKey = "discovery/kept/"
	lastKey = "discovery/last/"
)

// remember loads what outlived the last process. A damaged record is as if it
// were not there; it is logged.
func (d *Discovery) remember() error {
	d.memory = memory{slugs: map[string]string{}, taken: map[string]bool{root: true}, told: map[string]told{}, gone: map[string]bool{}, left: map[string]bool{}, kept: map[string]map[string]float64{}, last: map[string]lastJob{}}
	loads := []struct {
		prefix string
		take   func(id string, value []byte) error
	}{
		{slugKey, func(id string, b []byte) error {
			var r slugRecord
			err := json.Unmarshal(b, &r)
			if err == nil && slugify(r.Slug) == r.Slug && r.Slug != "" {
				d.slugs[id], d.taken[r.Slug] = r.Slug, true
			}
			return err
		}},
		{toldKey, func(id string, b []byte) error {
			var r told
			err := json.Unmarshal(b, &r)
			if err == nil && strings.HasPrefix(id, root+"_") {
				r.Components = d.shared(r.Components)
				d.told[id] = r
			}
			return err
		}},
		{goneKey, func(id string, _ []byte) error { d.gone[id] = true; return nil }},
		{leftKey, func(id string, _ []byte) error { d.left[id] = true; return nil }},
		{keptKey, func(id string, b []byte) error {
			var r keptRecord
			err := json.Unmarshal(b, &r)
			if err == nil && r.Numbers != nil {
				d.kept[id] = r.Numbers
			}
			return err
		}},
		{lastKey, func(id string, b []byte) error {
			var r lastJob
			err := json.Unmarshal(b, &r)
			if err == nil {
				d.last[id] = r
			}
			return err
		}},
	}
	for _, l := range loads {
		values, err := d.opts.Store.Values(l.prefix)
		if err != nil {
			return fmt.Errorf("read what was announced: %w", err)
		}
		for key, value := range values {
			if err := l.take(strings.TrimPrefix(key, l.prefix), value); err != nil {
				d.log.Warn("record ignored", "key", key, "error", err)
			}
		}
	}
	return nil
}

// pending is what was decided under the lock and is done once it is free.
type pending struct {
	unsaved map[string][]byte
	untold  []mqtt.Message
}

// save records what is to be stored at release.
func (d *Discovery) save(pairs map[string]any) {
	for key, v := range pairs {
		var b []byte
		if v != nil {
			var err error
			if b, err = json.Marshal(v); err != nil {
				d.log.Error("record not encoded", "key", key, "error", err)
				continue
			}
		}
		if d.unsaved == nil {
			d.unsaved = map[string][]byte{}
		}
		d.unsaved[key] = b
	}
}

// tell publishes an announcement at release, after what has to be stored first;
// an empty one removes it.
func (d *Discovery) tell(topic string, text []byte) {
	d.untold = append(d.untold, mqtt.Message{Topic: topic, Payload: text})
}

// release frees the lock, stores what was recorded in one transaction, and then
// publishes announcements. Values do not wait for the disk. Whoever comes first
// does it for all, so it is done in the order of the decisions.
func (d *Discovery) release() {
	idle := d.unsaved == nil && d.untold == nil
	d.mu.Unlock()
	if idle {
		return
	}
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	p := d.pending
	d.pending = pending{}
	d.mu.Unlock()
	if len(p.unsaved) > 0 {
		if err := d.opts.Store.Put(p.unsaved); err != nil { // what is shown matters more
			d.log.Warn("what was announced is not stored", "records", len(p.unsaved), "error", err)
		}
	}
	for _, m := range p.untold {
		if len(m.Payload) == 0 {
			d.clear(m.Topic)
			continue
		}
		d.publish(m.Topic, m.Payload, true)
	}
}

// slugOf is the printer's part of its entity ids, made once and unique.
func (d *Discovery) slugOf(c printer.Config) string {
	if s, ok := d.slugs[c.Serial]; ok {
		return s
	}
	base := slugify(c.Name)
	if base == "" {
		base = "printer"
	}
	slug := base
	for i := 2; d.taken[slug]; i++ {
		slug = base + "_" + strconv.Itoa(i)
	}
	d.slugs[c.Serial], d.taken[slug] = slug, true
	d.newSlugs = append(d.newSlugs, c.Serial)
	return slug
}

// ended keeps how the printer's job ended, for when the next one is shown.
func (d *Discovery) ended(f *family) {
	j := &f.snap.State.Job
	if !j.Over() {
		return
	}
	l := lastJob{Version: recordVersion, ID: j.ID, Result: j.Result, Reason: clean(j.Reason, maxState),
		Seconds: int(min(max(j.Duration(), 0), 1e5*time.Hour) / time.Second)}
	if l == f.device.view.last {
		return
	}
	f.device.view.last, d.last[f.serial] = l, l
	d.ends = append(d.ends, f.serial)
}

// addEnds adds the last jobs that are not stored yet to what is written next.
func (d *Discovery) addEnds(records map[string]any) {
	for _, serial := range d.ends {
		if l, ok := d.last[serial]; ok {
			records[lastKey+serial] = l
		}
	}
	d.ends = nil
}
