package webhook

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// The prefixes of Standard Webhooks: a shared secret, a private and a public key.
const (
	sharedPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// Signatures.
const (
	HMAC    = "hmac"
	Ed25519 = "ed25519"
)

// rotation is how long the previous secret signs too.
const rotation = 24 * time.Hour

// NewSecret is a fresh secret for a signature.
func NewSecret(signature string, random io.Reader) (secret.Text, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", fmt.Errorf("making a secret: %w", err)
	}
	if signature == Ed25519 {
		return secret.Text(privatePrefix + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed))), nil
	}
	return secret.Text(sharedPrefix + base64.StdEncoding.EncodeToString(seed)), nil
}

// PublicKey is what a receiver checks Ed25519 signatures with, "" for HMAC.
func (e Endpoint) PublicKey() string {
	key, err := parseSecret(e.Signature, e.Secret)
	if err != nil || e.Signature != Ed25519 {
		return ""
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(ed25519.PrivateKey(key).Public().(ed25519.PublicKey))
}

// parseSecret is the key in a secret.
func parseSecret(signature string, s secret.Text) ([]byte, error) {
	prefix := sharedPrefix
	if signature == Ed25519 {
		prefix = privatePrefix
	}
	text, ok := strings.CutPrefix(s.Reveal(), prefix)
	if !ok {
		return nil, fault.New(fault.Invalid, "must begin with %s", prefix)
	}
	key, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return nil, fault.New(fault.Invalid, "must be %s and base64", prefix)
	case signature != Ed25519 && (len(key) < 24 || len(key) > 64):
		return nil, fault.New(fault.Invalid, "must have 24 to 64 bytes, got %d", len(key))
	case signature == Ed25519 && len(key) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(key), nil
	case signature == Ed25519 && len(key) != ed25519.PrivateKeySize:
		return nil, fault.New(fault.Invalid, "must have 32 or 64 bytes, got %d", len(key))
	case signature == Ed25519 && !bytes.Equal(key, ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])):
		return nil, fault.New(fault.Invalid, "must be a key pair: the second half is the public key of the first")
	}
	return key, nil
}

// sign is the headers that prove a body at a time: one signature for each
// secret that is valid then.
func (e Endpoint) sign(id string, at time.Time, body []byte) (map[string]string, error) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	secrets := []secret.Text{e.Secret}
	if e.Previous != "" && at.Before(e.PreviousUntil) {
		secrets = append(secrets, e.Previous)
	}
	text := append([]byte(id+"."+stamp+"."), body...)
	var list []string
	for _, s := range secrets {
		// A secret's own prefix says how it signs: a rotation may change the way.
		way := HMAC
		if strings.HasPrefix(s.Reveal(), privatePrefix) {
			way = Ed25519
		}
		key, err := parseSecret(way, s)
		if err != nil {
			return nil, fmt.Errorf("the secret of %s: %w", e.ID, err)
		}
		list = append(list, signature(way, key, text))
	}
	headers := map[string]string{"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": strings.Join(list, " ")}
	if e.HubSignature {
		headers["X-Hub-Signature-256"] = "sha256=" + hex.EncodeToString(mac([]byte(e.Secret.Reveal()), body))
	}
	return headers, nil
}

func signature(way string, key, text []byte) string {
	if way == Ed25519 {
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(key, text))
	}
	return "v1," + base64.StdEncoding.EncodeToString(mac(key, text))
}

func mac(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}
