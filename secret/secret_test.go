package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/printwire/printwire/secret"
)

func TestText_IsNeverShown(t *testing.T) {
	const canary = "canary"
	type holder struct {
		Code  secret.Text
		Codes []secret.Text
		Ptr   *secret.Text
	}
	text := secret.Text(canary)
	h := holder{text, []secret.Text{text}, &text}
	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%20s", "%.3s"} {
		shown = append(shown, fmt.Sprintf(verb, text), fmt.Sprintf(verb, h), fmt.Sprintf(verb, map[secret.Text]secret.Text{text: text}))
	}
	encoded, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("login", "code", text, "holder", h, "list", []secret.Text{text})
	}
	shown = append(shown, string(encoded), log.String(), fmt.Sprint(text), fmt.Errorf("with %v", text).Error())
	for _, s := range shown {
		if strings.Contains(s, canary) || strings.Contains(s, fmt.Sprintf("%x", canary)) || strings.Contains(s, fmt.Sprintf("%X", canary)) {
			t.Errorf("shown: %s", s)
		}
	}
	if text.Reveal() != canary || secret.Text("").String() != "" {
		t.Error("the text itself is lost")
	}
}

func TestText_IsRead(t *testing.T) {
	var h struct {
		Code secret.Text `json:"code"`
	}
	if err := json.Unmarshal([]byte(`{"code":"12345678"}`), &h); err != nil || h.Code.Reveal() != "12345678" {
		t.Errorf("got %q, %v", h.Code.Reveal(), err)
	}
}
