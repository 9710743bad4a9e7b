package sliced

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"

	"github.com/printwire/printwire/fault"
)

const (
	// smallEntry is a size at which no ratio hurts.
	smallEntry = 1 << 20
	// maxDeclared is how long all entries together may be, read or not.
	maxDeclared = 4 << 30
	// maxName is how long the name of an entry may be.
	maxName = 1024
	// gcodeHead is how much of a plate's G-code is read for its header.
	gcodeHead = 128 << 10
)

// The parts that make an archive a 3MF file.
const (
	partSliceInfo = "Metadata/slice_info.config"
	partProject   = "Metadata/project_settings.config"
	partModel     = "3D/3dmodel.model"
)

// Archive is an open 3MF archive. It reads what is asked for when it is asked,
// never by a name that the archive chose, and is not for use by several
// goroutines at once.
type Archive struct {
	source  *source
	entries map[string]*zip.File
	// left is how much may still be inflated.
	left int64
}

// Open opens a 3MF archive and checks its directory, but none of its contents.
func Open(r io.ReaderAt, size int64) (*Archive, error) {
	if size < endLength {
		return nil, invalid("not a 3MF file: it has %d bytes", max(size, 0))
	}
	s := &source{r: r, size: size, bounded: true, left: openBudget}
	if err := s.checkEnd(); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(s, size)
	if err != nil {
		return nil, s.fail("the archive's directory", err)
	}
	s.bounded = false
	a := &Archive{source: s, entries: map[string]*zip.File{}, left: MaxInflated}
	if err := a.check(z.File); err != nil {
		return nil, err
	}
	for _, name := range []string{partModel, partSliceInfo, partProject} {
		if a.entries[name] != nil {
			return a, nil
		}
	}
	return nil, invalid("not a 3MF file: an archive without %s, %s and %s", partModel, partSliceInfo, partProject)
}

// check judges the entries by what the directory says of them.
func (a *Archive) check(files []*zip.File) error {
	if len(files) > MaxEntries {
		return invalid("the archive has %d entries, at most %d are read", len(files), MaxEntries)
	}
	var packed, declared uint64
	for i, f := range files {
		if err := checkName(f); err != nil {
			return fmt.Errorf("entry %d: %w", i+1, err)
		}
		if a.entries[f.Name] != nil {
			return invalid("entry %d: the archive has %q twice", i+1, clip(f.Name))
		}
		a.entries[f.Name] = f
		size := f.UncompressedSize64
		switch {
		case f.CompressedSize64 > uint64(a.source.size):
			return invalid("%s: has %d bytes in a file of %d", clip(f.Name), f.CompressedSize64, a.source.size)
		case size > smallEntry && size/MaxRatio > f.CompressedSize64:
			return invalid("%s: %d bytes inflate to %d, at most %d times as many are read", clip(f.Name), f.CompressedSize64, size, MaxRatio)
		case size > maxDeclared:
			return invalid("%s: inflates to %d bytes, the whole archive may to %d", clip(f.Name), size, int64(maxDeclared))
		}
		packed += f.CompressedSize64
		declared += size
	}
	switch {
	case packed > uint64(a.source.size):
		return invalid("the archive's entries overlap: %d bytes in a file of %d", packed, a.source.size)
	case declared > maxDeclared:
		return invalid("the archive inflates to %d bytes, at most %d are taken", declared, int64(maxDeclared))
	}
	return nil
}

