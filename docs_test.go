package main_test

import (
	"os"
	"regexp"
	"testing"
)

var testName = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)`")

// TestDocs_TestsThatAreNamedAreThere keeps documents from promising a test that
// is not there any more.
func TestDocs_TestsThatAreNamedAreThere(t *testing.T) {
	there := map[string]bool{}
	for _, f := range read(t).files {
		text, err := os.ReadFile(f.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`).FindAllSubmatch(text, -1) {
			there[string(m[1])] = true
		}
	}
	for _, name := range []string{"docs/files.md", "docs/fuzzing.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found := testName.FindAllSubmatch(text, -1)
		if len(found) == 0 {
			t.Errorf("%s names no test", name)
		}
		for _, m := range found {
			if !there[string(m[1])] {
				t.Errorf("%s: there is no %s", name, m[1])
			}
		}
	}
}
