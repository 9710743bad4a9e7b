package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
)

// trialTime is how long a test of a printer may take.
const trialTime = 20 * time.Second

// Manager changes the set of printers and gives them commands.
type Manager interface {
	// Do gives a printer a command and follows it.
	Do(ctx context.Context, id int, cmd printer.Command) (printer.Outcome, error)
	// Add takes a printer in. fault.Conflict: its serial is there. fault.Invalid
	// and fault.Unsupported: the settings do not fit.
	Add(ctx context.Context, c printer.Config) (int, error)
	// Update changes the printer with c's id. fault.Conflict: it is managed in the settings.
	Update(ctx context.Context, c printer.Config) error
	// Remove forgets a printer. fault.Conflict: it is managed in the settings.
	Remove(ctx context.Context, id int) error
	// Connect connects to a printer now; Disconnect leaves it until then.
	Connect(ctx context.Context, id int) error
	Disconnect(ctx context.Context, id int) error
}

// Done is the answer to what has nothing to show.
type Done struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type doneAnswer struct{ Body Done }

func done(status, message string) *doneAnswer {
	return &doneAnswer{Body: Done{Status: status, Message: message}}
}

// clearable is a text that a merge patch may leave out (nil), clear (null) or set.
type clearable struct {
	Set   bool
	Value string
}

// Schema is a text or null.
func (clearable) Schema(huma.Registry) *huma.Schema {
	most := 100
	return &huma.Schema{Type: huma.TypeString, Nullable: true, MaxLength: &most, Pattern: `^[^\x00-\x1f\x7f-\x9f]*$`}
}

// UnmarshalJSON takes a text or null.
func (c *clearable) UnmarshalJSON(b []byte) error {
	*c = clearable{Set: true}
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	return json.Unmarshal(b, &c.Value)
}

// MarshalJSON is the text, or null.
func (c clearable) MarshalJSON() ([]byte, error) {
	if c.Value == "" {
		return []byte("null"), nil
	}
	return json.Marshal(c.Value)
}

// PrinterRequest says how a printer is called and reached, in both spellings.
// Names that this program has no use for are taken and left.
type PrinterRequest struct {
	_            struct{}    `additionalProperties:"true"`
	Name         string      `json:"name,omitempty" maxLength:"100" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$"`
	IPAddress    string      `json:"ip_address,omitempty" maxLength:"253" pattern:"^[^\\x00-\\x20/\\x7f-\\xa0]*$" doc:"An IP address or a host name."`
	Host         string      `json:"host,omitempty" maxLength:"253" pattern:"^[^\\x00-\\x20/\\x7f-\\xa0]*$" doc:"The same as ip_address."`
	SerialNumber string      `json:"serial_number,omitempty" maxLength:"50" pattern:"^ *[0-9A-Za-z_-]* *$"`
	Serial       string      `json:"serial,omitempty" maxLength:"50" pattern:"^ *[0-9A-Za-z_-]* *$" doc:"The same as serial_number."`
	AccessCode   secret.Text `json:"access_code,omitempty" maxLength:"64" writeOnly:"true" doc:"The code that the printer's screen shows. It is never given out again."`
	Location     clearable   `json:"location,omitzero" doc:"Where the printer stands."`
	Area         clearable   `json:"area,omitzero" doc:"The same as location."`
	Family       string      `json:"family,omitempty" maxLength:"32" doc:"The printer's family; bambu without."`
	Port         *int        `json:"port,omitempty" minimum:"0" maximum:"65535" doc:"0 is the family's own."`
	FilesPort    *int        `json:"files_port,omitempty" minimum:"0" maximum:"65535" doc:"The port of the printer's file server; 0 is the family's own."`
	Certificate  string      `json:"certificate,omitempty" enum:"pin,verify,insecure" doc:"How the printer's certificate is checked."`
	Roots        string      `json:"roots,omitempty" maxLength:"65536" doc:"The maker's root certificates in PEM form, for verify."`
}

