package discovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// message is a device discovery message but for its components. Home Assistant
// drops the whole device when it has a top-level key that is not of its schema.
type message struct {
	Device       messageDevice  `json:"device"`
	Origin       origin         `json:"origin"`
	Availability []availability `json:"availability"`
	Mode         string         `json:"availability_mode"`
	QoS          int            `json:"qos"`
}

type messageDevice struct {
	Identifiers []string `json:"identifiers"`
	Name        string   `json:"name"`
	Maker       string   `json:"manufacturer,omitempty"`
	Model       string   `json:"model,omitempty"`
	Hardware    string   `json:"hw_version,omitempty"`
	Software    string   `json:"sw_version,omitempty"`
	Serial      string   `json:"serial_number,omitempty"`
	Area        string   `json:"suggested_area,omitempty"`
	Via         string   `json:"via_device,omitempty"`
	URL         string   `json:"configuration_url,omitempty"`
}

type origin struct {
	Name    string `json:"name"`
	Version string `json:"sw_version,omitempty"`
	URL     string `json:"support_url,omitempty"`
}

type availability struct {
	Topic string `json:"topic"`
}

// component is one entity or trigger; a stub that removes one has only the platform.
type component struct {
	Platform     platform       `json:"platform"`
	UniqueID     string         `json:"unique_id,omitempty"`
	EntityID     string         `json:"default_entity_id,omitempty"`
	Name         string         `json:"name,omitempty"`
	Class        string         `json:"device_class,omitempty"`
	StateClass   string         `json:"state_class,omitempty"`
	Unit         string         `json:"unit_of_measurement,omitempty"`
	Icon         string         `json:"icon,omitempty"`
	Category     category       `json:"entity_category,omitempty"`
	Enabled      *bool          `json:"enabled_by_default,omitempty"`
	Availability []availability `json:"availability,omitempty"`
	StateTopic   string         `json:"state_topic,omitempty"`
	Attributes   string         `json:"json_attributes_topic,omitempty"`
	Command      string         `json:"command_topic,omitempty"`
	Options      []string       `json:"options,omitempty"`
	Min          *float64       `json:"min,omitempty"`
	Max          *float64       `json:"max,omitempty"`
	Step         *float64       `json:"step,omitempty"`
	Mode         string         `json:"mode,omitempty"`
	// Images.
	ImageTopic  string `json:"image_topic,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	// Fans.
	PercentageState   string `json:"percentage_state_topic,omitempty"`
	PercentageCommand string `json:"percentage_command_topic,omitempty"`
	// Updates.
	Latest string `json:"latest_version_topic,omitempty"`
	// Events.
	Types []string `json:"event_types,omitempty"`
	// Triggers.
	Automation string `json:"automation_type,omitempty"`
	Topic      string `json:"topic,omitempty"`
	Type       string `json:"type,omitempty"`
	Subtype    string `json:"subtype,omitempty"`
	Payload    string `json:"payload,omitempty"`
}

const supportURL = "https://github.com/printwire/printwire"

// message makes the device's discovery message.
func (d *Discovery) message(dev *device) message {
	h := dev.head
	m := message{
		Device: messageDevice{Identifiers: []string{dev.id}, Name: h.name, Maker: h.maker, Model: h.model, Hardware: h.hardware,
			Software: h.software, Serial: h.serial, Area: h.area, Via: h.via, URL: pageURL(d.opts.URL)},
		Origin:       origin{Name: root, Version: clean(d.opts.Version, 64), URL: supportURL},
		Availability: []availability{{statusTopic}},
		Mode:         "all", QoS: 1,
	}
	if dev.owner != nil {
		m.Availability = append(m.Availability, availability{dev.owner.topic("availability")})
	}
	return m
}

// triggerKey is the component of a device trigger.
func triggerKey(event string) string { return "trigger_" + event }

// kinds are the platforms of the device's components.
func (dev *device) kinds() map[string]platform {
	n := len(dev.live)
	for _, r := range dev.live {
		n += len(r.types)
	}
	k := make(map[string]platform, n)
	for _, r := range dev.live {
		k[r.key] = r.platform
		for _, t := range r.types {
			k[triggerKey(t)] = trigger
		}
	}
	return k
}

// component is one row as Home Assistant wants it.
func (dev *device) component(r *row) component {
	topic := dev.topics + r.key
	c := component{
		Platform: r.platform, UniqueID: dev.unique + r.key, EntityID: string(r.platform) + "." + dev.entity + r.key, Name: r.name,
		Class: r.class, StateClass: r.state, Unit: r.unit, Icon: r.icon, Category: r.category,
	}
	if r.money {
		c.Unit = dev.view.d.opts.Currency
	}
	if r.hidden {
		c.Enabled = new(bool)
	}
	if r.always && dev.owner != nil {
		c.Availability = []availability{{statusTopic}}
	}
	if r.value != nil {
		c.StateTopic = topic
	}
	if r.attributes != nil {
		c.Attributes = topic + "/attributes"
	}
	if r.taken() {
		c.Command = topic + "/set"
	}
	if r.options != nil {
		c.Options = r.options(&dev.view)
		if len(c.Options) == 0 {
			c.Options, c.Class = nil, ""
		}
	}
	if r.bounds != nil {
		b := r.bounds(&dev.view)
		c.Min, c.Max, c.Step, c.Mode = &b.min, &b.max, &b.step, "box"
	}
	switch r.platform {
	case fan:
		c.PercentageState, c.PercentageCommand = topic+"/"+r.part, topic+"/"+r.part+"/set"
	case picture:
		c.StateTopic, c.ImageTopic, c.ContentType = "", topic, "image/png"
	case update:
		c.Latest = topic + "/" + r.part
	case event:
		c.StateTopic, c.Types = dev.topics+"event", r.types
	}
	return c
}

// text is the discovery message; stubs are components to remove. It is good until
// the next call. A component goes out before the next is made: the messages of many
// printers are megabytes.
func (d *Discovery) text(dev *device, kinds, stubs map[string]platform) ([]byte, error) {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(kinds)), maps.Keys(stubs))
	slices.Sort(keys)
	keys = slices.Compact(keys)
	rows := make(map[string]*row, len(dev.live))
	for _, r := range dev.live {
		rows[r.key] = r
	}
	d.page.Reset()
	out := json.NewEncoder(&d.page)
	var c component
	err := out.Encode(d.message(dev))
	d.page.Truncate(max(0, d.page.Len()-len("}\n")))
	d.page.WriteString(`,"components":{`)
	for i, key := range keys {
		if i > 0 {
			d.page.WriteByte(',')
		}
		d.page.WriteString(`"` + key + `":`)
		r, event := rows[key], strings.TrimPrefix(key, triggerKey(""))
		switch {
		case stubs[key] != "":
			c = component{Platform: stubs[key]}
		case r != nil:
			c = dev.component(r)
		default:
			c = component{Platform: trigger, Automation: "trigger", Topic: dev.topics + "trigger", Type: "event", Subtype: event, Payload: event}
		}
		err = errors.Join(err, out.Encode(&c))
		d.page.Truncate(d.page.Len() - len("\n"))
	}
	d.page.WriteString("}}")
	if err != nil {
		return nil, fmt.Errorf("encode the discovery message of %s: %w", dev.id, err)
	}
	return d.page.Bytes(), nil
}

// pageURL is an address that Home Assistant accepts for a device's page, or "".
func pageURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "homeassistant"}, u.Scheme) {
		return ""
	}
	// Home Assistant or the browser is elsewhere: an address of this machine alone is none.
	ip, err := netip.ParseAddr(u.Hostname())
	if strings.EqualFold(u.Hostname(), "localhost") || err == nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		return ""
	}
	return s
}

// configTopic is where the device is announced.
func (d *Discovery) configTopic(id string) string { return d.opts.Prefix + "/device/" + id + "/config" }
