package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// answers is how a path of Bambuddy is answered.
type answers string

// The answers.
const (
	yes   answers = "yes"   // it does what it says
	empty answers = "empty" // it answers as if there were none
	told  answers = "501"   // it says that it is not there yet
	fence answers = "fence" // it answers what stands before it
	no    answers = "404"   // there is nothing at this path
)

// callRow is some paths of Bambuddy, and whether they answer.
type callRow struct {
	group, calls string // calls: method and path each, divided by commas
	how          answers
	// later is the part it comes with, note what else is to be known.
	later, note string
}

func callRows() []callRow {
	const p = "/printers/{id}/"
	return []callRow{
		{"Printers", "GET /printers, GET /printers/{id}, POST /printers, PATCH /printers/{id}, DELETE /printers/{id}, POST /printers/test", yes, "", "a serial does for the id everywhere"},
		{"Printers", "GET " + p + "status, POST " + p + "refresh-status, POST " + p + "connect, POST " + p + "disconnect", yes, "", ""},
		{"Printers", "GET " + p + "diagnostic", yes, "", "what the connection has shown; nothing is probed"},
		{"Printers", "POST /printers/diagnostic", no, "", "`POST /printers/test` says what is found"},
		{"Printers", "GET " + p + "cover", yes, "", "404 until the printer's file has been read; `?view=` is `plate`, `small`, `top` or `pick`"},
		{"Camera", "GET " + p + "camera/stream, GET " + p + "camera/snapshot, POST " + p + "camera/stop, POST /printers/camera/stream-token", no, "camera", ""},
		{"Control", "POST " + p + "print/pause, POST " + p + "print/resume, POST " + p + "print/stop, POST " + p + "print-speed, POST " + p + "chamber-light", yes, "", "the answer says whether the printer confirmed"},
		{"Control", "POST " + p + "temperature/nozzle, POST " + p + "temperature/bed, POST " + p + "temperature/chamber, POST " + p + "fan-speed, POST " + p + "airduct-mode", yes, "", ""},
		{"Control", "POST " + p + "hms/clear, POST " + p + "ams/load, POST " + p + "ams/unload, POST " + p + "drying/start, POST " + p + "drying/stop", yes, "", ""},
		{"Control", "POST " + p + "select-extruder, POST " + p + "bed-jog, POST " + p + "xy-jog, POST " + p + "extruder-jog, POST " + p + "home-axes", told, "", "the machine is not moved by hand"},
		{"Control", "POST " + p + "hms/execute-action, POST " + p + "ams/{ams}/slot/{slot}/refresh", told, "", ""},
		{"Control", "POST " + p + "clear-plate", told, "queue", ""},
		{"Control", "POST " + p + "print/skip-objects, GET " + p + "print/objects", yes, "", ""},
		{"Control", "GET /scheduled-dryings, POST /scheduled-dryings, DELETE /scheduled-dryings/{id}", no, "queue", ""},
		{"Queue", "GET /queue", empty, "queue", ""},
		{"Queue", "POST /queue, POST /queue/reorder", told, "queue", ""},
		{"Queue", "GET /queue/{id}, PATCH /queue/{id}, DELETE /queue/{id}, PATCH /queue/bulk, POST /queue/{id}/start, POST /queue/{id}/stop, POST /queue/{id}/cancel, POST /queue/printer/{id}/resume, GET /queue/batches", no, "queue", ""},
		{"Archives", "GET /archives, GET /archives/search, GET /archives/{id}, PATCH /archives/{id}, DELETE /archives/{id}, GET /archives/export", yes, "", "the export is CSV or JSON, not XLSX"},
		{"Archives", "GET /archives/slim, GET /archives/analysis/failures, GET /archives/{id}/runs", yes, "", "one print is one run; our own beside them: `GET /archives/{id}/samples`, `GET /archives/{id}/thumbnail`"},
		{"Archives", "POST /archives/recalculate-costs", yes, "", "what filament cost; electricity comes with the tariff"},
		{"Archives", "POST /archives/{id}/reprint", told, "", "prints are not started by the bridge"},
		{"Statistics", "GET /statistics, GET /archives/stats, GET /statistics/export, GET /archives/stats/export", yes, "", "each with its own body"},
		{"Settings", "GET /settings, GET /settings/mqtt/status", yes, "", "without secrets"},
		{"Settings", "PATCH /settings, PUT /settings", fence, "", "403 for every key"},
		{"Settings", "POST /settings/electricity-price", told, "tariff", "checked, then 501"},
		{"Settings", "GET /settings/electricity-price", no, "tariff", "405 until then"},
		{"Keys", "GET /api-keys, POST /api-keys, GET /api-keys/{id}, PATCH /api-keys/{id}, DELETE /api-keys/{id}, POST /api-keys/{id}/rotate, GET /auth/me", yes, "", ""},
		{"Webhook", "POST /webhook/printer/{id}/stop, POST /webhook/printer/{id}/cancel, GET /webhook/printer/{id}/status", yes, "", ""},
		{"Webhook", "GET /webhook/queue", empty, "queue", ""},
		{"Webhook", "POST /webhook/queue/add, POST /webhook/printer/{id}/start", told, "queue", ""},
		{"Notifications", "GET /notifications, POST /notifications, POST /notifications/app-message, GET /notification-templates", no, "", "instead: `/webhooks`, whose endpoints send to any address, also in the formats of Bambuddy (`bambuddy`), Discord, Telegram, ntfy and others"},
		{"Smart plugs", "GET /smart-plugs, POST /smart-plugs, POST /smart-plugs/{id}/control, GET /smart-plugs/{id}/status, GET /ha-sensors, GET /maintenance/overview", no, "tariff", "a plug's energy; switching and maintenance have no date"},
		{"Cloud", "GET /cloud/filaments, GET /cloud/devices, GET /cloud/firmware-updates, GET /cloud/settings, GET /cloud/status", fence, "cloud", "owner, cloud access, signed in: 401, 403, 401"},
		{"Cloud", "POST /cloud/login, POST /cloud/verify, POST /cloud/token, POST /cloud/logout, POST /cloud/filament-info, GET /cloud/builtin-filaments, GET /cloud/filament-id-map, GET /cloud/fields", no, "cloud", ""},
		{"System", "GET /health, GET /system/info, GET /metrics", yes, "", "`/health` and `/metrics` outside `/api/v1` too"},
		{"System", "GET /ws, POST /auth/ws-token, GET /users/slim", no, "", "the live feed is `GET /events` (SSE); a ticket is at `POST /auth/tickets`"},
	}
}

