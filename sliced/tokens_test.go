package sliced_test

import (
	"strings"
	"testing"

	"github.com/printwire/printwire/fault"
)

// named is a slice info whose filament's type stands there as it is.
func named(kind string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><config><plate><metadata key="index" value="1"/>` +
		`<filament id="1" type="` + kind + `" used_g="3.50"/><filament id="2" type="PETG" used_g="1.00"/></plate></config>`
}

func TestRead3MF_WhatPeopleCallAFilament(t *testing.T) {
	for kind, want := range map[string]string{
		"PLA":                                "PLA",
		"PLA & more":                         "PLA & more",
		"A&B":                                "A&B",
		"A&amp;B &lt;3 &#x4a;":               "A&B <3 J",
		"&":                                  "&",
		"&&amp;&":                            "&&&",
		"PLA <new>":                          "PLA <new>",
		"<":                                  "<",
		"a<!--b-->c":                         "a<!--b-->c",
		"<![CDATA[x]]>":                      "<![CDATA[x]]>",
		"<?x?> </plate>":                     "<?x?> </plate>",
		"it's > PLA; & < ABS;":               "it's > PLA; & < ABS;",
		"&amp":                               "&amp",
		"R & D; &quot;so&quot;":              `R & D; "so"`,
		"Ünï&cödé":                           "Ünï&cödé",
		"& " + strings.Repeat("x", 40) + ";": "& " + strings.Repeat("x", 40) + ";",
	} {
		f := mustRead(t, pack(t, part{infoName, named(kind)}), 0)
		if len(f.Filaments) != 2 || f.Filaments[0].Type != want || f.Filaments[1].Type != "PETG" || f.Grams != 4.5 {
			t.Errorf("%q is read as %+v, want %q", kind, f.Filaments, want)
		}
	}
	t.Run("in single quotes", func(t *testing.T) {
		info := strings.ReplaceAll(named("P'A"), `"`, "\x00")
		info = strings.NewReplacer("P'A", `P"A & B`, "\x00", "'").Replace(info)
		if f := mustRead(t, pack(t, part{infoName, info}), 0); len(f.Filaments) != 2 || f.Filaments[0].Type != `P"A & B` {
			t.Errorf("read as %+v", f.Filaments)
		}
	})
}

func TestRead3MF_NothingElseOfXMLIsMended(t *testing.T) {
	const plate = `<plate><metadata key="index" value="1"/><filament id="1" type="PLA" used_g="3.50"/></plate>`
	for name, info := range map[string]string{
		"an entity that nobody knows":       named("&lol;"),
		"a character that there is not":     named("&#xFFFFFFFF;"),
		"a stray & in text":                 `<config>a & b` + plate + `</config>`,
		"a stray < in text":                 `<config>a < b` + plate + `</config>`,
		"a quote in a value":                named(`7" reel`),
		"a value without quotes":            `<config><plate a=b></plate>` + plate + `</config>`,
		"a value that does not end":         `<config><plate a="b>` + plate + `</config>`,
		"a tag that does not end":           `<config><plate a="b" ` + plate + `</config>`,
		"a document type behind a comment":  `<!-- " ' & < --><!DOCTYPE a [<!ENTITY b "c">]><config>` + plate + `</config>`,
		"a document type behind data":       `<config><![CDATA[ " & <a b="]]><!DOCTYPE a>` + plate + `</config>`,
		"a document type behind processing": `<?a "?><!DOCTYPE a><config>` + plate + `</config>`,
		"a value longer than any":           named(strings.Repeat("<", 100<<10)),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := read(pack(t, part{infoName, info}), 0)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), infoName) {
				t.Errorf("read as %+v, %v; want a refusal", f, err)
			}
		})
	}
	t.Run("quotes outside of tags", func(t *testing.T) {
		info := `<config><!-- it's "a & b' <x y="z> --><![CDATA[ "' ]] < & ]]> isn't <?a b="c?>` + plate + `"</config>`
		if f := mustRead(t, pack(t, part{infoName, info}), 0); f.Grams != 3.5 || f.Plate != 1 {
			t.Errorf("read as %+v", f)
		}
	})
}
