package sliced_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/printwire/printwire/sliced"
	"github.com/printwire/printwire/sliced/slicedtest"
)

// large is a 3MF file of about 100 MB: the demo with long G-code, which is
// stored or deflated.
func large(tb testing.TB, method uint16) *os.File {
	tb.Helper()
	whole := build(tb, slicedtest.Demo())
	from, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		tb.Fatal(err)
	}
	file, err := os.Create(filepath.Join(tb.TempDir(), "large.gcode.3mf"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { file.Close() })
	z := zip.NewWriter(file)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for _, f := range from.File {
		if f.Name != "Metadata/plate_1.gcode" {
			if err := z.Copy(f); err != nil {
				tb.Fatal(err)
			}
		}
	}
	w, err := z.CreateHeader(&zip.FileHeader{Name: "Metadata/plate_1.gcode", Method: method})
	if err != nil {
		tb.Fatal(err)
	}
	plan := slicedtest.Demo()
	plan.Moves = 200_000
	code := slicedtest.BuildGCode(plan)
	length := 100 << 20
	if method == zip.Deflate {
		length = 3 * length // about as much as the slicers' own get smaller
	}
	for written := 0; written < length; written += len(code) {
		if _, err := w.Write(code); err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return file
}

func sizeOf(tb testing.TB, file *os.File) int64 {
	tb.Helper()
	info, err := file.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	return info.Size()
}

func TestRead_ALargeFileTakesLittleMemory(t *testing.T) {
	file := large(t, zip.Store)
	size := sizeOf(t, file)
	before := allocated()
	f, images, err := sliced.Read(file, size, 0)
	used := allocated() - before
	if err != nil || f.Grams != 15.2 || f.TotalLayers != 120 || images[sliced.PlatePicture] == nil {
		t.Fatalf("%+v, %v", f, err)
	}
	if used > 32<<20 {
		t.Errorf("%d MB of memory for a file of %d MB, at most 32 are taken", used>>20, size>>20)
	}
	t.Logf("%d MB: %.1f MB of memory in all", size>>20, float64(used)/(1<<20))
}

// BenchmarkRead3MF reads facts and cover of a file of 100 MB.
func BenchmarkRead3MF(b *testing.B) {
	for _, c := range []struct {
		name   string
		method uint16
	}{{"stored", zip.Store}, {"deflated", zip.Deflate}} {
		b.Run(c.name, func(b *testing.B) {
			file := large(b, c.method)
			size := sizeOf(b, file)
			b.ReportMetric(float64(size)/(1<<20), "MB")
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := sliced.Read(file, size, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReadGCode reads 100 MB of plain G-code.
func BenchmarkReadGCode(b *testing.B) {
	plan := slicedtest.Demo()
	plan.Moves = 100_000
	text := string(slicedtest.BuildGCode(plan))
	b.SetBytes(100 << 20)
	b.ReportAllocs()
	for b.Loop() {
		f, err := sliced.ReadGCode(&endless{text: text, left: 100 << 20})
		if err != nil || !strings.HasPrefix(f.PrinterModel, "Bambu") {
			b.Fatalf("%+v, %v", f, err)
		}
	}
}

// BenchmarkCover makes a cover of a picture as slicers make them.
func BenchmarkCover(b *testing.B) {
	p := picture(b, 512, 512)
	for b.Loop() {
		if _, err := sliced.Cover(p); err != nil {
			b.Fatal(err)
		}
	}
}
