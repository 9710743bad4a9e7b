package bambu

import (
	"strings"
)

// entries are the faults of hms with what they were made from.
type entries struct {
	from *branch
	list []hmsEntry
}

// maxEntries bounds the faults of one report.
const maxEntries = 64

func (c *entries) of(n *node) []hmsEntry {
	if c.from == n.branch() {
		return c.list
	}
	*c = entries{from: n.branch()}
	for _, e := range n.items() {
		attr, ok := e.at("attr").bits()
		code, also := e.at("code").bits()
		if ok && also && attr|code != 0 && len(c.list) < maxEntries {
			c.list = append(c.list, hmsEntry{Attr: attr, Code: code})
		}
	}
	return c.list
}

// facts are what the life cycle needs of the document. HMS is shared and must
// not be written to.
func (d *document) facts() facts {
	f := facts{
		State:       strings.ToUpper(d.field("gcode_state").string()),
		Percent:     d.percent().Or(-1),
		Layer:       d.layer("layer_num").Or(-1),
		TotalLayers: d.layer("total_layer_num").Or(-1),
		Stage:       d.stageID(),
		Name:        strings.TrimSpace(d.field("subtask_name").string()),
		File:        strings.TrimSpace(d.field("gcode_file").string()),
		TaskID:      d.id("task_id"),
		SubtaskID:   d.id("subtask_id"),
		HMS:         d.mapped.hms.of(d.field("hms")),
	}
	f.RemainingMinutes = first(d.field("mc_remaining_time").integer(0, 1e6), d.field("remain_time").integer(0, 1e6)).Or(-1)
	f.PrintError, _ = d.field("print_error").bits()
	f.FailReason, _ = d.field("fail_reason").bits()
	f.Err = d.errCode()
	return f
}

// errCode is the code of err, a hexadecimal word with one byte before the
// code, or of ap_err.
func (d *document) errCode() uint32 {
	if w, ok := d.field("err").hex(); ok && uint32(w) != 0 {
		return uint32(w)
	}
	w, _ := d.field("ap_err").bits()
	return w
}
