package slicedtest

import (
	"archive/zip"
	"bytes"
	"crypto/md5" // the slicers' checksum of G-code
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

// entry is one file of an archive.
type entry struct {
	name string
	data []byte
	// stored tells that it is not worth compressing.
	stored bool
}

// Build3MF makes the archive of a plan. It is the same for the same plan.
func Build3MF(p Plan) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	entries := []entry{
		{name: "[Content_Types].xml", data: []byte(contentTypes)},
		{name: "_rels/.rels", data: []byte(relationships)},
		{name: "3D/3dmodel.model", data: []byte(model)},
		{name: "Metadata/slice_info.config", data: p.sliceInfo()},
	}
	for _, make := range []func() ([]entry, error){p.settings, p.gcode, p.pictures} {
		more, err := make()
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.stored {
			h.Method = zip.Store
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("the archive's directory: %w", err)
	}
	return out.Bytes(), nil
}

const (
	contentTypes = `<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
 <Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
 <Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/>
 <Default Extension="png" ContentType="image/png"/>
 <Default Extension="gcode" ContentType="text/x.gcode"/>
</Types>
`
	relationships = `<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
 <Relationship Target="/3D/3dmodel.model" Id="rel-1" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>
</Relationships>
`
	model = `<?xml version="1.0" encoding="UTF-8"?>
<model unit="millimeter" xml:lang="en-US" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02">
 <resources/>
 <build/>
</model>
`
)

// sliceInfo is Metadata/slice_info.config.
func (p Plan) sliceInfo() []byte {
	var b bytes.Buffer
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<config>\n  <header>\n")
	b.WriteString("    <header_item key=\"X-BBL-Client-Type\" value=\"slicer\"/>\n    <header_item key=\"X-BBL-Client-Version\" value=\"02.05.00.66\"/>\n  </header>\n  <plate>\n")
	for _, m := range []struct{ key, value string }{
		{"index", strconv.Itoa(p.plate())},
		{"printer_model_id", p.PrinterModelID},
		{"nozzle_diameters", decimals(p.Nozzles)},
		{"timelapse_type", "0"},
		{"prediction", strconv.Itoa(p.Seconds)},
		{"weight", fmt.Sprintf("%.2f", p.grams())},
		{"outside", "false"},
		{"support_used", strconv.FormatBool(p.Support)},
		{"label_object_enabled", "true"},
		{"filament_maps", numbers(p.FilamentMaps)},
	} {
		if m.value != "" {
			fmt.Fprintf(&b, "    <metadata key=\"%s\" value=\"%s\"/>\n", m.key, escape(m.value))
		}
	}
	for _, o := range p.Objects {
		fmt.Fprintf(&b, "    <object identify_id=\"%d\" name=\"%s\" skipped=\"%t\" />\n", o.ID, escape(o.Name), o.Skipped)
	}
	for _, f := range p.Filaments {
		fmt.Fprintf(&b, "    <filament id=\"%d\" tray_info_idx=\"%s\" type=\"%s\" color=\"%s\" used_m=\"%.2f\" used_g=\"%.2f\" />\n",
			f.Slot, escape(f.MakerID), escape(f.Type), escape(f.Colour), f.Metres, f.Grams)
	}
	b.WriteString("  </plate>\n</config>\n")
	return b.Bytes()
}

// settings are Metadata/plate_N.json and Metadata/project_settings.config.
func (p Plan) settings() ([]entry, error) {
	type box struct {
		ID   int        `json:"id"`
		Name string     `json:"name"`
		Box  [4]float64 `json:"bbox"`
	}
	plate := struct {
		BedType  string   `json:"bed_type,omitempty"`
		Colors   []string `json:"filament_colors"`
		IDs      []int    `json:"filament_ids"`
		Boxes    []box    `json:"bbox_objects"`
		Diameter float64  `json:"nozzle_diameter,omitempty"`
		Version  int      `json:"version"`
	}{BedType: p.BedType, Version: 2}
	lists := p.project()
	for _, f := range p.Filaments {
		plate.Colors = append(plate.Colors, f.Colour)
		plate.IDs = append(plate.IDs, f.Slot-1)
	}
	for i, o := range p.Objects {
		x := float64(20 + 60*i)
		plate.Boxes = append(plate.Boxes, box{ID: o.ID, Name: o.Name, Box: [4]float64{x, 100, x + 40, 140}})
	}
	project := map[string]any{
		"name": "project_settings", "version": "02.05.00.66", "filament_type": lists.types, "filament_colour": lists.colours,
		"filament_ids": lists.makers, "filament_cost": lists.prices, "enable_support": "0",
	}
	if p.Support {
		project["enable_support"] = "1"
	}
	if p.LayerHeight > 0 {
		project["layer_height"] = decimal(p.LayerHeight)
	}
	if p.PrinterModel != "" {
		project["printer_model"] = p.PrinterModel
	}
	var nozzles []string
	for _, d := range p.Nozzles {
		nozzles = append(nozzles, decimal(d))
	}
	if len(nozzles) > 0 {
		plate.Diameter = p.Nozzles[0]
		project["nozzle_diameter"] = nozzles
	}
	a, err := json.Marshal(plate)
	if err != nil {
		return nil, fmt.Errorf("the plate: %w", err)
	}
	b, err := json.MarshalIndent(project, "", "    ")
	if err != nil {
		return nil, fmt.Errorf("the project: %w", err)
	}
	return []entry{
		{name: fmt.Sprintf("Metadata/plate_%d.json", p.plate()), data: a},
		{name: "Metadata/project_settings.config", data: b},
	}, nil
}

// gcode is Metadata/plate_N.gcode and its checksum.
func (p Plan) gcode() ([]entry, error) {
	code := BuildGCode(p)
	name := fmt.Sprintf("Metadata/plate_%d.gcode", p.plate())
	sum := fmt.Sprintf("%X", md5.Sum(code))
	return []entry{{name: name, data: code}, {name: name + ".md5", data: []byte(sum)}}, nil
}

func escape(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return ""
	}
	return b.String()
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func decimals(list []float64) string {
	var out []string
	for _, v := range list {
		out = append(out, decimal(v))
	}
	return strings.Join(out, ",")
}

func numbers(list []int) string {
	var out []string
	for _, v := range list {
		out = append(out, strconv.Itoa(v))
	}
	return strings.Join(out, " ")
}
