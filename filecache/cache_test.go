package filecache_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/filecache"
)

// clock goes on by a second with every look.
func clock() func() time.Time {
	var mu sync.Mutex
	now := time.Now()
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}

// open makes a cache of 100 bytes.
func open(t *testing.T, folder string, now func() time.Time) *filecache.Cache {
	t.Helper()
	c, err := filecache.Open(filecache.Options{Folder: folder, Cap: 100, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func put(t *testing.T, c *filecache.Cache, key, text string) {
	t.Helper()
	if err := c.Put(key, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
		t.Fatalf("keeping %s: %v", key, err)
	}
}

func holds(t *testing.T, c *filecache.Cache, key, want string) {
	t.Helper()
	b, err := c.Bytes(key)
	if want == "" {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %q, %v; want none", key, b, err)
		}
		return
	}
	if err != nil || string(b) != want {
		t.Errorf("%s: %.20q, %v; want %.20q", key, b, err, want)
	}
}

func TestCache_KeepsOverARestart(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "deep", "cache")
	now := clock()
	c := open(t, folder, now)
	put(t, c, "../../etc/passwd", "one")
	put(t, c, "b", "two")
	put(t, c, "b", "three")
	holds(t, c, "../../etc/passwd", "one")
	if err := os.WriteFile(filepath.Join(folder, "x.part"), []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}
	c = open(t, folder, now)
	holds(t, c, "../../etc/passwd", "one")
	holds(t, c, "b", "three")
	holds(t, c, "c", "")
	if left, _ := filepath.Glob(filepath.Join(folder, "*.part")); len(left) != 0 {
		t.Errorf("unfinished files are left: %v", left)
	}
}

func TestCache_TheLongestUnusedGoes(t *testing.T) {
	folder := t.TempDir()
	now := clock()
	c := open(t, folder, now)
	forty := strings.Repeat("x", 40)
	put(t, c, "a", forty)
	put(t, c, "b", forty)
	holds(t, c, "a", forty) // a is used again, b is not
	put(t, c, "c", forty)
	holds(t, c, "a", forty)
	holds(t, c, "b", "")
	holds(t, c, "c", forty)
	c = open(t, folder, now)
	holds(t, c, "a", forty)
	put(t, c, "d", forty)
	holds(t, c, "a", forty)
	holds(t, c, "c", "")
}

func TestCache_ALargerFileInThePlaceOfAnOldOneStaysUnderTheCap(t *testing.T) {
	folder := t.TempDir()
	c := open(t, folder, clock())
	put(t, c, "a", strings.Repeat("x", 60))
	put(t, c, "b", strings.Repeat("y", 20))
	put(t, c, "a", strings.Repeat("z", 90))
	holds(t, c, "a", strings.Repeat("z", 90))
	holds(t, c, "b", "")
	if files, _ := os.ReadDir(folder); len(files) != 1 {
		t.Errorf("%d files are kept, want 1", len(files))
	}
}

func TestCache_AFailedWriteChangesNothing(t *testing.T) {
	folder := t.TempDir()
	now := clock()
	c := open(t, folder, now)
	put(t, c, "a", "good")
	broken := errors.New("broken")
	if err := c.Put("a", func(w io.Writer) error { _, _ = io.WriteString(w, "ba"); return broken }); !errors.Is(err, broken) {
		t.Errorf("a failed write: %v", err)
	}
	endless := func(w io.Writer) error {
		for {
			if _, err := io.WriteString(w, "more and more "); err != nil {
				return nil // a writer that does not care
			}
		}
	}
	if err := c.Put("a", endless); !fault.Is(err, fault.Conflict) {
		t.Errorf("a file over the cap: %v", err)
	}
	holds(t, c, "a", "good")
	if files, _ := os.ReadDir(folder); len(files) != 1 {
		t.Errorf("%d files are left, want 1", len(files))
	}
}

func TestCache_AWriteThatPanicsLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	c := open(t, folder, clock())
	put(t, c, "a", "good")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = c.Put("a", func(w io.Writer) error { _, _ = io.WriteString(w, "ba"); panic("torn") })
	}()
	holds(t, c, "a", "good")
	if files, _ := os.ReadDir(folder); len(files) != 1 {
		t.Errorf("%d files are left, want 1", len(files))
	}
	put(t, c, "a", "better")
	holds(t, c, "a", "better")
}

func TestCache_FilesRemovedByHandAreNoTrouble(t *testing.T) {
	folder := t.TempDir()
	now := clock()
	c := open(t, folder, now)
	put(t, c, "a", strings.Repeat("x", 90))
	files, _ := filepath.Glob(filepath.Join(folder, "*"))
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	holds(t, c, "a", "")
	put(t, c, "b", strings.Repeat("y", 90))
	holds(t, c, "b", strings.Repeat("y", 90))
}

func TestCache_ManyAtOnceStayUnderTheCap(t *testing.T) {
	folder := t.TempDir()
	now := clock()
	c := open(t, folder, now)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			key := fmt.Sprint(i % 7)
			_ = c.Put(key, func(w io.Writer) error { _, err := io.WriteString(w, strings.Repeat(key, 30)); return err })
			if b, err := c.Bytes(key); err == nil && string(b) != strings.Repeat(key, 30) {
				t.Errorf("%s holds %q", key, b)
			}
		})
	}
	wg.Wait()
	var total int64
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > 100 || total == 0 {
		t.Errorf("%d bytes are kept, want 1 to 100", total)
	}
}
