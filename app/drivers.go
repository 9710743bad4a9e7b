package app

import (
	"log/slog"
	"strings"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/bambu"
)

// family is one printer family that the program contains.
type family struct {
	name string
	// stages are the words that State.Stage can have.
	stages func() []string
	open   func(*App, printer.Config, *slog.Logger) (printer.Driver, error)
}

// families is the list of all printer families: a new one is a row here.
func families() []family {
	return []family{
		{bambu.Family, bambu.Stages, func(a *App, c printer.Config, log *slog.Logger) (printer.Driver, error) {
			o := bambu.Options{Config: c, Log: log, Now: a.now, NewID: a.newID}
			if a.files != nil && a.pictures != nil {
				o.Files, o.Pictures = a.files, a.pictures
			}
			return bambu.New(o)
		}},
	}
}

// Families are the names of the printer families that the program contains.
func Families() []string {
	var names []string
	for _, f := range families() {
		names = append(names, f.name)
	}
	return names
}

// openDriver makes the driver of a printer of the bridge.
func (a *App) openDriver(c printer.Config) (printer.Driver, error) { return a.driver(c, a.log) }

// driver makes the driver of a printer's family.
func (a *App) driver(c printer.Config, log *slog.Logger) (printer.Driver, error) {
	a.hide(c.AccessCode)
	for _, f := range families() {
		if f.name == c.Family {
			return f.open(a, c, log)
		}
	}
	return nil, fault.New(fault.Invalid, "must be one of %s", strings.Join(Families(), ", ")).At("family")
}

// stages are the stages of all families, each once.
func stages() []string {
	var all []string
	seen := map[string]bool{}
	for _, f := range families() {
		for _, s := range f.stages() {
			if !seen[s] {
				seen[s] = true
				all = append(all, s)
			}
		}
	}
	return all
}
