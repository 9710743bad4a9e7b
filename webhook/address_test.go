package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/webhook"
)

// problem is what is wrong with a field of an endpoint, "" for nothing.
func problem(err error, field string) string {
	var all webhook.Problems
	if errors.As(err, &all) {
		for _, p := range all {
			if p.Field == field {
				return p.Message
			}
		}
	}
	return ""
}

func TestURL_WhatIsSaved(t *testing.T) {
	allowed := strings.Fields(`http://192.168.1.20/hook https://example.com/x http://10.0.0.5:9000/ http://[fd12:3456::1]/ http://100.101.102.103/
		http://nas.local/ http://172.30.1.1/ https://203.example.org:8443/a?b=c http://homeassistant:8123/api/webhook/abc http://supervisor/core/api/events/printwire_test
		http://8.8.8.8/ http://[2606:4700::1111]/`)
	refused := strings.Fields(`http://127.0.0.1/ http://localhost/ http://localhost./ http://a.localhost/ http://127.1/ http://0x7f000001/ http://2130706433/ http://0177.0.0.1/
		http://[::1]/ http://[::]/ http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/ http://[64:ff9b::7f00:1]/ http://[2002:7f00:1::]/ http://[::127.0.0.1]/
		http://0.0.0.0/ http://169.254.169.254/latest http://[fd00:ec2::254]/ http://[fe80::1]/ http://[fe80::1%25eth0]/ http://224.0.0.1/ http://255.255.255.255/ http://240.0.0.1/
		http://100.100.100.200/ http://172.30.32.2/ http://172.30.33.5/ http://supervisor/ http://supervisor/core/api/states http://supervisor/core/api/events/ http://supervisor:8080/core/api/events/x
		http://supervisor/core/api/events/../states http://supervisor/core/api/events/%2e%2e%2fstates https://supervisor/core/api/events/x http://homeassistant:8123/api/states http://homeassistant/api/webhook/x
		http://homeassistant:8123/api/webhook/../states file:///etc/passwd gopher://x/ ftp://x/ http://user:pass@example.com/ http://user@example.com/ http://example.com:25/ http://example.com:0/ http://example.com:99999/
		http://ｓupervisor/core/api/states http://%EF%BD%93upervisor/core/api/states http://ｈomeassistant:8123/api/states http://１２７.0.0.1/ http://127。0。0。1/ http://müller.example/
		http:///x //example.com/ example.com http://example.com/#x http://1.2.3/ http://192.0.2.1/ http://198.18.0.1/ http://[::ffff:0:127.0.0.1]/ http://[64:ff9b:1::7f00:1]/
		https://example.com/*** http://***/x https://example.com/a…b`)
	box := webhook.New(webhook.Options{Store: &memory{}})
	if err := box.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	try := func(url string) error {
		e, err := box.Create(t.Context(), webhook.Endpoint{Name: "x", URL: secret.Text(url)})
		if err == nil {
			_ = box.Delete(t.Context(), e.ID)
		}
		return err
	}
	for _, url := range allowed {
		if err := try(url); err != nil {
			t.Errorf("%s was refused: %v", url, err)
		}
	}
	for _, url := range append(refused, "", "http://exa mple.com/", "http://"+strings.Repeat("a", 3000)) {
		err := try(url)
		if problem(err, "url") == "" || !fault.Is(err, fault.Invalid) {
			t.Errorf("%.80s gave %v, want a problem of the field url", url, err)
		}
	}
	strict := webhook.New(webhook.Options{Store: &memory{}, Policy: webhook.Policy{PublicOnly: true}})
	if _, err := strict.Create(t.Context(), webhook.Endpoint{Name: "x", URL: "http://192.168.1.1/"}); problem(err, "url") == "" {
		t.Errorf("a private address was saved where only public ones are allowed (%v)", err)
	}
}

// resolving answers each question with the next list of addresses, and the last for ever.
func resolving(lists ...[]string) func(context.Context, string) ([]netip.Addr, error) {
	asked := 0
	return func(context.Context, string) ([]netip.Addr, error) {
		list := lists[min(asked, len(lists)-1)]
		asked++
		var out []netip.Addr
		for _, a := range list {
			out = append(out, netip.MustParseAddr(a))
		}
		return out, nil
	}
}

