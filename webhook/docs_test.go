package webhook_test

import (
	"os"
	"strings"
	"testing"

	"github.com/printwire/printwire/webhook"
)

func TestDocs_NameEveryFormat(t *testing.T) {
	text, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range webhook.Formats() {
		if !strings.Contains(string(text), "`"+f.Name+"`") {
			t.Errorf("docs/webhooks.md does not name the format %s", f.Name)
		}
		for _, v := range f.Variables {
			if !strings.Contains(string(text), "`"+v+"`") {
				t.Errorf("docs/webhooks.md does not name the variable %s of %s", v, f.Name)
			}
		}
	}
}
