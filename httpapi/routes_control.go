package httpapi

import (
	"net/http"

	"github.com/printwire/printwire/auth"
)

// controlRoutes are the endpoints that make a printer do something.
func controlRoutes() []row {
	on := func(name string) string { return base + "/printers/{id}/" + name }
	list := []row{
		{
			path: on("print/pause"), aliases: []string{on("pause")}, audit: "control.pause",
			summary: "Pause the print", example: exampleControl("Print paused"), serve: serve((*api).pause),
		},
		{
			path: on("print/resume"), aliases: []string{on("resume")}, audit: "control.resume",
			summary: "Go on with the print", example: exampleControl("Print resumed"), serve: serve((*api).resume),
		},
		{
			path: on("print/stop"), audit: "control.stop",
			aliases: []string{on("stop"), on("print/cancel"), base + "/webhook/printer/{id}/stop", base + "/webhook/printer/{id}/cancel"},
			summary: "Cancel the print", example: exampleControl("Print stopped"), serve: serve((*api).stop),
		},
		{
			path: on("print-speed"), aliases: []string{on("speed"), on("print/speed")}, audit: "control.speed",
			summary: "Set the print speed", example: exampleControl("Print speed set"), serve: serve((*api).speed),
		},
		{
			path: on("chamber-light"), aliases: []string{on("light")}, audit: "control.light",
			summary: "Switch a light", example: exampleControl("Chamber light on"), serve: serve((*api).light),
		},
		{
			path: on("temperature/nozzle"), aliases: []string{on("temperatures/nozzle")}, audit: "control.nozzle",
			summary: "Set a nozzle's temperature", example: exampleControl("Nozzle temperature set"), serve: serve((*api).nozzle),
		},
		{
			path: on("temperature/bed"), aliases: []string{on("temperatures/bed")}, audit: "control.bed",
			summary: "Set the bed's temperature", example: exampleControl("Bed temperature set"), serve: serve((*api).bed),
		},
		{
			path: on("temperature/chamber"), aliases: []string{on("temperatures/chamber")}, audit: "control.chamber",
			summary: "Set the chamber's temperature", example: exampleControl("Chamber temperature set"), serve: serve((*api).chamber),
		},
		{
			path: on("fan-speed"), aliases: []string{on("fan")}, audit: "control.fan",
			summary: "Set a fan's speed", example: exampleControl("Fan speed set"), serve: serve((*api).fan),
		},
		{
			path: on("airduct-mode"), aliases: []string{on("air-duct")}, audit: "control.airduct",
			summary: "Set the air duct's mode", example: exampleControl("Air duct mode set"), serve: serve((*api).airDuct),
		},
		{
			path: on("hms/clear"), audit: "control.hms.clear",
			summary: "Clear the printer's errors", example: exampleControl("HMS errors cleared"), serve: serve((*api).clearErrors),
		},
		{
			path: on("print/skip-objects"), audit: "control.skip",
			summary: "Leave out objects of the plate", example: exampleControl("Objects skipped"), serve: serveAnyJSON(skipBody(nil).Schema(nil), (*api).skipObjects),
		},
		{
			path: on("ams/load"), audit: "control.ams.load",
			summary: "Load filament from a tray", example: exampleControl("Loading filament"), serve: serve((*api).load),
		},
		{
			path: on("ams/unload"), audit: "control.ams.unload",
			summary: "Unload the filament", example: exampleControl("Unloading filament"), serve: serve((*api).unload),
		},
		{
			path: on("drying/start"), audit: "control.drying.start",
			summary: "Dry the filament in an AMS unit", example: exampleControl("Drying started"), serve: serve((*api).dry),
		},
		{
			path: on("drying/stop"), audit: "control.drying.stop",
			summary: "End drying", example: exampleControl("Drying stopped"), serve: serve((*api).stopDrying),
		},
	}
	for i := range list {
		list[i].method, list[i].scope, list[i].class, list[i].tag = http.MethodPost, auth.PrintersControl, classControl, "Control"
		list[i].more = "Answers when the printer has confirmed, or after a time limit. " +
			"Values are taken from the query or from a JSON body. An Idempotency-Key makes a repeated call harmless for 24 hours."
	}
	return list
}
