package httpapi

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// Archives is the record of prints; see package archive.
type Archives interface {
	Page(context.Context, archive.Query) (archive.Page, error)
	Record(ctx context.Context, id int) (archive.Record, error)
	Edit(ctx context.Context, id int, e archive.Edit) (archive.Record, error)
	Delete(ctx context.Context, id int, purge bool) error
	Statistics(ctx context.Context, f archive.Filter, zone *time.Location) (archive.Statistics, error)
	Export(ctx context.Context, w io.Writer, f archive.Filter, format string) error
	Samples(ctx context.Context, id int) ([]archive.Sample, error)
	Failures(ctx context.Context, f archive.Filter, zone *time.Location) (archive.Failures, error)
	Reprice(ctx context.Context, printers []int) (changed int, err error)
	// Number is the number of a job under way; it is asked often and must not block.
	Number(job string) (id int, ok bool)
}

// ArchiveFilter chooses prints, in both spellings.
type ArchiveFilter struct {
	Printer  string `query:"printer_id" maxLength:"50" doc:"A printer's number or serial."`
	Status   string `query:"status" maxLength:"40" doc:"A status or a result: completed, success, failed, stopped, printing …"`
	Start    string `query:"start_date" maxLength:"40" pattern:"^([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?)?$" doc:"A date or a time; only prints from then on."`
	From     string `query:"date_from" maxLength:"40" pattern:"^([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?)?$" doc:"The same as start_date."`
	End      string `query:"end_date" maxLength:"40" pattern:"^([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?)?$" doc:"A date or a time; a date is included."`
	To       string `query:"date_to" maxLength:"40" pattern:"^([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?)?$" doc:"The same as end_date."`
	Search   string `query:"search" maxLength:"200" doc:"Words of names, files and tags."`
	Q        string `query:"q" maxLength:"200" doc:"The same as search."`
	Material string `query:"filament_type" maxLength:"40" doc:"A kind of filament."`
}

// filter is what a call chooses, within what the caller may know of.
func (a *api) filter(ctx context.Context, in ArchiveFilter) (archive.Filter, error) {
	f := archive.Filter{Status: in.Status, Search: in.Search + in.Q, Material: in.Material, Printers: a.allowed(ctx)}
	var err error
	if f.From, err = bound(in.Start, in.From, "start_date", false); err != nil {
		return f, err
	}
	if f.To, err = bound(in.End, in.To, "end_date", true); err != nil {
		return f, err
	}
	if in.Printer != "" {
		s, err := a.find(ctx, in.Printer)
		if err != nil {
			return f, err
		}
		f.Printers = []int{s.Config.ID}
	}
	return f, f.Check()
}

// allowed are the printers whose prints the caller may know of; nil is all.
func (a *api) allowed(ctx context.Context) []int {
	who := caller(ctx)
	if who.Printers() == nil && !who.Test {
		return nil
	}
	ids := []int{0} // no printer has this number: an empty list would mean all
	for _, s := range a.visible(ctx) {
		ids = append(ids, s.Config.ID)
	}
	return ids
}

// bound reads a date or a time. A date at the end of a range is included.
func bound(one, other, field string, end bool) (time.Time, error) {
	if one == "" {
		one = other
	}
	if one == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, one); err == nil {
		if end {
			day = day.AddDate(0, 0, 1)
		}
		return day, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, one); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, "must be a date (2026-03-14) or a time (2026-03-14T09:30:00Z)").At(field)
}

type archivesCall struct {
	ArchiveFilter
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
	Offset   int    `query:"offset" minimum:"0" maximum:"10000000"`
	Cursor   string `query:"cursor" maxLength:"40" pattern:"^(-?[0-9a-z]{1,13}[.][0-9]{1,10})?$" doc:"The value of X-Next-Cursor of the page before."`
	Envelope bool   `query:"envelope" doc:"An object with total and archives instead of an array."`
}

type archivesAnswer struct {
	Total string `header:"X-Total-Count"`
	Next  string `header:"X-Next-Cursor"`
	Body  ArchiveList
}

// ArchiveList is a page of prints: an array, or on request an object.
type ArchiveList struct {
	Envelope bool
	Total    int
	Next     string
	Archives []Archive
}

