package discovery

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/printer"
)

const (
	// maxCommand is the longest payload of a command, in bytes.
	maxCommand = 512
	// commandWait is how long a command is followed.
	commandWait = 30 * time.Second
)

// commandFilters are the topics that take commands.
func commandFilters() []string { return []string{root + "/+/+/set", root + "/+/+/+/set"} }

// NoRetain tells whether a topic takes commands, which are never accepted
// retained: a replayed one would move a machine.
func NoRetain(topic string) bool {
	return strings.HasPrefix(topic, root+"/") && strings.HasSuffix(topic, "/set")
}

// setter is the row that a command topic belongs to.
type setter struct {
	dev  *device
	row  int
	part string
}

// result is what is told about a command.
type result struct {
	ID      *string `json:"id"`
	Command string  `json:"command"`
	OK      bool    `json:"ok"`
	Reason  *string `json:"reason"`
}

// order is one command on its way.
type order struct {
	// queue is the printer's serial, or "bridge".
	queue   string
	command string
	id      *string
	run     func(ctx context.Context) error
}

// onCommand takes a message of a command topic. It runs on the bus and only
// parses: the command itself waits in its printer's queue.
func (d *Discovery) onCommand(m mqtt.Message) {
	queue, name := split(m.Topic)
	value, id, err := envelope(m)
	if err != nil {
		d.answer(order{queue: queue, command: name, id: id}, err)
		return
	}
	o, err := d.order(m, queue, name, value)
	if o.queue == "" {
		return
	}
	o.id = id
	if err == nil && o.run != nil {
		err = d.workers.put(o)
	}
	if err != nil || o.run == nil {
		d.answer(o, err)
	}
}

// order finds and parses a command. Its queue is "" when the topic is not of
// anything of ours; its run is nil when it is done already.
func (d *Discovery) order(m mqtt.Message, queue, name, value string) (order, error) {
	d.mu.Lock()
	defer d.release()
	f := d.printers[queue]
	if f == nil && queue != "bridge" {
		return order{}, nil
	}
	o := order{queue: queue, command: name}
	s, ok := d.setter(m.Topic, f)
	switch {
	case !ok && f != nil && f.snap.State.Caps.ReadOnly():
		return o, fault.New(fault.Denied, "the printer refuses commands, or has no command %.64q", name)
	case !ok:
		return o, fault.New(fault.NotFound, "there is no command %.64q", name)
	}
	r := s.dev.live[s.row]
	in, err := parse(r, &s.dev.view, s.part, value)
	if err != nil {
		return o, err
	}
	switch {
	case r.keeps:
		d.keep(s.dev, r.key, in.number)
	case r.act != nil:
		act := r.act
		o.run = func(context.Context) error { return act(d, in) }
	default:
		cmd := r.command(&s.dev.view, in)
		cmd.Origin = "homeassistant"
		id := f.id
		o.run = func(ctx context.Context) error {
			_, err := d.opts.Printers.Do(ctx, id, cmd)
			return err
		}
	}
	return o, nil
}

// setter finds the row that a command topic belongs to; f is its printer, nil for
// the bridge.
func (d *Discovery) setter(topic string, f *family) (setter, bool) {
	devices := []*device{d.bridge}
	if f != nil {
		devices = append([]*device{f.device}, f.units...)
	}
	for _, dev := range devices {
		name, _ := strings.CutPrefix(topic, dev.topics)
		key, part, _ := strings.Cut(strings.TrimSuffix(name, "/set"), "/")
		for i, r := range dev.live {
			if r.taken() && r.key == key && (part == "" || part == r.part) {
				return setter{dev: dev, row: i, part: part}, true
			}
		}
	}
	return setter{}, false
}

// keep stores a number that the bridge keeps and shows it.
func (d *Discovery) keep(dev *device, key string, value float64) {
	dev.view.kept[key] = value
	d.save(map[string]any{keptKey + dev.id: keptRecord{recordVersion, dev.view.kept}})
	d.relay(dev, d.now())
}

