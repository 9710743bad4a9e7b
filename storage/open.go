package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/printwire/printwire/fault"
)

// Options says where the file is and how it is kept.
type Options struct {
	// Path is the file. Its folder must exist.
	Path string
	Log  *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Retention is how much of the journal is kept; zero fields take the defaults.
	Retention Retention
	// LockTimeout is how long Open waits for another process; 0 is 2 s.
	LockTimeout time.Duration
	// Step, if set, is called before each step of a write; its error is the
	// write's failure. Tests simulate a full disk and a crash with it.
	Step func(Step) error
}

// Step is a point in the course of a write.
type Step string

// The steps, in order.
const (
	StepBegin  Step = "begin"
	StepApply  Step = "apply"
	StepCommit Step = "commit"
	StepAnswer Step = "answer"
)

// Store is the open database.
type Store struct {
	path string
	log  *slog.Logger
	now  func() time.Time
	keep Retention
	step func(Step) error

	db      *bbolt.DB
	writer  writer
	last    atomic.Uint64
	written atomic.Uint64

	// mu guards what follows.
	mu        sync.Mutex
	grown     chan struct{}
	followers map[string]bool
}

// Open opens the file, or makes it. fault.Conflict: another process holds the
// file, or a newer program wrote it. Any other error says what is wrong with the file.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := newStore(o)
	timeout := o.LockTimeout
	if timeout == 0 {
		timeout = 2 * time.Second
	}
	if err := create(o.Path); err != nil {
		return nil, fmt.Errorf("creating the database %s: %w", o.Path, err)
	}
	db, err := openChecked(o.Path, timeout)
	if err != nil {
		return nil, err
	}
	if db, err = compacted(db, o.Path, timeout, s.log); err != nil {
		return nil, fmt.Errorf("compacting the database %s: %w", o.Path, err)
	}
	s.db = db
	sweep(o.Path, s.log)
	if err := s.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing the database %s: %w", o.Path, err), db.Close())
	}
	return s, nil
}

func newStore(o Options) *Store {
	s := &Store{
		path: o.Path, log: o.Log, now: o.Now, keep: o.Retention.orDefault(), step: o.Step,
		grown: make(chan struct{}), followers: map[string]bool{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.log = s.log.With("component", "storage")
	if s.now == nil {
		s.now = time.Now
	}
	if s.step == nil {
		s.step = func(Step) error { return nil }
	}
	return s
}

// Close waits for the write under way, refuses later ones and releases the file.
func (s *Store) Close() error {
	s.writer.close()
	return s.db.Close()
}

// prepare makes missing buckets, brings an older file to this program's format,
// and learns the last sequence number.
func (s *Store) prepare() error {
	missing := false
	err := s.db.View(func(tx *bbolt.Tx) error {
		for _, b := range buckets() {
			missing = missing || b.bucket.in(tx) == nil
		}
		return nil
	})
	if err == nil && missing {
		err = s.db.Update(makeBuckets)
	}
	if err != nil {
		return err
	}
	if err := s.modernize(); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		s.last.Store(newest(tx))
		return nil
	})
}

// modernize brings an older file to this program's format in one transaction.
func (s *Store) modernize() error {
	old := false
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		old, err = outdated(tx)
		return err
	})
	if err != nil || !old {
		return err
	}
	s.log.Info("bringing the database to this program's format", "format", format)
	return s.db.Update(migrate)
}

func makeBuckets(tx *bbolt.Tx) error {
	for _, b := range buckets() {
		if _, err := tx.CreateBucketIfNotExists([]byte(b.bucket)); err != nil {
			return fmt.Errorf("making the bucket %s: %w", b.bucket, err)
		}
	}
	meta := bucketMeta.in(tx)
	if meta.Get(keyFormat()) != nil {
		return nil
	}
	value, err := bucketMeta.encode(formatRecord{Format: format})
	if err != nil {
		return err
	}
	return meta.Put(keyFormat(), value)
}

type formatRecord struct {
	Format int `json:"format"`
}

func keyFormat() []byte { return []byte("format") }

// create makes the file under another name first, so that a power loss leaves
// either no file or a whole one.
func create(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temp := fmt.Sprintf("%s.%d.new", path, os.Getpid())
	defer os.Remove(temp)
	db, err := bbolt.Open(temp, 0o600, boltOptions(time.Second))
	if err != nil {
		return err
	}
	if err := errors.Join(db.Update(makeBuckets), db.Sync(), db.Close()); err != nil {
		return err
	}
	// A link, not a rename: when two processes start at once, the second must
	// not replace the file that the first has already opened.
	err = os.Link(temp, path)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		if err := os.Rename(temp, path); err != nil {
			return err
		}
	}
	return syncFolder(path)
}

func syncFolder(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func boltOptions(timeout time.Duration) *bbolt.Options {
	return &bbolt.Options{Timeout: timeout, FreelistType: bbolt.FreelistMapType}
}

// openChecked opens the file and reads all of it once. A damaged page makes
// the library panic or touch memory that the file does not back; both become
// an error here.
func openChecked(path string, timeout time.Duration) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, damaged(path, fmt.Errorf("%v", r))
		}
	}()
	var file *os.File
	options := boltOptions(timeout)
	options.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}
	db, err = bbolt.Open(path, 0o600, options)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, inUse(path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("opening the database: %w", err)
	case err != nil:
		return nil, damaged(path, err)
	}
	if !inPlace(file, path) {
		return nil, errors.Join(inUse(path), db.Close())
	}
	if err := db.View(func(tx *bbolt.Tx) error { return readAll(tx, file) }); err != nil {
		return nil, errors.Join(damagedUnlessClassified(path, err), db.Close())
	}
	return db, nil
}

func inUse(path string) error {
	return fault.New(fault.Conflict, "the database %s is in use by another process", path).
		WithHint("stop the other printwire, or give this one its own data folder")
}

// inPlace tells whether the open file is still the one at path: another
// process may have replaced it, by compaction or restore, while this one waited
// for the lock of the old.
func inPlace(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(opened, now)
}

func damaged(path string, cause error) error {
	return fault.New(fault.Internal, "the database %s is damaged: %w", path, cause).
		WithHint("move it away and restore a backup")
}

func damagedUnlessClassified(path string, err error) error {
	if fault.KindOf(err) != fault.Internal {
		return fmt.Errorf("the database %s: %w", path, err)
	}
	return damaged(path, err)
}

// readAll checks length and format, then walks through all buckets.
func readAll(tx *bbolt.Tx, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("it has %d bytes and should have at least %d", info.Size(), tx.Size())
	}
	meta := bucketMeta.in(tx)
	if meta == nil {
		return errors.New("it is not a database of this program")
	}
	var record formatRecord
	if err := bucketMeta.decode(meta.Get(keyFormat()), &record); err != nil {
		return err
	}
	if record.Format > format {
		return fault.New(fault.Conflict, "its format %d is newer than this program's %d", record.Format, format).
			WithHint("start the newer program, or restore an older backup")
	}
	return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error { return readBucket(b) })
}

func readBucket(b *bbolt.Bucket) error {
	return b.ForEach(func(k, v []byte) error {
		if v == nil {
			return readBucket(b.Bucket(k))
		}
		return nil
	})
}
