package bambu

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// The ways to check a printer's certificate, as printer.Config spells them.
const (
	certPin      = "pin"
	certVerify   = "verify"
	certInsecure = "insecure"
)

// certMode is how the certificate is checked: what the settings say, else
// verify where roots are given and pin where not.
func certMode(c printer.Config) string {
	switch {
	case c.Certificate != "":
		return c.Certificate
	case c.Roots != "":
		return certVerify
	default:
		return certPin
	}
}

// trustAnchors reads the roots of a config, which "verify" needs.
func trustAnchors(c printer.Config) (*x509.CertPool, error) {
	switch mode := certMode(c); mode {
	case certPin, certInsecure:
		return nil, nil
	case certVerify:
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(c.Roots)) {
			return nil, fault.New(fault.Invalid, "must hold the maker's root certificates in PEM form to verify with").At("roots")
		}
		return pool, nil
	default:
		return nil, fault.New(fault.Invalid, "must be pin, verify or insecure, got %.20q", mode).At("certificate")
	}
}

// certCheck decides about the certificate of one connection. It is used by one
// dialling goroutine and read when that has ended.
type certCheck struct {
	mode, serial string
	roots        *x509.CertPool
	// pin is the fingerprint that is trusted, "" for the first one to come.
	pin string
	now func() time.Time

	// seen is the fingerprint that the printer showed.
	seen string
	// problem is why it was refused.
	problem printer.Problem
}

// config is the TLS configuration that asks this check. The library's own
// check is off because these certificates have no subject alternative name;
// VerifyConnection runs on resumed sessions too.
func (c *certCheck) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true,
		VerifyConnection:   c.verify,
	}
}

func (c *certCheck) verify(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return c.refuse(printer.ProblemCertificate, "the printer showed no certificate")
	}
	leaf := s.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	c.seen = hex.EncodeToString(sum[:])
	if c.mode == certInsecure {
		return nil
	}
	if c.mode == certVerify {
		if err := c.chain(leaf, s.PeerCertificates[1:]); err != nil {
			return c.refuse(printer.ProblemCertificate, "the printer's certificate is not signed by the given roots: "+err.Error())
		}
	}
	if name := leaf.Subject.CommonName; name != c.serial {
		return c.refuse(printer.ProblemSerial, "the printer at this address is "+quoteName(name)+", not "+c.serial+": correct the serial or the address")
	}
	if c.mode == certPin && c.pin != "" && c.pin != c.seen {
		return c.refuse(printer.ProblemCertificate, "the printer shows another certificate than before; trust the new one if the printer was reset or its board was changed")
	}
	return nil
}

func (c *certCheck) chain(leaf *x509.Certificate, sent []*x509.Certificate) error {
	between := x509.NewCertPool()
	for _, cert := range sent {
		between.AddCert(cert)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: c.roots, Intermediates: between, CurrentTime: c.now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err
}

func (c *certCheck) refuse(code printer.ProblemCode, text string) error {
	c.problem = printer.Problem{Code: code, Text: text}
	return fault.New(fault.Denied, "%s", text)
}

// quoteName shows a name out of a certificate, which anybody may have written.
func quoteName(name string) string {
	if printer.ValidSerial(name) {
		return name
	}
	return "somebody else"
}
