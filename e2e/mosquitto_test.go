package e2e_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The logins of the foreign broker: ours, and that of who looks on.
const (
	ourPassword   = "pass of printwire"
	watchPassword = "pass of watch"
)

// foreign is a mosquitto on loopback, without persistence, with logins, and
// with a TLS listener whose certificate is of an authority of its own.
type foreign struct {
	t               *testing.T
	folder          string
	port, tlsPort   int
	process         *exec.Cmd
	done            chan error
	out             *lines
	authority, conf string
}

// newForeign starts one.
func newForeign(t *testing.T) *foreign {
	t.Helper()
	need(t, "mosquitto")
	need(t, "mosquitto_passwd")
	f := &foreign{t: t, folder: t.TempDir(), port: freePort(t), tlsPort: freePort(t)}
	f.authority = f.certificates()
	passwords := f.write("passwords", "")
	for user, password := range map[string]string{"printwire": ourPassword, "watch": watchPassword} {
		if out, err := exec.Command("mosquitto_passwd", "-b", passwords, user, password).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_passwd: %v: %s", err, out)
		}
	}
	f.conf = f.write("mosquitto.conf", fmt.Sprintf(`user root
persistence false
allow_anonymous false
password_file %s
listener %d 127.0.0.1
listener %d 127.0.0.1
certfile %s
keyfile %s
`, passwords, f.port, f.tlsPort, filepath.Join(f.folder, "leaf.pem"), filepath.Join(f.folder, "leaf.key")))
	f.start()
	t.Cleanup(func() {
		f.stop()
		if t.Failed() {
			t.Logf("output of mosquitto:\n%s", f.out.tail(40))
		}
	})
	return f
}

func (f *foreign) write(name, text string) string {
	f.t.Helper()
	path := filepath.Join(f.folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// certificates makes an authority and a leaf for loopback; the file of the
// authority is what clients trust.
func (f *foreign) certificates() string {
	f.t.Helper()
	check := func(err error) {
		if err != nil {
			f.t.Fatal(err)
		}
	}
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority of a test"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "broker"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &root.PublicKey, root)
	check(err)
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, authority, &key.PublicKey, root)
	check(err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	check(err)
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	f.write("leaf.pem", block("CERTIFICATE", leafDER))
	f.write("leaf.key", block("EC PRIVATE KEY", keyDER))
	return f.write("authority.pem", block("CERTIFICATE", rootDER))
}

// start starts it and waits until it takes connections.
func (f *foreign) start() {
	f.t.Helper()
	f.out = newLines()
	f.process, f.done = exec.Command("mosquitto", "-c", f.conf), make(chan error, 1)
	f.process.Stdout, f.process.Stderr = f.out, f.out
	if err := f.process.Start(); err != nil {
		f.t.Fatal(err)
	}
	process, done := f.process, f.done
	go func() { done <- process.Wait() }() // owner: stop waits on done
	eventually(f.t, "mosquitto listens", patience, func() (bool, string) {
		conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(f.port))
		if err != nil {
			return false, f.out.tail(5)
		}
		return conn.Close() == nil, ""
	})
}

func (f *foreign) stop() {
	_ = f.process.Process.Kill()
	<-f.done
	f.done <- nil
}

// access is the login of who looks on.
func (f *foreign) access() (a access) {
	a.MQTT.Host, a.MQTT.Port, a.MQTT.Username, a.MQTT.Password = "127.0.0.1", f.port, "watch", watchPassword
	return a
}

// client runs a program of mosquitto's with a login and gives what it printed.
func (a access) client(program string, args ...string) (string, error) {
	login := []string{"-h", a.MQTT.Host, "-p", strconv.Itoa(a.MQTT.Port), "-u", a.MQTT.Username, "-P", a.MQTT.Password}
	out, err := exec.Command(program, append(login, args...)...).CombinedOutput()
	return string(out), err
}

// publish publishes one message with mosquitto_pub.
func (a access) publish(t *testing.T, topic, payload string, more ...string) {
	t.Helper()
	if out, err := a.client("mosquitto_pub", append([]string{"-t", topic, "-m", payload}, more...)...); err != nil {
		t.Fatalf("mosquitto_pub %s: %v: %s", topic, err, out)
	}
}

// becomes waits until a topic's retained value is what is wanted.
func (a access) becomes(t *testing.T, topic, want string, limit time.Duration) {
	t.Helper()
	eventually(t, topic+" becomes "+want, limit, func() (bool, string) {
		out, _ := a.client("mosquitto_sub", "-t", topic, "-C", "1", "-W", "5", "--retained-only")
		got := strings.TrimSuffix(out, "\n")
		return got == want, got
	})
}

// fresh calls do, and waits until something has been published on each topic
// since, whether it is retained or not.
func (a access) fresh(t *testing.T, filter string, do func(), topics ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sub := exec.CommandContext(ctx, "mosquitto_sub", "-h", a.MQTT.Host, "-p", strconv.Itoa(a.MQTT.Port), "-u", a.MQTT.Username,
		"-P", a.MQTT.Password, "-t", filter, "-R", "-F", "new: %t", "-d")
	out := newLines()
	sub.Stdout, sub.Stderr = out, out
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = sub.Wait() }()
	out.wait(t, "received SUBACK", patience)
	do()
	for _, topic := range topics {
		out.wait(t, "new: "+topic+"\n", patience)
	}
}
