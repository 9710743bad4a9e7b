package app_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/storage"
)

// TestApp_NobodyFollowsForHomeAssistantWithoutOne: what told Home Assistant of
// endpoints keeps no event where there is none, also when the file comes from
// where there was one.
func TestApp_NobodyFollowsForHomeAssistantWithoutOne(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "printwire.db")
	s, err := storage.Open(t.Context(), storage.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(s.Append(t.Context(), []journal.Entry{{Name: "test"}, {Name: "test"}}), s.Advance(t.Context(), "notices", 1), s.Close())
	if err != nil {
		t.Fatal(err)
	}
	r := begin(t, options(local(), dir))
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	s, err = storage.Open(t.Context(), storage.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if seq, err := s.Cursor(t.Context(), "notices"); err != nil || seq != 0 {
		t.Errorf("the cursor is at %d (%v), want none", seq, err)
	}
}

// TestApp_HomeAssistantIsToldOfNothingBeforeIt: what was switched off where
// there was no Home Assistant is no news where there is one.
func TestApp_HomeAssistantIsToldOfNothingBeforeIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "printwire.db")
	s, err := storage.Open(t.Context(), storage.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	old := []journal.Entry{{Name: "endpoint_disabled", Data: []byte(`{"endpoint":"Old","reason":"gone"}`)}, {Name: "test"}}
	if err := errors.Join(s.Append(t.Context(), old), s.Close()); err != nil {
		t.Fatal(err)
	}
	next := &supervisor{offered: make(chan map[string]any, 9)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "persistent_notification") {
			t.Errorf("Home Assistant is told: %s", r.URL.Path)
		}
		next.ServeHTTP(w, r)
	}))
	defer server.Close()
	o := options(local(), dir)
	o.Token, o.SupervisorURL = "token", server.URL
	if err := begin(t, o).stop(); err != nil {
		t.Fatal(err)
	}
	if s, err = storage.Open(t.Context(), storage.Options{Path: path}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if seq, err := s.Cursor(t.Context(), "notices"); err != nil || seq < 2 {
		t.Errorf("the cursor is at %d (%v), want it behind what was there", seq, err)
	}
}
