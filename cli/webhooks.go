package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/fault"
)

// webhooksCmd has the commands about webhook endpoints and their deliveries.
type webhooksCmd struct {
	List       webhooksListCmd    `cmd:"" help:"List the endpoints and how they fare."`
	Show       webhooksShowCmd    `cmd:"" help:"Show one endpoint."`
	Add        webhooksAddCmd     `cmd:"" help:"Add an endpoint; its signing secret is printed once, alone on the last line."`
	Edit       webhooksEditCmd    `cmd:"" help:"Change an endpoint."`
	Delete     webhooksDeleteCmd  `cmd:"" help:"Delete an endpoint with all that waits for it."`
	Test       webhooksTestCmd    `cmd:"" help:"Send a test event at once and tell what came of it."`
	Rotate     webhooksRotateCmd  `cmd:"" help:"Give an endpoint a new secret, printed once, alone on the last line; the old one signs too for a day."`
	Enable     webhooksEnableCmd  `cmd:"" help:"Switch an endpoint on, with what was kept for it in the last day."`
	Disable    webhooksDisableCmd `cmd:"" help:"Switch an endpoint off; what happens meanwhile is not sent."`
	Deliveries deliveriesCmd      `cmd:"" help:"List what was and is to be delivered, the newest first."`
	Delivery   deliveryCmd        `cmd:"" help:"Show one delivery: its attempts, what was sent and answered."`
	Redeliver  redeliverCmd       `cmd:"" help:"Deliver one again, with the same id."`
	Recover    recoverCmd         `cmd:"" help:"Deliver all again that failed since a time."`
	Formats    webhookFormatsCmd  `cmd:"" help:"List the formats, or print the template of one to start from."`
}

// webhookArg names an endpoint.
type webhookArg struct {
	dataFlag
	Webhook string `arg:"" help:"Id or name, as \"webhooks list\" shows it."`
}

func (a webhookArg) path() string { return "/webhooks/" + url.PathEscape(a.Webhook) }

type webhooksListCmd struct{ dataFlag }

// Run lists the endpoints.
func (c webhooksListCmd) Run(ctx context.Context, env Env) error {
	return list(ctx, env, c.dataFlag, "/webhooks", []column[app.WebhookRow]{
		{"ID", func(r app.WebhookRow) string { return r.ID }},
		{"NAME", func(r app.WebhookRow) string { return r.Name }},
		{"TARGET", webhookTarget},
		{"FORMAT", func(r app.WebhookRow) string { return r.Format }},
		{"EVENTS", func(r app.WebhookRow) string { return few(r.Events) }},
		{"WAITING", func(r app.WebhookRow) string { return strconv.Itoa(r.Waiting) }},
		{"STATE", webhookState},
	})
}

// webhookTarget is where an endpoint is, as far as that is no secret.
func webhookTarget(r app.WebhookRow) string {
	if r.URL != "" {
		return r.URL
	}
	return strings.ReplaceAll(r.Target, "_", " ")
}

// webhookState says how an endpoint fares.
func webhookState(r app.WebhookRow) string {
	text := r.State
	if !r.Since.IsZero() {
		text += " since " + stamp(r.Since)
	}
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return text
}

