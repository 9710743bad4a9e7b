package sliced_test

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/sliced"
	"github.com/printwire/printwire/sliced/slicedtest"
)

// checkFacts checks what holds for the facts of every file.
func checkFacts(t *testing.T, f sliced.Facts) {
	t.Helper()
	numbers := append([]float64{f.Grams, f.Metres, f.LayerHeight, f.Time.Seconds(), float64(f.Plate), float64(f.TotalLayers)}, f.Nozzles...)
	texts := []string{f.BedType, f.PrinterModel, f.PrinterModelID}
	for _, u := range f.Filaments {
		numbers = append(numbers, float64(u.Slot), u.Grams, u.Metres, u.PricePerKg)
		texts = append(texts, u.Type, u.MakerID, u.Colour)
		if u.Colour != "" && len(u.Colour) != 8 {
			t.Errorf("colour %q", u.Colour)
		}
	}
	for _, o := range f.Objects {
		numbers = append(numbers, float64(o.ID))
		texts = append(texts, o.Name)
	}
	for _, n := range f.FilamentMaps {
		numbers = append(numbers, float64(n))
	}
	for _, n := range numbers {
		if math.IsNaN(n) || n < 0 || n > 1e6*sliced.MaxFilaments && n > math.MaxInt32 {
			t.Errorf("number %v in %+v", n, f)
		}
	}
	for _, s := range texts {
		if len(s) > 256 || !utf8.ValidString(s) {
			t.Errorf("text %q", s)
		}
	}
	if len(f.Filaments) > sliced.MaxFilaments || len(f.Objects) > sliced.MaxObjects || len(f.Nozzles) > sliced.MaxFilaments || len(f.FilamentMaps) > sliced.MaxFilaments {
		t.Errorf("%d filaments, %d objects, %d nozzles, %d maps", len(f.Filaments), len(f.Objects), len(f.Nozzles), len(f.FilamentMaps))
	}
}

// checkFault checks that a file is blamed for what is wrong with it.
func checkFault(t *testing.T, err error) {
	t.Helper()
	if err != nil && !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Unsupported) {
		t.Errorf("%v is %s", err, fault.KindOf(err))
	}
}

// FuzzRead3MF reads an archive as it is, and another one of the parts.
func FuzzRead3MF(f *testing.F) {
	demo := slicedtest.Demo()
	demo.Pictures = nil
	f.Add(build(f, demo), 0, []byte(plates), []byte(`{"bed_type":"cool_plate"}`), []byte(project), []byte(bambu))
	f.Add(build(f, slicedtest.Plan{}), 1, []byte(`<config><plate/></config>`), []byte(`{}`), []byte(`{}`), []byte(prusa))
	f.Add(pack(f, part{infoName, plates}), 5, []byte(plates), []byte(`[]`), []byte(`{"layer_height":[["0.2"],{}]}`), []byte(orca))
	for _, h := range slices.Concat(hostileArchives(f), hostileParts(f)) {
		if len(h.file) < 64<<10 {
			f.Add(h.file, 0, []byte(nil), []byte(nil), []byte(nil), []byte(nil))
		}
	}
	for _, h := range []string{"<!DOCTYPE a><config/>", "<config>&a;</config>", "<a><b><c/></b></a>", `<config><plate><metadata key="prediction" value="1e999"/>`} {
		f.Add([]byte(nil), 0, []byte(h), []byte(`{"bed_type":null}`), []byte(`null`), []byte("; filament used [g] = ,;,\n"))
	}
	f.Fuzz(func(t *testing.T, whole []byte, plate int, info, plateJSON, settings, code []byte) {
		packed := raw(t, stored(infoName, string(info)), stored("Metadata/plate_1.json", string(plateJSON)),
			stored("Metadata/project_settings.config", string(settings)), stored("Metadata/plate_1.gcode", string(code)))
		for _, b := range [][]byte{whole, packed} {
			a, err := sliced.Open(bytes.NewReader(b), int64(len(b)))
			checkFault(t, err)
			if err != nil {
				continue
			}
			facts, err := a.Facts(plate)
			checkFault(t, err)
			checkFacts(t, facts)
			_, err = a.Picture(facts.Plate, sliced.PlatePicture)
			checkFault(t, err)
		}
	})
}

func FuzzReadGCode(f *testing.F) {
	for _, s := range []string{prusa, orca, bambu, "", "GCDE", "; a = \x00", "; thumbnail begin 16x16 4\n; abcd\n; thumbnail end\n", "; filament: 9,9\n; filament used [g] = 1;2"} {
		f.Add([]byte(s))
	}
	f.Add(withThumbnail(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		facts, err := sliced.ReadGCode(bytes.NewReader(b))
		checkFault(t, err)
		checkFacts(t, facts)
		if len(facts.Thumbnail) > len(b) {
			t.Errorf("a picture of %d bytes in a file of %d", len(facts.Thumbnail), len(b))
		}
	})
}

// FuzzCover makes a cover of a picture, and reads it as the pictures of a plate.
func FuzzCover(f *testing.F) {
	f.Add(picture(f, 20, 10))
	f.Add(claim(65535, 65535))
	f.Fuzz(func(t *testing.T, b []byte) {
		cover, err := sliced.Cover(b)
		checkFault(t, err)
		if len(cover) > sliced.MaxCover {
			t.Errorf("a cover of %d bytes", len(cover))
		}
		packed := raw(t, stored(infoName, plates), stored("Metadata/top_2.png", string(b)), stored("Metadata/pick_2.png", string(b)))
		facts, images, err := sliced.Read(bytes.NewReader(packed), int64(len(packed)), 2)
		if err != nil || facts.Grams != 3.5 {
			t.Errorf("a picture cost the facts: %+v, %v", facts, err)
		}
		for kind, image := range images {
			if len(image) == 0 || len(image) > sliced.MaxCover {
				t.Errorf("the picture %s has %d bytes", kind, len(image))
			}
		}
		if (images[sliced.PlatePicture] != nil) != (cover != nil) {
			t.Errorf("a cover of %d bytes alone, and of %d in an archive", len(cover), len(images[sliced.PlatePicture]))
		}
	})
}
