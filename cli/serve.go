package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/printwire/printwire/addon"
	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/logbook"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/settings"
)

// settingsName is the settings file that is read from the data folder.
const settingsName = "printwire.yaml"

// serveCmd runs the bridge.
type serveCmd struct {
	Settings string `help:"Settings file; printwire.yaml in the data folder when left out." placeholder:"FILE"`
	Data     string `help:"Data folder; PRINTWIRE_DATA or, without that, ~/.local/state/printwire when left out." placeholder:"DIR"`
	HTTP     string `name:"http" help:"Address of the REST API, such as :8000." placeholder:"ADDRESS"`
	MQTT     string `name:"mqtt" help:"Address of the embedded broker, such as :1883." placeholder:"ADDRESS"`
	LogLevel string `help:"debug, info, warn or error." placeholder:"LEVEL"`
}

// Run loads the settings and runs the bridge until the process is told to stop.
func (c serveCmd) Run(ctx context.Context, env Env) error {
	var o app.Options
	load := func() (_ app.Options, err error) {
		o, err = c.options(env)
		return o, err
	}
	return run(ctx, load, func(a *app.App, r app.Ready) error {
		o.Log.Info("ready", "version", env.Version, "http", r.HTTP, "https", r.HTTPS, "mqtt", r.MQTT, "data", o.Data, "printers", len(a.Printers()))
		return nil
	})
}

// options reads the settings.
func (c serveCmd) options(env Env) (app.Options, error) {
	data, err := folder(env, c.Data)
	if err != nil {
		return app.Options{}, err
	}
	loaded, err := c.load(env, data)
	if err != nil {
		return app.Options{}, &usageError{err}
	}
	level := new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(loaded.Log.Level)); err != nil {
		return app.Options{}, &usageError{err}
	}
	book := logbook.New(env.Stderr)
	return app.Options{
		Settings: loaded, Data: data, Version: env.Version, Log: book.Logger(loaded.Log.Format, level), Book: book, Level: level,
		Token: secret.Text(env.value("SUPERVISOR_TOKEN")),
	}, nil
}

// run makes a program and runs it, again and again as long as a person asks
// for a restart, each time with what load says then. ready is called each time
// it listens.
func run(ctx context.Context, load func() (app.Options, error), ready func(*app.App, app.Ready) error) error {
	for {
		o, err := load()
		if err != nil {
			return err
		}
		a, err := app.New(ctx, o)
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil // told to stop while it started
		}
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancelCause(ctx)
		err = a.Run(ctx, func(r app.Ready) {
			if err := ready(a, r); err != nil {
				cancel(err)
			}
		})
		cause := context.Cause(ctx)
		cancel(nil)
		switch {
		case errors.Is(err, app.ErrRestart):
			continue
		case err == nil && cause != nil && !errors.Is(cause, context.Canceled):
			return cause
		}
		return err
	}
}

// load puts the sources of settings over each other, the weakest first.
func (c serveCmd) load(env Env, data string) (settings.Settings, error) {
	var layers []settings.Layer
	if env.value("SUPERVISOR_TOKEN") != "" {
		layers = append(layers, addon.Defaults())
	}
	path := c.Settings
	if path == "" {
		path = filepath.Join(data, settingsName)
	}
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		layers = append(layers, settings.YAML(path, text))
	case c.Settings != "" || !errors.Is(err, os.ErrNotExist):
		return settings.Settings{}, fmt.Errorf("reading the settings: %w", err)
	}
	if env.value("SUPERVISOR_TOKEN") != "" {
		layer, err := addon.Options(addon.OptionsFile, os.ReadFile)
		if err != nil {
			return settings.Settings{}, err
		}
		layers = append(layers, layer)
	}
	layers = append(layers, settings.Environment(env.Environ, os.ReadFile), settings.Flags(c.flags()))
	loaded, err := settings.Options{Families: app.Families()}.Load(layers...)
	if err != nil {
		return loaded, err
	}
	return loaded.Files(os.ReadFile)
}

// flags are the settings that were given by flag.
func (c serveCmd) flags() map[string]string {
	set := map[string]string{}
	for path, value := range map[string]string{"http.listen": c.HTTP, "mqtt.listen": c.MQTT, "log.level": c.LogLevel} {
		if value != "" {
			set[path] = value
		}
	}
	return set
}
