package simulator_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer/simulator"
)

func TestNew(t *testing.T) {
	for name, test := range map[string]struct {
		options simulator.Options
		field   string
	}{
		"an unknown model is named":       {simulator.Options{Model: "Z9"}, "model"},
		"a bad serial is named":           {simulator.Options{Model: "A1", Serial: "no spaces"}, "serial"},
		"an unknown unit is named":        {simulator.Options{Model: "A1", AMS: []string{"CMS"}}, "ams"},
		"a fifth unit is too many":        {simulator.Options{Model: "X1C", AMS: []string{"AMS", "AMS", "AMS", "AMS", "AMS"}}, "ams"},
		"an unknown scenario is named":    {simulator.Options{Model: "A1", Scenario: "dance"}, "scenario"},
		"a way of reporting is named":     {simulator.Options{Model: "A1", Reports: "some"}, "reports"},
		"a version is of four numbers":    {simulator.Options{Model: "A1", Firmware: "1.2"}, "firmware"},
		"an empty recording is refused":   {simulator.Options{Model: "A1", Replay: strings.NewReader("")}, "replay"},
		"a broken recording is refused":   {simulator.Options{Model: "A1", Replay: strings.NewReader("{")}, "replay"},
		"events alone are no recording":   {simulator.Options{Model: "A1", Replay: strings.NewReader(`{"ts":1,"direction":"event"}`)}, "replay"},
		"a recording with no status fits": {simulator.Options{Model: "A1", Replay: strings.NewReader(`{"ts":1,"direction":"recv","topic":"device/X/report","payload":{}}`)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Authority = authority()
			_, err := simulator.New(test.options)
			if test.field == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *fault.Error
			if err == nil || !asFault(err, &e) || e.Field != test.field {
				t.Fatalf("got %v, want an error at field %s", err, test.field)
			}
		})
	}
}

func TestPrinter_certificate(t *testing.T) {
	p := printer(t, simulator.Options{Model: "H2D", Serial: "09400S000000001"})
	var state tls.ConnectionState
	conn, err := tls.Dial("tcp", p.Addr().String(), &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error { //nolint:gosec // verified below, as a client of such printers has to
		state = s
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	leaf := state.PeerCertificates[0]
	t.Run("it is of version 1, named by the serial alone", func(t *testing.T) {
		if leaf.Version != 1 || leaf.Subject.String() != "CN=09400S000000001" || len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.Extensions) != 0 {
			t.Fatalf("version %d, subject %s, %d extensions", leaf.Version, leaf.Subject, len(leaf.Extensions))
		}
		if leaf.SignatureAlgorithm != x509.SHA256WithRSA || leaf.PublicKeyAlgorithm != x509.RSA {
			t.Fatalf("signed with %s, key %s", leaf.SignatureAlgorithm, leaf.PublicKeyAlgorithm)
		}
		if years := leaf.NotAfter.Sub(leaf.NotBefore).Hours() / 24 / 365; years < 9.9 || years > 10.1 {
			t.Fatalf("valid for %.1f years", years)
		}
	})
	t.Run("a chain of two is sent over TLS 1.2", func(t *testing.T) {
		if len(state.PeerCertificates) != 2 || state.Version != tls.VersionTLS12 || state.CipherSuite != tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 {
			t.Fatalf("%d certificates, TLS %x, suite %x", len(state.PeerCertificates), state.Version, state.CipherSuite)
		}
	})
	t.Run("the chain verifies with the printer's root and any usage", func(t *testing.T) {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: p.Roots(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(p.CertificatePEM()) {
			t.Fatal("root is not PEM")
		}
	})
	t.Run("it does not verify with another root", func(t *testing.T) {
		other, err := simulator.NewAuthority(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: other.Roots(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err == nil {
			t.Fatal("another authority vouches for it")
		}
	})
	t.Run("an ordinary check by name refuses it", func(t *testing.T) {
		if _, err := tls.Dial("tcp", p.Addr().String(), &tls.Config{RootCAs: p.Roots(), ServerName: p.Serial()}); err == nil {
			t.Fatal("a certificate without names was taken")
		}
	})
}

func TestAuthority_Store(t *testing.T) {
	read, err := simulator.ParseAuthority(authority().Store())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := read.Leaf("01P00S000000001")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: authority().Roots(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Fatal(err)
	}
	if _, err := simulator.ParseAuthority(authority().PEM()); err == nil {
		t.Fatal("an authority without keys was taken")
	}
}

func TestPrinter_login(t *testing.T) {
	p := printer(t, simulator.Options{Model: "P1S", Clients: 2})
	t.Run("a wrong code is refused with code 5", func(t *testing.T) {
		_, err := dial(p, "x", "87654321")
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), "not auth") {
			t.Fatalf("got %v", err)
		}
	})
	one, err := dial(p, "one", "12345678")
	if err != nil {
		t.Fatal(err)
	}
	defer one.Disconnect(0)
	t.Run("subscriptions are granted at level 0", func(t *testing.T) {
		token := one.Subscribe("device/"+p.Serial()+"/report", 1, nil)
		token.Wait()
		for topic, qos := range token.(*paho.SubscribeToken).Result() {
			if qos != 0 {
				t.Fatalf("%s granted at %d", topic, qos)
			}
		}
	})
	two, err := dial(p, "two", "12345678")
	if err != nil {
		t.Fatal(err)
	}
	defer two.Disconnect(0)
	t.Run("a third client is one too many", func(t *testing.T) {
		if _, err := dial(p, "three", "12345678"); err == nil {
			t.Fatal("three clients on a printer for two")
		}
	})
	t.Run("a client with the same id takes over", func(t *testing.T) {
		again, err := dial(p, "two", "12345678")
		if err != nil {
			t.Fatal(err)
		}
		again.Disconnect(0)
		eventually(t, func() bool { return !two.IsConnected() })
	})
	t.Run("a subscription to requests costs the connection", func(t *testing.T) {
		one.Subscribe("device/"+p.Serial()+"/request", 0, nil)
		eventually(t, func() bool { return !one.IsConnected() })
	})
}

func TestPrinter_fullReports(t *testing.T) {
	for name, want := range map[string]struct {
		least, most int
		tree, msg   bool
	}{
		"A1": {3800, 5200, false, true}, "A1 mini": {3800, 5200, false, true}, "P1S": {3600, 5000, false, true},
		"X1C": {8000, 12000, true, true}, "P2S": {5500, 8500, true, true}, "H2S": {5500, 8500, true, true}, "H2D": {9300, 13000, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, simulator.Options{Model: name})
			report := b.full()
			raw, _ := json.Marshal(object{"print": report})
			t.Logf("%s: %d bytes, %d keys", name, len(raw), len(report))
			if len(raw) < want.least || len(raw) > want.most {
				t.Errorf("%d bytes, want %d to %d", len(raw), want.least, want.most)
			}
			_, device := report["device"]
			_, fun := report["fun"]
			if device != want.tree || fun != want.tree || report["msg"] != float64(0) {
				t.Errorf("device %t, fun %t, msg %v", device, fun, report["msg"])
			}
			if !want.tree && report["chamber_temper"] != float64(5) {
				t.Errorf("chamber %v, want the constant 5", report["chamber_temper"])
			}
			if want.tree && report["chamber_temper"] != nil {
				t.Errorf("chamber_temper %v beside the packed value", report["chamber_temper"])
			}
		})
	}
}

