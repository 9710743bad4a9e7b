package sliced_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/sliced"
	"github.com/printwire/printwire/sliced/slicedtest"
)

// allocated is how much memory was taken so far, given back or not.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// zeros is the deflated form of n zeros.
func zeros(tb testing.TB, n int64) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = io.Copy(w, &endless{text: string(make([]byte, 64<<10)), left: n})
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		tb.Fatalf("deflate: %v", err)
	}
	return b.Bytes()
}

// raw packs entries whose headers say what they like.
func raw(tb testing.TB, entries ...rawEntry) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.CreateRaw(&e.FileHeader)
		if err == nil {
			_, err = w.Write(e.data)
		}
		if err != nil {
			tb.Fatalf("pack %s: %v", e.Name, err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatalf("pack: %v", err)
	}
	return b.Bytes()
}

type rawEntry struct {
	zip.FileHeader
	data []byte
}

func entry(name string, declared uint64, data []byte) rawEntry {
	return rawEntry{FileHeader: zip.FileHeader{Name: name, Method: zip.Deflate, CompressedSize64: uint64(len(data)), UncompressedSize64: declared}, data: data}
}

func stored(name, text string) rawEntry {
	return rawEntry{FileHeader: zip.FileHeader{
		Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(text)),
		CompressedSize64: uint64(len(text)), UncompressedSize64: uint64(len(text)),
	}, data: []byte(text)}
}

// patch changes bytes behind the last mark of a file.
func patch(b []byte, mark string, at int, value ...byte) []byte {
	out := bytes.Clone(b)
	copy(out[bytes.LastIndex(out, []byte(mark))+at:], value)
	return out
}

const (
	endMark  = "PK\x05\x06"
	infoName = "Metadata/slice_info.config"
)

func symlink(name string) rawEntry {
	e := stored(name, "/etc/passwd")
	e.SetMode(fs.ModeSymlink | 0o777)
	return e
}

// million is an archive with a million entries, of which its end record counts
// as many as it says.
func million(says uint16) []byte {
	var b bytes.Buffer
	header := make([]byte, 46+4)
	copy(header, "PK\x01\x02")
	binary.LittleEndian.PutUint16(header[28:], 4)
	for i := range uint32(1_000_000) {
		binary.LittleEndian.PutUint32(header[46:], i)
		b.Write(header)
	}
	length := b.Len()
	end := make([]byte, 22)
	copy(end, endMark)
	binary.LittleEndian.PutUint16(end[10:], says)
	binary.LittleEndian.PutUint32(end[12:], uint32(length))
	b.Write(end)
	return b.Bytes()
}

// long adds the end records of a big archive (zip64) to the beginning of one;
// the locator is off by so much.
func long(b []byte, records, size, offset, locator uint64) []byte {
	at := uint64(len(b))
	b = append(bytes.Clone(b), "PK\x06\x06"...)
	b = append(b, make([]byte, 28)...)
	for _, v := range []uint64{records, size, offset} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = append(b, "PK\x06\x07\x00\x00\x00\x00"...)
	b = binary.LittleEndian.AppendUint64(b, at+locator)
	b = append(b, 1, 0, 0, 0)
	b = append(b, endMark+"\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00"...)
	return b
}

type hostile struct {
	name string
	file []byte
	says string
}

// hostileSizes are archives that promise or hold too much.
func hostileSizes(tb testing.TB) []hostile {
	ten := uint64(10 << 30)
	bomb := zeros(tb, 18<<20)
	return []hostile{
		{"10 GB in one entry", raw(tb, entry(infoName, ten, zeros(tb, 1<<20))), "at most 200 times"},
		{"10 GB in an entry that is not read", raw(tb, stored(infoName, plates), entry("3D/Objects/a.model", ten, zeros(tb, 1<<20))), "3D/Objects/a.model: "},
		{"10 GB in five entries", raw(tb, many(5, ten/5, bomb)...), "at most 200 times"},
		{"a ratio of a thousand", raw(tb, entry(infoName, 64<<20, bomb)), "inflate to 67108864, at most 200 times"},
		{"18 MB that say they are 500 bytes", raw(tb, entry(infoName, 500, bomb)), infoName},
		{"64 MB of XML", raw(tb, entry(infoName, 65<<20, append(bomb, make([]byte, 1<<20)...))), "at most 16777216 are read"},
		{"stored entries that say they are longer than the file", raw(tb, stored(infoName, plates), rawEntry{zip.FileHeader{Name: "a", CompressedSize64: ten, UncompressedSize64: ten}, nil}), "a: has 10737418240 bytes in a file of"},
		{"entries on top of each other", raw(tb, overlap()...), "overlap"},
		{"4.4 GB in two entries", raw(tb, many(2, 2200<<20, make([]byte, 11<<20))...), "the archive inflates to 4613734400 bytes"},
		{"5 GB in one entry", raw(tb, many(1, 5<<30, make([]byte, 26<<20))...), "e0: inflates to 5368709120 bytes"},
		{"a million entries", million(0xfffe), "65534 entries, at most 2000"},
		{"a million entries that say they are two", million(2), "directory has 50000000 bytes"},
	}
}

