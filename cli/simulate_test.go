package cli_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"strings"
	"testing"

	"github.com/printwire/printwire/cli"
)

func TestSimulate_ServesFilesWhereItIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	code := make(chan int, 1)
	go func() { // owner: the test, which waits for code
		args := []string{"simulate", "--model", "X1C", "--listen", "127.0.0.1:0", "--files", "127.0.0.1:0"}
		code <- cli.Main(ctx, cli.Env{Args: args, Stdout: out, Stderr: io.Discard, Version: "1.2.3"})
		_ = out.Close()
	}()
	lines := bufio.NewScanner(in)
	address := ""
	for address == "" && lines.Scan() {
		rest, found := strings.CutPrefix(lines.Text(), "Its files are at ")
		if found {
			address = strings.TrimSuffix(rest, ".")
		}
	}
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // Its root was made a moment ago.
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		t.Fatalf("the file server at %q: %v", address, err)
	}
	if greeting, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(greeting, "220") {
		t.Errorf("it greets with %q, %v", greeting, err)
	}
	_ = conn.Close()
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("exit %d, want 0", got)
	}
}
