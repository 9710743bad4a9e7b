package main_test

import (
	"fmt"
	"go/ast"
	"maps"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// module is the path of our own packages.
const module = "github.com/printwire/printwire"

// everybody may be imported by every package.
func everybody() []string { return []string{"fault", "secret"} }

// law is who may import whom: a package and what it imports beside the
// standard library and everybody. A package that has no row may not exist.
func law() map[string][]string {
	below := []string{
		"addon", "archive", "auth", "auth/oauth", "bridge", "discovery", "hass", "httpapi", "httpapi/certificate", "journal", "logbook", "mqtt", "mqtt/broker",
		"mqtt/client", "filecache", "printer", "printer/bambu", "printer/simulator", "settings", "sliced", "storage", "webhook",
	}
	return map[string][]string{
		"":        {"cli"},
		"cli":     {"app", "addon", "settings", "auth", "logbook", "printer/simulator"},
		"app":     below,
		"e2e":     append(below, "app", "cli"),
		"httpapi": {"printer", "journal", "auth", "auth/oauth", "archive", "webhook"},
		"storage": {"printer", "journal", "auth", "archive", "webhook"},
		"addon":   {"settings", "hass"},

		"archive":               {"printer", "journal"},
		"bridge":                {"printer", "journal"},
		"webhook":               {"printer", "journal"},
		"discovery":             {"printer", "journal", "mqtt"},
		"printer/bambu":         {"printer", "mqtt", "mqtt/client", "printer/bambu/ftps", "printer/bambu/jobfile"},
		"printer/bambu/jobfile": {"printer", "printer/bambu/ftps", "sliced"},
		"printer/simulator":     {"mqtt", "mqtt/broker", "printer/simulator/ftpserver", "sliced/slicedtest"},
		"printer/printertest":   {"printer"},
		"auth/oauth":            {"auth"},
		"mqtt/broker":           {"mqtt"},
		"mqtt/client":           {"mqtt"},
		"mqtt/mqtttest":         {"mqtt"},

		"hass": {}, "auth": {}, "settings": {"printer"}, "printer": {}, "mqtt": {}, "journal": {}, "filecache": {},
		"printer/bambu/ftps": {}, "printer/simulator/ftpserver": {}, "httpapi/certificate": {}, "httpapi/apitest": {}, "logbook": {},
		"sliced": {}, "sliced/slicedtest": {}, "fault": {}, "secret": {},
	}
}

// inTests may be imported by every _test.go file, beside the package's own row.
func inTests() []string {
	return []string{"filecache", "storage", "httpapi/apitest", "printer/printertest", "printer/simulator", "printer/simulator/ftpserver", "sliced/slicedtest", "mqtt/mqtttest", "mqtt", "mqtt/broker", "mqtt/client"}
}

// testHelpers are packages that only _test.go files may import.
func testHelpers() []string {
	return []string{"printer/printertest", "mqtt/mqtttest", "httpapi/apitest"}
}

// foreign is which package a foreign module belongs to. Tests are exempt.
func foreign() map[string]string {
	return map[string]string{
		"github.com/alecthomas/kong":               "cli",
		"github.com/danielgtaylor/huma/v2":         "httpapi",
		"github.com/eclipse/paho.mqtt.golang":      "mqtt/client",
		"github.com/gin-gonic/gin":                 "httpapi",
		"github.com/goccy/go-yaml":                 "settings",
		"github.com/gorilla/websocket":             "mqtt/client",
		"github.com/mochi-mqtt/server/v2":          "mqtt/broker",
		"github.com/go-co-op/gocron/v2":            "app",
		"github.com/jlaffaye/ftp":                  "printer/bambu/ftps",
		"github.com/oklog/ulid/v2":                 "app",
		"github.com/santhosh-tekuri/jsonschema/v6": "httpapi/apitest",
		"go.etcd.io/bbolt":                         "storage",
		"golang.org/x/crypto":                      "auth",
	}
}

// The sizes that keep a file and a function in one head.
const (
	maxFunction  = 60
	maxFile      = 400
	maxTableFile = 1500
	maxTestFile  = 600
)

func TestLayout_Packages(t *testing.T) {
	tree := read(t)
	rows := law()
	for _, dir := range tree.dirs() {
		if _, ok := rows[dir]; !ok {
			t.Errorf("%s: this package has no row in law(); add one that says what it may import", dir)
		}
		name := path.Base(dir)
		if slices.Contains(forbiddenNames(), name) {
			t.Errorf("%s: %q says nothing about what the package owns; choose a noun of the field", dir, name)
		}
	}
}

func TestLayout_PackageNamesAreNotTheStandardLibrarys(t *testing.T) {
	out, err := exec.Command("go", "list", "std").Output()
	if err != nil {
		t.Fatalf("list the standard library: %v", err)
	}
	std := map[string]bool{}
	for _, p := range strings.Fields(string(out)) {
		// go/printer belongs to the compiler's tools and runtime/secret is an
		// experiment: no file here imports either.
		std[path.Base(p)] = std[path.Base(p)] || p != "go/printer" && p != "runtime/secret"
	}
	for _, dir := range read(t).dirs() {
		if dir != "" && std[path.Base(dir)] {
			t.Errorf("%s: the standard library has a package of that name", dir)
		}
	}
}

func TestLayout_Imports(t *testing.T) {
	rows := law()
	for _, f := range read(t).files {
		allowed := slices.Concat(rows[f.dir], everybody())
		if f.test {
			allowed = slices.Concat(allowed, inTests(), []string{f.dir})
		}
		for _, imp := range f.imports {
			inner, ours := strings.CutPrefix(imp, module+"/")
			switch {
			case !ours:
			case !f.test && slices.Contains(testHelpers(), inner):
				t.Errorf("%s: imports %s, which is for tests only", f.name, inner)
			case !slices.Contains(allowed, inner):
				t.Errorf("%s: imports %s, which the row %q of law() does not allow", f.name, inner, f.dir)
			}
		}
	}
}

func TestLayout_LawHasNoCycle(t *testing.T) {
	rows := law()
	var visit func(name string, trail []string)
	visit = func(name string, trail []string) {
		if slices.Contains(trail, name) {
			t.Fatalf("law() has a cycle: %s", strings.Join(append(trail, name), " → "))
		}
		for _, next := range rows[name] {
			visit(next, append(slices.Clone(trail), name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		visit(name, nil)
	}
}

func TestLayout_ForeignModulesHaveOneImporter(t *testing.T) {
	rows := foreign()
	for _, f := range read(t).files {
		for _, imp := range f.imports {
			first, _, _ := strings.Cut(imp, "/")
			if f.test || !strings.Contains(first, ".") || imp == module || strings.HasPrefix(imp, module+"/") {
				continue
			}
			owner, known := "", false
			for name, dir := range rows {
				if imp == name || strings.HasPrefix(imp, name+"/") {
					owner, known = dir, true
				}
			}
			switch {
			case !known:
				t.Errorf("%s: imports %s, which has no row in foreign()", f.name, imp)
			case owner != f.dir:
				t.Errorf("%s: imports %s, which belongs to %s alone; take a function or an interface instead", f.name, imp, owner)
			}
		}
	}
}

func TestLayout_Sizes(t *testing.T) {
	for _, f := range read(t).files {
		switch {
		case f.test && f.lines > maxTestFile:
			t.Errorf("%s: has %d lines, a test file may have %d", f.name, f.lines, maxTestFile)
		case !f.test && f.lines > maxFile && !f.isTable():
			t.Errorf("%s: has %d lines, a file may have %d (one that holds only a literal table %d)", f.name, f.lines, maxFile, maxTableFile)
		case !f.test && f.lines > maxTableFile:
			t.Errorf("%s: has %d lines, a table may have %d; embed the data instead", f.name, f.lines, maxTableFile)
		}
		for _, u := range f.units() {
			if n := f.codeLines(u.node); n > maxFunction {
				t.Errorf("%s: %s has %d lines without its literals, a function may have %d", f.at(u.node), u.name, n, maxFunction)
			}
		}
	}
}

func TestLayout_Documentation(t *testing.T) {
	tree := read(t)
	documented := map[string]bool{}
	for _, f := range tree.files {
		if f.test {
			continue
		}
		if doc := f.tree.Doc.Text(); doc != "" {
			documented[f.dir] = true
			if start := "Package " + f.tree.Name.Name; f.dir != "" && !strings.HasPrefix(doc, start+" owns") && !strings.HasPrefix(doc, start+" ") {
				t.Errorf("%s: the package comment must begin with %q", f.name, start)
			}
		}
		for _, missing := range f.undocumented() {
			t.Error(missing)
		}
	}
	for _, dir := range tree.dirs() {
		if !documented[dir] && !tree.testsOnly(dir) {
			t.Errorf("%s: no file has a package comment that says what the package owns and what it does not", dir)
		}
	}
}

func TestLayout_NoInitAndNoMutableGlobals(t *testing.T) {
	for _, f := range read(t).files {
		for _, fn := range f.functions() {
			if fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init() is forbidden; make it a row or a constructor", f.at(fn))
			}
		}
		if f.test {
			continue
		}
		for _, spec := range f.variables() {
			if !constantLike(spec) {
				t.Errorf("%s: package-level variable %s; only errors, compiled patterns, embedded files, constant bytes and compile checks may be one (make a table a function)", f.at(spec), spec.Names[0].Name)
			}
		}
	}
}

func TestLayout_GoroutinesHaveOwners(t *testing.T) {
	for _, f := range read(t).files {
		ast.Inspect(f.tree, func(n ast.Node) bool {
			what := ""
			switch n := n.(type) {
			case *ast.GoStmt:
				what = "go"
			case *ast.CallExpr:
				what = afterFunc(n)
			}
			if what != "" && !f.lineHas(n, "// owner:") {
				t.Errorf("%s: %s needs \"// owner: …\" on its line: who stops it and waits", f.at(n), what)
			}
			return true
		})
	}
}

func TestLayout_TestsDoNotSleep(t *testing.T) {
	for _, f := range read(t).files {
		if !f.test {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && selector(call.Fun) == "time.Sleep" {
				t.Errorf("%s: time.Sleep in a test; inject the clock, use testing/synctest, or wait for the thing itself", f.at(call))
			}
			return true
		})
	}
}

func TestLayout_OnlyTheEdgePrints(t *testing.T) {
	printers := map[string]*regexp.Regexp{
		"fmt": regexp.MustCompile(`^fmt\.Print(f|ln)?$`),
		"log": regexp.MustCompile(`^log\.[A-Z]\w+$`),
	}
	for _, f := range read(t).files {
		if f.test {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			for name, pattern := range printers {
				if ok && f.imported(name) && pattern.MatchString(selector(call.Fun)) {
					t.Errorf("%s: %s; write to the injected writer or the injected *slog.Logger", f.at(call), selector(call.Fun))
				}
			}
			return true
		})
	}
}

func TestLayout_NoStrayManifests(t *testing.T) {
	for _, name := range everyFile(t) {
		base := path.Base(name)
		manifest := base == "config.yaml" || base == "config.yml" || base == "config.json"
		if manifest && name != "config.yaml" && !strings.Contains("/"+name, "/.") {
			t.Errorf("%s: the Supervisor takes every file of this name for an app manifest; choose another", name)
		}
	}
}

func TestLayout_FilesSpeakOfTheProductAlone(t *testing.T) {
	words := forbiddenWords()
	for _, name := range everyFile(t) {
		if name == "layout_test.go" || name == "layout_tree_test.go" || name == "go.sum" {
			continue
		}
		for i, line := range textLines(t, name) {
			for _, w := range words {
				if strings.Contains(line, w) {
					t.Errorf("%s:%d: holds %q, which belongs to one machine or workplace", name, i+1, w)
				}
			}
		}
	}
}

func TestLayout_SortedTablesAreSorted(t *testing.T) {
	for _, f := range read(t).files {
		for _, table := range f.sortedTables() {
			keys := rowKeys(table)
			if len(keys) == 0 {
				t.Errorf("%s: is marked // sorted but has no rows that begin with a text", f.at(table))
			}
			for i := 1; i < len(keys); i++ {
				if keys[i-1] >= keys[i] {
					t.Errorf("%s: %q stands before %q in a table that is marked // sorted", f.at(table), keys[i-1], keys[i])
				}
			}
		}
	}
}

// forbiddenNames are package names that say nothing.
func forbiddenNames() []string {
	return []string{"util", "utils", "common", "helper", "helpers", "types", "manager", "misc", "base", "lib", "shared", "internal"}
}

// forbiddenWords are paths and names of a machine, put together here so that
// this file does not hold them.
func forbiddenWords() []string {
	parts := [][2]string{
		{"/wo", "rk/"}, {"/ro", "ot/"}, {"/home/", "user"}, {"/tmp/", "brief"}, {"proxy.", "golang.org"}, {"clau", "de"}, {"Clau", "de"},
		{"issues ", "show"}, {"sub", "agent"}, {"sub-", "agent"},
	}
	var words []string
	for _, p := range parts {
		words = append(words, fmt.Sprint(p[0], p[1]))
	}
	return words
}