// hostileArchives are archives whose directories are wrong.
func hostileArchives(tb testing.TB) []hostile {
	whole := build(tb, slicedtest.Demo())
	small := pack(tb, part{infoName, plates})
	nothing := make([]byte, 100)
	return []hostile{
		{"2,001 entries", raw(tb, many(2001, 0, nil)...), "2001 entries, at most 2000"},
		{"a nested archive alone", raw(tb, stored("inner.3mf", string(whole))), "not a 3MF file"},
		{"a way out", raw(tb, stored(infoName, plates), stored("Metadata/../../../etc/passwd", "x")), "leads out of the archive"},
		{"a way out with backslashes", raw(tb, stored(infoName, plates), stored(`..\..\evil.exe`, "x")), "leads out of the archive"},
		{"an absolute path", raw(tb, stored(infoName, plates), stored("/etc/passwd", "x")), "absolute path"},
		{"a drive", raw(tb, stored(infoName, plates), stored(`C:\evil.exe`, "x")), "absolute path"},
		{"a NUL in a name", raw(tb, stored(infoName, plates), stored("a\x00.png", "x")), "holds a NUL"},
		{"an endless name", raw(tb, stored(infoName, plates), stored(strings.Repeat("a", 2000), "x")), "2000 bytes, at most 1024"},
		{"a symbolic link", raw(tb, symlink(infoName)), "neither a file nor a folder"},
		{"an entry twice", raw(tb, stored(infoName, plates), stored(infoName, "<config/>")), "twice"},
		{"an encrypted entry", raw(tb, rawEntry{zip.FileHeader{Name: infoName, Flags: 1, CompressedSize64: 4, UncompressedSize64: 4}, []byte("abcd")}), "encrypted"},
		{"an unknown method", raw(tb, rawEntry{zip.FileHeader{Name: infoName, Method: 99, CompressedSize64: 4, UncompressedSize64: 4}, []byte("abcd")}), "unsupported compression"},
		{"cut off in the directory", whole[:len(whole)-30], "no directory at its end"},
		{"cut off in the middle", whole[:len(whole)/2], "no directory at its end"},
		{"nothing", nil, "0 bytes"},
		{"no archive", []byte(strings.Repeat("solid cube\n", 50)), "expected a zip archive"},
		{"an archive of something else", pack(tb, part{"[Content_Types].xml", "<Types/>"}, part{"word/document.xml", "<a/>"}), "not a 3MF file"},
		{"a directory outside of the file", patch(small, endMark, 16, 0xf0, 0xff, 0xff, 0x7f), "lies outside of the file"},
		{"a directory that is longer than it is", patch(small, endMark, 12, 0xf0, 0xff), "lies outside of the file"},
		{"a directory of something else", patch(small, endMark, 16, 0, 0, 0, 0), "not a valid zip file"},
		{"fewer entries than it says", patch(small, endMark, 10, 7), "the archive's directory"},
		{"zip64: 2^60 entries", long(nothing, 1<<60, 64, 0, 0), "entries, at most 2000"},
		{"zip64: a directory of 2^60 bytes", long(nothing, 3, 1<<60, 0, 0), "directory has 1152921504606846976 bytes"},
		{"zip64: a directory at 2^63", long(nothing, 3, 64, 1<<63, 0), "lies outside of the file"},
		{"zip64: an end record at 2^63", long(nothing, 3, 64, 0, 1<<63), "lies outside of the file"},
		{"zip64: no end record", long(nothing, 3, 64, 0, 8), "no end record (zip64)"},
		{"deep XML without an end", raw(tb, stored(infoName, strings.Repeat("<a>", 500_000))), "deeper than 100"},
		{"a checksum that is wrong", patch(raw(tb, stored(infoName, plates)), `used_g="3.5`, 8, '9'), "checksum"},
	}
}

