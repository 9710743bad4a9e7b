package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
)

// testLimit is how long a test of a printer may take.
const testLimit = 20 * time.Second

// lookupLimit is how long a name may take to be looked up once more.
const lookupLimit = 3 * time.Second

// maxLabel is how many characters a name or an area may have.
const maxLabel = 100

// PrinterRequest says how a printer is reached.
type PrinterRequest struct {
	Name        string `json:"name,omitempty"`
	Family      string `json:"family"`
	Host        string `json:"host"`
	Port        int    `json:"port,omitempty"`
	FilesPort   int    `json:"files_port,omitempty"`
	Serial      string `json:"serial"`
	AccessCode  string `json:"access_code"`
	Certificate string `json:"certificate,omitempty"`
	Roots       string `json:"roots,omitempty"`
	Area        string `json:"area,omitempty"`
}

func (r PrinterRequest) config() printer.Config {
	c := printer.Config{
		Name: r.Name, Family: r.Family, Host: r.Host, Port: r.Port, FilesPort: r.FilesPort, Serial: strings.ToUpper(strings.TrimSpace(r.Serial)),
		AccessCode: secret.Text(r.AccessCode), Certificate: r.Certificate, Roots: r.Roots, Area: r.Area,
	}
	if c.Name == "" {
		c.Name = c.Serial
	}
	return c
}

// check finds what no driver looks at: what people and Home Assistant see.
func (r PrinterRequest) check() error {
	for _, label := range []struct{ field, text string }{{"name", r.Name}, {"area", r.Area}} {
		switch {
		case utf8.RuneCountInString(label.text) > maxLabel:
			return fault.New(fault.Invalid, "must have at most %d characters", maxLabel).At(label.field)
		case !utf8.ValidString(label.text), strings.ContainsFunc(label.text, unicode.IsControl):
			return fault.New(fault.Invalid, "must be text without control characters").At(label.field)
		}
	}
	if strings.ContainsFunc(r.Host, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) || c == '/' }) {
		return fault.New(fault.Invalid, "must be an IP address or a host name").At("host")
	}
	return nil
}

// PrinterRow is a printer in a list.
type PrinterRow struct {
	ID       int    `json:"id"`
	Name     string `json:"name"`
	Model    string `json:"model"`
	Serial   string `json:"serial"`
	Host     string `json:"host"`
	Port     int    `json:"port,omitempty"`
	Firmware string `json:"firmware"`
	Activity string `json:"activity"`
	Problem  string `json:"problem,omitempty"`
	Managed  bool   `json:"managed"`
}

func rowOf(s printer.Snapshot) PrinterRow {
	return PrinterRow{
		ID: s.Config.ID, Name: s.Config.Name, Model: s.State.Model, Serial: s.Config.Serial, Host: s.Config.Host, Port: s.Config.Port,
		Firmware: s.State.Firmware, Activity: string(s.State.Shown()), Problem: s.State.Problem.Text, Managed: s.Config.Managed,
	}
}

// Printers lists the printers.
func (a *App) Printers() []PrinterRow {
	rows := []PrinterRow{}
	for _, s := range a.bridge.Snapshots() {
		rows = append(rows, rowOf(s))
	}
	return rows
}

// controlRows are the commands of the command line's socket.
func (a *App) controlRows() []controlRow {
	return append([]controlRow{
		{"GET /keys", a.listKeys},
		{"POST /keys", a.createKey},
		{"POST /keys/{id}/rotate", a.rotateKey},
		{"DELETE /keys/{id}", a.revokeKey},
		{"GET /users", a.listUsers},
		{"GET /users/{name}", a.showUser},
		{"POST /admin", a.resetAdmin},
		{"GET /clients", a.listClients},
		{"POST /clients", a.createClient},
		{"DELETE /clients/{id}", a.deleteClient},
		{"GET /printers", func(*http.Request) (any, error) { return a.Printers(), nil }},
		{"POST /printers", a.addPrinter},
		{"POST /printers/test", a.testPrinter},
		{"GET /printers/{ref}", a.showPrinter},
		{"PATCH /printers/{ref}", a.editPrinter},
		{"POST /printers/{ref}/trust", a.trustPrinter},
		{"DELETE /printers/{ref}", a.removePrinter},
		{"GET /archives", a.listArchives},
		{"GET /archives/{id}", a.showArchive},
		{"PATCH /archives/{id}", a.editArchive},
		{"DELETE /archives/{id}", a.deleteArchive},
		{"GET /export", a.exportArchives},
		{"GET /backup", a.backup},
		{"POST /backup", a.makeBackup},
		{"GET /jobs", a.listJobs},
		{"POST /jobs/{name}", a.runJob},
	}, a.webhookRows()...)
}

