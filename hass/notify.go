package hass

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/printwire/printwire/fault"
)

// Notify makes a notification in Home Assistant's own list, or replaces the
// one of that id. It goes to Home Assistant itself through the Supervisor,
// whose answer then has no envelope. fault.Denied: Home Assistant does not
// take it, and never will.
func (s *Supervisor) Notify(ctx context.Context, id, title, message string) error {
	body, err := json.Marshal(map[string]string{"notification_id": id, "title": title, "message": message})
	if err != nil {
		return fmt.Errorf("encode the notification: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/core/api/services/persistent_notification/create", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return fault.New(fault.Offline, "the Supervisor cannot be reached: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return fault.New(fault.Offline, "Home Assistant's answer broke off: %w", err)
	case resp.StatusCode >= http.StatusBadRequest && resp.StatusCode < http.StatusInternalServerError:
		return fault.New(fault.Denied, "Home Assistant answered %d: %.200s", resp.StatusCode, text)
	case resp.StatusCode >= http.StatusInternalServerError:
		return fault.New(fault.Offline, "Home Assistant answered %d: %.200s", resp.StatusCode, text)
	}
	return nil
}