// hostileParts are good archives of bad parts.
func hostileParts(tb testing.TB) []hostile {
	var list []hostile
	for _, p := range []struct{ name, part, text, says string }{
		{"entities that grow", infoName, `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><config><plate><metadata key="index" value="&b;"/></plate></config>`, "document type is not taken"},
		{"an entity from outside", infoName, `<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><config>&x;</config>`, "document type is not taken"},
		{"an entity without a type", infoName, `<config>&lol;</config>`, "invalid character entity"},
		{"deep XML", infoName, strings.Repeat("<a>", 101) + strings.Repeat("</a>", 101), "deeper than 100"},
		{"XML that ends in the middle", infoName, plates[:300], "unexpected EOF"},
		{"XML of another alphabet", infoName, `<?xml version="1.0" encoding="UTF-7"?><config/>`, "encoding"},
		{"too many plates", infoName, "<config>" + strings.Repeat("<plate/>", sliced.MaxPlates+1) + "</config>", "more than 1000 plates"},
		{"too many filaments", infoName, "<config><plate>" + strings.Repeat(`<filament id="1"/>`, sliced.MaxFilaments+1) + "</plate></config>", "more than 256 filaments"},
		{"an element of many attributes", infoName, "<config><plate><metadata " + strings.Repeat(`a="" `, 100_000) + "/></plate></config>", "longer than 131072 bytes"},
		{"JSON that is none", "Metadata/plate_1.json", "{", "Metadata/plate_1.json: unexpected end"},
		{"deep JSON", "Metadata/project_settings.config", strings.Repeat(`{"a":`, 20_000), "Metadata/project_settings.config: "},
		{"JSON that is a list", "Metadata/plate_1.json", `[1]`, "cannot unmarshal array"},
	} {
		list = append(list, hostile{p.name, pack(tb, part{"3D/3dmodel.model", "<model/>"}, part{p.part, p.text}), p.says})
	}
	return list
}

func many(n int, declared uint64, data []byte) []rawEntry {
	var list []rawEntry
	for i := range n {
		list = append(list, entry(fmt.Sprintf("e%d", i), declared, data))
	}
	return list
}

// overlap are entries that all claim most of the file.
func overlap() []rawEntry {
	list := []rawEntry{stored("a", strings.Repeat("x", 1000)), stored("b", ""), stored("c", "")}
	for i := range list {
		list[i].CompressedSize64, list[i].UncompressedSize64 = 1000, 1000
	}
	return list
}

func TestRead3MF_BadInput(t *testing.T) {
	for _, c := range slices.Concat(hostileSizes(t), hostileArchives(t), hostileParts(t)) {
		before := allocated()
		f, err := read(c.file, 0)
		used := allocated() - before
		switch {
		case err == nil:
			t.Errorf("%s: was read: %+v", c.name, f)
		case !fault.Is(err, fault.Invalid):
			t.Errorf("%s: %v is %s, want invalid", c.name, err, fault.KindOf(err))
		case !strings.Contains(err.Error(), c.says):
			t.Errorf("%s: %q does not say %q", c.name, err, c.says)
		}
		if used > 8<<20 {
			t.Errorf("%s: took %d kB of memory", c.name, used>>10)
		}
	}
}

func TestRead3MF_LongListsTakeNoMemory(t *testing.T) {
	const project = "Metadata/project_settings.config"
	list := `{"filament_type": [` + strings.Repeat("1,", 1<<20) + `1], "layer_height": "0.2"}`
	b := raw(t, stored(infoName, plates), stored(project, list))
	before := allocated()
	if f := mustRead(t, b, 0); f.LayerHeight != 0.2 {
		t.Errorf("the layer height is %v, want 0.2", f.LayerHeight)
	}
	if used := allocated() - before; used > 32<<20 {
		t.Errorf("a list of %d kB took %d kB of memory", len(list)>>10, used>>10)
	}
}

func TestRead3MF_LeavesNestedArchivesAlone(t *testing.T) {
	inner := raw(t, entry(infoName, 10<<30, zeros(t, 1<<20)))
	b := raw(t, stored(infoName, plates), stored("Auxiliaries/inner.3mf", string(inner)))
	if f := mustRead(t, b, 0); f.Grams != 3.5 {
		t.Errorf("%+v", f)
	}
}

