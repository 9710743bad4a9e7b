package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/webhook"
)

// maxControlBody is the largest request of the command line, in bytes: a
// printer with its root certificates.
const maxControlBody = 256 << 10

// ControlError is the error body of the command line's socket.
type ControlError struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Field   string `json:"field,omitempty"`
	// Problems are all that is wrong where it is more than one thing, the first
	// of which is above.
	Problems []ControlError `json:"problems,omitempty"`
}

// Err is the error that the body was made from.
func (c ControlError) Err() error {
	if len(c.Problems) > 0 {
		all := make([]error, len(c.Problems))
		for i, p := range c.Problems {
			all[i] = p.Err()
		}
		return errors.Join(all...)
	}
	for _, kind := range controlKinds() {
		if kind.String() == c.Kind {
			return &fault.Error{Kind: kind, Message: c.Message, Hint: c.Hint, Field: c.Field}
		}
	}
	return errors.New(c.Message)
}

func controlKinds() []fault.Kind {
	return []fault.Kind{fault.Invalid, fault.NotFound, fault.Conflict, fault.Denied, fault.Offline, fault.Unsupported, fault.Internal}
}

// controlRow is one command of the socket: a pattern of net/http, and what
// answers it. The result is encoded as JSON, unless it is a streamer.
type controlRow struct {
	pattern string
	answer  func(*http.Request) (any, error)
}

// streamer is an answer that writes itself.
type streamer func(io.Writer) error

// control serves the command line over a unix socket that only the owner of
// the data folder may open.
func (a *App) control(ctx context.Context) error {
	mux := http.NewServeMux()
	for _, row := range a.controlRows() {
		mux.HandleFunc(row.pattern, a.controlHandler(row))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan struct{})
	go func() { // owner: control waits on stopped
		defer close(stopped)
		<-ctx.Done()
		_ = server.Close()
	}()
	err := server.Serve(a.socket)
	cancel()
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// listenControl opens the socket. A left-over of a process that died is
// removed: the database's lock has already shown that nobody else runs.
func listenControl(data string) (net.Listener, error) {
	path := SocketPath(data)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing the old command socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the command socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protecting the command socket: %w", err), listener.Close())
	}
	return listener, nil
}

func (a *App) controlHandler(row controlRow) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
		result, err := row.answer(r)
		if err != nil {
			a.controlError(w, r, err)
			return
		}
		if stream, ok := result.(streamer); ok {
			if err := stream(w); err != nil {
				a.log.Warn("answering the command line failed", "command", row.pattern, "error", err)
				panic(http.ErrAbortHandler) // half an answer must not pass for a whole one
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(result)
	}
}

func (a *App) controlError(w http.ResponseWriter, r *http.Request, err error) {
	body := controlErrorOf(err)
	var all webhook.Problems
	if errors.As(err, &all) && len(all) > 1 {
		for _, p := range all {
			body.Problems = append(body.Problems, controlErrorOf(p))
		}
	}
	if body.Kind == fault.Internal.String() {
		a.log.Error("a command failed", "command", r.Method+" "+r.URL.Path, "error", err)
	}
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(body)
}

func controlErrorOf(err error) ControlError {
	var classified *fault.Error
	if errors.As(err, &classified) {
		return ControlError{Kind: classified.Kind.String(), Message: classified.Message, Hint: classified.Hint, Field: classified.Field}
	}
	return ControlError{Kind: fault.KindOf(err).String(), Message: err.Error()}
}

// decode reads a request's body, which has to be one JSON object with known fields.
func decode(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fault.New(fault.Invalid, "the request is not understood: %w", err)
	}
	return nil
}
