// Package settings owns what a person can set: the names, the defaults, the
// merging of the sources, and the list of everything that is wrong with them.
// It reads no files and starts nothing.
package settings

import (
	"github.com/printwire/printwire/secret"
)

// Settings is everything that can be set. Each field has its name on all
// interfaces (set) and one sentence for people (doc); a field without them
// does not exist for the reader.
type Settings struct {
	HTTP          HTTP          `set:"http" doc:"The REST API and the web pages."`
	MQTT          MQTT          `set:"mqtt" doc:"The broker, or the way to one."`
	Printers      []Printer     `set:"printers" doc:"The printers that are managed here."`
	HomeAssistant HomeAssistant `set:"homeassistant" doc:"How printers are announced to Home Assistant."`
	Milestones    []int         `set:"milestones" doc:"The percentages at which print_progress is told."`
	Log           Log           `set:"log" doc:"The program's log."`
}

// HTTP is the REST API and the web pages.
type HTTP struct {
	Listen    string   `set:"listen" doc:"The address and port of the REST API."`
	TLSListen string   `set:"tls_listen" doc:"Reserved for HTTPS."`
	Hosts     []string `set:"hosts" doc:"Further host names under which the API may be called."`
	QueryKey  string   `set:"query_key" doc:"Whether ?apikey= is taken: private (from private addresses), always or never."`
}

// MQTT is the broker, or the way to one.
type MQTT struct {
	Mode        string   `set:"mode" doc:"auto, embedded, external or both."`
	Listen      string   `set:"listen" doc:"The address and port of the embedded broker."`
	TLSListen   string   `set:"tls_listen" doc:"The address and port of the embedded broker over TLS."`
	WSListen    string   `set:"ws_listen" doc:"The address and port of the embedded broker over WebSocket."`
	Certificate string   `set:"certificate" doc:"The broker's certificate in PEM form, or a file with it."`
	Key         PEM      `set:"key" doc:"The key of the broker's certificate in PEM form, or a file with it."`
	Users       []User   `set:"users" doc:"Who may log in to the embedded broker."`
	MaxPacket   int      `set:"max_packet" doc:"The largest packet that the embedded broker takes, in bytes."`
	External    External `set:"external" doc:"A broker that is there already."`
}

// PEM is a secret in PEM form, or the name of a file that holds it.
type PEM = secret.Text

// User is a login of the embedded broker. Rules explains Topics.
type User struct {
	Name     string      `set:"name" doc:"The login's name."`
	Password secret.Text `set:"password" doc:"The login's password."`
	Topics   []string    `set:"topics" doc:"The topics that the login may read and write."`
}

// External is a broker that is there already.
type External struct {
	Host     string      `set:"host" doc:"The broker's name or address."`
	Port     int         `set:"port" doc:"The broker's port."`
	User     string      `set:"user" doc:"The login's name."`
	Password secret.Text `set:"password" doc:"The login's password."`
	TLS      bool        `set:"tls" doc:"Whether the connection uses TLS."`
	CA       string      `set:"ca" doc:"The certificate authority in PEM form, or a file with it."`
}

// Printer is one printer that is managed in the settings.
type Printer struct {
	Name        string      `set:"name" doc:"What people call the printer; its serial when left out."`
	Family      string      `set:"family" doc:"The printer's family, bambu."`
	Host        string      `set:"host" doc:"The printer's name or address."`
	Port        int         `set:"port" doc:"The printer's port; 0 is the family's own."`
	Serial      string      `set:"serial" doc:"The maker's serial number."`
	AccessCode  secret.Text `set:"access_code" doc:"The access code that the printer's screen shows."`
	Certificate string      `set:"certificate" doc:"pin (trust on first use), verify (by roots) or insecure."`
	Roots       string      `set:"roots" doc:"The maker's root certificates in PEM form, or a file with them."`
	Area        string      `set:"area" doc:"Where the printer stands, suggested to Home Assistant."`
}

// HomeAssistant is how printers are announced to Home Assistant.
type HomeAssistant struct {
	DiscoveryPrefix string `set:"discovery_prefix" doc:"The topic below which Home Assistant looks for devices."`
}

// Log is the program's log.
type Log struct {
	Level  string `set:"level" doc:"debug, info, warn or error."`
	Format string `set:"format" doc:"text or json."`
}

// Default is what holds where nothing is set.
func Default() Settings {
	return Settings{
		HTTP:          HTTP{Listen: ":8000", QueryKey: "private"},
		MQTT:          MQTT{Mode: "auto", Listen: ":1883", MaxPacket: 256 << 10},
		HomeAssistant: HomeAssistant{DiscoveryPrefix: "homeassistant"},
		Milestones:    []int{25, 50, 75},
		Log:           Log{Level: "info", Format: "text"},
	}
}

// fill sets what a list's entry has when it does not say.
func (s *Settings) fill() {
	for i := range s.Printers {
		p := &s.Printers[i]
		if p.Family == "" {
			p.Family = "bambu"
		}
		if p.Name == "" {
			p.Name = p.Serial
		}
	}
	if s.MQTT.External.Port == 0 && s.MQTT.External.Host != "" {
		s.MQTT.External.Port = 1883
		if s.MQTT.External.TLS {
			s.MQTT.External.Port = 8883
		}
	}
}
