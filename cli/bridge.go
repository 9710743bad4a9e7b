package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/fault"
)

// backupCmd writes a consistent copy of the database.
type backupCmd struct {
	dataFlag
	File    string `arg:"" optional:"" help:"File to write, which must not exist; when left out, a backup is made in the bridge's folder for backups."`
	Replace bool   `help:"Replace the file when it exists, once the new one is complete."`
}

// Run copies the running bridge's database to a file, or has the bridge make
// a backup of its own.
func (c backupCmd) Run(ctx context.Context, env Env) (err error) {
	if c.File == "" {
		return c.make(ctx, env)
	}
	path := c.File
	if c.Replace {
		path += ".part"
		_ = os.Remove(path) // what a backup that was cut off has left
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fault.New(fault.Conflict, "the file %s exists already", path).WithHint("choose another name, or --replace")
	}
	if err != nil {
		return fmt.Errorf("creating the backup: %w", err)
	}
	err = errors.Join(c.copy(ctx, env, file), file.Close())
	if err == nil && c.Replace {
		err = os.Rename(path, c.File)
	}
	if err != nil {
		_ = os.Remove(path)
		return err
	}
	return c.done(env, app.NewBackup{File: c.File})
}

// make has the bridge make a backup.
func (c backupCmd) make(ctx context.Context, env Env) error {
	if c.Replace {
		return fault.New(fault.Invalid, "--replace is for a file that is named")
	}
	var made app.NewBackup
	if err := c.call(ctx, env, http.MethodPost, "/backup", nil, &made); err != nil {
		return err
	}
	return c.done(env, made)
}

func (c backupCmd) done(env Env, made app.NewBackup) error {
	return c.show(env, made, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "The database is copied to %s.\n", made.File)
		return err
	})
}

// copy writes the running bridge's database to a file, to the disk.
func (c backupCmd) copy(ctx context.Context, env Env, file *os.File) error {
	body, err := c.open(ctx, env, http.MethodGet, "/backup", nil)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if _, err := io.Copy(file, body); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	return file.Sync()
}

// openapiCmd prints the API's description.
type openapiCmd struct{}

// Run prints the OpenAPI document of this program; it needs no running bridge.
func (openapiCmd) Run(env Env) error {
	document, err := app.OpenAPI(env.Version)
	if err != nil {
		return err
	}
	_, err = env.Stdout.Write(append(document, '\n'))
	return err
}
