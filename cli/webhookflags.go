package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/fault"
)

// webhookFlags say what a webhook endpoint is to be.
type webhookFlags struct {
	Name          *string  `help:"What people call it."`
	URL           *string  `name:"url" help:"Where events go. It is a secret: with - it is read from the input, so that no history of a shell has it." placeholder:"URL"`
	HomeAssistant *bool    `negatable:"" help:"Send to Home Assistant's event bus, as printwire_print_complete and so on, in the place of a URL; only in the app."`
	Header        []string `help:"A header, as \"Name: value\". Repeatable; \"Name:\" takes it away." placeholder:"HEADER" sep:"none"`
	HeaderFile    string   `help:"File with headers, one a line." placeholder:"FILE" type:"existingfile"`
	Certificate   *string  `help:"SHA-256 of the only certificate that the receiver may have, in hex." placeholder:"SHA256"`

	Format         *string  `help:"How events are written: standard (the usual one) or another of \"webhooks formats\"." placeholder:"FORMAT" words:"formats"`
	Variable       []string `help:"A word that the format uses, such as chat_id=42. Repeatable; \"chat_id=\" takes it away." placeholder:"NAME=VALUE" sep:"none"`
	Template       string   `help:"File with the body for the format custom, which is the usual one then; \"webhooks formats NAME\" prints one to start from." placeholder:"FILE" type:"existingfile"`
	ContentType    *string  `help:"Content type of the template; application/json when left out." placeholder:"TYPE"`
	TemplateHeader []string `help:"A header that is a template too, as \"Name: {{.title}}\". Repeatable." placeholder:"HEADER" sep:"none"`

	Event          []string `help:"An event that it gets, or * for all; those of \"webhooks show\" when left out. Repeatable." placeholder:"EVENT" words:"events"`
	Printer        []string `help:"Only events of a printer, by id, serial or name. Repeatable." placeholder:"PRINTER" sep:"none"`
	Result         []string `help:"Only ends of prints with a result: success, failed or stopped. Repeatable." placeholder:"RESULT" words:"success,failed,stopped"`
	MinimumMinutes *int     `help:"Leave out events of prints that are known to take less." placeholder:"N"`

	Milestones        numbers `help:"Percentages at which progress is told: 25,50,75 when left out, or none." placeholder:"LIST"`
	EveryLayers       *int    `help:"Tell progress every so many layers; 0 is never." placeholder:"N"`
	MinutesLeft       numbers `help:"Tell progress so many minutes before the end, such as 30,5, or none." placeholder:"LIST"`
	Jumps             *string `help:"What is told of several milestones that were passed at once: all or highest." placeholder:"WHICH" words:"all,highest"`
	MilestonesMinimum *int    `name:"milestones-minimum-minutes" help:"No milestones of prints that are known to take less." placeholder:"N"`

	TimeZone   *string  `help:"Time zone of the hours below, such as Europe/Berlin; the bridge's own when left out." placeholder:"ZONE"`
	QuietFrom  *string  `help:"When quiet hours begin." placeholder:"HH:MM"`
	QuietTo    *string  `help:"When quiet hours end." placeholder:"HH:MM"`
	QuietMode  *string  `help:"What becomes of events in quiet hours: hold (the usual one, sent afterwards), drop, or none for no quiet hours." placeholder:"MODE" words:"hold,drop,none"`
	DigestAt   *string  `help:"Send the events of a day together, at this time." placeholder:"HH:MM"`
	DigestMode *string  `help:"digest (the usual one with --digest-at), both (together and one by one) or immediate." placeholder:"MODE" words:"digest,both,immediate"`
	Always     []string `help:"An event that neither quiet hours nor the digest keep back. Repeatable." placeholder:"EVENT" words:"events"`

	Ordered      *string `help:"lenient (the usual one: what failed three times lets later ones pass) or strict." placeholder:"ORDER" words:"lenient,strict"`
	Signature    *string `help:"hmac (the usual one) or ed25519; another one makes a new secret." placeholder:"KIND" words:"hmac,ed25519"`
	HubSignature *bool   `negatable:"" help:"Send X-Hub-Signature-256 too."`
}

// webhookField is a field of an endpoint, and the flag that sets it.
type webhookField struct {
	field, flag string
	// clear: it can be set back to what is usual.
	clear bool
}

// webhookFields is the table of them.
func webhookFields() []webhookField {
	return []webhookField{
		{"name", "name", false},
		{"target", "home-assistant", false},
		{"url", "url", false},
		{"headers", "header", true},
		{"certificate", "certificate", true},
		{"format", "format", false},
		{"variables", "variable", true},
		{"template.body", "template", false},
		{"template.content_type", "content-type", true},
		{"template.headers", "template-header", true},
		{"events", "event", true},
		{"printers", "printer", true},
		{"results", "result", true},
		{"minimum_minutes", "minimum-minutes", true},
		{"milestones.percent", "milestones", true},
		{"milestones.every_layers", "every-layers", true},
		{"milestones.minutes_left", "minutes-left", true},
		{"milestones.jumps", "jumps", false},
		{"milestones.minimum_minutes", "milestones-minimum-minutes", false},
		{"time_zone", "time-zone", true},
		{"quiet_hours.mode", "quiet-mode", true},
		{"quiet_hours.from", "quiet-from", false},
		{"quiet_hours.to", "quiet-to", false},
		{"digest.mode", "digest-mode", true},
		{"digest.at", "digest-at", false},
		{"always", "always", true},
		{"ordered", "ordered", false},
		{"signature", "signature", false},
		{"hub_signature", "hub-signature", false},
	}
}

// clearable are the words of the flag --clear.
func clearable() []string {
	var words []string
	for _, f := range webhookFields() {
		if f.clear {
			words = append(words, f.flag)
		}
	}
	return words
}

