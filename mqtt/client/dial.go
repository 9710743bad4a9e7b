package client

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/printwire/printwire/fault"
)

// dialTCP opens a TCP connection and, with a TLS configuration, shakes hands.
// The handshake's own error stays in the chain.
func dialTCP(ctx context.Context, address string, config *tls.Config) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil || config == nil {
		return conn, err
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}

// withServerName is config with the name that the server's certificate must
// carry, unless the caller set one.
func withServerName(config *tls.Config, host string) *tls.Config {
	if config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = host
	}
	return config
}

// unreachable classifies a failure to connect; the end of ctx stays itself.
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fault.New(fault.Offline, "unreachable: %w", err)
}
