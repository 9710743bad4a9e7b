// Package sliced owns reading what a slicer wrote into a file: 3MF archives of
// Bambu Studio and OrcaSlicer, and plain G-code of these and of PrusaSlicer.
// It does not fetch files, knows no printers, and never puts a file's contents
// on a disk. Every file is taken for hostile: what is read of it is bounded
// before memory is taken, and a file that breaks a bound is fault.Invalid with
// the part and the bound in its text.
package sliced

import (
	"fmt"
	"io"
	"time"

	"github.com/printwire/printwire/fault"
)

// The bounds of what a file may hold.
const (
	// MaxEntries is how many entries an archive may have.
	MaxEntries = 2000
	// MaxInflated is the most that is inflated of one archive in all.
	MaxInflated = 200 << 20
	// MaxRatio is how much bigger an entry may get; entries that stay small may more.
	MaxRatio = 200
	// MaxPart is how long an entry that is read whole may be. Of G-code only
	// the beginning is read.
	MaxPart = 16 << 20
	// MaxDepth is how deep elements of XML may be nested.
	MaxDepth = 100
	// MaxGCode is how long a file of G-code may be.
	MaxGCode = 1 << 30
	// MaxFilaments is how many filaments a plate may use.
	MaxFilaments = 256
	// MaxObjects is how many objects of a plate are kept; further ones are left out.
	MaxObjects = 1000
	// MaxPlates is how many plates a project may have.
	MaxPlates = 1000
)

// Facts are what a slicer says about one plate. They are its estimates for the
// whole print. A zero field is one that the file does not say.
type Facts struct {
	// Plate is the number of the plate, from 1; 0 in G-code.
	Plate int
	// Filaments are those that the plate uses, in the order of the file.
	Filaments []Filament
	// Grams and Metres are of all filaments together.
	Grams, Metres float64
	// Time is how long the slicer thinks the print takes.
	Time time.Duration
	// Objects are what the plate holds, also those that were left out in the slicer.
	Objects []Object
	// Unlabelled tells that the G-code does not say what belongs to which
	// object: a printer cannot leave one out.
	Unlabelled bool
	// Nozzles are the diameters in mm, one per nozzle.
	Nozzles []float64
	// BedType is the slicer's name of the plate: "textured_plate" in a 3MF
	// that says it per plate, else "Textured PEI Plate".
	BedType string
	// Support tells whether supports are printed, when SupportKnown.
	Support, SupportKnown bool
	// PrinterModel is the name ("Bambu Lab P1S"), PrinterModelID the maker's id ("C12").
	PrinterModel, PrinterModelID string
	// LayerHeight is in mm.
	LayerHeight float64
	TotalLayers int
	// FilamentMaps are the nozzles by filament of the project, from 1.
	FilamentMaps []int
	// Pictures are those that the archive has of the plate; see Archive.Picture.
	Pictures []Picture
	// Thumbnail is the biggest picture in a file of G-code, as it is there.
	Thumbnail []byte
}

// Filament is one filament of a plate.
type Filament struct {
	// Slot is the filament's number in the project, from 1.
	Slot int
	// Type is "PLA", "PETG" …; MakerID is the maker's id ("GFA00", tray_info_idx).
	Type, MakerID string
	// Colour is RRGGBBAA in upper case, or "".
	Colour        string
	Grams, Metres float64
	// PricePerKg is the slicer's own, without a currency.
	PricePerKg float64
}

// Object is one thing on a plate. Its ID is what a command to skip it names.
type Object struct {
	ID   int
	Name string
	// Skipped tells that it was left out in the slicer and is not printed.
	Skipped bool
}

// Picture is one of the pictures that an archive has of a plate.
type Picture uint8

// The pictures.
const (
	// PlatePicture is the plate as it will look.
	PlatePicture Picture = iota
	// SmallPicture is the same in a small size.
	SmallPicture
	// TopPicture is the plate from above.
	TopPicture
	// PickPicture is the plate from above with each object in the colour of its id.
	PickPicture
)

// pictures are all kinds, the best for a cover first.
func pictures() []Picture { return []Picture{PlatePicture, SmallPicture, TopPicture, PickPicture} }

// entry is the name of the picture in an archive.
func (p Picture) entry(plate int) string {
	switch p {
	case SmallPicture:
		return fmt.Sprintf("Metadata/plate_%d_small.png", plate)
	case TopPicture:
		return fmt.Sprintf("Metadata/top_%d.png", plate)
	case PickPicture:
		return fmt.Sprintf("Metadata/pick_%d.png", plate)
	default:
		return fmt.Sprintf("Metadata/plate_%d.png", plate)
	}
}

// String is the kind's name in lower case.
func (p Picture) String() string {
	switch p {
	case SmallPicture:
		return "small"
	case TopPicture:
		return "top"
	case PickPicture:
		return "pick"
	default:
		return "plate"
	}
}

// Images are the pictures of a plate as they can be shown, each a PNG of at
// most MaxCover bytes. That of PlatePicture is the cover: it is there whenever
// any of the others but PickPicture is.
type Images map[Picture][]byte

// Read reads the facts of a plate, 0 for the first, and its pictures out of a
// file of either sort, told apart by its first bytes. A picture that cannot be
// shown is left out: it costs no facts.
func Read(r io.ReaderAt, size int64, plate int) (Facts, Images, error) {
	head := make([]byte, 2)
	if _, err := r.ReadAt(head, 0); err != nil || string(head) != "PK" {
		f, err := ReadGCode(io.NewSectionReader(r, 0, size))
		if err != nil {
			return Facts{}, nil, err
		}
		images := Images{}
		images.add(PlatePicture, f.Thumbnail, Cover)
		return f, images, nil
	}
	a, err := Open(r, size)
	if err != nil {
		return Facts{}, nil, err
	}
	f, err := a.Facts(plate)
	if err != nil {
		return Facts{}, nil, err
	}
	return f, a.images(f), nil
}

// images are the pictures of the plate that can be shown.
func (a *Archive) images(f Facts) Images {
	images := Images{}
	for _, kind := range f.Pictures {
		picture, err := a.Picture(f.Plate, kind)
		if err != nil {
			continue
		}
		if kind != PickPicture && images[PlatePicture] == nil {
			images.add(PlatePicture, picture, Cover)
		}
		if kind != PlatePicture {
			images.add(kind, picture, exact)
		}
	}
	return images
}

// add makes a picture one that can be shown, if that can be done.
func (i Images) add(kind Picture, picture []byte, shown func([]byte) ([]byte, error)) {
	if b, err := shown(picture); err == nil {
		i[kind] = b
	}
}

func invalid(format string, args ...any) error { return fault.New(fault.Invalid, format, args...) }
