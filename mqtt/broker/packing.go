package broker

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"io"
	"sync"
	"sync/atomic"
)

// packFrom is the size from which our own values are held packed: announcements,
// which are long JSON, say much the same and hardly ever change. Documents that
// change every second are smaller.
const packFrom = 8 << 10

// packMost is how much of such values is held as it is. What packing works with is
// large: for a few printers it would cost more than it saves.
const packMost = 1 << 20

// packer makes long values small, once there are many. What it works with is let
// go after a burst.
type packer struct {
	writers sync.Pool
	plain   atomic.Int64 // bytes of long values that are held as they are
}

// sum tells long values apart without unpacking them.
type sum [sha256.Size]byte

// pack is value in less than half of its size and its sum, or value itself and nil
// where that is not to be had, or not worth it.
func (p *packer) pack(value []byte) (out []byte, packed *sum) {
	if !packable(value) {
		return value, nil
	}
	if p.plain.Load() < packMost {
		p.plain.Add(int64(len(value)))
		return value, nil
	}
	w, ok := p.writers.Get().(*flate.Writer)
	if !ok {
		w, _ = flate.NewWriter(nil, flate.BestSpeed) // fails for a wrong level only
	}
	defer p.writers.Put(w)
	var buf bytes.Buffer
	buf.Grow(len(value) / 4)
	w.Reset(&buf)
	if _, err := w.Write(value); err != nil || w.Close() != nil || buf.Len() > len(value)/2 {
		p.plain.Add(int64(len(value)))
		return value, nil
	}
	s := sum(sha256.Sum256(value))
	return bytes.Clone(buf.Bytes()), &s
}

// released is told of a value of ours that is no longer held.
func (p *packer) released(v value) {
	if v.packed == nil && packable(v.payload) {
		p.plain.Add(-int64(len(v.payload)))
	}
}

// packable tells whether a value is worth it: an image is packed already.
func packable(value []byte) bool { return len(value) >= packFrom && value[0] == '{' }

// unpacker reads packed values, one after the other into the same memory.
type unpacker struct {
	r   io.ReadCloser
	buf bytes.Buffer
}

// payload is the value's payload; it is good until the next call.
func (u *unpacker) payload(v value) []byte {
	if v.packed == nil {
		return v.payload
	}
	in := bytes.NewReader(v.payload)
	if u.r == nil {
		u.r = flate.NewReader(in)
	} else if err := u.r.(flate.Resetter).Reset(in, nil); err != nil {
		return nil // it never fails
	}
	u.buf.Reset()
	_, _ = u.buf.ReadFrom(u.r) // what we packed ourselves
	return u.buf.Bytes()
}
