package storage

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/fault"
)

// KV is another part's own bucket of keys and values.
type KV struct {
	s    *Store
	name string
}

// KV is the bucket of a name. It need not exist yet.
func (s *Store) KV(name string) *KV { return &KV{s: s, name: name} }

func (k *KV) bucket(tx *bbolt.Tx) *bbolt.Bucket {
	return bucketValues.in(tx).Bucket([]byte(k.name))
}

// Value is a copy of a key's value. fault.NotFound: there is none.
func (k *KV) Value(key string) ([]byte, error) {
	var value []byte
	found := false
	err := k.s.db.View(func(tx *bbolt.Tx) error {
		if b := k.bucket(tx); b != nil {
			v := b.Get([]byte(key))
			value, found = append([]byte{}, v...), v != nil
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s/%s: %w", k.name, key, err)
	case !found:
		return nil, fault.New(fault.NotFound, "there is no %s/%s", k.name, key)
	}
	return value, nil
}

// Values are copies of all values whose keys begin with prefix.
func (k *KV) Values(prefix string) (map[string][]byte, error) {
	values := map[string][]byte{}
	err := k.s.db.View(func(tx *bbolt.Tx) error {
		b := k.bucket(tx)
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for key, v := c.Seek([]byte(prefix)); key != nil && bytes.HasPrefix(key, []byte(prefix)); key, v = c.Next() {
			values[string(key)] = append([]byte{}, v...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", k.name, err)
	}
	return values, nil
}

// Put stores all pairs in one transaction; a nil value deletes its key.
// fault.Invalid: an empty key, or one of more than 32 kB.
func (k *KV) Put(pairs map[string][]byte) error {
	for key := range pairs {
		if key == "" || len(key) > bbolt.MaxKeySize {
			return fault.New(fault.Invalid, "a key of %s must have 1 to %d bytes, got %d", k.name, bbolt.MaxKeySize, len(key))
		}
	}
	return k.s.write(context.Background(), func(tx *bbolt.Tx) error {
		b, err := bucketValues.in(tx).CreateBucketIfNotExists([]byte(k.name))
		if err != nil {
			return fmt.Errorf("writing %s: %w", k.name, err)
		}
		for key, value := range pairs {
			if value == nil {
				err = b.Delete([]byte(key))
			} else {
				err = b.Put([]byte(key), value)
			}
			if err != nil {
				return fmt.Errorf("writing %s/%s: %w", k.name, key, err)
			}
		}
		return nil
	})
}
