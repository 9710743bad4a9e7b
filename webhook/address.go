package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/printwire/printwire/fault"
)

// Policy says which addresses deliveries may go to. The zero Policy allows
// public and private ones, and refuses the machine itself, its links, the
// Supervisor's network and what no host has.
type Policy struct {
	// PublicOnly refuses private addresses too.
	PublicOnly bool
	// Only, if not empty, is all that is allowed.
	Only []netip.Prefix
	// Loopback allows the machine itself, for a receiver that runs beside the program.
	Loopback bool
	// Resolve finds a name's addresses; nil is the system's resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// blockedError says that an address is not allowed.
type blockedError struct{ text string }

func (e *blockedError) Error() string { return e.text }

// supervisorNet is the network of Home Assistant's Supervisor.
var supervisorNet = netip.MustParsePrefix("172.30.32.0/23")

// refused is the table of the ranges that no receiver lives in.
func refused() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4", "100.100.100.200/32", // The last is a cloud's metadata, in a range of tailnets.
		"::/96", "::ffff:0:0:0/96", "100::/64", "2001::/23", "2001:db8::/32", "64:ff9b:1::/48", "5f00::/16", "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::254/128",
	} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// embedded is the IPv4 address inside an IPv6 one of a transition scheme.
func embedded(a netip.Addr) (netip.Addr, bool) {
	b := a.As16()
	switch {
	case !a.Is6() || a.Is4In6():
		return netip.Addr{}, false
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case netip.MustParsePrefix("2002::/16").Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

// check refuses an address. host is the name it was found under.
func (p Policy) check(a netip.Addr, host string) error {
	a = a.Unmap().WithZone("")
	if in, ok := embedded(a); ok {
		if err := p.check(in, ""); err != nil {
			return err
		}
	}
	refuse := func(what string) error {
		return &blockedError{fmt.Sprintf("%s is %s, which is not allowed", a, what)}
	}
	switch {
	case a.IsLoopback():
		if !p.Loopback {
			return &blockedError{fmt.Sprintf("%s is this machine, which is not allowed without webhook_addresses.loopback in the settings", a)}
		}
	case supervisorNet.Contains(a):
		if !inside(host) {
			return refuse("in the Supervisor's network")
		}
		return nil
	case a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() || slices.ContainsFunc(refused(), func(r netip.Prefix) bool { return r.Contains(a) }):
		return refuse("link-local, reserved or nobody's")
	case p.PublicOnly && (a.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(a)):
		return refuse("private")
	}
	if len(p.Only) > 0 && !slices.ContainsFunc(p.Only, func(r netip.Prefix) bool { return r.Contains(a) }) {
		return refuse("not on the list of allowed networks")
	}
	return nil
}

// inside tells whether a name is one of the two of the Supervisor's network
// that may be reached, each for one purpose (see checkURL).
func inside(host string) bool { return host == "homeassistant" || host == "supervisor" }

// maskedText tells what was copied from where secrets are not shown.
func maskedText(text string) bool {
	return strings.Contains(text, "***") || strings.Contains(text, "…")
}

// checkURL refuses a URL as it is written. Names are looked at when they are
// resolved, on every connection.
func (p Policy) checkURL(text string) error {
	invalid := func(format string, args ...any) error { return fault.New(fault.Invalid, format, args...) }
	if maskedText(text) {
		return invalid("has *** or … in the place of what is not shown")
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Opaque != "" || len(text) > 2048 {
		return invalid("must be a URL such as http://192.168.1.20:8123/api/webhook/…")
	}
	host := strings.ToLower(u.Hostname())
	port := u.Port()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return invalid("must begin with http:// or https://")
	case u.User != nil:
		return invalid("must not hold a user or password; set the header Authorization instead")
	case u.Fragment != "":
		return invalid("must not have a part after #")
	case port != "" && !goodPort(port):
		return invalid("must not have the port %.8q", port)
	case inside(host):
		return insideURL(u, host)
	}
	name := strings.TrimSuffix(host, ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		if !p.Loopback {
			return invalid("must not be this machine, unless webhook_addresses.loopback is set in the settings")
		}
		return nil
	}
	a, err := netip.ParseAddr(host)
	switch {
	case err == nil && a.Zone() != "":
		return invalid("must not name a network interface")
	case err == nil:
		if err := p.check(a, ""); err != nil {
			return invalid("%v", err)
		}
	case strings.ContainsFunc(u.Hostname(), func(r rune) bool { return r >= utf8.RuneSelf }):
		// On the way out it becomes another name, which may be one of the two above.
		return invalid("must have a host name in ASCII, such as xn--mller-kva.example")
	case strings.Contains(host, ":") || numeric(name) || name == "" || strings.ContainsAny(host, "%\\ "):
		return invalid("must have a host name or a usual IP address")
	}
	return nil
}

func goodPort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n > 0 && n < 1<<16 && n != 25
}

// numeric: the last part is a number in some notation, so that some resolvers
// take the whole for an address.
func numeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || strings.HasPrefix(last, "0x") || last != "" && strings.Trim(last, "0123456789") == ""
}

