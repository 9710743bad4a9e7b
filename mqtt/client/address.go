package client

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"

	"github.com/printwire/printwire/fault"
)

// scheme is how a broker is reached.
type scheme struct {
	port        string
	secure, web bool
}

// schemes are the spellings in use.
func schemes() map[string]scheme {
	plain, secure := scheme{port: "1883"}, scheme{port: "8883", secure: true}
	return map[string]scheme{
		"mqtt": plain, "tcp": plain,
		"mqtts": secure, "tls": secure, "ssl": secure,
		"ws":  {port: "80", web: true},
		"wss": {port: "443", web: true, secure: true},
	}
}

// target is one address of a broker.
type target struct {
	scheme
	name string // for people
	host string // host:port
	tls  *tls.Config
	url  string // of a WebSocket
}

// parseTarget reads an address of a broker.
func parseTarget(address string, config *tls.Config) (target, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return target{}, fault.New(fault.Invalid, "expected an address such as mqtt://192.168.1.2:1883")
	}
	s, ok := schemes()[strings.ToLower(u.Scheme)]
	switch {
	case !ok:
		return target{}, fault.New(fault.Invalid, "scheme %.16q: expected mqtt, mqtts, ws or wss", u.Scheme)
	case u.User != nil:
		return target{}, fault.New(fault.Invalid, "user and password are fields of their own, not part of the address")
	case !s.web && strings.Trim(u.Path, "/") != "" || u.RawQuery != "" && !s.web:
		return target{}, fault.New(fault.Invalid, "only a ws or wss address has a path")
	}
	port := u.Port()
	if port == "" {
		port = s.port
	}
	t := target{scheme: s, host: net.JoinHostPort(u.Hostname(), port)}
	t.name = strings.ToLower(u.Scheme) + "://" + t.host
	if s.secure {
		t.tls = withServerName(config, u.Hostname())
	}
	if s.web {
		if u.Path == "" {
			u.Path = "/mqtt"
		}
		t.url = (&url.URL{Scheme: strings.ToLower(u.Scheme), Host: t.host, Path: u.Path, RawQuery: u.RawQuery}).String()
	}
	return t, nil
}

// dial opens the connection.
func (t target) dial(ctx context.Context) (net.Conn, error) {
	if t.web {
		return dialWebSocket(ctx, t.url, t.tls)
	}
	return dialTCP(ctx, t.host, t.tls)
}
