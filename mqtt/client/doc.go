// Package client owns our MQTT client connections: the link to a printer's own
// broker, and the Bus over somebody else's broker. It does not know what the
// messages mean, and it keeps nothing on disk.
//
// A Link is one connection. It never reconnects: who lost it dials a new one,
// because after a reconnect inside the library nobody knows which commands the
// peer has seen. A Bus is a loop over links that restores what was published
// and subscribed.
//
// Everything that arrives passes a guard on the network connection. It refuses
// oversized and impossible packets before the library allocates or indexes
// anything, and leaves out acknowledgements that nobody waits for, which can
// crash the library: a printer is not a trusted peer.
package client
