package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/fault"
)

// printersCmd has the commands about printers.
type printersCmd struct {
	List   printersListCmd   `cmd:"" help:"List the printers."`
	Status printersStatusCmd `cmd:"" help:"Show what a printer does now."`
	Add    printersAddCmd    `cmd:"" help:"Add a printer."`
	Edit   printersEditCmd   `cmd:"" help:"Change how a printer is called or reached."`
	Test   printersTestCmd   `cmd:"" help:"Connect to a printer and tell what is found, without adding it."`
	Remove printersRemoveCmd `cmd:"" help:"Remove a printer and what is known of it; its id is never given again."`
	Trust  printersTrustCmd  `cmd:"" help:"Accept the new certificate of a printer whose certificate has changed."`
}

type printersListCmd struct{ dataFlag }

// Run lists the printers.
func (c printersListCmd) Run(ctx context.Context, env Env) error {
	return list(ctx, env, c.dataFlag, "/printers", []column[app.PrinterRow]{
		{"ID", func(r app.PrinterRow) string { return strconv.Itoa(r.ID) }},
		{"NAME", func(r app.PrinterRow) string { return r.Name }},
		{"MODEL", func(r app.PrinterRow) string { return r.Model }},
		{"SERIAL", func(r app.PrinterRow) string { return r.Serial }},
		{"HOST", func(r app.PrinterRow) string { return r.Host }},
		{"ACTIVITY", func(r app.PrinterRow) string { return r.Activity }},
		{"PROBLEM", func(r app.PrinterRow) string { return r.Problem }},
	})
}

// printerFlags say how a printer is reached.
type printerFlags struct {
	dataFlag
	Host        string `required:"" help:"Address or host name."`
	Serial      string `required:"" help:"Serial number."`
	AccessCode  string `required:"" help:"LAN access code, as the printer's screen shows it." env:"PRINTWIRE_ACCESS_CODE"`
	Name        string `help:"Name to show; the serial when left out."`
	Family      string `default:"bambu" help:"Family of the printer."`
	Port        int    `help:"Port, when it is not the family's own."`
	FilesPort   int    `help:"Port of its file server, when it is not the family's own."`
	Certificate string `help:"How its certificate is checked: pin, verify or insecure." placeholder:"HOW" words:"pin,verify,insecure"`
	Roots       string `help:"File with the maker's root certificates (PEM), for verify." type:"existingfile" placeholder:"FILE"`
	Area        string `help:"Where it stands, suggested to Home Assistant."`
}

func (f printerFlags) request() (app.PrinterRequest, error) {
	r := app.PrinterRequest{
		Name: f.Name, Family: f.Family, Host: f.Host, Port: f.Port, FilesPort: f.FilesPort, Serial: f.Serial,
		AccessCode: f.AccessCode, Certificate: f.Certificate, Area: f.Area,
	}
	var err error
	if f.Roots != "" {
		r.Roots, err = rootsOf(f.Roots)
	}
	return r, err
}

func rootsOf(path string) (string, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the root certificates: %w", err)
	}
	return string(pem), nil
}

// withFlag names the flag for what is missing or wrong, where its name says more than the field's.
func withFlag(err error) error {
	var wrong *fault.Error
	if errors.As(err, &wrong) && wrong.Field == "roots" && wrong.Hint == "" {
		return wrong.WithHint("name the file with them by --roots")
	}
	return err
}

type printersAddCmd struct{ printerFlags }

// Run adds a printer.
func (c printersAddCmd) Run(ctx context.Context, env Env) error {
	ask, err := c.request()
	if err != nil {
		return err
	}
	return withFlag(tell(ctx, env, c.dataFlag, http.MethodPost, "/printers", ask, printerIs("added")))
}

type printersTestCmd struct{ printerFlags }

// Run tests a printer.
func (c printersTestCmd) Run(ctx context.Context, env Env) error {
	ask, err := c.request()
	if err != nil {
		return err
	}
	return withFlag(tell(ctx, env, c.dataFlag, http.MethodPost, "/printers/test", ask, func(found app.PrinterRow) string {
		text := fmt.Sprintf("Connected: %s, firmware %s, %s.", printable(found.Model), printable(found.Firmware), found.Activity)
		if found.Problem != "" {
			text += "\n" + found.Problem
		}
		return text
	}))
}

type printersRemoveCmd struct {
	dataFlag
	Printer string `arg:"" help:"Id, serial or name."`
}

// Run removes a printer.
func (c printersRemoveCmd) Run(ctx context.Context, env Env) error {
	return tell(ctx, env, c.dataFlag, http.MethodDelete, "/printers/"+url.PathEscape(c.Printer), nil, printerIs("removed"))
}

type printersTrustCmd struct {
	dataFlag
	Printer string `arg:"" help:"Id, serial or name."`
}

// Run trusts a printer's new certificate.
func (c printersTrustCmd) Run(ctx context.Context, env Env) error {
	return tell(ctx, env, c.dataFlag, http.MethodPost, "/printers/"+url.PathEscape(c.Printer)+"/trust", nil, printerIs("is trusted with its new certificate"))
}

// printerIs tells what is done with a printer.
func printerIs(what string) func(app.PrinterRow) string {
	return func(r app.PrinterRow) string {
		return fmt.Sprintf("Printer %d (%s) %s.", r.ID, printable(r.Name), what)
	}
}
