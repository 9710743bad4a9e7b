package e2e_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestCommandLine_Archives(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain)
	h.serve()
	f := newFake(t, "X1C", "00M00A000000001")
	f.on("--speed", "50")
	h.must(append([]string{"printers", "add"}, f.flags("--name", "Workshop")...)...)
	type row struct {
		ID                            int
		Name, Printer, Status, Serial string
		Notes                         string
		Tags, Materials               []string
		Favorite                      bool
	}
	var rows []row
	eventually(t, "the print is recorded", patience, func() (bool, string) {
		h.ask(&rows, "archives", "list")
		return len(rows) > 0, ""
	})
	r := rows[len(rows)-1]
	id := strconv.Itoa(r.ID)
	if r.Printer != "Workshop" || r.Serial != f.serial || r.Name == "" || r.Status == "" {
		t.Errorf("the record: %+v", r)
	}
	if text := h.must("archives", "list", "--printer", "Workshop", "--since", "1d"); !strings.HasPrefix(text, "ID ") || !strings.Contains(text, r.Name) {
		t.Errorf("the table:\n%s", text)
	}
	if h.ask(&rows, "archives", "list", "--until", "2001-01-01"); len(rows) != 0 {
		t.Errorf("before 2001: %+v", rows)
	}
	h.ask(&r, "archives", "edit", id, "--notes", "too hot", "--tag", "gift", "--tag", "red", "--favorite")
	if r.Notes != "too hot" || strings.Join(r.Tags, " ") != "gift red" || !r.Favorite {
		t.Errorf("edited: %+v", r)
	}
	h.ask(&r, "archives", "edit", id, "--no-favorite", "--no-tags", "--name", "Vase")
	if r.Notes != "too hot" || len(r.Tags) != 0 || r.Favorite || r.Name != "Vase" {
		t.Errorf("edited again: %+v", r)
	}
	if text := h.must("archives", "show", id); !strings.Contains(text, "Vase") || !strings.Contains(text, "too hot") {
		t.Errorf("shown:\n%s", text)
	}
	table, err := csv.NewReader(strings.NewReader(h.must("archives", "export", "--search", "vase"))).ReadAll()
	if err != nil || len(table) != 2 || table[0][0] != "id" || table[1][0] != id {
		t.Errorf("as CSV: %v, %v", table, err)
	}
	file := filepath.Join(t.TempDir(), "prints.json")
	h.must("archives", "export", "--json", "--file", file)
	var list []map[string]any
	if text, err := os.ReadFile(file); err != nil || json.Unmarshal(text, &list) != nil || len(list) == 0 {
		t.Errorf("as JSON: %v, %.200s", err, text)
	}
	if out, err := h.run("archives", "export", "--file", file); code(err) != 1 || !strings.Contains(out, "exists already") {
		t.Errorf("over a file: exit %d, %s", code(err), out)
	}
	refuseArchives(h, id)
	h.must("archives", "delete", id, "--purge")
	if out, err := h.run("archives", "show", id); code(err) != 1 {
		t.Errorf("after its deletion: exit %d, %s", code(err), out)
	}
}

// refuseArchives gives bad input about a print.
func refuseArchives(h *house, id string) {
	h.t.Helper()
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no number":        {[]string{"show", "vase"}, 2, "id"},
		"no such print":    {[]string{"show", "4711"}, 1, "4711"},
		"nothing to edit":  {[]string{"edit", id}, 2, "nothing is to be changed"},
		"a result":         {[]string{"edit", id, "--result", "lovely"}, 2, "result"},
		"a status":         {[]string{"list", "--status", "lovely"}, 2, "status"},
		"an empty range":   {[]string{"list", "--since", "2026-03-14", "--until", "2026-01-01"}, 2, "--until"},
		"an unknown place": {[]string{"list", "--printer", "Cellar"}, 1, "Cellar"},
		"a limit":          {[]string{"list", "--limit", "0"}, 2, "limit"},
		"a format":         {[]string{"export", "--format", "xml"}, 2, "format"},
	} {
		if out, err := h.run(append([]string{"archives"}, c.args...)...); code(err) != c.code || !strings.Contains(out, c.want) {
			h.t.Errorf("%s: exit %d, want %d and %q: %s", name, code(err), c.code, c.want, out)
		}
	}
}

func TestCommandLine_PrintersStatusAndEdit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain)
	h.serve()
	f := newFake(t, "A1", "03900A000000001")
	f.on()
	h.must(append([]string{"printers", "add"}, f.flags("--name", "Bench")...)...)
	var status struct {
		Activity     string
		Progress     *int
		Temperatures []struct {
			Part string
			Now  *float64
		}
	}
	eventually(t, "the printer prints", patience, func() (bool, string) {
		h.ask(&status, "printers", "status", "Bench")
		return status.Progress != nil, status.Activity
	})
	if len(status.Temperatures) == 0 || status.Temperatures[0].Part != "nozzle" || status.Temperatures[0].Now == nil {
		t.Errorf("temperatures: %+v", status.Temperatures)
	}
	if text := h.must("printers", "status", f.serial); !strings.Contains(text, "Nozzle:") || !strings.Contains(text, "Bench") {
		t.Errorf("the status:\n%s", text)
	}
	var row printerRow
	h.ask(&row, "printers", "edit", "Bench", "--name", "Window")
	if row.ID != 1 || row.Name != "Window" || row.Serial != f.serial {
		t.Errorf("renamed: %+v", row)
	}
	h.must("printers", "edit", "1", "--port", "1")
	eventually(t, "at another port it is offline", patience, func() (bool, string) {
		row = h.printers()[f.serial]
		return row.Activity == "offline", row.Activity
	})
	h.must("printers", "edit", "1", "--port", strconv.Itoa(f.port))
	eventually(t, "it is back", patience, func() (bool, string) {
		row = h.printers()[f.serial]
		return row.Activity != "offline" && row.Name == "Window", row.Activity
	})
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nothing": {nil, "nothing is to be changed"},
		"a name":  {[]string{"--name", " "}, "name"},
		"a host":  {[]string{"--host", "no host"}, "host"},
		"a port":  {[]string{"--port", "99999"}, "port"},
		"a way":   {[]string{"--certificate", "sometimes"}, "certificate"},
	} {
		if out, err := h.run(append([]string{"printers", "edit", "1"}, c.args...)...); code(err) != 2 || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit %d, want 2 and %q: %s", name, code(err), c.want, out)
		}
	}
}
