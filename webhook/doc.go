// Package webhook owns the endpoints that people want events delivered to, the
// outbox that follows the journal into signed deliveries, and the log of what
// came of each. It does not store anything itself, knows no printers but by
// the events, and answers no requests.
//
// An event is matched against the endpoints when the journal has it: the
// deliveries and the journal's cursor are written in one transaction, so no
// event is lost and none gets a second id. Each endpoint has its own lane that
// sends one delivery at a time; a lane that waits holds up no other. A delivery
// whose answer was lost is sent again with the same webhook-id: receivers drop
// repeats by the id and sort by seq.
//
// # How it is put together
//
// The wiring makes one Outbox and treats it as a part and as a follower:
//
//	box := webhook.New(webhook.Options{Store: store.Webhooks(), Log: log, Now: now, Version: version})
//	err := box.Load(ctx)                     // before the bridge starts: Marks needs the endpoints
//	err = box.Manage(ctx, fromSettings)      // endpoints of the settings file, read only
//	bridge.Options{Marks: func() printer.Marks { return webhook.Union(own, box.Marks()) }}
//	parts.start("webhooks", box.Run)         // sends until its ctx ends
//	journal.Follow(ctx, log, store, box)     // a row among the followers
//	box.Drain(ctx)                           // at a stop, before the follower and Run end; ctx of at most 5 s
//
// An interface for people calls Endpoints, Endpoint, Create, Update, Delete,
// Rotate, Enable, Disable, Test, Deliveries, Delivery, Redeliver and Recover.
// Their errors are faults: Problems (several fields at once), NotFound,
// Conflict. Endpoint prints without its secrets; Rotate and Create answer the
// new one once.
package webhook