// checkName refuses entries that only an attack has. Nothing is written by
// these names; who packs a way out of a folder packs other tricks, too.
func checkName(f *zip.File) error {
	name := strings.ReplaceAll(f.Name, `\`, "/")
	switch {
	case len(name) > maxName:
		return invalid("its name has %d bytes, at most %d are read", len(name), maxName)
	case strings.ContainsRune(name, 0):
		return invalid("its name %q holds a NUL", clip(name))
	case strings.HasPrefix(name, "/") || len(name) > 1 && name[1] == ':':
		return invalid("its name %q is an absolute path", clip(name))
	case f.Mode().Type()&^fs.ModeDir != 0:
		return invalid("%q is neither a file nor a folder (%s)", clip(name), f.Mode().Type())
	}
	for _, element := range strings.Split(name, "/") {
		if element == ".." {
			return invalid("its name %q leads out of the archive", clip(name))
		}
	}
	return nil
}

// read hands a part to what reads it, cut off at limit bytes, unless the
// archive has none of that name. With whole the part is read to its end and
// must not be longer than limit.
func (a *Archive) read(name string, limit int64, whole bool, read func(io.Reader) error) error {
	f := a.entries[name]
	if f == nil {
		return nil
	}
	if whole && f.UncompressedSize64 > uint64(limit) {
		return invalid("%s: inflates to %d bytes, at most %d are read", name, f.UncompressedSize64, limit)
	}
	if f.Flags&1 != 0 {
		return invalid("%s: is encrypted", name)
	}
	rc, err := f.Open()
	if err != nil {
		return a.source.fail(name, err)
	}
	defer rc.Close() // nothing was written

	// One byte more, to meet the end of the part and its checksum.
	limited := &io.LimitedReader{R: rc, N: min(limit, a.left) + 1}
	start := limited.N
	err = read(limited)
	if err == nil && whole {
		_, err = io.Copy(io.Discard, limited)
	}
	a.left -= start - limited.N
	switch {
	case a.left < 0:
		return invalid("%s: inflating it makes more than %d bytes of the archive", name, int64(MaxInflated))
	case whole && limited.N == 0:
		return invalid("%s: inflates to more than %d bytes", name, limit)
	case err != nil:
		return a.source.fail(name, err)
	}
	return nil
}

// bytes is a whole part, nil when the archive has none of that name.
func (a *Archive) bytes(name string) ([]byte, error) {
	var b bytes.Buffer
	if err := a.read(name, MaxPart, true, func(r io.Reader) error { _, err := b.ReadFrom(r); return err }); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Picture is a picture of a plate as it is in the archive, nil when there is none.
func (a *Archive) Picture(plate int, kind Picture) ([]byte, error) {
	return a.bytes(kind.entry(plate))
}

// Facts reads the facts of a plate, 0 for the first that was sliced. Of a
// plate that the archive does not have, only what holds for all is known.
func (a *Archive) Facts(plate int) (Facts, error) {
	if plate < 0 || plate > math.MaxInt32 {
		return Facts{}, invalid("plate %d: expected a number from 1, or 0 for the first", plate)
	}
	f := Facts{Plate: plate}
	if err := a.read(partSliceInfo, MaxPart, true, func(r io.Reader) error { return readSliceInfo(r, &f) }); err != nil {
		return Facts{}, err
	}
	if f.Plate == 0 {
		f.Plate = a.firstPlate()
	}
	for _, part := range []struct {
		name string
		read func([]byte, *Facts) error
	}{
		{fmt.Sprintf("Metadata/plate_%d.json", f.Plate), readPlate},
		{partProject, readProject},
	} {
		b, err := a.bytes(part.name)
		if err != nil {
			return Facts{}, err
		}
		if len(b) == 0 {
			continue
		}
		if err := part.read(b, &f); err != nil {
			return Facts{}, invalid("%s: %w", part.name, err)
		}
	}
	if err := a.readHead(&f); err != nil {
		return Facts{}, err
	}
	f.total()
	for _, kind := range pictures() {
		if a.entries[kind.entry(f.Plate)] != nil {
			f.Pictures = append(f.Pictures, kind)
		}
	}
	return f, nil
}

// firstPlate is the first plate of an archive whose slice info names none.
func (a *Archive) firstPlate() int {
	for n := 1; n <= MaxPlates; n++ {
		if a.entries[fmt.Sprintf("Metadata/plate_%d.gcode", n)] != nil {
			return n
		}
	}
	return 1
}

// readHead fills in what only the header of the plate's G-code says. The rest
// of it is left alone, however long it is. G-code that cannot be understood
// costs no more than that.
func (a *Archive) readHead(f *Facts) error {
	var d draft
	name := fmt.Sprintf("Metadata/plate_%d.gcode", f.Plate)
	err := a.read(name, gcodeHead, false, func(r io.Reader) error {
		err := d.scan(r, gcodeHead)
		if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Unsupported) {
			d, err = draft{}, nil
		}
		return err
	})
	if err != nil {
		return err
	}
	f.fill(d.facts(false))
	return nil
}
