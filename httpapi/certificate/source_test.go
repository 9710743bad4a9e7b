package certificate_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/httpapi/certificate"
	"github.com/printwire/printwire/secret"
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// bench is a source with its folder, its clock and its log.
type bench struct {
	t      *testing.T
	folder string
	clock  *clock
	log    bytes.Buffer
	source *certificate.Source
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, folder: t.TempDir(), clock: &clock{at: time.Now()}}
}

func (b *bench) path(name string) string { return filepath.Join(b.folder, name) }

func (b *bench) start(o certificate.Options) error {
	b.t.Helper()
	o.File, o.Now, o.Log = b.path("https.pem"), b.clock.now, slog.New(slog.NewTextHandler(&b.log, nil))
	if o.Names == nil {
		o.Names = func() []string { return nil }
	}
	b.source = certificate.New(o)
	return b.source.Load()
}

// given starts with two files.
func (b *bench) given() {
	b.t.Helper()
	if err := b.start(certificate.Options{Certificate: b.path("cert.pem"), Key: secret.Text(b.path("key.pem"))}); err != nil {
		b.t.Fatal(err)
	}
}

// later lets the time for a look at the files pass, and shakes hands.
func (b *bench) later() *x509.Certificate {
	b.clock.add(6 * time.Second)
	return b.shake()
}

// shake is the certificate that a client gets, over a real connection.
func (b *bench) shake() *x509.Certificate {
	b.t.Helper()
	ours, theirs := net.Pipe()
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	server := tls.Server(ours, b.source.Config())
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }() // owner: shake waits on done
	client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	if err := client.Handshake(); err != nil {
		b.t.Fatal(err)
	}
	if err := <-done; err != nil {
		b.t.Fatal(err)
	}
	return client.ConnectionState().PeerCertificates[0]
}

func (b *bench) write(name string, text []byte) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), text, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// told is how often the log says something.
func (b *bench) told(what string) int { return strings.Count(b.log.String(), what) }

// pair makes a certificate and its key.
func pair(t *testing.T, name string, ends time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: ends,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bytes})
}

func TestSource_AChangedCertificateIsTaken(t *testing.T) {
	b := newBench(t)
	year := time.Now().AddDate(1, 0, 0)
	cert, key := pair(t, "first", year)
	b.write("cert.pem", cert)
	b.write("key.pem", key)
	b.given()
	if got := b.shake().Subject.CommonName; got != "first" {
		t.Fatalf("the certificate is %s", got)
	}
	cert, key = pair(t, "second", year)
	b.write("cert.pem", cert)
	if got := b.later().Subject.CommonName; got != "first" {
		t.Errorf("with half of a new pair the certificate is %s", got)
	}
	if b.told("the old one stays") != 0 {
		t.Errorf("half of a new pair is told at once:\n%s", b.log.String())
	}
	b.write("key.pem", key)
	if got := b.shake().Subject.CommonName; got != "first" {
		t.Errorf("the files are read at every handshake: %s", got)
	}
	if got := b.later().Subject.CommonName; got != "second" {
		t.Errorf("after the change the certificate is %s", got)
	}
	if b.told("was read again") != 1 {
		t.Errorf("the log:\n%s", b.log.String())
	}
}

func TestSource_ABrokenCertificateIsToldOnceAndNotTaken(t *testing.T) {
	b := newBench(t)
	cert, key := pair(t, "first", time.Now().AddDate(1, 0, 0))
	b.write("cert.pem", cert)
	b.write("key.pem", key)
	b.given()
	for _, c := range []struct {
		name, file string
		text       []byte
	}{
		{"no PEM", "cert.pem", []byte("hello")},
		{"an empty file", "key.pem", nil},
		{"half a certificate", "cert.pem", cert[:len(cert)/2]},
	} {
		b.log.Reset()
		b.write(c.file, c.text)
		for range 4 {
			if got := b.later().Subject.CommonName; got != "first" {
				t.Errorf("%s: the certificate is %s", c.name, got)
			}
		}
		if n := b.told("the old one stays"); n != 1 {
			t.Errorf("%s: told %d times:\n%s", c.name, n, b.log.String())
		}
	}
	if err := os.Remove(b.path("cert.pem")); err != nil {
		t.Fatal(err)
	}
	b.log.Reset()
	if b.later(); b.later().Subject.CommonName != "first" || b.told("the old one stays") != 1 {
		t.Errorf("a certificate that is gone:\n%s", b.log.String())
	}
	b.write("cert.pem", cert)
	b.write("key.pem", key)
	if b.later(); b.told("was read again") != 1 {
		t.Errorf("a repaired certificate is not read:\n%s", b.log.String())
	}
}

