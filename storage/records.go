package storage

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// Load is the last record of every printer, by id.
func (s *Store) Load(_ context.Context) ([]printer.Record, error) {
	var list []printer.Record
	err := s.db.View(func(tx *bbolt.Tx) error {
		return bucketRecords.in(tx).ForEach(func(_, v []byte) error {
			var r printer.Record
			if err := bucketRecords.decode(v, &r); err != nil {
				return err
			}
			list = append(list, r)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the printers' states: %w", err)
	}
	return list, nil
}

// Commit stores a printer's state and memory together with the events that
// they caused, or nothing of it. The entries get their sequence numbers here.
// A record that is older than the stored one is left out, its entries are not.
func (s *Store) Commit(ctx context.Context, r printer.Record, entries []journal.Entry) error {
	value, err := bucketRecords.encode(r)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *bbolt.Tx) error {
		if err := putRecord(tx, r, value); err != nil {
			return err
		}
		return appendEntries(tx, entries)
	})
	if err != nil {
		return fmt.Errorf("storing printer %d: %w", r.ID, err)
	}
	return nil
}

// Save stores states and memories that caused no event, in one transaction. An
// older record is dropped.
func (s *Store) Save(ctx context.Context, records []printer.Record) error {
	if len(records) == 0 {
		return nil
	}
	values := make([][]byte, len(records))
	for i, r := range records {
		value, err := bucketRecords.encode(r)
		if err != nil {
			return err
		}
		values[i] = value
	}
	err := s.write(ctx, func(tx *bbolt.Tx) error {
		for i, r := range records {
			if err := putRecord(tx, r, values[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("storing %d printers: %w", len(records), err)
	}
	return nil
}

// putRecord stores a record unless a newer one is there.
func putRecord(tx *bbolt.Tx, r printer.Record, value []byte) error {
	b := bucketRecords.in(tx)
	k := key(uint64(r.ID))
	if v := b.Get(k); v != nil {
		var stored struct{ Version uint64 }
		if err := bucketRecords.decode(v, &stored); err != nil {
			return err
		}
		if stored.Version > r.Version {
			return nil
		}
	}
	return b.Put(k, value)
}
