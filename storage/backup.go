package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/printwire/printwire/fault"
)

// copySuffix ends the names of copies on their way into a backup.
const copySuffix = ".copying"

// Backup writes a copy of the file as it is now, while it is in use. It goes
// through a file beside the database, so that a slow reader of the copy does
// not keep a transaction open and make the database grow.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	temp := fmt.Sprintf("%s.%d%s", s.path, s.now().UnixNano(), copySuffix)
	defer os.Remove(temp)
	if err := s.copyTo(ctx, temp); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	f, err := os.Open(temp)
	if err != nil {
		return fmt.Errorf("reading the database's copy: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(w, reader{ctx, f}); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	return nil
}

// copyTo writes a copy of the file as it is now, unless ctx ends.
func (s *Store) copyTo(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := &guarded{ctx: ctx, w: f}
	err = s.db.View(func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(w)
		return err
	})
	if w.err != nil {
		err = w.err // the library tells its text alone
	}
	return errors.Join(err, f.Close())
}

// sweep removes the copies that a process left when it died during a backup.
// The file's lock shows that nobody else is making one.
func sweep(path string, logger *slog.Logger) {
	entries, err := os.ReadDir(filepath.Dir(path))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+".") && strings.HasSuffix(e.Name(), copySuffix) {
			err = errors.Join(err, os.Remove(filepath.Join(filepath.Dir(path), e.Name())))
		}
	}
	if err != nil {
		logger.Warn("copies of an interrupted backup could not be removed", "error", err)
	}
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

// Read reads unless the context has ended.
func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// guarded ends with its context. It remembers the first error.
type guarded struct {
	ctx context.Context
	w   io.Writer
	err error
}

// Write writes unless the context has ended.
func (g *guarded) Write(b []byte) (n int, err error) {
	if err = g.ctx.Err(); err == nil {
		n, err = g.w.Write(b)
	}
	if g.err == nil {
		g.err = err
	}
	return n, err
}

// Check examines every page of the open file, unless ctx ends.
func (s *Store) Check(ctx context.Context) error {
	return unlessEnded(ctx, func() error { return s.db.View(func(tx *bbolt.Tx) error { return check(tx, s.path) }) })
}

// unlessEnded is what examine finds, or the end of ctx. The library cannot be
// interrupted: an examination that nobody waits for any more goes on to its
// end. It closes what it opened; of an open store, Close waits for it.
func unlessEnded(ctx context.Context, examine func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	found := make(chan error, 1)
	go func() { found <- examine() }() // owner: unlessEnded waits; after the end of ctx, Close of the store or nobody: it ends by itself
	select {
	case err := <-found:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func check(tx *bbolt.Tx, path string) error {
	var first error
	for err := range tx.Check() {
		if first == nil {
			first = err
		}
	}
	if first != nil {
		return damaged(path, first)
	}
	return nil
}

// CheckFile examines a file that nobody uses, unless ctx ends.
// fault.Conflict: it is in use, or a newer program wrote it.
func CheckFile(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("checking a database: %w", err)
	}
	return unlessEnded(ctx, func() error {
		db, err := openChecked(path, 2*time.Second)
		if err != nil {
			return err
		}
		err = db.View(func(tx *bbolt.Tx) error { return check(tx, path) })
		return errors.Join(err, db.Close())
	})
}

// Restore replaces the file at path, which nobody may have open, by a backup:
// written beside it, checked, and only then put in its place. Events go on
// with numbers that the replaced file cannot have given: receivers of webhooks
// know them, and would drop what comes under one a second time.
// fault.Conflict: the file is in use, or a newer program made the backup.
func Restore(path string, backup io.Reader, now time.Time) error {
	temp := path + ".restore"
	defer os.Remove(temp)
	if err := writeFile(temp, backup); err != nil {
		return fmt.Errorf("writing the restored database: %w", err)
	}
	if err := CheckFile(context.Background(), temp); err != nil {
		return unusable(err)
	}
	if err := skipNumbers(temp, now); err != nil {
		return fmt.Errorf("numbering what follows the restored events: %w", err)
	}
	if _, err := os.Stat(path); err == nil {
		db, err := bbolt.Open(path, 0o600, boltOptions(2*time.Second))
		if err == nil {
			defer db.Close()
		} else if errors.Is(err, bbolterrors.ErrTimeout) {
			return inUse(path)
		}
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("replacing the database: %w", err)
	}
	return syncFolder(path)
}

// unusable says what is wrong with a backup; where it lay for the check helps nobody.
func unusable(err error) error {
	var found *fault.Error
	switch {
	case !errors.As(err, &found):
		return fmt.Errorf("checking the backup: %w", err)
	case found.Kind == fault.Internal && found.Err != nil:
		return fault.New(fault.Invalid, "it is no whole backup of a database: %w", found.Err).
			WithHint("expected a file that \"printwire backup\" or the bridge's backups wrote")
	}
	return found
}

func writeFile(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

// worthIt is the free space from which a file is compacted at the start.
const worthIt = 16 << 20

// compacted gives back the free half of a big file, which otherwise never
// shrinks. The old file stays in place until the new one is whole.
func compacted(db *bbolt.DB, path string, timeout time.Duration, logger *slog.Logger) (*bbolt.DB, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	stats := db.Stats()
	free := int64(stats.FreePageN) * int64(db.Info().PageSize)
	if free < worthIt || free < info.Size()/2 {
		return db, nil
	}
	temp := path + ".compact"
	defer os.Remove(temp)
	if err := compactInto(temp, db); err != nil {
		logger.Warn("the database could not be compacted", "error", err)
		return db, nil
	}
	// The lock is the old file's: the new one gets its own before it is in place.
	small, err := bbolt.Open(temp, 0o600, boltOptions(timeout))
	if err != nil {
		return db, nil
	}
	if err := os.Rename(temp, path); err != nil {
		logger.Warn("the compacted database could not be put in place", "error", err)
		return db, small.Close()
	}
	// From here on the new file is the one: what is written to the old is gone with it.
	if err := syncFolder(path); err != nil {
		logger.Warn("the database's folder could not be synced", "error", err)
	}
	logger.Info("database compacted", "freed_bytes", free)
	return small, db.Close()
}

func compactInto(path string, db *bbolt.DB) error {
	_ = os.Remove(path)
	small, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType, NoSync: true})
	if err != nil {
		return err
	}
	err = bbolt.Compact(small, db, 4<<20)
	return errors.Join(err, small.Sync(), small.Close())
}
