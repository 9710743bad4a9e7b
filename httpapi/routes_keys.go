package httpapi

import (
	"net/http"
	"time"

	"github.com/printwire/printwire/auth"
)

func exampleKey() KeyReport {
	a := &api{Options: Options{Now: func() time.Time { return example().At }}}
	return a.keyReport(auth.Key{
		ID: "key_01JPA4G0000000000000000000", Name: "Home Assistant", Owner: "local", Masked: "pw_live_ab12...wxyz",
		Scopes: []auth.Scope{auth.PrintersRead}, Created: example().At, Plan: auth.Plans()[0],
	}, "")
}

// keyRoutes are the endpoints of API keys.
func keyRoutes() []row {
	one := exampleKey()
	made := one
	made.Key = "pw_live_…"
	return []row{
		{
			method: http.MethodGet, path: base + "/auth/me", aliases: []string{base + "/me"}, self: true, class: classRead, audit: "auth.me",
			tag: "Keys", summary: "Who asks, and what they may do", example: MeReport{Name: "Home Assistant", Scopes: one.Scopes, Permissions: one.Permissions, Plan: one.Plan},
			serve: serve((*api).me),
		},
		{
			method: http.MethodPost, path: base + "/auth/tickets", self: true, class: classWrite, audit: "auth.ticket",
			tag: "Keys", summary: "A ticket that opens one stream within 30 seconds", example: TicketReport{Ticket: "pw_tk_…", ExpiresAt: Time(example().At)},
			more: "For browsers, whose streams send no headers: GET " + base + "/events?ticket=…", serve: serve((*api).ticket),
		},
		{
			method: http.MethodGet, path: base + "/auth/ticket", self: true, class: classWrite, audit: "auth.ticket.get",
			tag: "Keys", summary: "The same, for keys that may only read", example: TicketReport{Ticket: "pw_tk_…", ExpiresAt: Time(example().At)},
			serve: serve((*api).ticket),
		},
		{
			method: http.MethodGet, path: base + "/api-keys", aliases: []string{"/v1/api-keys"}, scope: auth.KeysRead, class: classRead, audit: "keys.list",
			tag: "Keys", summary: "The API keys, the newest first", example: []KeyReport{one}, serve: serve((*api).keys),
		},
		{
			method: http.MethodPost, path: base + "/api-keys", aliases: []string{"/v1/api-keys"}, scope: auth.KeysWrite, class: classWrite, audit: "keys.create",
			tag: "Keys", summary: "Make an API key", status: http.StatusCreated, example: made,
			more: "It is shown only here. A key makes no key that opens more than itself.",
			next: []string{"keys.get", "keys.edit", "keys.rotate", "keys.revoke"}, serve: serve((*api).createKey),
		},
		{
			method: http.MethodGet, path: base + "/api-keys/{id}", aliases: []string{"/v1/api-keys/{id}"}, scope: auth.KeysRead, class: classRead, audit: "keys.get",
			tag: "Keys", summary: "One API key", example: one, serve: serve((*api).key),
		},
		{
			method: http.MethodPatch, path: base + "/api-keys/{id}", aliases: []string{"/v1/api-keys/{id}"}, scope: auth.KeysWrite, class: classWrite, audit: "keys.edit",
			tag: "Keys", summary: "Change an API key", example: one, more: "A JSON merge patch: null clears.", serve: serve((*api).editKey),
		},
		{
			method: http.MethodPost, path: base + "/api-keys/{id}/rotate", aliases: []string{"/v1/api-keys/{id}/rotate"}, scope: auth.KeysWrite, class: classWrite, audit: "keys.rotate",
			tag: "Keys", summary: "Give an API key a new secret", example: made, more: "The old one answers for a while.", serve: serve((*api).rotateKey),
		},
		{
			method: http.MethodDelete, path: base + "/api-keys/{id}", aliases: []string{"/v1/api-keys/{id}"}, scope: auth.KeysWrite, class: classWrite, audit: "keys.revoke",
			tag: "Keys", summary: "Revoke an API key at once", example: Done{Status: "deleted", Message: "API key deleted"}, serve: serve((*api).revokeKey),
		},
		{
			method: http.MethodGet, path: base + "/audit", scope: auth.KeysRead, class: classRead, audit: "audit.list",
			tag: "Keys", summary: "What was done, the newest first", example: AuditReport{Entries: []auth.AuditEntry{}}, serve: serve((*api).auditList),
		},
	}
}
