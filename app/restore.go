package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/storage"
)

// Restore puts a backup in the place of the database of a data folder that no
// bridge uses, once the backup is found to be whole. The database that was
// there is kept beside it; its path is returned, "" when there was none or it
// is in its place still.
// fault.Conflict: a bridge is running, or a newer program made the backup.
// fault.Invalid: there is nothing in it.
func Restore(data string, backup io.Reader, now time.Time) (kept string, err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", fmt.Errorf("making the data folder: %w", err)
	}
	whole := bufio.NewReader(backup)
	if _, err := whole.Peek(1); errors.Is(err, io.EOF) {
		return "", fault.New(fault.Invalid, "it is empty").WithHint("expected a file that \"printwire backup\" or the bridge's backups wrote") // an empty file would pass for a new database
	}
	path := filepath.Join(data, databaseName)
	before, err := os.Stat(path)
	if err == nil {
		kept = path + ".before-" + now.UTC().Format("20060102-150405.000")
		if err := keep(path, kept); err != nil {
			return "", err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("looking at the database: %w", err)
	}
	if err := storage.Restore(path, whole, now); err != nil {
		if kept == "" {
			return "", err
		}
		if now, gone := os.Stat(path); gone == nil && os.SameFile(before, now) {
			_ = os.Remove(kept)
			return "", err
		}
		// It failed late: the database from before is under its second name alone.
		return kept, fmt.Errorf("%w; the database from before is kept as %s", err, kept)
	}
	return kept, nil
}

// keep gives a file a second name, under which it stays when the first is
// given to another; where the file system has no such thing, a copy.
func keep(path, kept string) error {
	err := os.Link(path, kept)
	if err == nil {
		return nil
	}
	if errors.Is(err, os.ErrExist) {
		return fault.New(fault.Conflict, "the file %s exists already", kept)
	}
	from, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("keeping the old database: %w", err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenFile(kept, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keeping the old database: %w", err)
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		_ = os.Remove(kept)
		return fmt.Errorf("keeping the old database: %w", err)
	}
	return nil
}