func TestPrinter_olderFirmware(t *testing.T) {
	t.Run("an X1C 01.08 is flat, full, without msg, with one sequence", func(t *testing.T) {
		b := start(t, simulator.Options{Model: "X1C", Firmware: "01.08.02.00", StartPrinting: true})
		reports := b.step(5 * time.Second)
		if len(reports) < 4 {
			t.Fatalf("%d reports", len(reports))
		}
		for _, r := range reports {
			_, msg := r["msg"]
			_, fun := r["fun"]
			nozzle := r["device"].(object)["nozzle"].(object)
			if msg || fun || r["sequence_id"] != "2021" || nozzle["info"] != float64(17) || nozzle["0"] == nil || r["chamber_temper"] == float64(5) {
				t.Fatalf("report %v", r)
			}
		}
	})
	t.Run("an A1 01.05 does not tell its product name", func(t *testing.T) {
		b := start(t, simulator.Options{Model: "A1", Firmware: "01.05.00.00"})
		info := b.answer("info", "get_version", "1", `{"info":{"sequence_id":"1","command":"get_version"}}`)
		ota := info["module"].([]any)[0].(object)
		if _, named := ota["product_name"]; named || ota["project_name"] != "N2S" || ota["sw_ver"] != "01.05.00.00" {
			t.Fatalf("ota %v", ota)
		}
	})
	t.Run("reports can be made delta, full, or without msg", func(t *testing.T) {
		b := start(t, simulator.Options{Model: "H2D", Reports: "delta", OmitMsg: true, StartPrinting: true})
		b.full()
		small := b.step(10 * time.Second)
		if len(small) == 0 || len(small[len(small)-1]) > 30 || small[0]["msg"] != nil {
			t.Fatalf("%d reports, the last with %d keys", len(small), len(small[len(small)-1]))
		}
		b = start(t, simulator.Options{Model: "A1", Reports: "full"})
		if r := b.step(10 * time.Second); len(r) == 0 || len(r[0]) < 60 || r[0]["msg"] != float64(0) {
			t.Fatalf("%d reports", len(r))
		}
	})
}

func TestPrinter_version(t *testing.T) {
	for name, unit := range map[string]string{"A1": "ams_f1/0", "P1S": "ams/0", "X1C": "ams/1", "H2D": "n3s/128"} {
		t.Run(name, func(t *testing.T) {
			b := start(t, simulator.Options{Model: name})
			info := b.answer("info", "get_version", "77", `{"info":{"sequence_id":"77","command":"get_version"}}`)
			found := map[string]object{}
			for _, m := range info["module"].([]any) {
				found[m.(object)["name"].(string)] = m.(object)
			}
			if found[unit] == nil || found["ota"]["sn"] != b.Serial() || !strings.HasPrefix(fmt.Sprint(found["ota"]["product_name"]), "Bambu Lab ") {
				t.Fatalf("modules %v", found)
			}
			if _, told := info["result"]; told != (name == "A1" || name == "P1S") {
				t.Errorf("result %v", info["result"])
			}
		})
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("it did not happen within thirty seconds")
		case <-tick.C:
		}
	}
}
