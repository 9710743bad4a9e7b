package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/journal"
)

// supervisorToken is what the bridge shows to the Supervisor.
const supervisorToken = "token of an app"

// supervisor stands between the bridge and the real Home Assistant as the
// Supervisor does: it lets in who has the app's token, hands calls of
// /core/api on with a token of its own, and answers 502 while Home Assistant
// does not run.
type supervisor struct {
	t          *testing.T
	url, token string
	client     http.Client

	mu    sync.Mutex
	calls []call
}

// call is one that came for Home Assistant, and the status of its answer.
type call struct {
	path   string
	status int
}

func newSupervisor(t *testing.T, h *homeAssistant) (*supervisor, string) {
	t.Helper()
	s := &supervisor{t: t, client: http.Client{Timeout: 10 * time.Second}}
	s.url, s.token = h.login()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// ServeHTTP answers one call.
func (s *supervisor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+supervisorToken {
		s.t.Errorf("%s %s without the app's token", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if path, ok := strings.CutPrefix(r.URL.Path, "/core/api/"); ok {
		status, answer := s.pass(r, "/api/"+path)
		s.mu.Lock()
		s.calls = append(s.calls, call{path, status})
		s.mu.Unlock()
		w.WriteHeader(status)
		_, _ = w.Write(answer)
		return
	}
	answer := map[string]any{"result": "ok", "data": map[string]any{}}
	switch r.Method + " " + r.URL.Path {
	case "GET /addons/self/info":
		answer["data"] = map[string]any{"slug": "local_printwire", "hostname": "local-printwire"}
	case "GET /services/mqtt":
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]any{"result": "error", "message": "Service not enabled"}
	case "POST /services/mqtt":
	case "POST /discovery":
		answer["data"] = map[string]any{"uuid": "7c1d"}
	default:
		s.t.Errorf("nobody expected %s %s", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// pass hands a call on.
func (s *supervisor) pass(r *http.Request, path string) (status int, answer []byte) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return http.StatusBadRequest, nil
	}
	var core struct{ State string }
	status, answer = s.ask(r, http.MethodGet, "/api/core/state", nil)
	if err := json.Unmarshal(answer, &core); err != nil || status != http.StatusOK || core.State != "RUNNING" {
		return http.StatusBadGateway, nil
	}
	return s.ask(r, r.Method, path, body)
}

// ask calls Home Assistant.
func (s *supervisor) ask(from *http.Request, method, path string, body []byte) (status int, answer []byte) {
	r, err := http.NewRequestWithContext(from.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return http.StatusBadGateway, nil
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", from.Header.Get("Content-Type"))
	response, err := s.client.Do(r)
	if err != nil {
		return http.StatusBadGateway, nil
	}
	defer func() { _ = response.Body.Close() }()
	if answer, err = io.ReadAll(response.Body); err != nil {
		return http.StatusBadGateway, nil
	}
	return response.StatusCode, answer
}

// answered are the calls with a status.
func (s *supervisor) answered(status int) (paths []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c.status == status {
			paths = append(paths, c.path)
		}
	}
	return paths
}

// webhookID is the secret of the automation's webhook trigger.
const webhookID = "a_long_secret_of_an_automation"

// listeners are automations that say on MQTT what triggered them. "json" keeps
// Home Assistant from reading the text as something else than a text.
func listeners() []any {
	var names []string
	for _, row := range journal.Events() {
		names = append(names, "printwire_"+row.Name)
	}
	say := func(topic, what string) []any {
		return []any{map[string]any{"action": "mqtt.publish", "data": map[string]any{"topic": topic, "payload": "json {{ " + what + " | to_json }}"}}}
	}
	return []any{
		map[string]any{
			"alias": "webhook", "id": "webhook", "mode": "queued", "max": 50,
			"triggers": []any{map[string]any{"trigger": "webhook", "webhook_id": webhookID, "allowed_methods": []string{"POST"}, "local_only": true}},
			"actions":  say("e2e/webhook", "trigger.json"),
		},
		map[string]any{
			"alias": "bus", "id": "bus", "mode": "queued", "max": 50,
			"triggers": []any{map[string]any{"trigger": "event", "event_type": names}},
			"actions":  say("e2e/bus", "dict(trigger.event.data, bus_event=trigger.event.event_type)"),
		},
		map[string]any{ // tells that Home Assistant has subscribed to what the triggers listen to
			"alias": "ready", "id": "ready",
			"triggers": []any{map[string]any{"trigger": "mqtt", "topic": readyTopic}},
			"actions":  []any{map[string]any{"event": "e2e_ready"}},
		},
	}
}

// firing is an event as an automation has it: trigger.json or trigger.event.data.
type firing map[string]any

// heard keeps what the listeners say, in order.
func (s *automated) heard(topic, payload string) {
	text, ok := strings.CutPrefix(payload, "json ")
	if !ok {
		return
	}
	var event firing
	if err := json.Unmarshal([]byte(text), &event); err != nil {
		s.t.Errorf("%s: %v: %s", topic, err, text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said[topic] = append(s.said[topic], event)
}

// about is what a listener said of a job, once it has said all that is expected.
func (s *automated) about(topic, title string, limit time.Duration, expected ...string) (events []firing) {
	s.t.Helper()
	eventually(s.t, topic+" tells of "+strings.Join(expected, ", "), limit, func() (bool, string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		events = slices.DeleteFunc(slices.Clone(s.said[topic]), func(e firing) bool { return e["title"] != title })
		for _, name := range expected {
			if !slices.ContainsFunc(events, func(e firing) bool { return names([]firing{e}) == name }) {
				return false, fmt.Sprintf("no %s in %v", name, s.said[topic])
			}
		}
		return true, ""
	})
	return events
}

// rising wants events in their order.
func (s *automated) rising(events []firing) {
	s.t.Helper()
	var last float64
	for _, e := range events {
		seq, _ := e["seq"].(float64)
		if seq <= last {
			s.t.Errorf("seq %v follows %v", e["seq"], last)
		}
		last = seq
	}
}

// names are the events' names, with the milestones.
func names(events []firing) string {
	var all []string
	for _, e := range events {
		name := fmt.Sprint(e["event"])
		if m, ok := e["milestone"]; ok && m != nil {
			name += fmt.Sprint(" ", m)
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

// triggered wants the automations with a webhook trigger and an event trigger
// to have been given the whole print.
func (s *automated) triggered() {
	const most = "print_started, print_progress 25, print_progress 50, print_progress 75, print_complete"
	hooked := s.about("e2e/webhook", hostile, patience, "print_complete")
	s.rising(hooked)
	if got := names(hooked); got != most {
		s.t.Errorf("the webhook trigger has fired on %s", got)
	}
	bussed := s.about("e2e/bus", hostile, patience, "print_complete")
	s.rising(bussed)
	if got := names(bussed); !strings.Contains(got, "first_layer_complete") || strings.ReplaceAll(got, "first_layer_complete, ", "") != most {
		s.t.Errorf("the event trigger has fired on %s", got)
	}
	for topic, e := range map[string]firing{"e2e/webhook": hooked[len(hooked)-1], "e2e/bus": bussed[len(bussed)-1]} {
		for name, want := range map[string]any{
			"printer": "Garage", "printer_id": 1.0, "serial_number": s.x1.Serial(), "filament_used": 15.2, "filament_details": "PLA: 15.2g",
			"status": "success", "progress": 100.0, "reason": nil, "source": "Printwire", "type": "print_complete",
		} {
			if e[name] != want {
				s.t.Errorf("%s: %s is %v, want %v", topic, name, e[name], want)
			}
		}
		duration, _ := e["duration"].(float64)
		at, err := time.Parse(time.RFC3339, fmt.Sprint(e["timestamp"]))
		message, _ := e["message"].(string)
		if duration < 5 || err != nil || time.Since(at) > 10*time.Minute || e["headline"] == "" || !strings.Contains(message, hostile) || !strings.HasPrefix(fmt.Sprint(e["id"]), "msg_") {
			s.t.Errorf("%s: %v", topic, e)
		}
	}
	if a, b := hooked[len(hooked)-1], bussed[len(bussed)-1]; a["seq"] != b["seq"] || a["id"] == b["id"] || b["bus_event"] != "printwire_print_complete" {
		s.t.Errorf("by webhook: %v\non the bus: %v", a, b)
	}
}

// outage stops Home Assistant for the time of a print: its event bus, unlike a
// webhook, tells that nobody has listened, so that every event comes later.
func (s *automated) outage() {
	s.h.must("down")
	before := len(s.core.answered(http.StatusOK))
	s.a1.Print(job("While away", 2*time.Minute))
	eventually(s.t, "the Supervisor has refused an event", patience, func() (bool, string) {
		refused := s.core.answered(http.StatusBadGateway)
		return len(refused) > 0 && strings.HasPrefix(refused[0], "events/printwire_"), fmt.Sprint(refused)
	})
	s.in.until("printwire/"+s.a1.Serial()+"/activity", "finished")
	if got := s.core.answered(http.StatusOK)[before:]; len(got) > 0 {
		s.t.Errorf("delivered to a Home Assistant that is down: %v", got)
	}
	s.h.must("up")
	s.h.must("ha.py", "log", "--mark")
	// An event that was refused three times, on a slow machine, lets others pass.
	want := []string{"print_started", "first_layer_complete", "print_progress 25", "print_progress 50", "print_progress 75", "print_complete"}
	events := s.about("e2e/bus", "While away", 4*time.Minute, want...)
	for _, name := range want {
		if n := strings.Count(", "+names(events)+",", ", "+name+","); n != 1 {
			s.t.Errorf("after the outage the event trigger has fired %d times on %s", n, name)
		}
	}
}
