package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/fault"
)

// archivesCmd has the commands about the record of prints.
type archivesCmd struct {
	List   archivesListCmd   `cmd:"" help:"List the prints, the newest first."`
	Show   archivesShowCmd   `cmd:"" help:"Show one print."`
	Edit   archivesEditCmd   `cmd:"" help:"Write notes, tags, a name or another result on a print."`
	Delete archivesDeleteCmd `cmd:"" help:"Delete the record of a print; it stays counted in the statistics."`
	Export archivesExportCmd `cmd:"" help:"Write prints as CSV or JSON."`
}

// archiveFlags choose prints.
type archiveFlags struct {
	Printer  string `help:"Only those of a printer: id, serial or name."`
	Status   string `help:"Only those with a status or result, such as completed, failed or printing." words:"statuses"`
	Since    when   `help:"Only those since then: a date, a time, or a span such as 30d." placeholder:"WHEN"`
	Until    when   `help:"Only those until then; a date is included." placeholder:"WHEN"`
	Search   string `help:"Only those with these words in name, file or tags." placeholder:"WORDS"`
	Material string `help:"Only those with a kind of filament, such as PETG."`
}

func (f archiveFlags) query() url.Values {
	q, now := url.Values{}, time.Now()
	put := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	put("printer", f.Printer)
	put("status", f.Status)
	put("search", f.Search)
	put("material", f.Material)
	if f.Since.given() {
		put("from", f.Since.ago(now).Format(time.RFC3339))
	}
	if f.Until.given() {
		put("to", f.Until.end(now).Format(time.RFC3339))
	}
	return q
}

// named gives what is wrong the names of the flags.
func (f archiveFlags) named(err error) error {
	var wrong *fault.Error
	if errors.As(err, &wrong) && wrong.Field == "end_date" {
		return fault.New(fault.Invalid, "lies before --since").At("--until")
	}
	return err
}

type archivesListCmd struct {
	dataFlag
	archiveFlags
	Limit int `default:"50" help:"How many at most, up to 1000."`
}

// Run lists prints.
func (c archivesListCmd) Run(ctx context.Context, env Env) error {
	q := c.query()
	q.Set("limit", strconv.Itoa(c.Limit))
	return c.named(list(ctx, env, c.dataFlag, "/archives?"+q.Encode(), []column[app.ArchiveRow]{
		{"ID", func(r app.ArchiveRow) string { return strconv.Itoa(r.ID) }},
		{"BEGUN", func(r app.ArchiveRow) string { return stamp(r.Created) }},
		{"PRINTER", func(r app.ArchiveRow) string { return r.Printer }},
		{"NAME", func(r app.ArchiveRow) string { return r.Name }},
		{"STATUS", func(r app.ArchiveRow) string { return r.Status }},
		{"DURATION", func(r app.ArchiveRow) string { return lasting(r.Seconds) }},
		{"MATERIAL", func(r app.ArchiveRow) string { return strings.Join(r.Materials, " ") }},
		{"GRAMS", func(r app.ArchiveRow) string { return figure(r.Grams, "") }},
	}))
}

type archivesShowCmd struct {
	dataFlag
	ID int `arg:"" help:"Number of the print, as \"archives list\" shows it."`
}

// Run shows a print.
func (c archivesShowCmd) Run(ctx context.Context, env Env) error {
	return show(ctx, env, c.dataFlag, archivePath(c.ID), describeArchive)
}

func archivePath(id int) string { return "/archives/" + strconv.Itoa(id) }

// printIs tells what is done with a print.
func printIs(what string) func(app.ArchiveRow) string {
	return func(r app.ArchiveRow) string { return fmt.Sprintf("Print %d (%s) %s.", r.ID, printable(r.Name), what) }
}

