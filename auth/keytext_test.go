package auth

import (
	"bytes"
	"crypto/rand"
	"hash/crc32"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/printwire/printwire/secret"
)

func TestNewKeyText_Form(t *testing.T) {
	form := regexp.MustCompile(`^pw_(live|test)_[0-9A-Za-z]{49}$`)
	n := 1_000_000
	if testing.Short() {
		n = 10_000
	}
	bytes := make([]byte, randomBytes)
	for i := range n {
		_, _ = rand.Read(bytes)
		if i%4 == 0 {
			bytes[0] = 0 // one in 256 by itself
		}
		if w := len(base62(new(big.Int).SetBytes(bytes), randomWidth)); w != randomWidth {
			t.Fatalf("%x has %d digits", bytes, w)
		}
	}
	seen := map[secret.Text]bool{}
	for i := range 2000 {
		key, err := newKeyText(rand.Reader, i%2 == 0)
		if err != nil {
			t.Fatal(err)
		}
		if !form.MatchString(key.Reveal()) || !wellFormed(key.Reveal()) || seen[key] {
			t.Fatalf("bad key %q", key.Reveal())
		}
		seen[key] = true
	}
}

func TestNewKeyText_Edges(t *testing.T) {
	for _, c := range []struct {
		name   string
		random []byte
		want   string
	}{
		{"zeros are padded", make([]byte, 32), "pw_live_" + strings.Repeat("0", 43)},
		{"the largest value fits", bytes.Repeat([]byte{0xff}, 32), "pw_live_"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key, err := newKeyText(bytes.NewReader(c.random), false)
			if err != nil || !strings.HasPrefix(key.Reveal(), c.want) || !wellFormed(key.Reveal()) {
				t.Errorf("%q, %v", key.Reveal(), err)
			}
		})
	}
	if _, err := newKeyText(bytes.NewReader(nil), false); err == nil {
		t.Error("a key without random bytes")
	}
}

func TestWellFormed_Damage(t *testing.T) {
	key := must(t, rand.Reader)
	for i := range len(key) {
		for _, c := range []byte{'0', 'a', 'Z', '_', ' ', 0, 0xff} {
			damaged := key[:i] + string([]byte{c}) + key[i+1:]
			if damaged != key && wellFormed(damaged) {
				t.Fatalf("%q passes for %q", damaged, key)
			}
		}
	}
	for _, s := range []string{"", "pw_", "pw_live_", key[:len(key)-1], key + "0", "bb_" + key[3:], strings.ToUpper(key), strings.Repeat("x", 1<<20)} {
		if wellFormed(s) {
			t.Errorf("%.80q passes", s)
		}
	}
}

func must(t testing.TB, random interface{ Read([]byte) (int, error) }) string {
	t.Helper()
	key, err := newKeyText(random, false)
	if err != nil {
		t.Fatal(err)
	}
	return key.Reveal()
}

func TestMasked_Form(t *testing.T) {
	key := must(t, rand.Reader)
	want := "pw_live_" + key[8:12] + "..." + key[47:51]
	if got := masked(secret.Text(key)); got != want {
		t.Errorf("masked = %s, want %s", got, want)
	}
}

func TestChecksum_CRC32(t *testing.T) {
	const body = "pw_live_0000000000000000000000000000000000000000000"
	want := base62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(body)))), 6)
	if got := checksum(body); got != want {
		t.Errorf("checksum = %s, want %s", got, want)
	}
}

func FuzzWellFormed(f *testing.F) {
	f.Add("pw_live_")
	f.Add(must(f, rand.Reader))
	f.Fuzz(func(t *testing.T, s string) {
		if !wellFormed(s) {
			return
		}
		if len(s) != len(livePrefix)+tailWidth || checksum(s[:len(s)-sumWidth]) != s[len(s)-sumWidth:] {
			t.Errorf("%q passes", s)
		}
		_ = masked(secret.Text(s))
	})
}

func FuzzParsePasswordHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$c3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3Vt")
	f.Add("$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHRzYWx0$c3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3Vt")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parsePasswordHash(s)
		if err != nil {
			return
		}
		if h.memory > mostHashMemory || h.time > mostHashTime || h.threads == 0 {
			t.Errorf("costs of %q pass", s)
		}
		if again, err := parsePasswordHash(h.String()); err != nil || again.String() != h.String() {
			t.Errorf("%q does not survive its text form: %v", s, err)
		}
	})
}
