package httpapi

import (
	"net/http"

	"github.com/printwire/printwire/auth"
)

// adminOnly is what Bambuddy's clients are told.
const adminOnly = "API keys cannot be used for administrative operations (to push an electricity price, POST " + base + "/settings/electricity-price with tariff:write)"

// systemRoutes are the endpoints of the program itself.
func systemRoutes() []row {
	return []row{
		{
			method: http.MethodGet, path: "/health", aliases: []string{"/healthz"}, open: true, class: classRead, audit: "health",
			tag: "System", summary: "Whether the bridge works", example: exampleHealth(),
			serve: serveHealth((*api).health),
		},
		{
			method: http.MethodGet, path: base + "/openapi.json", scope: auth.SystemRead, class: classRead, audit: "openapi",
			tag: "System", summary: "This description", example: map[string]any{"openapi": "3.1.0"},
			serve: serveEncoded[map[string]any]((*api).description),
		},
		{
			method: http.MethodGet, path: base + "/system/info", scope: auth.SystemRead, class: classRead, audit: "system.info",
			tag: "System", summary: "How the program does", example: exampleSystem(),
			serve: serve((*api).system),
		},
		{
			method: http.MethodGet, path: base + "/system/diagnostics", scope: auth.SystemRead, class: classWrite, audit: "system.diagnostics",
			tag: "System", summary: "A zip with what helps to find a fault, without secrets", example: "PK",
			serve: serveText("application/zip", (*api).diagnostics),
		},
		{
			method: http.MethodGet, path: "/metrics", aliases: []string{base + "/metrics"}, scope: auth.SystemRead, class: classRead, audit: "metrics",
			tag: "System", summary: "Metrics in Prometheus' text format", example: "printwire_printers_total 1\n",
			serve: serveText("text/plain", (*api).metrics),
		},
		{
			method: http.MethodGet, path: base + "/events", scope: auth.PrintersRead, class: classRead, audit: "events",
			tag: "Events", summary: "The stream of events", example: exampleStream(),
			more: "Server-sent events. The id of an event is its number in the journal: Last-Event-ID resumes behind it. " +
				"\"state\" has a printer's status, \"lost\" how many events are gone.",
			fails: []int{http.StatusNotFound}, serve: serveStream((*api).events),
		},
		{
			method: http.MethodGet, path: base + "/settings", scope: auth.SettingsRead, class: classRead, audit: "settings.get",
			tag: "Settings", summary: "The settings, without their secrets", example: map[string]any{"http": map[string]any{"listen": ":8000"}},
			serve: serve((*api).settings),
		},
		{
			method: http.MethodPatch, path: base + "/settings", scope: auth.SettingsWrite, class: classWrite, audit: "settings.edit",
			tag: "Settings", summary: "Refused: settings come from the settings file", example: map[string]any{}, refusal: adminOnly,
			serve: serve((*api).editSettings),
		},
		{
			method: http.MethodPut, path: base + "/settings", scope: auth.SettingsWrite, class: classWrite, audit: "settings.replace",
			tag: "Settings", summary: "Refused: settings come from the settings file", example: map[string]any{}, refusal: adminOnly,
			serve: serve((*api).editSettings),
		},
		{
			method: http.MethodGet, path: base + "/settings/mqtt/status", scope: auth.SettingsRead, class: classRead, audit: "settings.mqtt",
			tag: "Settings", summary: "The way to MQTT", example: exampleSystem().MQTT,
			serve: serve((*api).mqttStatus),
		},
	}
}
