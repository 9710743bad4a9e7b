package ftpserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"strings"
	"time"
)

const (
	// block is how much is written at once, as printers do.
	block = 64 << 10
	// brokenBlocks is after how many blocks TLS 1.3 breaks.
	brokenBlocks = 7
	// dataTime is how long a data connection is waited for.
	dataTime = 10 * time.Second
)

var errReuse = errors.New("the data connection does not reuse the session of the control connection")

// transfer sends what body writes over a data connection, and says how it went.
func (c *session) transfer(body func(w io.Writer) error) bool {
	l := c.passive
	c.passive = nil
	if l == nil {
		c.say(425, "use PASV first")
		return false
	}
	defer l.Close()
	stop := context.AfterFunc(c.ctx, func() { _ = l.Close() }) // owner: transfer, which stops it; it returns at once
	defer stop()
	if c.clear && !c.options.Quirks.AnyData && !c.options.Quirks.HangOnProtected {
		c.say(522, "data connections must be encrypted")
		return false
	}
	c.say(150, "here it comes")
	_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(dataTime))
	raw, err := l.Accept()
	if err != nil {
		c.say(425, "nobody came")
		return false
	}
	if !c.take(raw) {
		return false
	}
	defer c.leave(raw)
	err = c.send(raw, body)
	switch {
	case errors.Is(err, errReuse):
		c.say(522, "SSL connection failed: session reuse required")
	case err != nil || c.options.Quirks.EndsWith426:
		c.say(426, "failure writing to the data connection")
	default:
		c.say(226, "complete")
	}
	return err == nil
}

func (c *session) send(raw net.Conn, body func(w io.Writer) error) error {
	q := c.options.Quirks
	_ = raw.SetDeadline(time.Now().Add(dataTime))
	if c.clear {
		return body(&pacer{session: c, w: raw, raw: raw})
	}
	if q.HangOnProtected {
		_, _ = io.Copy(io.Discard, raw) // until the client has had enough
		return io.ErrUnexpectedEOF
	}
	conn := tls.Server(raw, c.tls)
	if err := conn.HandshakeContext(c.ctx); err != nil {
		return err
	}
	state := conn.ConnectionState()
	if !state.DidResume && !q.AnyData {
		return errReuse
	}
	w := &pacer{session: c, w: conn, raw: raw}
	if state.Version == tls.VersionTLS13 && q.TLS13 {
		w.breakAt = brokenBlocks * block
	}
	if err := body(w); err != nil {
		return err
	}
	return conn.Close()
}

// pacer writes in blocks, at the server's rate, and breaks off where it must.
type pacer struct {
	*session
	w       io.Writer
	raw     net.Conn
	began   time.Time
	n       int64
	breakAt int64
}

func (p *pacer) Write(b []byte) (int, error) {
	if p.began.IsZero() {
		p.began = time.Now()
	}
	done := 0
	for done < len(b) {
		part := b[done:min(len(b), done+block)]
		if err := p.hold(); err != nil {
			return done, err
		}
		_ = p.raw.SetDeadline(time.Now().Add(dataTime))
		n, err := p.w.Write(part)
		done += n
		p.n += int64(n)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// hold waits for the rate, or for ever where the transfer is to stand still.
func (p *pacer) hold() error {
	q := p.options.Quirks
	if p.breakAt > 0 && p.n >= p.breakAt {
		return io.ErrClosedPipe
	}
	var wait time.Duration
	switch {
	case q.StallAfter > 0 && p.n >= q.StallAfter:
		wait = dataTime
	case q.Rate > 0:
		wait = time.Duration(float64(p.n)/float64(q.Rate)*float64(time.Second)) - time.Since(p.began)
	}
	if wait <= 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
	if q.StallAfter > 0 && p.n >= q.StallAfter {
		return io.ErrClosedPipe
	}
	return nil
}

func (c *session) list(verb, argument string) {
	for strings.HasPrefix(argument, "-") {
		_, argument, _ = strings.Cut(argument, " ")
	}
	folder := c.absolute(argument)
	if f, ok := c.options.Disk.Stat(folder); !ok || !f.Folder {
		c.closePassive()
		c.say(550, "no such folder")
		return
	}
	c.transfer(func(w io.Writer) error {
		for _, f := range c.options.Disk.List(folder) {
			if _, err := io.WriteString(w, c.line(verb, f)); err != nil {
				return err
			}
		}
		return nil
	})
}

// line is one entry of a listing.
func (c *session) line(verb string, f File) string {
	name := path.Base(f.Path)
	if verb == "NLST" {
		if c.options.Quirks.PathsInNames {
			name = f.Path
		}
		return name + "\r\n"
	}
	kind := "-rw-rw-rw-"
	if f.Folder {
		kind = "drwxrwxrwx"
	}
	return fmt.Sprintf("%s    1 root     root     %10d %s %s\r\n", kind, f.Size, f.Time.In(c.options.Quirks.Zone).Format("Jan _2 15:04"), name)
}

func (c *session) retrieve(name string) {
	f, ok := c.options.Disk.Stat(name)
	if !ok || f.Folder {
		c.closePassive()
		c.say(550, "failed to open file")
		return
	}
	r, err := c.options.Disk.Open(name)
	if err != nil {
		c.closePassive()
		c.say(550, "failed to open file")
		return
	}
	defer r.Close()
	if c.transfer(func(w io.Writer) error {
		_, err := io.CopyBuffer(w, struct{ io.Reader }{r}, make([]byte, block))
		return err
	}) {
		c.count(name)
	}
}
