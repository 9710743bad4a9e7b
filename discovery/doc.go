// Package discovery owns what Home Assistant and other MQTT consumers see: the
// table of entities, their topics and values, the discovery messages,
// availability, command topics, and events as MQTT messages. It does not own a
// connection (mqtt.Bus), a printer (Printers) or a file (Store).
//
// An entity is one row of a table. The row makes the discovery payload, the
// value topic, the command parser and the documentation; to add an entity is
// to add a row. Rows of printers are in printers.go, of filament changers in
// units.go, of the bridge itself in bridge.go.
//
// The rule for a row: its value appends to a buffer and allocates nothing; a
// value that appends nothing is unknown. Text of a device goes through text,
// never into a topic and never into a template (there are none). Keys never
// change once shipped.
package discovery
