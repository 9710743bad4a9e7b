package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
)

// base is the path of all versioned routes.
const base = "/api/v1"

// Printers is where the API finds printers.
type Printers interface {
	// Snapshots are all printers, ascending by id.
	Snapshots() []printer.Snapshot
	// Find is the printer with an id or a serial, or fault.NotFound.
	Find(ref string) (printer.Snapshot, error)
}

// Health is what /health tells: whether the database and the broker work.
type Health struct {
	Database, MQTT bool
}

// Options is what the API needs.
type Options struct {
	Printers Printers
	Keys     Keys
	// Manager changes the printers and gives them commands.
	Manager Manager
	// Test connects to a printer and tells what it finds. fault.Offline: nothing,
	// with the reason; the state may hold the problem.
	Test func(ctx context.Context, c printer.Config) (printer.State, error)
	// Simulated tells whether a printer is none: those alone exist for test keys.
	// nil is never.
	Simulated func(printer.Snapshot) bool
	// OAuth is the authorization server; nil is none.
	OAuth OAuth
	// PublicURL is where clients reach us, "" when it is not set.
	PublicURL string
	// Archives are the records of prints.
	Archives Archives
	// Jobs are the scheduled jobs.
	Jobs Jobs
	// Webhooks are the endpoints that events are sent to; nil is none.
	Webhooks Webhooks
	// Hide keeps secrets that people send out of the log; nil keeps none.
	Hide func(...secret.Text)
	// Pictures are those of plates; nil is none.
	Pictures Pictures
	// Journal is what the stream of events follows.
	Journal journal.Reader
	// Store keeps what the API has to remember itself; nil remembers until the end of the process.
	Store Store
	// Settings are the settings without their secrets, as they may be shown.
	Settings func() map[string]any
	// System is asked at each call of the system's information.
	System func() System
	// Lines are the last lines of the log, oldest first; nil is none.
	Lines func() []string
	// Health is asked at each call of /health; it must not block.
	Health func() Health
	Log    *slog.Logger
	Now    func() time.Time
	// Version is the program's.
	Version string
	// Hosts are names under which the API may be called, beside IP addresses,
	// names without a dot, and names of local networks.
	Hosts []string
	// CORSOrigins are origins whose pages may call the API from a browser.
	CORSOrigins []string
	// QueryKey says from where ?apikey= is taken: "private", "always" or "never".
	QueryKey string
	// Concurrent is how many requests are served at once; 0 is 256. Streams is
	// how many streams of events may be open beside them; 0 is 512.
	Concurrent, Streams int
}

// api is the state behind the handlers.
type api struct {
	Options
	huma      huma.API
	rows      []row
	documents documents
	replays   replays
	streams   streams
	began     time.Time
	openapi   []byte
}

// API is the REST API as a handler.
type API struct {
	*api
	handler http.Handler
}

// New makes the API. It starts nothing.
func New(o Options) (*API, error) {
	a, h, err := build(o, routes())
	if err != nil {
		return nil, err
	}
	return &API{api: a, handler: h}, nil
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Cut ends the open streams of a key that lost its rights.
func (a *API) Cut(key string) { a.streams.cut(key) }

// OpenAPI is the API's description as JSON.
func OpenAPI(version string) ([]byte, error) {
	a, _, err := build(Options{Version: version, Log: slog.New(slog.DiscardHandler), Now: time.Now}, routes())
	if err != nil {
		return nil, err
	}
	return a.openapi, nil
}

func build(o Options, rows []row) (*api, http.Handler, error) {
	if o.Concurrent == 0 {
		o.Concurrent = 256
	}
	if o.Streams == 0 {
		o.Streams = 512
	}
	if o.Store == nil {
		o.Store = &volatile{}
	}
	if o.Simulated == nil {
		o.Simulated = func(printer.Snapshot) bool { return false }
	}
	a := &api{Options: o, began: o.Now()}
	a.streams.most = o.Streams
	a.replays = replays{store: o.Store, now: o.Now, log: o.Log}
	engine := a.engine()
	a.huma = humagin.New(engine, a.config())
	for _, r := range rows {
		if err := a.register(r); err != nil {
			return nil, nil, err
		}
	}
	a.refuseOthers(engine)
	spec, err := describe(a.huma.OpenAPI())
	if err != nil {
		return nil, nil, err
	}
	a.openapi = spec
	return a, a.guard(engine), nil
}

// engine is gin without anything of its own: no logger that prints query
// strings, no redirects, no trust in forwarded addresses.
func (a *api) engine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath, e.RemoveExtraSlash = false, false, false
	e.HandleMethodNotAllowed, e.ContextWithFallback = true, true
	e.ForwardedByClientIP = false
	// A nil list of proxies cannot be malformed.
	_ = e.SetTrustedProxies(nil)
	e.Use(a.recover, a.authenticate)
	e.NoRoute(func(c *gin.Context) {
		a.nowhere(c, problem{status: http.StatusNotFound, detail: "There is nothing at this path."})
	})
	e.NoMethod(a.noMethod)
	return e
}

// method is the request's method, if it is one that exists.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	default:
		return "this method"
	}
}

// find is the printer that a path names, if the caller may know of it.
func (a *api) find(ctx context.Context, ref string) (printer.Snapshot, error) {
	missing := func() error { return fault.New(fault.NotFound, "Printer not found") }
	ref, ok := reference(ref)
	if !ok {
		return printer.Snapshot{}, missing()
	}
	s, err := a.Printers.Find(ref)
	switch {
	case err != nil && fault.Is(err, fault.NotFound):
		return printer.Snapshot{}, missing()
	case err != nil:
		return printer.Snapshot{}, err
	case !a.mayKnow(caller(ctx), s):
		return printer.Snapshot{}, missing()
	}
	return s, nil
}

// mayKnow tells whether a printer exists for somebody.
func (a *api) mayKnow(who auth.Identity, s printer.Snapshot) bool {
	return who.MayPrinter(s.Config.ID) && (!who.Test || a.Simulated(s))
}

// visible are the printers that exist for the caller.
func (a *api) visible(ctx context.Context) []printer.Snapshot {
	who := caller(ctx)
	return slices.DeleteFunc(slices.Clone(a.Printers.Snapshots()), func(s printer.Snapshot) bool { return !a.mayKnow(who, s) })
}
