package main_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// sourceTree is all Go files of the repository.
type sourceTree struct{ files []*sourceFile }

// sourceFile is one Go file, parsed. dir is its folder from the root, "" for
// the root itself.
type sourceFile struct {
	name, dir string
	test      bool
	lines     int
	text      []string
	imports   []string
	tree      *ast.File
	set       *token.FileSet
}

// everyFile lists the repository's files, but for hidden folders and what is built.
func everyFile(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" || d.Name() == "dist"):
			return filepath.SkipDir
		case !d.IsDir():
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walk the repository: %v", err)
	}
	return names
}

func read(t *testing.T) sourceTree {
	t.Helper()
	var tree sourceTree
	for _, name := range everyFile(t) {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") {
			continue
		}
		tree.files = append(tree.files, parse(t, name))
	}
	if len(tree.files) == 0 {
		t.Fatal("no Go files found; run the test from the root of the repository")
	}
	return tree
}

func parse(t *testing.T, name string) *sourceFile {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	f := &sourceFile{name: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), set: token.NewFileSet()}
	if f.dir == "." {
		f.dir = ""
	}
	f.tree, err = parser.ParseFile(f.set, name, data, parser.ParseComments)
	if err != nil {
		t.Fatalf("parse %s: %v", name, err)
	}
	f.text = strings.Split(string(data), "\n")
	f.lines = len(f.text) - 1
	for _, spec := range f.tree.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s: import %s: %v", name, spec.Path.Value, err)
		}
		f.imports = append(f.imports, imp)
	}
	return f
}

// dirs lists the packages' folders, each once.
func (s sourceTree) dirs() []string {
	var dirs []string
	for _, f := range s.files {
		if !slices.Contains(dirs, f.dir) {
			dirs = append(dirs, f.dir)
		}
	}
	return dirs
}

// testsOnly tells whether a folder holds nothing but tests.
func (s sourceTree) testsOnly(dir string) bool {
	return !slices.ContainsFunc(s.files, func(f *sourceFile) bool { return f.dir == dir && !f.test })
}

func (f *sourceFile) line(pos token.Pos) int { return f.set.Position(pos).Line }

// at is file and line of a node, as editors understand it.
func (f *sourceFile) at(n ast.Node) string { return f.name + ":" + strconv.Itoa(f.line(n.Pos())) }

func (f *sourceFile) lineHas(n ast.Node, text string) bool {
	return strings.Contains(f.text[f.line(n.Pos())-1], text)
}

func (f *sourceFile) imported(paths ...string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return slices.Contains(f.imports, p) })
}

func (f *sourceFile) functions() []*ast.FuncDecl {
	var list []*ast.FuncDecl
	for _, d := range f.tree.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			list = append(list, fn)
		}
	}
	return list
}

func (f *sourceFile) span(n ast.Node) int { return f.line(n.End()) - f.line(n.Pos()) + 1 }

// unit is a function that is measured: a declared one, one that stands in a
// literal, such as a row of a table, or a subtest.
type unit struct {
	name string
	node ast.Node
}

// units lists what is measured on its own.
func (f *sourceFile) units() []unit {
	var list []unit
	for _, fn := range f.functions() {
		list = append(list, unit{fn.Name.Name, fn})
	}
	for _, sub := range f.subtests(f.tree) {
		list = append(list, unit{"a subtest", sub})
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		ast.Inspect(lit, func(n ast.Node) bool {
			if fn, ok := n.(*ast.FuncLit); ok {
				list = append(list, unit{"a function in a literal", fn})
			}
			return true
		})
		return false
	})
	return list
}

// subtests lists the functions below root that are given to t.Run in tests.
func (f *sourceFile) subtests(root ast.Node) []ast.Node {
	var list []ast.Node
	ast.Inspect(root, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !f.test || !ok || !strings.HasSuffix(selector(call.Fun), ".Run") || len(call.Args) != 2 {
			return true
		}
		if fn, ok := call.Args[1].(*ast.FuncLit); ok {
			list = append(list, fn)
			return false
		}
		return true
	})
	return list
}

// codeLines is a function's length without the literals and the subtests in it.
func (f *sourceFile) codeLines(fn ast.Node) int {
	lines := f.span(fn) - f.literalLines(fn)
	for _, sub := range f.subtests(fn) {
		if sub != fn {
			lines -= f.span(sub) - f.literalLines(sub) - 2
		}
	}
	return lines
}

func (f *sourceFile) literalLines(root ast.Node) int {
	total := 0
	ast.Inspect(root, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok || f.span(lit) < 3 {
			return true
		}
		total += f.span(lit) - 2
		return false
	})
	return total
}

