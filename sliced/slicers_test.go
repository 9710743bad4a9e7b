package sliced_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/sliced"
)

// The texts below are ours, in the shape in which the slicers of today write
// theirs: the same elements and attributes in the same order.

// studioInfo is of a printer with two nozzles, by the slicer of its maker.
const studioInfo = `<?xml version="1.0" encoding="UTF-8"?>
<config>
  <header>
    <header_item key="X-BBL-Client-Type" value="slicer"/>
    <header_item key="X-BBL-Client-Version" value="02.08.01.57"/>
  </header>
  <plate>
    <metadata key="index" value="1"/>
    <metadata key="extruder_type" value="0 0"/>
    <metadata key="nozzle_volume_type" value="0 1"/>
    <metadata key="printer_model_id" value="O1D"/>
    <metadata key="nozzle_diameters" value="0.4,0.6"/>
    <metadata key="timelapse_type" value="-1"/>
    <metadata key="prediction" value="7384"/>
    <metadata key="weight" value="33.71"/>
    <metadata key="pause_count" value="1"/>
    <metadata key="first_layer_time" value="211.08"/>
    <metadata key="outside" value="false"/>
    <metadata key="support_used" value="true"/>
    <metadata key="label_object_enabled" value="true"/>
    <metadata key="support_material_on_wipe_tower" value="false"/>
    <metadata key="enable_filament_dynamic_map" value="false"/>
    <metadata key="has_filament_switcher" value="false"/>
    <metadata key="filament_maps" value="2 1 2"/>
    <metadata key="limit_filament_maps" value="0 0 3"/>
    <metadata key="default_ams_type" value="AMS 2 Pro"/>
    <object identify_id="412" name="Knob &quot;A&quot; &amp; Zapfen Größe 7 ½&apos;" skipped="false" />
    <object identify_id="16777215" name="箱子.stl" skipped="true" />
    <filament id="1" tray_info_idx="GFA00" type="PLA" color="#00AE42" used_m="7.21" used_g="21.51" group_id="1" nozzle_diameter="0.60" volume_type="High Flow" used_for_object="1" used_for_support="0" total_load_time="18.50" total_unload_time="16.00"/>
    <filament id="3" tray_info_idx="P4d64437" type="PLA & wood <fine>" color="#F5DEB380" used_m="4.10" used_g="12.20" group_id="0,1" nozzle_diameter="0.40" volume_type="Standard" used_for_object="0" used_for_support="1" total_load_time="0.00" total_unload_time="0.00"/>
    <mixed_filament id="4" type="PLA" color="#808080" components="1,3"/>
    <warning msg="bed_temperature_too_high & more" level="1" error_code ="1000C001"  />
    <nozzle id="0" extruder_id="1" nozzle_diameter="0.4" volume_type="Standard"/>
    <nozzle id="1" extruder_id="0" nozzle_diameter="0.6" volume_type="High Flow"/>
    <ams_list>
      <ams ams_type="AMS" load_time="18.50" unload_time="16.00"/>
    </ams_list>
    <layer_filament_lists>
      <layer_filament_list filament_list="0 2" layer_ranges="0 3,5 118" />
      <layer_filament_list filament_list="0" layer_ranges="4 4" />
    </layer_filament_lists>
    <pause_list>
      <pause index="1" layer="60" percent="50" remaining_time="3600" />
    </pause_list>
  </plate>
</config>
`

// studioPlate and studioProject are what stands beside it.
const (
	studioPlate = `{"bbox_all":[10.5,20.0,90.25,120.0],"bbox_objects":[{"area":812.5,"bbox":[10.5,20.0,50.0,60.0],"id":412,"layer_height":0.2,"name":"Knob \"A\" & Zapfen"},` +
		`{"area":1200.0,"bbox":[60.0,60.0,90.25,120.0],"id":1000,"layer_height":0.2,"name":"wipe_tower"}],"bed_type":"textured_plate","filament_colors":["#00AE42","#F5DEB380"],` +
		`"filament_ids":[0,2],"first_extruder":0,"first_layer_time":211.08,"is_seq_print":false,"nozzle_diameter":0.4,"version":2}`
	studioProject = `{
    "curr_bed_type": "Textured PEI Plate",
    "default_filament_colour": ["", "", ""],
    "enable_support": "1",
    "filament_colour": [
        "#00AE42",
        "#FFFFFF",
        "#F5DEB380"
    ],
    "filament_cost": [
        "24.99",
        "19.99",
        "31.5"
    ],
    "filament_ids": [
        "GFA00",
        "GFA00",
        "P4d64437"
    ],
    "filament_type": [
        "PLA",
        "PLA",
        "PLA & wood <fine>"
    ],
    "layer_height": "0.2",
    "nozzle_diameter": [
        "0.4",
        "0.6"
    ],
    "printer_model": "Bambu Lab H2D",
    "version": "02.08.01.57"
}
`
)

