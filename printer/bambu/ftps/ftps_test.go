package ftps_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer/bambu/ftps"
	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/printer/simulator/ftpserver"
	"github.com/printwire/printwire/secret"
)

// filed is when the files were written.
func filed() time.Time { return time.Date(2026, 3, 7, 14, 5, 9, 0, time.UTC) }

// noise is a file that cannot be guessed.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

// rig is a server with one file of 1 MB.
type rig struct {
	disk    *ftpserver.Memory
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
	r := &rig{file: noise(1 << 20), disk: &ftpserver.Memory{}}
	r.disk.Put("/cache/Wall bracket.3mf", r.file, filed())
	r.disk.Put("/empty.3mf", nil, filed())
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
		Address: r.server.Addr().String(), User: "bblp", Password: code, Patience: 30 * time.Second, Rate: 1 << 30,
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

func TestConn_Date(t *testing.T) {
	for _, c := range []struct {
		name   string
		quirks ftpserver.Quirks
		clear  bool
		at     time.Time
		want   string
	}{
		{"as it is", ftpserver.Quirks{}, false, filed(), "20260307140509"},
		{"of a server that announces nothing", ftpserver.Quirks{Terse: true}, false, filed(), "20260307140509"},
		{"with clear data", ftpserver.Quirks{Terse: true, HangOnProtected: true}, true, filed(), "20260307140509"},
		{"wrong by months", ftpserver.Quirks{Skew: -100 * 24 * time.Hour}, false, filed(), "20251127140509"},
		{"not told", ftpserver.Quirks{Dateless: true}, false, filed(), ""},
		{"of a printer without a clock", ftpserver.Quirks{}, false, time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, c.quirks)
			r.disk.Put("/cache/x.3mf", []byte("x"), c.at)
			r.options.ClearData = c.clear
			conn := r.dial(t)
			if got, err := conn.Date("/cache/x.3mf"); got != c.want || err != nil {
				t.Errorf("date %q, %v; want %q", got, err, c.want)
			}
			if got, err := conn.Date("/cache/none.3mf"); got != "" || err != nil {
				t.Errorf("the date of no file: %q, %v", got, err)
			}
			if n, err := conn.Size("/cache/x.3mf"); n != 1 || err != nil {
				t.Errorf("size %d, %v after the date", n, err)
			}
			if err := conn.Fetch("/cache/x.3mf", 1, io.Discard); err != nil {
				t.Errorf("fetched after the date: %v", err)
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
	_, errDate := c.Date(name)
	for _, err := range []error{errSize, errList, errDate, c.Fetch(name, 1, io.Discard)} {
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
		r.disk.Put("/cache/Wall bracket.3mf", noise(2<<20), filed())
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
	r.options.Patience = 2 * time.Second
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
	r.options.Patience = 2 * time.Second
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
	r.options.Rate = 10 << 10 // it would take 100 s
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
	if passed := time.Since(began); passed > 30*time.Second {
		t.Errorf("giving up took %v", passed)
	}
}

func TestConn_AFloodIsCutOff(t *testing.T) {
	r := start(t, ftpserver.Quirks{})
	const files = 24000 // of 270 bytes each in a listing: 6.5 MB
	for i := range files {
		r.disk.Put(fmt.Sprintf("/many/%0200d.3mf", i), nil, filed())
	}
	r.options.Patience = 30 * time.Second
	conn := r.dial(t)
	got, err := conn.List("/many")
	if err != nil || len(got) == 0 || len(got) > files*3/4 {
		t.Errorf("%d files of a listing of %d that is over the bound, %v", len(got), files, err)
	}
}
