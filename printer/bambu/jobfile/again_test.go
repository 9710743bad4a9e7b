package jobfile_test

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/bambu/jobfile"
	"github.com/printwire/printwire/printer/simulator/ftpserver"
)

// firstLetter is a Parse that tells contents of one size apart.
func firstLetter(r io.ReaderAt, _ int64, _ string, _ int) (printer.Plan, jobfile.Pictures, error) {
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
