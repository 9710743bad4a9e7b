package app

import (
	"context"
	"path/filepath"

	"github.com/printwire/printwire/filecache"
)

// What the folders of files that can be had again may hold, in bytes.
const (
	filesCap    = 512 << 20
	picturesCap = 64 << 20
)

// filesRate is the most that comes from all printers together, in bytes a
// second: many prints may be found running at once.
const filesRate = 16 << 20

// openFiles opens the folders of what is read from printers' storages. A
// bridge that cannot have them works all the same, without grams and pictures.
func (a *App) openFiles(context.Context) error {
	for _, f := range []struct {
		name      string
		cap, rate int64
		cache     **filecache.Cache
	}{
		{"files", filesCap, filesRate, &a.files},
		{"pictures", picturesCap, 0, &a.pictures},
	} {
		c, err := filecache.Open(filecache.Options{Folder: filepath.Join(a.data, "cache", f.name), Cap: f.cap, Rate: f.rate, Now: a.now})
		if err != nil {
			a.log.Warn("printers' files cannot be kept, so grams and pictures of prints stay unknown", "error", err)
			return nil
		}
		*f.cache = c
	}
	return nil
}

// closeFiles lets go of the folders.
func (a *App) closeFiles() {
	for _, c := range []*filecache.Cache{a.files, a.pictures} {
		if c != nil {
			_ = c.Close() // nothing is written through it
		}
	}
}