func TestRead3MF_GCodeThatIsNoneCostsNoOtherFacts(t *testing.T) {
	for _, code := range []string{"GCDE\x01\x00", bambu + "\x00", "; thumbnail begin 9x9 9\n" + strings.Repeat("A", 60<<10)} {
		b := pack(t, part{infoName, plates}, part{"Metadata/plate_2.gcode", code})
		if f := mustRead(t, b, 2); f.Grams != 3.5 || f.TotalLayers != 0 {
			t.Errorf("%.20q: %+v", code, f)
		}
	}
	torn := raw(t, stored(infoName, plates), entry("Metadata/plate_2.gcode", 500, []byte("\xff\xff\xff\xff")))
	if _, err := read(torn, 2); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "Metadata/plate_2.gcode: ") {
		t.Errorf("an entry that cannot be inflated: %v", err)
	}
}

func TestArchive_StopsInflatingAtTheSum(t *testing.T) {
	b := raw(t, stored(infoName, plates), stored("Metadata/plate_1.png", strings.Repeat("x", 15<<20)))
	a, err := sliced.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		_, err = a.Picture(1, sliced.PlatePicture)
		if whole := i < sliced.MaxInflated/(15<<20); whole != (err == nil) {
			t.Fatalf("reading %d of 15 MB: %v", i+1, err)
		}
	}
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "more than 209715200 bytes") {
		t.Errorf("%v", err)
	}
}

func TestRead3MF_TheLongFormOfArchives(t *testing.T) {
	b := pack(t, part{infoName, plates})
	end := bytes.LastIndex(b, []byte(endMark))
	size, offset := binary.LittleEndian.Uint32(b[end+12:]), binary.LittleEndian.Uint32(b[end+16:])
	if f := mustRead(t, long(b[:end], 1, uint64(size), uint64(offset), 0), 0); f.Grams != 3.5 {
		t.Errorf("%+v", f)
	}
}

// torn is a file that is not what it was when it was opened.
type torn struct {
	whole []byte
	// reads counts down to the change.
	reads int
	then  func(p []byte, off int64) (int, error)
}

func (f *torn) ReadAt(p []byte, off int64) (int, error) {
	if f.reads--; f.reads < 0 {
		return f.then(p, off)
	}
	return bytes.NewReader(f.whole).ReadAt(p, off)
}

func TestRead3MF_AFileThatChangesWhileItIsRead(t *testing.T) {
	whole := build(t, slicedtest.Demo())
	broken := errors.New("the disk is broken")
	for _, c := range []struct {
		name string
		then func(p []byte, off int64) (int, error)
		kind fault.Kind
	}{
		{"shorter", func(p []byte, off int64) (int, error) {
			return bytes.NewReader(whole[:len(whole)/3]).ReadAt(p, off)
		}, fault.Invalid},
		{"empty", func([]byte, int64) (int, error) { return 0, io.EOF }, fault.Invalid},
		{"half of what was asked for", func(p []byte, off int64) (int, error) {
			n, err := bytes.NewReader(whole).ReadAt(p[:len(p)/2], off)
			return n, err
		}, fault.Invalid},
		{"other bytes", func(p []byte, _ int64) (int, error) {
			for i := range p {
				p[i] = 0xa5
			}
			return len(p), nil
		}, fault.Invalid},
		{"a broken disk", failing{broken}.ReadAt, fault.Internal},
	} {
		failed := 0
		for reads := range 200 {
			f, err := read3MF(&torn{whole: whole, reads: reads, then: c.then}, int64(len(whole)), 0)
			switch {
			case err == nil && f.Grams != 15.2:
				t.Errorf("%s after %d reads: %+v", c.name, reads, f)
			case err != nil && !fault.Is(err, c.kind):
				t.Errorf("%s after %d reads: %v is %s, want %s", c.name, reads, err, fault.KindOf(err), c.kind)
			case err != nil:
				failed++
			}
		}
		if failed == 0 || failed == 200 {
			t.Errorf("%s: %d of 200 readings failed", c.name, failed)
		}
	}
	if _, err := read3MF(bytes.NewReader(whole), int64(len(whole))+4096, 0); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "it changed while it was read") {
		t.Errorf("a size that is too big: %v", err)
	}
	if _, err := read3MF(bytes.NewReader(whole), -5, 0); !fault.Is(err, fault.Invalid) {
		t.Errorf("a size below zero: %v", err)
	}
}
