package sliced_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"image/png"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/sliced"
	"github.com/printwire/printwire/sliced/slicedtest"
)

// build is the archive of a plan.
func build(tb testing.TB, plan slicedtest.Plan) []byte {
	tb.Helper()
	b, err := slicedtest.Build3MF(plan)
	if err != nil {
		tb.Fatalf("make the archive: %v", err)
	}
	return b
}

// part is an entry of an archive that a test packs by hand.
type part struct{ name, text string }

// pack makes an archive of entries.
func pack(tb testing.TB, parts ...part) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		w, err := z.Create(p.name)
		if err == nil {
			_, err = w.Write([]byte(p.text))
		}
		if err != nil {
			tb.Fatalf("pack %s: %v", p.name, err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatalf("pack: %v", err)
	}
	return b.Bytes()
}

func read(b []byte, plate int) (sliced.Facts, error) {
	return read3MF(bytes.NewReader(b), int64(len(b)), plate)
}

// read3MF is the facts of a plate, 0 for the first.
func read3MF(r io.ReaderAt, size int64, plate int) (sliced.Facts, error) {
	a, err := sliced.Open(r, size)
	if err != nil {
		return sliced.Facts{}, err
	}
	return a.Facts(plate)
}

func mustRead(tb testing.TB, b []byte, plate int) sliced.Facts {
	tb.Helper()
	f, err := read(b, plate)
	if err != nil {
		tb.Fatalf("read: %v", err)
	}
	return f
}

func TestRead3MF_TheDemo(t *testing.T) {
	plan := slicedtest.Demo()
	plan.Pictures = []string{"plate", "small", "top", "pick"}
	plan.Objects[2].Skipped = true
	plan.Support = true
	plan.Nozzles = []float64{0.4, 0.6}
	plan.FilamentMaps = []int{1, 2}
	want := sliced.Facts{
		Plate: 1, Grams: 15.2, Metres: 5.05, Time: 62 * time.Minute,
		Filaments: []sliced.Filament{
			{Slot: 1, Type: "PLA", MakerID: "GFA00", Colour: "00AE42FF", Grams: 10, Metres: 3.35, PricePerKg: 24.99},
			{Slot: 2, Type: "PETG", MakerID: "GFG00", Colour: "0056B8FF", Grams: 5.2, Metres: 1.7, PricePerKg: 19.99},
		},
		Objects: []sliced.Object{{ID: 81, Name: "Bracket"}, {ID: 104, Name: "Clip left"}, {ID: 127, Name: "Clip right", Skipped: true}},
		Nozzles: []float64{0.4, 0.6}, BedType: "textured_plate", Support: true, SupportKnown: true,
		PrinterModel: "Bambu Lab P1S", PrinterModelID: "C12", LayerHeight: 0.2, TotalLayers: 120, FilamentMaps: []int{1, 2},
		Pictures: []sliced.Picture{sliced.PlatePicture, sliced.SmallPicture, sliced.TopPicture, sliced.PickPicture},
	}
	for _, plate := range []int{0, 1} {
		if got := mustRead(t, build(t, plan), plate); !reflect.DeepEqual(got, want) {
			t.Errorf("plate %d:\n%+v, want\n%+v", plate, got, want)
		}
	}
}

// plates is the slice info of a project of which plates 2 and 5 are sliced.
const plates = `<?xml version="1.0" encoding="UTF-8"?>
<config>
  <header><header_item key="X-BBL-Client-Type" value="slicer"/></header>
  <plate>
    <metadata key="index" value="2"/>
    <metadata key="prediction" value="600"/>
    <metadata key="weight" value="3.50"/>
    <filament id="1" type="PLA" color="#ffffff" used_m="1.10" used_g="3.50"/>
  </plate>
  <plate>
    <metadata key="index" value="5"/>
    <metadata key="prediction" value="1200.7"/>
    <object identify_id="7" name="Tom &amp; &#x4a;erry" skipped="true"/>
    <object identify_id="-4" name="x"/>
    <filament id="2" type="PETG" color="#11223344" used_m="0.50" used_g="1.25"/>
    <filament id="4" tray_info_idx="GFB00" used_m="1.00" used_g="2.50"/>
    <layer_filament_lists><layer_filament_list filament_list="0"/><metadata key="weight" value="99"/></layer_filament_lists>
  </plate>
</config>`

const project = `{"filament_type":["PLA","PETG","TPU","ABS"],"filament_cost":["20","25.5",30,null],"filament_colour":["#FFFFFF","#000000","","#abcdef"],
"filament_ids":["GFL99","GFG99"],"layer_height":0.28,"nozzle_diameter":["0.6"],"enable_support":"1","curr_bed_type":"Cool Plate",
"printer_model":["Bambu Lab A1"],"machine_start_gcode":{"odd":[1]}}`

