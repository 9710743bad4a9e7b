// Package addon owns what is true only inside Home Assistant, where the
// program runs as an app ("add-on"): its options, its token, its ingress, and
// which broker to use. It keeps no connection and reads no file itself.
package addon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"regexp"
	"strings"

	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/settings"
)

// The fixed facts of an app.
const (
	// DataFolder is the app's own folder, kept over updates.
	DataFolder = "/data"
	// OptionsFile holds what the user set in Home Assistant.
	OptionsFile = "/data/options.json"
	// IngressListen is where Home Assistant's proxy reaches our pages.
	IngressListen = ":8099"
	// IngressPeer is the only address that the proxy comes from.
	IngressPeer = "172.30.32.2"
)

var ingressPath = regexp.MustCompile(`^/api/hassio_ingress/[A-Za-z0-9_-]+$`)

// Token is the Supervisor's token from an environment as os.Environ gives it,
// and whether there is one: then the program runs as an app.
func Token(environ []string) (secret.Text, bool) {
	for _, pair := range environ {
		if value, ok := strings.CutPrefix(pair, "SUPERVISOR_TOKEN="); ok && value != "" {
			return secret.Text(value), true
		}
	}
	return "", false
}

// FromIngress tells whether a request's peer is Home Assistant's proxy.
func FromIngress(remote string) bool {
	peer, err := netip.ParseAddrPort(remote)
	return err == nil && peer.Addr().Unmap().String() == IngressPeer
}

// IngressPath is the value of X-Ingress-Path, or "" when it cannot be one.
func IngressPath(value string) string {
	if ingressPath.MatchString(value) {
		return value
	}
	return ""
}

// Where the certificates of Home Assistant are, and where HTTPS is in the
// container; the manifest names both too.
const (
	sslFolder = "/ssl/"
	sslListen = ":8443"
)

// option is one option of the app's manifest and the setting it stands for.
// as makes the setting's value from the option's; nil takes it as it is.
type option struct {
	name, path string
	as         func(any) any
}

// options is the table of the app's options, as the manifest shows them. The
// manifest's schema allows little nesting, hence flat names.
func options() []option {
	return []option{
		{"printers", "printers", nil},
		{"users", "mqtt.users", nil},
		{"mqtt_mode", "mqtt.mode", nil},
		{"mqtt_host", "mqtt.external.host", nil},
		{"mqtt_port", "mqtt.external.port", nil},
		{"mqtt_user", "mqtt.external.user", nil},
		{"mqtt_password", "mqtt.external.password", nil},
		{"mqtt_tls", "mqtt.external.tls", nil},
		{"ssl", "http.tls_listen", sslPort},
		{"certfile", "http.certificate", sslFile},
		{"keyfile", "http.key", sslFile},
		{"public_url", "http.public_url", nil},
		{"cors_origins", "http.cors_origins", nil},
		{"allow_admin_keys", "keys.allow_admin_keys", nil},
		{"archive_records", "archive.records", nil},
		{"archive_days", "archive.days", nil},
		{"currency", "filament.currency", nil},
		{"filament_price_per_kg", "filament.price_per_kg", nil},
		{"filament_prices", "filament.prices", nil},
		{"milestones", "milestones", nil},
		{"homeassistant_events", "homeassistant.events", nil},
		{"webhooks", "webhooks", nil},
		{"discovery_prefix", "homeassistant.discovery_prefix", nil},
		{"log_level", "log.level", nil},
	}
}

// Defaults is the layer of what is another default in the app than elsewhere:
// Home Assistant's own backups hold the database, so none is made beside them.
func Defaults() settings.Layer { return settings.Texts("app", map[string]string{"backup.at": ""}) }

// sslPort is the address for HTTPS when it is switched on.
func sslPort(on any) any {
	if on == true {
		return sslListen
	}
	return nil
}

// sslFile is a file in the folder of certificates, unless it says where it is.
func sslFile(name any) any {
	if text, ok := name.(string); ok && text != "" && !strings.ContainsAny(text, "/\n") {
		return sslFolder + text
	}
	return name
}

// Options is the layer of settings that the options file makes, read with
// read. A file that is not there makes an empty layer.
func Options(file string, read func(string) ([]byte, error)) (settings.Layer, error) {
	data, err := read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return decode([]byte("{}")), nil
	}
	if err != nil {
		return settings.Layer{}, fmt.Errorf("read the app's options: %w", err)
	}
	return decode(data), nil
}

// decode is the layer that a text of options makes. Empty values count as not
// set, so that they do not hide the settings file.
func decode(data []byte) settings.Layer {
	const source = "options.json"
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var given map[string]any
	if err := dec.Decode(&given); err != nil || given == nil || dec.More() {
		return settings.Broken(source, "is not a JSON object")
	}
	tree, names := map[string]any{}, map[string]string{}
	for _, o := range options() {
		names[o.path] = o.name
		if value, ok := given[o.name]; ok {
			if o.as != nil {
				value = o.as(value)
			}
			put(tree, strings.Split(o.path, "."), value)
			delete(given, o.name)
		}
	}
	// What is left is unknown; settings says so.
	for name, value := range given {
		tree["option "+name], names["option "+name] = value, name
	}
	return settings.Values(source, tree, names)
}

func put(tree map[string]any, path []string, value any) {
	for ; len(path) > 1; path = path[1:] {
		next, ok := tree[path[0]].(map[string]any)
		if !ok {
			next = map[string]any{}
			tree[path[0]] = next
		}
		tree = next
	}
	tree[path[0]] = value
}
