package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/secret"
)

// simulateCmd runs one simulated printer.
type simulateCmd struct {
	Model      string  `default:"A1" help:"Model of the printer."`
	Serial     string  `help:"Serial number; one that fits the model when left out."`
	AccessCode string  `default:"12345678" help:"LAN access code."`
	Listen     string  `default:"127.0.0.1:8883" help:"Address of its MQTT server."`
	Files      string  `help:"Address of its file server (FTPS); none when left out." placeholder:"ADDRESS"`
	Replay     string  `help:"Send a recorded stream (JSON Lines) instead of a simulation." type:"existingfile" placeholder:"FILE"`
	Scenario   string  `help:"Play a scenario by name."`
	Scenarios  bool    `help:"List the scenarios and stop."`
	Speed      float64 `default:"1" help:"How many times faster than real time."`
	Roots      string  `help:"Write the root certificate that its own is signed by to this file." placeholder:"FILE"`
}

// Run runs the printer until the process is told to stop.
func (c simulateCmd) Run(ctx context.Context, env Env) error {
	if c.Scenarios {
		for _, row := range simulator.Scenarios() {
			fmt.Fprintf(env.Stdout, "%-20s %s\n", row.Name, row.Doc)
		}
		return nil
	}
	authority, err := simulator.NewAuthority(time.Now())
	if err != nil {
		return err
	}
	o := simulator.Options{
		Model: c.Model, Serial: c.Serial, AccessCode: secret.Text(c.AccessCode), Listen: c.Listen, ListenFiles: c.Files, Speed: c.Speed,
		Scenario: c.Scenario, StartPrinting: c.Scenario == "", Loop: true, Authority: authority,
	}
	if c.Replay != "" {
		file, err := os.Open(c.Replay)
		if err != nil {
			return fmt.Errorf("opening the recording: %w", err)
		}
		defer func() { _ = file.Close() }()
		o.Replay = io.Reader(file)
	}
	p, err := simulator.New(o)
	if err != nil {
		return err
	}
	if err := p.Listen(); err != nil {
		return err
	}
	if c.Roots != "" {
		if err := os.WriteFile(c.Roots, p.CertificatePEM(), 0o644); err != nil {
			return fmt.Errorf("writing the root certificate: %w", err)
		}
	}
	fmt.Fprintf(env.Stdout, "Simulated %s, serial %s, access code %s, at %s. Ctrl-C stops it.\n",
		p.Model(), p.Serial(), p.AccessCode().Reveal(), p.Addr())
	if files := p.FilesAddr(); files != nil {
		fmt.Fprintf(env.Stdout, "Its files are at %s.\n", files)
	}
	return p.Run(ctx)
}