func TestDial_AddressesAreCheckedOnEveryConnection(t *testing.T) {
	server, requests := receive(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	for name, addresses := range map[string][]string{
		"loopback": {"127.0.0.1"}, "loopback in IPv6": {"::1"}, "mapped": {"::ffff:127.0.0.1"}, "translated": {"64:ff9b::7f00:1"}, "tunnelled": {"2002:7f00:1::"},
		"metadata": {"169.254.169.254"}, "link-local": {"fe80::1%eth0"}, "nobody": {"0.0.0.0", "::"}, "Supervisor": {"172.30.32.2"}, "none": {},
	} {
		box := webhook.New(webhook.Options{Store: &memory{}, Policy: webhook.Policy{Resolve: resolving(addresses)}})
		e := create(t, box, webhook.Endpoint{URL: secret.Text("http://printer.example" + port + "/")})
		a, err := box.Test(t.Context(), e.ID)
		if err != nil || a.Status != 0 || a.Error == "" {
			t.Errorf("%s: the attempt is %+v (%v), want one that was blocked", name, a, err)
		}
	}
	if len(requests) != 0 {
		t.Fatalf("%d requests arrived at an address that is refused", len(requests))
	}
	t.Run("a name that changes its address between two connections", func(t *testing.T) {
		box := tester(t, webhook.Options{Policy: webhook.Policy{Resolve: resolving([]string{"127.0.0.1"}, []string{"169.254.169.254"})}})
		e := create(t, box, webhook.Endpoint{URL: secret.Text("http://printer.example" + port + "/")})
		if a, err := box.Test(t.Context(), e.ID); err != nil || a.Status != 200 {
			t.Errorf("the first attempt is %+v (%v)", a, err)
		}
		if a, _ := box.Test(t.Context(), e.ID); a.Status != 0 || !strings.Contains(a.Error, "not allowed") {
			t.Errorf("the second attempt is %+v, want one that was blocked", a)
		}
	})
	t.Run("a name with a refused and an allowed address", func(t *testing.T) {
		box := tester(t, webhook.Options{Policy: webhook.Policy{Resolve: resolving([]string{"fe80::1", "127.0.0.1"})}})
		e := create(t, box, webhook.Endpoint{URL: secret.Text("http://printer.example" + port + "/")})
		if a, err := box.Test(t.Context(), e.ID); err != nil || a.Status != 200 {
			t.Errorf("the attempt is %+v (%v)", a, err)
		}
	})
	t.Run("a name whose allowed address does not answer, beside a refused one", func(t *testing.T) {
		for _, list := range [][]string{{"127.0.0.1", "fe80::1"}, {"fe80::1", "127.0.0.1"}} {
			box := tester(t, webhook.Options{Policy: webhook.Policy{Resolve: resolving(list)}})
			e := create(t, box, webhook.Endpoint{URL: "http://printer.example:9/"})
			if a, err := box.Test(t.Context(), e.ID); err != nil || a.Status != 0 || strings.Contains(a.Error, "not allowed") {
				t.Errorf("%v: the attempt is %+v (%v), want that the receiver is down: it is worth another attempt", list, a, err)
			}
		}
	})
	t.Run("the two names of the Supervisor's network reach it and nothing else", func(t *testing.T) {
		box := webhook.New(webhook.Options{Store: &memory{}, Policy: webhook.Policy{Resolve: resolving([]string{"169.254.169.254"})}})
		e := create(t, box, webhook.Endpoint{URL: "http://homeassistant:8123/api/webhook/abc"})
		if a, _ := box.Test(t.Context(), e.ID); !strings.Contains(a.Error, "not allowed") {
			t.Errorf("the attempt is %+v", a)
		}
	})
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"http://192.168.1.1/", "http://[::1]:80/", "http://0x7f.1/", "http://a@b/", "http://homeassistant:8123/api/webhook/x", "http://supervisor/core/api/events/a/../../b"} {
		f.Add(s)
	}
	box := webhook.New(webhook.Options{Store: &memory{}, Policy: webhook.Policy{Resolve: resolving([]string{"127.0.0.1"})}})
	f.Fuzz(func(t *testing.T, url string) {
		e, err := box.Create(t.Context(), webhook.Endpoint{Name: "x", URL: secret.Text(url)})
		if err != nil {
			return
		}
		defer func() { _ = box.Delete(t.Context(), e.ID) }()
		if !strings.HasPrefix(strings.ToLower(url), "http") {
			t.Errorf("%q was saved", url)
		}
	})
}