// fieldRow is what Bambuddy's clients read of an answer.
type fieldRow struct {
	call, fields string
	// later is the part with which they come to have a value; until then null.
	later string
}

func fieldRows() []fieldRow {
	const status, archive = "/api/v1/printers/1/status", "/api/v1/archives/1"
	return []fieldRow{
		{"/api/v1/printers/1", "id name ip_address serial_number model status activity location auto_archive is_active nozzle_count supports_nozzle_flow_type print_hours_offset external_camera_url external_camera_type external_camera_enabled camera_rotation plate_detection_enabled created_at updated_at current_print", ""},
		{status, "id name connected state activity status progress remaining_time remaining_seconds finish_at current_layer layer_num total_layers temperatures temperature hms_status hms_errors", ""},
		{status, "current_print subtask_name gcode_file ams vt_tray ams_exists tray_now expected_tray previous_tray ams_status_main ams_status_sub mc_print_sub_stage last_ams_update", ""},
		{status, "sdcard store_to_sdcard timelapse ipcam door_open wired_network developer_mode ams_filament_backup wifi_signal nozzles nozzle_rack active_extruder ams_mapping ams_extruder_map fila_switch print_options", ""},
		{status, "stg_cur stg_cur_name stg speed_level chamber_light airduct_mode cooling_fan_speed big_fan1_speed big_fan2_speed heatbreak_fan_speed left_aux_fan_speed exhaust_fan_present", ""},
		{status, "firmware_version supports_drying supports_drying_while_printing drying_screen_only supports_chamber_heater updated_at stale serial_number current_archive_id current_plate_id", ""},
		{status, "cover_url printable_objects_count", ""},
		{status, "awaiting_plate_clear", "queue"},
		{status, "energy_kwh energy_cost", "tariff"},
		{archive, "id name filename printer_id printer_name created_at duration status result filament_used filament_type print_name plate_id actual_time_seconds time_accuracy filament_used_grams filament_color total_layers nozzle_diameter bed_temperature nozzle_temperature started_at completed_at failure_reason quantity is_favorite tags notes", ""},
		{archive, "project_id file_size layer_height bed_type sliced_for_model cost run_count last_run_at total_filament_actual_grams successful_run_count failed_run_count created_by_id", ""},
		{archive, "energy_kwh energy_cost energy_wh peak_w avg_w", "tariff"},
		{"/api/v1/statistics", "total_prints successful_prints failed_prints stopped_prints success_rate total_print_time total_filament_used total_cost total_energy_kwh total_energy_cost", ""},
		{"/api/v1/archives/stats", "total_prints successful_prints failed_prints cancelled_prints total_print_time_hours total_filament_grams total_cost prints_by_filament_type prints_by_printer average_time_accuracy time_accuracy_by_printer total_energy_kwh total_energy_cost energy_data_warming_up printer_names", ""},
		{"/api/v1/settings", "energy_cost_per_kwh currency mqtt_enabled mqtt_topic_prefix", ""},
		{"/api/v1/settings/mqtt/status", "enabled connected broker port topic_prefix", ""},
		{"/api/v1/auth/me", "owner username is_admin scopes permissions can_queue can_control_printer can_read_status can_manage_library can_manage_inventory can_manage_maintenance can_manage_archives can_manage_projects can_access_cloud can_update_energy_cost printer_ids expires_at", ""},
		{"/api/v1/api-keys/{kept}", "id name key_prefix user_id printer_ids enabled last_used created_at expires_at can_queue can_control_printer can_read_status", ""},
		{"/api/v1/system/info", "version uptime database app printers memory", ""},
		{"/health", "status database mqtt", ""},
	}
}

