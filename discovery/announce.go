package discovery

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"slices"
	"time"
)

const (
	// settleWait is how long an announcement waits after the last change.
	settleWait = 2 * time.Second
	// firstWait is how long it waits after the device's first announcement.
	firstWait = 5 * time.Second
	// finalWait is after which a changed announcement is published once more:
	// Home Assistant loses components when two differing messages meet.
	finalWait = 5 * time.Second
	// maxWait is how long changes can put an announcement off.
	maxWait = 30 * time.Second
)

// announcement is where one device's discovery message stands.
type announcement struct {
	// told are the components that Home Assistant may know.
	told map[string]platform
	// gone: a person deleted the device in Home Assistant.
	gone bool
	// firstAt is when it was first announced in this process; sinceAt since when changes wait.
	firstAt, sinceAt time.Time
	// dueAt is when to publish, zero for never; final: without stubs, in full.
	dueAt time.Time
	final bool
	// sum is of the message that was published last, zero for none; spaced: it
	// had a line feed at its end.
	sum    [sha256.Size]byte
	spaced bool
}

// changed notes that the device's announcement is no longer what was published.
func (a *announcement) changed(now time.Time) {
	if a.gone {
		return
	}
	if a.sinceAt.IsZero() {
		a.sinceAt = now
	}
	due := now.Add(settleWait)
	if limit := a.sinceAt.Add(maxWait); due.After(limit) {
		due = limit
	}
	if first := a.firstAt.Add(firstWait); due.Before(first) {
		due = first
	}
	a.dueAt, a.final = due, false
}

// byRank puts parents before what names them.
func byRank(a, b *device) int { return a.rank() - b.rank() }

// announce publishes the discovery messages of devices, parents before what names
// them; release first records what Home Assistant is about to know, in one
// transaction.
func (d *Discovery) announce(now time.Time, devices ...*device) {
	slices.SortStableFunc(devices, byRank)
	records := map[string]any{}
	for _, serial := range d.newSlugs {
		records[slugKey+serial] = slugRecord{recordVersion, d.slugs[serial]}
	}
	d.newSlugs = nil
	d.addEnds(records)
	for _, dev := range devices {
		if dev.gone {
			continue
		}
		text, kinds := d.compose(dev, now)
		if text == nil {
			continue
		}
		if !maps.Equal(kinds, d.told[dev.id].Components) {
			d.told[dev.id] = dev.record(d.shared(kinds))
			records[toldKey+dev.id] = d.told[dev.id]
		}
		dev.told = d.told[dev.id].Components
		d.tell(d.configTopic(dev.id), text)
	}
	d.save(records)
}

// shared is a set equal to kinds that another device has, or kinds itself.
func (d *Discovery) shared(kinds map[string]platform) map[string]platform {
	const some = 32
	for _, k := range d.kinds {
		if maps.Equal(k, kinds) {
			return k
		}
	}
	if len(d.kinds) == some {
		d.kinds = slices.Delete(d.kinds, 0, 1)
	}
	d.kinds = append(d.kinds, kinds)
	return kinds
}

// compose makes the message to publish now, nil for none, and the components
// that Home Assistant may know afterwards, and plans what follows.
func (d *Discovery) compose(dev *device, now time.Time) ([]byte, map[string]platform) {
	kinds := dev.kinds()
	final, first := dev.final, dev.firstAt.IsZero()
	dev.dueAt, dev.sinceAt, dev.final = time.Time{}, time.Time{}, false
	if first {
		dev.firstAt = now
	}
	stubs := map[string]platform{}
	if !final {
		for key, p := range dev.told {
			if kinds[key] != p {
				stubs[key] = p
			}
		}
	}
	if len(stubs) == 0 {
		d.unmute(dev, now)
	}
	text, err := d.text(dev, kinds, stubs)
	if err != nil {
		d.log.Error("device not announced", "device", dev.id, "error", err)
		return nil, nil
	}
	sum := sha256.Sum256(text)
	same := sum == dev.sum
	if same && !final {
		return nil, nil
	}
	dev.sum, dev.spaced = sum, same && !dev.spaced
	if dev.spaced {
		// The same message, but not the same bytes, or nobody would send it.
		text = append(text, '\n')
	}
	text = bytes.Clone(text)
	if !final && (len(stubs) > 0 || !first) {
		dev.dueAt, dev.final = now.Add(finalWait), true
	}
	for key, p := range stubs {
		if _, ok := kinds[key]; !ok {
			kinds[key] = p
		}
	}
	return text, kinds
}

