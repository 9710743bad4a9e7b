package auth_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
)

func list(words string) (scopes []auth.Scope) {
	for _, w := range strings.Fields(words) {
		scopes = append(scopes, auth.Scope(w))
	}
	return scopes
}

// The bundles as the documents of the other products have them.
const (
	readBundle = "printers:read queue:read archives:read stats:read settings:read camera:read inventory:read maintenance:read webhooks:read jobs:read system:read"
	fullBundle = readBundle + " printers:control queue:write archives:write library:write inventory:write maintenance:write projects:write tariff:write webhooks:write jobs:run"
)

func TestExpand_Terms(t *testing.T) {
	for _, c := range []struct{ terms, want string }{
		// Bambuddy's documentation, ten permissions.
		{"Read Printers", "printers:read"},
		{"Control Printers", "printers:control"},
		{"Read Archives", "archives:read"},
		{"Write Archives", "archives:write"},
		{"Read Statistics", "stats:read"},
		{"Read Queue", "queue:read"},
		{"Write Queue", "queue:write"},
		{"Read Settings", "settings:read"},
		// Bambuddy 0.2.4, five toggles and their flags.
		{"Read Status", readBundle},
		{"can_read_status", readBundle},
		{"Manage Queue", "queue:read queue:write"},
		{"can_queue", "queue:read queue:write"},
		{"Control Printer", "printers:control"},
		{"can_control_printer", "printers:control"},
		{"Allow Cloud Access", "cloud:read"},
		{"can_access_cloud", "cloud:read"},
		{"Update Electricity Price", "tariff:write"},
		{"can_update_energy_cost", "tariff:write"},
		{"can_manage_library|can_manage_projects", "library:write projects:write"},
		// Breadbox.
		{"read_only", readBundle},
		{"full_access", fullBundle},
		// BambooSnow.
		{"read", readBundle},
		{"write", fullBundle},
		{"agents:run", "jobs:run"},
		{"agents:configure", "jobs:write"},
		{"repositories:manage", "printers:manage"},
		{"read|agents:run", readBundle + " jobs:run"},
		// OctoPrint-like.
		{"files:write", "library:write"},
		// Spellings, repeats and scopes themselves.
		{"READ printers|read-printers| read  printers |printers:read", "printers:read"},
		{"Printers:Gcode|mqtt:subscribe|mqtt:publish", "printers:gcode mqtt:subscribe mqtt:publish"},
	} {
		t.Run(c.terms, func(t *testing.T) {
			got, err := auth.Expand(strings.Split(c.terms, "|"), false)
			want := list(c.want)
			if err != nil || len(got) != len(want) || slices.ContainsFunc(want, func(s auth.Scope) bool { return !slices.Contains(got, s) }) {
				t.Errorf("got %v (%v)\nwant %v", got, err, want)
			}
		})
	}
}

func TestExpand_Refused(t *testing.T) {
	for _, c := range []struct {
		name       string
		terms      []string
		admin      bool
		want, hint string
	}{
		{"unknown terms are all named", []string{"read", "fly", "swim to {{ x }}"}, false, `"fly", "swim to {{ x }}"`, ""},
		{"a long term is cut in the message", []string{strings.Repeat("x", 10_000)}, false, "…", ""},
		{"an empty term", []string{""}, false, `unknown: ""`, ""},
		{"admin", []string{"Admin"}, false, "admin", "allow_admin_keys"},
		{"write settings, with what to use instead", []string{"Write Settings"}, false, "settings:write", "tariff:write"},
		{"users", []string{"users:manage"}, false, "users:manage", "allow_admin_keys"},
		{"unknown with admin keys", []string{"fly"}, true, `"fly"`, ""},
	} {
		t.Run(c.name+" is invalid", func(t *testing.T) {
			_, err := auth.Expand(c.terms, c.admin)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) || !strings.Contains(fault.HintOf(err), c.hint) {
				t.Errorf("Expand = %v, want invalid with %q and hint %q", err, c.want, c.hint)
			}
			if err != nil && (len(err.Error()) > 400 || !strings.HasPrefix(err.Error(), "scopes: ")) {
				t.Errorf("the message is too long or names no field: %v", err)
			}
		})
	}
	t.Run("with admin keys allowed they are given", func(t *testing.T) {
		got, err := auth.Expand([]string{"admin", "write settings"}, true)
		if err != nil || !slices.Equal(got, list("settings:write admin")) {
			t.Errorf("Expand = %v, %v", got, err)
		}
	})
	t.Run("nothing is read, an empty list stays empty", func(t *testing.T) {
		got, err := auth.Expand(nil, false)
		if err != nil || !slices.Equal(got, list(readBundle)) {
			t.Errorf("Expand(nil) = %v, %v", got, err)
		}
		if got, err := auth.Expand([]string{}, false); err != nil || len(got) != 0 {
			t.Errorf("Expand([]) = %v, %v", got, err)
		}
	})
}

