package httpapi

import (
	"log/slog"
	"net/http"
	"time"
)

// Server is an HTTP server for a handler with limits on everything a slow or
// hostile client could stretch. The caller listens, serves and shuts down.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           unambiguous(h),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// unambiguous ends the connection after a request in chunks. One that names a
// length too may end elsewhere for a proxy before us, which would take what is
// behind it for another client's request; net/http does not tell the two apart.
func unambiguous(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}