// answer tells how a command ended.
func (d *Discovery) answer(o order, err error) {
	r := result{ID: o.id, Command: clean(o.command, 64), OK: err == nil}
	if err != nil {
		reason := "internal error"
		if k := fault.KindOf(err); k != fault.Internal {
			reason = clean(err.Error(), maxState)
		}
		r.Reason = &reason
		d.log.Info("command failed", "printer", o.queue, "command", r.Command, "error", err)
	}
	if !printer.ValidSerial(o.queue) && o.queue != "bridge" {
		return
	}
	b, err := json.Marshal(r)
	if err != nil {
		d.log.Error("command result not encoded", "error", err)
		return
	}
	d.publish(root+"/"+o.queue+"/command/result", b, false)
}

// split gives the printer and the command of a topic: printwire/<queue>/<name>/set.
func split(topic string) (queue, name string) {
	rest := strings.TrimSuffix(strings.TrimPrefix(topic, root+"/"), "/set")
	queue, name, _ = strings.Cut(rest, "/")
	return queue, name
}

// envelope is the value of a command's payload, which is the value itself or
// an object {"id","value"}; the id comes back in the result.
func envelope(m mqtt.Message) (value string, id *string, err error) {
	b := m.Payload
	switch {
	case m.Retain:
		return "", nil, fault.New(fault.Invalid, "commands are not accepted retained")
	case len(b) > maxCommand:
		return "", nil, fault.New(fault.Invalid, "a command has at most %d bytes, got %d", maxCommand, len(b))
	case len(b) == 0 || b[0] != '{':
		return string(b), nil, nil
	}
	var e struct {
		ID    *string         `json:"id"`
		Value json.RawMessage `json:"value"`
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil || dec.More() || len(e.Value) == 0 {
		return "", nil, fault.New(fault.Invalid, `expected a plain value or {"id":"…","value":…}`)
	}
	if e.ID != nil {
		s := clean(*e.ID, 64)
		e.ID = &s
	}
	var word string
	if json.Unmarshal(e.Value, &word) == nil {
		return word, e.ID, nil
	}
	return string(e.Value), e.ID, nil
}

// parse accepts a payload of a row, strictly: what Home Assistant sends, and nothing else.
func parse(r *row, v *view, part, value string) (input, error) {
	in := input{part: part}
	switch r.platform {
	case button:
		if value != "PRESS" {
			return in, expected("PRESS", value)
		}
		return in, nil
	case onOffSwitch, light:
		err := in.truth(value)
		return in, err
	case fan:
		if part == "" {
			err := in.truth(value)
			return in, err
		}
		err := in.within(value, bounds{0, 100, 1})
		return in, err
	case number:
		err := in.within(value, r.bounds(v))
		return in, err
	case choice:
		in.word = value
		if words := r.options(v); !slices.Contains(words, value) {
			return in, expected("one of "+strings.Join(words, ", "), value)
		}
		return in, nil
	default:
		return in, fault.New(fault.Unsupported, "%s takes no command", r.key)
	}
}

func (in *input) truth(value string) error {
	if value != "ON" && value != "OFF" {
		return expected("ON or OFF", value)
	}
	in.on = value == "ON"
	return nil
}

// within accepts a plain decimal number: no exponent, no sign but a minus, no
// spaces, and neither infinity nor NaN.
func (in *input) within(value string, b bounds) error {
	want := "a number from " + strconv.FormatFloat(b.min, 'f', -1, 64) + " to " + strconv.FormatFloat(b.max, 'f', -1, 64)
	if value == "" || len(value) > 16 || strings.Trim(value, "0123456789.-") != "" {
		return expected(want, value)
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !(n >= b.min && n <= b.max) {
		return expected(want, value)
	}
	in.number = n
	return nil
}

func expected(want, got string) error {
	return fault.New(fault.Invalid, "expected %s, got %.32q", want, got)
}
