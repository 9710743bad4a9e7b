package ftpserver_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/printer/simulator/ftpserver"
	"github.com/printwire/printwire/secret"
)

// oneFile is a disk on which every path is the same file.
type oneFile struct{}

func (oneFile) Stat(path string) (ftpserver.File, bool) {
	return ftpserver.File{Path: path, Size: 1}, true
}
func (oneFile) List(string) []ftpserver.File { return nil }
func (oneFile) Open(string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("x")), nil
}

func TestServer_EndsWhileADataConnectionIsAwaited(t *testing.T) {
	authority, err := simulator.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Leaf("00S000000001")
	if err != nil {
		t.Fatal(err)
	}
	s := ftpserver.New(ftpserver.Options{Certificate: leaf, User: "bblp", Code: func() secret.Text { return "1" }, Disk: oneFile{}})
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }() // owner: the test, which waits for done
	conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, step := range []struct{ say, hear string }{
		{"", "220"}, {"USER bblp", "331"}, {"PASS 1", "230"}, {"PROT P", "200"}, {"EPSV", "229"}, {"RETR /x", "150"},
	} {
		if step.say != "" {
			_, _ = fmt.Fprintf(conn, "%s\r\n", step.say)
		}
		if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, step.hear) {
			t.Fatalf("%s: answered %q, %v, want %s", step.say, line, err, step.hear)
		}
	}
	begun := time.Now()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it ended after %v", took)
	}
}
