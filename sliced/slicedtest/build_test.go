package slicedtest_test

import (
	"archive/zip"
	"bytes"
	"crypto/md5"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/sliced/slicedtest"
)

// unpack are the entries of an archive.
func unpack(t *testing.T, b []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("no archive: %v", err)
	}
	out := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
	}
	return out
}

func TestBuild3MF_TheDemo(t *testing.T) {
	b, err := slicedtest.Build3MF(slicedtest.Demo())
	if err != nil {
		t.Fatal(err)
	}
	parts := unpack(t, b)
	for _, name := range []string{"[Content_Types].xml", "_rels/.rels", "3D/3dmodel.model", "Metadata/slice_info.config"} {
		if err := xml.Unmarshal(parts[name], new(struct{})); err != nil {
			t.Errorf("%s: no XML: %v", name, err)
		}
	}
	for _, name := range []string{"Metadata/plate_1.json", "Metadata/project_settings.config"} {
		if !json.Valid(parts[name]) {
			t.Errorf("%s: no JSON: %s", name, parts[name])
		}
	}
	info := string(parts["Metadata/slice_info.config"])
	for _, want := range []string{
		`<metadata key="index" value="1"/>`, `<metadata key="prediction" value="3720"/>`, `<metadata key="weight" value="15.20"/>`,
		`<object identify_id="104" name="Clip left" skipped="false" />`,
		`<filament id="2" tray_info_idx="GFG00" type="PETG" color="#0056B8" used_m="1.70" used_g="5.20" />`,
	} {
		if !strings.Contains(info, want) {
			t.Errorf("the slice info has no %s:\n%s", want, info)
		}
	}
	code := parts["Metadata/plate_1.gcode"]
	if sum := fmt.Sprintf("%X", md5.Sum(code)); string(parts["Metadata/plate_1.gcode.md5"]) != sum {
		t.Errorf("checksum %s, want %s", parts["Metadata/plate_1.gcode.md5"], sum)
	}
	if !bytes.HasPrefix(code, []byte("; HEADER_BLOCK_START\n; BambuStudio ")) || !bytes.Contains(code, []byte("; total filament weight [g] : 10.00,5.20\n")) {
		t.Errorf("the G-code begins with %.300q", code)
	}
	if _, err := png.Decode(bytes.NewReader(parts["Metadata/plate_1.png"])); err != nil {
		t.Errorf("the picture: %v", err)
	}
	again, err := slicedtest.Build3MF(slicedtest.Demo())
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("the same plan made another file (%v)", err)
	}
}

func TestBuild3MF_PicksAreObjectIDs(t *testing.T) {
	plan := slicedtest.Demo()
	plan.Plate, plan.Pictures = 3, []string{"pick"}
	plan.Objects[1].ID = 0x030201
	b, err := slicedtest.Build3MF(plan)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(unpack(t, b)["Metadata/pick_3.png"]))
	if err != nil {
		t.Fatal(err)
	}
	var ids []int
	for x := range img.Bounds().Dx() {
		r, g, bl, a := img.At(x, img.Bounds().Dy()/2).RGBA()
		if id := int(bl>>8)<<16 | int(g>>8)<<8 | int(r>>8); a > 0 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if !slices.Equal(ids, []int{81, 0x030201, 127}) {
		t.Errorf("the picture shows %v", ids)
	}
}

func TestBuild3MF_EscapesNames(t *testing.T) {
	plan := slicedtest.Plan{Objects: []slicedtest.Object{{ID: 1, Name: `a"<b>&`}}}
	b, err := slicedtest.Build3MF(plan)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Plates []struct {
			Objects []struct {
				Name string `xml:"name,attr"`
			} `xml:"object"`
		} `xml:"plate"`
	}
	if err := xml.Unmarshal(unpack(t, b)["Metadata/slice_info.config"], &doc); err != nil || doc.Plates[0].Objects[0].Name != `a"<b>&` {
		t.Errorf("%+v, %v", doc, err)
	}
}

func TestBuild3MF_RefusesBadPlans(t *testing.T) {
	for name, plan := range map[string]slicedtest.Plan{
		"a slot of 0":  {Filaments: []slicedtest.Filament{{Slot: 0}}},
		"a slot of 65": {Filaments: []slicedtest.Filament{{Slot: 65}}},
		"a picture x":  {Pictures: []string{"x"}},
	} {
		if _, err := slicedtest.Build3MF(plan); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
