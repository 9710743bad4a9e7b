package bambu

import (
	"encoding/json"
	"slices"
	"strings"
)

// module is one entry of get_version.
type module struct {
	name, product, project, software, hardware, serial, newer string
}

// versions are the modules of the printer, as get_version told.
type versions struct {
	seen    bool
	modules []module
	// changes counts how often the modules changed.
	changes int
}

// maxModules bounds the list; a printer with twelve changers has about thirty.
const maxModules = 64

// read takes the list of one reply and tells whether anything changed.
func (v *versions) read(raw []byte) bool {
	var entries []json.RawMessage
	if json.Unmarshal(raw, &entries) != nil {
		return false
	}
	var p parser
	var modules []module
	for _, e := range entries {
		n := p.parse(e, nil)
		if n.form == formNone || n.at("name").string() == "" || len(modules) >= maxModules {
			continue
		}
		modules = append(modules, v.moduleOf(&n))
	}
	if len(modules) == 0 || v.seen && slices.Equal(modules, v.modules) {
		return false
	}
	v.seen, v.modules = true, fitted(modules)
	v.changes++
	return true
}

func (v *versions) moduleOf(n *node) module {
	m := module{
		name: n.at("name").string(), product: n.at("product_name").string(),
		project: n.at("project_name").string(), software: n.at("sw_ver").string(),
		hardware: known(n.at("hw_ver").string()), serial: known(n.at("sn").string()),
		newer: n.at("new_ver").string(),
	}
	if m.serial == "" {
		m.serial = v.module(m.name).serial
	}
	return m
}

// known is "" for the placeholders that printers, and people who black out
// their data, put in place of a serial.
func known(s string) string {
	if s == "N/A" || strings.ContainsAny(s, "<>[]*") {
		return ""
	}
	return s
}

// module is the module with a name; the zero module when there is none.
func (v *versions) module(name string) module {
	for _, m := range v.modules {
		if m.name == name {
			return m
		}
	}
	return module{}
}

// hardware is the board that runs the printer.
func (v *versions) hardware() string {
	for _, name := range []string{"ap", "esp32", "rv1126"} {
		if hw := v.module(name).hardware; hw != "" {
			return hw
		}
	}
	return ""
}
