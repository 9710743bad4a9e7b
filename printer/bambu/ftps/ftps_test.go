package ftps_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer/bambu/ftps"
	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/printer/simulator/ftpserver"
	"github.com/printwire/printwire/secret"
)

// disk is files in memory.
type disk struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (d *disk) put(name string, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[name] = b
}

func (d *disk) Stat(name string) (ftpserver.File, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if b, ok := d.files[name]; ok {
		return ftpserver.File{Path: name, Size: int64(len(b)), Time: time.Now()}, true
	}
	for f := range d.files {
		if name == "/" || path.Dir(f) == name {
			return ftpserver.File{Path: name, Folder: true}, true
		}
	}
	return ftpserver.File{}, false
}

func (d *disk) List(folder string) []ftpserver.File {
	d.mu.Lock()
	defer d.mu.Unlock()
	var files []ftpserver.File
	for name, b := range d.files {
		if path.Dir(name) == folder {
			files = append(files, ftpserver.File{Path: name, Size: int64(len(b)), Time: time.Now()})
		}
	}
	if folder == "/" {
		files = append(files, ftpserver.File{Path: "/cache", Folder: true, Time: time.Now()})
	}
	slices.SortFunc(files, func(a, b ftpserver.File) int { return bytes.Compare([]byte(a.Path), []byte(b.Path)) })
	return files
}

func (d *disk) Open(name string) (io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return io.NopCloser(bytes.NewReader(d.files[name])), nil
}

// noise is a file that cannot be guessed.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

// rig is a server with one file of 1 MB.
type rig struct {
	disk    *disk
	server  *ftpserver.Server
	options ftps.Options
	file    []byte
}

const code = "12345678"

func start(t *testing.T, q ftpserver.Quirks) *rig {
	t.Helper()
	authority, err := simulator.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Leaf("00S000000001")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{file: noise(1 << 20), disk: &disk{files: map[string][]byte{}}}
	r.disk.put("/cache/Wall bracket.3mf", r.file)
	r.disk.put("/empty.3mf", nil)
	r.server = ftpserver.New(ftpserver.Options{
		Certificate: leaf, User: "bblp", Code: func() secret.Text { return code }, Disk: r.disk, Quirks: q,
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
	r.options = ftps.Options{
		Address: r.server.Addr().String(), User: "bblp", Password: code, Patience: 2 * time.Second, Rate: 1 << 30,
		TLS: &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
			if s.PeerCertificates[0].Subject.CommonName != "00S000000001" {
				return fault.New(fault.Denied, "another printer")
			}
			return nil
		}},
	}
	return r
}

func (r *rig) dial(t *testing.T) *ftps.Conn {
	t.Helper()
	c, err := ftps.Dial(t.Context(), r.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestConn_ReadsFiles(t *testing.T) {
	for _, c := range []struct {
		name   string
		quirks ftpserver.Quirks
		clear  bool
	}{
		{"strict", ftpserver.Quirks{}, false},
		{"terse", ftpserver.Quirks{Terse: true}, false},
		{"TLS 1.3 that would break", ftpserver.Quirks{TLS13: true}, false},
		{"426 after success", ftpserver.Quirks{EndsWith426: true}, false},
		{"dates of another zone", ftpserver.Quirks{Zone: time.FixedZone("", 8*3600)}, false},
		{"passive address elsewhere", ftpserver.Quirks{Terse: true, Elsewhere: "192,0,2,1"}, false},
		{"clear data", ftpserver.Quirks{HangOnProtected: true}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, c.quirks)
			r.options.ClearData = c.clear
			conn := r.dial(t)
			for range 2 { // the second transfer resumes the session, too
				size, err := conn.Size("/cache/Wall bracket.3mf")
				if err != nil || size != int64(len(r.file)) {
					t.Fatalf("size %d, %v", size, err)
				}
				var got bytes.Buffer
				if err := conn.Fetch("/cache/Wall bracket.3mf", size, &got); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Bytes(), r.file) {
					t.Fatalf("%d bytes came, and they differ", got.Len())
				}
			}
			files, err := conn.List("/cache")
			if want := []ftps.File{{Name: "Wall bracket.3mf", Size: 1 << 20}}; err != nil || !slices.Equal(files, want) {
				t.Errorf("listing %v, %v; want %v", files, err, want)
			}
			if files, err = conn.List("/"); err != nil || len(files) != 1 {
				t.Errorf("listing of the root %v, %v; want the one file without the folder", files, err)
			}
			if err := conn.Fetch("/empty.3mf", 0, io.Discard); err != nil {
				t.Errorf("an empty file: %v", err)
			}
		})
	}
}