func (a *api) archives(ctx context.Context, in *archivesCall) (*archivesAnswer, error) {
	f, err := a.filter(ctx, in.ArchiveFilter)
	if err != nil {
		return nil, err
	}
	page, err := a.Archives.Page(ctx, archive.Query{Filter: f, Limit: in.Limit, Offset: in.Offset, Cursor: in.Cursor})
	if err != nil {
		return nil, err
	}
	list := ArchiveList{Envelope: in.Envelope, Total: page.Total, Next: page.Next, Archives: []Archive{}}
	for _, r := range page.Records {
		list.Archives = append(list.Archives, describeArchive(r))
	}
	return &archivesAnswer{Total: decimal(page.Total), Next: page.Next, Body: list}, nil
}

// ArchivePath names a print.
type ArchivePath struct {
	ID int `path:"id" minimum:"1" maximum:"999999999" doc:"The print's number." example:"1"`
}

type archiveAnswer struct{ Body Archive }

// print is the record that a path names, if the caller may know of it.
func (a *api) print(ctx context.Context, id int) (archive.Record, error) {
	r, err := a.Archives.Record(ctx, id)
	if ids := a.allowed(ctx); fault.Is(err, fault.NotFound) || err == nil && ids != nil && !slices.Contains(ids, r.PrinterID) {
		return archive.Record{}, fault.New(fault.NotFound, "Archive not found")
	}
	return r, err
}

func (a *api) archive(ctx context.Context, in *ArchivePath) (*archiveAnswer, error) {
	r, err := a.print(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &archiveAnswer{Body: describeArchive(r)}, nil
}

// ArchiveRequest changes what people wrote on a print: a JSON merge patch.
type ArchiveRequest struct {
	_        struct{}       `additionalProperties:"true"`
	Name     patch[string]  `json:"name,omitzero" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]*$"`
	Print    patch[string]  `json:"print_name,omitzero" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]*$" doc:"The same as name."`
	Notes    patch[string]  `json:"notes,omitzero" maxLength:"4000" pattern:"^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]*$"`
	Tags     patch[tags]    `json:"tags,omitzero"`
	Result   patch[string]  `json:"result,omitzero" enum:"success,completed,failed,aborted,stopped,cancelled,skipped,archived,"`
	Status   patch[string]  `json:"status,omitzero" enum:"success,completed,failed,aborted,stopped,cancelled,skipped,archived," doc:"The same as result."`
	Grams    patch[float64] `json:"filament_used_grams,omitzero" minimum:"0" maximum:"100000"`
	Quantity patch[int]     `json:"quantity,omitzero" minimum:"0" maximum:"10000"`
	Favorite *bool          `json:"is_favorite,omitempty"`
	Revision *int           `json:"revision,omitempty" doc:"The record's own; another one is a conflict."`
}

// tags is a list of words, or one text with commas.
type tags []string

// Schema takes a list or a text.
func (tags) Schema(huma.Registry) *huma.Schema {
	most, long := archive.MaxTags, archive.MaxTag
	return &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeArray, MaxItems: &most, Items: &huma.Schema{Type: huma.TypeString, MaxLength: &long, Pattern: `^[^\x00-\x1f\x7f]*$`}},
		{Type: huma.TypeString, Description: "Tags with commas between them.", Pattern: `^[^\x00-\x1f\x7f]*$`},
	}}
}

// UnmarshalJSON takes a list or a text.
func (t *tags) UnmarshalJSON(b []byte) error {
	var list []string
	if strings.HasPrefix(string(b), `"`) {
		var line string
		if err := unmarshal(b, &line); err != nil {
			return err
		}
		for _, word := range strings.Split(line, ",") {
			if word = strings.TrimSpace(word); word != "" {
				list = append(list, word)
			}
		}
		*t = list
		return nil
	}
	err := unmarshal(b, &list)
	*t = list
	return err
}

type editArchiveCall struct {
	ArchivePath
	Body ArchiveRequest
}

// edit is the request as the archive takes it.
func (q ArchiveRequest) edit(by string) archive.Edit {
	e := archive.Edit{By: by, Favorite: q.Favorite, Revision: q.Revision, ClearGrams: q.Grams.Null, ClearQuantity: q.Quantity.Null}
	for _, f := range []struct {
		from patch[string]
		into **string
	}{{q.Name, &e.Name}, {q.Print, &e.Name}, {q.Notes, &e.Notes}, {q.Result, &e.Result}, {q.Status, &e.Result}} {
		if f.from.Set {
			value := f.from.Value
			*f.into = &value
		}
	}
	if q.Tags.Set {
		list := append([]string{}, q.Tags.Value...)
		e.Tags = &list
	}
	if q.Grams.Set && !q.Grams.Null {
		e.Grams = &q.Grams.Value
	}
	if q.Quantity.Set && !q.Quantity.Null {
		e.Quantity = &q.Quantity.Value
	}
	return e
}

