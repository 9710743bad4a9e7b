package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/printwire/printwire/httpapi/certificate"
)

// webRetry is how long to wait before a taken HTTP port is tried again.
const webRetry = 10 * time.Second

// certificateName is the certificate of our own making, in the data folder.
// Without it another is made: nothing else depends on it.
const certificateName = "https.pem"

// door is one port of the REST API and the web pages.
type door struct {
	name, address, setting string
	// tls is nil for plain HTTP.
	tls      *tls.Config
	listener net.Listener
}

// openDoors makes the ports of the API, and reads or makes the certificate.
func (a *App) openDoors(context.Context) error {
	h := a.settings.HTTP
	a.doors = []*door{{name: "http", address: h.Listen, setting: "--http or http.listen"}}
	if h.TLSListen == "" {
		return nil
	}
	source := certificate.New(certificate.Options{
		Certificate: h.Certificate, Key: h.Key, File: filepath.Join(a.data, certificateName), Names: a.ownNames,
		Log: a.log.With("component", "https"), Now: a.now,
	})
	if err := source.Load(); err != nil {
		return err
	}
	a.doors = append(a.doors, &door{name: "https", address: h.TLSListen, setting: "http.tls_listen", tls: source.Config()})
	return nil
}

// ownNames are the names and addresses under which this machine is called.
func (a *App) ownNames() []string {
	names := a.hosts()
	if name, err := os.Hostname(); err == nil {
		short, _, _ := strings.Cut(name, ".")
		names = append(names, name, short, short+".local")
	}
	host, _, _ := net.SplitHostPort(a.settings.HTTP.TLSListen)
	if ip := net.ParseIP(host); ip == nil && host != "" || ip != nil && !ip.IsUnspecified() {
		return append(names, host)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		a.log.Warn("the addresses of this machine are not known; its certificate lacks them", "error", err)
	}
	for _, address := range addresses {
		if n, ok := address.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			names = append(names, n.IP.String())
		}
	}
	return names
}

// open opens the port, or says that it is taken.
func (d *door) open(log *slog.Logger) {
	var err error
	if d.listener, err = net.Listen("tcp", d.address); err != nil {
		log.Error("the port cannot be opened; the rest goes on, and it is tried again", "port", d.name,
			"address", d.address, "error", err, "again_in", webRetry,
			"hint", "stop what has it, or choose another address with "+d.setting)
	}
}

// serve answers at the port until ctx ends. A port that is taken is tried
// again until it is free: printers and MQTT do not depend on it.
func (d *door) serve(ctx context.Context, log *slog.Logger, server *http.Server) error {
	listener := d.listener
	for listener == nil {
		if !pause(ctx, webRetry) {
			return nil
		}
		if l, err := net.Listen("tcp", d.address); err == nil {
			log.Info("the port is open now", "port", d.name, "address", l.Addr().String())
			listener = l
		}
	}
	if d.tls != nil {
		listener = tls.NewListener(listener, d.tls)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped := make(chan struct{})
	go func() { // owner: serve waits on stopped
		defer close(stopped)
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
	}()
	err := server.Serve(listener)
	cancel()
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
