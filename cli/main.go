// Package cli owns the command line: serve, demo and simulate, and the
// commands that talk to a running bridge over the socket in its data folder.
// It decides nothing: settings are checked by settings, commands by the bridge.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/printwire/printwire/fault"
)

// Exit codes of the program.
const (
	exitFine    = 0
	exitFailure = 1
	exitUsage   = 2
)

// Env is what the program gets from its process.
type Env struct {
	Args           []string
	Stdout, Stderr io.Writer
	// Stdin is read only where a command is told to; nil is none.
	Stdin io.Reader
	// Environ is the environment, "NAME=value" each.
	Environ []string
	Version string
}

// commands is the tree of commands and their flags.
type commands struct {
	Serve      serveCmd      `cmd:"" default:"withargs" help:"Run the bridge (the default)."`
	Demo       demoCmd       `cmd:"" help:"Run the bridge with simulated printers; needs no settings, no network, no printer."`
	Simulate   simulateCmd   `cmd:"" help:"Run one stand-alone simulated printer."`
	Keys       keysCmd       `cmd:"" help:"Make, list, rotate and revoke API keys of the running bridge."`
	Users      usersCmd      `cmd:"" help:"Show the MQTT logins of the running bridge."`
	Oauth      oauthCmd      `cmd:"" name:"oauth" help:"Register, list and delete programs that ask people for access (OAuth 2.0)."`
	Admin      adminCmd      `cmd:"" help:"Give the local administrator a new password, and print it."`
	Printers   printersCmd   `cmd:"" help:"List, show, add, edit, test and remove printers of the running bridge."`
	Jobs       jobsCmd       `cmd:"" help:"List the scheduled jobs of the running bridge, and run one now."`
	Backup     backupCmd     `cmd:"" help:"Write a consistent copy of the running bridge's database to a file, or make a backup in its folder for them."`
	Restore    restoreCmd    `cmd:"" help:"Put a backup in the place of the database, while no bridge runs."`
	Archives   archivesCmd   `cmd:"" help:"List, show, edit, delete and export the record of prints."`
	Webhooks   webhooksCmd   `cmd:"" help:"List, show, add, edit, test and delete webhook endpoints, and what is delivered to them."`
	Openapi    openapiCmd    `cmd:"" help:"Print the OpenAPI document of the REST API."`
	Completion completionCmd `cmd:"" help:"Print the script that makes a shell complete this command line."`
	Version    versionCmd    `cmd:"" help:"Print the version."`

	Print kong.VersionFlag `name:"version" help:"Print the version."`
}

// Main runs the command line and returns the exit code.
func Main(ctx context.Context, env Env) int {
	var tree commands
	exited := -1
	parser, err := kong.New(&tree,
		kong.Name("printwire"),
		kong.Description("3D printers in Home Assistant, without YAML. The exit code is 0 when all went well, 1 when something failed, 2 when the command or the settings are wrong."),
		kong.UsageOnError(),
		kong.Vars{"version": "printwire " + env.Version},
		kong.Writers(env.Stdout, env.Stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.Bind(env),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		return report(env, err)
	}
	args := env.Args
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	parsed, err := parser.Parse(args)
	switch {
	case exited >= 0:
		return exited
	case err != nil:
		command, wrong := follow(parser.Model.Node, args)
		if wrong != "" {
			err = fmt.Errorf("there is no command %.50q", wrong)
		}
		fmt.Fprintf(env.Stderr, "printwire: %v\nTry \"%s --help\".\n", err, command.FullPath())
		return exitUsage
	}
	return report(env, parsed.Run())
}

// follow is the command that the arguments name, as far as they do, and the
// word that should have named one below it.
func follow(at *kong.Node, args []string) (command *kong.Node, wrong string) {
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") || len(at.Children) == 0 {
			break
		}
		i := slices.IndexFunc(at.Children, func(n *kong.Node) bool { return n.Name == arg })
		if i < 0 {
			return at, arg
		}
		at = at.Children[i]
	}
	return at, ""
}

// report prints an error the way a person reads it, and picks the exit code.
func report(env Env, err error) int {
	if err == nil {
		return exitFine
	}
	for line := range strings.Lines(strings.TrimSpace(err.Error())) {
		fmt.Fprintln(env.Stderr, "printwire:", strings.TrimRight(line, "\n"))
	}
	var usage *usageError
	if errors.As(err, &usage) || fault.Is(err, fault.Invalid) {
		return exitUsage
	}
	return exitFailure
}

// usageError is bad settings or bad usage: exit code 2.
type usageError struct{ err error }

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

// versionCmd prints the version.
type versionCmd struct {
	JSON bool `help:"Answer in JSON." name:"json"`
}

// Run prints the version.
func (c versionCmd) Run(env Env) error {
	return dataFlag{JSON: c.JSON}.show(env, map[string]string{"version": env.Version}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, "printwire", env.Version)
		return err
	})
}
