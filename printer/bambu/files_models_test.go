package bambu_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/filecache"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/bambu"
	"github.com/printwire/printwire/printer/simulator"
)

// TestDriver_FilesOfEveryModel reads the file of a print from each simulated
// model, with the oddities of its file server, or hears why it cannot be had.
func TestDriver_FilesOfEveryModel(t *testing.T) {
	authority, err := simulator.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]string{"P2S": "Store sent files on external storage", "H2S": "Store sent files on external storage"}
	for _, model := range simulator.Models() {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			p, caches := filePrinter(t, authority, model), [2]*filecache.Cache{keep(t), keep(t)}
			job := jobFrom(t, p, caches)
			plan := job.Plan
			if want := refused[model]; want != "" {
				if !strings.Contains(plan.Missing, want) || plan.Known() {
					t.Errorf("plan %+v, want words about %q", plan, want)
				}
				return
			}
			if plan.Grams != printer.Some(15.2) || len(plan.Objects) != 3 || plan.Picture == "" || plan.Missing != "" {
				t.Errorf("plan %+v", plan)
			}
			if got := job.FileName(); got != "Bracket.gcode.3mf" { // whatever the printer calls what it reads
				t.Errorf("the file is called %q, and %q by the printer", got, job.File)
			}
			if f, err := caches[1].Open(plan.Picture); err != nil {
				t.Errorf("the picture is not kept: %v", err)
			} else if b, err := io.ReadAll(f); err != nil || len(b) < 500 || f.Close() != nil {
				t.Errorf("a picture of %d bytes, %v", len(b), err)
			}
			if n := p.Fetched("Bracket"); n != 1 {
				t.Errorf("the file was fetched %d times", n)
			}
		})
	}
}

// filePrinter is a simulated printer that prints 15.2 g in two materials.
func filePrinter(t *testing.T, authority *simulator.Authority, model string) *simulator.Printer {
	t.Helper()
	p, err := simulator.New(simulator.Options{
		Model: model, Authority: authority, ListenFiles: "127.0.0.1:0", StartPrinting: true, Speed: 20,
		Jobs: []simulator.Job{{
			Name: "Bracket", Plate: 1, Layers: 90, Duration: time.Hour, Nozzle: 220, Bed: 60,
			Grams: []float64{11, 4.2}, Metres: []float64{3.7, 1.4}, Objects: []string{"Bracket", "Clip", "Cover"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }() // owner: the cleanup below waits
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the printer ended with %v", err)
		}
	})
	return p
}

func keep(t *testing.T) *filecache.Cache {
	t.Helper()
	c, err := filecache.Open(filecache.Options{Folder: t.TempDir(), Cap: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// jobFrom runs a driver until it knows the plan of the print, or why not.
func jobFrom(t *testing.T, p *simulator.Printer, caches [2]*filecache.Cache) printer.Job {
	t.Helper()
	mqtt, files := p.Addr().(*net.TCPAddr), p.FilesAddr().(*net.TCPAddr)
	d, err := bambu.New(bambu.Options{
		Config: printer.Config{
			ID: 1, Family: bambu.Family, Host: mqtt.IP.String(), Port: mqtt.Port, FilesPort: files.Port, Serial: p.Serial(),
			AccessCode: p.AccessCode(), Certificate: "verify", Roots: string(p.CertificatePEM()),
		},
		Files: caches[0], Pictures: caches[1],
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	var mu sync.Mutex
	var job printer.Job
	done := make(chan error, 1)
	go func() { // owner: jobFrom waits for done
		done <- d.Run(ctx, printer.Start{Fresh: true}, func(u printer.Update) {
			mu.Lock()
			defer mu.Unlock()
			if got := u.State.Job.Plan; got.Known() || got.Missing != "" {
				job = u.State.Job
				cancel()
			}
		})
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return job
}
