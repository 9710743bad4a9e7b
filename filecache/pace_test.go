package filecache_test

import (
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/filecache"
)

func TestCache_AllWritersTogetherKeepToTheRate(t *testing.T) {
	folder := t.TempDir()
	for _, c := range []struct {
		name     string
		rate     int64
		writers  int
		from, to time.Duration
	}{
		{"one", 1 << 20, 1, 950 * time.Millisecond, time.Second},
		{"five", 1 << 20, 5, 4950 * time.Millisecond, 5 * time.Second},
		{"five without a limit", 0, 5, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			cache, err := filecache.Open(filecache.Options{Folder: folder, Cap: 16 << 20, Rate: c.rate})
			if err != nil {
				t.Fatal(err)
			}
			defer cache.Close()
			began := time.Now()
			var work sync.WaitGroup
			for i := range c.writers {
				work.Go(func() {
					err := cache.Put(fmt.Sprint(c.name, i), func(w io.Writer) error {
						for range 32 {
							if _, err := w.Write(make([]byte, 32<<10)); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			work.Wait()
			if took := time.Since(began); took < c.from || took > c.to {
				t.Errorf("%s: %v for 1 MB of each at %d bytes a second, want %v to %v", c.name, took, c.rate, c.from, c.to)
			}
		})
	}
}

func TestCache_CloseHoldsNoWriterUp(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		cache, err := filecache.Open(filecache.Options{Folder: folder, Cap: 16 << 20, Rate: 1})
		if err != nil {
			t.Fatal(err)
		}
		began, done := time.Now(), make(chan error, 1)
		go func() { // owner: the test, which waits for done
			done <- cache.Put("slow", func(w io.Writer) error {
				for range 3 {
					if _, err := w.Write(make([]byte, 3600)); err != nil { // an hour's worth
						return err
					}
				}
				return nil
			})
		}()
		time.AfterFunc(time.Minute, func() { _, _ = cache.Close(), cache.Close() }) // owner: the test, which waits for what it ends
		if err := <-done; err == nil || time.Since(began) > 2*time.Minute {
			t.Errorf("after %v: %v; want an error at the end of the cache", time.Since(began), err)
		}
	})
}