// onto changes what the request names.
func (r PrinterRequest) onto(c printer.Config) (printer.Config, error) {
	for _, field := range []struct {
		into  *string
		names [2]string
		value [2]string
	}{
		{&c.Name, [2]string{"name", "name"}, [2]string{strings.TrimSpace(r.Name), ""}},
		{&c.Host, [2]string{"ip_address", "host"}, [2]string{r.IPAddress, r.Host}},
		{&c.Serial, [2]string{"serial_number", "serial"}, [2]string{upper(r.SerialNumber), upper(r.Serial)}},
		{&c.Family, [2]string{"family", "family"}, [2]string{r.Family, ""}},
		{&c.Certificate, [2]string{"certificate", "certificate"}, [2]string{r.Certificate, ""}},
		{&c.Roots, [2]string{"roots", "roots"}, [2]string{r.Roots, ""}},
	} {
		if field.value[0] != "" && field.value[1] != "" && field.value[0] != field.value[1] {
			return c, fault.New(fault.Invalid, "%s and %s say different things", field.names[0], field.names[1]).At(field.names[1])
		}
		if value := field.value[0] + field.value[1]; field.value[0] == field.value[1] && value != "" {
			*field.into = field.value[0]
		} else if value != "" {
			*field.into = value
		}
	}
	for _, area := range []clearable{r.Location, r.Area} {
		if area.Set {
			c.Area = strings.TrimSpace(area.Value)
		}
	}
	if r.AccessCode != "" {
		c.AccessCode = r.AccessCode
	}
	if r.Port != nil {
		c.Port = *r.Port
	}
	if r.FilesPort != nil {
		c.FilesPort = *r.FilesPort
	}
	return c, checkConfig(c)
}

func upper(s string) string { return strings.ToUpper(strings.TrimSpace(s)) }

// checkConfig finds what no driver looks at: what people and Home Assistant see.
func checkConfig(c printer.Config) error {
	for _, label := range []struct{ field, text string }{{"name", c.Name}, {"location", c.Area}} {
		if !utf8.ValidString(label.text) || strings.ContainsFunc(label.text, unicode.IsControl) {
			return fault.New(fault.Invalid, "must be text without control characters").At(label.field)
		}
	}
	if strings.ContainsFunc(c.Host, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '/' }) {
		return fault.New(fault.Invalid, "must be an IP address or a host name").At("ip_address")
	}
	return nil
}

// fresh is the configuration of a printer that is not here yet.
func (r PrinterRequest) fresh() (printer.Config, error) {
	c, err := r.onto(printer.Config{Family: "bambu"})
	if err != nil {
		return c, err
	}
	for _, field := range []struct{ name, value string }{{"serial_number", c.Serial}, {"ip_address", c.Host}} {
		if field.value == "" {
			return c, fault.New(fault.Invalid, "must be set").At(field.name)
		}
	}
	if c.Name == "" {
		c.Name = c.Serial
	}
	return c, nil
}

type addCall struct{ Body PrinterRequest }

type addAnswer struct {
	Status   int
	Location string `header:"Location"`
	Body     Printer
}

func (a *api) addPrinter(ctx context.Context, in *addCall) (*addAnswer, error) {
	c, err := in.Body.fresh()
	if err != nil {
		return nil, err
	}
	if caller(ctx).Printers() != nil {
		return nil, fault.New(fault.Denied, "A key that is held to some printers adds none")
	}
	id, err := a.Manager.Add(ctx, c)
	if err != nil {
		return nil, err
	}
	s, err := a.Printers.Find(strconv.Itoa(id))
	if err != nil {
		return nil, err
	}
	return &addAnswer{Status: 201, Location: fmt.Sprintf("%s/printers/%d", base, id), Body: describePrinter(s)}, nil
}

type editCall struct {
	ID   string `path:"id" doc:"The printer's number or its serial." example:"1"`
	Body PrinterRequest
}

