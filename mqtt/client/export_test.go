package client

import (
	"context"
	"net"

	"github.com/printwire/printwire/mqtt"
)

// DialOver is Dial over a connection that is there already.
func DialOver(ctx context.Context, conn net.Conn, o LinkOptions) (*Link, error) {
	return dialLink(ctx, linkOptions{
		LinkOptions: o,
		dial:        func(context.Context) (net.Conn, error) { return conn, nil },
		onMessage:   func(m mqtt.Message) { o.OnMessage(m.Topic, m.Payload) },
	})
}
