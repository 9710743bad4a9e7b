package storage

import (
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/journal"
)

// skipped is how many numbers of events a restore leaves out at least, and one
// more for each second since the backup's newest event: more than there were
// since, also when the same backup was restored before.
const skipped = 10_000

// gaps are ranges of numbers that no event has, without their ends, rising.
type gaps []gap

type gap struct {
	After  uint64 `json:"after"`
	Before uint64 `json:"before"`
}

func keyGaps() []byte { return []byte("gaps") }

func gapsIn(tx *bbolt.Tx) (gaps, error) {
	v := bucketMeta.in(tx).Get(keyGaps())
	if v == nil {
		return nil, nil
	}
	var g gaps
	return g, bucketMeta.decode(v, &g)
}

// between is how many events were between two numbers; those that a restore
// left out never were any.
func (g gaps) between(seq, next uint64) uint64 {
	n := next - seq - 1
	for _, one := range g {
		if from, to := max(seq, one.After), min(next, one.Before); to > from+1 {
			n -= to - from - 1
		}
	}
	return n
}

// skipNumbers leaves out numbers of the journal in a file that nobody uses.
func skipNumbers(path string, now time.Time) error {
	db, err := bbolt.Open(path, 0o600, boltOptions(2*time.Second))
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b := bucketJournal.in(tx)
		if b == nil {
			return nil // made with the first start
		}
		g, err := gapsIn(tx)
		if err != nil {
			return err
		}
		since, err := age(b, now)
		if err != nil {
			return err
		}
		last := b.Sequence()
		next := last + skipped + uint64(since/time.Second) + 1
		value, err := bucketMeta.encode(append(g, gap{After: last, Before: next}))
		if err != nil {
			return err
		}
		return errors.Join(bucketMeta.in(tx).Put(keyGaps(), value), b.SetSequence(next-1))
	})
	return errors.Join(err, db.Close())
}

// age is how long ago the newest event was; 0 without any, or by a clock that
// was wrong.
func age(b *bbolt.Bucket, now time.Time) (time.Duration, error) {
	k, v := b.Cursor().Last()
	if k == nil {
		return 0, nil
	}
	var e journal.Entry
	if err := bucketJournal.decode(v, &e); err != nil {
		return 0, err
	}
	return max(now.Sub(e.Time), 0), nil
}
