package discovery

import (
	"context"
	"slices"
	"time"

	"github.com/printwire/printwire/printer"
)

// announceSome is how many devices are announced at a time: their messages are large.
const announceSome = 16

// absence is after how long a missing filament changer is removed.
const absence = 10 * time.Minute

// Prepare publishes everything that is known from storage: values,
// availability and discovery, and removes what was announced by the last
// process and is no more. Call it before the broker accepts clients.
func (d *Discovery) Prepare(_ context.Context) error {
	now := d.now()
	devices, err := d.restore(now)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(devices, announceSome) {
		d.mu.Lock()
		d.announce(now, some...)
		d.release()
	}
	d.mu.Lock()
	for _, f := range d.printers {
		d.document(f, now)
		f.documentAt = now.Add(-phase(f.serial))
	}
	d.prepared = true
	d.release()
	d.showWanted()
	d.publish(statusTopic, []byte("online"), true)
	return nil
}

// restore makes all devices from storage, and gives those to announce, parents first.
func (d *Discovery) restore(now time.Time) ([]*device, error) {
	snapshots := d.opts.Printers.Snapshots()
	d.mu.Lock()
	defer d.release()
	if err := d.remember(); err != nil {
		return nil, err
	}
	d.newBridge()
	for _, s := range snapshots {
		d.take(s, now)
	}
	for id, t := range d.told {
		if f := d.printers[t.Serial]; f != nil && t.Unit >= 0 && d.devices[id] == nil {
			d.newUnit(f, t.Unit)
			for _, u := range d.unitsOf(f, now) {
				d.refresh(u, now)
			}
		}
	}
	for id := range d.told {
		if d.devices[id] == nil {
			d.forget(id, false)
		}
	}
	d.refresh(d.bridge, now)
	devices := d.waiting()
	slices.SortStableFunc(devices, byRank)
	return devices, nil
}

// waiting are the devices that were never announced in this process.
func (d *Discovery) waiting() []*device {
	var out []*device
	for _, dev := range d.devices {
		if dev.firstAt.IsZero() && !dev.gone {
			out = append(out, dev)
		}
	}
	return out
}

// Apply publishes what changed. It is the bridge's sink of values: newest
// first is not needed, but changes of one printer come in order.
func (d *Discovery) Apply(_ context.Context, changes []printer.Change) {
	d.mu.Lock()
	defer d.release()
	if !d.prepared {
		return
	}
	now := d.now()
	var fresh []*device
	for i := range changes {
		c := &changes[i]
		if c.Removed {
			d.remove(c.Next.Config.Serial, now)
			continue
		}
		fresh = append(fresh, d.take(c.Next, now)...)
	}
	if len(fresh) > 0 {
		d.announce(now, fresh...)
	}
	d.poke()
}

// take makes a snapshot the printer's present one and publishes what differs.
// It returns the devices that have to be announced for the first time.
func (d *Discovery) take(snap printer.Snapshot, now time.Time) (fresh []*device) {
	serial := snap.Config.Serial
	if !printer.ValidSerial(serial) {
		d.log.Warn("printer not shown: its serial cannot be in a topic", "id", snap.Config.ID)
		return nil
	}
	f := d.printers[serial]
	if f == nil {
		f = d.newFamily(snap)
	}
	was := f.snap.State.Online && f.available != ""
	tray, use := f.snap.State.ActiveTray, useOf(&f.snap.State.Job)
	f.snap, f.dirty = snap, true
	d.ended(f)
	if !snap.State.Online {
		d.setAvailable(f, "offline")
	}
	if d.refresh(f.device, now) {
		fresh = append(fresh, f.device)
	}
	moved := tray != snap.State.ActiveTray || use != useOf(&snap.State.Job) || was != snap.State.Online
	for _, u := range d.unitsOf(f, now) {
		if d.takeUnit(u, now, moved) {
			fresh = append(fresh, u)
		}
	}
	if snap.State.Online {
		d.setAvailable(f, "online")
	}
	if was != snap.State.Online || f.device.firstAt.IsZero() {
		d.countConnected(now)
	}
	return fresh
}