func (a *api) editArchive(ctx context.Context, in *editArchiveCall) (*archiveAnswer, error) {
	r, err := a.print(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !caller(ctx).Test {
		if r, err = a.Archives.Edit(ctx, in.ID, in.Body.edit(caller(ctx).Subject())); err != nil {
			return nil, err
		}
	}
	return &archiveAnswer{Body: describeArchive(r)}, nil
}

type deleteArchiveCall struct {
	ArchivePath
	Purge bool `query:"purge_stats" doc:"Take it out of the statistics too."`
}

func (a *api) deleteArchive(ctx context.Context, in *deleteArchiveCall) (*doneAnswer, error) {
	if _, err := a.print(ctx, in.ID); err != nil {
		return nil, err
	}
	if !caller(ctx).Test {
		if err := a.Archives.Delete(ctx, in.ID, in.Purge); err != nil {
			return nil, err
		}
	}
	return done("deleted", "Archive deleted"), nil
}

type exportCall struct {
	ArchiveFilter
	Format string `query:"format" enum:"csv,json" default:"csv"`
}

// exportArchives writes all prints that are chosen, while it reads them.
func (a *api) exportArchives(ctx context.Context, in *exportCall) (*huma.StreamResponse, error) {
	f, err := a.filter(ctx, in.ArchiveFilter)
	if err != nil {
		return nil, err
	}
	return attachment("archives", in.Format, func(w io.Writer) error { return a.Archives.Export(ctx, w, f, in.Format) }, a), nil
}

// attachment is an answer that is written as a file. What fails when it has
// begun breaks the connection off, so that nobody takes a part for the whole.
func attachment(name, format string, write func(io.Writer) error, a *api) *huma.StreamResponse {
	kind := map[string]string{"csv": "text/csv; charset=utf-8", "json": jsonType}[format]
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", kind)
		ctx.SetHeader("Content-Disposition", `attachment; filename="printwire-`+name+`.`+format+`"`)
		ctx.SetStatus(http.StatusOK)
		if err := write(ctx.BodyWriter()); err != nil {
			a.Log.Error("export broke off", "export", name, "error", err)
			panic(http.ErrAbortHandler)
		}
	}}
}

type statisticsAnswer struct{ Body StatisticsReport }

func (a *api) statistics(ctx context.Context, in *ArchiveFilter) (*statisticsAnswer, error) {
	s, err := a.sums(ctx, *in)
	if err != nil {
		return nil, err
	}
	return &statisticsAnswer{Body: describeStatistics(s)}, nil
}

func (a *api) sums(ctx context.Context, in ArchiveFilter) (archive.Statistics, error) {
	f, err := a.filter(ctx, in)
	if err != nil {
		return archive.Statistics{}, err
	}
	return a.Archives.Statistics(ctx, f, nil)
}

type statsAnswer struct{ Body StatsReport }

func (a *api) stats(ctx context.Context, in *ArchiveFilter) (*statsAnswer, error) {
	s, err := a.sums(ctx, *in)
	if err != nil {
		return nil, err
	}
	return &statsAnswer{Body: describeStats(s)}, nil
}

func (a *api) exportStatistics(ctx context.Context, in *ArchiveFilter) (*huma.StreamResponse, error) {
	s, err := a.sums(ctx, *in)
	if err != nil {
		return nil, err
	}
	return attachment("statistics", "csv", func(w io.Writer) error { return archive.ExportStatistics(w, s) }, a), nil
}

func exampleRecord() archive.Record {
	at := example().At
	return archive.Record{
		ID: 12, Job: "01JPA4G0000000000000000000", PrinterID: 1, Serial: "00M00A000000001", Printer: "Workshop", Model: "X1C",
		Name: "Bracket", File: "bracket.gcode.3mf", Created: at, Start: at, End: at.Add(135 * time.Minute), DurationSeconds: printer.Some(8100),
		Result: printer.Success, Progress: printer.Some(100), TotalLayers: printer.Some(200),
		LayerHeight: printer.Some(0.2), BedType: "textured_plate", SlicedFor: "X1C", FileBytes: printer.Some(1_482_003), Objects: printer.Some(3), Picture: "9f2c",
		Filament: []archive.Filament{{
			Tray: "ams_0_tray_1", Material: "PLA", FilamentID: "GFA00", Color: "00AE42FF", PlannedGrams: printer.Some(15.2), PricePerKg: printer.Some(22.5),
		}},
		Usage: archive.Usage{PlannedGrams: printer.Some(15.2), FilamentCurrency: "EUR"},
	}
}