func TestConn_SaysWhatIsWrong(t *testing.T) {
	r := start(t, ftpserver.Quirks{})
	conn := r.dial(t)
	if _, err := conn.Size("/cache/none.3mf"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the size of no file: %v", err)
	}
	if _, err := conn.List("/none"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a listing of no folder: %v", err)
	}
	if err := conn.Fetch("/cache/none.3mf", 5, io.Discard); !fault.Is(err, fault.NotFound) {
		t.Errorf("no file: %v", err)
	}
	for name, size := range map[string]int64{"shorter": 1<<20 - 1, "longer": 1<<20 + 1} {
		if err := conn.Fetch("/cache/Wall bracket.3mf", size, io.Discard); !fault.Is(err, fault.Conflict) {
			t.Errorf("a file that is %s than it was: %v", name, err)
		}
	}
	full := errors.New("disk full")
	if err := conn.Fetch("/cache/Wall bracket.3mf", 1<<20, failing{full}); !errors.Is(err, full) {
		t.Errorf("a disk that is full: %v", err)
	}
	if _, err := conn.Size("/x\r\nDELE /cache/Wall bracket.3mf"); err == nil {
		t.Error("a name with a line break was sent")
	}
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }

func TestDial_Refused(t *testing.T) {
	r := start(t, ftpserver.Quirks{})
	wrong := r.options
	wrong.Password = "00000000"
	if _, err := ftps.Dial(t.Context(), wrong); !fault.Is(err, fault.Denied) {
		t.Errorf("a wrong access code: %v", err)
	}
	other := r.options
	other.TLS = other.TLS.Clone()
	other.TLS.VerifyConnection = func(tls.ConnectionState) error { return fault.New(fault.Denied, "changed") }
	if _, err := ftps.Dial(t.Context(), other); !fault.Is(err, fault.Denied) {
		t.Errorf("a changed certificate: %v", err)
	}
	nobody := r.options
	nobody.Address = "127.0.0.1:1"
	if _, err := ftps.Dial(t.Context(), nobody); !fault.Is(err, fault.Offline) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestConn_TakesNamesOfOneLineOnly(t *testing.T) {
	c := start(t, ftpserver.Quirks{}).dial(t)
	const name = "/cache/Wall bracket.3mf\r\nDELE /empty.3mf"
	_, errSize := c.Size(name)
	_, errList := c.List(name)
	for _, err := range []error{errSize, errList, c.Fetch(name, 1, io.Discard)} {
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("error %v, want that it is no name", err)
		}
	}
	if n, err := c.Size("/cache/Wall bracket.3mf"); n != 1<<20 || err != nil {
		t.Errorf("size %d, %v: the session is out of step", n, err)
	}
}

func TestConn_FileThatGrowsWhileItIsRead(t *testing.T) {
	r := start(t, ftpserver.Quirks{})
	conn := r.dial(t)
	grow := writerFunc(func(p []byte) (int, error) {
		r.disk.put("/cache/Wall bracket.3mf", noise(2<<20))
		return len(p), nil
	})
	if err := conn.Fetch("/cache/Wall bracket.3mf", 1<<20, grow); !fault.Is(err, fault.Conflict) {
		t.Errorf("a file that grew: %v", err)
	}
}

type writerFunc func(p []byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func TestConn_AHangingDataConnectionIsTold(t *testing.T) {
	r := start(t, ftpserver.Quirks{HangOnProtected: true})
	r.options.Patience = 200 * time.Millisecond
	conn := r.dial(t)
	if err := conn.Fetch("/cache/Wall bracket.3mf", 1<<20, io.Discard); !errors.Is(err, ftps.ErrDataChannel) {
		t.Errorf("a data connection that hangs: %v", err)
	}
	r = start(t, ftpserver.Quirks{})
	r.options.ClearData = true
	conn = r.dial(t)
	if err := conn.Fetch("/cache/Wall bracket.3mf", 1<<20, io.Discard); !errors.Is(err, ftps.ErrDataChannel) {
		t.Errorf("clear data where that is refused: %v", err)
	}
}

func TestConn_AStallEndsTheFetch(t *testing.T) {
	r := start(t, ftpserver.Quirks{StallAfter: 300 << 10})
	r.options.Patience = 200 * time.Millisecond
	conn := r.dial(t)
	var got bytes.Buffer
	err := conn.Fetch("/cache/Wall bracket.3mf", 1<<20, &got)
	if !fault.Is(err, fault.Offline) || errors.Is(err, ftps.ErrDataChannel) {
		t.Errorf("a stall after %d bytes: %v", got.Len(), err)
	}
	if got.Len() < 256<<10 {
		t.Errorf("%d bytes came before the stall", got.Len())
	}
}

func TestConn_TheEndOfTheContextEndsAFetch(t *testing.T) {
	r := start(t, ftpserver.Quirks{})
	r.options.Rate = 100 << 10
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := ftps.Dial(ctx, r.options)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	err = conn.Fetch("/cache/Wall bracket.3mf", 1<<20, writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a fetch that was given up: %v", err)
	}
	if passed := time.Since(began); passed > 5*time.Second {
		t.Errorf("giving up took %v", passed)
	}
}

func TestConn_AFloodIsCutOff(t *testing.T) {
	r := start(t, ftpserver.Quirks{})
	for i := range 60000 {
		r.disk.files[fmt.Sprintf("/many/%080d.3mf", i)] = nil
	}
	conn := r.dial(t)
	files, err := conn.List("/many")
	if err != nil || len(files) == 0 || len(files) > 40000 {
		t.Errorf("%d files of a listing of 60000 that is over the bound, %v", len(files), err)
	}
}
