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
	at      time.Time
	etag    string
	text    []byte
}

// documents keeps the encoded status of each printer until its snapshot
// changes, so that a request encodes nothing. The zero value is ready. A printer
// that was removed and added again counts its versions anew: the time of the
// last report tells it from the one before.
type documents struct {
	mu   sync.RWMutex
	byID map[int]document
}

// of is the encoded status of a snapshot.
func (d *documents) of(s printer.Snapshot) (document, error) {
	d.mu.RLock()
	doc, ok := d.byID[s.Config.ID]
	d.mu.RUnlock()
	if ok && doc.version == s.Version && doc.at.Equal(s.At) {
		return doc, nil
	}
	text, err := json.Marshal(status(s))
	if err != nil {
		return document{}, fmt.Errorf("encode the status of printer %d: %w", s.Config.ID, err)
	}
	h := fnv.New64a()
	h.Write(text)
	doc = document{version: s.Version, at: s.At, etag: fmt.Sprintf(`"%x"`, h.Sum64()), text: text}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byID == nil {
		d.byID = map[int]document{}
	}
	d.byID[s.Config.ID] = doc // of a slower request it may be an older one, which the next replaces
	return doc, nil
}