// flagged gives each problem of an endpoint the name of the flag that it is about.
func flagged(err error) error {
	if several, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // The list itself is looked at, not what it wraps.
		var all []error
		for _, one := range several.Unwrap() {
			all = append(all, flagged(one))
		}
		return errors.Join(all...)
	}
	var wrong *fault.Error
	if !errors.As(err, &wrong) || wrong.Field == "" {
		return err
	}
	for _, f := range webhookFields() {
		rest, ok := strings.CutPrefix(wrong.Field, f.field)
		if !ok || rest != "" && rest[0] != '.' {
			continue
		}
		flag := "--" + f.flag
		// What is named is told; the number in a list says nothing to people.
		if name := strings.TrimPrefix(rest, "."); name != "" && strings.Trim(name, "0123456789") != "" {
			flag += " " + name
		}
		return wrong.At(flag)
	}
	return err
}

// request is what the flags ask for.
func (f webhookFlags) request(env Env) (app.WebhookRequest, error) {
	q := app.WebhookRequest{
		Name: f.Name, Certificate: f.Certificate, Format: f.Format, ContentType: f.ContentType,
		Events: some(f.Event), Printers: some(f.Printer), Results: some(f.Result), MinimumMinutes: f.MinimumMinutes,
		Milestones: f.Milestones.list, EveryLayers: f.EveryLayers, MinutesLeft: f.MinutesLeft.list, Jumps: f.Jumps, MilestonesMinimum: f.MilestonesMinimum,
		TimeZone: f.TimeZone, QuietFrom: f.QuietFrom, QuietTo: f.QuietTo, QuietMode: f.QuietMode, DigestAt: f.DigestAt, DigestMode: f.DigestMode,
		Always: some(f.Always), Ordered: f.Ordered, Signature: f.Signature, HubSignature: f.HubSignature,
	}
	if q.QuietMode != nil && *q.QuietMode == "none" {
		q.QuietMode = new(string)
	}
	if f.HomeAssistant != nil {
		target := map[bool]string{true: "home_assistant", false: "url"}[*f.HomeAssistant]
		q.Target = &target
	}
	if err := f.template(&q); err != nil {
		return q, err
	}
	headers, err := f.headers()
	if err != nil {
		return q, err
	}
	var bad [3]error
	q.Headers, bad[0] = entries("--header", headers, ":")
	q.Variables, bad[1] = entries("--variable", f.Variable, "=")
	q.TemplateHeaders, bad[2] = entries("--template-header", f.TemplateHeader, ":")
	if err := errors.Join(bad[:]...); err != nil {
		return q, err
	}
	q.URL, err = f.url(env)
	return q, err
}

// template reads the body; it asks for the format that has one.
func (f webhookFlags) template(q *app.WebhookRequest) error {
	custom := "custom"
	switch {
	case f.Template == "":
		return nil
	case q.Format != nil && *q.Format != custom:
		return &usageError{fmt.Errorf("--template: the format %s has a body of its own; leave --format out, or make it custom", *q.Format)}
	}
	text, err := os.ReadFile(f.Template)
	if err != nil {
		return fmt.Errorf("reading the template: %w", err)
	}
	body := string(text)
	q.Template, q.Format = &body, &custom
	return nil
}

// headers are those of the flags and of the file.
func (f webhookFlags) headers() ([]string, error) {
	if f.HeaderFile == "" {
		return f.Header, nil
	}
	text, err := os.ReadFile(f.HeaderFile)
	if err != nil {
		return nil, fmt.Errorf("reading the headers: %w", err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return append(all, f.Header...), nil
}

// entries are "name: value" or "name=value", by their names. What is wrong is
// not repeated: it may be a secret.
func entries(flag string, list []string, sign string) (map[string]string, error) {
	found := map[string]string{}
	for _, entry := range list {
		name, value, ok := strings.Cut(entry, sign)
		if name = strings.TrimSpace(name); !ok || name == "" {
			example := map[string]string{":": `"Name: value"`, "=": "name=value"}[sign]
			return nil, fault.New(fault.Invalid, "expected %s", example).At(flag)
		}
		found[name] = strings.TrimSpace(value)
	}
	return found, nil
}

// longestURL is the most that is read as a URL.
const longestURL = 4096

// url is the URL of the flag or, where that is -, the first line of the input.
func (f webhookFlags) url(env Env) (*string, error) {
	if f.URL == nil || *f.URL != "-" {
		return f.URL, nil
	}
	if env.Stdin == nil {
		return nil, fault.New(fault.Invalid, "there is no input to read it from").At("--url")
	}
	if typed(env.Stdin) {
		fmt.Fprint(env.Stderr, "URL: ")
	}
	line, err := bufio.NewReader(io.LimitReader(env.Stdin, longestURL)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the URL: %w", err)
	}
	if err != nil && typed(env.Stdin) {
		fmt.Fprintln(env.Stderr)
	}
	line = strings.TrimSpace(line)
	return &line, nil
}

// typed tells whether a person types the input.
func typed(in io.Reader) bool {
	file, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// some is a list, nil when there is nothing in it.
func some[T any](list []T) *[]T {
	if len(list) == 0 {
		return nil
	}
	return &list
}

// numbers is a list of whole numbers as it is given by flag: 25,50,75 or none.
type numbers struct{ list *[]int }

// UnmarshalText reads the list.
func (n *numbers) UnmarshalText(text []byte) error {
	list := []int{}
	if string(text) != "none" {
		for part := range strings.SplitSeq(string(text), ",") {
			number, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil {
				return fmt.Errorf("expected whole numbers such as 25,50,75, or none, not %.50q", text)
			}
			list = append(list, number)
		}
	}
	n.list = &list
	return nil
}
