package ftps_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer/bambu/ftps"
	"github.com/printwire/printwire/secret"
)

// vsftpd is the server that many printers run, started for one test. It knows
// only users of the machine, so the test makes one and removes it.
func vsftpd(t *testing.T, lines ...string) (address, disk string) {
	t.Helper()
	program := "/usr/sbin/vsftpd"
	if os.Getenv("PRINTWIRE_E2E") == "" {
		t.Skip("PRINTWIRE_E2E is not set: this test makes a user of the machine and starts vsftpd")
	}
	if _, err := os.Stat(program); err != nil || os.Getuid() != 0 {
		t.Fatalf("vsftpd and the rights to make a user are needed: %v", err)
	}
	folder, err := os.MkdirTemp("", "vsftpd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	disk = filepath.Join(folder, "disk")
	must(t, os.Chmod(folder, 0o755), os.MkdirAll(filepath.Join(disk, "cache"), 0o755), os.MkdirAll(filepath.Join(folder, "empty"), 0o755))
	addUser(t, disk)
	certificate := certify(t, filepath.Join(folder, "server.pem"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	must(t, l.Close())
	config := append([]string{
		"listen=YES", "listen_address=127.0.0.1", "listen_port=" + port, "background=NO", "local_enable=YES", "anonymous_enable=NO",
		"ssl_enable=YES", "implicit_ssl=YES", "ssl_tlsv1=YES", "ssl_ciphers=HIGH", "force_local_data_ssl=YES",
		"force_local_logins_ssl=YES", "require_ssl_reuse=YES", "rsa_cert_file=" + certificate, "rsa_private_key_file=" + certificate,
		"secure_chroot_dir=" + filepath.Join(folder, "empty"), "chroot_local_user=YES", "local_root=" + disk, "seccomp_sandbox=NO",
	}, lines...)
	file := filepath.Join(folder, "vsftpd.conf")
	must(t, os.WriteFile(file, []byte(strings.Join(config, "\n")+"\n"), 0o600))
	cmd := exec.Command(program, file)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("vsftpd said: %s", output.String())
		}
	})
	awaitPort(t, address)
	return address, disk
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func awaitPort(t *testing.T, address string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1500 {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return
		}
		<-tick.C
	}
	t.Fatalf("nobody listens at %s", address)
}

func addUser(t *testing.T, home string) {
	t.Helper()
	if _, err := user.Lookup("bblp"); err == nil {
		t.Fatal("the user bblp exists already; the test will not change or remove it")
	}
	if out, err := exec.Command("useradd", "-M", "-d", home, "-s", "/bin/bash", "bblp").CombinedOutput(); err != nil {
		t.Fatalf("making a user: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("userdel", "-f", "bblp").Run() })
	set := exec.Command("chpasswd")
	set.Stdin = strings.NewReader("bblp:" + code + "\n")
	if out, err := set.CombinedOutput(); err != nil {
		t.Fatalf("setting the password: %v: %s", err, out)
	}
}

func certify(t *testing.T, file string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "00S000000001"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})...)
	must(t, os.WriteFile(file, text, 0o600))
	return file
}

func TestVsftpd_SessionReuseRequired(t *testing.T) {
	address, disk := vsftpd(t)
	file := noise(3 << 20)
	must(t, os.WriteFile(filepath.Join(disk, "cache", "Wall bracket.gcode.3mf"), file, 0o644))
	o := ftps.Options{
		Address: address, User: "bblp", Password: code, Rate: 1 << 30,
		TLS: &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
			if name := s.PeerCertificates[0].Subject.CommonName; name != "00S000000001" {
				return fmt.Errorf("somebody else: %q", name)
			}
			return nil
		}},
	}
	conn, err := ftps.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	size, err := conn.Size("/cache/Wall bracket.gcode.3mf")
	if err != nil {
		t.Fatal(err)
	}
	written := time.Date(2026, 5, 1, 9, 30, 7, 0, time.UTC)
	must(t, os.Chtimes(filepath.Join(disk, "cache", "Wall bracket.gcode.3mf"), written, written))
	if date, err := conn.Date("/cache/Wall bracket.gcode.3mf"); date != "20260501093007" || err != nil {
		t.Errorf("date %q, %v", date, err)
	}
	for range 3 {
		var got bytes.Buffer
		if err := conn.Fetch("/cache/Wall bracket.gcode.3mf", size, &got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), file) {
			t.Fatalf("%d bytes came, and they differ", got.Len())
		}
	}
	if files, err := conn.List("/cache"); err != nil || len(files) != 1 || files[0].Size != 3<<20 {
		t.Errorf("listing %v, %v", files, err)
	}
	if err := conn.Fetch("/cache/none", 1, io.Discard); !fault.Is(err, fault.NotFound) {
		t.Errorf("no file: %v", err)
	}
	o.Password = secret.Text("87654321")
	if _, err := ftps.Dial(t.Context(), o); !fault.Is(err, fault.Denied) {
		t.Errorf("a wrong password: %v", err)
	}
}
