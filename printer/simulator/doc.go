// Package simulator owns a simulated Bambu Lab printer: its TLS and MQTT
// server, its certificate, its machine, its prints, its answers and its
// misbehaviour. It does not share a line with the family that reads such
// printers: every wire name is written twice on purpose, so that one typo
// cannot pass both sides.
//
// A Printer is a machine with a clock of its own. Run moves that clock by the
// wall clock times Speed; Step moves it by hand, which is how tests play a
// print of an hour without waiting. Whatever happens to the machine (a step of
// a print, a command, a scenario) changes its fields; reports are rendered from
// those fields alone, whole or as the difference to what was sent last.
//
// The MQTT server is written here, not borrowed: a printer's server has faults
// that no good broker offers (half-open sessions, a cut at a subscription, no
// acknowledgements), and a thousand of them must fit into one process.
//
// Read the files in this order: simulator.go, machine.go, job.go, report.go,
// request.go, scenario.go; wire.go and server.go are the transport.
package simulator
