// Package filecache owns a folder of files that can be had again, up to a cap.
// It does not know what is in them, and nothing that must not be lost belongs
// there: the oldest files go when room is needed.
package filecache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/printwire/printwire/fault"
)

// unfinished is the end of the names of files that are being written.
const unfinished = ".part"

// Cache is one folder. Its methods may be called from any goroutine.
type Cache struct {
	root *os.Root
	cap  int64
	now  func() time.Time
	pace pace

	mu    sync.Mutex
	files map[string]entry
	total int64
}

// entry is one file: its size in bytes and when it was last used.
type entry struct {
	size int64
	used time.Time
}

// Options say where a Cache is and how much it may hold.
type Options struct {
	// Folder is made, with its parents, when it is not there.
	Folder string
	// Cap is the most that all files may take together, in bytes.
	Cap int64
	// Rate is the most that all writers together write, in bytes a second, so
	// that many files at once take no more from others than a few; 0 is without
	// a limit.
	Rate int64
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Open takes over the folder. What an earlier run left unfinished is removed,
// and the oldest files where they are over the cap.
func Open(o Options) (*Cache, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(o.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the cache folder: %w", err)
	}
	root, err := os.OpenRoot(o.Folder)
	if err != nil {
		return nil, fmt.Errorf("opening the cache folder: %w", err)
	}
	c := &Cache{root: root, cap: o.Cap, now: o.Now, pace: pace{rate: o.Rate, over: make(chan struct{})}, files: map[string]entry{}}
	if err := c.scan(); err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("reading the cache folder: %w", err)
	}
	return c, nil
}

func (c *Cache) scan() error {
	list, err := fs.ReadDir(c.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, d := range list {
		info, err := d.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
			continue
		case filepath.Ext(d.Name()) == unfinished:
			_ = c.root.Remove(d.Name())
			continue
		}
		c.files[d.Name()] = entry{size: info.Size(), used: info.ModTime()}
		c.total += info.Size()
	}
	return c.room(0, "")
}

// Close lets go of the folder; its files stay. It may be called twice.
func (c *Cache) Close() error {
	c.pace.end()
	return c.root.Close()
}

// name is the file that holds a key, which may be anything.
func name(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// Put keeps what write writes under key, in place of what was there. A write
// that fails or panics, or that is larger than the whole cap, changes nothing.
// fault.Conflict: it is larger than the cap.
func (c *Cache) Put(key string, write func(w io.Writer) error) error {
	part := name(key) + "." + rest() + unfinished
	f, err := c.root.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keeping a file: %w", err)
	}
	kept := false
	defer func() {
		if !kept {
			_ = f.Close() // closed already unless write panicked
			_ = c.root.Remove(part)
		}
	}()
	w := &limited{w: f, pace: &c.pace, left: c.cap}
	err = write(w)
	if w.over {
		err = errTooLarge(c.cap)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = c.keep(part, name(key), w.size)
	}
	if err != nil {
		return fmt.Errorf("keeping a file: %w", err)
	}
	kept = true
	return nil
}

// keep makes a finished file the one of its name.
func (c *Cache) keep(part, to string, size int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.room(size-c.files[to].size, to); err != nil {
		return err
	}
	if err := c.root.Rename(part, to); err != nil {
		return err
	}
	c.total += size - c.files[to].size
	c.files[to] = entry{size: size, used: c.now()}
	c.stamp(to)
	return nil
}

// stamp writes down when a file was used; only the order of removal after a
// restart hangs on it.
func (c *Cache) stamp(n string) {
	used := c.files[n].used
	_ = c.root.Chtimes(n, used, used)
}

// room removes the files that were used longest ago until size more bytes fit:
// all but spared, whose place what is to come takes.
func (c *Cache) room(size int64, spared string) error {
	if c.total+size <= c.cap {
		return nil
	}
	names := make([]string, 0, len(c.files))
	for n := range c.files {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int { return c.files[a].used.Compare(c.files[b].used) })
	for _, n := range names {
		if c.total+size <= c.cap {
			break
		}
		if n == spared {
			continue
		}
		if err := c.root.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		c.total -= c.files[n].size
		delete(c.files, n)
	}
	return nil
}

// Open opens the file of a key; the caller closes it, and can read it to its
// end even when it is removed meanwhile. fault.NotFound: there is none.
func (c *Cache) Open(key string) (*os.File, error) {
	n := name(key)
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.files[n]
	if !ok {
		return nil, fault.New(fault.NotFound, "no such file is kept")
	}
	f, err := c.root.Open(n)
	if err != nil {
		c.total -= e.size
		delete(c.files, n)
		return nil, fault.New(fault.NotFound, "the kept file cannot be read: %w", err)
	}
	e.used = c.now()
	c.files[n] = e
	c.stamp(n)
	return f, nil
}

// Bytes is the whole file of a key. fault.NotFound: there is none.
func (c *Cache) Bytes(key string) ([]byte, error) {
	f, err := c.Open(key)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("reading a kept file: %w", err)
	}
	return b, nil
}

func errTooLarge(most int64) error {
	return fault.New(fault.Conflict, "it is larger than the cache may be, which is %d MB", most>>20)
}
