package auth

import (
	"hash/crc32"
	"io"
	"math/big"
	"strings"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// The parts of a key: prefix, random part, checksum. The random part is 32
// bytes in base 62, padded to the width of the largest value.
const (
	livePrefix  = "pw_live_"
	testPrefix  = "pw_test_"
	randomBytes = 32
	randomWidth = 43
	sumWidth    = 6
	tailWidth   = randomWidth + sumWidth

	// keyMark starts every credential that is ours and not a user's password.
	keyMark = "pw_"
)

// newKeyText makes a key from 32 bytes of random.
func newKeyText(random io.Reader, test bool) (secret.Text, error) {
	if test {
		return NewToken(random, testPrefix)
	}
	return NewToken(random, livePrefix)
}

// NewToken makes a credential of the form of a key: a mark such as pw_at_, 32
// bytes of random, a checksum.
func NewToken(random io.Reader, mark string) (secret.Text, error) {
	b := make([]byte, randomBytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fault.New(fault.Internal, "reading random bytes for a credential: %w", err)
	}
	return TokenOf(mark, [randomBytes]byte(b)), nil
}

// TokenOf is the credential that holds these bytes.
func TokenOf(mark string, b [randomBytes]byte) secret.Text {
	body := mark + base62(new(big.Int).SetBytes(b[:]), randomWidth)
	return secret.Text(body + checksum(body))
}

// TokenBytes are the bytes that a credential holds; false: it has not the
// mark, the form or the checksum.
func TokenBytes(mark string, text secret.Text) (b [randomBytes]byte, ok bool) {
	token := text.Reveal()
	if !formed(mark, token) {
		return b, false
	}
	n, ok := new(big.Int).SetString(token[len(mark):len(token)-sumWidth], 62)
	if !ok || n.BitLen() > 8*randomBytes {
		return b, false
	}
	n.FillBytes(b[:])
	return b, true
}

// WellFormed tells whether a credential has the mark, the form and the checksum.
func WellFormed(mark string, text secret.Text) bool { return formed(mark, text.Reveal()) }

func base62(n *big.Int, width int) string {
	digits := n.Text(62)
	return strings.Repeat("0", width-len(digits)) + digits
}

// checksum is the CRC-32 of body in base 62.
func checksum(body string) string {
	var out [sumWidth]byte
	putChecksum(&out, body)
	return string(out[:])
}

func putChecksum(out *[sumWidth]byte, body string) {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	var buffer [len(livePrefix) + randomWidth]byte
	sum := crc32.ChecksumIEEE(buffer[:copy(buffer[:], body)])
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = digits[sum%62]
		sum /= 62
	}
}

// wellFormed tells whether text has the shape and the checksum of a key of ours.
func wellFormed(text string) bool { return formed(livePrefix, text) || formed(testPrefix, text) }

// formed tells whether text has a mark, of at most the length of a key's, and
// the shape and checksum behind it.
func formed(mark, text string) bool {
	if len(text) != len(mark)+tailWidth || !strings.HasPrefix(text, mark) {
		return false
	}
	for i := len(mark); i < len(text); i++ {
		switch c := text[i]; {
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		default:
			return false
		}
	}
	var sum [sumWidth]byte
	putChecksum(&sum, text[:len(text)-sumWidth])
	return string(sum[:]) == text[len(text)-sumWidth:]
}

// masked shows of a key what tells it from others and opens nothing.
func masked(key secret.Text) string {
	text := key.Reveal()
	random := text[len(livePrefix) : len(text)-sumWidth]
	return text[:len(livePrefix)] + random[:4] + "..." + random[len(random)-4:]
}
