package discovery_test

import (
	"errors"
	"testing"
	"time"

	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/mqtt/mqtttest"
	"github.com/printwire/printwire/printer"
)

// slowDisk is a store whose transactions wait for a word.
type slowDisk struct {
	*store
	begun, proceed chan struct{}
}

func (s slowDisk) Put(pairs map[string][]byte) error {
	s.begun <- struct{}{}
	<-s.proceed
	return s.store.Put(pairs)
}

func TestApply_ValuesDoNotWaitForTheDisk(t *testing.T) {
	disk := slowDisk{store: &store{}, begun: make(chan struct{}, 100), proceed: make(chan struct{})}
	start := make(chan struct{})
	go func() { // owner: the test; ends when Prepare has stored
		disk.proceed <- struct{}{}
		close(start)
	}()
	b := newBed(t, func(o *discovery.Options) { o.Store = disk }, a1())
	<-start
	<-disk.begun
	over := b.apply(a1(), func(s *printer.Snapshot) {
		s.State.Activity = printer.Finished
		s.State.Job.Result, s.State.Job.EndedAt = printer.Success, epoch()
	})
	stored := make(chan struct{})
	go func() { // owner: the test; proceed below ends it
		defer close(stored)
		b.Look(epoch().Add(time.Minute)) // stores how the print ended
	}()
	<-disk.begun
	b.apply(over, func(s *printer.Snapshot) { s.State.Bed.Temperature = some(31.0) }) // would hang
	b.want(t, map[string]string{workshop + "bed_temperature": "31", workshop + "last_result": "success"})
	close(disk.proceed)
	<-stored
	if v, err := disk.Value("discovery/last/" + a1().Config.Serial); err != nil {
		t.Errorf("the end of the print is not stored: %s, %v", v, err)
	}
}

// orderly is a store that notes what was published before each transaction.
type orderly struct {
	*store
	bus  *mqtttest.Fake
	told []int
}

func (o *orderly) Put(pairs map[string][]byte) error {
	n := 0
	for topic := range o.bus.Retained() {
		if mqtt.Match("homeassistant/device/+/config", topic) {
			n++
		}
	}
	o.told = append(o.told, n)
	return o.store.Put(pairs)
}

func TestPrepare_AnnouncementsAreRecordedBeforeTheyAreMade(t *testing.T) {
	o := &orderly{store: &store{}, bus: &mqtttest.Fake{}}
	newBed(t, func(opts *discovery.Options) { opts.Store, opts.Bus = o, o.bus }, a1())
	if len(o.told) != 1 || o.told[0] != 0 {
		t.Errorf("announcements before the transactions: %v, want one transaction and none", o.told)
	}
}

func TestRun_AnnouncementsOfManyPrintersAreSpread(t *testing.T) {
	const printers = 50
	now := epoch()
	snaps := fleet(printers, a1)
	b := newBed(t, func(o *discovery.Options) { o.Now = func() time.Time { return now } }, snaps...)
	now = now.Add(time.Minute)
	for _, snap := range snaps {
		b.apply(snap, func(s *printer.Snapshot) { s.State.Firmware = "01.99.00.00" })
	}
	now = now.Add(10 * time.Second)
	var each []int
	for range 10 {
		seen := len(b.bus.Published())
		b.Look(now)
		n := 0
		for topic := range b.since(seen) {
			if mqtt.Match("homeassistant/device/+/config", topic) {
				n++
			}
		}
		each = append(each, n)
	}
	sum := 0
	for _, n := range each {
		if sum += n; n > 16 {
			t.Errorf("announcements of each look: %v, want at most 16", each)
		}
	}
	if sum != printers {
		t.Errorf("announcements of each look: %v, want %d in all", each, printers)
	}
}

// pieces is a Bus that publishes several messages in one piece.
type pieces struct {
	*mqtttest.Fake
	sizes []int
	fails bool
}

func (p *pieces) PublishAll(messages []mqtt.Message) error {
	p.sizes = append(p.sizes, len(messages))
	if p.fails {
		return errors.New("a piece is missing")
	}
	for _, m := range messages {
		if err := p.Publish(m.Topic, m.Payload, m.Retain); err != nil {
			return err
		}
	}
	return nil
}

func TestApply_ValuesOfAReportGoInOnePiece(t *testing.T) {
	for _, fails := range []bool{false, true} {
		p := &pieces{Fake: &mqtttest.Fake{}, fails: fails}
		b := newBed(t, func(o *discovery.Options) { o.Bus = p }, a1())
		b.bus, p.sizes = p.Fake, nil
		b.apply(a1(), func(s *printer.Snapshot) {
			// No other entity is made from these, so that a new row changes nothing here.
			s.State.Bed.Temperature, s.State.Fans.Heatbreak, s.State.IPAddress = some(71.0), some(40), "192.0.2.99"
		})
		if len(p.sizes) != 1 || p.sizes[0] != 3 {
			t.Errorf("pieces of %v messages, want one of 3", p.sizes)
		}
		b.want(t, map[string]string{workshop + "bed_temperature": "71", workshop + "heatbreak_fan": "40", workshop + "ip_address": "192.0.2.99"})
	}
}