// isTable tells whether literals make up nearly all of a file.
func (f *sourceFile) isTable() bool { return f.literalLines(f.tree)*10 >= f.lines*8 }

// undocumented lists exported names without a sentence about them.
func (f *sourceFile) undocumented() []string {
	var list []string
	check := func(n ast.Node, name string, doc *ast.CommentGroup) {
		switch text := strings.TrimSpace(doc.Text()); {
		case !ast.IsExported(name):
		case text == "":
			list = append(list, f.at(n)+": exported "+name+" has no comment")
		case !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, ":") && !lastLineIndented(doc):
			list = append(list, f.at(n)+": the comment of "+name+" must end with a period")
		}
	}
	for _, d := range f.tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if exportedReceiver(d) {
				check(d, d.Name.Name, d.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				for _, id := range specNames(spec) {
					check(spec, id.Name, specDoc(d, spec))
				}
			}
		}
	}
	return list
}

func lastLineIndented(doc *ast.CommentGroup) bool {
	last := doc.List[len(doc.List)-1].Text
	return strings.HasPrefix(last, "//\t") || strings.HasPrefix(last, "//  ")
}

// exportedReceiver is true for functions, and for methods of exported types.
func exportedReceiver(fn *ast.FuncDecl) bool {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return true
	}
	name := ""
	ast.Inspect(fn.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return true
	})
	return ast.IsExported(name)
}

func specNames(spec ast.Spec) []*ast.Ident {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		return []*ast.Ident{s.Name}
	case *ast.ValueSpec:
		return s.Names
	}
	return nil
}

// specDoc is the comment of a name: above it, behind it, or above its group.
func specDoc(d *ast.GenDecl, spec ast.Spec) *ast.CommentGroup {
	var own, behind *ast.CommentGroup
	switch s := spec.(type) {
	case *ast.TypeSpec:
		own, behind = s.Doc, s.Comment
	case *ast.ValueSpec:
		own, behind = s.Doc, s.Comment
	}
	switch {
	case own != nil:
		return own
	case d.Doc != nil:
		return d.Doc
	default:
		return behind
	}
}

// variables lists the package-level variables.
func (f *sourceFile) variables() []*ast.ValueSpec {
	var list []*ast.ValueSpec
	for _, d := range f.tree.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok && !embedded(g.Doc) && !embedded(v.Doc) {
				list = append(list, v)
			}
		}
	}
	return list
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// constantLike tells whether a variable is an error, a compiled pattern or a compile check.
func constantLike(v *ast.ValueSpec) bool {
	if slices.ContainsFunc(v.Names, func(id *ast.Ident) bool { return id.Name != "_" }) {
		makers := []string{"errors.New", "fmt.Errorf", "fault.New", "regexp.MustCompile", "template.Must", "netip.MustParsePrefix", "netip.MustParseAddr"}
		return len(v.Values) > 0 && !slices.ContainsFunc(v.Values, func(e ast.Expr) bool {
			call, ok := e.(*ast.CallExpr)
			return !ok || !slices.Contains(makers, selector(call.Fun)) && !constantBytes(call)
		})
	}
	return true
}

// constantBytes is true for []byte("text"), which the language has no constant for.
func constantBytes(call *ast.CallExpr) bool {
	array, ok := call.Fun.(*ast.ArrayType)
	if !ok || array.Len != nil || selector(array.Elt) != "byte" || len(call.Args) != 1 {
		return false
	}
	_, literal := call.Args[0].(*ast.BasicLit)
	return literal
}

// selector is "pkg.Name" or "Name" of a called function, else "".
func selector(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name + "." + e.Sel.Name
		}
	}
	return ""
}

func afterFunc(call *ast.CallExpr) string {
	if s := selector(call.Fun); s == "time.AfterFunc" || s == "context.AfterFunc" {
		return s
	}
	return ""
}

// sortedTables lists the literals whose first line is marked // sorted.
func (f *sourceFile) sortedTables() []*ast.CompositeLit {
	var list []*ast.CompositeLit
	ast.Inspect(f.tree, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok && strings.Contains(f.text[f.line(lit.Lbrace)-1], "// sorted") {
			list = append(list, lit)
			return false
		}
		return true
	})
	return list
}

// rowKeys is the first text of each row.
func rowKeys(table *ast.CompositeLit) []string {
	var keys []string
	for _, row := range table.Elts {
		found := false
		ast.Inspect(row, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && !found {
				key, _ := strconv.Unquote(lit.Value)
				keys, found = append(keys, key), true
			}
			return !found
		})
	}
	return keys
}

// textLines are a file's lines, or nothing when it is not text.
func textLines(t *testing.T, name string) []string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil
	}
	return strings.Split(string(data), "\n")
}
