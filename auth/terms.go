package auth

import (
	"slices"
	"strings"

	"github.com/printwire/printwire/fault"
)

// TermRow is a name that other products use for a set of scopes.
type TermRow struct {
	Term   string
	Scopes []Scope
}

// Terms is the table of names that are accepted beside the scopes themselves,
// in the form that normal makes.
func Terms() []TermRow {
	read, full := members(InRead), members(InRead|InFull)
	return []TermRow{
		{"read", read},
		{"read_only", read},
		{"read_status", read},
		{"can_read_status", read},
		{"write", full},
		{"full_access", full},
		{"manage_queue", []Scope{QueueRead, QueueWrite}},
		{"can_queue", []Scope{QueueRead, QueueWrite}},
		{"control_printer", []Scope{PrintersControl}},
		{"control_printers", []Scope{PrintersControl}},
		{"can_control_printer", []Scope{PrintersControl}},
		{"allow_cloud_access", []Scope{CloudRead}},
		{"can_access_cloud", []Scope{CloudRead}},
		{"update_electricity_price", []Scope{TariffWrite}},
		{"can_update_energy_cost", []Scope{TariffWrite}},
		{"manage_library", []Scope{LibraryWrite}},
		{"can_manage_library", []Scope{LibraryWrite}},
		{"manage_inventory", []Scope{InventoryWrite}},
		{"can_manage_inventory", []Scope{InventoryWrite}},
		{"manage_maintenance", []Scope{MaintenanceWrite}},
		{"can_manage_maintenance", []Scope{MaintenanceWrite}},
		{"manage_archives", []Scope{ArchivesWrite}},
		{"can_manage_archives", []Scope{ArchivesWrite}},
		{"manage_projects", []Scope{ProjectsWrite}},
		{"can_manage_projects", []Scope{ProjectsWrite}},
		{"can_send_notifications", []Scope{WebhooksWrite}},
		{"read_printers", []Scope{PrintersRead}},
		{"read_archives", []Scope{ArchivesRead}},
		{"write_archives", []Scope{ArchivesWrite}},
		{"read_statistics", []Scope{StatsRead}},
		{"read_queue", []Scope{QueueRead}},
		{"write_queue", []Scope{QueueWrite}},
		{"read_settings", []Scope{SettingsRead}},
		{"write_settings", []Scope{SettingsWrite}},
		{"agents:run", []Scope{JobsRun}},
		{"agents:configure", []Scope{JobsWrite}},
		{"repositories:manage", []Scope{PrintersManage}},
		{"files:write", []Scope{LibraryWrite}},
	}
}

// Preset is a key that many people want, by the terms it is made of.
type Preset struct {
	Name  string
	Terms []string
}

// Presets are the kinds of key that the demonstration makes.
func Presets() []Preset {
	return []Preset{
		{"read", []string{"read"}},
		{"control", []string{"read", string(PrintersControl)}},
		{"tariff", []string{string(TariffWrite)}},
		{"full", []string{"full_access"}},
	}
}

// normal is a term in lower case, its words joined by single underscores.
func normal(term string) string {
	words := strings.FieldsFunc(strings.ToLower(term), func(r rune) bool {
		return r == ' ' || r == '_' || r == '-' || r == '\t'
	})
	return strings.Join(words, "_")
}

// Expand turns terms and scopes in any letter case into scopes. nil is "read";
// an empty list stays empty. fault.Invalid names every unknown term, or a scope
// that keys are not given while allowAdmin is false.
func Expand(terms []string, allowAdmin bool) ([]Scope, error) {
	if terms == nil {
		terms = []string{"read"}
	}
	known := make(map[string][]Scope)
	for _, row := range Scopes() {
		known[string(row.Scope)] = []Scope{row.Scope}
	}
	for _, row := range Terms() {
		known[row.Term] = row.Scopes
	}
	var scopes []Scope
	var unknown []string
	for _, term := range terms {
		found, ok := known[normal(term)]
		if !ok {
			unknown = append(unknown, printable(term))
		}
		scopes = append(scopes, found...)
	}
	if len(unknown) > 0 {
		return nil, fault.New(fault.Invalid, "unknown: %s; expected scopes such as printers:read or terms such as read_only",
			strings.Join(unknown, ", ")).At("scopes")
	}
	if err := grantable(scopes, allowAdmin); err != nil {
		return nil, err
	}
	return ordered(scopes), nil
}

// printable is a term as a message may show it: quoted and not endless.
func printable(term string) string {
	const most = 40
	if len(term) > most {
		term = strings.ToValidUTF8(term[:most], "") + "…"
	}
	return `"` + strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == '"' {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(term, "?")) + `"`
}

// grantable refuses the scopes that only an administrator's key may have.
func grantable(scopes []Scope, allowAdmin bool) error {
	if allowAdmin {
		return nil
	}
	for _, row := range Scopes() {
		if row.In&AdminOnly == 0 || !slices.Contains(scopes, row.Scope) {
			continue
		}
		err := &fault.Error{Kind: fault.Invalid, Message: "a key is not given " + string(row.Scope), Field: "scopes", Err: ErrNotGranted}
		if row.Scope == SettingsWrite {
			return err.WithHint("to write electricity prices, tariff:write is enough")
		}
		return err.WithHint("set allow_admin_keys to permit it")
	}
	return nil
}
