package ftps

import (
	"bytes"
	"net"
	"time"

	"github.com/printwire/printwire/fault"
)

// channel is a connection that waits only so long for the next bytes and
// brings only so many.
type channel struct {
	net.Conn
	patience time.Duration
	// first is the patience before anything came, 0 for the usual one.
	first time.Duration
	left  int64
	// got is how many bytes came.
	got  int64
	drop func()
}

// Read waits at most for the channel's patience.
func (c *channel) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, fault.New(fault.Invalid, "the printer sends more than it said or than is sane")
	}
	patience := c.patience
	if c.got == 0 && c.first > 0 {
		patience = c.first
	}
	if err := c.Conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	c.got += int64(n)
	return n, err
}

// Write waits at most for the channel's patience.
func (c *channel) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// SetDeadline does nothing: each Read and Write has its own.
func (c *channel) SetDeadline(time.Time) error { return nil }

// Close says goodbye as far as the peer listens, and closes the socket.
func (c *channel) Close() error {
	_ = c.Conn.SetWriteDeadline(time.Now().Add(c.patience))
	err := c.Conn.Close()
	c.drop()
	return err
}

// commands is the control connection. It changes the two commands that the
// library has no words for; each comes in one piece.
type commands struct {
	*channel
	// clear asks for clear data connections where the library asks for protected
	// ones, which is the only thing it offers over implicit TLS.
	clear bool
	// date makes the next question for a size one for a date, which is answered
	// in the same form. The library asks only servers that announce the command,
	// and some that know it announce nothing.
	date bool
}

// Write passes commands on.
func (c *commands) Write(p []byte) (int, error) {
	switch {
	case c.clear && bytes.Equal(p, []byte("PROT P\r\n")):
		p = []byte("PROT C\r\n")
	case c.date && bytes.HasPrefix(p, []byte("SIZE ")):
		c.date = false
		p = append([]byte("MDTM "), p[len("SIZE "):]...)
	}
	return c.channel.Write(p)
}
