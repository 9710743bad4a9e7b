package settings_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/printwire/printwire/settings"
)

var update = flag.Bool("update", false, "write docs/settings.md")

// TestDocs_MatchTheSettings keeps docs/settings.md the same as the settings.
func TestDocs_MatchTheSettings(t *testing.T) {
	file := filepath.Join("..", "docs", "settings.md")
	want := settingsDoc()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s differs from the settings: go test ./settings -run Docs -update", file)
	}
}

// settingsDoc is the page of all settings.
func settingsDoc() string {
	var b strings.Builder
	b.WriteString(`# Settings

<!-- Made from the settings by a test: go test ./settings -run Docs -update -->

Everything that can be set, in printwire.yaml or by an environment variable: PRINTWIRE_ and the name in capitals, with _ for
each dot and the number of a list's entry, so PRINTWIRE_HTTP_LISTEN and PRINTWIRE_PRINTERS_0_SERIAL. A secret may be in a file that is
named by the variable with _FILE behind it. A list of texts may be one text with commas.

| Setting | Default | Meaning |
|---|---|---|
`)
	for _, f := range settings.Fields() {
		if f.Kind == "group" {
			continue
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Path, defaultOf(f.Path), strings.ReplaceAll(f.Doc, "|", "\\|"))
	}
	return b.String()
}

// defaultOf is what a setting is when nobody sets it.
func defaultOf(path string) string {
	v := reflect.ValueOf(settings.Default())
	for _, name := range strings.Split(path, ".") {
		if v.Kind() == reflect.Slice || strings.HasSuffix(name, "[]") {
			return ""
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("set") == name {
				v = v.Field(i)
				break
			}
		}
	}
	switch {
	case v.Kind() == reflect.Bool, v.Kind() == reflect.Int, v.Kind() == reflect.Float64, !v.IsZero() && v.Kind() != reflect.Slice:
		return fmt.Sprintf("`%v`", v)
	case v.Kind() == reflect.Slice && v.Len() > 0:
		return fmt.Sprintf("`%s`", strings.ReplaceAll(fmt.Sprint(v), " ", ", "))
	}
	return ""
}