func TestRead3MF_PlatesOfAProject(t *testing.T) {
	b := pack(t, part{"Metadata/slice_info.config", plates}, part{"Metadata/project_settings.config", project},
		part{"Metadata/plate_5.json", `{"bed_type":"cool_plate","nozzle_diameter":0.2}`}, part{"Metadata/top_5.png", "picture"})
	first := mustRead(t, b, 0)
	if first.Plate != 2 || first.Grams != 3.5 || first.Time != 10*time.Minute || len(first.Filaments) != 1 || first.BedType != "Cool Plate" {
		t.Errorf("first plate: %+v", first)
	}
	want := sliced.Facts{
		Plate: 5, Grams: 3.75, Metres: 1.5, Time: 20 * time.Minute, BedType: "cool_plate", Nozzles: []float64{0.2}, LayerHeight: 0.28,
		Support: true, SupportKnown: true, PrinterModel: "Bambu Lab A1", Pictures: []sliced.Picture{sliced.TopPicture},
		Objects: []sliced.Object{{ID: 7, Name: "Tom & Jerry", Skipped: true}, {Name: "x"}},
		Filaments: []sliced.Filament{
			{Slot: 2, Type: "PETG", MakerID: "GFG99", Colour: "11223344", Grams: 1.25, Metres: 0.5, PricePerKg: 25.5},
			{Slot: 4, Type: "ABS", MakerID: "GFB00", Colour: "ABCDEFFF", Grams: 2.5, Metres: 1},
		},
	}
	if got := mustRead(t, b, 5); !reflect.DeepEqual(got, want) {
		t.Errorf("plate 5:\n%+v, want\n%+v", got, want)
	}
	if got := mustRead(t, b, 3); got.Plate != 3 || got.Grams != 0 || got.Filaments != nil || got.LayerHeight != 0.28 {
		t.Errorf("a plate that is not there took another's facts: %+v", got)
	}
	if _, err := read(b, -1); !fault.Is(err, fault.Invalid) {
		t.Errorf("plate -1: %v", err)
	}
}

// newer is a plate with what newer slicers put beside the facts that are read.
const newer = `<?xml version="1.0" encoding="UTF-8"?>
<config>
  <header><header_item key="X-BBL-Client-Type" value="slicer"/><header_item key="X-BBL-Client-Version" value="02.09.00.10"/></header>
  <plate>
    <metadata key="index" value="1"/>
    <metadata key="extruder_type" value="0 0"/>
    <metadata key="nozzle_volume_type" value="0 1"/>
    <metadata key="nozzle_diameters" value="0.4,0.6"/>
    <metadata key="prediction" value="1800"/>
    <metadata key="weight" value=""/>
    <metadata key="first_layer_time" value="71915370231415445715746291712.000000"/>
    <metadata key="pause_count" value="1"/>
    <metadata key="filament_maps" value="2 1 1"/>
    <metadata key="limit_filament_maps" value="0 0 0"/>
    <object identify_id="81" name="Lid" skipped="false" />
    <filament id="1" tray_info_idx="GFA00" type="PLA" color="#F4F4F0" used_m="3.70" used_g="11.00" group_id="0,1" nozzle_diameter="0.40" volume_type="Standard" used_for_object="1" used_for_support="0" total_load_time="29.00" total_unload_time="28.00"/>
    <filament id="3" tray_info_idx="GFG00" type="PETG" color="#00000080" used_m="1.40" used_g="4.20" group_id="1" nozzle_diameter="0.60" volume_type="High Flow"/>
    <mixed_filament id="9" type="PLA" color="#808080" components="1,3"/>
    <warning msg="bed_temperature_too_high_than_filament" level="1" error_code ="1000C001"  />
    <nozzle id="0" extruder_id="1" nozzle_diameter="0.4" volume_type="Standard"/>
    <ams_list><ams ams_type="AMS 2 Pro" load_time="29.00" unload_time="28.00"/></ams_list>
    <layer_filament_lists><layer_filament_list filament_list="0 2" layer_ranges="0 5,7 9" /></layer_filament_lists>
    <pause_list><pause index="1" layer="12" percent="40" remaining_time="18" /></pause_list>
  </plate>
</config>`

