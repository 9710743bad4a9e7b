package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/fault"
)

type printersStatusCmd struct {
	dataFlag
	Printer string `arg:"" help:"Id, serial or name."`
}

// Run shows what a printer does.
func (c printersStatusCmd) Run(ctx context.Context, env Env) error {
	return show(ctx, env, c.dataFlag, "/printers/"+url.PathEscape(c.Printer), describePrinter)
}

func describePrinter(s app.PrinterStatus) []field {
	fields := []field{
		{"Printer", fmt.Sprintf("%d (%s)", s.ID, s.Name)},
		{"Model", s.Model},
		{"Serial", s.Serial},
		{"Firmware", s.Firmware},
		{"Activity", s.Activity},
		{"Stage", strings.ReplaceAll(s.Stage, "_", " ")},
		{"Problem", s.Problem},
		{"Job", s.Job},
		{"Progress", figure(s.Progress, "%")},
		{"Remaining", lasting(s.Remaining)},
		{"Layer", of(s.Layer, s.TotalLayers, "")},
	}
	for _, t := range s.Temperatures {
		fields = append(fields, field{strings.ToUpper(t.Part[:1]) + t.Part[1:], of(t.Now, t.Target, " °C")})
	}
	for _, f := range s.Faults {
		fields = append(fields, field{"Fault", f})
	}
	return append(fields, field{"Last report", stamp(s.UpdatedAt)})
}

// of is a number and the number that it goes to.
func of[N int | float64](n, all *N, unit string) string {
	text := figure(n, "")
	if text == "" {
		return ""
	}
	if to := figure(all, ""); to != "" {
		text += " of " + to
	}
	return text + unit
}

type printersEditCmd struct {
	dataFlag
	Printer     string  `arg:"" help:"Id, serial or name."`
	Name        *string `help:"Name to show."`
	Host        *string `help:"Address or host name."`
	Port        *int    `help:"Port; 0 is the family's own."`
	FilesPort   *int    `help:"Port of its file server; 0 is the family's own."`
	AccessCode  *string `help:"LAN access code, as the printer's screen shows it."`
	Certificate *string `help:"How its certificate is checked: pin, verify or insecure." placeholder:"HOW" words:"pin,verify,insecure"`
	Roots       string  `help:"File with the maker's root certificates (PEM), for verify." type:"existingfile" placeholder:"FILE"`
	Area        *string `help:"Where it stands, suggested to Home Assistant; empty for nowhere."`
}

// Run changes a printer.
func (c printersEditCmd) Run(ctx context.Context, env Env) error {
	edit := app.PrinterEdit{Name: c.Name, Host: c.Host, Port: c.Port, FilesPort: c.FilesPort, AccessCode: c.AccessCode, Certificate: c.Certificate, Area: c.Area}
	if c.Roots != "" {
		roots, err := rootsOf(c.Roots)
		if err != nil {
			return err
		}
		edit.Roots = &roots
	}
	if edit == (app.PrinterEdit{}) {
		return fault.New(fault.Invalid, "nothing is to be changed").WithHint("name it by a flag, such as --host; see \"printwire printers edit --help\"")
	}
	return withFlag(tell(ctx, env, c.dataFlag, http.MethodPatch, "/printers/"+url.PathEscape(c.Printer), edit, printerIs("changed")))
}
