package jobfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime/debug"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// Pictures are those of a plate, by printer.Views.
type Pictures map[string][]byte

// Parse reads the plan of a plate, 0 for the only one, and its pictures out of
// a sliced file. Any error says that it is none.
type Parse func(r io.ReaderAt, size int64, name string, plate int) (printer.Plan, Pictures, error)

// readings ends what is read from when its context does.
type readings struct {
	ctx context.Context
	io.ReaderAt
}

// ReadAt fails when the context has ended.
func (r readings) ReadAt(p []byte, at int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.ReaderAt.ReadAt(p, at)
}

// parse is Parse, for which every failure is one of the file: looking again
// would not help. A file that nobody thought of must not end the program.
func (s *search) parse(r io.ReaderAt, size int64, name string, plate int) (plan printer.Plan, pictures Pictures, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.options.Log.Error("the file of a job could not be read", "file", name, "panic", p, "stack", string(debug.Stack()))
			err = fault.New(fault.Invalid, "reading %q failed", name)
		}
	}()
	if plan, pictures, err = s.options.Parse(r, size, name, plate); err != nil {
		return printer.Plan{}, nil, fault.New(fault.Invalid, "reading %q: %w", name, err)
	}
	return plan, pictures, nil
}

// read makes the plan out of a file that was fetched.
func (s *search) read(ctx context.Context, f *os.File, name string, size int64) (printer.Plan, error) {
	plate, trays := s.order.Plate, s.order.Trays
	if s.order.Sent.about(s.order) {
		if plate == 0 {
			plate = s.order.Sent.Plate
		}
		if len(trays) == 0 {
			trays = s.order.Sent.Trays
		}
	}
	plan, pictures, err := s.parse(readings{ctx, f}, size, name, plate)
	if err != nil {
		return printer.Plan{}, err
	}
	plan.File, plan.Bytes = name, printer.Some(int(size))
	for i := range plan.Filaments {
		if slot := plan.Filaments[i].Slot; slot >= 1 && slot <= len(trays) {
			plan.Filaments[i].Tray = trays[slot-1]
		}
	}
	if len(trays) == 1 && len(plan.Filaments) == 1 { // one filament from one place, whatever its number
		plan.Filaments[0].Tray = trays[0]
	}
	plan.Picture = s.keepPictures(pictures)
	return plan, nil
}

// keepPictures keeps pictures under a name made of what they show, which is
// that of the plate's. Without a place for it the plan is worth having all the same.
func (s *search) keepPictures(pictures Pictures) string {
	if len(pictures["plate"]) == 0 {
		return ""
	}
	hash := sha256.New()
	for _, view := range printer.Views() {
		hash.Write(pictures[view])
	}
	id := hex.EncodeToString(hash.Sum(nil)[:8])
	for _, view := range printer.Views() {
		picture := pictures[view]
		if len(picture) == 0 {
			continue
		}
		err := s.options.Pictures.Put(printer.PictureView(id, view), func(w io.Writer) error { _, err := w.Write(picture); return err })
		if err != nil {
			s.options.Log.Warn("the picture of the job cannot be kept", "view", view, "error", err)
			if view == "plate" {
				return ""
			}
		}
	}
	return id
}
