package storage

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/printwire/printwire/fault"
)

// encode is a record: the bucket's version, then JSON.
func (b bucket) encode(record any) ([]byte, error) {
	data, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encoding a record of %s: %w", b, err)
	}
	return append([]byte{b.version()}, data...), nil
}

// decode reads a record into a pointer. Nothing of value stays referenced.
func (b bucket) decode(value []byte, record any) error {
	switch {
	case len(value) == 0:
		return fmt.Errorf("a record of %s is empty", b)
	case value[0] > b.version():
		return fault.New(fault.Conflict, "a record of %s has version %d, this program knows up to %d", b, value[0], b.version()).
			WithHint("use the newer program that wrote it")
	case value[0] == 0:
		return fmt.Errorf("a record of %s has no version", b)
	}
	if err := json.Unmarshal(value[1:], record); err != nil {
		return fmt.Errorf("decoding a record of %s: %w", b, err)
	}
	return nil
}

// key is a number as a key that sorts by value.
func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// number is the reverse of key; a key of another length is 0.
func number(k []byte) uint64 {
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}
