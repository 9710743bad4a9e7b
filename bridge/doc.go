// Package bridge owns the printers' sessions: one per printer, the present
// picture of each, its events' way into the journal, the fan-out of values to
// sinks, and the one road for commands. It does not know any printer's wire,
// who listens, or how things are stored: drivers, sinks and the Store are
// handed in.
//
// The path of an update: a driver emits a complete State on its session's
// goroutine; the session completes it (printer.Carry), takes the difference to
// the last one (printer.Diff), shows the new picture, hands it to each sink's
// queue, and, if there are events, commits state, memory and events in one
// transaction before the driver goes on. Sinks never block a session: each has
// a queue in which the newest picture of a printer replaces the one before.
package bridge
