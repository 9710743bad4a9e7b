package sliced

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
)

const (
	// MaxCover is how long a cover may be.
	MaxCover = 200_000
	// maxSide and maxPixels are how big a picture may be that is decoded.
	maxSide   = 4096
	maxPixels = 4 << 20
	// coverSide is how big a cover is at most, minSide how small it gets
	// where it is too long.
	coverSide = 512
	minSide   = 16
)

// Cover makes a cover of a picture: a PNG of at most MaxCover bytes that has
// nothing of the file but its pixels. The picture's size is looked at before
// any of it is decoded.
func Cover(picture []byte) ([]byte, error) {
	for _, f := range formats() {
		if bytes.HasPrefix(picture, []byte(f.magic)) {
			return f.cover(picture)
		}
	}
	return nil, invalid("the picture: expected a PNG or JPEG")
}

// format is a sort of picture that is taken. They are named here, and not
// taken from what happens to be registered in the program.
type format struct {
	name, magic string
	size        func(io.Reader) (image.Config, error)
	decode      func(io.Reader) (image.Image, error)
}

func formats() []format {
	return []format{
		{"PNG", "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
		{"JPEG", "\xff\xd8", jpeg.DecodeConfig, jpeg.Decode},
	}
}

func (f format) cover(picture []byte) ([]byte, error) {
	img, err := f.image(picture, maxSide)
	if err != nil {
		return nil, err
	}
	longer := max(img.Bounds().Dx(), img.Bounds().Dy())
	for side := min(longer, coverSide); ; side = side * 3 / 4 {
		img = scaled(img, side)
		out, err := encode(img)
		if err != nil || len(out) <= MaxCover || side <= minSide {
			return out, err
		}
	}
}

// exact is the PNG of a picture with the very pixels that it has, since the
// colours of one may stand for numbers. One that is larger than a cover is not taken.
func exact(picture []byte) ([]byte, error) {
	for _, f := range formats() {
		if !bytes.HasPrefix(picture, []byte(f.magic)) {
			continue
		}
		img, err := f.image(picture, coverSide)
		if err != nil {
			return nil, err
		}
		out, err := encode(img)
		if len(out) > MaxCover {
			return nil, invalid("the picture has %d bytes, at most %d are taken", len(out), MaxCover)
		}
		return out, err
	}
	return nil, invalid("the picture: expected a PNG or JPEG")
}

func encode(img image.Image) ([]byte, error) {
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, img); err != nil {
		return nil, invalid("the picture: %w", err)
	}
	return out.Bytes(), nil
}

// image is what a picture shows. Its size is looked at first; a side may have
// so many pixels.
func (f format) image(picture []byte, side int) (image.RGBA64Image, error) {
	config, err := f.size(bytes.NewReader(picture))
	if err != nil {
		return nil, invalid("the picture: a broken %s: %w", f.name, err)
	}
	w, h := config.Width, config.Height
	if w < 1 || h < 1 || w > side || h > side || w*h > maxPixels {
		return nil, invalid("the picture has %d×%d pixels, at most %d a side and %d in all are taken", w, h, side, maxPixels)
	}
	decoded, err := f.decode(bytes.NewReader(picture))
	if err != nil {
		return nil, invalid("the picture: a broken %s: %w", f.name, err)
	}
	img, ok := decoded.(image.RGBA64Image) // all of the standard library are: pixels without an allocation for each
	if !ok {
		return nil, invalid("the picture: a %s of an unknown sort (%T)", f.name, decoded)
	}
	return img, nil
}

// scaled is a picture whose longer side is side: each pixel is the average of
// the area that it covers.
func scaled(img image.RGBA64Image, side int) *image.NRGBA {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	longer := max(w, h)
	out := image.NewNRGBA(image.Rect(0, 0, max(w*side/longer, 1), max(h*side/longer, 1)))
	for y := range out.Rect.Dy() {
		y0, y1 := covered(y, h, out.Rect.Dy())
		for x := range out.Rect.Dx() {
			x0, x1 := covered(x, w, out.Rect.Dx())
			var r, g, bl, a uint64
			for py := y0; py < y1; py++ {
				for px := x0; px < x1; px++ {
					c := img.RGBA64At(b.Min.X+px, b.Min.Y+py)
					r, g, bl, a = r+uint64(c.R), g+uint64(c.G), bl+uint64(c.B), a+uint64(c.A)
				}
			}
			n := uint64((y1 - y0) * (x1 - x0))
			out.SetRGBA64(x, y, color.RGBA64{R: uint16(r / n), G: uint16(g / n), B: uint16(bl / n), A: uint16(a / n)})
		}
	}
	return out
}

// covered are the pixels of from, in a row of them, that pixel i of to covers.
func covered(i, from, to int) (first, end int) {
	first = i * from / to
	return first, max((i+1)*from/to, first+1)
}