func TestRead3MF_WhatNewerSlicersAddIsPassedOver(t *testing.T) {
	got := mustRead(t, pack(t, part{"Metadata/slice_info.config", newer}), 0)
	want := sliced.Facts{
		Plate: 1, Grams: 15.2, Metres: 5.1, Time: 30 * time.Minute, Nozzles: []float64{0.4, 0.6}, FilamentMaps: []int{2, 1, 1},
		Objects: []sliced.Object{{ID: 81, Name: "Lid"}},
		Filaments: []sliced.Filament{
			{Slot: 1, Type: "PLA", MakerID: "GFA00", Colour: "F4F4F0FF", Grams: 11, Metres: 3.7},
			{Slot: 3, Type: "PETG", MakerID: "GFG00", Colour: "00000080", Grams: 4.2, Metres: 1.4},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want\n%+v", got, want)
	}
}

func TestRead3MF_MissingPartsLeaveFieldsEmpty(t *testing.T) {
	whole := build(t, slicedtest.Demo())
	z, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		without string
		holds   func(sliced.Facts) bool
	}{
		{"Metadata/slice_info.config", func(f sliced.Facts) bool {
			return f.Plate == 1 && f.Grams == 15.2 && f.Time == 62*time.Minute && f.FilamentMaps == nil && len(f.Objects) == 3 && f.Objects[0].Name == ""
		}},
		{"Metadata/plate_1.json", func(f sliced.Facts) bool { return f.Grams == 15.2 && f.BedType == "" }},
		{"Metadata/project_settings.config", func(f sliced.Facts) bool { return f.Grams == 15.2 && f.Filaments[0].PricePerKg == 0 }},
		{"Metadata/plate_1.gcode", func(f sliced.Facts) bool { return f.Grams == 15.2 && f.TotalLayers == 0 }},
		{"Metadata/plate_1.png", func(f sliced.Facts) bool { return f.Grams == 15.2 && f.Pictures == nil }},
		{"[Content_Types].xml", func(f sliced.Facts) bool { return f.Grams == 15.2 }},
	} {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, f := range z.File {
			if f.Name != c.without {
				if err := w.Copy(f); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if f := mustRead(t, b.Bytes(), 0); !c.holds(f) {
			t.Errorf("without %s: %+v", c.without, f)
		}
	}
}

func TestRead3MF_OddValuesAreNotSaid(t *testing.T) {
	odd := strings.NewReplacer(`value="3.50"`, `value="NaN"`, `value="600"`, `value="1e400"`, `used_m="1.10"`, `used_m="-Inf"`,
		`used_g="3.50"`, `used_g="1e300"`, `color="#ffffff"`, `color="#ggffff"`, `type="PLA"`, `type="`+strings.Repeat("é", 400)+"\n\t\"").Replace(plates)
	f := mustRead(t, pack(t, part{"Metadata/slice_info.config", odd}), 2)
	u := f.Filaments[0]
	if f.Grams != 0 || f.Metres != 0 || f.Time != 0 || u.Grams != 0 || u.Metres != 0 || u.Colour != "" {
		t.Errorf("odd values were taken: %+v", f)
	}
	if len(u.Type) > 256 || strings.ContainsAny(u.Type, "\n\t") || strings.ToValidUTF8(u.Type, "?") != u.Type {
		t.Errorf("type %q is not fit to be shown", u.Type)
	}
}

func TestRead3MF_KeepsABoundedNumberOfObjects(t *testing.T) {
	info := strings.Replace(plates, `<object identify_id="-4" name="x"/>`, strings.Repeat(`<object identify_id="3" name="y"/>`, sliced.MaxObjects+5), 1)
	if n := len(mustRead(t, pack(t, part{"Metadata/slice_info.config", info}), 5).Objects); n != sliced.MaxObjects {
		t.Errorf("%d objects, want %d", n, sliced.MaxObjects)
	}
}

func TestArchive_Picture(t *testing.T) {
	plan := slicedtest.Demo()
	plan.Pictures = []string{"plate", "pick"}
	b := build(t, plan)
	a, err := sliced.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind sliced.Picture
		has  bool
	}{{sliced.PlatePicture, true}, {sliced.SmallPicture, false}, {sliced.TopPicture, false}, {sliced.PickPicture, true}} {
		got, err := a.Picture(1, c.kind)
		if err != nil || bytes.HasPrefix(got, []byte("\x89PNG")) != c.has {
			t.Errorf("%s: %d bytes, %v; want one: %t", c.kind, len(got), err, c.has)
		}
	}
}

func TestRead_TellsTheSortsApart(t *testing.T) {
	for name, b := range map[string][]byte{"3MF": build(t, slicedtest.Demo()), "G-code": withThumbnail(t)} {
		f, images, err := sliced.Read(bytes.NewReader(b), int64(len(b)), 0)
		if err != nil || f.Grams != 15.2 || !bytes.HasPrefix(images[sliced.PlatePicture], []byte("\x89PNG")) {
			t.Errorf("%s: %+v, a cover of %d bytes, %v", name, f, len(images[sliced.PlatePicture]), err)
		}
	}
	plan := slicedtest.Demo()
	plan.Pictures = []string{"pick"}
	b := build(t, plan)
	if _, images, err := sliced.Read(bytes.NewReader(b), int64(len(b)), 0); err != nil || images[sliced.PlatePicture] != nil {
		t.Errorf("colours that stand for ids became a cover of %d bytes (%v)", len(images[sliced.PlatePicture]), err)
	}
	broken := pack(t, part{"Metadata/slice_info.config", plates}, part{"Metadata/plate_2.png", "no picture"})
	if f, images, err := sliced.Read(bytes.NewReader(broken), int64(len(broken)), 0); err != nil || f.Grams != 3.5 || images[sliced.PlatePicture] != nil {
		t.Errorf("a broken picture: %+v, a cover of %d bytes, %v", f, len(images[sliced.PlatePicture]), err)
	}
}

func TestRead_BadInput(t *testing.T) {
	broken := failing{errors.New("the disk is broken")}
	if _, _, err := sliced.Read(broken, 500, 0); !errors.Is(err, broken.err) || fault.Is(err, fault.Invalid) {
		t.Errorf("a broken disk: %v", err)
	}
	whole := build(t, slicedtest.Demo())
	bad := pack(t, part{"Metadata/slice_info.config", "<config>"})
	for _, c := range []struct {
		name  string
		file  []byte
		plate int
		says  string
	}{
		{"half an archive", whole[:len(whole)/2], 0, "no directory at its end"},
		{"a bad part", bad, 0, "unexpected EOF"},
		{"a plate below zero", whole, -1, "plate -1: expected a number from 1"},
		{"a picture", picture(t, 8, 8), 0, "not G-code"},
	} {
		_, images, err := sliced.Read(bytes.NewReader(c.file), int64(len(c.file)), c.plate)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.says) || images[sliced.PlatePicture] != nil {
			t.Errorf("%s: %v, a cover of %d bytes; want %q", c.name, err, len(images[sliced.PlatePicture]), c.says)
		}
	}
}

