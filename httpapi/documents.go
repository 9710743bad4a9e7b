package httpapi

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/printwire/printwire/printer"
)

// jsonType is the content type of all answers but errors.
const jsonType = "application/json"

// document is one encoded status.
type document struct {
	version uint64
	// record is the number of the record of the job under way, 0 for none.
	record int
	at     time.Time
	etag   string
	text   []byte
}

// documents keeps the encoded status of each printer until its snapshot
// changes, so that a request encodes nothing. The zero value is ready. A printer
// that was removed and added again counts its versions anew: the time of the
// last report tells it from the one before.
type documents struct {
	mu   sync.RWMutex
	byID map[int]document
}

// of is the encoded status of a snapshot. number is the record of a job under way.
func (d *documents) of(s printer.Snapshot, number func(job string) (int, bool)) (document, error) {
	record := 0
	if s.State.Activity.Active() {
		record, _ = number(s.State.Job.ID)
	}
	d.mu.RLock()
	doc, ok := d.byID[s.Config.ID]
	d.mu.RUnlock()
	if ok && doc.version == s.Version && doc.record == record && doc.at.Equal(s.At) {
		return doc, nil
	}
	full := status(s)
	if record != 0 {
		full.CurrentArchiveID = &record
	}
	text, err := json.Marshal(full)
	if err != nil {
		return document{}, fmt.Errorf("encode the status of printer %d: %w", s.Config.ID, err)
	}
	h := fnv.New64a()
	h.Write(text)
	doc = document{version: s.Version, record: record, at: s.At, etag: fmt.Sprintf(`"%x"`, h.Sum64()), text: text}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byID == nil {
		d.byID = map[int]document{}
	}
	d.byID[s.Config.ID] = doc // of a slower request it may be an older one, which the next replaces
	return doc, nil
}
