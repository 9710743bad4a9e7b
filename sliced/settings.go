package sliced

import (
	"bytes"
	"encoding/json"
	"strings"
)

// texts is a value of a slicer's settings: a text, a number or a list of
// these. What is neither is empty, since a slicer changes its forms and one
// odd setting must not hide the others.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(b []byte) error {
	*t = nil
	if string(b) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if bytes.HasPrefix(b, []byte{'['}) {
		if _, err := d.Token(); err != nil {
			return err
		}
	}
	// One by one: a list of numbers takes many times its length in memory.
	for len(*t) < MaxFilaments && d.More() {
		var item json.RawMessage
		if err := d.Decode(&item); err != nil {
			return err
		}
		*t = append(*t, plain(item))
	}
	return nil
}

// plain is a text, or a number as it is written, "" for what is neither.
func plain(item json.RawMessage) string {
	var s string
	if json.Unmarshal(item, &s) == nil {
		return s
	}
	if s = string(item); strings.ContainsAny(s, "{[") {
		return ""
	}
	return s
}

// one is the text of a setting that has one.
func (t texts) one() string { return at(t, 1) }

// readPlate reads Metadata/plate_N.json.
func readPlate(b []byte, f *Facts) error {
	var doc struct {
		BedType texts `json:"bed_type"`
		Nozzle  texts `json:"nozzle_diameter"`
	}
	if err := json.Unmarshal(unmarked(b), &doc); err != nil {
		return err
	}
	f.fill(Facts{BedType: clip(doc.BedType.one()), Nozzles: diameters(doc.Nozzle)})
	return nil
}

// readProject reads Metadata/project_settings.config: what holds for all plates.
func readProject(b []byte, f *Facts) error {
	var doc struct {
		LayerHeight texts `json:"layer_height"`
		Nozzles     texts `json:"nozzle_diameter"`
		Support     texts `json:"enable_support"`
		BedType     texts `json:"curr_bed_type"`
		Printer     texts `json:"printer_model"`
		Types       texts `json:"filament_type"`
		Colours     texts `json:"filament_colour"`
		IDs         texts `json:"filament_ids"`
		Costs       texts `json:"filament_cost"`
	}
	if err := json.Unmarshal(unmarked(b), &doc); err != nil {
		return err
	}
	f.fill(Facts{
		LayerHeight: measure(doc.LayerHeight.one()), Nozzles: diameters(doc.Nozzles),
		Support: yes(doc.Support.one()), SupportKnown: doc.Support.one() != "",
		BedType: clip(doc.BedType.one()), PrinterModel: clip(doc.Printer.one()),
	})
	for i := range f.Filaments {
		f.Filaments[i].fill(doc.Types, doc.Colours, doc.IDs, doc.Costs)
	}
	return nil
}

// unmarked is a text without the mark that editors put before UTF-8.
func unmarked(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\ufeff")) }

func diameters(list texts) []float64 {
	var out []float64
	for _, s := range list {
		out = append(out, measure(s))
	}
	return out
}

// fill takes what is not known yet from the lists of the whole project, which
// go by the number of the filament.
func (u *Filament) fill(types, colours, ids, costs []string) {
	if u.Type == "" {
		u.Type = clip(at(types, u.Slot))
	}
	if u.Colour == "" {
		u.Colour = colour(at(colours, u.Slot))
	}
	if u.MakerID == "" {
		u.MakerID = clip(at(ids, u.Slot))
	}
	if u.PricePerKg == 0 {
		u.PricePerKg = measure(at(costs, u.Slot))
	}
}

// fill takes what is not known yet from a part that says less exactly.
func (f *Facts) fill(o Facts) {
	if f.Grams == 0 {
		f.Grams = o.Grams
	}
	if f.Metres == 0 {
		f.Metres = o.Metres
	}
	if f.Time == 0 {
		f.Time = o.Time
	}
	if len(f.Filaments) == 0 {
		f.Filaments = o.Filaments
	}
	if len(f.Objects) == 0 {
		f.Objects = o.Objects
	}
	if len(f.Nozzles) == 0 {
		f.Nozzles = o.Nozzles
	}
	if f.BedType == "" {
		f.BedType = o.BedType
	}
	if !f.SupportKnown {
		f.Support, f.SupportKnown = o.Support, o.SupportKnown
	}
	if f.PrinterModel == "" {
		f.PrinterModel = o.PrinterModel
	}
	if f.LayerHeight == 0 {
		f.LayerHeight = o.LayerHeight
	}
	if f.TotalLayers == 0 {
		f.TotalLayers = o.TotalLayers
	}
}
