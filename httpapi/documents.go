package httpapi

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"sync"

	"github.com/printwire/printwire/printer"
)

// jsonType is the content type of all answers but errors.
const jsonType = "application/json"

// document is one encoded status.
type document struct {
	version uint64
	etag    string
	text    []byte
}

// documents keeps the encoded status of each printer until its snapshot's
// version changes, so that a request encodes nothing. The zero value is ready.
type documents struct {
	mu   sync.RWMutex
	byID map[int]document
}

// of is the encoded status of a snapshot.
func (d *documents) of(s printer.Snapshot) (document, error) {
	d.mu.RLock()
	doc, ok := d.byID[s.Config.ID]
	d.mu.RUnlock()
	if ok && doc.version == s.Version {
		return doc, nil
	}
	text, err := json.Marshal(status(s))
	if err != nil {
		return document{}, fmt.Errorf("encode the status of printer %d: %w", s.Config.ID, err)
	}
	h := fnv.New64a()
	h.Write(text)
	doc = document{version: s.Version, etag: fmt.Sprintf(`"%x"`, h.Sum64()), text: text}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byID == nil {
		d.byID = map[int]document{}
	}
	// A slower request may hold an older snapshot; the newest stays.
	if old, ok := d.byID[s.Config.ID]; !ok || old.version < s.Version {
		d.byID[s.Config.ID] = doc
	}
	return doc, nil
}
