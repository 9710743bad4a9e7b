package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// maxTarget is the longest path and query.
const maxTarget = 8 << 10

// guard is what holds for every request before it is routed: the names under
// which we may be called, the number of requests at once, one spelling of
// paths, the headers of every answer, and the log.
func (a *api) guard(engine http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	if a.PublicURL != "" {
		// A proxy may call us by another name. The settings have checked the URL.
		_ = origins.AddTrustedOrigin(a.PublicURL)
	}
	turns := make(chan struct{}, a.Concurrent)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if p, bad := a.misdirected(r); bad {
			a.answer(w, r, p)
			return
		}
		allowed := a.fromAllowed(w.Header(), r)
		if allowed && preflight(w, r) {
			return
		}
		// A browser says when another site's page sends something to change.
		if err := origins.Check(r); err != nil && !allowed {
			a.answer(w, r, problem{status: http.StatusForbidden, detail: "This request comes from another site's page."})
			return
		}
		v := &visit{}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		if !isHealth(r.URL.Path) {
			select {
			case turns <- struct{}{}:
				v.turn = turns
				defer release(r.Context())
			default:
				a.answer(w, r, problem{status: http.StatusServiceUnavailable, detail: "Too many requests at once.", retryAfter: 1})
				return
			}
		}
		a.logged(engine, w, canonical(r))
	})
}

// canonical is the request as routes know it: without a slash at the end, and
// GET for HEAD, whose body net/http leaves out.
func canonical(r *http.Request) *http.Request {
	path := r.URL.Path
	slash := len(path) > 1 && strings.HasSuffix(path, "/") && !strings.HasSuffix(path, "//")
	if !slash && r.Method != http.MethodHead {
		return r
	}
	c := *r
	u := *r.URL
	c.URL = &u
	if slash {
		u.Path, u.RawPath = path[:len(path)-1], strings.TrimSuffix(u.RawPath, "/")
	}
	if r.Method == http.MethodHead {
		c.Method = http.MethodGet
	}
	return &c
}

// misdirected refuses what was not meant for us: a page of the internet that
// resolves its own name to our address would else reach us from a browser.
func (a *api) misdirected(r *http.Request) (problem, bool) {
	if len(r.RequestURI) > maxTarget {
		return problem{status: http.StatusRequestURITooLong, detail: "The path is too long."}, true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if a.knownHost(strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))) {
		return problem{}, false
	}
	return problem{status: http.StatusMisdirectedRequest, detail: "This host name is not ours; add it to http.hosts in the settings."}, true
}

// knownHost: IP addresses, names that only a local network resolves, and those
// of the settings.
func (a *api) knownHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || host == "" || !strings.Contains(host, ".") {
		return true
	}
	for _, suffix := range []string{".local", ".lan", ".home", ".internal", ".home.arpa", ".localdomain", ".localhost"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return slices.ContainsFunc(a.Hosts, func(name string) bool { return strings.EqualFold(name, host) })
}

// recover turns a panic into an answer and a line in the log.
func (a *api) recover(c *gin.Context) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v)
		}
		p := a.problemOf(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
		if c.Writer.Written() {
			a.Log.Error("request failed after its answer had begun", "path", c.Request.URL.Path, "error", p.cause)
			c.Abort()
			return
		}
		a.refuse(c, p)
	}()
	c.Next()
}

// logged serves a request and, at debug level, tells it.
func (a *api) logged(next http.Handler, w http.ResponseWriter, r *http.Request) {
	if !a.Log.Enabled(r.Context(), slog.LevelDebug) {
		next.ServeHTTP(w, r)
		return
	}
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	begin := a.Now()
	next.ServeHTTP(rec, r)
	a.Log.Debug("request", "method", r.Method, "path", r.URL.Path, "query", redacted(r.URL.RawQuery),
		"status", rec.status, "bytes", rec.bytes, "duration", a.Now().Sub(begin), "remote", remote(r))
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status, bytes int
}

// WriteHeader remembers the status.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (r *recorder) Write(b []byte) (int, error) {
	n, err := r.ResponseWriter.Write(b)
	r.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
