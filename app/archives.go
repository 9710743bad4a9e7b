package app

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
)

// ArchiveRow is the record of one print. What is unknown is left out.
type ArchiveRow struct {
	ID          int       `json:"id"`
	Printer     string    `json:"printer"`
	PrinterID   int       `json:"printer_id"`
	Serial      string    `json:"serial"`
	Name        string    `json:"name"`
	File        string    `json:"filename,omitempty"`
	Status      string    `json:"status"`
	Reason      string    `json:"reason,omitempty"`
	Created     time.Time `json:"created_at"`
	Start       time.Time `json:"started_at,omitzero"`
	End         time.Time `json:"ended_at,omitzero"`
	Seconds     *int      `json:"duration_seconds,omitempty"`
	Progress    *int      `json:"progress,omitempty"`
	Layer       *int      `json:"layer,omitempty"`
	TotalLayers *int      `json:"total_layers,omitempty"`
	Pauses      int       `json:"pauses"`
	Materials   []string  `json:"materials"`
	Grams       *float64  `json:"filament_grams,omitempty"`
	EnergyKWh   *float64  `json:"energy_kwh,omitempty"`
	Filament    *float64  `json:"filament_cost,omitempty"`
	FilamentIn  string    `json:"filament_currency,omitempty"`
	Cost        *float64  `json:"cost,omitempty"`
	Currency    string    `json:"currency,omitempty"`
	Tags        []string  `json:"tags"`
	Notes       string    `json:"notes,omitempty"`
	Favorite    bool      `json:"favorite"`
	Revision    int       `json:"revision"`
}

func archiveRow(r archive.Record) ArchiveRow {
	return ArchiveRow{
		ID: r.ID, Printer: r.Printer, PrinterID: r.PrinterID, Serial: r.Serial, Name: r.Title(), File: r.File, Status: r.Status(), Reason: r.Reason,
		Created: r.Created, Start: r.Start, End: r.End, Seconds: known(r.DurationSeconds), Progress: known(r.Progress), Layer: known(r.Layer),
		TotalLayers: known(r.TotalLayers), Pauses: r.Pauses, Materials: append([]string{}, r.Materials()...), Grams: known(r.Grams()),
		EnergyKWh: known(r.Usage.EnergyKWh), Filament: known(r.FilamentCost()), FilamentIn: r.FilamentCurrency(), Cost: known(r.Cost()), Currency: r.Currency(), Tags: append([]string{}, r.Edits.Tags...),
		Notes: r.Edits.Notes.Or(""), Favorite: r.Edits.Favorite, Revision: r.Revision,
	}
}

// ArchiveEdit says what is to change of a record; nil leaves a thing as it is.
type ArchiveEdit struct {
	Name     *string   `json:"name,omitempty"`
	Notes    *string   `json:"notes,omitempty"`
	Tags     *[]string `json:"tags,omitempty"`
	Result   *string   `json:"result,omitempty"`
	Favorite *bool     `json:"favorite,omitempty"`
}

// ArchiveStatuses are the words that a list of records can be chosen by.
func ArchiveStatuses() []string { return archive.StatusWords() }

// archiveFilter reads what records are chosen by.
func (a *App) archiveFilter(q url.Values) (archive.Filter, error) {
	f := archive.Filter{Status: q.Get("status"), Search: q.Get("search"), Material: q.Get("material")}
	for _, end := range []struct {
		name string
		into *time.Time
	}{{"from", &f.From}, {"to", &f.To}} {
		text := q.Get(end.name)
		if text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return f, fault.New(fault.Invalid, "expected a time such as 2026-03-14T09:30:00Z").At(end.name)
		}
		*end.into = at
	}
	if ref := q.Get("printer"); ref != "" {
		s, err := a.find(ref)
		if err != nil {
			return f, err
		}
		f.Printers = []int{s.Config.ID}
	}
	return f, f.Check()
}

func (a *App) listArchives(r *http.Request) (any, error) {
	q := r.URL.Query()
	f, err := a.archiveFilter(q)
	if err != nil {
		return nil, err
	}
	query := archive.Query{Filter: f}
	if text := q.Get("limit"); text != "" {
		if query.Limit, err = strconv.Atoi(text); err != nil || query.Limit < 1 {
			return nil, fault.New(fault.Invalid, "expected 1 to %d", archive.MaxLimit).At("limit")
		}
	}
	page, err := a.recorder.Page(r.Context(), query)
	if err != nil {
		return nil, err
	}
	rows := make([]ArchiveRow, 0, len(page.Records))
	for _, record := range page.Records {
		rows = append(rows, archiveRow(record))
	}
	return rows, nil
}

// archiveID is the record that a path names.
func archiveID(r *http.Request) (int, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return 0, fault.New(fault.NotFound, "there is no record %.50q", r.PathValue("id")).WithHint("see \"printwire archives list\"")
	}
	return id, nil
}

func (a *App) showArchive(r *http.Request) (any, error) {
	id, err := archiveID(r)
	if err != nil {
		return nil, err
	}
	record, err := a.recorder.Record(r.Context(), id)
	return archiveRow(record), err
}

func (a *App) editArchive(r *http.Request) (any, error) {
	id, err := archiveID(r)
	if err != nil {
		return nil, err
	}
	var ask ArchiveEdit
	if err := decode(r, &ask); err != nil {
		return nil, err
	}
	record, err := a.recorder.Edit(r.Context(), id, archive.Edit{
		By: "cli", Name: ask.Name, Notes: ask.Notes, Tags: ask.Tags, Result: ask.Result, Favorite: ask.Favorite,
	})
	return archiveRow(record), err
}

// deleteArchive removes a record; with purge it leaves the statistics too.
func (a *App) deleteArchive(r *http.Request) (any, error) {
	id, err := archiveID(r)
	if err != nil {
		return nil, err
	}
	record, err := a.recorder.Record(r.Context(), id)
	if err != nil {
		return nil, err
	}
	return archiveRow(record), a.recorder.Delete(r.Context(), id, r.URL.Query().Has("purge"))
}

func (a *App) exportArchives(r *http.Request) (any, error) {
	q := r.URL.Query()
	f, err := a.archiveFilter(q)
	if err != nil {
		return nil, err
	}
	format := q.Get("format")
	if err := archive.CheckFormat(format); err != nil {
		return nil, err
	}
	return streamer(func(w io.Writer) error { return a.recorder.Export(r.Context(), w, f, format) }), nil
}
