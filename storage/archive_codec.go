package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/printer"
)

// packSummary is the version, then each column in turn: numbers as varints,
// texts with their length, floats as they are in memory, unknown ones as one byte.
func packSummary(s archive.Summary) []byte {
	b := []byte{bucketSummaries.version()}
	b = binary.AppendUvarint(b, uint64(s.ID))
	b = binary.AppendUvarint(b, uint64(s.PrinterID))
	b = packTime(b, s.Created)
	for _, t := range []string{s.Serial, s.Printer, s.Status, s.Materials, s.Text} {
		b = append(binary.AppendUvarint(b, uint64(len(t))), t...)
	}
	b = packInt(b, s.Seconds)
	b = binary.AppendVarint(b, int64(s.PausedSeconds))
	for _, f := range []printer.Opt[float64]{s.Grams, s.Metres, s.FilamentCost, s.EnergyCost, s.EnergyKWh, s.Accuracy} {
		b = packFloat(b, f)
	}
	b = binary.AppendUvarint(b, uint64(len(s.MaterialGrams)))
	for _, g := range s.MaterialGrams {
		b = packFloat(b, printer.Some(g))
	}
	if s.FilamentCurrency == "" && s.EnergyCurrency == "" {
		return append(b, flag(s.Deleted, deleted))
	}
	b = append(b, flag(s.Deleted, deleted)|priced)
	for _, t := range []string{s.FilamentCurrency, s.EnergyCurrency} {
		b = append(binary.AppendUvarint(b, uint64(len(t))), t...)
	}
	return b
}

// The flags at the end of a packed summary.
const (
	deleted = 1 << iota
	// priced: two currencies follow.
	priced
)

func flag(set bool, bit byte) byte {
	if !set {
		return 0
	}
	return bit
}

// unpackSummary is the reverse of packSummary.
func unpackSummary(v []byte) (archive.Summary, error) {
	if len(v) == 0 || v[0] != bucketSummaries.version() {
		return archive.Summary{}, fmt.Errorf("a record of %s has another version than %d", bucketSummaries, bucketSummaries.version())
	}
	u := unpacker{rest: v[1:]}
	s := archive.Summary{ID: int(u.uint()), PrinterID: int(u.uint()), Created: u.time()}
	for _, t := range []*string{&s.Serial, &s.Printer, &s.Status, &s.Materials, &s.Text} {
		*t = u.text()
	}
	s.Seconds = u.optInt()
	s.PausedSeconds = int(u.int())
	for _, f := range []*printer.Opt[float64]{&s.Grams, &s.Metres, &s.FilamentCost, &s.EnergyCost, &s.EnergyKWh, &s.Accuracy} {
		*f = u.float()
	}
	n := u.uint()
	if n > uint64(len(u.rest)) {
		return archive.Summary{}, errShort
	}
	for range n {
		s.MaterialGrams = append(s.MaterialGrams, u.float().Value)
	}
	flags := u.byte()
	s.Deleted = flags&deleted != 0
	if flags&priced != 0 {
		s.FilamentCurrency, s.EnergyCurrency = u.text(), u.text()
	}
	if u.bad || len(u.rest) != 0 {
		return archive.Summary{}, errShort
	}
	return s, nil
}

var errShort = errors.New("a packed record is too short or too long")

// packTime keeps microseconds; no time is 0.
func packTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendVarint(b, 0)
	}
	return binary.AppendVarint(b, t.UnixMicro())
}

func packInt(b []byte, o printer.Opt[int]) []byte {
	if !o.Known {
		return append(b, 0)
	}
	return binary.AppendVarint(append(b, 1), int64(o.Value))
}

func packFloat(b []byte, o printer.Opt[float64]) []byte {
	if !o.Known {
		return append(b, 0)
	}
	return binary.LittleEndian.AppendUint64(append(b, 1), math.Float64bits(o.Value))
}

// unpacker reads what the pack functions wrote; bad is set when it ran out.
type unpacker struct {
	rest []byte
	bad  bool
}

func (u *unpacker) skip(n int) {
	if n <= 0 || n > len(u.rest) {
		u.bad, u.rest = true, nil
		return
	}
	u.rest = u.rest[n:]
}

func (u *unpacker) uint() uint64 {
	v, n := binary.Uvarint(u.rest)
	u.skip(n)
	return v
}

func (u *unpacker) int() int64 {
	v, n := binary.Varint(u.rest)
	u.skip(n)
	return v
}

func (u *unpacker) byte() byte {
	if len(u.rest) == 0 {
		u.bad = true
		return 0
	}
	c := u.rest[0]
	u.rest = u.rest[1:]
	return c
}

func (u *unpacker) text() string {
	n := u.uint()
	if n > uint64(len(u.rest)) {
		u.bad, u.rest = true, nil
		return ""
	}
	t := string(u.rest[:n])
	u.rest = u.rest[n:]
	return t
}

func (u *unpacker) time() time.Time {
	v := u.int()
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMicro(v).UTC()
}

func (u *unpacker) optInt() printer.Opt[int] {
	if u.byte() == 0 {
		return printer.Opt[int]{}
	}
	return printer.Some(int(u.int()))
}

func (u *unpacker) float() printer.Opt[float64] {
	if u.byte() == 0 {
		return printer.Opt[float64]{}
	}
	if len(u.rest) < 8 {
		u.bad, u.rest = true, nil
		return printer.Opt[float64]{}
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(u.rest))
	u.rest = u.rest[8:]
	return printer.Some(v)
}
