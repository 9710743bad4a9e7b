// Package ftps owns reading files from a printer's own FTP server: implicit
// TLS on the control connection, and on the data connections what that printer
// can do. It does not know which file is wanted, and it never writes, renames
// or removes one.
package ftps

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"sync"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// Port is where printers listen for FTP over implicit TLS.
const Port = 990

// Bounds of what a printer may send beside the file itself, in bytes: all
// answers of one session, and one listing.
const (
	maxAnswers = 1 << 20
	maxListing = 4 << 20
)

// firstByte is how long a data connection may bring nothing: it is there already,
// and firmware that hangs with TLS on it does so for ever.
const firstByte = 4 * time.Second

// Options say which printer, and how patient to be.
type Options struct {
	// Address is host:port.
	Address string
	// TLS checks the printer's certificate; it is asked for each connection.
	TLS      *tls.Config
	User     string
	Password secret.Text
	// ClearData leaves the data connections without TLS, for printers whose
	// firmware hangs with it. The login stays encrypted.
	ClearData bool
	// Patience is how long each answer and each piece of a file is waited for; 0 is 10 s.
	Patience time.Duration
	// Rate is the most bytes a second that are fetched; 0 is 8 MB.
	Rate int64
}

// ErrDataChannel is in the chain of an error when the data connection failed
// before its first byte: try again with ClearData changed.
var ErrDataChannel = errors.New("nothing came over the data connection")

// Conn is one session with one printer. It is used by one goroutine.
type Conn struct {
	options Options
	tls     *tls.Config
	ctx     context.Context
	client  *ftp.ServerConn
	// commands is the control connection under client.
	commands *commands
	stop     func() bool

	// mu guards open and ended, which the end of the context uses too.
	mu    sync.Mutex
	open  map[net.Conn]bool
	ended bool
	// allow is how much the next data connection may bring, in bytes.
	allow int64
	data  *channel
}

// Dial connects and logs in. When ctx ends, everything that is open is closed,
// and what is under way fails. fault.Denied: the login or the certificate was
// refused; fault.Offline: there is no such server.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	if o.Rate <= 0 {
		o.Rate = 8 << 20
	}
	c := &Conn{options: o, tls: shared(o.TLS), ctx: ctx, open: map[net.Conn]bool{}}
	c.stop = context.AfterFunc(ctx, c.hangUp) // owner: Close, which waits for nothing it left open
	if err := c.login(); err != nil {
		c.Close()
		return nil, fmt.Errorf("connecting to the printer's files at %s: %w", o.Address, c.cause(err))
	}
	return c, nil
}

// shared makes the configuration of all connections of one session. Servers
// demand on a data connection the session of the control connection. With
// TLS 1.3 some printers lose it in the middle of a transfer, so 1.2 is the most.
func shared(t *tls.Config) *tls.Config {
	t = t.Clone()
	t.MinVersion, t.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	t.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	t.ServerName = "printer" // the key of the cache; the certificate is checked by its pin or chain
	return t
}

func (c *Conn) login() error {
	options := []ftp.DialOption{
		ftp.DialWithDialFunc(c.connect),
		ftp.DialWithTLS(c.tls), // makes the library ask for protected data connections
		ftp.DialWithDisabledMLSD(true),
		ftp.DialWithShutTimeout(c.options.Patience),
	}
	client, err := ftp.Dial(c.options.Address, options...)
	if err != nil {
		return err
	}
	c.client = client
	return client.Login(c.options.User, c.options.Password.Reveal())
}

// connect opens the control connection the first time and data connections
// after that.
func (c *Conn) connect(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.options.Patience)
	defer cancel()
	dialer := &net.Dialer{}
	raw, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if !c.take(raw) {
		return nil, net.ErrClosed
	}
	if c.client == nil {
		return c.control(ctx, raw)
	}
	c.data = &channel{Conn: raw, patience: c.options.Patience, first: min(c.options.Patience, firstByte), left: c.allow, drop: func() { c.leave(raw) }}
	if !c.options.ClearData {
		c.data.Conn = tls.Client(raw, c.tls) // its first read shakes hands
	}
	return c.data, nil
}

func (c *Conn) control(ctx context.Context, raw net.Conn) (net.Conn, error) {
	conn := tls.Client(raw, c.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		c.leave(raw)
		return nil, err
	}
	line := &channel{Conn: conn, patience: c.options.Patience, left: maxAnswers, drop: func() { c.leave(raw) }}
	c.commands = &commands{channel: line, clear: c.options.ClearData}
	return c.commands, nil
}

// take notes an open connection, or closes it when the session is over.
func (c *Conn) take(raw net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		_ = raw.Close()
		return false
	}
	c.open[raw] = true
	return true
}

func (c *Conn) leave(raw net.Conn) {
	_ = raw.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, raw)
}

// hangUp closes everything at once.
func (c *Conn) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for raw := range c.open {
		_ = raw.Close()
	}
	clear(c.open)
}

// Close ends the session.
func (c *Conn) Close() {
	c.stop()
	if c.client != nil {
		_ = c.client.Quit()
	}
	c.hangUp()
}

// cause is the error as the rest of the program knows it.
func (c *Conn) cause(err error) error {
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	var answer *textproto.Error
	switch {
	case err == nil || fault.KindOf(err) != fault.Internal:
		return err
	case errors.As(err, &answer):
		return fault.New(kindOf(answer.Code), "the printer answered %d %.100q: %w", answer.Code, answer.Msg, err)
	default:
		return fault.New(fault.Offline, "%w", err)
	}
}

// kindOf sorts the answers of RFC 959.
func kindOf(code int) fault.Kind {
	switch code {
	case ftp.StatusNotLoggedIn:
		return fault.Denied
	case ftp.StatusFileUnavailable:
		return fault.NotFound
	case ftp.StatusBadCommand, ftp.StatusNotImplemented, ftp.StatusNotImplementedParameter:
		return fault.Unsupported
	default:
		return fault.Offline
	}
}

// discard is a reader's end that cannot fail.
func discard(r io.Closer) { _ = r.Close() }