func describeArchive(r app.ArchiveRow) []field {
	return []field{
		{"Print", strconv.Itoa(r.ID)},
		{"Name", r.Name},
		{"File", r.File},
		{"Printer", fmt.Sprintf("%d (%s)", r.PrinterID, r.Printer)},
		{"Status", r.Status},
		{"Reason", r.Reason},
		{"Started", stamp(r.Start)},
		{"Ended", stamp(r.End)},
		{"Duration", lasting(r.Seconds)},
		{"Progress", figure(r.Progress, "%")},
		{"Layer", of(r.Layer, r.TotalLayers, "")},
		{"Pauses", strconv.Itoa(r.Pauses)},
		{"Material", strings.Join(r.Materials, ", ")},
		{"Filament", figure(r.Grams, "g")},
		{"Energy", figure(r.EnergyKWh, "kWh")},
		{"Filament cost", money(r.Filament, r.FilamentIn)},
		{"Cost", money(r.Cost, r.Currency)},
		{"Tags", strings.Join(r.Tags, ", ")},
		{"Notes", r.Notes},
	}
}

type archivesEditCmd struct {
	dataFlag
	ID       int      `arg:"" help:"Number of the print, as \"archives list\" shows it."`
	Name     *string  `help:"Name to show; empty for the printer's own."`
	Notes    *string  `help:"Notes; empty for none."`
	Tag      []string `help:"Tags in the place of those that are there. Repeatable."`
	NoTags   bool     `help:"Take all tags away." xor:"tags"`
	Result   *string  `help:"What became of it: success, failed or stopped; empty for what the printer told." placeholder:"RESULT" words:"success,failed,stopped"`
	Favorite *bool    `help:"Mark it, or with --no-favorite not." negatable:""`
}

// Run changes what is written on a print.
func (c archivesEditCmd) Run(ctx context.Context, env Env) error {
	edit := app.ArchiveEdit{Name: c.Name, Notes: c.Notes, Result: c.Result, Favorite: c.Favorite}
	if len(c.Tag) > 0 || c.NoTags {
		tags := append([]string{}, c.Tag...)
		edit.Tags = &tags
	}
	if edit == (app.ArchiveEdit{}) {
		return fault.New(fault.Invalid, "nothing is to be changed").WithHint("name it by a flag, such as --notes; see \"printwire archives edit --help\"")
	}
	return tell(ctx, env, c.dataFlag, http.MethodPatch, archivePath(c.ID), edit, printIs("changed"))
}

type archivesDeleteCmd struct {
	dataFlag
	ID    int  `arg:"" help:"Number of the print, as \"archives list\" shows it."`
	Purge bool `help:"Take it out of the statistics too."`
}

// Run deletes the record of a print.
func (c archivesDeleteCmd) Run(ctx context.Context, env Env) error {
	path := archivePath(c.ID)
	if c.Purge {
		path += "?purge"
	}
	return tell(ctx, env, c.dataFlag, http.MethodDelete, path, nil, printIs("deleted"))
}

type archivesExportCmd struct {
	dataFlag
	archiveFlags
	Format string `default:"csv" enum:"csv,json" help:"csv or json; --json is the same as json." placeholder:"FORMAT"`
	File   string `help:"File to write, which must not exist; the output when left out." placeholder:"FILE" type:"path"`
}

// Run exports prints.
func (c archivesExportCmd) Run(ctx context.Context, env Env) (err error) {
	q := c.query()
	q.Set("format", c.Format)
	if c.JSON {
		q.Set("format", "json")
	}
	body, err := c.open(ctx, env, http.MethodGet, "/export?"+q.Encode(), nil)
	if err != nil {
		return c.named(err)
	}
	defer func() { _ = body.Close() }()
	if c.File == "" {
		if _, err := io.Copy(env.Stdout, body); err != nil {
			return fmt.Errorf("writing the prints: %w", err)
		}
		return nil
	}
	file, err := os.OpenFile(c.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fault.New(fault.Conflict, "the file %s exists already", c.File).WithHint("choose another name")
	}
	if err != nil {
		return fmt.Errorf("creating the file: %w", err)
	}
	_, err = io.Copy(file, body)
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(c.File) // a part must not pass for the whole
		return fmt.Errorf("writing the prints: %w", err)
	}
	return nil
}
