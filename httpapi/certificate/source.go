package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// checkEvery is how often, at most, a handshake looks at the files.
const checkEvery = 5 * time.Second

// soon is how long before its end a given certificate is warned of.
const soon = 14 * 24 * time.Hour

// Options says which certificate it is.
type Options struct {
	// Certificate and Key are PEM texts, or names of files with them. Both ""
	// asks for one of our own making.
	Certificate string
	Key         secret.Text
	// File is where our own is kept, readable by us alone.
	File string
	// Names are host names and IP addresses that our own has to be good for.
	Names func() []string
	Log   *slog.Logger
	Now   func() time.Time
}

// Source is the certificate at any time. Make it with New, Load it before it
// is asked.
type Source struct {
	o       Options
	current atomic.Pointer[tls.Certificate]

	mu      sync.Mutex // of what follows; a handshake never waits for it
	checked time.Time
	seen    stamps
	told    stamps // what was told to be broken
	broken  stamps // what was broken at the last look
}

// stamps tell whether one of two files was changed or replaced.
type stamps [2]struct {
	info fs.FileInfo
	gone bool
}

func (s stamps) equal(t stamps) bool {
	for i := range s {
		a, b := s[i], t[i]
		switch {
		case a.gone != b.gone, (a.info == nil) != (b.info == nil):
			return false
		case a.info == nil:
		case !os.SameFile(a.info, b.info), a.info.Size() != b.info.Size(), !a.info.ModTime().Equal(b.info.ModTime()):
			return false
		}
	}
	return true
}

// New makes a Source. It reads nothing.
func New(o Options) *Source { return &Source{o: o} }

// Load reads the certificate, or makes it. fault.Invalid: the one that was
// given cannot be used.
func (s *Source) Load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked = s.o.Now()
	if s.own() {
		return s.loadOwn()
	}
	s.seen = s.look()
	pair, err := s.read()
	if err != nil {
		return err
	}
	s.take(pair)
	return nil
}

// own tells whether the certificate is of our making.
func (s *Source) own() bool { return s.o.Certificate == "" && s.o.Key == "" }

// Config is that of a listener. Each handshake gets the certificate of its
// time. HTTP/1.1 alone is offered: the limits on slow clients are its own.
func (s *Source) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			s.refresh()
			return s.current.Load(), nil
		},
	}
}

// refresh looks whether the certificate changed, now and then. While one
// handshake looks the others go on with what there is.
func (s *Source) refresh() {
	if !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	now := s.o.Now()
	if now.Sub(s.checked) < checkEvery && !now.Before(s.checked) {
		return
	}
	s.checked = now
	if s.own() {
		if err := s.renew(); err != nil {
			s.o.Log.Error("a new certificate cannot be made; the old one stays", "error", err)
		}
		return
	}
	s.reload()
}

// reload takes changed files. Two files are not replaced at one moment: what
// does not fit together is told only when it still does not at the next look.
func (s *Source) reload() {
	found := s.look()
	if found.equal(s.seen) {
		s.broken = stamps{}
		return
	}
	pair, err := s.read()
	switch {
	case err == nil:
		s.seen, s.broken, s.told = found, stamps{}, stamps{}
		s.take(pair)
		s.o.Log.Info("the certificate was read again", "ends", pair.Leaf.NotAfter.UTC().Format(time.DateOnly))
	case !found.equal(s.broken):
		s.broken = found
	case !found.equal(s.told):
		s.told = found
		s.o.Log.Error("the new certificate cannot be used; the old one stays", "error", err)
	}
}

// take makes a certificate the current one.
func (s *Source) take(pair *tls.Certificate) {
	s.current.Store(pair)
	if left := pair.Leaf.NotAfter.Sub(s.o.Now()); !s.own() && left < soon {
		s.o.Log.Warn("the certificate ends soon, or has ended", "ends", pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
}

// isText tells whether a setting holds PEM text, not the name of a file.
func isText(value string) bool { return strings.Contains(value, "-----BEGIN ") }

// look is how the files are.
func (s *Source) look() stamps {
	var found stamps
	for i, name := range []string{s.o.Certificate, s.o.Key.Reveal()} {
		if isText(name) {
			continue
		}
		info, err := os.Stat(name)
		found[i].info, found[i].gone = info, err != nil
	}
	return found
}

// read reads the pair that was given. No error holds what was read.
func (s *Source) read() (*tls.Certificate, error) {
	var texts [2][]byte
	for i, f := range []struct{ field, value string }{{"http.certificate", s.o.Certificate}, {"http.key", s.o.Key.Reveal()}} {
		if isText(f.value) {
			texts[i] = []byte(f.value)
			continue
		}
		text, err := os.ReadFile(f.value)
		// The name may be a key that somebody pasted without its first line.
		if named := (*fs.PathError)(nil); errors.As(err, &named) {
			err = named.Err
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "the file cannot be read: %w", err).At(f.field)
		}
		texts[i] = text
	}
	pair, err := tls.X509KeyPair(texts[0], texts[1])
	if err != nil {
		return nil, fault.New(fault.Invalid, "the certificate and its key cannot be used: %w", err).At("http.certificate")
	}
	if err := withLeaf(&pair); err != nil {
		return nil, fault.New(fault.Invalid, "the certificate cannot be used: %w", err).At("http.certificate")
	}
	return &pair, nil
}

// withLeaf makes sure that the certificate is there in its parsed form.
func withLeaf(pair *tls.Certificate) (err error) {
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return fmt.Errorf("reading the certificate: %w", err)
		}
	}
	return nil
}
