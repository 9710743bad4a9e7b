package auth

import "slices"

// Scope is a right, resource:action in lower case.
type Scope string

// The scopes. Scopes() says what each opens.
const (
	PrintersRead     Scope = "printers:read"
	QueueRead        Scope = "queue:read"
	ArchivesRead     Scope = "archives:read"
	StatsRead        Scope = "stats:read"
	SettingsRead     Scope = "settings:read"
	CameraRead       Scope = "camera:read"
	InventoryRead    Scope = "inventory:read"
	MaintenanceRead  Scope = "maintenance:read"
	WebhooksRead     Scope = "webhooks:read"
	JobsRead         Scope = "jobs:read"
	SystemRead       Scope = "system:read"
	PrintersControl  Scope = "printers:control"
	PrintersGcode    Scope = "printers:gcode"
	PrintersManage   Scope = "printers:manage"
	QueueWrite       Scope = "queue:write"
	ArchivesWrite    Scope = "archives:write"
	LibraryWrite     Scope = "library:write"
	InventoryWrite   Scope = "inventory:write"
	MaintenanceWrite Scope = "maintenance:write"
	ProjectsWrite    Scope = "projects:write"
	CloudRead        Scope = "cloud:read"
	TariffWrite      Scope = "tariff:write"
	WebhooksWrite    Scope = "webhooks:write"
	JobsRun          Scope = "jobs:run"
	JobsWrite        Scope = "jobs:write"
	KeysRead         Scope = "keys:read"
	KeysWrite        Scope = "keys:write"
	SettingsWrite    Scope = "settings:write"
	BackupRead       Scope = "backup:read"
	BackupWrite      Scope = "backup:write"
	UsersManage      Scope = "users:manage"
	MQTTSubscribe    Scope = "mqtt:subscribe"
	MQTTPublish      Scope = "mqtt:publish"
	Admin            Scope = "admin"
)

// Bundle says to which sets a scope belongs.
type Bundle uint8

// The bundles.
const (
	// InRead: part of "read".
	InRead Bundle = 1 << iota
	// InFull: part of "full_access", beside all of "read".
	InFull
	// AdminOnly: given to a key only where the settings allow admin keys.
	AdminOnly
	// Changes: the scope changes something; a key without any such scope may only GET.
	Changes
)

// ScopeRow is a row of the table of scopes.
type ScopeRow struct {
	Scope Scope
	In    Bundle
	Opens string
}

// Scopes is the table, in the order in which scopes are shown.
func Scopes() []ScopeRow {
	return []ScopeRow{
		{PrintersRead, InRead, "list, status, events, faults, filament units and energy of a print"},
		{QueueRead, InRead, "the print queue"},
		{ArchivesRead, InRead, "finished jobs and their files"},
		{StatsRead, InRead, "statistics"},
		{SettingsRead, InRead, "settings without their secrets"},
		{CameraRead, InRead, "camera pictures"},
		{InventoryRead, InRead, "spools and catalogue"},
		{MaintenanceRead, InRead, "maintenance records"},
		{WebhooksRead, InRead, "webhook endpoints and their delivery log"},
		{JobsRead, InRead, "scheduled jobs"},
		{SystemRead, InRead, "versions and health of the bridge"},
		{PrintersControl, InFull | Changes, "start, pause, resume, stop, light, speed, clear faults, skip objects"},
		{PrintersGcode, Changes, "raw G-code and raw printer messages; in no bundle but admin"},
		{PrintersManage, Changes, "add, edit and remove printers"},
		{QueueWrite, InFull | Changes, "change the print queue"},
		{ArchivesWrite, InFull | Changes, "edit and delete finished jobs"},
		{LibraryWrite, InFull | Changes, "upload, rename and delete files"},
		{InventoryWrite, InFull | Changes, "change spools and catalogue"},
		{MaintenanceWrite, InFull | Changes, "change maintenance records"},
		{ProjectsWrite, InFull | Changes, "change projects"},
		{CloudRead, 0, "the owner's cloud presets and devices; in no bundle"},
		{TariffWrite, InFull | Changes, "electricity price and forecast, the only setting a key can write"},
		{WebhooksWrite, InFull | Changes, "change webhook endpoints and deliver again"},
		{JobsRun, InFull | Changes, "run a scheduled job now"},
		{JobsWrite, Changes, "edit scheduled jobs"},
		{KeysRead, 0, "list API keys"},
		{KeysWrite, Changes, "create keys within the own rights, and revoke them"},
		{SettingsWrite, AdminOnly | Changes, "change settings"},
		{BackupRead, AdminOnly, "download backups"},
		{BackupWrite, AdminOnly | Changes, "restore backups"},
		{UsersManage, AdminOnly | Changes, "manage users"},
		{MQTTSubscribe, 0, "read the broker's printwire topics, within the key's printers"},
		{MQTTPublish, Changes, "send commands by MQTT, with the scope of what they do"},
		{Admin, AdminOnly | Changes, "everything"},
	}
}

// IsAdminOnly tells whether a scope is granted only where the settings allow
// administrators' keys.
func IsAdminOnly(s Scope) bool {
	for _, row := range Scopes() {
		if row.Scope == s {
			return row.In&AdminOnly != 0
		}
	}
	return false
}

// members are the scopes in any of the bundles.
func members(in Bundle) []Scope {
	var found []Scope
	for _, row := range Scopes() {
		if row.In&in != 0 {
			found = append(found, row.Scope)
		}
	}
	return found
}

// ordered is scopes without repeats, in the order of the table.
func ordered(scopes []Scope) []Scope {
	result := make([]Scope, 0, len(scopes))
	for _, row := range Scopes() {
		if slices.Contains(scopes, row.Scope) {
			result = append(result, row.Scope)
		}
	}
	return result
}
