package settings

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/printwire/printwire/secret"
)

// Webhook is one endpoint that events are delivered to. What its words mean,
// and which there are, is docs/webhooks.md.
type Webhook struct {
	ID             string            `set:"id" doc:"The endpoint's id for ever, of a-z, 0-9 and _; made from the name when left out."`
	Name           string            `set:"name" doc:"What people call the endpoint."`
	Target         string            `set:"target" doc:"url, or home_assistant for Home Assistant's event bus, which needs no url and works only in the app."`
	URL            secret.Text       `set:"url" doc:"Where deliveries are sent; it is kept as a secret."`
	Headers        []secret.Text     `set:"headers" doc:"Further headers, each as \"Name: value\"."`
	Certificate    string            `set:"certificate" doc:"The SHA-256 of the only certificate that the receiver may have, in hex."`
	Format         string            `set:"format" doc:"How events are written: standard, bambuddy, home_assistant, cloudevents, discord, slack, mattermost, ntfy, gotify, telegram or custom."`
	Template       WebhookTemplate   `set:"template" doc:"The body of the format custom."`
	Variables      []string          `set:"variables" doc:"Words that the format uses, each as \"name=value\"."`
	Events         []string          `set:"events" doc:"The events that are delivered, * for all; those of prints and of a printer's connection and faults when left out."`
	Printers       []string          `set:"printers" doc:"The serials, ids or names of the printers whose events are delivered; all when left out."`
	Results        []string          `set:"results" doc:"The ends of prints that are delivered: success, failed or stopped; all when left out."`
	MinimumMinutes int               `set:"minimum_minutes" doc:"Events of prints that are known to take less are left out."`
	Milestones     WebhookMilestones `set:"milestones" doc:"The points of a print at which print_progress is delivered."`
	TimeZone       string            `set:"time_zone" doc:"The time zone of the hours, such as Europe/Berlin; the bridge's own when left out."`
	QuietHours     WebhookQuiet      `set:"quiet_hours" doc:"Hours in which nothing is delivered."`
	Digest         WebhookDigest     `set:"digest" doc:"Whether events are delivered together once a day."`
	Always         []string          `set:"always" doc:"Events that neither the quiet hours nor the digest keep back."`
	Ordered        string            `set:"ordered" doc:"lenient (a delivery that failed three times lets later ones pass) or strict."`
	Signature      string            `set:"signature" doc:"hmac or ed25519."`
	Secret         secret.Text       `set:"secret" doc:"What deliveries are signed with, whsec_ or whsk_ and base64; made once when left out."`
	HubSignature   bool              `set:"hub_signature" doc:"Whether the header X-Hub-Signature-256 is sent too."`
}

// WebhookTemplate is the body of the format custom.
type WebhookTemplate struct {
	Body        string   `set:"body" doc:"The body, a Go text/template."`
	ContentType string   `set:"content_type" doc:"The body's content type; application/json when left out."`
	Headers     []string `set:"headers" doc:"Headers, each as \"Name: template\"."`
}

// WebhookMilestones are the points of a print that are told of.
type WebhookMilestones struct {
	Percent        []int  `set:"percent" doc:"Percentages; 25, 50 and 75 when left out, none when empty."`
	EveryLayers    int    `set:"every_layers" doc:"Every so many layers; 0 is never."`
	MinutesLeft    []int  `set:"minutes_left" doc:"Minutes before the end."`
	Jumps          string `set:"jumps" doc:"all or highest: what is told of several that were crossed at once."`
	MinimumMinutes int    `set:"minimum_minutes" doc:"No milestones of prints that are known to take less."`
}

// WebhookQuiet are hours in which nothing is delivered.
type WebhookQuiet struct {
	Mode string `set:"mode" doc:"hold (deliver afterwards, the usual one) or drop."`
	From string `set:"from" doc:"When they begin, HH:MM."`
	To   string `set:"to" doc:"When they end, HH:MM."`
}

// WebhookDigest is whether events are delivered together.
type WebhookDigest struct {
	Mode string `set:"mode" doc:"immediate, digest (together once a day) or both; when left out digest with a time, else immediate."`
	At   string `set:"at" doc:"When the digest is delivered, HH:MM."`
}

// WebhookAddresses are where deliveries may go, beside what is never allowed.
type WebhookAddresses struct {
	PublicOnly bool     `set:"public_only" doc:"Whether private addresses are refused too."`
	Only       []string `set:"only" doc:"The only networks that may be reached, such as 192.168.1.0/24; all that are allowed when left out."`
	Loopback   bool     `set:"loopback" doc:"Whether this machine itself may be reached, for a receiver that runs beside the bridge."`
}

var notInID = regexp.MustCompile(`[^a-z0-9]+`)

// idOf is the id that a name makes.
func idOf(name string) string {
	id := strings.Trim(notInID.ReplaceAllString(strings.ToLower(name), "_"), "_")
	return id[:min(len(id), 40)]
}

// Pair is the two sides of an entry such as "Name: value" or "name=value";
// false when it has no such shape.
func Pair(entry, sign string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(entry, sign)
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	return name, value, ok && name != ""
}

// Networks are the networks of Only. What is none is left out: validation has
// said so.
func (w WebhookAddresses) Networks() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range w.Only {
		if p, err := network(text); err == nil {
			list = append(list, p)
		}
	}
	return list
}

// network is a network, or one address.
func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// webhooks checks what can be told without the outbox, which checks the rest.
func (c *checker) webhooks(s Settings) {
	for i, text := range s.WebhookAddresses.Only {
		if _, err := network(text); err != nil {
			c.add(fmt.Sprintf("webhook_addresses.only[%d]", i), "must be a network such as 192.168.1.0/24")
		}
	}
	seen := map[string]bool{}
	for i, w := range s.Webhooks {
		at := fmt.Sprintf("webhooks[%d].", i)
		switch {
		case w.Name == "" || utf8.RuneCountInString(w.Name) > 64:
			c.add(at+"name", "must have 1 to 64 characters")
		case w.ID == "":
			c.add(at+"id", "must be set, because the name has no letter or digit of a-z and 0-9")
		case seen[w.ID]:
			c.add(at+"id", "%q is used by another endpoint too; give one of them an id of its own", w.ID)
		}
		seen[w.ID] = true
		c.webhookLists(at, w)
	}
}

func (c *checker) webhookLists(at string, w Webhook) {
	for i, h := range w.Headers {
		if _, _, ok := Pair(h.Reveal(), ":"); !ok {
			c.add(fmt.Sprintf("%sheaders[%d]", at, i), "must be \"Name: value\"")
		}
	}
	for i, h := range w.Template.Headers {
		if _, _, ok := Pair(h, ":"); !ok {
			c.add(fmt.Sprintf("%stemplate.headers[%d]", at, i), "must be \"Name: template\"")
		}
	}
	for i, v := range w.Variables {
		if _, _, ok := Pair(v, "="); !ok {
			c.add(fmt.Sprintf("%svariables[%d]", at, i), "must be \"name=value\"")
		}
	}
}
