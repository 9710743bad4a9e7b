package jobfile_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/filecache"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/bambu/jobfile"
	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/printer/simulator/ftpserver"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/sliced/slicedtest"
)

// disk is a storage on which something may happen with each Stat.
type disk struct {
	*ftpserver.Memory
	mu    sync.Mutex
	stat  func(d *disk, name string)
	asked int
}

func (d *disk) Stat(name string) (ftpserver.File, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.stat != nil {
		d.stat(d, name)
	}
	return d.Memory.Stat(name)
}

// put makes a file with the date of a day in May.
func (d *disk) put(name, text string, day int) {
	d.Put(name, []byte(text), time.Date(2026, 5, day, 9, 30, 0, 0, time.UTC))
}

// rig is a printer's file server and a reader of its files. A "sliced file"
// is any text; the number of its bytes are its grams, and it is its picture.
type rig struct {
	disk    *disk
	server  *ftpserver.Server
	options jobfile.Options
}

func start(t *testing.T, q ftpserver.Quirks, files map[string]string) *rig {
	t.Helper()
	authority, err := simulator.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Leaf("00S000000001")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{disk: &disk{Memory: &ftpserver.Memory{}}}
	for name, text := range files {
		r.disk.put(name, text, 1)
	}
	r.server = ftpserver.New(ftpserver.Options{
		Certificate: leaf, User: "bblp", Code: func() secret.Text { return "12345678" }, Disk: r.disk, Quirks: q,
	})
	if err := r.server.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.server.Run(ctx) }() // owner: the cleanup below waits
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	r.options = jobfile.Options{
		Address: r.server.Addr().String(), User: "bblp", Password: "12345678", Patience: 30 * time.Second,
		Files: cache(t), Pictures: cache(t), Parse: parse, Tries: 5, Pause: 5 * time.Millisecond,
	}
	return r
}