func TestSource_Load_RefusesWhatCannotBeUsed(t *testing.T) {
	cert, key := pair(t, "first", time.Now().AddDate(1, 0, 0))
	other, _ := pair(t, "second", time.Now().AddDate(1, 0, 0))
	for _, c := range []struct{ name, cert, key, field string }{
		{"another's key", string(other), string(key), "http.certificate"},
		{"no such certificate", "nowhere.pem", string(key), "http.certificate"},
		{"no such key", string(cert), "MIGHcanary", "http.key"},
		{"no PEM", "source_test.go", string(key), "http.certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := newBench(t).start(certificate.Options{Certificate: c.cert, Key: secret.Text(c.key)})
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.field) || strings.Contains(err.Error(), "canary") {
				t.Errorf("the error is %v", err)
			}
		})
	}
	t.Run("text in place of files", func(t *testing.T) {
		b := newBench(t)
		if err := b.start(certificate.Options{Certificate: string(cert), Key: secret.Text(key)}); err != nil || b.later().Subject.CommonName != "first" {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("a certificate that has ended is used, and told of", func(t *testing.T) {
		b := newBench(t)
		cert, key := pair(t, "old", time.Now().Add(-time.Minute))
		if err := b.start(certificate.Options{Certificate: string(cert), Key: secret.Text(key)}); err != nil || b.told("has ended") != 1 {
			t.Errorf("the error is %v, the log\n%s", err, b.log.String())
		}
	})
}

func TestSource_Own(t *testing.T) {
	b := newBench(t)
	names := []string{"Printwire.local", "192.168.1.20", "fe80::1%eth0", "printwire.example.org.", "läuft nicht", ""}
	o := certificate.Options{Names: func() []string { return names }}
	if err := b.start(o); err != nil {
		t.Fatal(err)
	}
	first := b.shake()
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "printwire.local", "192.168.1.20", "printwire.example.org"} {
		if err := first.VerifyHostname(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	pool := x509.NewCertPool()
	pool.AddCert(first)
	if _, err := first.Verify(x509.VerifyOptions{DNSName: "printwire.local", Roots: pool}); err != nil {
		t.Errorf("who trusts it is refused: %v", err)
	}
	if key, ok := first.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() || first.IsCA {
		t.Errorf("the key is %T, an authority: %t", first.PublicKey, first.IsCA)
	}
	info, err := os.Stat(b.path("https.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file is %v, %v", info, err)
	}
	t.Run("it is the same after a restart", func(t *testing.T) {
		if err := b.start(o); err != nil || !b.shake().Equal(first) {
			t.Errorf("another certificate, %v", err)
		}
	})
	t.Run("it keeps its key and its names when the machine moves", func(t *testing.T) {
		names = []string{"192.168.1.21"}
		if err := b.start(o); err != nil {
			t.Fatal(err)
		}
		moved := b.shake()
		if moved.VerifyHostname("192.168.1.21") != nil || moved.VerifyHostname("192.168.1.20") != nil {
			t.Errorf("it is good for %v %v", moved.DNSNames, moved.IPAddresses)
		}
		if !slices.Equal(moved.RawSubjectPublicKeyInfo, first.RawSubjectPublicKeyInfo) {
			t.Error("it has another key")
		}
	})
	t.Run("it is renewed before its end", func(t *testing.T) {
		before := b.shake()
		b.clock.at = before.NotAfter.Add(-31 * 24 * time.Hour)
		if !b.shake().Equal(before) {
			t.Error("it is renewed too early")
		}
		b.clock.add(2 * 24 * time.Hour)
		renewed := b.shake()
		if renewed.Equal(before) || renewed.NotAfter.Sub(renewed.NotBefore) > 825*24*time.Hour || !b.shake().Equal(renewed) {
			t.Errorf("it ends %s, before %s", renewed.NotAfter, before.NotAfter)
		}
	})
	t.Run("one that was damaged is replaced", func(t *testing.T) {
		b.write("https.pem", []byte("-----BEGIN CERTIFICATE-----\nhalf"))
		if err := b.start(o); err != nil || b.told("cannot be used") == 0 || b.shake() == nil {
			t.Errorf("%v\n%s", err, b.log.String())
		}
	})
}

func TestSource_HandshakesAtOnce(t *testing.T) {
	b := newBench(t)
	cert, key := pair(t, "first", time.Now().AddDate(1, 0, 0))
	b.write("cert.pem", cert)
	b.write("key.pem", key)
	b.given()
	var wg sync.WaitGroup
	config := b.source.Config()
	for range 8 {
		wg.Go(func() { // owner: this test waits
			for range 50 {
				b.clock.add(time.Second)
				if got, err := config.GetCertificate(nil); err != nil || got == nil {
					t.Errorf("no certificate: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func TestSource_OldVersionsOfTLSAreRefused(t *testing.T) {
	b := newBench(t)
	if err := b.start(certificate.Options{}); err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	server := tls.Server(ours, b.source.Config())
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }() // owner: this test waits on done
	client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err := client.Handshake(); err == nil {
		t.Error("TLS 1.1 is taken")
	}
	_ = theirs.Close()
	<-done
}
