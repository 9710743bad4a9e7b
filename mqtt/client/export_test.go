package client

import (
	"context"
	"net"

	"github.com/printwire/printwire/mqtt"
)

// ReadAll reads what conn has to say and gives the reason of the end. It
// starts no goroutine.
func ReadAll(conn net.Conn, o LinkOptions) error {
	full := linkOptions{LinkOptions: o.withDefaults(), onMessage: func(m mqtt.Message) { o.OnMessage(m.Topic, m.Payload) }}
	l := newLink(conn, full)
	l.read()
	return l.Err()
}

// DialOver is Dial over a connection that is there already.
func DialOver(ctx context.Context, conn net.Conn, o LinkOptions) (*Link, error) {
	return dialLink(ctx, linkOptions{
		LinkOptions: o,
		dial:        func(context.Context) (net.Conn, error) { return conn, nil },
		onMessage:   func(m mqtt.Message) { o.OnMessage(m.Topic, m.Payload) },
	})
}
