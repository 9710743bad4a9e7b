package bambu

import (
	"crypto/sha256"
	"encoding/json"
	"slices"

	"github.com/printwire/printwire/printer"
)

// memoryVersion is the number of the encoding below. Another one is not read:
// the driver then only knows less, and tells no event wrongly. Whoever raises it
// has to carry Pin over, or every printer's certificate is trusted anew.
const memoryVersion = 1

// memory is what has to outlive a restart.
type memory struct {
	Life life `json:"life"`
	// Episodes are the faults that stand or have just gone.
	Episodes []episode `json:"episodes,omitempty"`
	// Pin is the fingerprint of the trusted certificate, Offered that of the
	// last one that was refused.
	Pin     string `json:"pin,omitempty"`
	Offered string `json:"offered,omitempty"`
	// Control is what commands taught about the printer's will to obey.
	Control learned `json:"control"`
	// ClearFiles: the printer's file server works only without TLS on data connections.
	ClearFiles bool `json:"clear_files,omitempty"`
}

// learned is what the answers to commands taught, for one firmware.
type learned struct {
	Firmware string            `json:"firmware,omitempty"`
	Allowed  printer.Opt[bool] `json:"allowed"`
}

// recall reads the memory that was stored with a state; what cannot be read is
// an empty one.
func recall(m printer.Memory, s printer.State) memory {
	var out memory
	if m.Version != memoryVersion || len(m.Data) > printer.MaxMemory {
		return memory{}
	}
	if err := json.Unmarshal(m.Data, &out); err != nil {
		return memory{}
	}
	out.Pin, out.Offered = fingerprint(out.Pin), fingerprint(out.Offered)
	if out.Life.known() {
		out.Life.Job = unplanned(uncarried(s.Job))
	}
	if len(out.Episodes) > maxFaults {
		out.Episodes = out.Episodes[:maxFaults]
	}
	return out
}

// fingerprint is s if it can be one, else nothing.
func fingerprint(s string) string {
	if len(s) > 2*sha256.Size {
		return ""
	}
	return s
}

// same tells whether two memories are the same in every field that is stored.
// Times that only are written differently count as different.
func (m *memory) same(o *memory) bool {
	return m.Life.same(&o.Life) && slices.Equal(m.Episodes, o.Episodes) && m.Pin == o.Pin && m.Offered == o.Offered &&
		m.Control == o.Control && m.ClearFiles == o.ClearFiles
}

// same leaves out the job, as store does.
func (l *life) same(o *life) bool {
	return l.Wire == o.Wire && l.Activity == o.Activity && l.Task == o.Task && l.Name == o.Name && l.Armed == o.Armed &&
		l.OldPercent == o.OldPercent && l.OldLayer == o.OldLayer && l.Old == o.Old && slices.Equal(l.OldHMS, o.OldHMS) &&
		l.Last == o.Last && l.LastPercent == o.LastPercent && l.LastLayer == o.LastLayer &&
		l.Error == o.Error && l.PauseRank == o.PauseRank && l.FailedAt == o.FailedAt && l.Grace == o.Grace &&
		l.StopAsked == o.StopAsked && l.PauseAsked == o.PauseAsked
}

// store encodes the memory, and leaves out the least important when it would
// be too large.
func (m memory) store() printer.Memory {
	for {
		data, err := json.Marshal(m)
		switch {
		case err == nil && len(data) <= printer.MaxMemory:
			return printer.Memory{Version: memoryVersion, Data: data}
		case len(m.Episodes) > 0:
			m.Episodes = m.Episodes[:len(m.Episodes)/2]
		default:
			m = memory{Pin: fingerprint(m.Pin), Offered: fingerprint(m.Offered), ClearFiles: m.ClearFiles}
		}
	}
}
