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
)

// newTalker makes a server of one connection that gives to each command the
// answer of a table, and no answer where that is empty. It is no file server.
func newTalker(t *testing.T, answers map[string]string) func(net.Conn) {
	t.Helper()
	authority, err := simulator.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Leaf("00S000000001")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{"USER": "331 the password", "PASS": "230 in", "FEAT": "502 no", "TYPE": "200 ok", "PBSZ": "200 ok", "PROT": "200 ok", "QUIT": "221 bye"}
	for verb, answer := range answers {
		table[verb] = answer
	}
	return func(raw net.Conn) {
		defer raw.Close()
		_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
		conn := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{leaf}})
		_, _ = fmt.Fprint(conn, "220 ready\r\n")
		in := bufio.NewReader(conn)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			answer, known := table[verb]
			switch {
			case !known:
				answer = "502 not implemented"
			case answer == "":
				continue
			}
			_, _ = fmt.Fprintf(conn, "%s\r\n", answer)
			if verb == "QUIT" {
				return
			}
		}
	}
}
