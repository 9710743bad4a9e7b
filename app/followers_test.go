package app_test

import (
	"errors"
	"path/filepath"
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