func cache(t *testing.T) *filecache.Cache {
	t.Helper()
	c, err := filecache.Open(filecache.Options{Folder: t.TempDir(), Cap: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func parse(r io.ReaderAt, size int64, _ string, plate int) (printer.Plan, jobfile.Pictures, error) {
	b := make([]byte, size)
	if _, err := r.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return printer.Plan{}, nil, err
	}
	if strings.HasPrefix(string(b), "broken") {
		return printer.Plan{}, nil, fault.New(fault.Invalid, "it is no sliced file")
	}
	return printer.Plan{
		Grams: printer.Some(float64(size)), Seconds: printer.Some(plate),
		Filaments: []printer.PlanFilament{{Slot: 1}, {Slot: 3}},
	}, jobfile.Pictures{"plate": b, "top": []byte("from above")}, nil
}

func (r *rig) read(t *testing.T, o jobfile.Order) jobfile.Result {
	t.Helper()
	got, err := jobfile.New(r.options).Read(t.Context(), o, access())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func access() jobfile.Access { return jobfile.Access{TLS: &tls.Config{InsecureSkipVerify: true}} }

func TestReader_ReadsAJobsFileOnce(t *testing.T) {
	r := start(t, ftpserver.Quirks{}, map[string]string{"/cache/Box.gcode.3mf": "twelve bytes"})
	ams := printer.Some(printer.TrayRef{Unit: 0, Slot: 2})
	o := jobfile.Order{Name: "Box", Trays: []printer.Opt[printer.TrayRef]{{}, {}, ams}, Sent: jobfile.Sent{URL: "ftp://Box.gcode.3mf", Name: "Box", Plate: 2}}
	for range 2 {
		p := r.read(t, o).Plan
		if p.File != "/cache/Box.gcode.3mf" || p.Grams != printer.Some(12.0) || p.Seconds != printer.Some(2) || p.Missing != "" {
			t.Fatalf("plan %+v", p)
		}
		if p.Filaments[0].Tray.Known || p.Filaments[1].Tray != ams {
			t.Errorf("filaments %+v", p.Filaments)
		}
		for view, want := range map[string]string{"plate": "twelve bytes", "top": "from above", "pick": ""} {
			if got := r.picture(printer.PictureView(p.Picture, view)); got != want {
				t.Errorf("picture %s is %q, want %q", view, got, want)
			}
		}
		if p.Bytes != printer.Some(12) {
			t.Errorf("the file has %v bytes", p.Bytes)
		}
	}
	if n := r.server.Fetched("/cache/Box.gcode.3mf"); n != 1 {
		t.Errorf("the file was fetched %d times, want once: it is kept", n)
	}
	limit := time.After(30 * time.Second)
	for r.server.Sessions() > 1 {
		select {
		case <-limit:
			t.Fatalf("%d sessions are left open", r.server.Sessions())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// picture is what is kept under a name, "" for nothing.
func (r *rig) picture(name string) string {
	f, err := r.options.Pictures.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(f)
	return string(b)
}

func TestReader_FindsByCaseAndFolder(t *testing.T) {
	r := start(t, ftpserver.Quirks{}, map[string]string{"/model/box.3MF": "x"})
	if p := r.read(t, jobfile.Order{Name: "Box"}).Plan; p.File != "/model/box.3MF" {
		t.Errorf("plan %+v", p)
	}
}

func TestReader_WaitsForAFileThatComesLateAndGrows(t *testing.T) {
	r := start(t, ftpserver.Quirks{}, map[string]string{"/cache/other": "x"})
	r.disk.stat = func(d *disk, name string) {
		if d.asked > 8 && d.asked < 40 && name == "/cache/Box.3mf" {
			d.put(name, string(d.Bytes(name))+"x", 1)
		}
	}
	r.options.Tries = 40
	p := r.read(t, jobfile.Order{Name: "Box"}).Plan
	if n := len(r.disk.Bytes("/cache/Box.3mf")); p.Grams != printer.Some(float64(n)) || n < 2 {
		t.Errorf("plan %+v of a file that stopped at %d bytes", p, n)
	}
}

func TestReader_RemembersHowDataConnectionsWork(t *testing.T) {
	r := start(t, ftpserver.Quirks{HangOnProtected: true}, map[string]string{"/Box.3mf": "x"})
	r.options.Patience = 2 * time.Second
	got := r.read(t, jobfile.Order{Name: "Box"})
	if got.Plan.File != "/Box.3mf" || !got.ClearData {
		t.Errorf("result %+v", got)
	}
}

func TestReader_SaysWhyNothingIsKnown(t *testing.T) {
	inside := jobfile.Sent{URL: "brtc://emmc/Box.3mf", Name: "Box"}
	for _, c := range []struct {
		name, want string
		change     func(r *rig)
		order      jobfile.Order
	}{
		{"no storage", "memory card", nil, jobfile.Order{Name: "Box", Storage: "none"}},
		{"not there", "not on the printer's storage", nil, jobfile.Order{Name: "Hook"}},
		{"in its own memory", "Store sent files on external storage", nil, jobfile.Order{Name: "Hook", Sent: jobfile.Sent{URL: "brtc://emmc/Hook.3mf", Name: "Hook"}}},
		{"in its own memory, and known to be", "Store sent files", nil, jobfile.Order{Name: "Box", Sent: inside, KeepsFiles: printer.Some(false)}},
		{"wrong code", "access code", func(r *rig) { r.options.Password = "0" }, jobfile.Order{Name: "Box"}},
		{"no server", "cannot be reached", func(r *rig) { r.options.Address = "127.0.0.1:1" }, jobfile.Order{Name: "Box"}},
		{"no sliced file", "damaged", nil, jobfile.Order{Name: "Broken"}},
		{"too large", "too large", func(r *rig) { r.options.Largest = 3 }, jobfile.Order{Name: "Box"}},
		{"no room", "disk space", func(r *rig) { r.options.Files = full{} }, jobfile.Order{Name: "Box"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, ftpserver.Quirks{}, map[string]string{"/cache/Box.3mf": "good", "/cache/Broken.3mf": "broken"})
			if c.change != nil {
				c.change(r)
			}
			if p := r.read(t, c.order).Plan; !strings.Contains(p.Missing, c.want) || p.Known() {
				t.Errorf("plan %+v, want words about %q", p, c.want)
			}
		})
	}
}

func TestReader_ReadsAFileThatCannotBeReadOnce(t *testing.T) {
	for name, parse := range map[string]jobfile.Parse{
		"another kind of file": func(io.ReaderAt, int64, string, int) (printer.Plan, jobfile.Pictures, error) {
			return printer.Plan{}, nil, fault.New(fault.Unsupported, "binary G-code is not read")
		},
		"one that nobody thought of": func(r io.ReaderAt, size int64, _ string, _ int) (printer.Plan, jobfile.Pictures, error) {
			return printer.Plan{}, jobfile.Pictures{"plate": make([]byte, 1)[size:]}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, ftpserver.Quirks{}, map[string]string{"/cache/Box.3mf": "good"})
			tries := 0
			r.options.Parse = func(from io.ReaderAt, size int64, name string, plate int) (printer.Plan, jobfile.Pictures, error) {
				tries++
				return parse(from, size, name, plate)
			}
			if p := r.read(t, jobfile.Order{Name: "Box"}).Plan; !strings.Contains(p.Missing, "damaged") || tries != 1 {
				t.Errorf("plan %+v after %d tries, want one, and that the file cannot be read", p, tries)
			}
		})
	}
}

// full is a cache on a full disk.
type full struct{ jobfile.Cache }

func (full) Open(string) (*os.File, error) {
	return nil, fault.New(fault.NotFound, "no such file is kept")
}
func (full) Put(string, func(io.Writer) error) error { return errors.New("no space left on device") }

func TestReader_EndsWithItsContext(t *testing.T) {
	r := start(t, ftpserver.Quirks{}, map[string]string{"/cache/other": "x"})
	r.options.Tries, r.options.Pause = 1000, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	r.disk.stat = func(d *disk, _ string) {
		if d.asked > 3 {
			cancel()
		}
	}
	if _, err := jobfile.New(r.options).Read(ctx, jobfile.Order{Name: "Box"}, access()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestReader_ReadingEndsWithItsContext(t *testing.T) {
	r := start(t, ftpserver.Quirks{}, map[string]string{"/cache/Box.3mf": "good"})
	ctx, cancel := context.WithCancel(t.Context())
	r.options.Parse = func(from io.ReaderAt, _ int64, _ string, _ int) (printer.Plan, jobfile.Pictures, error) {
		cancel()
		_, err := from.ReadAt(make([]byte, 1), 0)
		return printer.Plan{}, nil, err
	}
	if _, err := jobfile.New(r.options).Read(ctx, jobfile.Order{Name: "Box"}, access()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestSliced_AndTraysOfTheSameKind(t *testing.T) {
	b, err := slicedtest.Build3MF(slicedtest.Demo())
	if err != nil {
		t.Fatal(err)
	}
	p, pictures, err := jobfile.Sliced(bytes.NewReader(b), int64(len(b)), "Box.3mf", 0)
	if err != nil {
		t.Fatal(err)
	}
	if p.Grams != printer.Some(15.2) || len(p.Objects) != 3 || p.Objects[1] != (printer.Object{ID: 104, Name: "Clip left"}) || len(pictures["plate"]) == 0 || p.Model != "P1S" {
		t.Fatalf("plan %+v, %d pictures", p, len(pictures))
	}
	if p.Seconds != printer.Some(3720) || p.Filaments[1].Material != "PETG" || p.Filaments[1].Grams != printer.Some(5.2) || p.BedType == "" {
		t.Errorf("plan %+v", p)
	}
	green := printer.Tray{Slot: 3, FilamentID: "GFA00", Color: "00AE42FF"}
	s := printer.State{Units: []printer.Unit{{ID: 0, Trays: []printer.Tray{{FilamentID: "GFA00", Color: "FFFFFFFF"}, green}}}}
	got := jobfile.ByKind(p, s)
	if got.Filaments[0].Tray != printer.Some(printer.TrayRef{Unit: 0, Slot: 3}) || got.Filaments[1].Tray.Known || p.Filaments[0].Tray.Known {
		t.Errorf("trays %+v", got.Filaments)
	}
	s.External = []printer.Tray{green}
	if got := jobfile.ByKind(p, s); got.Filaments[0].Tray.Known {
		t.Errorf("one of two trays of the same kind was taken: %+v", got.Filaments[0])
	}
	if _, _, err := jobfile.Sliced(bytes.NewReader([]byte("PK\x03\x04 no archive")), 15, "Box.3mf", 0); !fault.Is(err, fault.Invalid) {
		t.Errorf("a damaged archive: %v", err)
	}
}
