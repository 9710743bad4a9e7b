package webhook_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/webhook"
)

func TestEndpoint_ProblemsSayWhatHelps(t *testing.T) {
	box := webhook.New(webhook.Options{Store: &memory{}})
	if err := box.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := box.Create(t.Context(), webhook.Endpoint{
		Name: "x", URL: "http://127.0.0.1/", Format: "custom", Events: []string{"print_completed", "nothing"},
		Headers: map[string]secret.Text{"Authorization": "***"},
	})
	for field, want := range map[string]string{
		"url":                   "webhook_addresses.loopback",
		"events.0":              "print_complete, ",
		"events.1":              `"nothing"`,
		"headers.Authorization": "not shown",
	} {
		if got := problem(err, field); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", field, got, want)
		}
	}
	if strings.Contains(problem(err, "events.1"), "print_complete") {
		t.Error("the events that there are were listed twice")
	}
	_, err = box.Create(t.Context(), webhook.Endpoint{Name: "x", URL: "http://192.168.1.20/", Format: "custom"})
	if got := problem(err, "template.body"); got != "is needed by the format custom" {
		t.Errorf("a format of one's own without its template: %q", got)
	}
}

func TestEndpoint_ProblemsAreThoseOfTheirField(t *testing.T) {
	box := webhook.New(webhook.Options{Store: &memory{}})
	if err := box.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		endpoint webhook.Endpoint
		want     string
	}{
		{"a number", webhook.Endpoint{MinimumMinutes: -4}, "minimum_minutes: must be a number from 0 to 100000"},
		{"a word", webhook.Endpoint{Quiet: webhook.Quiet{Mode: "loud"}}, "quiet_hours.mode: must be one of hold, drop"},
		{"half of the hours", webhook.Endpoint{Quiet: webhook.Quiet{From: "22:00"}}, "quiet_hours.to: is needed for quiet hours, a time such as 22:30"},
		{"a bad time", webhook.Endpoint{Quiet: webhook.Quiet{From: "22:00", To: "7"}}, "quiet_hours.to: must be a time such as 22:30"},
		{"a digest without a time", webhook.Endpoint{Digest: webhook.Digest{Mode: "digest"}}, "digest.at: is needed for a digest, a time such as 22:30"},
		{"a format", webhook.Endpoint{Format: "mail"}, `format: there is no format "mail"; there are standard, `},
	} {
		c.endpoint.Name, c.endpoint.URL = "x", "http://192.168.1.2/"
		if _, err := box.Create(t.Context(), c.endpoint); err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), ";") != (c.name == "a format") {
			t.Errorf("%s: %v, want %q alone", c.name, err, c.want)
		}
	}
}

func TestDelivery_TriedCountsWhatWasBeforeItWasSentAgain(t *testing.T) {
	for _, d := range []webhook.Delivery{{Tries: 1, Attempts: make([]webhook.Attempt, 5)}, {Tries: 5, Attempts: make([]webhook.Attempt, 3)}} {
		if got := d.Tried(); got != 5 {
			t.Errorf("tried %d times, want 5", got)
		}
	}
}

func TestEndpoint_ListsHaveAnEnd(t *testing.T) {
	box := webhook.New(webhook.Options{Store: &memory{}})
	if err := box.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := box.Create(t.Context(), webhook.Endpoint{
		Name: "x", URL: "http://192.168.1.2/", Events: slices.Repeat([]string{"tea_time"}, 50_000), Always: slices.Repeat([]string{"print_failed"}, 101),
		Results: slices.Repeat([]printer.Result{printer.Success}, 101),
	})
	for _, field := range []string{"events", "always", "results"} {
		if got := problem(err, field); !strings.Contains(got, "at most 100") {
			t.Errorf("%s: %q, want how long it may be", field, got)
		}
	}
	if n := len(err.Error()); n > 500 {
		t.Errorf("the problems have %d bytes", n)
	}
}
