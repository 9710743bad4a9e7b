// Package printer owns the domain: what a printer is and does (State), what
// can be asked of it (Command), what happened to it (Event, made by Diff from
// two states), and what every printer family has to offer (Driver). It does
// not know any printer's wire, Home Assistant, MQTT, HTTP or a database.
//
// The rule for whoever makes a State: it is complete. Partial reports stay
// inside the family. Unknown is an unknown Opt or an empty string, never a
// zero that looks like a value. Slices of a published State never change.
//
// The rule for whoever uses two of them: derive from their difference, keep no
// history. A lost report or a reconnect is then only a bigger difference.
package printer
