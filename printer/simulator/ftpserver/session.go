package ftpserver

import (
	"bufio"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"net"
	"path"
	"strings"
	"time"
)

// idle is how long a session may say nothing.
const idle = 60 * time.Second

// session is one client's control connection.
type session struct {
	*Server
	ctx  context.Context
	conn *tls.Conn
	in   *bufio.Reader

	user    string
	entered bool
	folder  string
	// clear: the client wants its data connections without TLS.
	clear   bool
	passive net.Listener
}

func (s *Server) serve(ctx context.Context, raw net.Conn) {
	if !s.take(raw) {
		return
	}
	defer s.leave(raw)
	_ = raw.SetDeadline(time.Now().Add(idle))
	conn := tls.Server(raw, s.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		s.options.Log.Debug("client gave up the handshake", "error", err)
		return
	}
	c := &session{Server: s, ctx: ctx, conn: conn, in: bufio.NewReader(conn), folder: "/", clear: true}
	defer c.closePassive()
	c.say(220, "ready")
	for {
		_ = raw.SetDeadline(time.Now().Add(idle))
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return
		}
		verb, argument, _ := strings.Cut(strings.TrimRight(string(line), "\r\n"), " ")
		if !c.obey(strings.ToUpper(verb), argument) {
			return
		}
	}
}

func (c *session) say(code int, text string) {
	_, _ = fmt.Fprintf(c.conn, "%d %s\r\n", code, text) // a dead client is noticed by the next read
}

// answer is that to a command that needs nothing else.
func (c *session) answer(verb string) (code int, text string) {
	switch verb {
	case "NOOP":
		return 200, "fine"
	case "SYST":
		return 215, "UNIX Type: L8"
	case "TYPE":
		return 200, "binary it is"
	case "PBSZ":
		return 200, "PBSZ=0"
	case "OPTS":
		return 200, "as always"
	case "PWD":
		return 257, `"` + c.folder + `"`
	case "STOR", "DELE", "RNFR", "RNTO", "MKD", "RMD", "APPE":
		return 550, "permission denied"
	default:
		return 502, "not implemented"
	}
}

// obey follows one command; false ends the session.
func (c *session) obey(verb, argument string) bool {
	switch {
	case verb == "QUIT":
		c.say(221, "goodbye")
		return false
	case verb == "USER":
		c.user = argument
		c.say(331, "the password, please")
	case verb == "PASS":
		return c.enter(argument)
	case !c.entered:
		c.say(530, "please log in")
	case verb == "FEAT" && !c.options.Quirks.Terse:
		_, _ = fmt.Fprint(c.conn, "211-Features:\r\n EPSV\r\n MDTM\r\n PASV\r\n SIZE\r\n UTF8\r\n211 End\r\n")
	case verb == "PROT":
		c.clear = strings.ToUpper(argument) == "C"
		c.say(200, "so be it")
	case verb == "CWD":
		c.change(argument)
	case verb == "SIZE", verb == "MDTM" && !c.options.Quirks.Dateless:
		c.tell(verb, c.absolute(argument))
	case verb == "PASV", verb == "EPSV" && !c.options.Quirks.Terse:
		c.listen(verb)
	case verb == "LIST", verb == "NLST":
		c.list(verb, argument)
	case verb == "RETR":
		c.retrieve(c.absolute(argument))
	default:
		c.say(c.answer(verb))
	}
	return true
}

// enter ends the session of somebody who does not know the code.
func (c *session) enter(password string) bool {
	code := c.options.Code().Reveal()
	if c.user != c.options.User || subtle.ConstantTimeCompare([]byte(password), []byte(code)) != 1 {
		c.say(530, "login incorrect")
		return false
	}
	c.entered = true
	c.say(230, "welcome")
	return true
}

// absolute is the path that an argument means.
func (c *session) absolute(argument string) string {
	if path.IsAbs(argument) {
		return path.Clean(argument)
	}
	return path.Join(c.folder, argument)
}

func (c *session) change(argument string) {
	to := c.absolute(argument)
	if f, ok := c.options.Disk.Stat(to); !ok || !f.Folder {
		c.say(550, "no such folder")
		return
	}
	c.folder = to
	c.say(250, "there")
}

func (c *session) tell(verb, name string) {
	f, ok := c.options.Disk.Stat(name)
	switch {
	case !ok || f.Folder:
		c.say(550, "could not get it")
	case verb == "SIZE":
		c.say(213, fmt.Sprint(f.Size))
	default:
		c.say(213, f.Time.Add(c.options.Quirks.Skew).UTC().Format("20060102150405"))
	}
}

// listen opens the port of the next data connection.
func (c *session) listen(verb string) {
	c.closePassive()
	host, _, err := net.SplitHostPort(c.conn.LocalAddr().String())
	if err != nil {
		c.say(425, "no address")
		return
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		c.say(425, "no port")
		return
	}
	c.passive = l
	port := l.Addr().(*net.TCPAddr).Port
	if verb == "EPSV" {
		c.say(229, fmt.Sprintf("entering extended passive mode (|||%d|)", port))
		return
	}
	address := strings.ReplaceAll(host, ".", ",")
	if c.options.Quirks.Elsewhere != "" {
		address = c.options.Quirks.Elsewhere
	}
	c.say(227, fmt.Sprintf("entering passive mode (%s,%d,%d)", address, port>>8, port&255))
}

func (c *session) closePassive() {
	if c.passive != nil {
		_ = c.passive.Close()
		c.passive = nil
	}
}
