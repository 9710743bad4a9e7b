package discovery_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/mqtt/mqtttest"
	"github.com/printwire/printwire/printer"
)

// slowPictures waits for a word with each picture but the first.
type slowPictures struct {
	asked   chan string
	proceed chan struct{}
}

func (p slowPictures) Bytes(name string) ([]byte, error) {
	if name != "abc" {
		p.asked <- name
		<-p.proceed
	}
	return []byte("picture " + name), nil
}

func TestApply_NoReportWaitsForAPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := slowPictures{make(chan string, 10), make(chan struct{})}
		b := newBed(t, func(o *discovery.Options) { o.Pictures = slow }, x1c(), h2d())
		stop := b.run(t)
		synctest.Wait()
		snap := b.apply(x1c(), func(s *printer.Snapshot) { s.State.Job.Plan.Picture = "def" })
		if name := <-slow.asked; name != "def" {
			t.Errorf("%q is read", name)
		}
		// The picture is being read. A report of another printer goes out, and one of the same.
		b.apply(h2d(), func(s *printer.Snapshot) { s.State.Job.Progress = printer.Some(77) })
		snap = b.apply(snap, func(s *printer.Snapshot) { s.State.Job.Progress = printer.Some(78) })
		b.want(t, map[string]string{
			"printwire/09400A000000005/progress": "77", "printwire/00M00A000000002/progress": "78", "printwire/00M00A000000002/cover": "picture abc",
		})
		// One that is another one by the time that it was read is not shown.
		b.apply(snap, func(s *printer.Snapshot) { s.State.Job.Plan.Picture = "ghi" })
		slow.proceed <- struct{}{}
		if name := <-slow.asked; name != "ghi" {
			t.Errorf("%q is read", name)
		}
		slow.proceed <- struct{}{}
		synctest.Wait()
		if got := b.since(0)["printwire/00M00A000000002/cover"]; len(got) != 2 || got[1] != "picture ghi" {
			t.Errorf("covers %q", got)
		}
		stop()
	})
}

func TestApply_APictureOfAPrinterThatIsGoneIsNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := slowPictures{make(chan string, 10), make(chan struct{})}
		b := newBed(t, func(o *discovery.Options) { o.Pictures = slow }, x1c())
		stop := b.run(t)
		snap := b.apply(x1c(), func(s *printer.Snapshot) { s.State.Job.Plan.Picture = "def" })
		<-slow.asked
		b.Apply(t.Context(), []printer.Change{{Prev: snap, Next: snap, Removed: true}})
		slow.proceed <- struct{}{}
		synctest.Wait()
		if got := b.since(0)["printwire/00M00A000000002/cover"]; len(got) != 1 {
			t.Errorf("covers %q", got)
		}
		stop()
	})
}

// deaf is a bus that refuses covers while it is told to.
type deaf struct {
	*mqtttest.Fake
	refuses *atomic.Bool
}

func (d deaf) Publish(topic string, payload []byte, retain bool) error {
	if d.refuses.Load() && topic == "printwire/00M00A000000002/cover" {
		return errors.New("the broker is away")
	}
	return d.Fake.Publish(topic, payload, retain)
}

var _ mqtt.Bus = deaf{}

func TestApply_APictureThatDidNotGoOutGoesOutWithTheNextChange(t *testing.T) {
	refuses := &atomic.Bool{}
	b := newBed(t, func(o *discovery.Options) {
		fixed(o)
		o.Pictures = pictures{"abc": "first", "def": "second"}
		o.Bus = deaf{o.Bus.(*mqtttest.Fake), refuses}
	}, x1c())
	refuses.Store(true)
	snap := b.apply(x1c(), func(s *printer.Snapshot) { s.State.Job.Plan.Picture = "def" })
	b.ShowWanted()
	refuses.Store(false)
	b.ShowWanted()
	b.want(t, map[string]string{"printwire/00M00A000000002/cover": "first"})
	b.apply(snap, func(s *printer.Snapshot) { s.State.Job.Progress = printer.Some(78) })
	b.ShowWanted()
	b.want(t, map[string]string{"printwire/00M00A000000002/cover": "second"})
}

func TestPrepare_CostsAreShownOnlyInACurrency(t *testing.T) {
	b := newBed(t, func(o *discovery.Options) { fixed(o); o.Currency = "" }, x1c())
	if c, ok := b.components(t, "printwire_00M00A000000002")["filament_cost"]; ok {
		t.Errorf("a cost in no currency: %v", c)
	}
	b = newBed(t, func(o *discovery.Options) { fixed(o); o.Price, o.Currency = nil, "SEK" }, x1c())
	if c := b.components(t, "printwire_00M00A000000002")["filament_cost"]; c["unit_of_measurement"] != "SEK" || c["device_class"] != "monetary" || c["state_class"] != nil {
		t.Errorf("component %v", c)
	}
	b.want(t, map[string]string{"printwire/00M00A000000002/filament_cost": "None"}) // nobody says what it costs
}