// takeUnit brings a filament changer's device up to date; moved: something
// outside the unit that its entities show changed.
func (d *Discovery) takeUnit(u *device, now time.Time, moved bool) (fresh bool) {
	next := printer.Unit{ID: u.number, Kind: u.unit.Kind, Serial: u.unit.Serial, Firmware: u.unit.Firmware,
		CanDry: u.unit.CanDry, MaxDryTemperature: u.unit.MaxDryTemperature}
	units := u.owner.snap.State.Units
	if i := slices.IndexFunc(units, func(x printer.Unit) bool { return x.ID == u.number }); i >= 0 {
		next = units[i]
	}
	held := !u.flushAt.IsZero() && !now.Before(u.flushAt)
	if u.outlets != nil && !moved && !held && next.Equal(u.unit) && u.parent == u.owner.device.revision {
		return false
	}
	u.unit = next
	return d.refresh(u, now)
}

// refresh brings a device's entities and values up to date, and tells whether
// it has to be announced for the first time.
func (d *Discovery) refresh(dev *device, now time.Time) (fresh bool) {
	changed := d.shape(dev)
	if dev.owner != nil {
		dev.parent = dev.owner.device.revision
	}
	d.relay(dev, now)
	if dev.gone {
		return false
	}
	if dev.firstAt.IsZero() {
		return true
	}
	if changed {
		dev.changed(now)
	}
	return false
}

// unitsOf are the devices of the printer's filament changers: those of the
// state, made when they are new, and those that are missing.
func (d *Discovery) unitsOf(f *family, now time.Time) []*device {
	s := &f.snap.State
	for i := range s.Units {
		n := s.Units[i].ID
		if n < 0 || n > 999 {
			continue
		}
		if !slices.ContainsFunc(f.units, func(u *device) bool { return u.number == n }) {
			d.newUnit(f, n)
		}
	}
	for _, u := range f.units {
		here := slices.ContainsFunc(s.Units, func(x printer.Unit) bool { return x.ID == u.number })
		switch {
		case here || !s.Online:
			u.absentAt = time.Time{}
		case u.absentAt.IsZero():
			u.absentAt = now
		}
	}
	return f.units
}

// dropAbsent removes the filament changers that were missing for too long.
func (d *Discovery) dropAbsent(f *family, now time.Time) (next time.Time) {
	rest := f.units[:0]
	for _, u := range f.units {
		switch {
		case u.absentAt.IsZero():
		case now.Sub(u.absentAt) >= absence:
			d.log.Info("filament changer removed: missing for 10 minutes", "device", u.id)
			d.forget(u.id, true)
			continue
		default:
			next = sooner(next, u.absentAt.Add(absence))
		}
		rest = append(rest, u)
	}
	clear(f.units[len(rest):])
	f.units = rest
	return next
}

// remove takes a printer away for good.
func (d *Discovery) remove(serial string, now time.Time) {
	f := d.printers[serial]
	if f == nil {
		return
	}
	d.setAvailable(f, "offline")
	for _, u := range f.units {
		d.forget(u.id, false)
	}
	d.forget(f.device.id, false)
	d.sweepLater(f.topic("availability"), f.topic("state"))
	delete(d.last, serial)
	d.save(map[string]any{lastKey + serial: nil})
	delete(d.printers, serial)
	d.workers.drop(serial)
	d.countConnected(now)
}

func (d *Discovery) setAvailable(f *family, word string) {
	if f.available != word {
		f.available = word
		d.publish(f.topic("availability"), []byte(word), true)
	}
}

func (d *Discovery) countConnected(now time.Time) {
	n := 0
	for _, f := range d.printers {
		if f.snap.State.Online {
			n++
		}
	}
	if n != d.connected {
		d.connected = n
		d.relay(d.bridge, now)
	}
}

// poke asks Run to look at what is due.
func (d *Discovery) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
