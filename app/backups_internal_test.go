package app

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/storage"
)

// vault are backups of a small database, at a time that is set.
type vault struct {
	*backups
	t   *testing.T
	at  time.Time
	dir string
}

func newVault(t *testing.T, keep int) *vault {
	t.Helper()
	dir := t.TempDir()
	store, err := storage.Open(t.Context(), storage.Options{Path: filepath.Join(dir, databaseName), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	v := &vault{t: t, at: time.Date(2026, 3, 1, 3, 30, 0, 0, time.UTC), dir: filepath.Join(dir, backupsName)}
	v.backups = &backups{folder: v.dir, make: true, keep: keep, copy: store.Backup, now: func() time.Time { return v.at }}
	return v
}

// files are the names in the folder, in order.
func (v *vault) files() []string {
	v.t.Helper()
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		v.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// put writes a file into the folder.
func (v *vault) put(name, text string) {
	v.t.Helper()
	if err := errors.Join(os.MkdirAll(v.dir, 0o700), os.WriteFile(filepath.Join(v.dir, name), []byte(text), 0o600)); err != nil {
		v.t.Fatal(err)
	}
}

func (v *vault) want(what string, names ...string) {
	v.t.Helper()
	if got := v.files(); !slices.Equal(got, names) {
		v.t.Errorf("%s: there are %v, want %v", what, got, names)
	}
}

func TestBackups_TheOldestOfOurOwnGo(t *testing.T) {
	v := newVault(t, 2)
	others := []string{"notes.txt", "printwire-2020-01-01.db", "printwire-2020-01-01T000000Z.db.old", "printwire.db", "xprintwire-2020-01-01T000000Z.db"}
	for _, name := range others {
		v.put(name, "not ours")
	}
	if err := errors.Join(
		os.Mkdir(filepath.Join(v.dir, "printwire-2020-01-02T000000Z.db"), 0o700),
		os.Symlink(filepath.Join(v.dir, "notes.txt"), filepath.Join(v.dir, "printwire-2020-01-03T000000Z.db")),
	); err != nil {
		t.Fatal(err)
	}
	others = append(others, "printwire-2020-01-02T000000Z.db", "printwire-2020-01-03T000000Z.db")
	var made []string
	for day := range 4 {
		summary, err := v.write(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		name := v.at.Format("printwire-2006-01-02T150405Z.db")
		if !strings.HasPrefix(summary, name+", ") || strings.Contains(summary, "older removed") != (day >= 2) || strings.Contains(summary, v.dir) {
			t.Errorf("on day %d: %s", day, summary)
		}
		made = append(made, name)
		v.at = v.at.AddDate(0, 0, 1)
	}
	all := append(slices.Clone(others), made[2:]...)
	slices.Sort(all)
	v.want("after four days", all...)
	path := *v.newest.Load()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || filepath.Base(path) != made[3] {
		t.Errorf("the newest is %s, %v (%v)", path, info, err)
	}
	if err := storage.CheckFile(t.Context(), path); err != nil {
		t.Errorf("a backup: %v", err)
	}
}

func TestBackups_TheNewOneStaysWhateverTheClockSaid(t *testing.T) {
	v := newVault(t, 1)
	v.put("printwire-2099-01-01T000000Z.db", "by a clock that was wrong")
	if _, err := v.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.want("with one to keep", "printwire-2026-03-01T033000Z.db")
	if _, err := v.write(t.Context()); err != nil {
		t.Errorf("a second one within a second: %v", err)
	}
	v.want("in the same second", "printwire-2026-03-01T033000Z.db")
}

func TestBackups_WhatFailsLeavesNothingAndRemovesNothing(t *testing.T) {
	const before = "printwire-2026-02-28T033000Z.db"
	ended, end := context.WithCancel(t.Context())
	end()
	full := &fs.PathError{Op: "write", Path: "/secret/place/printwire.db", Err: syscall.ENOSPC}
	for _, c := range []struct {
		name string
		ctx  context.Context
		copy func(*vault) func(context.Context, io.Writer) error
		want string
		is   error
	}{
		{"a full disk", t.Context(), func(*vault) func(context.Context, io.Writer) error {
			return func(_ context.Context, w io.Writer) error {
				_, _ = io.WriteString(w, "half a database")
				return full
			}
		}, "no space left on device", syscall.ENOSPC},
		{"a copy that is none", t.Context(), func(*vault) func(context.Context, io.Writer) error {
			return func(_ context.Context, w io.Writer) error {
				_, err := w.Write(make([]byte, 64<<10))
				return err
			}
		}, "cannot be read again", nil},
		{"a stop", ended, func(v *vault) func(context.Context, io.Writer) error { return v.copy }, "canceled", context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newVault(t, 1)
			v.put(before, "older")
			v.copy = c.copy(v)
			_, err := v.write(c.ctx)
			if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
			for _, place := range []string{"/secret/place", v.dir} {
				if strings.Contains(err.Error(), place) {
					t.Errorf("the error tells a path: %v", err)
				}
			}
			v.want("after it", before)
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(v.dir), "*.copying")); len(left) > 0 {
				t.Errorf("left beside the database: %v", left)
			}
		})
	}
}

func TestBackups_Folder(t *testing.T) {
	t.Run("what a backup that was killed has left goes", func(t *testing.T) {
		v := newVault(t, 7)
		v.put("printwire-2026-02-28T033000Z.db.part", "half")
		if _, err := v.write(t.Context()); err != nil {
			t.Fatal(err)
		}
		v.want("after the next", "printwire-2026-03-01T033000Z.db")
	})
	t.Run("one that was named must exist", func(t *testing.T) {
		v := newVault(t, 7)
		v.make = false
		if _, err := v.write(t.Context()); !fault.Is(err, fault.NotFound) || strings.Contains(err.Error(), v.dir) {
			t.Errorf("the error is %v", err)
		}
		if _, err := os.Stat(v.dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the folder was made: %v", err)
		}
	})
	t.Run("a file in its place", func(t *testing.T) {
		v := newVault(t, 7)
		if err := os.WriteFile(v.dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := v.write(t.Context()); err == nil || !strings.Contains(err.Error(), "not a directory") || strings.Contains(err.Error(), v.dir) {
			t.Errorf("the error is %v", err)
		}
	})
}