func (a *api) editPrinter(ctx context.Context, in *editCall) (*printerAnswer, error) {
	s, err := a.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	c, err := in.Body.onto(s.Config)
	if err != nil {
		return nil, err
	}
	if err := a.Manager.Update(ctx, c); err != nil {
		return nil, err
	}
	if s, err = a.find(ctx, s.Config.Serial); err != nil {
		return nil, err
	}
	return &printerAnswer{Body: describePrinter(s)}, nil
}

func (a *api) removePrinter(ctx context.Context, in *printerPath) (*doneAnswer, error) {
	return a.act(ctx, in, "deleted", "Printer deleted", a.Manager.Remove)
}

func (a *api) connect(ctx context.Context, in *printerPath) (*doneAnswer, error) {
	return a.act(ctx, in, "connecting", "Connecting", a.Manager.Connect)
}

func (a *api) disconnect(ctx context.Context, in *printerPath) (*doneAnswer, error) {
	return a.act(ctx, in, "disconnected", "Disconnected", a.Manager.Disconnect)
}

func (a *api) refresh(ctx context.Context, in *printerPath) (*doneAnswer, error) {
	return a.act(ctx, in, "refresh_requested", "Status refresh requested", a.telling(printer.CmdRefresh))
}

func (a *api) trust(ctx context.Context, in *printerPath) (*doneAnswer, error) {
	return a.act(ctx, in, "trusted", "The new certificate is trusted", a.telling(printer.CmdTrust))
}

func (a *api) telling(name printer.CommandName) func(context.Context, int) error {
	return func(ctx context.Context, id int) error {
		_, err := a.Manager.Do(ctx, id, printer.Command{Name: name, Origin: origin(caller(ctx))})
		return err
	}
}

// act does something with the printer that a path names. A test key only says so.
func (a *api) act(ctx context.Context, in *printerPath, status, message string, do func(context.Context, int) error) (*doneAnswer, error) {
	s, err := a.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if caller(ctx).Test {
		return done(status, message), nil
	}
	if err := do(ctx, s.Config.ID); err != nil {
		return nil, a.impossible(s, err, "")
	}
	return done(status, message), nil
}

// Trial is what a test of a printer found.
type Trial struct {
	Success         bool     `json:"success"`
	Message         string   `json:"message"`
	Problem         *Problem `json:"problem"`
	SerialNumber    string   `json:"serial_number"`
	Model           *string  `json:"model"`
	FirmwareVersion *string  `json:"firmware_version"`
	Activity        string   `json:"activity"`
}

func exampleTrial() Trial {
	s := example().State
	return Trial{Success: true, Message: "The printer answers", SerialNumber: s.Serial, Model: text(s.Model), FirmwareVersion: text(s.Firmware), Activity: string(s.Shown())}
}

type trialAnswer struct{ Body Trial }

func (a *api) testPrinter(ctx context.Context, in *addCall) (*trialAnswer, error) {
	c, err := in.Body.fresh()
	if err != nil {
		return nil, err
	}
	if who := caller(ctx); who.Printers() != nil && !a.hisOwn(who, c.Serial) {
		return nil, fault.New(fault.Denied, "A key that is held to some printers tests no other")
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	s, err := a.Test(ctx, c)
	out := Trial{SerialNumber: c.Serial, Model: text(s.Model), FirmwareVersion: text(s.Firmware), Activity: string(s.Shown()), Problem: problemOf(s)}
	switch {
	case err == nil:
		out.Success, out.Message = true, "The printer answers"
	case fault.Is(err, fault.Offline):
		out.Message = err.Error()
	default:
		return nil, err
	}
	return &trialAnswer{Body: out}, nil
}

// hisOwn tells whether a serial belongs to a printer that the caller may know of.
func (a *api) hisOwn(who auth.Identity, serial string) bool {
	return slices.ContainsFunc(a.Printers.Snapshots(), func(s printer.Snapshot) bool {
		return s.Config.Serial == serial && who.MayPrinter(s.Config.ID)
	})
}
