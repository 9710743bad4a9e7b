package sliced

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	_ "image/jpeg" // pictures in G-code
	"image/png"
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
	config, format, err := image.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return nil, invalid("the picture: expected a PNG or JPEG: %w", err)
	}
	w, h := config.Width, config.Height
	if w < 1 || h < 1 || w > maxSide || h > maxSide || w*h > maxPixels {
		return nil, invalid("the picture has %d×%d pixels, at most %d a side and %d in all are taken", w, h, maxSide, maxPixels)
	}
	img, _, err := image.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, invalid("the picture: a broken %s: %w", format, err)
	}
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	for side := min(max(w, h), coverSide); ; side = side * 3 / 4 {
		var out bytes.Buffer
		img = scaled(wide(img), side)
		if err := encoder.Encode(&out, img); err != nil {
			return nil, invalid("the picture: %w", err)
		}
		if out.Len() <= MaxCover || side <= minSide {
			return out.Bytes(), nil
		}
	}
}

// wide gives access to the pixels of a picture without an allocation for each,
// which all pictures of the standard library have.
func wide(img image.Image) image.RGBA64Image {
	if w, ok := img.(image.RGBA64Image); ok {
		return w
	}
	w := image.NewRGBA64(img.Bounds())
	draw.Draw(w, w.Bounds(), img, img.Bounds().Min, draw.Src)
	return w
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