// unmute publishes the values that waited for another platform's entity to go.
func (d *Discovery) unmute(dev *device, now time.Time) {
	muted := false
	for i := range dev.outlets {
		muted = muted || dev.outlets[i].muted
		dev.outlets[i].muted = false
	}
	if muted {
		d.relay(dev, now)
	}
}

// record is what is stored of an announced device.
func (dev *device) record(kinds map[string]platform) told {
	t := told{Version: recordVersion, Unit: dev.number, Topics: dev.topics, Components: kinds}
	if dev.owner != nil {
		t.Serial = dev.owner.serial
	}
	return t
}

// forget removes a device from Home Assistant and clears its topics. Stay keeps
// in mind that a person deleted it, for when it comes back.
func (d *Discovery) forget(id string, stay bool) {
	t, known := d.told[id]
	dev := d.devices[id]
	delete(d.devices, id)
	delete(d.told, id)
	delete(d.kept, id)
	pairs := map[string]any{toldKey + id: nil, keptKey + id: nil}
	if !stay {
		delete(d.gone, id)
		pairs[goneKey+id] = nil
	}
	if known && d.opts.Audience != nil && !d.opts.Audience() {
		d.left[id] = true
		pairs[leftKey+id] = goneRecord{recordVersion}
	}
	d.save(pairs)
	if known {
		d.tell(d.configTopic(id), nil)
	}
	if dev != nil {
		for i := range dev.outlets {
			d.sweepLater(dev.topic(&dev.outlets[i]))
		}
		return
	}
	if t.Unit < 0 && t.Serial != "" {
		d.sweepLater(root+"/"+t.Serial+"/availability", root+"/"+t.Serial+"/state")
	}
	for key := range t.Components {
		topic := t.Topics + key
		d.sweepLater(topic, topic+"/attributes", topic+"/percentage", topic+"/latest")
	}
}

// deleted notes that a person deleted a device in Home Assistant: it stays
// deleted until asked for. A printer's filament changers go with it, or Home
// Assistant would make the printer again as their parent.
func (d *Discovery) deleted(id string) {
	dev := d.devices[id]
	if _, known := d.told[id]; !known || dev == nil || dev.gone {
		return
	}
	d.log.Info("device deleted in Home Assistant, stays deleted until announced again", "device", id)
	pairs := map[string]any{}
	hide := []*device{dev}
	if dev.owner != nil && dev.number < 0 {
		hide = append(hide, dev.owner.units...)
	}
	for _, h := range hide {
		h.announcement = announcement{gone: true}
		d.gone[h.id] = true
		pairs[goneKey+h.id], pairs[toldKey+h.id] = goneRecord{recordVersion}, nil
		delete(d.told, h.id)
	}
	d.save(pairs)
	for _, h := range hide[1:] {
		d.tell(d.configTopic(h.id), nil)
	}
	if dev == d.bridge {
		// Its printers must not name it as their parent any more.
		for _, f := range d.printers {
			if d.shape(f.device) {
				f.device.changed(d.now())
			}
		}
		d.poke()
	}
}

// announceAgain takes all deletions back.
func (d *Discovery) announceAgain() error {
	d.mu.Lock()
	defer d.release()
	now := d.now()
	pairs := map[string]any{}
	for id := range d.gone {
		pairs[goneKey+id] = nil
	}
	d.save(pairs)
	clear(d.gone)
	devices := make([]*device, 0, len(d.devices))
	for _, dev := range d.devices {
		dev.gone, dev.firstAt, dev.final = false, time.Time{}, false
		if dev.sum != [sha256.Size]byte{} && dev.dueAt.IsZero() {
			// What Home Assistant knows already is sent again in full.
			dev.final = true
		}
		d.shape(dev)
		devices = append(devices, dev)
	}
	d.announce(now, devices...)
	d.poke()
	return nil
}

// farewell tells a Home Assistant that has just connected of the devices that
// went while it was away: the embedded broker keeps nothing that says so.
func (d *Discovery) farewell() {
	pairs := map[string]any{}
	ids := slices.Collect(maps.Keys(d.left))
	slices.SortFunc(ids, func(a, b string) int { return len(b) - len(a) }) // changers before their printers
	for _, id := range ids {
		if d.devices[id] == nil {
			if err := d.opts.Bus.Publish(d.configTopic(id), nil, false); err != nil {
				d.log.Warn("removed device not told", "device", id, "error", err)
				continue
			}
		}
		delete(d.left, id)
		pairs[leftKey+id] = nil
	}
	d.save(pairs)
}
