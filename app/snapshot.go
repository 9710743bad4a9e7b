package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/printwire/printwire/storage"
)

// snapshotName is a consistent copy of the database. Home Assistant's backups
// hold it in place of the database itself, which changes while it is copied.
// The manifest names it too.
const snapshotName = "printwire.snapshot"

// restoreSnapshot puts the snapshot in the place of a database that is not
// there, as after Home Assistant has restored a backup.
func (a *App) restoreSnapshot(database string) error {
	if _, err := os.Stat(database); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	snapshot, err := os.Open(filepath.Join(a.data, snapshotName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the snapshot: %w", err)
	}
	defer func() { _ = snapshot.Close() }()
	if err := storage.Restore(database, snapshot, a.now()); err != nil {
		return fmt.Errorf("restoring the snapshot: %w", err)
	}
	a.log.Info("the database was restored from its snapshot")
	return nil
}

// writeSnapshot leaves a snapshot behind for a backup of the stopped app;
// while it runs, the manifest has one made by "printwire backup".
func (a *App) writeSnapshot(ctx context.Context) (err error) {
	path := filepath.Join(a.data, snapshotName)
	file, err := os.CreateTemp(a.data, ".snapshot-")
	if err != nil {
		return fmt.Errorf("making the snapshot: %w", err)
	}
	err = a.store.Backup(ctx, file)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("making the snapshot: %w", err)
	}
	return nil
}