func TestScopes_Table(t *testing.T) {
	seen := map[auth.Scope]bool{}
	for _, row := range auth.Scopes() {
		if seen[row.Scope] {
			t.Errorf("%s is there twice", row.Scope)
		}
		seen[row.Scope] = true
		if row.Opens == "" {
			t.Errorf("%s says not what it opens", row.Scope)
		}
		reads := strings.HasSuffix(string(row.Scope), ":read") || row.Scope == auth.MQTTSubscribe
		if changes := row.In&auth.Changes != 0; changes == reads {
			t.Errorf("%s: changes = %v", row.Scope, changes)
		}
	}
	if len(seen) != 34 {
		t.Errorf("%d scopes, want 34", len(seen))
	}
	for _, row := range auth.Terms() {
		if seen[auth.Scope(row.Term)] {
			t.Errorf("the term %s is a scope already", row.Term)
		}
		for _, s := range row.Scopes {
			if !seen[s] {
				t.Errorf("%s expands to %s, which is no scope", row.Term, s)
			}
		}
	}
	for _, opt := range list("cloud:read keys:read backup:read printers:gcode keys:write admin mqtt:subscribe") {
		full, _ := auth.Expand([]string{"full_access"}, true)
		if slices.Contains(full, opt) {
			t.Errorf("%s is in a bundle", opt)
		}
	}
}

func TestPresets_Expand(t *testing.T) {
	want := map[string]string{
		"read": readBundle, "control": readBundle + " printers:control", "tariff": "tariff:write", "full": fullBundle,
	}
	for _, p := range auth.Presets() {
		got, err := auth.Expand(p.Terms, false)
		if err != nil || len(got) != len(list(want[p.Name])) {
			t.Errorf("%s = %v, %v, want %s", p.Name, got, err, want[p.Name])
		}
		delete(want, p.Name)
	}
	if len(want) != 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestIdentity_Has(t *testing.T) {
	reader := auth.NewIdentity("reader", list("printers:read"), []int{1, 3})
	admin := auth.NewIdentity("admin", list("admin"), nil)
	for _, c := range []struct {
		name string
		got  bool
		want bool
	}{
		{"a scope that is held", reader.Has(auth.PrintersRead), true},
		{"a scope that is not", reader.Has(auth.PrintersControl), false},
		{"a printer of the list", reader.MayPrinter(3), true},
		{"another printer", reader.MayPrinter(2), false},
		{"a reader changes nothing", reader.MayChange(), false},
		{"an admin holds everything", admin.Has(auth.BackupWrite), true},
		{"an admin sees every printer", admin.MayPrinter(7), true},
		{"an admin changes", admin.MayChange(), true},
		{"nobody has anything", auth.Identity{}.Has(auth.PrintersRead), false},
		{"nobody sees a printer", auth.Identity{}.MayPrinter(1), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v", c.name, c.got)
		}
	}
	err := reader.Require(auth.PrintersControl)
	if auth.ReasonOf(err) != auth.Forbidden || !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "printers:control") {
		t.Errorf("Require = %v", err)
	}
	if err := reader.Require(auth.PrintersRead); err != nil {
		t.Errorf("Require = %v", err)
	}
}
