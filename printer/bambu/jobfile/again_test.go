package jobfile_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/bambu/jobfile"
	"github.com/printwire/printwire/printer/simulator/ftpserver"
)

// firstLetter is a Parse that tells contents of one size apart.
func firstLetter(r io.ReaderAt, _ int64, _ string, _ int) (printer.Plan, []byte, error) {
	var b [1]byte
	if _, err := r.ReadAt(b[:], 0); err != nil {
		return printer.Plan{}, nil, err
	}
	return printer.Plan{BedType: string(b[:])}, nil, nil
}

func TestReader_AFileThatWasSlicedAgain(t *testing.T) {
	const file = "/cache/Box.3mf"
	for _, c := range []struct {
		name    string
		quirks  ftpserver.Quirks
		day     int    // of the second file, in May; the first is of the 1st
		job     string // of the second reading; the first is of job a
		want    string
		fetched int
	}{
		{"the same file in another job", ftpserver.Quirks{}, 0, "b", "A", 1},
		{"another of the same size", ftpserver.Quirks{}, 2, "b", "B", 2},
		{"another, of a server that announces nothing", ftpserver.Quirks{Terse: true}, 2, "b", "B", 2},
		{"another, with dates that are wrong by months", ftpserver.Quirks{Skew: -150 * 24 * time.Hour}, 2, "b", "B", 2},
		{"another, where no date is told", ftpserver.Quirks{Dateless: true}, 2, "b", "B", 2},
		{"the same, where no date is told: nobody can know", ftpserver.Quirks{Dateless: true}, 0, "b", "A", 2},
		{"the same job, where no date is told", ftpserver.Quirks{Dateless: true}, 0, "a", "A", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, c.quirks, map[string]string{file: "A of 8 b"})
			r.options.Parse = firstLetter
			if p := r.read(t, jobfile.Order{Job: "a", Name: "Box"}).Plan; p.BedType != "A" {
				t.Fatalf("plan %+v", p)
			}
			if c.day > 0 {
				r.disk.put(file, "B of 8 b", c.day)
			}
			if p := r.read(t, jobfile.Order{Job: c.job, Name: "Box"}).Plan; p.BedType != c.want {
				t.Errorf("plan %+v, want that of %s", p, c.want)
			}
			if n := r.server.Fetched(file); n != c.fetched {
				t.Errorf("fetched %d times, want %d", n, c.fetched)
			}
		})
	}
}

func TestReader_AFileThatIsWrittenAgainWhileItIsFetched(t *testing.T) {
	const file = "/cache/Box.3mf"
	old, changed := strings.Repeat("A", 300<<10), strings.Repeat("B", 300<<10)
	r := start(t, ftpserver.Quirks{}, map[string]string{file: old})
	r.options.Parse = firstLetter
	once := sync.Once{}
	r.options.Files = during{r.options.Files, func() { once.Do(func() { r.disk.put(file, changed, 2) }) }}
	if p := r.read(t, jobfile.Order{Job: "a", Name: "Box"}).Plan; p.BedType != "B" {
		t.Errorf("plan %+v, want that of the newer file", p)
	}
	if n := r.server.Fetched(file); n != 2 {
		t.Errorf("fetched %d times, want twice", n)
	}
}

// during is a cache to which something happens while a file comes.
type during struct {
	jobfile.Cache
	happens func()
}

func (d during) Put(key string, write func(io.Writer) error) error {
	return d.Cache.Put(key, func(w io.Writer) error {
		return write(writerFunc(func(p []byte) (int, error) { d.happens(); return w.Write(p) }))
	})
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// crooked is a printer's file server whose answers are those of a table.
func crooked(t *testing.T, r *rig, answers map[string]string) {
	t.Helper()
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newTalker(t, answers)
	done := make(chan struct{})
	go func() { // owner: the cleanup below closes front and waits
		defer close(done)
		for {
			conn, err := front.Accept()
			if err != nil {
				return
			}
			server(conn)
		}
	}()
	t.Cleanup(func() { _ = front.Close(); <-done })
	r.options.Address = front.Addr().String()
}

func TestReader_AnswersThatBreakTheLibraryCostOnlyTheFile(t *testing.T) {
	r := start(t, ftpserver.Quirks{}, nil)
	var log bytes.Buffer
	r.options.Log = slog.New(slog.NewTextHandler(&log, nil))
	// The end of the address before its beginning: the library takes a slice of
	// less than nothing.
	crooked(t, r, map[string]string{"SIZE": "213 5", "MDTM": "213 20260501093000", "EPSV": "502 no", "PASV": "227 ) all yours ("})
	got, err := jobfile.New(r.options).Read(t.Context(), jobfile.Order{Job: "a", Name: "Box"}, access())
	if err != nil || !strings.Contains(got.Plan.Missing, "cannot be understood") || got.Plan.Known() {
		t.Errorf("result %+v, %v", got, err)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors in the log, want one:\n%s", n, log.String())
	}
	if err := r.options.Files.Put("next", func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err }); err != nil {
		t.Errorf("the cache is of no use after that: %v", err)
	}
}

func TestReader_AnyAnswersEndInAPlanOrASentence(t *testing.T) {
	for name, answers := range map[string]map[string]string{
		"a size that is none":          {"SIZE": "213 many"},
		"a size below zero":            {"SIZE": "213 -5"},
		"a date of another form":       {"SIZE": "213 5", "MDTM": "213 yesterday", "EPSV": "502 no", "PASV": "502 no"},
		"no port":                      {"SIZE": "213 5", "MDTM": "550 no", "EPSV": "229 (|||)", "PASV": "227 ()"},
		"a port that is no number":     {"SIZE": "213 5", "MDTM": "550 no", "EPSV": "229 (|||x|)", "PASV": "227 (1,2,3,4,x,y)"},
		"a port beyond all":            {"SIZE": "213 5", "MDTM": "550 no", "EPSV": "229 (|||99999999|)", "PASV": "227 (1,2,3,4,999,999)"},
		"no code":                      {"SIZE": "what"},
		"an answer of many lines":      {"SIZE": "213-5\r\n213-6\r\n213 7"},
		"the farewell in the middle":   {"SIZE": "421 good night"},
		"a login that is not answered": {"USER": ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, ftpserver.Quirks{}, nil)
			r.options.Tries = 2
			crooked(t, r, answers)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			got, err := jobfile.New(r.options).Read(ctx, jobfile.Order{Job: "a", Name: "Box"}, access())
			if errors.Is(err, context.DeadlineExceeded) || err != nil || got.Plan.Missing == "" || got.Plan.Known() {
				t.Errorf("result %+v, %v; want a sentence", got, err)
			}
		})
	}
}
