package sliced

import (
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"time"
)

// plateInfo is a plate as the slice info has it.
type plateInfo struct {
	facts Facts
	// index is its number, 0 as long as it is not said.
	index int
}

// readSliceInfo reads Metadata/slice_info.config, config/plate with metadata,
// object and filament, for the plate that f names, 0 for the first.
func readSliceInfo(r io.Reader, f *Facts) error {
	text := &tokens{r: bufio.NewReader(r)}
	d := xml.NewDecoder(text)
	var path []string
	var plate plateInfo
	plates := 0
	found := false
	for {
		text.left = maxToken
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.Directive:
			return invalid("line %d: a document type is not taken", line(d))
		case xml.StartElement:
			if path = append(path, t.Name.Local); len(path) > MaxDepth {
				return invalid("line %d: elements are nested deeper than %d", line(d), MaxDepth)
			}
			switch {
			case len(path) == 2 && t.Name.Local == "plate":
				if plates++; plates > MaxPlates {
					return invalid("line %d: more than %d plates", line(d), MaxPlates)
				}
				plate = plateInfo{}
			case len(path) == 3 && path[1] == "plate":
				if err := plate.add(t); err != nil {
					return err
				}
			}
		case xml.EndElement:
			if len(path) == 2 && t.Name.Local == "plate" && !found {
				found = plate.take(plates, f)
			}
			path = path[:len(path)-1]
		}
	}
}

func line(d *xml.Decoder) int { n, _ := d.InputPos(); return n }

// take makes the plate the facts when it is the one that is wanted.
func (p *plateInfo) take(ordinal int, f *Facts) bool {
	if p.index == 0 {
		p.index = ordinal
	}
	if f.Plate != 0 && f.Plate != p.index {
		return false
	}
	*f = p.facts
	f.Plate = p.index
	return true
}

// add reads one element of a plate.
func (p *plateInfo) add(e xml.StartElement) error {
	attr := func(name string) string {
		for _, a := range e.Attr {
			if a.Name.Local == name {
				return a.Value
			}
		}
		return ""
	}
	switch e.Name.Local {
	case "metadata":
		p.metadata(attr("key"), attr("value"))
	case "object":
		if len(p.facts.Objects) < MaxObjects {
			p.facts.Objects = append(p.facts.Objects, Object{
				ID: whole(attr("identify_id")), Name: clip(attr("name")), Skipped: yes(attr("skipped")),
			})
		}
	case "filament":
		if len(p.facts.Filaments) >= MaxFilaments {
			return invalid("a plate has more than %d filaments", MaxFilaments)
		}
		p.facts.Filaments = append(p.facts.Filaments, Filament{
			Slot: whole(attr("id")), Type: clip(attr("type")), MakerID: clip(attr("tray_info_idx")),
			Colour: colour(attr("color")), Grams: measure(attr("used_g")), Metres: measure(attr("used_m")),
		})
	}
	return nil
}

// metadata reads one fact of a plate.
func (p *plateInfo) metadata(key, value string) {
	f := &p.facts
	switch key {
	case "index":
		p.index = whole(value)
	case "printer_model_id":
		f.PrinterModelID = clip(value)
	case "nozzle_diameters":
		f.Nozzles = measures(value)
	case "prediction":
		f.Time = time.Duration(number(value, maxSeconds)) * time.Second
	case "weight":
		f.Grams = measure(value)
	case "support_used":
		f.Support, f.SupportKnown = yes(value), value != ""
	case "label_object_enabled":
		f.Unlabelled = value != "" && !yes(value)
	case "filament_maps":
		f.FilamentMaps = wholes(value)
	}
}
