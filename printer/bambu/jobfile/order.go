// Package jobfile owns getting what a job's sliced file says from the printer
// that prints it: where the file is, which filament comes from which tray, and
// the sentences for when nothing can be had. It does not decide when to look,
// and keeps nothing but files that can be had again.
package jobfile

import (
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/printwire/printwire/printer"
)

// Order is a job as the printer and whoever sent it told of it.
type Order struct {
	// Job is the id of the job.
	Job string
	// Name is what the printer calls it (subtask_name), File what it reads (gcode_file).
	Name, File string
	// Plate is the number of the plate, 0 while unknown.
	Plate int
	// Sent is what the command that started it said, if it was seen.
	Sent Sent
	// Trays are the trays by filament of the project, as the printer reports them.
	Trays []printer.Opt[printer.TrayRef]
	// Storage is that of printer.State, KeepsFiles whether files that were sent
	// are kept there.
	Storage    string
	KeepsFiles printer.Opt[bool]
}

// Sent is the command that starts a print, as every client of the printer sees
// it acknowledged (project_file).
type Sent struct {
	// URL is where the printer takes the file from; Name what it will call the job.
	URL, Name string
	Plate     int
	Trays     []printer.Opt[printer.TrayRef]
}

// maxFilaments bounds what is read of a mapping.
const maxFilaments = 64

// ReadSent reads an acknowledged project_file. What it does not say, or says
// in a form that is not known, stays empty.
func ReadSent(raw json.RawMessage) Sent {
	var doc struct {
		URL     string          `json:"url"`
		Param   string          `json:"param"`
		Subtask string          `json:"subtask_name"`
		UseAMS  json.RawMessage `json:"use_ams"`
		Mapping []json.Number   `json:"ams_mapping"`
	}
	_ = json.Unmarshal(raw, &doc) // the fields before a bad one are taken as they are
	s := Sent{URL: clip(doc.URL), Name: clip(doc.Subtask), Plate: plateOf(doc.Param)}
	use := strings.Trim(string(doc.UseAMS), `" `)
	if use == "false" || use == "0" {
		s.Trays = []printer.Opt[printer.TrayRef]{external()}
		return s
	}
	for _, n := range doc.Mapping[:min(len(doc.Mapping), maxFilaments)] {
		s.Trays = append(s.Trays, sentTray(n))
	}
	return s
}

func clip(s string) string { return s[:min(len(s), 512)] }

// plateOf is N of "Metadata/plate_N.gcode", or 0.
func plateOf(param string) int {
	_, n, ok := strings.Cut(param, "plate_")
	if !ok {
		return 0
	}
	n, _, _ = strings.Cut(n, ".")
	v, err := strconv.Atoi(n)
	if err != nil || v < 1 || v > 1000 {
		return 0
	}
	return v
}

func external() printer.Opt[printer.TrayRef] {
	return printer.Some(printer.TrayRef{Unit: printer.ExternalUnit})
}

// sentTray reads one place of ams_mapping: -1 is none, 4 × unit + slot a tray
// of one of the first four units, 128 and above a unit with one slot, 254 and
// 255 an external spool.
func sentTray(n json.Number) printer.Opt[printer.TrayRef] {
	v, err := strconv.Atoi(n.String())
	switch {
	case err != nil || v < 0 || v > 255:
		return printer.Opt[printer.TrayRef]{}
	case v >= 254:
		return external()
	case v >= 128:
		return printer.Some(printer.TrayRef{Unit: v})
	default:
		return printer.Some(printer.TrayRef{Unit: v / 4, Slot: v % 4})
	}
}

// ReportedTrays reads the "mapping" of a report: per filament of the project
// unit × 256 + slot; 65535 is none, unit 255 and 254 are external spools.
func ReportedTrays(mapping []int) []printer.Opt[printer.TrayRef] {
	var trays []printer.Opt[printer.TrayRef]
	for _, v := range mapping[:min(len(mapping), maxFilaments)] {
		switch unit := v >> 8; {
		case v < 0 || v >= 65535:
			trays = append(trays, printer.Opt[printer.TrayRef]{})
		case unit >= 254:
			trays = append(trays, external())
		default:
			trays = append(trays, printer.Some(printer.TrayRef{Unit: unit, Slot: v & 255}))
		}
	}
	return trays
}

// about tells whether a sent command is about the order.
func (s Sent) about(o Order) bool {
	return s.URL != "" && (s.Name == o.Name || stem(s.URL) == stem(o.Name) || stem(s.URL) == stem(o.File))
}

// stem is the bare name of a file without what slicers put behind it.
func stem(name string) string {
	name = path.Base(name)
	for _, end := range []string{".3mf", ".gcode"} {
		name = strings.TrimSuffix(name, end)
	}
	return strings.TrimSpace(name)
}

// paths are where the file of an order may be, the likeliest first. A name with
// a line in it would be another command to the server.
func paths(o Order) []string {
	var list []string
	if o.Sent.about(o) {
		if p, ok := onStorage(o.Sent.URL); ok {
			list = append(list, p)
			if path.Dir(p) == "/" { // some printers move it there
				list = append(list, "/cache"+p)
			}
		}
	}
	for _, folder := range folders() {
		for _, name := range names(o) {
			list = append(list, path.Join(folder, name))
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(p string) bool {
		was := seen[p]
		seen[p] = true
		return was || strings.ContainsFunc(p, unicode.IsControl)
	})
}

// folders are where printers keep what they print.
func folders() []string { return []string{"/cache", "/", "/model"} }

// names are what the file of an order may be called.
func names(o Order) []string {
	var list []string
	files := []string{path.Base(o.File)}
	if o.Sent.about(o) {
		files = append(files, path.Base(o.Sent.URL))
	}
	for _, n := range files {
		if !strings.HasPrefix(n, "plate_") && (strings.HasSuffix(n, ".3mf") || strings.HasSuffix(n, ".gcode")) {
			list = append(list, n)
		}
	}
	if n := strings.TrimSpace(path.Base("/" + o.Name)); o.Name != "" && n != "/" {
		switch path.Ext(n) {
		case ".3mf", ".gcode":
			list = append(list, n)
		}
		list = append(list, n+".gcode.3mf", n+".3mf")
	}
	return list
}

// onStorage is the path on the storage that a URL of project_file means; false
// when it is elsewhere. The forms are those that were seen on the wire.
func onStorage(raw string) (string, bool) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return "", false
	}
	switch scheme {
	case "ftp":
		// "ftp://<file>" and "ftp:///<folder>/<file>": there is no host.
	case "file":
		for _, mount := range []string{"/mnt/sdcard", "/sdcard", "/mnt/usb", "/usb"} {
			if after, ok := strings.CutPrefix(rest, mount); ok {
				rest = after
				break
			}
		}
	default:
		return "", false
	}
	if plain, err := url.PathUnescape(rest); err == nil && strings.Contains(rest, "%") {
		rest = plain
	}
	return path.Clean("/" + rest), true
}

// inside tells whether a URL is in the printer's own memory.
func inside(raw string) bool { return strings.HasPrefix(raw, "brtc://") }
