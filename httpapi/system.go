package httpapi

import (
	"context"
	"net/http"
)

// HealthReport is the body of /health.
type HealthReport struct {
	Status   string `json:"status" enum:"healthy,degraded,unhealthy"`
	Database string `json:"database" enum:"connected,disconnected"`
	MQTT     string `json:"mqtt" enum:"connected,disconnected"`
}

type healthAnswer struct {
	Status int
	Body   HealthReport
}

// health answers 503 only without a database: a broker that is away is no
// reason to restart the bridge.
func (a *api) health(context.Context, *nothing) (*healthAnswer, error) {
	h := a.Health()
	out := healthAnswer{Status: http.StatusOK, Body: HealthReport{Status: "healthy", Database: "connected", MQTT: "connected"}}
	if !h.MQTT {
		out.Body.Status, out.Body.MQTT = "degraded", "disconnected"
	}
	if !h.Database {
		out.Status, out.Body.Status, out.Body.Database = http.StatusServiceUnavailable, "unhealthy", "disconnected"
	}
	return &out, nil
}

type descriptionAnswer struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (a *api) description(context.Context, *nothing) (*descriptionAnswer, error) {
	return &descriptionAnswer{ContentType: jsonType, Body: a.openapi}, nil
}