// missingFields are what Bambuddy has and we do not.
func missingFields() [][3]string {
	return [][3]string{
		{"`/system/info`", "`storage` `system` `cpu`", "the host is not described"},
		{"`/printers`", "`access_code`", "never: secrets are write-only"},
		{"`/archives/{id}`", "file paths and hashes", "never"},
	}
}

// callsAndFields compares the tables with what the demo answers.
func (w *world) callsAndFields(t *testing.T) {
	t.Helper()
	for _, r := range callRows() {
		for call := range strings.SplitSeq(r.calls, ", ") {
			w.answered(t, r, call)
		}
	}
	bodies := map[string]map[string]any{}
	for _, r := range fieldRows() {
		if bodies[r.call] == nil {
			code, body := w.ask(t, seedRow{request: "GET " + r.call, with: "maker"})
			var v map[string]any
			text, _, _ := strings.Cut(body, "\nX-RateLimit")
			if err := json.Unmarshal([]byte(text), &v); err != nil || code != 200 {
				t.Errorf("GET %s: %d %v", r.call, code, err)
				continue
			}
			bodies[r.call] = v
		}
		for name := range strings.FieldsSeq(r.fields) {
			if _, ok := bodies[r.call][name]; !ok {
				t.Errorf("GET %s has no %s", r.call, name)
			}
		}
	}
}

