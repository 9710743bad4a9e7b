package httpapi

import (
	"net/http"

	"github.com/printwire/printwire/auth"
)

// printerRoutes are the endpoints of the printers themselves.
func printerRoutes() []row {
	return []row{
		{
			method: http.MethodGet, path: base + "/printers", scope: auth.PrintersRead, class: classRead, audit: "printers.list",
			tag: "Printers", summary: "All printers", example: []Printer{examplePrinter()},
			next:  []string{"printers.get", "printers.status", "printers.edit"},
			serve: serve((*api).printers),
		},
		{
			method: http.MethodPost, path: base + "/printers", scope: auth.PrintersManage, class: classWrite, audit: "printers.add",
			tag: "Printers", summary: "Add a printer", status: http.StatusCreated, example: examplePrinter(),
			more:  "Names of both spellings are taken: ip_address or host, serial_number or serial, location or area.",
			next:  []string{"printers.get", "printers.status", "printers.edit", "printers.remove"},
			serve: serve((*api).addPrinter),
		},
		{
			method: http.MethodPost, path: base + "/printers/test", scope: auth.PrintersManage, class: classControl, audit: "printers.test",
			tag: "Printers", summary: "Try whether a printer can be reached", example: exampleTrial(),
			more:  "Connects with the settings that are sent, tells what it finds, and keeps nothing.",
			serve: serve((*api).testPrinter),
		},
		{
			method: http.MethodGet, path: base + "/printers/{id}", scope: auth.PrintersRead, class: classRead, audit: "printers.get",
			tag: "Printers", summary: "One printer", example: examplePrinter(),
			serve: serve((*api).printer),
		},
		{
			method: http.MethodPatch, path: base + "/printers/{id}", scope: auth.PrintersManage, class: classWrite, audit: "printers.edit",
			tag: "Printers", summary: "Change how a printer is called and reached", example: examplePrinter(),
			more:  "A JSON merge patch: what is left out stays, null clears. The access code can be set, never read.",
			serve: serve((*api).editPrinter),
		},
		{
			method: http.MethodDelete, path: base + "/printers/{id}", scope: auth.PrintersManage, class: classWrite, audit: "printers.remove",
			tag: "Printers", summary: "Remove a printer", example: Done{Status: "deleted", Message: "Printer deleted"},
			serve: serve((*api).removePrinter),
		},
		{
			method: http.MethodGet, path: base + "/printers/{id}/status", aliases: []string{base + "/webhook/printer/{id}/status"},
			scope: auth.PrintersRead, class: classRead, audit: "printers.status",
			tag: "Printers", summary: "What a printer does now", example: exampleStatus(),
			bare:  []int{http.StatusNotModified},
			serve: serveEncoded[Status]((*api).status),
		},
		{
			method: http.MethodGet, path: base + "/printers/{id}/cover", scope: auth.PrintersRead, class: classRead, audit: "printers.cover",
			tag: "Printers", summary: "The picture of the present or last job", example: "",
			serve: serveImage((*api).cover),
		},
		{
			method: http.MethodGet, path: base + "/printers/{id}/print/objects", scope: auth.PrintersRead, class: classRead, audit: "printers.objects",
			tag: "Printers", summary: "What is on the plate of the present or last job", example: examplePlate(),
			serve: serve((*api).objects),
		},
		{
			method: http.MethodGet, path: base + "/printers/{id}/diagnostic", scope: auth.PrintersRead, class: classRead, audit: "printers.diagnostic",
			tag: "Printers", summary: "How well a printer can be reached", example: exampleDiagnosis(),
			more:  "What the connection and the last job's file have shown; nothing is probed for it. POST /printers/test tries a connection.",
			serve: serve((*api).diagnosis),
		},
		{
			method: http.MethodPost, path: base + "/printers/{id}/refresh-status", aliases: []string{base + "/printers/{id}/refresh"},
			scope: auth.PrintersRead, class: classWrite, audit: "printers.refresh",
			tag: "Printers", summary: "Ask the printer for a full report", example: Done{Status: "refresh_requested", Message: "Status refresh requested"},
			serve: serve((*api).refresh),
		},
		{
			method: http.MethodPost, path: base + "/printers/{id}/connect", scope: auth.PrintersControl, class: classControl, audit: "printers.connect",
			tag: "Printers", summary: "Connect to the printer now", example: Done{Status: "connecting", Message: "Connecting"},
			serve: serve((*api).connect),
		},
		{
			method: http.MethodPost, path: base + "/printers/{id}/disconnect", scope: auth.PrintersControl, class: classControl, audit: "printers.disconnect",
			tag: "Printers", summary: "Leave the printer alone until it is connected again", example: Done{Status: "disconnected", Message: "Disconnected"},
			serve: serve((*api).disconnect),
		},
		{
			method: http.MethodPost, path: base + "/printers/{id}/trust", scope: auth.PrintersManage, class: classWrite, audit: "printers.trust",
			tag: "Printers", summary: "Trust the new certificate that the printer shows", example: Done{Status: "trusted", Message: "The new certificate is trusted"},
			serve: serve((*api).trust),
		},
	}
}
