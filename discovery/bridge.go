package discovery

import (
	"cmp"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// bridgeRows is the table of the bridge's own entities.
func bridgeRows() []row {
	return []row{
		{key: "version", platform: sensor, name: "Version", icon: "mdi:tag-outline", category: diagnostic,
			value: func(dst []byte, v *view) []byte { return text(dst, v.d.opts.Version) }},
		{key: "printers_connected", platform: sensor, name: "Printers connected", state: "measurement", icon: "mdi:printer-3d", category: diagnostic,
			value: func(dst []byte, v *view) []byte { return count(dst, printer.Some(v.d.connected)) }},
		{key: "clients", platform: sensor, name: "MQTT clients", state: "measurement", icon: "mdi:lan-connect", category: diagnostic,
			when:  func(v *view) bool { return v.d.opts.Bridge.Clients != nil },
			value: func(dst []byte, v *view) []byte { return count(dst, printer.Some(v.d.opts.Bridge.Clients())) },
			about: "Clients of the embedded broker, looked at every 10 seconds."},
		{key: "problem", platform: binarySensor, name: "Problem", class: "problem", category: diagnostic,
			when:  func(v *view) bool { return v.d.opts.Bridge.Problem != nil },
			value: func(dst []byte, v *view) []byte { return onOff(dst, printer.Some(v.d.opts.Bridge.Problem() != "")) },
			about: "The bridge itself cannot do its work: events cannot be stored, or were given up."},
		{key: "problem_text", platform: sensor, name: "Problem text", icon: "mdi:alert-circle-outline", category: diagnostic,
			when:  func(v *view) bool { return v.d.opts.Bridge.Problem != nil },
			value: func(dst []byte, v *view) []byte { return text(dst, cmp.Or(v.d.opts.Bridge.Problem(), "none")) },
			about: "What is wrong with the bridge, in a sentence; `none` when all is well. Looked at every 10 seconds."},
		{key: "log_level", platform: choice, name: "Log level", icon: "mdi:text-box-search-outline", category: config,
			when:    func(v *view) bool { b := v.d.opts.Bridge; return b.LogLevel != nil && b.SetLogLevel != nil },
			options: func(*view) []string { return logLevels() },
			value:   func(dst []byte, v *view) []byte { return word(dst, v.d.opts.Bridge.LogLevel(), logLevels()) },
			act:     func(d *Discovery, in input) error { return d.setLogLevel(in.word) }},
		{key: "restart", platform: button, name: "Restart", class: "restart", category: config,
			when: func(v *view) bool { return v.d.opts.Bridge.Restart != nil },
			act:  func(d *Discovery, _ input) error { d.opts.Bridge.Restart(); return nil }},
		{key: "announce_again", platform: button, name: "Announce again", icon: "mdi:bullhorn-outline", category: config,
			act:   func(d *Discovery, _ input) error { return d.announceAgain() },
			about: "Brings back devices that were deleted in Home Assistant."},
		{key: "events", platform: event, name: "Events", icon: "mdi:bell-outline", types: eventsOf(journal.FromBridge),
			about: "Events that are about no printer."},
	}
}

func logLevels() []string { return []string{"debug", "info", "warn", "error"} }

func (d *Discovery) setLogLevel(level string) error {
	if err := d.opts.Bridge.SetLogLevel(level); err != nil {
		return fault.New(fault.Invalid, "set the log level: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.relay(d.bridge, d.now())
	return nil
}
