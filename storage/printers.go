package storage

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
)

// storedPrinter is a printer added at run time. The access code is beside the
// settings because their own JSON never shows it.
type storedPrinter struct {
	printer.Config
	AccessCode string `json:"access_code"`
}

type identity struct {
	ID int `json:"id"`
}

// Identify is the id that belongs to a serial, made on the first question and
// never given to another serial.
func (s *Store) Identify(ctx context.Context, serial string) (int, error) {
	if serial == "" {
		return 0, fault.New(fault.Invalid, "a printer needs a serial").At("serial")
	}
	var known identity
	find := func(tx *bbolt.Tx) error {
		known = identity{}
		if v := bucketSerials.in(tx).Get([]byte(serial)); v != nil {
			return bucketSerials.decode(v, &known)
		}
		return nil
	}
	if err := s.db.View(find); err != nil || known.ID > 0 {
		return known.ID, err
	}
	err := s.write(ctx, func(tx *bbolt.Tx) error {
		if err := find(tx); err != nil || known.ID > 0 {
			return err
		}
		b := bucketSerials.in(tx)
		n, err := b.NextSequence()
		if err != nil {
			return err
		}
		known.ID = int(n)
		value, err := bucketSerials.encode(known)
		if err != nil {
			return err
		}
		return b.Put([]byte(serial), value)
	})
	if err != nil {
		return 0, fmt.Errorf("giving an id to printer %s: %w", serial, err)
	}
	return known.ID, nil
}

// Printers are the printers that were added at run time, by id.
func (s *Store) Printers(_ context.Context) ([]printer.Config, error) {
	var list []printer.Config
	err := s.db.View(func(tx *bbolt.Tx) error {
		return bucketPrinters.in(tx).ForEach(func(_, v []byte) error {
			var p storedPrinter
			if err := bucketPrinters.decode(v, &p); err != nil {
				return err
			}
			p.Config.AccessCode = secret.Text(p.AccessCode)
			list = append(list, p.Config)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the printers: %w", err)
	}
	return list, nil
}

// PutPrinter stores how a printer is reached. fault.Invalid: it has no id.
func (s *Store) PutPrinter(ctx context.Context, c printer.Config) error {
	if c.ID < 1 {
		return fault.New(fault.Invalid, "a printer needs an id of 1 or more, got %d", c.ID).At("id")
	}
	value, err := bucketPrinters.encode(storedPrinter{Config: c, AccessCode: c.AccessCode.Reveal()})
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *bbolt.Tx) error {
		return bucketPrinters.in(tx).Put(key(uint64(c.ID)), value)
	})
}

// DeletePrinter removes a printer's settings, state and memory in one
// transaction. Its id stays with its serial.
func (s *Store) DeletePrinter(ctx context.Context, id int) error {
	return s.write(ctx, func(tx *bbolt.Tx) error {
		for _, b := range []bucket{bucketPrinters, bucketRecords} {
			if err := b.in(tx).Delete(key(uint64(id))); err != nil {
				return fmt.Errorf("deleting printer %d: %w", id, err)
			}
		}
		return nil
	})
}
