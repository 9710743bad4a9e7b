package discovery_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"strings"
	"testing"

	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// pictures are kept pictures by name.
type pictures map[string]string

func (p pictures) Bytes(name string) ([]byte, error) {
	if b, ok := p[name]; ok {
		return []byte(b), nil
	}
	return nil, fault.New(fault.NotFound, "no such file is kept")
}

func TestApply_CoverIsTheBytesOfThePicture(t *testing.T) {
	kept := pictures{"abc": "\x89PNG first", "def": "\xff\xd8\xff second"}
	b := newBed(t, func(o *discovery.Options) { fixed(o); o.Pictures = kept }, x1c())
	topic := "printwire/00M00A000000002/cover"
	covers := func() []string {
		b.ShowWanted()
		return b.since(0)[topic]
	}
	if got := covers(); len(got) != 1 || got[0] != kept["abc"] {
		t.Fatalf("covers %q", got)
	}
	snap := b.apply(x1c(), func(s *printer.Snapshot) { s.State.Job.Progress = printer.Some(80) })
	if got := covers(); len(got) != 1 {
		t.Errorf("the same picture went out %d times", len(got))
	}
	snap = b.apply(snap, func(s *printer.Snapshot) { s.State.Job.Plan.Picture = "def" })
	if got := covers(); len(got) != 2 || got[1] != kept["def"] {
		t.Errorf("covers %q", got)
	}
	for _, name := range []string{"", "gone"} {
		snap = b.apply(snap, func(s *printer.Snapshot) { s.State.Job.Plan.Picture = name })
		got := covers()
		if img, err := png.Decode(bytes.NewReader([]byte(got[len(got)-1]))); err != nil || img.Bounds().Dx() != 1 {
			t.Errorf("the cover of no picture is %q (%v)", got[len(got)-1], err)
		}
	}
	c := b.components(t, "printwire_00M00A000000002")["cover"]
	if c["platform"] != "image" || c["image_topic"] != topic || c["state_topic"] != nil {
		t.Errorf("component %v", c)
	}
}

func TestApply_PlanOfAFailedPrintIsScaled(t *testing.T) {
	b := newBed(t, fixed, x1c())
	b.apply(x1c(), func(s *printer.Snapshot) {
		s.State.Activity, s.State.Job.Result, s.State.Job.Progress = printer.Failed, printer.Failure, printer.Some(50)
	})
	b.want(t, map[string]string{
		"printwire/00M00A000000002/print_weight":       "7.6",
		"printwire/00M00A000000002/external_spool_use": "2.1",
		"printwire/00M00A000000002/ams_1_tray_3_use":   "5.5",
	})
}

func TestApply_ManyFilamentsStayWithinTheAttributes(t *testing.T) {
	for name, material := range map[string]string{
		"short names": "PLA", "long names": strings.Repeat("PLA ", 60), "names of quotes": strings.Repeat(`"`, 255), "names of four bytes a letter": strings.Repeat("😀", 64),
	} {
		snap := x1c()
		snap.State.Job.Plan.Filaments = nil
		for i := range 64 {
			snap.State.Job.Plan.Filaments = append(snap.State.Job.Plan.Filaments, printer.PlanFilament{
				Slot: i + 1, Material: fmt.Sprint(material, i), Color: "00AE42FF", Grams: printer.Some(123456.789), Tray: printer.Some(printer.TrayRef{Unit: 128 + i%8, Slot: 3}),
			})
		}
		b := newBed(t, fixed, snap)
		got := b.since(0)["printwire/00M00A000000002/print_weight/attributes"]
		var o struct {
			Details   string
			Filaments []struct {
				Slot int
				Tray string
			}
		}
		if len(got) != 1 || len(got[0]) >= 4096 {
			t.Fatalf("%s: %d attributes of %d bytes", name, len(got), len(strings.Join(got, "")))
		}
		if err := json.Unmarshal([]byte(got[0]), &o); err != nil || o.Details == "" || len(o.Filaments) < 3 || o.Filaments[2].Slot != 3 || o.Filaments[2].Tray == "" {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
		if name == "short names" && len(o.Filaments) != 16 {
			t.Errorf("%d filaments are listed, want 16", len(o.Filaments))
		}
	}
}

func TestApply_ManyObjectsStayWithinTheAttributes(t *testing.T) {
	snap := x1c()
	snap.State.Job.Plan.Objects = nil
	for i := range printer.MaxObjects {
		snap.State.Job.Plan.Objects = append(snap.State.Job.Plan.Objects, printer.Object{ID: i, Name: fmt.Sprintf("%d %s", i, strings.Repeat("ü\"", 20))})
	}
	b := newBed(t, fixed, snap)
	got := b.since(0)["printwire/00M00A000000002/objects/attributes"]
	if len(got) != 1 || len(got[0]) > 4096 || !strings.Contains(got[0], `"id":20`) {
		t.Errorf("%d attributes, the first %.300q", len(got), got)
	}
	b.want(t, map[string]string{"printwire/00M00A000000002/objects": "256"})
}
