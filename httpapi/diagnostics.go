package httpapi

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/printwire/printwire/printer"
)

type diagnosticsCall struct {
	Serials bool `query:"serials" doc:"Show serials and addresses of printers instead of masking them."`
}

type diagnosticsAnswer struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// diagnostics is a zip with what helps to find a fault, and no secret: not
// one that is known, wherever it stands.
func (a *api) diagnostics(ctx context.Context, in *diagnosticsCall) (*diagnosticsAnswer, error) {
	list := a.visible(ctx)
	statuses := make([]Status, 0, len(list))
	for _, s := range list {
		statuses = append(statuses, status(s))
	}
	files := []struct {
		name    string
		content any
	}{
		{"system.json", a.systemReport(ctx)},
		{"health.json", a.Health()},
		{"settings.json", a.shownSettings(ctx)},
		{"printers.json", statuses},
		{"keys.json", a.keyCounts()},
	}
	mask := a.masks(in.Serials)
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	for _, f := range files {
		text, err := json.MarshalIndent(f.content, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("writing %s of the diagnostics: %w", f.name, err)
		}
		if err := a.pack(archive, f.name, mask.Replace(string(text))+"\n"); err != nil {
			return nil, err
		}
	}
	// The log is of all printers: only who may know of all of them sees it.
	if who := caller(ctx); a.Lines != nil && who.Printers() == nil && !who.Test {
		if err := a.pack(archive, "log.txt", mask.Replace(strings.Join(a.Lines(), "\n"))+"\n"); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("writing the diagnostics: %w", err)
	}
	name := "printwire-diagnostics-" + a.Now().UTC().Format("20060102-150405") + ".zip"
	return &diagnosticsAnswer{ContentType: "application/zip", Disposition: `attachment; filename="` + name + `"`, Body: buffer.Bytes()}, nil
}

func (a *api) pack(archive *zip.Writer, name, text string) error {
	w, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.Now().UTC()})
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err != nil {
		return fmt.Errorf("writing %s of the diagnostics: %w", name, err)
	}
	return nil
}

// keyCounts is what is told of keys: how many there are of which state.
func (a *api) keyCounts() map[string]int {
	counts := map[string]int{"valid": 0, "revoked": 0, "expired": 0}
	for _, k := range a.Keys.Keys() {
		counts[keyState(k, a.Now())]++
	}
	return counts
}

// masks replaces what must not leave the house: the access codes of all
// printers, and, unless they are wanted, serials and addresses.
func (a *api) masks(serials bool) *strings.Replacer {
	var pairs []string
	hide := func(text, mask string) {
		if len(text) > 2 {
			pairs = append(pairs, text, mask)
		}
	}
	for _, s := range a.Printers.Snapshots() {
		hide(s.Config.AccessCode.Reveal(), "***")
		if serials {
			continue
		}
		hide(s.Config.Serial, maskSerial(s.Config.Serial))
		hide(strings.ToLower(s.Config.Serial), maskSerial(s.Config.Serial))
		hide(s.Config.Host, fmt.Sprintf("host-%d", s.Config.ID))
		hide(s.State.IPAddress, fmt.Sprintf("host-%d", s.Config.ID))
		hide(s.State.LiveView, "***")
		for _, u := range s.State.Units {
			hide(u.Serial, maskSerial(u.Serial))
			hideTags(u.Trays, hide)
		}
		hideTags(s.State.External, hide)
	}
	return strings.NewReplacer(pairs...)
}

func hideTags(trays []printer.Tray, hide func(text, mask string)) {
	for _, t := range trays {
		hide(t.Tag, "***")
		hide(t.Spool, "***")
	}
}

// maskSerial keeps the beginning, which names the model.
func maskSerial(serial string) string {
	return serial[:min(3, len(serial)/2)] + "***"
}