// insideURL allows Home Assistant's webhooks and its event bus, nothing else
// of what those two hosts can do.
func insideURL(u *url.URL, host string) error {
	purpose := map[string]struct{ port, prefix string }{
		"homeassistant": {"8123", "/api/webhook/"},
		"supervisor":    {"80", "/core/api/events/"},
	}[host]
	port := u.Port()
	if port == "" && u.Scheme == "http" {
		port = "80"
	}
	rest, ok := strings.CutPrefix(u.EscapedPath(), purpose.prefix)
	if !ok || u.Scheme != "http" || port != purpose.port || rest == "" || strings.ContainsAny(rest, "/%") || path.Clean(u.Path) != u.Path {
		return fault.New(fault.Invalid, "of %s must be http://%s:%s%s…", host, host, purpose.port, purpose.prefix)
	}
	return nil
}

// connectTime is how long a connection may take.
const connectTime = 3 * time.Second

// leastTime is what each address of a name gets of it, however many there are.
const leastTime = 500 * time.Millisecond

// dial connects to a name. It is the one place where a connection begins:
// each address is checked after resolution, and again when the socket has it.
func (p Policy) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil || !goodPort(port) {
		return nil, &blockedError{"the port is not allowed"}
	}
	host = strings.ToLower(host)
	addresses, err := p.resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("finding the address of the host: %w", err)
	}
	d := net.Dialer{Control: func(_, real string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(real)
		if err != nil {
			return &blockedError{"the address cannot be read"}
		}
		return p.check(a.Addr(), host)
	}}
	return first(ctx, addresses, func(ctx context.Context, a netip.Addr) (net.Conn, error) {
		if err := p.check(a, host); err != nil {
			return nil, err
		}
		return d.DialContext(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
	})
}

// first is a connection to the first address that gives one. A silent address
// leaves a part of the time to those that follow. When none gives one, an
// address that is down says more than one that is refused: it may come back.
func first(ctx context.Context, addresses []netip.Addr, connect func(context.Context, netip.Addr) (net.Conn, error)) (net.Conn, error) {
	last := errors.New("the host has no address")
	for i, a := range addresses {
		limit := time.Duration(0)
		if end, ok := ctx.Deadline(); ok {
			limit = max(time.Until(end)/time.Duration(len(addresses)-i), leastTime)
		}
		conn, err := within(ctx, limit, a, connect)
		if err == nil {
			return conn, nil
		}
		var refusal *blockedError
		if refused := errors.As(err, &refusal); !refused || i == 0 {
			last = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

func within(ctx context.Context, limit time.Duration, a netip.Addr, connect func(context.Context, netip.Addr) (net.Conn, error)) (net.Conn, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return connect(ctx, a)
}

func (p Policy) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if p.Resolve != nil {
		return p.Resolve(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}
