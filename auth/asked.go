package auth

import (
	"maps"
	"slices"
)

// Asked is what a request for a key asks for, in any of the vocabularies.
type Asked struct {
	// Scopes are scopes or terms, Permissions names such as "Read Printers".
	Scopes, Permissions []string
	// Scope is one term, such as read_only.
	Scope string
	// Flags are switches such as can_queue. One that is absent is off, but
	// can_read_status is on when nothing but switches was given, as the
	// clients that send them expect.
	Flags map[string]bool
}

// readFlag is the switch that is on by default.
const readFlag = "can_read_status"

// Terms unites what was asked for. nil: nothing was, which gives "read".
func (q Asked) Terms() []string {
	words := q.Scopes != nil || q.Permissions != nil || q.Scope != ""
	if !words && len(q.Flags) == 0 {
		return nil
	}
	terms := append(append([]string{}, q.Scopes...), q.Permissions...) // never nil: something was said
	if q.Scope != "" {
		terms = append(terms, q.Scope)
	}
	for _, flag := range slices.Sorted(maps.Keys(q.Flags)) {
		if q.Flags[flag] {
			terms = append(terms, flag)
		}
	}
	if _, said := q.Flags[readFlag]; !words && !said {
		terms = append(terms, readFlag)
	}
	return terms
}

// FlagNames are the switches that are shown of a key, in their order.
func FlagNames() []string {
	return []string{
		"can_queue", "can_control_printer", "can_read_status", "can_manage_library", "can_manage_inventory",
		"can_manage_maintenance", "can_manage_archives", "can_manage_projects", "can_access_cloud", "can_update_energy_cost",
	}
}

// Flags are the switches of FlagNames: on where all that they open is held.
func Flags(scopes []Scope) map[string]bool {
	id := Identity{scopes: scopes}
	flags := make(map[string]bool, len(FlagNames()))
	for _, row := range Terms() {
		if slices.Contains(FlagNames(), row.Term) {
			flags[row.Term] = !slices.ContainsFunc(row.Scopes, func(s Scope) bool { return !id.Has(s) })
		}
	}
	return flags
}

// PermissionRow is a permission by the name that people know.
type PermissionRow struct {
	Name  string
	Scope Scope
}

// PermissionNames are the ten permissions, in their order.
func PermissionNames() []PermissionRow {
	return []PermissionRow{
		{"Read Printers", PrintersRead},
		{"Control Printers", PrintersControl},
		{"Read Archives", ArchivesRead},
		{"Write Archives", ArchivesWrite},
		{"Read Statistics", StatsRead},
		{"Read Queue", QueueRead},
		{"Write Queue", QueueWrite},
		{"Read Settings", SettingsRead},
		{"Write Settings", SettingsWrite},
		{"Admin", Admin},
	}
}

// Permissions are the names of PermissionNames that are held.
func Permissions(scopes []Scope) []string {
	id := Identity{scopes: scopes}
	names := []string{}
	for _, row := range PermissionNames() {
		if id.Has(row.Scope) {
			names = append(names, row.Name)
		}
	}
	return names
}
