package slicedtest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"github.com/printwire/printwire/fault"
)

// pictures are the pictures of the plate that the plan wants.
func (p Plan) pictures() ([]entry, error) {
	var list []entry
	for _, kind := range p.Pictures {
		name, img := p.picture(kind)
		if img == nil {
			return nil, fault.New(fault.Invalid, "picture %q: expected plate, small, top or pick", kind)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, entry{name: name, data: b.Bytes(), stored: true})
	}
	return list, nil
}

func (p Plan) picture(kind string) (string, image.Image) {
	switch kind {
	case "plate":
		return fmt.Sprintf("Metadata/plate_%d.png", p.plate()), p.draw(512, p.colour)
	case "small":
		return fmt.Sprintf("Metadata/plate_%d_small.png", p.plate()), p.draw(128, p.colour)
	case "top":
		return fmt.Sprintf("Metadata/top_%d.png", p.plate()), p.draw(512, p.colour)
	case "pick":
		return fmt.Sprintf("Metadata/pick_%d.png", p.plate()), p.draw(512, p.pick)
	default:
		return "", nil
	}
}

// draw draws the objects side by side on a clear plate.
func (p Plan) draw(side int, paint func(object int) color.NRGBA) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	n := max(len(p.Objects), 1)
	for i := range n {
		c := paint(i)
		step := side / n
		for y := side / 3; y < side*2/3; y++ {
			for x := i*step + step/8; x < (i+1)*step-step/8; x++ {
				img.SetNRGBA(x, y, c)
			}
		}
	}
	return img
}

// colour is that of the filament of an object.
func (p Plan) colour(object int) color.NRGBA {
	c := color.NRGBA{R: 0x80, G: 0x80, B: 0x80, A: 0xff}
	if len(p.Filaments) > 0 {
		_, err := fmt.Sscanf(p.Filaments[object%len(p.Filaments)].Colour, "#%02x%02x%02x", &c.R, &c.G, &c.B)
		if err != nil {
			return color.NRGBA{R: 0x80, G: 0x80, B: 0x80, A: 0xff}
		}
	}
	return c
}

// pick is the id of an object as a colour.
func (p Plan) pick(object int) color.NRGBA {
	if object >= len(p.Objects) {
		return color.NRGBA{}
	}
	id := p.Objects[object].ID
	return color.NRGBA{R: uint8(id), G: uint8(id >> 8), B: uint8(id >> 16), A: 0xff}
}
