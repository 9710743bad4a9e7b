package app

import (
	"context"
	"net/http"

	"github.com/printwire/printwire/httpapi"
)

// openAPI makes the REST API.
func (a *App) openAPI(context.Context) (err error) {
	a.api, err = httpapi.New(httpapi.Options{
		Printers: a.bridge, Keys: a.auth, Health: a.health, Log: a.log, Now: a.now, Version: a.version,
		Hosts: a.settings.HTTP.Hosts, QueryKey: a.settings.HTTP.QueryKey,
	})
	return err
}

func (a *App) server() *http.Server { return httpapi.Server(a.api, a.log) }

// health says whether events can be stored and whether MQTT is there.
func (a *App) health() httpapi.Health {
	h := httpapi.Health{Database: a.bridge.Health().Storage == "", MQTT: true}
	if a.brokers.embedded == nil {
		h.MQTT = a.brokers.outside.Connected()
	}
	return h
}

// OpenAPI is the description of the REST API of a version, as JSON.
func OpenAPI(version string) ([]byte, error) { return httpapi.OpenAPI(version) }
