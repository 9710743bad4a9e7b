// Package logbook owns the writing of the program's log: each line without the
// secrets that are known, and the last lines in memory. It decides nothing
// about what is logged.
package logbook

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/printwire/printwire/secret"
)

// How many lines are remembered, and how much of each, in bytes.
const (
	lines   = 500
	longest = 2 << 10
)

// Book is a log. Make it with New.
type Book struct {
	w    io.Writer
	mask secret.Mask

	mu   sync.Mutex
	ring []string // at next stands the oldest, once it is full
	next int
}

// New makes a Book that writes to w.
func New(w io.Writer) *Book { return &Book{w: w} }

// Hide makes secrets known: from now on no line shows them.
func (b *Book) Hide(texts ...secret.Text) { b.mask.Add(texts...) }

// Logger writes to the book, in format "json" or as text.
func (b *Book) Logger(format string, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(b, options))
	}
	return slog.New(slog.NewTextHandler(b, options))
}

// Write takes one line, as the handlers of slog write them.
func (b *Book) Write(p []byte) (int, error) {
	line := b.mask.Hide(string(bytes.TrimRight(p, "\n")))
	b.remember(line)
	if _, err := io.WriteString(b.w, line+"\n"); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (b *Book) remember(line string) {
	if len(line) > longest {
		line = strings.ToValidUTF8(line[:longest], "") + "…"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ring) < lines {
		b.ring = append(b.ring, line)
		return
	}
	b.ring[b.next] = line
	b.next = (b.next + 1) % lines
}

// Lines are the last lines, the oldest first. A secret that has become known
// since is hidden in them too.
func (b *Book) Lines() []string {
	b.mu.Lock()
	all := append(append([]string(nil), b.ring[b.next:]...), b.ring[:b.next]...)
	b.mu.Unlock()
	for i, line := range all {
		all[i] = b.mask.Hide(line)
	}
	return all
}
