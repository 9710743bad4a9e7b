package httpapi

import (
	"net/http"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/webhook"
)

func exampleEndpoint() webhook.Endpoint {
	at := example().At
	return webhook.Endpoint{
		ID: "wh_mfrggzdfmztwq2lk", Name: "Workshop notices", Target: "url", URL: "https://hooks.example.org/", Headers: map[string]secret.Text{"Authorization": "x"},
		Format: "standard", Ordered: "lenient", Signature: webhook.HMAC, Milestones: webhook.Milestones{Jumps: "all"}, Enabled: true, Created: at, Updated: at,
	}
}

func exampleDelivery() webhook.Delivery {
	at := example().At
	return webhook.Delivery{
		Key: webhook.Key{Endpoint: exampleEndpoint().ID, Seq: 42}, State: webhook.Retrying, Created: at, Due: at.Add(30 * time.Second), Expires: at.Add(72 * time.Hour),
		Entry: journal.Entry{Seq: 42, Time: at, Name: "print_complete", PrinterID: 1, Printer: "Workshop", Job: "01JPA4G0000000000000000000"},
		Tries: 1, Attempts: []webhook.Attempt{{At: at, Milliseconds: 23, Status: http.StatusBadGateway, Response: "bad gateway"}}, Request: `{"event":"print_complete"}`,
	}
}

// webhookRoutes are the endpoints of webhooks.
func webhookRoutes() []row {
	one, delivery := describeWebhook(exampleEndpoint(), webhook.Health{}), describeDelivery(exampleDelivery(), &secret.Mask{})
	made := one
	made.Secret = "whsec_…"
	status := http.StatusOK
	const root, repeated = base + "/webhooks", "A repeated call with the same Idempotency-Key does nothing twice."
	read := func(path, audit, summary, more string, example any, serve registrar) row {
		return row{
			method: http.MethodGet, path: root + path, scope: auth.WebhooksRead, class: classRead, audit: "webhooks." + audit, fails: []int{http.StatusNotImplemented},
			tag: "Webhooks", summary: summary, more: more, example: example, serve: serve,
		}
	}
	write := func(method, path, audit, summary, more string, example any, serve registrar) row {
		r := read(path, audit, summary, more, example, serve)
		r.method, r.scope, r.class = method, auth.WebhooksWrite, classWrite
		return r
	}
	list := read("", "list", "The webhook endpoints, the oldest first", "URLs, headers and secrets are not shown.", []Webhook{one}, serveWebhooks((*api).webhooks))
	list.next = []string{"webhooks.get", "webhooks.edit", "webhooks.deliveries"}
	add := write(http.MethodPost, "", "create", "Make a webhook endpoint", "The secret that signs is shown only here, and when it is changed. All that is wrong is told at once. "+repeated, made, serveWebhooks((*api).createWebhook))
	add.status = http.StatusCreated
	add.next = []string{"webhooks.get", "webhooks.edit", "webhooks.rotate", "webhooks.enable", "webhooks.disable", "webhooks.recover", "webhooks.deliveries", "webhooks.delete"}
	test := write(http.MethodPost, "/{id}/test", "test", "Send a test event now", "Status and time, never what the receiver wrote.", WebhookTrial{Success: true, At: moment(example().At), Milliseconds: 23, Status: &status}, serveWebhooks((*api).testWebhook))
	test.class = classControl
	return []row{
		list, add,
		read("/formats", "formats", "The formats that events can be written in", "", describeFormats(), serveWebhooks((*api).webhookFormats)),
		read("/events", "events", "The events that endpoints can ask for", "", describeEvents()[:2], serveWebhooks((*api).webhookEvents)),
		read("/{id}", "get", "One webhook endpoint", "", one, serveWebhooks((*api).webhook)),
		write(http.MethodPatch, "/{id}", "edit", "Change a webhook endpoint", "A JSON merge patch: what is left out stays, null is the usual again. What is shown in the place of a secret leaves it as it is.", one, serveWebhooks((*api).editWebhook)),
		write(http.MethodDelete, "/{id}", "delete", "Delete a webhook endpoint with all that is queued for it", "", Done{Status: "deleted", Message: "Webhook endpoint deleted"}, serveWebhooks((*api).deleteWebhook)),
		test,
		write(http.MethodPost, "/{id}/rotate", "rotate", "Give a webhook endpoint a new secret", "The old one signs too for a day. "+repeated, made, serveWebhooks((*api).rotateWebhook)),
		write(http.MethodPost, "/{id}/enable", "enable", "Switch a webhook endpoint on", "With what was queued for it in the last day.", one, serveWebhooks((*api).enableWebhook)),
		write(http.MethodPost, "/{id}/disable", "disable", "Switch a webhook endpoint off", "What happens then is not kept for it.", one, serveWebhooks((*api).disableWebhook)),
		write(http.MethodPost, "/{id}/recover", "recover", "Send again what ended without success", "With the same ids. "+repeated, Recovery{Recovered: 3}, serveWebhooks((*api).recoverWebhook)),
		read("/{id}/deliveries", "deliveries", "What was sent to an endpoint, and is to be; the newest first", "The log has the last 500, or 7 days.", DeliveriesReport{Deliveries: []WebhookDelivery{delivery}}, serveWebhooks((*api).webhookDeliveries)),
		read("/{id}/deliveries/{delivery_id}", "delivery", "One delivery", "", delivery, serveWebhooks((*api).webhookDelivery)),
		write(http.MethodPost, "/{id}/deliveries/{delivery_id}/redeliver", "redeliver", "Send a delivery that has ended again", "With the same id. "+repeated, delivery, serveWebhooks((*api).redeliver)),
	}
}
