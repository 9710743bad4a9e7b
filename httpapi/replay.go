package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/printwire/printwire/fault"
)

// Store keeps small records of the API itself. Put is one transaction; a nil
// value deletes.
type Store interface {
	// Value is what is kept under key. fault.NotFound: nothing.
	Value(key string) ([]byte, error)
	// Values are all pairs whose key starts with prefix.
	Values(prefix string) (map[string][]byte, error)
	Put(pairs map[string][]byte) error
}

const (
	// replayTime is how long a command's answer is remembered.
	replayTime = 24 * time.Hour
	// replaySweep is how often what is older goes.
	replaySweep = time.Hour
	replayRoot  = "replay/"
)

// replays remembers the answers to commands that came with an idempotency key,
// so that a repeated call does nothing twice. What is being done is written
// down before it is begun: after a crash a repeated call learns that nobody
// knows the end.
type replays struct {
	store Store
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex
	busy  map[string]bool
	swept time.Time
}

// performance is one remembered command.
type performance struct {
	Version     int       `json:"v"`
	Fingerprint string    `json:"fingerprint"`
	At          time.Time `json:"at"`
	// Result is what came of it; without it, Status, Word, Code and Detail are
	// those of a failure, and without any the end is not known.
	Result json.RawMessage `json:"control,omitempty"`
	Status int             `json:"status,omitempty"`
	Word   string          `json:"word,omitempty"`
	Code   string          `json:"code,omitempty"`
	Detail string          `json:"detail,omitempty"`
}

// once performs a command, or tells how the same one ended before. What it
// gives is kept as JSON, so it holds no secret.
func once[T any](r *replays, caller, key, fingerprint string, perform func() (T, error)) (result T, again bool, err error) {
	var none T
	sum := sha256.Sum256([]byte(caller + "\x00" + key))
	at := replayRoot + hex.EncodeToString(sum[:])
	if !r.begin(at) {
		return none, false, problem{status: http.StatusConflict, detail: "A command with this Idempotency-Key is on its way.", retryAfter: 1}
	}
	defer r.end(at)
	before, err := r.load(at)
	switch {
	case err == nil && r.now().Sub(before.At) < replayTime:
		err = before.replay(fingerprint, &result)
		return result, true, err
	case err != nil && !fault.Is(err, fault.NotFound):
		return none, false, err
	}
	p := performance{Version: 1, Fingerprint: fingerprint, At: r.now().UTC()}
	if err := r.keep(at, p); err != nil {
		return none, false, err
	}
	result, err = perform()
	if !p.outcome(result, err) {
		return result, false, errors.Join(err, r.store.Put(map[string][]byte{at: nil}))
	}
	if kept := r.keep(at, p); kept != nil {
		r.log.Error("the answer to a command could not be kept; a repeated call will be told so", "error", kept)
	}
	return result, false, err
}

// outcome notes how a command ended. It is false when the printer was not
// asked to do anything, so that a repeated call may try again.
func (p *performance) outcome(result any, err error) bool {
	if err == nil {
		// Results are made of text, numbers and times: encoding them cannot fail.
		p.Result, _ = json.Marshal(result)
		return true
	}
	var known problem
	if !errors.As(err, &known) || known.status < http.StatusInternalServerError {
		return false
	}
	p.Status, p.Word, p.Code, p.Detail = known.status, known.word, known.code, known.detail
	return true
}

// replay is the answer once more.
func (p performance) replay(fingerprint string, result any) error {
	switch {
	case p.Fingerprint != fingerprint:
		return problem{status: http.StatusUnprocessableEntity, detail: "This Idempotency-Key was used for another command.",
			fields: []FailureField{{Pointer: "Idempotency-Key", Detail: "belongs to another command"}}}
	case p.Result != nil:
		return json.Unmarshal(p.Result, result)
	case p.Status != 0:
		return problem{status: p.Status, word: p.Word, code: p.Code, detail: p.Detail}
	}
	return problem{status: http.StatusConflict, detail: "A command with this Idempotency-Key was begun, and nobody knows how it ended."}
}

func (r *replays) begin(at string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[at] {
		return false
	}
	if r.busy == nil {
		r.busy = map[string]bool{}
	}
	r.busy[at] = true
	return true
}

func (r *replays) end(at string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, at)
}

func (r *replays) load(at string) (performance, error) {
	var p performance
	raw, err := r.store.Value(at)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return p, fmt.Errorf("reading a remembered command: %w", err)
	}
	return p, nil
}

// keep writes a performance, and forgets old ones now and then.
func (r *replays) keep(at string, p performance) error {
	// A performance is made of text, numbers and times: encoding it cannot fail.
	text, _ := json.Marshal(p)
	pairs := map[string][]byte{at: text}
	r.mu.Lock()
	due := r.now().Sub(r.swept) >= replaySweep
	if due {
		r.swept = r.now()
	}
	r.mu.Unlock()
	if due {
		old, err := r.store.Values(replayRoot)
		if err != nil {
			return fmt.Errorf("remembering a command: %w", err)
		}
		for name, raw := range old {
			var o performance
			if json.Unmarshal(raw, &o) == nil && r.now().Sub(o.At) >= replayTime && name != at {
				pairs[name] = nil
			}
		}
	}
	if err := r.store.Put(pairs); err != nil {
		return fmt.Errorf("remembering a command: %w", err)
	}
	return nil
}

// volatile is a Store without a file.
type volatile struct {
	mu    sync.Mutex
	pairs map[string][]byte
}

// Value is what is kept under key.
func (v *volatile) Value(key string) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if value, ok := v.pairs[key]; ok {
		return value, nil
	}
	return nil, fault.New(fault.NotFound, "there is nothing under this key")
}

// Values are all pairs; there is one prefix only.
func (v *volatile) Values(string) (map[string][]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	pairs := make(map[string][]byte, len(v.pairs))
	for k, value := range v.pairs {
		pairs[k] = value
	}
	return pairs, nil
}

// Put keeps pairs.
func (v *volatile) Put(pairs map[string][]byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.pairs == nil {
		v.pairs = map[string][]byte{}
	}
	for k, value := range pairs {
		if value == nil {
			delete(v.pairs, k)
			continue
		}
		v.pairs[k] = value
	}
	return nil
}
