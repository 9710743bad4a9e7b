package storage

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

func TestUnlessEnded_WaitsNoLongerThanItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	begun, free, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() { <-begun; cancel() }() // owner: ends once the examination has begun
	err := unlessEnded(ctx, func() error {
		defer close(done)
		close(begun)
		<-free
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("an examination whose context ended in the middle gave %v", err)
	}
	close(free)
	<-done
	wrong := errors.New("damaged")
	if err := unlessEnded(t.Context(), func() error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("what was found is told as %v", err)
	}
}

func TestCheckFile_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	path := filepath.Join(t.TempDir(), "printwire.db")
	s, err := Open(ctx, Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(ctx); err != nil {
		t.Errorf("an open file: %v", err)
	}
	cancel()
	if err := s.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("an open file, after the end: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := CheckFile(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("a file, after the end: %v", err)
	}
	if err := CheckFile(t.Context(), path); err != nil {
		t.Errorf("a file: %v", err)
	}
}
