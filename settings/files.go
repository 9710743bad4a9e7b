package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/printwire/printwire/secret"
)

// Files replaces the names of files in fields that take PEM text or a file
// (mqtt.certificate, mqtt.key, mqtt.external.ca, printers[].roots) by what
// read gives. The error is like Load's.
func (s Settings) Files(read func(path string) ([]byte, error)) (Settings, error) {
	var problems Problems
	load := func(field, value string) string {
		if value == "" || strings.Contains(value, "-----BEGIN ") {
			return value
		}
		data, err := read(value)
		// The name may be a key that somebody pasted without its first line.
		if named := (*fs.PathError)(nil); errors.As(err, &named) {
			err = named.Err
		}
		switch {
		case err != nil:
			problems = append(problems, Problem{Field: field, Message: fmt.Sprintf("the file cannot be read: %v", err)})
		case !strings.Contains(string(data), "-----BEGIN "):
			problems = append(problems, Problem{Field: field, Message: "the file is not in PEM form"})
		}
		return string(data)
	}
	s.MQTT.Certificate = load("mqtt.certificate", s.MQTT.Certificate)
	s.MQTT.Key = secret.Text(load("mqtt.key", s.MQTT.Key.Reveal()))
	s.MQTT.External.CA = load("mqtt.external.ca", s.MQTT.External.CA)
	printers := append([]Printer(nil), s.Printers...)
	for i := range printers {
		printers[i].Roots = load(fmt.Sprintf("printers[%d].roots", i), printers[i].Roots)
	}
	s.Printers = printers
	if len(problems) > 0 {
		return Settings{}, problems.fault()
	}
	return s, nil
}
