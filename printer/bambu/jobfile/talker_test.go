package jobfile_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/printer/simulator/ftpserver"
)

// talker is a server of one connection at a time that says what it is told to.
// It is no file server.
type talker struct {
	certificate tls.Certificate
	// answers are given by command; what is not in it is not implemented, and
	// what is empty is not answered.
	answers map[string]string
	// lines are given after the login, one to each command, before answers are.
	lines []string
	// listing is what comes over a data connection, without TLS.
	listing []byte
}

// newTalker makes one that lets everybody in.
func newTalker(tb testing.TB, answers map[string]string) *talker {
	tb.Helper()
	authority, err := simulator.NewAuthority(time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	leaf, err := authority.Leaf("00S000000001")
	if err != nil {
		tb.Fatal(err)
	}
	t := &talker{certificate: leaf, answers: map[string]string{
		"USER": "331 the password", "PASS": "230 in", "FEAT": "502 no", "TYPE": "200 ok", "PBSZ": "200 ok", "PROT": "200 ok", "QUIT": "221 bye",
	}}
	for verb, answer := range answers {
		t.answers[verb] = answer
	}
	return t
}

// listen serves until the end of the test, and tells where.
func (s *talker) listen(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // owner: the cleanup below closes the listener and waits
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.serve(conn)
		}
	}()
	tb.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func (s *talker) serve(raw net.Conn) {
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(time.Minute))
	conn := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{s.certificate}})
	_, _ = fmt.Fprint(conn, "220 ready\r\n")
	in, lines := bufio.NewReader(conn), s.lines
	var data net.Listener
	for loggedIn := false; ; {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		answer, known := s.answers[verb]
		switch {
		case loggedIn && len(lines) > 0 && verb != "QUIT":
			answer, lines = lines[0], lines[1:]
		case verb == "EPSV" && s.listing != nil && data == nil:
			if data, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return
			}
			answer = fmt.Sprintf("229 (|||%d|)", data.Addr().(*net.TCPAddr).Port)
		case verb == "LIST" && data != nil:
			_, _ = fmt.Fprint(conn, "150 here\r\n")
			s.send(data)
			data, answer = nil, "226 done"
		case !known:
			answer = "502 not implemented"
		case answer == "":
			continue
		}
		loggedIn = loggedIn || verb == "PROT" // the last of the login
		_, _ = fmt.Fprintf(conn, "%s\r\n", answer)
		if verb == "QUIT" {
			break
		}
	}
	if data != nil {
		_ = data.Close()
	}
}

// send gives the listing to whoever connects.
func (s *talker) send(data net.Listener) {
	defer data.Close()
	_ = data.(*net.TCPListener).SetDeadline(time.Now().Add(time.Second))
	conn, err := data.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write(s.listing)
}

// crooked has a rig's reader ask a talker instead of the file server.
func crooked(t *testing.T, answers map[string]string) *rig {
	t.Helper()
	r := start(t, ftpserver.Quirks{}, nil)
	r.options.Address = newTalker(t, answers).listen(t)
	return r
}