func printerRequest(r *http.Request) (PrinterRequest, error) {
	var ask PrinterRequest
	if err := decode(r, &ask); err != nil {
		return ask, err
	}
	return ask, ask.check()
}

func (a *App) addPrinter(r *http.Request) (any, error) {
	ask, err := printerRequest(r)
	if err != nil {
		return nil, err
	}
	id, err := a.bridge.Add(r.Context(), ask.config())
	if err != nil {
		return nil, err
	}
	s, err := a.bridge.Snapshot(id)
	return rowOf(s), err
}

// find is the printer of an id, a serial, or a name that only one has.
func (a *App) find(ref string) (printer.Snapshot, error) {
	s, err := a.bridge.Find(ref)
	if !fault.Is(err, fault.NotFound) {
		return s, err
	}
	var named []printer.Snapshot
	for _, s := range a.bridge.Snapshots() {
		if s.Config.Name == ref {
			named = append(named, s)
		}
	}
	switch len(named) {
	case 0:
		return s, fault.New(fault.NotFound, "there is no printer %.50q", ref).
			WithHint("give its id, serial or name as \"printwire printers list\" shows it")
	case 1:
		return named[0], nil
	}
	return s, fault.New(fault.Conflict, "%d printers are called %.50q", len(named), ref).
		WithHint("give the id or serial as \"printwire printers list\" shows it")
}

func (a *App) removePrinter(r *http.Request) (any, error) {
	s, err := a.find(r.PathValue("ref"))
	if err != nil {
		return nil, err
	}
	if s.Config.Managed {
		return nil, fault.New(fault.Conflict, "printer %d comes from the settings", s.Config.ID).
			WithHint("take it out there; a printer of the demo belongs to the demo")
	}
	return rowOf(s), a.bridge.Remove(r.Context(), s.Config.ID)
}

func (a *App) trustPrinter(r *http.Request) (any, error) {
	s, err := a.find(r.PathValue("ref"))
	if err != nil {
		return nil, err
	}
	_, err = a.bridge.Do(r.Context(), s.Config.ID, printer.Command{Name: printer.CmdTrust, Origin: "cli"})
	return rowOf(s), err
}

func (a *App) testPrinter(r *http.Request) (any, error) {
	ask, err := printerRequest(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), testLimit)
	defer cancel()
	config := ask.config()
	found, err := a.tryPrinter(ctx, config)
	return rowOf(printer.Snapshot{Config: config, State: found}), err
}

// tryPrinter connects to a printer and tells what it finds. One that the
// bridge is connected to in the same way is not connected to twice: printers
// serve few clients. fault.Offline says why nothing was found.
func (a *App) tryPrinter(ctx context.Context, config printer.Config) (printer.State, error) {
	if s, err := a.bridge.Find(config.Serial); err == nil && s.State.Online && sameWay(s.Config, config) {
		return s.State, nil
	}
	// What is found is answered; the log is about the printers that there are.
	driver, err := a.driver(config, slog.New(slog.DiscardHandler))
	if err != nil {
		return printer.State{}, err
	}
	trying, cancel := context.WithCancel(ctx)
	defer cancel()
	var last printer.State
	err = driver.Run(trying, printer.Start{Fresh: true}, func(u printer.Update) {
		last = u.State
		if last.Online && last.Model != "" && last.Firmware != "" || !last.Online && last.Problem.Code != "" {
			cancel()
		}
	})
	switch {
	case err != nil:
		return last, err
	case last.Online:
		return last, nil
	case last.Problem.Code == printer.ProblemUnreachable && unknownHost(ctx, config.Host):
		return last, fault.New(fault.Offline, "the host name %.253q cannot be resolved", config.Host).
			WithHint("give the printer's IP address, or a name that this machine can look up")
	case last.Problem.Text != "":
		return last, fault.New(fault.Offline, "%s", last.Problem.Text)
	}
	return last, fault.New(fault.Offline, "the printer did not answer in time")
}

// unknownHost tells whether a host is a name that has no address.
func unknownHost(ctx context.Context, host string) bool {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	_, err := net.DefaultResolver.LookupHost(ctx, host)
	var lookup *net.DNSError
	return errors.As(err, &lookup)
}

// sameWay tells whether two settings reach a printer alike.
func sameWay(a, b printer.Config) bool {
	return a.Family == b.Family && a.Host == b.Host && a.Port == b.Port && a.FilesPort == b.FilesPort && a.AccessCode == b.AccessCode &&
		(b.Certificate == "" || a.Certificate == b.Certificate) && (b.Roots == "" || a.Roots == b.Roots)
}

func (a *App) backup(r *http.Request) (any, error) {
	return streamer(func(w io.Writer) error { return a.store.Backup(r.Context(), w) }), nil
}
