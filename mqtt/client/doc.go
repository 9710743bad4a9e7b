// Package client owns our MQTT client connections: the link to a printer's own
// broker, and the Bus over somebody else's broker. It does not know what the
// messages mean, and it keeps nothing on disk.
//
// A Link is one connection. It never reconnects: who lost it dials a new one,
// because after a reconnect inside the library nobody knows which commands the
// peer has seen. A Bus is a loop over links that restores what was published
// and subscribed.
//
// A Link speaks MQTT 3.1.1 itself and takes only the packets from a library:
// one goroutine reads, whoever publishes writes, and a timer pings. A printer is
// not a trusted peer: each packet is judged by its header before anything is
// allocated for it, impossible ones end the link, and acknowledgements that
// nobody waits for are left out.
package client
