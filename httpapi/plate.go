package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// Pictures are the pictures of plates, by the name that a job's plan gives.
type Pictures interface {
	// Bytes is one picture, PNG or JPEG. fault.NotFound: it is not kept any more.
	Bytes(name string) ([]byte, error)
}

// serveImage is serve for an answer that is a picture.
func serveImage[I, O any](handle func(*api, context.Context, *I) (*O, error)) registrar {
	inner := serve(handle)
	return func(a *api, op huma.Operation) {
		picture := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
		op.Responses["200"].Content = map[string]*huma.MediaType{"image/png": picture, "image/jpeg": picture}
		inner(a, op)
	}
}

type coverAnswer struct {
	Kind  string `header:"Content-Type"`
	Cache string `header:"Cache-Control"`
	Body  []byte
}

// PictureView is one of printer.Views.
type PictureView struct {
	View string `query:"view" enum:"plate,small,top,pick" default:"plate" doc:"The plate as it will look, the same in small, from above, or from above with each object in the colour of its id (red + 256 green + 65536 blue)."`
}

type coverCall struct {
	ID string `path:"id" doc:"The printer's number or its serial." example:"1"`
	PictureView
}

// cover is a picture of the present or last job.
func (a *api) cover(ctx context.Context, in *coverCall) (*coverAnswer, error) {
	s, err := a.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return a.picture(s.State.Job.Plan.Picture, in.View, unseen(s.State.Job))
}

// picture is a view of a plate; none says why there is none at all.
func (a *api) picture(name, view, none string) (*coverAnswer, error) {
	if name == "" || a.Pictures == nil {
		return nil, fault.New(fault.NotFound, "%s", none)
	}
	b, err := a.Pictures.Bytes(printer.PictureView(name, view))
	switch {
	case fault.Is(err, fault.NotFound) && view != "plate":
		return nil, fault.New(fault.NotFound, "The file has no picture %q, or it is not kept any more.", view)
	case fault.Is(err, fault.NotFound):
		return nil, fault.New(fault.NotFound, "The picture is not kept any more.")
	case err != nil:
		return nil, err
	}
	kind := "image/jpeg"
	if bytes.HasPrefix(b, []byte("\x89PNG")) {
		kind = "image/png"
	}
	return &coverAnswer{Kind: kind, Cache: "private, max-age=60", Body: b}, nil
}

// unseen says why there is no picture and no list of objects.
func unseen(j printer.Job) string {
	switch {
	case j.ID == "":
		return "The printer has no job."
	case j.Plan.Missing != "":
		return j.Plan.Missing
	case !j.Plan.Known():
		return "The file of the job has not been read yet."
	default:
		return "The file of the job has no picture."
	}
}

// Plate is what the plate of the present or last job holds.
type Plate struct {
	Objects []PlateObject `json:"objects" nullable:"false" doc:"What is on the plate, as far as it is known."`
	Total   *int          `json:"total" doc:"How many objects there are; null while the file is not known."`
	Skipped []int         `json:"skipped_objects" nullable:"false" doc:"The ids of those that are left out."`
	CanSkip bool          `json:"can_skip" doc:"Whether objects can be left out now."`
	Problem *string       `json:"problem" doc:"Why nothing is known, in words."`
}

// PlateObject is one object of a plate.
type PlateObject struct {
	ID      int    `json:"id"`
	Name    string `json:"name"`
	Skipped bool   `json:"skipped" doc:"Whether it is left out."`
}

type plateAnswer struct{ Body Plate }

func (a *api) objects(ctx context.Context, in *printerPath) (*plateAnswer, error) {
	s, err := a.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &plateAnswer{Body: describePlate(s.State)}, nil
}

func describePlate(s printer.State) Plate {
	job := s.Job
	p := Plate{Objects: []PlateObject{}, Skipped: append([]int{}, job.SkippedObjects...)}
	left := 0
	for _, o := range job.Plan.Objects {
		if !slices.Contains(job.SkippedObjects, o.ID) {
			left++
		}
		p.Objects = append(p.Objects, PlateObject{ID: o.ID, Name: o.Name, Skipped: slices.Contains(job.SkippedObjects, o.ID)})
	}
	if job.Plan.Known() {
		n := len(p.Objects)
		p.Total = &n
	} else {
		why := unseen(job)
		p.Problem = &why
	}
	active := s.Shown() == printer.Printing || s.Shown() == printer.Paused
	p.CanSkip = active && s.Caps.SkipObjects && !s.Caps.ReadOnly() && left > 1 && !job.Plan.Unlabelled
	return p
}

// skipBody is a bare list of ids, as Bambuddy's clients send it, or an object
// with the list as objects or object_ids.
type skipBody []int

// Schema takes either form.
func (skipBody) Schema(huma.Registry) *huma.Schema {
	none, most, least := 0.0, printer.MaxObjects, 1
	list := &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeInteger, Minimum: &none}, MinItems: &least, MaxItems: &most}
	named := func(field string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{field: list}, Required: []string{field}, AdditionalProperties: false}
	}
	s := &huma.Schema{Description: "The ids of the objects.", OneOf: []*huma.Schema{list, named("objects"), named("object_ids")}}
	for _, o := range append(s.OneOf, list.Items) {
		o.PrecomputeMessages()
	}
	s.PrecomputeMessages()
	return s
}

// UnmarshalJSON takes either form; anything else is no list, which the handler
// says better than the schema, of which three alternatives failed.
func (b *skipBody) UnmarshalJSON(text []byte) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) == nil && len(fields) == 1 {
		for name, value := range fields {
			if name == "objects" || name == "object_ids" {
				text = value
			}
		}
	}
	var list []int
	if decode(text, &list) != nil {
		list = nil
	}
	*b = list
	return nil
}

// serveAnyJSON is serve for a body whose form the handler checks: the schema is for the documentation.
func serveAnyJSON[I, O any](schema *huma.Schema, handle func(*api, context.Context, *I) (*O, error)) registrar {
	inner := serve(handle)
	return func(a *api, op huma.Operation) {
		body := &huma.MediaType{Schema: &huma.Schema{}}
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{jsonType: body}}
		inner(a, op)
		body.Schema = schema
	}
}

type skipCall struct {
	ControlCall
	Body skipBody
}

func (a *api) skipObjects(ctx context.Context, in *skipCall) (*controlAnswer, error) {
	ids := []int(in.Body)
	if len(ids) == 0 || len(ids) > printer.MaxObjects || slices.Min(ids) < 0 {
		return nil, fault.New(fault.Invalid, "must be a list of 1 to %d ids of objects, alone or as objects or object_ids", printer.MaxObjects).At("objects")
	}
	return a.command(ctx, in.ControlCall, printer.Command{Name: printer.CmdSkip, Objects: ids}, "Objects skipped", "/objects")
}

func examplePlate() Plate {
	three := 3
	return Plate{
		Objects: []PlateObject{{ID: 17, Name: "Bracket"}, {ID: 23, Name: "Bracket", Skipped: true}, {ID: 42, Name: "Clip"}},
		Total:   &three, Skipped: []int{23}, CanSkip: true,
	}
}
