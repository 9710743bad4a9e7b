package simulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/printwire/printwire/fault"
)

// lifetime is how long a printer's certificate is valid.
const lifetime = 10 * 365 * 24 * time.Hour

// Authority signs the certificates of simulated printers. It has the shape of
// the maker's: a root without key usage, and leaves of X.509 version 1 with
// nothing but the serial as common name. It is nobody's real authority. One
// may serve many printers: they then share the leaf's key, which costs a
// third of a second to make.
type Authority struct {
	root    *x509.Certificate
	rootKey *rsa.PrivateKey
	leafKey *rsa.PrivateKey
}

// NewAuthority makes two RSA keys and the root certificate, valid from a day before now.
func NewAuthority(now time.Time) (*Authority, error) {
	rootKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make key of the test authority: %w", err)
	}
	leafKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make key of the test printers: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{Country: []string{"XX"}, Organization: []string{"Simulated Printers Test Only"}, CommonName: "SIM CA"},
		NotBefore:             now.Add(-24 * time.Hour),
		NotAfter:              now.Add(lifetime),
		IsCA:                  true,
		BasicConstraintsValid: true,
		SignatureAlgorithm:    x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &rootKey.PublicKey, rootKey)
	if err != nil {
		return nil, fmt.Errorf("sign test authority: %w", err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back test authority: %w", err)
	}
	return &Authority{root: root, rootKey: rootKey, leafKey: leafKey}, nil
}

// ParseAuthority reads what Store wrote.
func ParseAuthority(data []byte) (*Authority, error) {
	a := &Authority{}
	keys := []**rsa.PrivateKey{&a.rootKey, &a.leafKey}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var err error
		switch {
		case block.Type == "CERTIFICATE" && a.root == nil:
			a.root, err = x509.ParseCertificate(block.Bytes)
		case block.Type == "RSA PRIVATE KEY" && len(keys) > 0:
			*keys[0], err = x509.ParsePKCS1PrivateKey(block.Bytes)
			keys = keys[1:]
		default:
			err = fault.New(fault.Invalid, "unexpected block %.40q", block.Type)
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "read test authority: %w", err)
		}
	}
	if a.root == nil || len(keys) > 0 {
		return nil, fault.New(fault.Invalid, "read test authority: expected a certificate and two RSA private keys in PEM")
	}
	return a, nil
}

// Store is the authority as PEM, with its private keys: the certificate, then both keys.
func (a *Authority) Store() []byte {
	out := a.PEM()
	for _, key := range []*rsa.PrivateKey{a.rootKey, a.leafKey} {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})...)
	}
	return out
}

// PEM is the root certificate.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
}

// Roots is a pool with the root certificate.
func (a *Authority) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// Leaf is the certificate of the printer with that serial, with the chain of
// two that a printer sends.
func (a *Authority) Leaf(serial string) (tls.Certificate, error) {
	der, err := a.sign(serial)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read back certificate of %s: %w", serial, err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.root.Raw}, PrivateKey: a.leafKey, Leaf: leaf}, nil
}

// version1 is TBSCertificate of X.509 version 1: the version is left out,
// which means 1, and there are no extensions. crypto/x509 makes version 3 only.
type version1 struct {
	SerialNumber *big.Int
	Signature    pkix.AlgorithmIdentifier
	Issuer       asn1.RawValue
	Validity     validity
	Subject      asn1.RawValue
	PublicKey    asn1.RawValue
}

type validity struct {
	NotBefore, NotAfter time.Time
}

type signedCertificate struct {
	TBS       asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

func (a *Authority) sign(serial string) ([]byte, error) {
	name, err := asn1.Marshal(pkix.Name{CommonName: serial}.ToRDNSequence())
	if err != nil {
		return nil, fmt.Errorf("encode name %s: %w", serial, err)
	}
	key, err := x509.MarshalPKIXPublicKey(&a.leafKey.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	sum := sha256.Sum256([]byte(serial))
	algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, Parameters: asn1.NullRawValue}
	tbs, err := asn1.Marshal(version1{
		SerialNumber: new(big.Int).SetBytes(sum[:8]),
		Signature:    algorithm,
		Issuer:       asn1.RawValue{FullBytes: a.root.RawSubject},
		Validity:     validity{a.root.NotBefore.UTC(), a.root.NotAfter.UTC()},
		Subject:      asn1.RawValue{FullBytes: name},
		PublicKey:    asn1.RawValue{FullBytes: key},
	})
	if err != nil {
		return nil, fmt.Errorf("encode certificate of %s: %w", serial, err)
	}
	digest := sha256.Sum256(tbs)
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.rootKey, crypto.SHA256, digest[:])
	if err != nil {
		return nil, fmt.Errorf("sign certificate of %s: %w", serial, err)
	}
	return asn1.Marshal(signedCertificate{
		TBS:       asn1.RawValue{FullBytes: tbs},
		Algorithm: algorithm,
		Signature: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
}
