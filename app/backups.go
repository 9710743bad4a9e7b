package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/storage"
)

// backupsName is the folder for backups in the data folder. Home Assistant's
// own backups leave it out; the manifest names it too.
const backupsName = "backups"

// unfinishedBackup ends the name of a backup that is being made.
const unfinishedBackup = ".part"

// Names of backups, whole and unfinished: nothing else in the folder is ours.
var backupPattern = regexp.MustCompile(`^printwire-\d{4}-\d{2}-\d{2}T\d{6}Z\.db(?:\.part)?$`)

// backups are the copies of the database in a folder.
type backups struct {
	folder string
	// make: the folder is ours to make.
	make bool
	keep int
	// copy writes the database as it is now.
	copy func(context.Context, io.Writer) error
	now  func() time.Time
	// newest is the path of the last one that was made.
	newest atomic.Pointer[string]
}

// backupsOf are the backups of a data folder by the settings.
func (a *App) backupsOf() *backups {
	b := &backups{folder: a.settings.Backup.Folder, keep: a.settings.Backup.Keep, copy: a.store.Backup, now: a.now}
	switch {
	case b.folder == "":
		b.folder, b.make = filepath.Join(a.data, backupsName), true
	case !filepath.IsAbs(b.folder):
		b.folder = filepath.Join(a.data, b.folder)
	}
	return b
}

// write makes a backup and removes those that are too many. One that fails
// leaves nothing behind, and removes none.
func (b *backups) write(ctx context.Context) (string, error) {
	if err := b.prepare(); err != nil {
		return "", err
	}
	name := b.now().UTC().Format("printwire-2006-01-02T150405Z.db")
	path := filepath.Join(b.folder, name)
	size, err := b.copyTo(ctx, path+unfinishedBackup)
	if err == nil {
		err = withoutPath(os.Rename(path+unfinishedBackup, path))
	}
	if err != nil {
		_ = os.Remove(path + unfinishedBackup)
		return "", fmt.Errorf("making a backup: %w", err)
	}
	b.newest.Store(&path)
	removed, err := b.prune(name)
	if err != nil {
		return "", fmt.Errorf("%s is made, but older backups cannot be removed: %w", name, withoutPath(err))
	}
	summary := fmt.Sprintf("%s, %d kB", name, (size+999)/1000)
	if removed > 0 {
		summary += fmt.Sprintf("; %d older removed", removed)
	}
	return summary, nil
}

// prepare sees to the folder, and removes what backups that were cut off have left.
func (b *backups) prepare() error {
	if b.make {
		if err := os.MkdirAll(b.folder, 0o700); err != nil {
			return fmt.Errorf("making the folder for backups: %w", withoutPath(err))
		}
	}
	names, err := b.names(true)
	if errors.Is(err, fs.ErrNotExist) {
		// One that should have been mounted must not fill the disk below it.
		return fault.New(fault.NotFound, "the folder for backups does not exist").WithHint("make it, or mount it, or change backup.folder")
	}
	for _, name := range names {
		err = errors.Join(err, os.Remove(filepath.Join(b.folder, name)))
	}
	if err != nil {
		return fmt.Errorf("preparing the folder for backups: %w", withoutPath(err))
	}
	return nil
}

// copyTo writes a backup to the disk, and makes sure that it can be restored.
func (b *backups) copyTo(ctx context.Context, path string) (size int64, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, withoutPath(err)
	}
	err = b.copy(ctx, file)
	if err == nil {
		err = file.Sync()
	}
	info, failed := file.Stat()
	if err = errors.Join(err, failed, file.Close()); err != nil {
		return 0, withoutPath(err)
	}
	err = storage.CheckFile(ctx, path)
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil:
		return 0, fault.New(fault.KindOf(err), "what was written cannot be read again")
	}
	return info.Size(), nil
}

// prune removes the oldest backups that are too many, never the new one.
func (b *backups) prune(made string) (removed int, err error) {
	names, err := b.names(false)
	if err != nil {
		return 0, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == made })
	for len(names) >= b.keep && len(names) > 0 {
		if err := os.Remove(filepath.Join(b.folder, names[0])); err != nil {
			return removed, err
		}
		removed++
		names = names[1:]
	}
	return removed, nil
}

// names are the backups in the folder, oldest first: the whole ones or the
// unfinished ones.
func (b *backups) names(unfinished bool) ([]string, error) {
	entries, err := os.ReadDir(b.folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries { // in the order of their names
		if e.Type().IsRegular() && backupPattern.MatchString(e.Name()) && (filepath.Ext(e.Name()) == unfinishedBackup) == unfinished {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// withoutPath is what went wrong with a file, without its path: everybody who
// may see the jobs reads it.
func withoutPath(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return fmt.Errorf("%s: %w", path.Op, path.Err)
	case errors.As(err, &link):
		return fmt.Errorf("%s: %w", link.Op, link.Err)
	}
	return err
}

// failedBackup says that the last backup failed, "" when it did not.
func (a *App) failedBackup() string {
	failed := a.jobs.failure(backupJob)
	if failed == "" {
		return ""
	}
	return "The last backup failed: " + sentence(failed)
}

// failure says why the last run of a job failed, "" when it did not. One that a
// stop cut off has not failed, and hides no failure before it.
func (s *scheduler) failure(name string) string {
	j, err := s.find(name)
	if err != nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return j.record.Failed
}
