// Command printwire puts 3D printers into Home Assistant: one connection per
// printer, an embedded MQTT broker with discovery, and a keyed REST API.
package main

import (
	"context"
	_ "embed"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	_ "time/tzdata" // a bare container knows no time zones

	"github.com/printwire/printwire/cli"
)

//go:embed VERSION
var version string

// gcPercent makes the collector run at half as much garbage as usual: a bridge
// shares a small machine, and its processor has time to spare where its memory
// has no room. GOGC overrides it.
const gcPercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends ctx; giving the signals back lets a second one end the process at once.
	context.AfterFunc(ctx, stop) // owner: the process
	os.Exit(cli.Main(ctx, cli.Env{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: os.Environ(), Version: strings.TrimSpace(version),
	}))
}
