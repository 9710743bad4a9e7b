package bambu

import (
	"go/ast"
	goparser "go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
)

func TestWord(t *testing.T) {
	for _, name := range []string{"k", "id", "ams", "tray", "tray_exist_bits", "ota_new_version_number"} {
		if got := word([]byte(name)); got != name {
			t.Errorf("word(%q) = %q", name, got)
		}
	}
	for _, name := range []string{"", "x", "di", "amsbed", "rayt", "tray_exist_bit", "tray_exist_bitss", strings.Repeat("x", 5000)} {
		if got := word([]byte(name)); got != "" {
			t.Errorf("word(%q) = %q, want nothing", name, got)
		}
	}
}

// TestWord_knowsWhatIsRead reads this package: a name that is asked for but
// not kept would never be there.
func TestWord_knowsWhatIsRead(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".go") && !strings.HasSuffix(f.Name(), "_test.go") {
			tree, err := goparser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool { collect(asked, n); return true })
		}
	}
	if !asked["tray_weight"] || !asked["node"] || !asked["info"] || asked["gcode_state"] {
		t.Fatalf("the names that are read were not found: %v", asked)
	}
	for name := range asked {
		if word([]byte(name)) == "" {
			t.Errorf("%q is read, but vocabulary lacks it", name)
		}
	}
}

// collect takes the names out of calls such as at("id"), and out of rules.
func collect(asked map[string]bool, n ast.Node) {
	var names []ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
		case *ast.Ident:
			name = f.Name
		}
		switch name {
		case "at", "path", "layer", "get":
			names = n.Args
		case "element", "elementIndex":
			names = n.Args[1:2]
		}
	case *ast.KeyValueExpr:
		if k, ok := n.Key.(*ast.Ident); ok && k.Name == "by" {
			names = []ast.Expr{n.Value}
		}
	}
	for _, e := range names {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && s != "" {
				asked[s] = true
			}
		}
	}
}

func TestDocument_trayWithUnknownMembersIsNotEmpty(t *testing.T) {
	d := newDocument()
	feed(t, d, report("0", `"gcode_state":"IDLE","home_flag":0,"nozzle_temper":20,"ams":{"ams_exist_bits":"1","tray_exist_bits":"1","ams":[{"id":"0","tray":[{"id":"0","tray_type":"PLA"}]}]}`))
	feed(t, d, report("1", `"ams":{"ams":[{"id":"0","tray":[{"id":"0","state":3,"new_member":1}]}]}`))
	if got := d.state(printer.State{}).Units[0].Trays[0].Material; got != "PLA" {
		t.Errorf("a tray that says more than its place lost its material: %q", got)
	}
	feed(t, d, report("1", `"ams":{"ams":[{"id":"0","tray":[{"id":"0","state":3}]}]}`))
	if got := d.state(printer.State{}).Units[0].Trays[0].Material; got != "" {
		t.Errorf("a tray that says no more than its place kept %q", got)
	}
}