// few is a list that is short enough for a table.
func few(words []string) string {
	const most = 2
	if len(words) <= most {
		return strings.Join(words, " ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:most], " "), len(words)-most)
}

type webhooksShowCmd struct{ webhookArg }

// Run shows an endpoint.
func (c webhooksShowCmd) Run(ctx context.Context, env Env) error {
	return show(ctx, env, c.dataFlag, c.path(), describeWebhook)
}

func describeWebhook(r app.WebhookRow) []field {
	joined := func(list []string) string { return strings.Join(list, ", ") }
	minutes := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf("not of prints of less than %d min", n)
	}
	fields := []field{
		{"Endpoint", fmt.Sprintf("%s (%s)", r.ID, r.Name)},
		{"Target", webhookTarget(r)},
		{"Headers", joined(r.Headers)},
		{"Certificate", r.Certificate},
		{"Format", r.Format},
	}
	for _, name := range sortedNames(r.Variables) {
		fields = append(fields, field{"Variable", name + "=" + r.Variables[name]})
	}
	for _, name := range sortedNames(r.TemplateHeaders) {
		fields = append(fields, field{"Template header", name + ": " + r.TemplateHeaders[name]})
	}
	fields = append(fields, []field{
		{"Content type", r.ContentType},
		{"Events", joined(r.Events)},
		{"Printers", joined(digits(r.Printers))},
		{"Results", joined(r.Results)},
		{"Prints", minutes(r.MinimumMinutes)},
		{"Milestones", milestones(r)},
		{"Time zone", r.TimeZone},
	}...)
	if r.QuietMode != "" {
		fields = append(fields, field{"Quiet hours", fmt.Sprintf("%s to %s, %s", r.QuietFrom, r.QuietTo, r.QuietMode)})
	}
	if r.DigestMode != "" && r.DigestMode != "immediate" {
		fields = append(fields, field{"Digest", fmt.Sprintf("at %s (%s)", r.DigestAt, r.DigestMode)})
	}
	fields = append(fields, []field{
		{"Always", joined(r.Always)},
		{"Order", r.Ordered},
		{"Signature", r.Signature},
		{"Public key", r.PublicKey},
		{"X-Hub-Signature-256", map[bool]string{true: "is sent too"}[r.HubSignature]},
		{"Old secret", until(r)},
		{"State", webhookState(r)},
		{"Waiting", strconv.Itoa(r.Waiting)},
		{"Paused until", stamp(r.PausedUntil)},
		{"Last success", stamp(r.LastSuccess)},
	}...)
	if r.LastError != "" {
		fields = append(fields, field{"Last failure", stamp(r.LastErrorAt) + " " + r.LastError})
	}
	if r.Managed {
		fields = append(fields, field{"Managed", "in the settings; it cannot be changed here"})
	}
	return fields
}

func until(r app.WebhookRow) string {
	if r.PreviousUntil.IsZero() {
		return ""
	}
	return "signs too until " + stamp(r.PreviousUntil)
}

// milestones are the points that an endpoint asks for, in words.
func milestones(r app.WebhookRow) string {
	var parts []string
	if len(r.Milestones) > 0 {
		parts = append(parts, strings.Join(digits(r.Milestones), ", ")+" %")
	}
	if r.EveryLayers > 0 {
		parts = append(parts, fmt.Sprintf("every %d layers", r.EveryLayers))
	}
	if len(r.MinutesLeft) > 0 {
		parts = append(parts, strings.Join(digits(r.MinutesLeft), ", ")+" minutes before the end")
	}
	if len(parts) == 0 {
		return "none"
	}
	if r.Jumps == "highest" {
		parts = append(parts, "of several at once the highest")
	}
	if r.MilestonesMinimum > 0 {
		parts = append(parts, fmt.Sprintf("not of prints of less than %d min", r.MilestonesMinimum))
	}
	return strings.Join(parts, "; ")
}

func digits(list []int) []string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n)
	}
	return words
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

type webhooksAddCmd struct {
	dataFlag
	webhookFlags
}

// Run adds an endpoint.
func (c webhooksAddCmd) Run(ctx context.Context, env Env) error {
	if c.URL == nil && (c.HomeAssistant == nil || !*c.HomeAssistant) && typed(env.Stdin) {
		input := "-"
		c.URL = &input
	}
	ask, err := c.request(env)
	if err != nil {
		return err
	}
	return flagged(tell(ctx, env, c.dataFlag, http.MethodPost, "/webhooks", ask, func(made app.NewWebhook) string {
		return fmt.Sprintf("Endpoint %s (%s) added. Try it with \"printwire webhooks test %s\".\n%s", made.ID, printable(made.Name), made.ID, signing(made))
	}))
}

// signing tells how deliveries are signed, on two lines.
func signing(made app.NewWebhook) string {
	if made.Secret == "" {
		return "The key that its signatures are checked with:\n" + made.PublicKey
	}
	return "Its signing secret is shown only now:\n" + made.Secret
}

type webhooksEditCmd struct {
	webhookArg
	webhookFlags
	Clear []string `help:"Set back what a flag sets, such as printer; before the other flags are looked at. Repeatable." placeholder:"FLAG" words:"clearable"`
}

// Run changes an endpoint.
func (c webhooksEditCmd) Run(ctx context.Context, env Env) error {
	ask, err := c.request(env)
	if err != nil {
		return err
	}
	for _, flag := range c.Clear {
		all := webhookFields()
		i := slices.IndexFunc(all, func(f webhookField) bool { return f.clear && f.flag == strings.TrimPrefix(flag, "--") })
		if i < 0 {
			return fault.New(fault.Invalid, "must be one of %s", strings.Join(clearable(), ", ")).At("--clear")
		}
		ask.Clear = append(ask.Clear, all[i].field)
	}
	if ask.Empty() {
		return fault.New(fault.Invalid, "nothing is to be changed").WithHint("name it by a flag, such as --event; see \"printwire webhooks edit --help\"")
	}
	return flagged(tell(ctx, env, c.dataFlag, http.MethodPatch, c.path(), ask, func(r app.NewWebhook) string {
		text := fmt.Sprintf("Endpoint %s (%s) changed.", r.ID, printable(r.Name))
		if r.Renewed {
			text += "\n" + signing(r)
		}
		return text
	}))
}

