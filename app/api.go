package app

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/printer"
)

// openAPI makes the REST API.
func (a *App) openAPI(context.Context) error {
	o := httpapi.Options{
		Printers: a.bridge, Manager: a.bridge, Test: a.tryPrinter, Keys: a.auth, OAuth: a.oauth, Archives: a.recorder, Webhooks: a.hooks, Hide: a.hide, Jobs: apiJobs{a.jobs}, Journal: a.store, Store: a.store.KV("api"),
		Settings: a.shownSettings, System: a.system, Health: a.health, Log: a.log, Now: a.now, Version: a.version,
		Hosts: a.hosts(), PublicURL: a.settings.HTTP.PublicURL, CORSOrigins: a.settings.HTTP.CORSOrigins, QueryKey: a.settings.HTTP.QueryKey,
		Concurrent: a.settings.HTTP.MaxRequests, Streams: a.settings.HTTP.MaxStreams,
	}
	if a.pictures != nil {
		o.Pictures = a.pictures
	}
	if a.book != nil {
		o.Lines = a.book.Lines
	}
	if a.simulated != nil {
		o.Simulated = func(s printer.Snapshot) bool { return a.simulated(s.Config.Serial) }
	}
	api, err := httpapi.New(o)
	if err != nil {
		return err
	}
	a.api, a.cutStreams = api, api.Cut
	return nil
}

func (a *App) server() *http.Server { return httpapi.Server(a.api, a.log) }

// hosts are the names under which the API may be called, beside those of a
// local network.
func (a *App) hosts() []string {
	hosts := slices.Clone(a.settings.HTTP.Hosts)
	if u, err := url.Parse(a.settings.HTTP.PublicURL); err == nil && u.Hostname() != "" {
		hosts = append(hosts, u.Hostname())
	}
	return hosts
}

// health says whether events can be stored and whether MQTT is there.
func (a *App) health() httpapi.Health {
	h := httpapi.Health{Database: a.bridge.Health().Storage == "", MQTT: true}
	if a.brokers.embedded == nil {
		h.MQTT = a.brokers.outside.Connected()
	}
	return h
}

// system is how the program does.
func (a *App) system() httpapi.System {
	bridge := a.bridge.Health()
	s := httpapi.System{MQTTClients: -1, EventsWaiting: bridge.Waiting, EventsDropped: bridge.Dropped}
	if info, err := os.Stat(filepath.Join(a.data, databaseName)); err == nil {
		s.Size = info.Size()
	}
	if b := a.brokers.embedded; b != nil {
		s.MQTTEmbedded, s.MQTTClients = true, b.Stats().Clients
		if _, port, err := net.SplitHostPort(a.settings.MQTT.Listen); err == nil {
			s.MQTTPort, _ = strconv.Atoi(port)
		}
		return s
	}
	s.MQTTHost, s.MQTTPort = a.settings.MQTT.External.Host, a.settings.MQTT.External.Port
	return s
}

// shownSettings are the settings that may be shown: what is not a secret and
// does not hold one, named one by one.
func (a *App) shownSettings() map[string]any {
	s := a.settings
	prices := make([]map[string]any, 0, len(s.Filament.Prices))
	for _, p := range s.Filament.Prices {
		prices = append(prices, map[string]any{"material": orNil(p.Material), "filament_id": orNil(p.FilamentID), "price_per_kg": p.PricePerKg})
	}
	printers := make([]map[string]any, 0, len(s.Printers))
	for _, p := range s.Printers {
		printers = append(printers, map[string]any{
			"name": p.Name, "family": p.Family, "host": p.Host, "port": p.Port, "serial": p.Serial, "certificate": p.Certificate, "area": p.Area,
		})
	}
	return map[string]any{
		"http": map[string]any{"listen": s.HTTP.Listen, "tls_listen": s.HTTP.TLSListen, "public_url": s.HTTP.PublicURL, "hosts": s.HTTP.Hosts, "cors_origins": s.HTTP.CORSOrigins, "query_key": s.HTTP.QueryKey},
		"keys": map[string]any{"allow_admin_keys": s.Keys.AllowAdminKeys, "owner_limit": s.Keys.OwnerLimit},
		"mqtt": map[string]any{
			"mode": s.MQTT.Mode, "listen": s.MQTT.Listen, "tls_listen": s.MQTT.TLSListen, "ws_listen": s.MQTT.WSListen, "max_packet": s.MQTT.MaxPacket,
			"external": map[string]any{"host": s.MQTT.External.Host, "port": s.MQTT.External.Port, "tls": s.MQTT.External.TLS},
		},
		"homeassistant": map[string]any{"discovery_prefix": s.HomeAssistant.DiscoveryPrefix},
		"printers":      printers, "milestones": s.Milestones,
		"filament": map[string]any{"currency": orNil(s.Filament.Currency), "price_per_kg": orNil(s.Filament.PricePerKg), "prices": prices},
		"archive":  map[string]any{"records": s.Archive.Records, "days": s.Archive.Days},
		"backup":   map[string]any{"at": s.Backup.At, "keep": s.Backup.Keep}, "time_zone": s.TimeZone,
		"log": map[string]any{"level": s.Log.Level, "format": s.Log.Format},
		// What Bambuddy's clients look for.
		"mqtt_enabled": true, "mqtt_topic_prefix": "printwire", "currency": orNil(s.Filament.Currency), "energy_cost_per_kwh": nil, "default_filament_cost": orNil(s.Filament.PricePerKg),
	}
}

// orNil is a value, or nil for one that was not set.
func orNil[T comparable](v T) any {
	var none T
	if v == none {
		return nil
	}
	return v
}

// OpenAPI is the description of the REST API of a version, as JSON.
func OpenAPI(version string) ([]byte, error) { return httpapi.OpenAPI(version) }
