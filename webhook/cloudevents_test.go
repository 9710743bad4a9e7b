package webhook_test

import (
	"encoding/json"
	"testing"

	"github.com/printwire/printwire/webhook"
)

func TestCloudEvents_BinaryMode(t *testing.T) {
	box := tester(t, webhook.Options{})
	server, requests := receive(t, nil)
	e := create(t, box, webhook.Endpoint{URL: secretOf(server.URL), Format: "cloudevents"})
	if a, err := box.Test(t.Context(), e.ID); err != nil || a.Status != 200 || a.Response != "" {
		t.Fatalf("the attempt is %+v (%v)", a, err)
	}
	g := <-requests
	for name, want := range map[string]string{
		"ce-specversion": "1.0", "ce-type": "printwire.test", "ce-source": "/printwire", "ce-id": g.header.Get("webhook-id"), "Content-Type": "application/json",
	} {
		if got := g.header.Get(name); got != want || got == "" {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if g.header.Get("ce-time") == "" || g.header.Get("Idempotency-Key") != "" {
		t.Errorf("the headers are %v", g.header)
	}
	var data map[string]any
	if err := json.Unmarshal(g.body, &data); err != nil || data["seq"] == nil || data["event"] != nil {
		t.Errorf("the body is %s (%v), want the data alone", g.body, err)
	}
	if err := verifies(t, e.Secret, g); err != nil {
		t.Error(err)
	}
}
