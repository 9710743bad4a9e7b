package storage

import (
	"bytes"
	"testing"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

func TestBuckets_TableIsComplete(t *testing.T) {
	seen := map[bucket]bool{}
	for _, row := range buckets() {
		if seen[row.bucket] || row.bucket == "" || row.holds == "" {
			t.Errorf("row %+v is not complete or is there twice", row)
		}
		seen[row.bucket] = true
	}
	for _, b := range []bucket{bucketMeta, bucketSerials, bucketPrinters, bucketRecords, bucketJournal, bucketCursors, bucketJobs} {
		if b.version() == 0 {
			t.Errorf("records of %s have no version", b)
		}
	}
}

// FuzzDecode wants an error or a record that can be written again.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "\x00{}", "\x01{}", "\x02{}", "\x01{\"ID\":1,\"State\":{\"Units\":[{\"Trays\":null}]}}", "\x01[", "\x01{\"data\":{\"a\":[]}}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		kept := bytes.Clone(data)
		var r printer.Record
		if err := bucketRecords.decode(data, &r); err == nil {
			if data[0] != 1 {
				t.Errorf("version %d was read", data[0])
			}
			// What is read must not change with the page that it was read from.
			memory := bytes.Clone(r.Memory.Data)
			clear(data)
			if !bytes.Equal(memory, r.Memory.Data) {
				t.Error("the record still refers to the value")
			}
			copy(data, kept)
		}
		var e journal.Entry
		if err := bucketJournal.decode(data, &e); err == nil {
			text := string(e.Data)
			clear(data)
			if text != string(e.Data) {
				t.Error("the entry still refers to the value")
			}
			copy(data, kept)
		}
		_ = bucketJobs.decode(data, &archive.Record{})
		_ = bucketCursors.decode(data, &cursor{})
		_ = bucketPrinters.decode(data, &storedPrinter{})
	})
}