func TestPicture_String(t *testing.T) {
	var names []string
	for _, p := range []sliced.Picture{sliced.PlatePicture, sliced.SmallPicture, sliced.TopPicture, sliced.PickPicture} {
		names = append(names, p.String())
	}
	if !slices.Equal(names, []string{"plate", "small", "top", "pick"}) {
		t.Errorf("%q", names)
	}
}

func TestRead_PicturesOfAllKinds(t *testing.T) {
	plan := slicedtest.Demo()
	plan.Pictures = []string{"plate", "small", "top", "pick"}
	b := build(t, plan)
	_, images, err := sliced.Read(bytes.NewReader(b), int64(len(b)), 0)
	if err != nil {
		t.Fatal(err)
	}
	for kind, side := range map[sliced.Picture]int{sliced.PlatePicture: 512, sliced.SmallPicture: 128, sliced.TopPicture: 512, sliced.PickPicture: 512} {
		img, err := png.Decode(bytes.NewReader(images[kind]))
		if err != nil || img.Bounds().Dx() != side {
			t.Fatalf("%s: %d bytes, %v", kind, len(images[kind]), err)
		}
	}
	// The colours of the last are ids, to the bit.
	img, err := png.Decode(bytes.NewReader(images[sliced.PickPicture]))
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]bool{}
	for x := range 512 {
		if r, g, b, a := img.At(x, 256).RGBA(); a != 0 {
			found[int(r>>8|g>>8<<8|b>>8<<16)] = true
		}
	}
	want := map[int]bool{}
	for _, o := range plan.Objects {
		want[o.ID] = true
	}
	if !maps.Equal(found, want) {
		t.Errorf("the ids %v are shown, want %v", found, want)
	}
}

func TestRead_AnotherPictureIsTheCoverWhereThereIsNoneOfThePlate(t *testing.T) {
	plan := slicedtest.Demo()
	plan.Pictures = []string{"top"}
	b := build(t, plan)
	_, images, err := sliced.Read(bytes.NewReader(b), int64(len(b)), 0)
	if err != nil || len(images) != 2 || len(images[sliced.PlatePicture]) == 0 || len(images[sliced.TopPicture]) == 0 {
		t.Errorf("%d pictures (%v)", len(images), err)
	}
}

func TestRead_APictureThatCannotBeShownAsItIsIsLeftOut(t *testing.T) {
	b := pack(t, part{infoName, plates}, part{"Metadata/plate_2.png", string(picture(t, 600, 600))}, part{"Metadata/pick_2.png", string(picture(t, 600, 600))}, part{"Metadata/top_2.png", "\x89PNG no picture"})
	_, images, err := sliced.Read(bytes.NewReader(b), int64(len(b)), 2)
	if err != nil || len(images) != 1 || len(images[sliced.PlatePicture]) == 0 {
		t.Errorf("%d pictures (%v)", len(images), err)
	}
}
