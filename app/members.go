package app

import (
	"net/http"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
)

// PrinterEdit says what is to change of a printer; nil leaves a thing as it is.
type PrinterEdit struct {
	Name        *string `json:"name,omitempty"`
	Host        *string `json:"host,omitempty"`
	Port        *int    `json:"port,omitempty"`
	FilesPort   *int    `json:"files_port,omitempty"`
	AccessCode  *string `json:"access_code,omitempty"`
	Certificate *string `json:"certificate,omitempty"`
	Roots       *string `json:"roots,omitempty"`
	Area        *string `json:"area,omitempty"`
}

// onto is a printer's configuration with the edit.
func (e PrinterEdit) onto(c printer.Config) (printer.Config, error) {
	set(&c.Name, e.Name)
	set(&c.Host, e.Host)
	set(&c.Port, e.Port)
	set(&c.FilesPort, e.FilesPort)
	set(&c.Certificate, e.Certificate)
	set(&c.Roots, e.Roots)
	set(&c.Area, e.Area)
	if e.AccessCode != nil {
		c.AccessCode = secret.Text(*e.AccessCode)
	}
	if strings.TrimSpace(c.Name) == "" {
		return c, fault.New(fault.Invalid, "must not be empty").At("name")
	}
	return c, PrinterRequest{Name: c.Name, Host: c.Host, Area: c.Area}.check()
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (a *App) editPrinter(r *http.Request) (any, error) {
	var edit PrinterEdit
	if err := decode(r, &edit); err != nil {
		return nil, err
	}
	s, err := a.find(r.PathValue("ref"))
	if err != nil {
		return nil, err
	}
	c, err := edit.onto(s.Config)
	if err != nil {
		return nil, err
	}
	if err := a.bridge.Update(r.Context(), c); err != nil {
		return nil, err
	}
	s, err = a.bridge.Snapshot(c.ID)
	return rowOf(s), err
}

// PrinterStatus is what a printer does now. What is unknown is left out.
type PrinterStatus struct {
	PrinterRow
	// UpdatedAt is when the last report arrived.
	UpdatedAt   time.Time `json:"updated_at,omitzero"`
	Stage       string    `json:"stage,omitempty"`
	Job         string    `json:"job,omitempty"`
	Progress    *int      `json:"progress,omitempty"`
	Remaining   *int      `json:"remaining_seconds,omitempty"`
	Layer       *int      `json:"layer,omitempty"`
	TotalLayers *int      `json:"total_layers,omitempty"`
	// Temperatures are of the heated parts, in °C.
	Temperatures []Temperature `json:"temperatures,omitempty"`
	Faults       []string      `json:"faults,omitempty"`
}

// Temperature is of one heated part.
type Temperature struct {
	Part   string   `json:"part"`
	Now    *float64 `json:"now,omitempty"`
	Target *float64 `json:"target,omitempty"`
}

func (a *App) showPrinter(r *http.Request) (any, error) {
	s, err := a.find(r.PathValue("ref"))
	if err != nil {
		return nil, err
	}
	return statusOf(s), nil
}

func statusOf(s printer.Snapshot) PrinterStatus {
	st := s.State
	p := PrinterStatus{PrinterRow: rowOf(s), UpdatedAt: s.At, Stage: st.Stage}
	if st.Activity.Active() {
		j := st.Job
		p.Job, p.Progress, p.Remaining, p.Layer, p.TotalLayers = j.Name, known(j.Progress), known(j.RemainingSeconds), known(j.Layer), known(j.TotalLayers)
		if p.Job == "" {
			p.Job = j.FileName()
		}
	}
	for _, part := range []struct {
		name   string
		heater printer.Heater
	}{{"nozzle", st.Nozzles[0].Heater}, {"left nozzle", st.Nozzles[1].Heater}, {"bed", st.Bed}, {"chamber", st.Chamber}} {
		if part.heater.Temperature.Known {
			p.Temperatures = append(p.Temperatures, Temperature{part.name, known(part.heater.Temperature), known(part.heater.Target)})
		}
	}
	for _, f := range st.Faults {
		p.Faults = append(p.Faults, f.Sentence())
	}
	return p
}

// known is a value, nil when it is unknown.
func known[T comparable](o printer.Opt[T]) *T {
	if !o.Known {
		return nil
	}
	return &o.Value
}
