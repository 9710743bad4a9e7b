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