// answered calls a path and compares the answer with its row.
func (w *world) answered(t *testing.T, r callRow, call string) {
	t.Helper()
	method, path, _ := strings.Cut(call, " ")
	path = strings.NewReplacer("{id}", "1", "{ams}", "0", "{slot}", "0").Replace(path)
	if path != "/health" && path != "/metrics" {
		path = "/api/v1" + path
	}
	key, body := "maker", ""
	refused := r.how == yes && (method != "GET" || strings.Contains(path, "/api-keys/"))
	if refused {
		key = "tariff" // nothing is to be changed: a route that is there tells what it needs
	}
	if path == "/api/v1/settings/electricity-price" && method == "POST" {
		body = ` {"energy_cost_per_kwh": 0.3}`
	}
	row := seedRow{request: method + " " + path + body, with: key}
	code, text := w.ask(t, row)
	if strings.HasSuffix(path, "/cover") && code == 404 {
		eventually(t, "the printer's file is read", patience, func() (bool, string) {
			code, text = w.ask(t, row)
			return code != 404, text
		})
	}
	want := map[answers][]int{yes: {200}, empty: {200}, told: {501}, fence: {401, 403}, no: {404, 405, 422}}[r.how]
	if refused {
		want = []int{403}
	}
	if !slices.Contains(want, code) || refused && !strings.Contains(text, `"required_scopes":["`) {
		t.Errorf("%s is to be %q: %d %.200s", call, r.how, code, text)
	}
}

// compatibilityDocument is docs/compatibility.md.
func compatibilityDocument() string {
	var s strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	code := func(text string) string {
		return "`" + strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(text, "\\\n", ""), "\n", " "), "|", "\\|") + "`"
	}
	line("# Compatibility\n\nMade from the tables in `e2e/compatibility_*_test.go`, whose rows are sent to the demo; do not edit.")
	line("Clients change the host, the port and the key, and nothing else.\n\n## Requests of the documentation that clients follow\n")
	line("Sent as written, in this order. \"Key\" is what stands for the key of the documentation: `read`, `full`, `tariff` are presets,")
	line("`maker` may make keys, `cloud` has cloud access, `unknown` and `foreign` are no keys here, `withdrawn`, `expired` and `ownerless` are what they say.\n")
	line("| From | Request | Key | Answer | |\n|---|---|---|---|---|")
	for _, r := range seedRows() {
		line("| %s | %s | %s | %d | %s |", r.seed, code(r.request), r.with, r.want, r.says)
	}
	line("| %s | `GET /api/v1/printers`, the 101st within a minute | control | 429 | `rate_limit_exceeded`, \"Too many requests\", `retry_after`, `Retry-After`; the 100 before have `X-RateLimit-Limit: 100` |", bambuddy)
	line("\nOAuth clients are made by `printwire oauth create`; `printwire admin` gives the local administrator, who consents, a password.")
	line("The tests of the OAuth rows write both into the data folder before the demo starts; the requests themselves run as written.")
	line("Bambuddy's webhooks (seven events to an address of the user) are endpoints made by `POST /webhooks`, with its flat body by the format `bambuddy`;")
	line("what receivers get is in [webhooks.md](webhooks.md). Its pages (API browser, list of keys) come with the dashboard.\n")
	line("## Paths of Bambuddy\n\nBelow `/api/v1`, unless they say otherwise, each with and without a slash at its end.\n")
	line("`yes`: it does what it says. `empty`: an empty answer. `501`: it says that it is not there yet. `fence`: it answers what stands before it.")
	line("`404`: there is nothing (405 or 422 where the path belongs to another call).\n")
	line("| | Calls | Answers | Comes with | |\n|---|---|---|---|---|")
	for _, r := range callRows() {
		line("| %s | `%s` | %s | %s | %s |", r.group, strings.ReplaceAll(r.calls, ", ", "`, `"), r.how, r.later, r.note)
	}
	line("\n## Fields of Bambuddy\n\nAlways present; null when unknown. Where a part is named, a value comes with it.\n")
	line("| Answer of `GET` | Fields | Value comes with |\n|---|---|---|")
	for _, r := range fieldRows() {
		line("| `%s` | `%s` | %s |", strings.Replace(r.call, "{kept}", "{id}", 1), strings.Join(strings.Fields(r.fields), "` `"), r.later)
	}
	line("\nNot there:\n\n| Answer | Fields | Why |\n|---|---|---|")
	for _, r := range missingFields() {
		line("| %s | %s | %s |", r[0], r[1], r[2])
	}
	return s.String()
}
