package discovery

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"slices"
	"time"

	"github.com/printwire/printwire/printer"
)

// Pictures are the pictures of plates, by the name that a job's plan gives.
type Pictures interface {
	// Bytes is one picture, PNG or JPEG. fault.NotFound: it is not kept any more.
	Bytes(name string) ([]byte, error)
}

// noPicture is the value of the cover of a job without one.
const noPicture = "none"

// coverName is the name of the picture, so that it goes out when it is another one.
func coverName(dst []byte, v *view) []byte {
	switch {
	case v.s.Job.ID == "":
		return dst
	case v.s.Job.Plan.Picture == "":
		return append(dst, noPicture...)
	default:
		return append(dst, v.s.Job.Plan.Picture...)
	}
}

// cover is the picture of a name. One that is not kept any more is blank.
func (d *Discovery) cover(name []byte) []byte {
	if string(name) != noPicture && d.opts.Pictures != nil {
		if b, err := d.opts.Pictures.Bytes(string(name)); err == nil {
			return b
		}
	}
	var blank bytes.Buffer
	_ = png.Encode(&blank, image.NewNRGBA(image.Rect(0, 0, 1, 1))) // a Buffer takes everything
	return blank.Bytes()
}

// content is what is to go out for the name that an outlet has: it may be on a
// disk, for which no value waits.
type content struct {
	device *device
	row    *row
	name   []byte
}

// want notes that the outlet's content is another one from now on.
func (d *Discovery) want(dev *device, o *outlet, name []byte, now time.Time) {
	o.last, o.known, o.sentAt = bytes.Clone(name), true, now.UnixNano()
	d.wanted[dev.topic(o)] = content{dev, o.row, o.last}
	select {
	case d.wantsContent <- struct{}{}:
	default:
	}
}

// showContents publishes contents as they are wanted, until ctx ends.
func (d *Discovery) showContents(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wantsContent:
			d.showWanted()
		}
	}
}

// showWanted publishes the contents that are wanted now.
func (d *Discovery) showWanted() {
	d.mu.Lock()
	wanted := d.wanted
	d.wanted = map[string]content{}
	d.mu.Unlock()
	for topic, c := range wanted {
		payload := c.row.content(d, c.name) // without the lock
		d.mu.Lock()
		d.showContent(topic, c, payload)
		d.mu.Unlock()
	}
}

// showContent publishes a content, unless the outlet has gone or wants another
// one by now. One that fails is logged once, and wanted again with the next change.
func (d *Discovery) showContent(topic string, c content, payload []byte) {
	if d.devices[c.device.id] != c.device {
		return
	}
	i := slices.IndexFunc(c.device.outlets, func(o outlet) bool { return o.row == c.row && o.aspect == whole })
	if i < 0 || !bytes.Equal(c.device.outlets[i].last, c.name) {
		return
	}
	o := &c.device.outlets[i]
	if err := d.opts.Bus.Publish(topic, payload, true); err != nil {
		if !o.failing {
			d.log.Warn("value not published", "topic", topic, "error", err)
		}
		o.known, o.failing = false, true
		return
	}
	o.failing = false
}

// noPrice is what filament costs where nobody said.
func noPrice(string, string) printer.Opt[float64] { return printer.Opt[float64]{} }
