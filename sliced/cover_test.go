package sliced_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/sliced"
)

// picture is a PNG whose left half is red and whose right half is clear.
func picture(tb testing.TB, w, h int) []byte {
	tb.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w / 2 {
			img.SetNRGBA(x, y, color.NRGBA{R: 255, A: 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		tb.Fatalf("draw: %v", err)
	}
	return b.Bytes()
}

// claim is the beginning of a PNG that claims a size.
func claim(w, h uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	b = binary.BigEndian.AppendUint32(b, w)
	b = binary.BigEndian.AppendUint32(b, h)
	b = append(b, 8, 6, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
}

func TestCover_KeepsPixelsAndScalesDown(t *testing.T) {
	for _, c := range []struct{ w, h, wantW, wantH int }{
		{512, 512, 512, 512}, {100, 50, 100, 50}, {2048, 1024, 512, 256}, {1024, 2048, 256, 512}, {4096, 4, 512, 1}, {1, 1, 1, 1},
	} {
		cover, err := sliced.Cover(picture(t, c.w, c.h))
		if err != nil {
			t.Errorf("%d×%d: %v", c.w, c.h, err)
			continue
		}
		img, err := png.Decode(bytes.NewReader(cover))
		if err != nil {
			t.Fatalf("%d×%d: no PNG: %v", c.w, c.h, err)
		}
		if got := img.Bounds().Size(); got != image.Pt(c.wantW, c.wantH) {
			t.Errorf("%d×%d became %v, want %d×%d", c.w, c.h, got, c.wantW, c.wantH)
		}
		if c.w < 2 {
			continue
		}
		left, right := color.NRGBAModel.Convert(img.At(0, 0)), color.NRGBAModel.Convert(img.At(c.wantW-1, 0))
		if left != (color.NRGBA{R: 255, A: 255}) || right != (color.NRGBA{}) {
			t.Errorf("%d×%d: the left is %v, the right %v", c.w, c.h, left, right)
		}
	}
}

func TestCover_StaysBelowItsLength(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	noise := image.NewNRGBA(image.Rect(0, 0, 400, 400))
	for i := range noise.Pix {
		noise.Pix[i] = byte(r.Uint32())
	}
	var asPNG, asJPEG bytes.Buffer
	if err := png.Encode(&asPNG, noise); err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&asJPEG, noise, nil); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"PNG": asPNG.Bytes(), "JPEG": asJPEG.Bytes()} {
		cover, err := sliced.Cover(b)
		if err != nil || len(cover) > sliced.MaxCover {
			t.Errorf("%s: %d bytes, at most %d are wanted (%v)", name, len(cover), sliced.MaxCover, err)
			continue
		}
		if config, err := png.DecodeConfig(bytes.NewReader(cover)); err != nil || config.Width < 128 {
			t.Errorf("%s: %+v, %v: scaled down further than needed", name, config, err)
		}
	}
}

func TestCover_LeavesNothingOfTheFileButItsPixels(t *testing.T) {
	b := append(picture(t, 32, 32), "<script>alert(1)</script>"...)
	cover, err := sliced.Cover(b)
	if err != nil || bytes.Contains(cover, []byte("script")) {
		t.Errorf("%v; what stood behind the picture went along", err)
	}
}

func TestCover_BadInput(t *testing.T) {
	whole := picture(t, 64, 64)
	for _, c := range []struct {
		name    string
		picture []byte
		says    string
	}{
		{"65535² pixels", claim(65535, 65535), "65535×65535 pixels, at most 4096 a side"},
		{"one side too long", claim(4097, 1), "4097×1 pixels"},
		{"too many pixels in all", claim(4096, 4096), "4194304 in all"},
		{"no pixels", claim(0, 5), "a broken PNG"},
		{"cut off", whole[:len(whole)/2], "a broken PNG"},
		{"a header alone", claim(64, 64), "a broken PNG"},
		{"a JPEG without an end", []byte("\xff\xd8\xff\xe0"), "a broken JPEG"},
		{"a QOI", []byte("qoif\x00\x00\x00\x10\x00\x00\x00\x10\x04\x00"), "expected a PNG or JPEG"},
		{"nothing", nil, "expected a PNG or JPEG"},
	} {
		before := allocated()
		_, err := sliced.Cover(c.picture)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want invalid %q", c.name, err, c.says)
		}
		if used := allocated() - before; used > 4<<20 {
			t.Errorf("%s: took %d bytes", c.name, used)
		}
	}
}