// orcaInfo is of two plates out of three, by a slicer that came from it, and
// does not label objects.
const orcaInfo = `<?xml version="1.0" encoding="UTF-8"?>
<config>
  <header>
    <header_item key="X-BBL-Client-Type" value="slicer"/>
    <header_item key="X-BBL-Client-Version" value="02.03.01.51"/>
  </header>
  <plate>
    <metadata key="index" value="1"/>
    <metadata key="extruder_type" value="0"/>
    <metadata key="nozzle_volume_type" value="0"/>
    <metadata key="printer_model_id" value="N2S"/>
    <metadata key="nozzle_diameters" value="0.4"/>
    <metadata key="timelapse_type" value="0"/>
    <metadata key="prediction" value="1851"/>
    <metadata key="weight" value="9.16"/>
    <metadata key="first_layer_time" value="95.402817"/>
    <metadata key="outside" value="false"/>
    <metadata key="support_used" value="false"/>
    <metadata key="label_object_enabled" value="false"/>
    <metadata key="filament_maps" value="1"/>
    <object identify_id="88" name="OrcaCube" skipped="false" />
    <filament id="1" tray_info_idx="GFL99" type="PLA" color="#FFFFFF" used_m="3.07" used_g="9.16" used_for_object="true" used_for_support="false" />
    <layer_filament_lists>
      <layer_filament_list filament_list="0" layer_ranges="0 249" />
    </layer_filament_lists>
  </plate>
  <plate>
    <metadata key="index" value="3"/>
    <metadata key="printer_model_id" value="N2S"/>
    <metadata key="nozzle_diameters" value="0.4"/>
    <metadata key="prediction" value="600"/>
    <metadata key="weight" value="2.00"/>
    <metadata key="label_object_enabled" value="true"/>
    <object identify_id="131" name="Pin" skipped="false" />
    <filament id="1" tray_info_idx="GFL99" type="PLA" color="#FFFFFF" used_m="0.67" used_g="2.00" used_for_object="true" used_for_support="false" />
  </plate>
</config>
`

func TestRead3MF_AsBambuStudioWritesIt(t *testing.T) {
	want := sliced.Facts{
		Plate: 1, Grams: 33.71, Metres: 11.31, Time: 7384 * time.Second, Nozzles: []float64{0.4, 0.6}, FilamentMaps: []int{2, 1, 2},
		Filaments: []sliced.Filament{
			{Slot: 1, Type: "PLA", MakerID: "GFA00", Colour: "00AE42FF", Grams: 21.51, Metres: 7.21, PricePerKg: 24.99},
			{Slot: 3, Type: "PLA & wood <fine>", MakerID: "P4d64437", Colour: "F5DEB380", Grams: 12.2, Metres: 4.1, PricePerKg: 31.5},
		},
		Objects: []sliced.Object{{ID: 412, Name: `Knob "A" & Zapfen Größe 7 ½'`}, {ID: 16777215, Name: "箱子.stl", Skipped: true}},
		BedType: "textured_plate", Support: true, SupportKnown: true, PrinterModel: "Bambu Lab H2D", PrinterModelID: "O1D", LayerHeight: 0.2,
		Pictures: []sliced.Picture{sliced.PlatePicture, sliced.SmallPicture, sliced.TopPicture, sliced.PickPicture},
	}
	as := func(change func(string) string) []byte {
		return pack(t, part{"[Content_Types].xml", "<Types/>"}, part{"3D/3dmodel.model", "<model/>"},
			part{infoName, change(studioInfo)}, part{"Metadata/plate_1.json", change(studioPlate)}, part{"Metadata/project_settings.config", change(studioProject)},
			part{"Metadata/model_settings.config", change(`<?xml version="1.0" encoding="UTF-8"?><config><plate><metadata key="plater_id" value="1"/></plate></config>`)},
			part{"Metadata/plate_1.png", "picture"}, part{"Metadata/plate_1_small.png", "picture"}, part{"Metadata/plate_no_light_1.png", "picture"},
			part{"Metadata/top_1.png", "picture"}, part{"Metadata/pick_1.png", "picture"}, part{"Metadata/filament_sequence.json", `{"plate_1":{"sequence":[1,3]}}`})
	}
	for name, change := range map[string]func(string) string{
		"as it is":              func(s string) string { return s },
		"with a mark before it": func(s string) string { return "\ufeff" + s },
		"with two marks of a line's end": func(s string) string {
			return strings.ReplaceAll(s, "\n", "\r\n")
		},
		"with a name space": func(s string) string {
			return strings.NewReplacer("<config>", `<config xmlns="https://example.com/a" xmlns:b="https://example.com/b" b:c="d">`).Replace(s)
		},
		"without spaces between": func(s string) string { return strings.ReplaceAll(s, ">\n", ">") },
	} {
		t.Run(name, func(t *testing.T) {
			for _, plate := range []int{0, 1} {
				got := mustRead(t, as(change), plate)
				got.Metres = float64(int(got.Metres*100+0.5)) / 100
				if !reflect.DeepEqual(got, want) {
					t.Errorf("plate %d:\n%+v, want\n%+v", plate, got, want)
				}
			}
		})
	}
}

func TestRead3MF_AsOrcaSlicerWritesIt(t *testing.T) {
	b := pack(t, part{infoName, orcaInfo}, part{"Metadata/project_settings.config", `{"printer_model":"Bambu Lab A1","layer_height":"0.2","filament_cost":["20"],"curr_bed_type":"Textured PEI Plate"}`})
	first, third := mustRead(t, b, 1), mustRead(t, b, 3)
	if first.Grams != 9.16 || first.Time != 1851*time.Second || !first.Unlabelled || len(first.Objects) != 1 || first.BedType != "Textured PEI Plate" ||
		len(first.Filaments) != 1 || first.Filaments[0].PricePerKg != 20 || first.PrinterModelID != "N2S" {
		t.Errorf("the first plate: %+v", first)
	}
	if third.Grams != 2 || third.Unlabelled || third.Plate != 3 || third.Objects[0].Name != "Pin" {
		t.Errorf("the third plate: %+v", third)
	}
	if second := mustRead(t, b, 2); second.Plate != 2 || second.Grams != 0 || len(second.Objects) != 0 || second.LayerHeight != 0.2 {
		t.Errorf("a plate that is not sliced: %+v", second)
	}
}
