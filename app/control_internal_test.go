package app

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestApp_AStreamThatBreaksIsNoWholeAnswer(t *testing.T) {
	for _, sent := range []string{"", "half a database"} {
		t.Run("after "+sent, func(t *testing.T) {
			a := &App{log: slog.New(slog.DiscardHandler)}
			server := httptest.NewServer(a.controlHandler(controlRow{answer: func(*http.Request) (any, error) {
				return streamer(func(w io.Writer) error {
					_, _ = io.WriteString(w, sent)
					return errors.New("no space left on device")
				}), nil
			}}))
			defer server.Close()
			answer, err := http.Get(server.URL)
			if err == nil {
				_, err = io.ReadAll(answer.Body)
				_ = answer.Body.Close()
			}
			if err == nil {
				t.Error("the client takes the answer for a whole one")
			}
		})
	}
}
