package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/fault"
)

// restoreCmd puts a backup in the place of the database.
type restoreCmd struct {
	dataFlag
	File string `arg:"" help:"Backup, as \"printwire backup\" writes it."`
}

// restored is what a restore tells.
type restored struct {
	Data string `json:"data"`
	// Kept is where the database from before is, "" when there was none.
	Kept string `json:"kept,omitempty"`
}

// Run restores a backup into a data folder that no bridge uses.
func (c restoreCmd) Run(env Env) error {
	data, err := folder(env, c.Data)
	if err != nil {
		return err
	}
	file, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("opening the backup: %w", err)
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return fault.New(fault.Invalid, "%s is no file", c.File)
	}
	kept, err := app.Restore(data, file, time.Now())
	if err != nil {
		return fmt.Errorf("restoring %s: %w", c.File, err)
	}
	return c.show(env, restored{data, kept}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "The backup is restored into %s.\n", data)
		if err == nil && kept != "" {
			_, err = fmt.Fprintf(w, "The database from before is kept as %s.\n", kept)
		}
		return err
	})
}