// did tells that something is done to an endpoint.
func did(what string) func(app.WebhookRow) string {
	return func(r app.WebhookRow) string {
		return fmt.Sprintf("Endpoint %s (%s) %s.", r.ID, printable(r.Name), what)
	}
}

type webhooksDeleteCmd struct{ webhookArg }

// Run deletes an endpoint.
func (c webhooksDeleteCmd) Run(ctx context.Context, env Env) error {
	return tell(ctx, env, c.dataFlag, http.MethodDelete, c.path(), nil, did("deleted"))
}

type webhooksEnableCmd struct{ webhookArg }

// Run switches an endpoint on.
func (c webhooksEnableCmd) Run(ctx context.Context, env Env) error {
	return flagged(tell(ctx, env, c.dataFlag, http.MethodPost, c.path()+"/enable", nil, did("is on")))
}

type webhooksDisableCmd struct{ webhookArg }

// Run switches an endpoint off.
func (c webhooksDisableCmd) Run(ctx context.Context, env Env) error {
	return tell(ctx, env, c.dataFlag, http.MethodPost, c.path()+"/disable", nil, did("is off"))
}

type webhooksRotateCmd struct{ webhookArg }

// Run gives an endpoint a new secret.
func (c webhooksRotateCmd) Run(ctx context.Context, env Env) error {
	return tell(ctx, env, c.dataFlag, http.MethodPost, c.path()+"/rotate", nil, func(r app.NewWebhook) string {
		return fmt.Sprintf("Endpoint %s (%s) has a new secret; the old one %s.\n%s", r.ID, printable(r.Name), until(r.WebhookRow), signing(r))
	})
}

type webhooksTestCmd struct{ webhookArg }

// Run sends a test event.
func (c webhooksTestCmd) Run(ctx context.Context, env Env) error {
	var came app.WebhookTest
	if err := c.call(ctx, env, http.MethodPost, c.path()+"/test", nil, &came); err != nil {
		return err
	}
	if !came.OK && !c.JSON {
		return failedTest(came)
	}
	err := c.show(env, came, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Delivered: the answer was %d, after %d ms.\n", came.Status, came.Milliseconds)
		return err
	})
	if !came.OK {
		return errors.Join(err, failedTest(came))
	}
	return err
}

func failedTest(came app.WebhookTest) error {
	return fault.New(fault.Offline, "not delivered, after %d ms: %s", came.Milliseconds, printable(came.Error))
}

type webhookFormatsCmd struct {
	Name string `arg:"" optional:"" help:"Format whose template is printed." words:"formats"`
	JSON bool   `help:"Answer in JSON." name:"json"`
}

// Run lists the formats or prints a template; it needs no running bridge.
func (c webhookFormatsCmd) Run(env Env) error {
	d, all := dataFlag{JSON: c.JSON}, app.WebhookFormats()
	if c.Name == "" {
		return d.show(env, all, func(w io.Writer) error {
			return table(w, all, []column[app.WebhookFormat]{
				{"NAME", func(f app.WebhookFormat) string { return f.Name }},
				{"VARIABLES", func(f app.WebhookFormat) string { return strings.Join(f.Variables, " ") }},
				{"ABOUT", func(f app.WebhookFormat) string { return f.About }},
			})
		})
	}
	i := slices.IndexFunc(all, func(f app.WebhookFormat) bool { return f.Name == c.Name })
	if i < 0 {
		return fault.New(fault.Invalid, "there is no format %.64q", c.Name).WithHint("see \"printwire webhooks formats\"")
	}
	if all[i].Template == "" && !c.JSON {
		return fault.New(fault.Invalid, "the format %s is not a template", c.Name).WithHint("start from another one, such as discord")
	}
	return d.show(env, all[i], func(w io.Writer) error { return printTemplate(env, w, all[i]) })
}

// printTemplate writes the body alone to the output, and beside it what has to
// be given with it.
func printTemplate(env Env, w io.Writer, f app.WebhookFormat) error {
	if f.ContentType != "" {
		fmt.Fprintf(env.Stderr, "--content-type %s\n", quoted(f.ContentType))
	}
	for _, name := range sortedNames(f.TemplateHeaders) {
		fmt.Fprintf(env.Stderr, "--template-header %s\n", quoted(name+": "+f.TemplateHeaders[name]))
	}
	for _, name := range f.Variables {
		fmt.Fprintf(env.Stderr, "--variable %s=…\n", name)
	}
	_, err := fmt.Fprintln(w, f.Template)
	return err
}
