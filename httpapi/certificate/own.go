package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The life of our own certificate. Browsers refuse one of more than 825 days.
const (
	ownLife    = 800 * 24 * time.Hour
	renewAhead = 30 * 24 * time.Hour
	leeway     = 24 * time.Hour // for clocks that are behind
	maxNames   = 64
)

// loadOwn reads our own certificate, or makes one: the first, or another for
// names that the kept one does not have.
func (s *Source) loadOwn() error {
	pair, err := s.kept()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.o.Log.Warn("the kept certificate cannot be used, a new one is made", "error", err)
	}
	names := s.names()
	if pair != nil && s.holds(pair.Leaf, names) {
		s.current.Store(pair)
		s.tell(pair, false)
		return nil
	}
	return s.issue(pair, names)
}

// renew makes a new certificate when the present one ends before long.
func (s *Source) renew() error {
	present := s.current.Load()
	if s.fresh(present.Leaf) {
		return nil
	}
	return s.issue(present, s.names())
}

// fresh tells whether a certificate holds for some time.
func (s *Source) fresh(c *x509.Certificate) bool {
	now := s.o.Now()
	return now.Add(renewAhead).Before(c.NotAfter) && !now.Before(c.NotBefore)
}

// holds tells whether a certificate is good for these names, for some time.
func (s *Source) holds(c *x509.Certificate, names []string) bool {
	had := namesOf(c)
	return s.fresh(c) && !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(had, name) })
}

// names are those that the certificate has to have, in one spelling.
func (s *Source) names() []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	for _, name := range s.o.Names() {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if a, err := netip.ParseAddr(name); err == nil {
			name = a.Unmap().WithZone("").String()
		}
		odd := strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f })
		if name != "" && len(name) <= 253 && !odd && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names[:min(len(names), maxNames)]
}

func namesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			names = append(names, a.Unmap().String())
		}
	}
	return names
}

// issue makes a certificate and keeps it. One that cannot be kept serves until
// the end of the process. It stays with the key of the one
// before, and with its names, which come and go: who trusts the key, or has
// made an exception for a name, does not notice.
func (s *Source) issue(before *tls.Certificate, names []string) error {
	var key crypto.Signer
	if before != nil {
		key, _ = before.PrivateKey.(crypto.Signer)
		for _, name := range namesOf(before.Leaf) {
			if len(names) < maxNames && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return fmt.Errorf("making the certificate's key: %w", err)
		}
	}
	text, err := sign(key, names, s.o.Now())
	if err != nil {
		return err
	}
	pair, err := pairOf(text)
	if err != nil {
		return err
	}
	if err := s.keep(text); err != nil {
		s.o.Log.Error("the certificate cannot be kept; after a restart it is another", "error", err)
	}
	s.current.Store(pair)
	s.tell(pair, true)
	return nil
}

// tell tells what somebody needs who wants to trust the certificate.
func (s *Source) tell(pair *tls.Certificate, made bool) {
	sum := sha256.Sum256(pair.Certificate[0])
	s.o.Log.Info("the certificate is of our own making", "new", made, "file", s.o.File, "sha256", hex.EncodeToString(sum[:]),
		"names", strings.Join(namesOf(pair.Leaf), " "), "ends", pair.Leaf.NotAfter.UTC().Format(time.DateOnly))
}

// sign makes a certificate that vouches for itself, and its key, as PEM.
func sign(key crypto.Signer, names []string, now time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("making the certificate's number: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("making the certificate: %w", err)
	}
	id := sha256.Sum256(public)
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: "Printwire"},
		NotBefore: now.Add(-leeway), NotAfter: now.Add(ownLife), SubjectKeyId: id[:20], AuthorityKeyId: id[:20],
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		template.DNSNames = append(template.DNSNames, name)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("writing the certificate's key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}

// pairOf is the certificate and its key from one text.
func pairOf(text []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("reading the kept certificate: %w", err)
	}
	if err := withLeaf(&pair); err != nil {
		return nil, err
	}
	return &pair, nil
}

// kept is our certificate as it was kept. fs.ErrNotExist: there is none.
func (s *Source) kept() (*tls.Certificate, error) {
	text, err := os.ReadFile(s.o.File)
	if err != nil {
		return nil, fmt.Errorf("reading the kept certificate: %w", err)
	}
	return pairOf(text)
}

// keep writes certificate and key into one file, all or nothing.
func (s *Source) keep(text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(s.o.File), ".certificate-")
	if err != nil {
		return fmt.Errorf("keeping the certificate: %w", err)
	}
	// The file is ours alone from the start: that is how CreateTemp makes it.
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), s.o.File)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("keeping the certificate: %w", err)
	}
	return nil
}
