package auth

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/printwire/printwire/fault"
)

// The audit remembers this many entries; when this many wait to be written,
// they are written before the minute is over.
const (
	auditKept    = 10_000
	auditHurry   = 100
	auditRoot    = "auth/audit/"
	auditLongest = 256
)

// Act is what was done.
type Act string

// The acts that this package notes. Edges note their own, by the audit tags of
// their routes.
const (
	KeyCreated     Act = "key.create"
	KeyRotated     Act = "key.rotate"
	KeyRevoked     Act = "key.revoke"
	KeyRights      Act = "key.scope"
	KeyEdited      Act = "key.edit"
	KeyNewAddress  Act = "key.address"
	BadCredentials Act = "credentials.bad"
	PersonSignedIn Act = "person.sign_in"
	PersonPassword Act = "person.password"
	OwnerChanged   Act = "owner.change"
	OwnerDeleted   Act = "owner.delete"
	ClientCreated  Act = "oauth.client"
	ClientDeleted  Act = "oauth.client_delete"
	GrantGiven     Act = "oauth.grant"
	GrantRevoked   Act = "oauth.revoke"
	GrantReused    Act = "oauth.reuse"
)

// AuditEntry is one act. It never holds a secret.
type AuditEntry struct {
	Seq uint64    `json:"seq"`
	At  time.Time `json:"at"`
	Act Act       `json:"act"`
	// Key is the id of the key or grant that it is about.
	Key   string `json:"key,omitempty"`
	Name  string `json:"name,omitempty"`
	Owner string `json:"owner,omitempty"`
	// By is who did it: a key's id or a person.
	By     string `json:"by,omitempty"`
	From   string `json:"from,omitempty"`
	Agent  string `json:"agent,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// keptEntry is an entry as it is kept.
type keptEntry struct {
	Version int `json:"v"`
	AuditEntry
}

// Audit is the record of acts: the newest, in order. What people do is written
// with what it changes; what is only seen is written within a minute, by
// Auth.Run.
type Audit struct {
	store Store
	now   func() time.Time

	writing sync.Mutex // held over a write; before mu

	mu      sync.Mutex
	entries []AuditEntry // by Seq
	next    uint64
	pending map[string][]byte // not yet written; nil deletes
	hurry   func()
}

// NewAudit makes an empty record.
func NewAudit(store Store, now func() time.Time) *Audit {
	return &Audit{store: store, now: now, next: 1, pending: make(map[string][]byte), hurry: func() {}}
}

// Load reads what is kept. Records that cannot be read are an error.
func (a *Audit) Load() error {
	pairs, err := a.store.Values(auditRoot)
	if err != nil {
		return fmt.Errorf("reading the audit: %w", err)
	}
	entries := make([]AuditEntry, 0, len(pairs))
	for name, value := range pairs {
		var k keptEntry
		if err := json.Unmarshal(value, &k); err != nil {
			return fault.New(fault.Internal, "audit record %s: %w", name, err)
		}
		if k.Version > recordVersion {
			return fault.New(fault.Unsupported, "audit record %s has version %d, this program knows %d", name, k.Version, recordVersion)
		}
		entries = append(entries, k.AuditEntry)
	}
	slices.SortFunc(entries, func(x, y AuditEntry) int {
		return int(min(max(int64(x.Seq)-int64(y.Seq), -1), 1))
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entries = entries
	if n := len(entries); n > 0 {
		a.next = entries[n-1].Seq + 1
	}
	a.trim()
	return nil
}

// Record notes an act that has happened. It does not wait for the store.
func (a *Audit) Record(e AuditEntry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e = a.number(e)
	a.keep(e)
	a.pending[auditKey(e.Seq)] = encodeEntry(e)
	if len(a.pending) >= auditHurry {
		a.hurry()
	}
}

// Commit writes pairs, the acts that explain them and all that waits, in one
// transaction. Without success nothing of it happened.
func (a *Audit) Commit(pairs map[string][]byte, acts ...AuditEntry) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	a.mu.Lock()
	all, waiting := make(map[string][]byte, len(pairs)+len(acts)), a.pending
	a.pending = make(map[string][]byte)
	for i := range acts {
		acts[i] = a.number(acts[i])
		all[auditKey(acts[i].Seq)] = encodeEntry(acts[i])
	}
	a.mu.Unlock()
	for _, more := range []map[string][]byte{waiting, pairs} {
		for key, value := range more {
			all[key] = value
		}
	}
	var err error
	if len(all) > 0 {
		err = a.store.Put(all)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		for key, value := range waiting {
			if _, newer := a.pending[key]; !newer {
				a.pending[key] = value
			}
		}
		return err
	}
	for _, e := range acts {
		a.keep(e)
	}
	return nil
}

// number gives an entry its place and time, and bounds its texts.
func (a *Audit) number(e AuditEntry) AuditEntry {
	e.Seq, a.next = a.next, a.next+1
	if e.At.IsZero() {
		e.At = a.now().UTC()
	}
	for _, text := range []*string{&e.Key, &e.Name, &e.Owner, &e.By, &e.From, &e.Agent, &e.Detail} {
		*text = auditText(*text)
	}
	return e
}

// auditText keeps what strangers send on one line and short, and what looks
// like a credential of ours out.
func auditText(s string) string {
	for _, field := range strings.Fields(s) {
		if at := strings.Index(field, keyMark); at >= 0 && len(field)-at > sumWidth+randomWidth {
			s = strings.ReplaceAll(s, field, "***")
		}
	}
	if len(s) > auditLongest {
		s = s[:auditLongest]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// keep puts a numbered entry in its place; the oldest go.
func (a *Audit) keep(e AuditEntry) {
	at := len(a.entries)
	for at > 0 && a.entries[at-1].Seq > e.Seq {
		at--
	}
	a.entries = slices.Insert(a.entries, at, e)
	a.trim()
}

// trim drops the oldest: from the store, or from what waits to be written.
func (a *Audit) trim() {
	for len(a.entries) > auditKept {
		key := auditKey(a.entries[0].Seq)
		if a.pending[key] != nil {
			delete(a.pending, key)
		} else {
			a.pending[key] = nil
		}
		a.entries = a.entries[1:]
	}
}

// AuditFilter chooses entries, the newest first. Empty fields choose all.
type AuditFilter struct {
	Act        Act // whole, or a beginning that ends in a dot: "key."
	Key, Owner string
	// Before is the cursor: only entries with a smaller Seq; 0 is the newest.
	Before uint64
	// Limit is how many; 0 is 50, 500 the most.
	Limit int
}

// List is a page of entries, and the cursor of the next, 0 when there is none.
func (a *Audit) List(f AuditFilter) (page []AuditEntry, next uint64) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 500)
	a.mu.Lock()
	defer a.mu.Unlock()
	page = []AuditEntry{}
	for i := len(a.entries) - 1; i >= 0; i-- {
		e := a.entries[i]
		if !f.chooses(e) {
			continue
		}
		if len(page) == f.Limit {
			return page, page[f.Limit-1].Seq
		}
		page = append(page, e)
	}
	return page, 0
}

func (f AuditFilter) chooses(e AuditEntry) bool {
	act := f.Act == "" || e.Act == f.Act || strings.HasSuffix(string(f.Act), ".") && strings.HasPrefix(string(e.Act), string(f.Act))
	return act && (f.Before == 0 || e.Seq < f.Before) && (f.Key == "" || e.Key == f.Key) && (f.Owner == "" || e.Owner == f.Owner)
}

func auditKey(seq uint64) string {
	return auditRoot + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, seq))
}

func encodeEntry(e AuditEntry) []byte {
	// An entry is made of text and times: encoding it cannot fail.
	value, _ := json.Marshal(keptEntry{Version: recordVersion, AuditEntry: e})
	return value
}
