package bridge

import (
	"context"
	"fmt"
	"strings"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// Add takes a printer in and gives its id. One that is not Managed is stored,
// so that Restore finds it after a restart. Its session starts at once, or with Run.
// fault.Conflict: a printer of this serial is there. fault.Invalid and
// fault.Unsupported: the settings do not fit.
func (b *Bridge) Add(ctx context.Context, c printer.Config) (int, error) {
	b.admin.Lock()
	defer b.admin.Unlock()
	id, err := b.add(ctx, c, !c.Managed)
	if err != nil {
		return 0, fmt.Errorf("adding printer %.50q: %w", c.Serial, err)
	}
	return id, nil
}

// Restore adds the printers that were stored at run time. One whose serial is
// there already, from the settings file, sleeps. One that cannot be opened is
// logged and left out; the others go on.
func (b *Bridge) Restore(ctx context.Context) error {
	b.admin.Lock()
	defer b.admin.Unlock()
	configs, err := b.store.Printers(ctx)
	if err != nil {
		return fmt.Errorf("restoring the printers: %w", err)
	}
	for _, c := range configs {
		if _, ok := (*b.sessions.Load())[c.ID]; ok {
			b.log.Info("stored printer sleeps, the settings file has the same serial", "printer", c.ID)
			continue
		}
		if _, err := b.add(ctx, c, false); err != nil {
			b.log.Error("stored printer cannot be used", "printer", c.ID, "error", err)
		}
	}
	return nil
}

func (b *Bridge) add(ctx context.Context, c printer.Config, keep bool) (int, error) {
	c.Serial = strings.ToUpper(strings.TrimSpace(c.Serial))
	if !printer.ValidSerial(c.Serial) {
		return 0, fault.New(fault.Invalid, "must be 1 to 50 of A–Z, 0–9, _ and -").At("serial")
	}
	if err := b.load(ctx); err != nil {
		return 0, err
	}
	id, err := b.store.Identify(ctx, c.Serial)
	if err != nil {
		return 0, err
	}
	if _, ok := (*b.sessions.Load())[id]; ok {
		return 0, fault.New(fault.Conflict, "there is a printer with this serial already, its id is %d", id).At("serial")
	}
	c.ID = id
	driver, err := b.open(c)
	if err != nil {
		return 0, err
	}
	if keep {
		if err := b.store.PutPrinter(ctx, c); err != nil {
			return 0, err
		}
	}
	s := newSession(b, c, memoryOf(b.records[id]))
	s.spare = driver
	b.replace(func(m map[int]*session) { m[id] = s })
	b.tell(change{prev: &printer.Snapshot{Config: c}, next: s.current.Load()})
	b.start(s)
	return id, nil
}

// load reads the stored records, once. The caller holds admin.
func (b *Bridge) load(ctx context.Context) error {
	if b.records != nil {
		return nil
	}
	list, err := b.store.Load(ctx)
	if err != nil {
		return err
	}
	b.records = make(map[int]printer.Record, len(list))
	for _, r := range list {
		b.records[r.ID] = r
	}
	return nil
}

// Update changes how a printer is reached; the one with c's id. Its session
// starts anew and goes on from where it was.
// fault.NotFound, or fault.Conflict: it comes from the settings file.
// fault.Invalid: the serial is another, or the settings do not fit.
func (b *Bridge) Update(ctx context.Context, c printer.Config) error {
	b.admin.Lock()
	defer b.admin.Unlock()
	old, err := b.editable(c.ID)
	if err != nil {
		return err
	}
	was := old.config()
	c.Serial, c.Managed = strings.ToUpper(strings.TrimSpace(c.Serial)), was.Managed
	if c.Serial != was.Serial {
		return fault.New(fault.Invalid, "a printer's serial cannot change; add the other one").At("serial")
	}
	driver, err := b.open(c)
	if err != nil {
		return fmt.Errorf("changing printer %d: %w", c.ID, err)
	}
	if err := b.store.PutPrinter(ctx, c); err != nil {
		return fmt.Errorf("changing printer %d: %w", c.ID, err)
	}
	old.stop()
	prev := old.current.Load()
	s := old.successor(c)
	s.spare = driver
	b.replace(func(m map[int]*session) { m[c.ID] = s })
	b.tell(change{prev: prev, next: s.current.Load()})
	b.start(s)
	return nil
}

// Remove ends a printer's session and deletes what is stored of it, but for
// its id. fault.NotFound, or fault.Conflict: it comes from the settings file.
func (b *Bridge) Remove(ctx context.Context, id int) error {
	b.admin.Lock()
	defer b.admin.Unlock()
	s, err := b.editable(id)
	if err != nil {
		return err
	}
	s.stop()
	if err := b.store.DeletePrinter(ctx, id); err != nil {
		again := s.successor(s.config())
		b.replace(func(m map[int]*session) { m[id] = again })
		b.start(again)
		return fmt.Errorf("removing printer %d: %w", id, err)
	}
	b.replace(func(m map[int]*session) { delete(m, id) })
	delete(b.records, id)
	b.health.removed(s)
	last := s.current.Load()
	b.tell(change{prev: last, next: last, removed: true})
	return nil
}

func (b *Bridge) editable(id int) (*session, error) {
	s, err := b.session(id)
	if err != nil {
		return nil, err
	}
	if s.config().Managed {
		return nil, fault.New(fault.Conflict, "printer %d comes from the settings", id).
			WithHint("change it there; a printer of the demo belongs to the demo")
	}
	return s, nil
}
