package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/printwire/printwire/addon"
	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/auth/oauth"
	"github.com/printwire/printwire/bridge"
	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/filecache"
	"github.com/printwire/printwire/hass"
	"github.com/printwire/printwire/logbook"
	"github.com/printwire/printwire/mqtt/broker"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/settings"
	"github.com/printwire/printwire/storage"
	"github.com/printwire/printwire/webhook"
)

// databaseName is the one file in the data folder that matters.
const databaseName = "printwire.db"

// ErrRestart is what Run returns when a person asked for a restart.
var ErrRestart = errors.New("restart asked for")

// Options is what a program is made of.
type Options struct {
	Settings settings.Settings
	// Data is the data folder; it is made when missing.
	Data    string
	Version string
	Log     *slog.Logger
	// Book is what Log writes to: it hides the secrets that it is told of, and
	// has the last lines for diagnostics. nil is none.
	Book *logbook.Book
	// Simulated tells by its serial whether a printer is none; nil is never.
	Simulated func(serial string) bool
	// Level changes how much is logged; nil leaves that out.
	Level *slog.LevelVar
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Token is the Supervisor's token in the Home Assistant app, else "".
	Token secret.Text
	// SupervisorURL is where the Supervisor answers; "" is its address in an app.
	SupervisorURL string
}

// App is the whole program. Make one with New, run it once with Run.
type App struct {
	settings  settings.Settings
	data      string
	version   string
	log       *slog.Logger
	book      *logbook.Book
	simulated func(serial string) bool
	level     *slog.LevelVar
	now       func() time.Time
	install   string

	store   *storage.Store
	auth    *auth.Auth
	oauth   *oauth.Server
	brokers brokers
	// supervisor is nil outside of Home Assistant; provide: offer our broker to it.
	supervisor    addon.Supervisor
	supervisorURL string
	token         secret.Text
	// notify makes a notification in Home Assistant; without one it does nothing.
	notify    func(ctx context.Context, id, title, message string) error
	provide   bool
	bridge    *bridge.Bridge
	discovery *discovery.Discovery
	recorder  *archive.Recorder
	hooks     *webhook.Outbox
	// recordBehind: an event waited in vain for the record of prints.
	recordBehind atomic.Bool
	jobs         *scheduler
	backups      *backups
	// files and pictures are nil where there is no place for them.
	files, pictures *filecache.Cache
	api             http.Handler
	// cutStreams ends the API's open streams of a key.
	cutStreams func(key string)

	// first: the local administrator was made at this start.
	first  bool
	socket net.Listener
	doors  []*door
	again  chan struct{}
}

