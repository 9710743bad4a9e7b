// Package settings owns what a person can set: the names, the defaults, the
// merging of the sources, and the list of everything that is wrong with them.
// It reads no files and starts nothing.
package settings

import (
	"strings"

	"github.com/printwire/printwire/secret"
)

// Settings is everything that can be set. Each field has its name on all
// interfaces (set) and one sentence for people (doc); a field without them
// does not exist for the reader.
type Settings struct {
	HTTP             HTTP             `set:"http" doc:"The REST API and the web pages."`
	Keys             Keys             `set:"keys" doc:"What keys of the REST API may be."`
	MQTT             MQTT             `set:"mqtt" doc:"The broker, or the way to one."`
	Printers         []Printer        `set:"printers" doc:"The printers that are managed here."`
	HomeAssistant    HomeAssistant    `set:"homeassistant" doc:"How printers are announced to Home Assistant."`
	Archive          Archive          `set:"archive" doc:"The record of prints."`
	Filament         Filament         `set:"filament" doc:"What filament costs."`
	Webhooks         []Webhook        `set:"webhooks" doc:"The webhook endpoints that are managed here."`
	WebhookAddresses WebhookAddresses `set:"webhook_addresses" doc:"Where webhooks may go."`
	Milestones       []int            `set:"milestones" doc:"The percentages at which print_progress is told."`
	Backup           Backup           `set:"backup" doc:"Copies of the database that are made while the bridge runs."`
	TimeZone         string           `set:"time_zone" doc:"The time zone of scheduled jobs, and of webhooks that name none, such as Europe/Berlin; the machine's own when left out."`
	Log              Log              `set:"log" doc:"The program's log."`
}

// HTTP is the REST API and the web pages.
type HTTP struct {
	Listen      string   `set:"listen" doc:"The address and port of the REST API."`
	TLSListen   string   `set:"tls_listen" doc:"The address and port of the REST API over HTTPS, beside listen; off when left out."`
	Certificate string   `set:"certificate" doc:"The certificate for HTTPS in PEM form, or a file with it; without one, one is made. A changed file is read again."`
	Key         PEM      `set:"key" doc:"The key of the certificate for HTTPS in PEM form, or a file with it."`
	PublicURL   string   `set:"public_url" doc:"Where clients reach the API, such as https://printwire.example.org; OAuth tells it to programs."`
	Hosts       []string `set:"hosts" doc:"Further host names under which the API may be called."`
	CORSOrigins []string `set:"cors_origins" doc:"Origins whose pages may call the API from a browser, such as https://panel.example.org; none when left out."`
	QueryKey    string   `set:"query_key" doc:"Whether ?apikey= is taken: private (from private addresses), always or never."`
	MaxRequests int      `set:"max_requests" doc:"How many requests are served at once."`
	MaxStreams  int      `set:"max_streams" doc:"How many streams of events may be open at once."`
}

// Keys is what keys of the API may be.
type Keys struct {
	AllowAdminKeys bool `set:"allow_admin_keys" doc:"Whether keys and OAuth may be given admin, settings:write and the other rights of an administrator."`
	OwnerLimit     int  `set:"owner_limit" doc:"How many requests a minute all keys of one owner may make together."`
}

// Archive is how much of the record of prints is kept.
type Archive struct {
	Records int `set:"records" doc:"How many prints are kept at most; older ones go, and stay counted in the statistics."`
	Days    int `set:"days" doc:"For how many days a print is kept; 0 is for ever."`
}

// Backup is when copies of the database are made, and how many are kept.
type Backup struct {
	At     string `set:"at" doc:"When a backup is made each day, such as 03:30; none is when empty, as in the Home Assistant app, whose backups have the data."`
	Keep   int    `set:"keep" doc:"How many backups are kept; older ones go."`
	Folder string `set:"folder" doc:"The folder for backups, which must exist; backups in the data folder when left out."`
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
	FilesPort   int         `set:"files_port" doc:"The port of the printer's file server; 0 is the family's own."`
	Serial      string      `set:"serial" doc:"The maker's serial number."`
	AccessCode  secret.Text `set:"access_code" doc:"The access code that the printer's screen shows."`
	Certificate string      `set:"certificate" doc:"pin (trust on first use), verify (by roots) or insecure."`
	Roots       string      `set:"roots" doc:"The maker's root certificates in PEM form, or a file with them."`
	Area        string      `set:"area" doc:"Where the printer stands, suggested to Home Assistant."`
}

// HomeAssistant is how printers are announced to Home Assistant.
type HomeAssistant struct {
	DiscoveryPrefix string `set:"discovery_prefix" doc:"The topic below which Home Assistant looks for devices."`
	Events          bool   `set:"events" doc:"Whether, in the app, every event goes to Home Assistant's event bus too, as printwire_print_complete and so on."`
}

// Log is the program's log.
type Log struct {
	Level  string `set:"level" doc:"debug, info, warn or error."`
	Format string `set:"format" doc:"text or json."`
}

// Default is what holds where nothing is set.
func Default() Settings {
	return Settings{
		HTTP:          HTTP{Listen: ":8000", QueryKey: "private", MaxRequests: 256, MaxStreams: 512},
		Keys:          Keys{OwnerLimit: 1000},
		MQTT:          MQTT{Mode: "auto", Listen: ":1883", MaxPacket: 256 << 10},
		HomeAssistant: HomeAssistant{DiscoveryPrefix: "homeassistant", Events: true},
		Archive:       Archive{Records: 100_000},
		Milestones:    []int{25, 50, 75},
		Backup:        Backup{At: "03:30", Keep: 7},
		Log:           Log{Level: "info", Format: "text"},
	}
}

// fill sets what a list's entry has when it does not say, and gives URLs one
// spelling.
func (s *Settings) fill() {
	s.HTTP.PublicURL = strings.ToLower(strings.TrimSuffix(s.HTTP.PublicURL, "/"))
	for i, origin := range s.HTTP.CORSOrigins {
		s.HTTP.CORSOrigins[i] = strings.ToLower(origin)
	}
	s.Filament.Currency = strings.ToUpper(s.Filament.Currency)
	for i := range s.Printers {
		p := &s.Printers[i]
		if p.Family == "" {
			p.Family = "bambu"
		}
		if p.Name == "" {
			p.Name = p.Serial
		}
	}
	for i := range s.Webhooks {
		if w := &s.Webhooks[i]; w.ID == "" {
			w.ID = idOf(w.Name)
		}
	}
	if s.MQTT.External.Port == 0 && s.MQTT.External.Host != "" {
		s.MQTT.External.Port = 1883
		if s.MQTT.External.TLS {
			s.MQTT.External.Port = 8883
		}
	}
}
