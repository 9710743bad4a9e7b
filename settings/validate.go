package settings

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/printwire/printwire/printer"
)

var (
	familyPattern = regexp.MustCompile(`^[a-z][a-z0-9]{0,31}$`)
	namePattern   = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`)
	prefixPattern = regexp.MustCompile(`^[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*$`)
)

// checker collects what is wrong with merged settings.
type checker struct {
	options  Options
	problems Problems
}

// validate is everything that is wrong with merged settings.
func validate(s Settings, o Options) Problems {
	c := &checker{options: o}
	c.http(s.HTTP)
	c.keys(s.Keys)
	c.archive(s.Archive)
	c.filament(s.Filament)
	c.mqtt(s.MQTT)
	c.users(s.MQTT.Users)
	c.external(s.MQTT)
	c.printers(s.Printers)
	c.webhooks(s)
	c.jobs(s)
	c.rest(s)
	return c.problems
}

func (c *checker) add(field, format string, args ...any) {
	c.problems = append(c.problems, Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) word(field, value string, words ...string) {
	if !slices.Contains(words, value) {
		c.add(field, "must be one of %s", strings.Join(words, ", "))
	}
}

// listen checks "host:port"; the host may be missing.
func (c *checker) listen(field, value string) {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		c.add(field, "must be an address and a port such as :8000 or 127.0.0.1:8000")
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		c.add(field, "the port must be 0 to 65535")
	}
	if host != "" && !isHost(host) {
		c.add(field, "the address must be an IP address or a host name")
	}
}

func (c *checker) port(field string, value, least int) {
	if value < least || value > 65535 {
		c.add(field, "must be %d to 65535", least)
	}
}

func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return namePattern.MatchString(s)
}

// label checks a text that people see.
func (c *checker) label(field, value string, most int) {
	switch {
	case utf8.RuneCountInString(value) > most:
		c.add(field, "must have at most %d characters", most)
	case strings.ContainsFunc(value, unicode.IsControl):
		c.add(field, "must not have control characters")
	}
}

func (c *checker) mqtt(m MQTT) {
	c.word("mqtt.mode", m.Mode, "auto", "embedded", "external", "both")
	c.listen("mqtt.listen", m.Listen)
	for _, l := range []struct{ field, value string }{{"mqtt.tls_listen", m.TLSListen}, {"mqtt.ws_listen", m.WSListen}} {
		if l.value != "" {
			c.listen(l.field, l.value)
		}
	}
	switch {
	case m.TLSListen != "" && m.Certificate == "":
		c.add("mqtt.certificate", "must be set when mqtt.tls_listen is")
	case m.TLSListen != "" && m.Key == "":
		c.add("mqtt.key", "must be set when mqtt.tls_listen is")
	}
	if m.MaxPacket < 64<<10 || m.MaxPacket > 16<<20 {
		c.add("mqtt.max_packet", "must be %d to %d bytes", 64<<10, 16<<20)
	}
}

func (c *checker) users(users []User) {
	seen := map[string]bool{}
	for i, u := range users {
		at := fmt.Sprintf("mqtt.users[%d].", i)
		switch {
		case u.Name == "":
			c.add(at+"name", "must be set")
		case seen[u.Name]:
			c.add(at+"name", "is used by another user too")
		default:
			c.label(at+"name", u.Name, 64)
		}
		seen[u.Name] = true
		switch n := len(u.Password.Reveal()); {
		case n == 0:
			c.add(at+"password", "must be set")
		case n > 128:
			c.add(at+"password", "must have at most 128 bytes")
		case strings.HasPrefix(u.Password.Reveal(), "pw_"):
			c.add(at+"password", "must not start with pw_, which marks an API key")
		}
		for j, topic := range u.Topics {
			if !ruleOf(topic).fits() {
				c.add(fmt.Sprintf("%stopics[%d]", at, j), "must be a topic filter such as zigbee2mqtt/#, with read, write, readwrite, readonly or deny and a space before it if it is not for both directions")
			}
		}
	}
}

func (c *checker) external(m MQTT) {
	e := m.External
	if e.Host == "" {
		if m.Mode == "external" || m.Mode == "both" {
			c.add("mqtt.external.host", "must be set when mqtt.mode is %s", m.Mode)
		}
		return
	}
	if !isHost(e.Host) {
		c.add("mqtt.external.host", "must be an IP address or a host name")
	}
	c.port("mqtt.external.port", e.Port, 1)
	if e.CA != "" && !e.TLS {
		c.add("mqtt.external.ca", "has no effect unless mqtt.external.tls is true")
	}
}

func (c *checker) printers(printers []Printer) {
	seen := map[string]int{}
	for i, p := range printers {
		at := fmt.Sprintf("printers[%d].", i)
		c.printer(at, p)
		if p.Serial == "" {
			continue
		}
		if j, twice := seen[p.Serial]; twice {
			c.add(at+"serial", "is that of printers[%d] too", j)
		}
		seen[p.Serial] = i
	}
}

func (c *checker) printer(at string, p Printer) {
	if p.Name != "" && strings.TrimSpace(p.Name) == "" {
		c.add(at+"name", "must be more than spaces, or left out")
	}
	c.label(at+"name", p.Name, 100)
	switch {
	case len(c.options.Families) > 0:
		c.word(at+"family", p.Family, c.options.Families...)
	case !familyPattern.MatchString(p.Family):
		c.add(at+"family", "must be the name of a printer family, such as bambu")
	}
	if !isHost(p.Host) {
		c.add(at+"host", "must be an IP address or a host name")
	}
	c.port(at+"port", p.Port, 0)
	c.port(at+"files_port", p.FilesPort, 0)
	if !printer.ValidSerial(p.Serial) {
		c.add(at+"serial", "must have 1 to 50 of A-Z 0-9 _ -, as the printer's screen shows it")
	}
	if n := len(p.AccessCode.Reveal()); n == 0 || n > 20 {
		c.add(at+"access_code", "must have 1 to 20 characters, as the printer's screen shows it")
	}
	if !slices.Contains([]string{"", "pin", "verify", "insecure"}, p.Certificate) {
		c.add(at+"certificate", "must be pin, verify or insecure, or left out")
	}
	if p.Certificate == "verify" && p.Roots == "" {
		c.add(at+"roots", "must be set when certificate is verify")
	}
	c.label(at+"area", p.Area, 100)
}

func (c *checker) rest(s Settings) {
	if p := s.HomeAssistant.DiscoveryPrefix; len(p) > 64 || !prefixPattern.MatchString(p) {
		c.add("homeassistant.discovery_prefix", "must be a topic of letters, digits, _ and -")
	}
	for i, m := range s.Milestones {
		if m < 1 || m > 100 {
			c.add(fmt.Sprintf("milestones[%d]", i), "must be 1 to 100")
		}
	}
	c.word("log.level", s.Log.Level, "debug", "info", "warn", "error")
	c.word("log.format", s.Log.Format, "text", "json")
}