// New makes all parts. It opens the database, whose lock shows that no other
// process uses the data folder, and starts nothing. fault.Conflict: another
// process does. A failed New leaves nothing open.
func New(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{
		settings: o.Settings, data: o.Data, version: o.Version, log: o.Log, book: o.Book, simulated: o.Simulated, level: o.Level, now: o.Now,
		token: o.Token, supervisorURL: cmp.Or(o.SupervisorURL, hass.SupervisorURL), again: make(chan struct{}, 1),
		notify: func(context.Context, string, string, string) error { return nil },
	}
	if a.now == nil {
		a.now = time.Now
	}
	a.hide(append(o.Settings.Secrets(), o.Token)...)
	if o.Token != "" {
		supervisor := hass.NewSupervisor(a.supervisorURL, o.Token)
		a.supervisor, a.notify = supervisor, supervisor.Notify
	}
	if err := os.MkdirAll(a.data, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	path := filepath.Join(a.data, databaseName)
	if err := a.restoreSnapshot(path); err != nil {
		return nil, err
	}
	if a.store, err = storage.Open(ctx, storage.Options{Path: path, Log: a.log, Now: a.now}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			a.closeFiles()
			err = errors.Join(err, a.store.Close())
		}
	}()
	for _, step := range []func(context.Context) error{a.identify, a.openAuth, a.openBus, a.openFiles, a.openWebhooks, a.openPrinters, a.manageWebhooks, a.openDiscovery, a.openJobs, a.openAPI, a.openDoors} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// newID makes a ULID.
func (a *App) newID() string { return ulid.Make().String() }

// identify reads the id of this installation, or makes it.
func (a *App) identify(context.Context) error {
	kv := a.store.KV("installation")
	id, err := kv.Value("id")
	if fault.Is(err, fault.NotFound) {
		raw := make([]byte, 4)
		_, _ = rand.Read(raw)
		id = []byte(hex.EncodeToString(raw))
		err = kv.Put(map[string][]byte{"id": id})
	}
	if err != nil {
		return fmt.Errorf("reading the installation's id: %w", err)
	}
	a.install = string(id)
	return nil
}

func (a *App) openAuth(context.Context) error {
	users := make([]auth.User, 0, len(a.settings.MQTT.Users))
	for _, u := range a.settings.MQTT.Users {
		users = append(users, auth.User{Name: u.Name, Password: u.Password, Topics: topics(u)})
	}
	o := auth.Options{
		Store: a.store.KV("auth"), Log: a.log, Now: a.now, NewID: a.newID, Users: users,
		Prefix: "printwire", DiscoveryPrefix: a.settings.HomeAssistant.DiscoveryPrefix,
		Serial: a.serial, Revoked: a.revoked,
		Simulated: a.simulatedSerials, AllowAdminKeys: a.settings.Keys.AllowAdminKeys, OwnerCeiling: a.settings.Keys.OwnerLimit,
	}
	if a.supervisor != nil {
		o.Person = a.person
	}
	a.auth = auth.New(a.shareAuth(o))
	if err := a.auth.Load(); err != nil {
		return fmt.Errorf("reading keys and users: %w", err)
	}
	if err := a.oauth.Load(); err != nil {
		return fmt.Errorf("reading OAuth clients and grants: %w", err)
	}
	if login, err := a.auth.Login(auth.HomeAssistant); err == nil {
		a.hide(login)
	}
	return a.firstAdmin()
}

// hide keeps secrets out of the log.
func (a *App) hide(texts ...secret.Text) {
	if a.book != nil {
		a.book.Hide(texts...)
	}
}

// topics are a login's rules as auth takes them; nil for none.
func topics(u settings.User) []auth.TopicRule {
	var rules []auth.TopicRule
	for _, r := range u.Rules() {
		rules = append(rules, auth.TopicRule{Filter: r.Filter, Access: auth.Access(r.Access)})
	}
	return rules
}

// serial is the serial of a printer id.
func (a *App) serial(id int) (string, bool) {
	if a.bridge == nil {
		return "", false
	}
	s, err := a.bridge.Snapshot(id)
	return s.Config.Serial, err == nil
}

// simulatedSerials are the serials of the printers that are none.
func (a *App) simulatedSerials() []string {
	var serials []string
	if a.bridge == nil || a.simulated == nil {
		return nil
	}
	for _, s := range a.bridge.Snapshots() {
		if a.simulated(s.Config.Serial) {
			serials = append(serials, s.Config.Serial)
		}
	}
	return serials
}

// revoked ends the streams and MQTT sessions of a login that lost its rights.
func (a *App) revoked(name string) {
	if a.cutStreams != nil {
		a.cutStreams(name)
	}
	b := a.brokers.embedded
	if b == nil {
		return
	}
	for _, s := range b.Sessions() {
		if s.User != name {
			continue
		}
		if err := b.Kick(s.Client, "the login was revoked"); err != nil {
			a.log.Warn("ending a revoked session failed", "client", s.Client, "error", err)
		}
	}
}

// openPrinters makes the bridge with the printers of the settings, then those
// that were added at run time.
func (a *App) openPrinters(ctx context.Context) error {
	a.bridge = bridge.New(bridge.Options{Store: a.store, Open: a.openDriver, Marks: a.marks, Log: a.log, Now: a.now})
	a.recorder = archive.NewWith(a.store.Archive(), archive.Options{
		Log: a.log, Now: a.now, Price: a.settings.Filament.PerKg, Currency: a.settings.Filament.Currency,
		Retention: archive.Retention{Records: a.settings.Archive.Records, Age: time.Duration(a.settings.Archive.Days) * 24 * time.Hour},
	})
	a.bridge.AddSink("archive", a.recorder.Sampler())
	for i, p := range a.settings.Printers {
		_, err := a.bridge.Add(ctx, printer.Config{
			Name: p.Name, Family: p.Family, Host: p.Host, Port: p.Port, FilesPort: p.FilesPort, Serial: p.Serial, AccessCode: p.AccessCode,
			Certificate: p.Certificate, Roots: p.Roots, Area: p.Area, Managed: true,
		})
		if err != nil {
			return fmt.Errorf("printers[%d]: %w", i, err)
		}
	}
	return a.bridge.Restore(ctx)
}

// marks are the milestones that anyone wants.
func (a *App) marks() printer.Marks {
	return webhook.Union(printer.Marks{Percent: a.settings.Milestones}, a.hooks.Marks())
}

func (a *App) openDiscovery(context.Context) error {
	var pictures discovery.Pictures
	if a.pictures != nil {
		pictures = a.pictures
	}
	a.discovery = discovery.New(discovery.Options{
		Bus: a.brokers.bus, Printers: a.bridge, Store: a.store.KV("discovery"),
		Bridge: discovery.Bridge{Clients: a.clients(), Problem: a.problem, LogLevel: a.logLevel, SetLogLevel: a.setLogLevel, Restart: a.restart},
		Prefix: a.settings.HomeAssistant.DiscoveryPrefix, InstallID: a.install, Version: a.version,
		Audience: a.audience(), Stages: stages(), Pictures: pictures, Milestones: a.settings.Milestones, Log: a.log, Now: a.now,
		Price: a.settings.Filament.PerKg, Currency: a.settings.Filament.Currency,
	})
	a.bridge.AddSink("discovery", a.discovery)
	return nil
}

// audience tells whether a client of the embedded broker has subscribed to
// anything; nil without one, because a foreign broker does not tell.
func (a *App) audience() func() bool {
	if a.brokers.embedded == nil {
		return nil
	}
	return func() bool {
		return slices.ContainsFunc(a.brokers.embedded.Sessions(), func(s broker.Session) bool { return s.Subscriptions > 0 })
	}
}

// clients counts the embedded broker's clients; nil without one.
func (a *App) clients() func() int {
	if a.brokers.embedded == nil {
		return nil
	}
	return func() int { return a.brokers.embedded.Stats().Clients }
}

// problem says what is not as it should be: events that cannot be stored or
// delivered, backups that fail. It is "" when all is well.
func (a *App) problem() string {
	all := []string{a.storageProblem(), a.disabledWebhooks(), a.failedBackup()}
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), " ")
}

func (a *App) storageProblem() string {
	h := a.bridge.Health()
	switch {
	case h.Storage != "":
		return fmt.Sprintf("Events cannot be stored: %s. %d wait in memory, %d were given up.", h.Storage, h.Waiting, h.Dropped)
	case h.Dropped > 0:
		return fmt.Sprintf("%d events were given up because they could not be stored in time.", h.Dropped)
	}
	return ""
}

func (a *App) logLevel() string {
	if a.level == nil {
		return "info"
	}
	return map[slog.Level]string{
		slog.LevelDebug: "debug", slog.LevelInfo: "info", slog.LevelWarn: "warn", slog.LevelError: "error",
	}[a.level.Level()]
}

func (a *App) setLogLevel(level string) error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil || a.level == nil {
		return fault.New(fault.Invalid, "must be debug, info, warn or error").At("log.level")
	}
	a.level.Set(l)
	return nil
}

// restart asks Run to end with ErrRestart.
func (a *App) restart() {
	select {
	case a.again <- struct{}{}:
	default:
	}
}
