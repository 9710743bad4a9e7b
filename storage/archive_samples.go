package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// samplesInPart is how many samples share a value: a new one rewrites less
// than a kilobyte.
const samplesInPart = 64

// sampleKey is a record's number and the number of the part.
func sampleKey(id, part int) []byte {
	return binary.BigEndian.AppendUint32(key(uint64(id)), uint32(part))
}

// Samples are a record's samples, oldest first.
func (a *Archive) Samples(_ context.Context, id int) ([]archive.Sample, error) {
	var list []archive.Sample
	err := a.s.db.View(func(tx *bbolt.Tx) (err error) {
		list, err = samplesIn(tx, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the samples of print %d: %w", id, err)
	}
	return list, nil
}

func samplesIn(tx *bbolt.Tx, id int) ([]archive.Sample, error) {
	var list []archive.Sample
	prefix := key(uint64(id))
	c := bucketSamples.in(tx).Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		part, err := unpackSamples(v)
		if err != nil {
			return nil, err
		}
		list = append(list, part...)
	}
	return list, nil
}

// addSample adds a sample, unless it is no newer than the last one or follows
// it too soon: a program that starts again and again would take one each time.
// When there are too many, every second one goes.
func addSample(tx *bbolt.Tx, id int, s archive.Sample) error {
	b := bucketSamples.in(tx)
	prefix := key(uint64(id))
	c := b.Cursor()
	newest := c.Prev
	if beyond, _ := c.Seek(sampleKey(id, math.MaxUint32)); beyond == nil {
		newest = c.Last
	}
	k, v := newest()
	if !bytes.HasPrefix(k, prefix) {
		return b.Put(sampleKey(id, 0), packSamples([]archive.Sample{s}))
	}
	part := int(binary.BigEndian.Uint32(k[8:]))
	last, err := unpackSamples(v)
	if err != nil {
		return err
	}
	if n := len(last); n > 0 && s.At.Sub(last[n-1].At) < archive.SampleEvery/2 {
		return nil
	}
	if len(last) < samplesInPart {
		return b.Put(sampleKey(id, part), packSamples(append(last, s)))
	}
	if (part+1)*samplesInPart < archive.MaxSamples {
		return b.Put(sampleKey(id, part+1), packSamples([]archive.Sample{s}))
	}
	return thinSamples(tx, id, s)
}

// thinSamples keeps every second sample and the new one.
func thinSamples(tx *bbolt.Tx, id int, s archive.Sample) error {
	all, err := samplesIn(tx, id)
	if err != nil {
		return err
	}
	if err := deleteSamples(tx, id); err != nil {
		return err
	}
	var kept []archive.Sample
	for i := 0; i < len(all); i += 2 {
		kept = append(kept, all[i])
	}
	part := 0
	for chunk := range slices.Chunk(append(kept, s), samplesInPart) {
		if err := bucketSamples.in(tx).Put(sampleKey(id, part), packSamples(chunk)); err != nil {
			return err
		}
		part++
	}
	return nil
}

func deleteSamples(tx *bbolt.Tx, id int) error {
	b := bucketSamples.in(tx)
	prefix := key(uint64(id))
	var keys [][]byte
	c := b.Cursor()
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		keys = append(keys, append([]byte{}, k...))
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return fmt.Errorf("deleting samples of print %d: %w", id, err)
		}
	}
	return nil
}

// Sampled are the ids of the records that have samples.
func (a *Archive) Sampled(_ context.Context) ([]int, error) {
	var ids []int
	err := a.s.db.View(func(tx *bbolt.Tx) error {
		c := bucketSamples.in(tx).Cursor()
		for k, _ := c.First(); k != nil; {
			if len(k) != 12 {
				return fmt.Errorf("a key of %s has %d bytes, it should have 12", bucketSamples, len(k))
			}
			id := int(binary.BigEndian.Uint64(k))
			ids = append(ids, id)
			k, _ = c.Seek(key(uint64(id + 1)))
		}
		return nil
	})
	return ids, err
}

// DeleteSamples removes the samples of records, which stay.
func (a *Archive) DeleteSamples(ctx context.Context, ids []int) error {
	return a.s.write(ctx, func(tx *bbolt.Tx) error {
		for _, id := range ids {
			if err := deleteSamples(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// columns are a sample's numbers in the order in which they are packed;
// temperatures are in tenths.
func sampleColumns(s archive.Sample) []printer.Opt[int] {
	tenth := func(o printer.Opt[float64]) printer.Opt[int] {
		return printer.Opt[int]{Value: int(math.Round(o.Value * 10)), Known: o.Known}
	}
	return []printer.Opt[int]{
		s.Progress, s.Layer, s.RemainingSeconds, tenth(s.Nozzle), tenth(s.NozzleLeft), tenth(s.Bed), tenth(s.Chamber), s.PartFan,
	}
}

func sampleOfColumns(at time.Time, c []printer.Opt[int]) archive.Sample {
	whole := func(o printer.Opt[int]) printer.Opt[float64] {
		return printer.Opt[float64]{Value: float64(o.Value) / 10, Known: o.Known}
	}
	return archive.Sample{
		At: at, Progress: c[0], Layer: c[1], RemainingSeconds: c[2],
		Nozzle: whole(c[3]), NozzleLeft: whole(c[4]), Bed: whole(c[5]), Chamber: whole(c[6]), PartFan: c[7],
	}
}

// packSamples is the version, then for each sample its time and, of each
// column that is known, the difference to the last known value.
func packSamples(list []archive.Sample) []byte {
	b := []byte{bucketSamples.version()}
	var at int64
	last := make([]int, len(sampleColumns(archive.Sample{})))
	for _, s := range list {
		ms := s.At.UnixMilli()
		b = binary.AppendVarint(b, ms-at)
		at = ms
		mask := byte(0)
		columns := sampleColumns(s)
		for i, c := range columns {
			if c.Known {
				mask |= 1 << i
			}
		}
		b = append(b, mask)
		for i, c := range columns {
			if c.Known {
				b = binary.AppendVarint(b, int64(c.Value-last[i]))
				last[i] = c.Value
			}
		}
	}
	return b
}

// unpackSamples is the reverse of packSamples.
func unpackSamples(v []byte) ([]archive.Sample, error) {
	if len(v) == 0 || v[0] == 0 {
		return nil, fmt.Errorf("a record of %s has no version", bucketSamples)
	}
	if v[0] > bucketSamples.version() {
		return nil, fault.New(fault.Conflict, "a record of %s has version %d, this program knows up to %d", bucketSamples, v[0], bucketSamples.version())
	}
	u := unpacker{rest: v[1:]}
	var list []archive.Sample
	var at int64
	columns := make([]printer.Opt[int], len(sampleColumns(archive.Sample{})))
	for len(u.rest) > 0 {
		at += u.int()
		mask := u.byte()
		for i := range columns {
			if columns[i].Known = mask&(1<<i) != 0; columns[i].Known {
				columns[i].Value += int(u.int())
			}
		}
		if u.bad {
			return nil, errShort
		}
		list = append(list, sampleOfColumns(time.UnixMilli(at).UTC(), unknownAsZero(columns)))
	}
	return list, nil
}

// unknownAsZero is a copy in which unknown values are the zero Opt.
func unknownAsZero(columns []printer.Opt[int]) []printer.Opt[int] {
	out := slices.Clone(columns)
	for i := range out {
		if !out[i].Known {
			out[i] = printer.Opt[int]{}
		}
	}
	return out
}
