package simulator

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// errorNoMapping is told when a job wants an AMS that is not there.
const errorNoMapping = 0x07008012

// obeyFile starts a print from project_file.
func (m *machine) obeyFile(body document) error {
	if m.run != nil {
		return errBusy
	}
	url := text(body["url"])
	if url == "" || !strings.HasSuffix(text(body["param"]), ".gcode") {
		return errArgs
	}
	j := m.jobFor(text(body["subtask_name"]), path.Base(url))
	_, _ = fmt.Sscanf(text(body["param"]), "Metadata/plate_%d.gcode", &j.Plate)
	j.Slots = nil
	useAMS := text(body["use_ams"])
	if useAMS == "true" || useAMS == "1" {
		if len(m.units) == 0 {
			m.after(3*time.Second, func(m *machine) { m.explain(errorNoMapping) })
			return nil
		}
		list, _ := body["ams_mapping"].([]any)
		for _, v := range list {
			if wire := whole(v, -1); wire >= 0 {
				j.Slots = append(j.Slots, wire)
			}
		}
	}
	m.start(j)
	return nil
}

// jobFor is the job of that name if the printer knows it, else one of middling size.
func (m *machine) jobFor(name, file string) Job {
	if name == "" {
		name = strings.TrimSuffix(strings.TrimSuffix(file, ".3mf"), ".gcode")
	}
	if i := slices.IndexFunc(m.jobs, func(j Job) bool { return j.Name == name }); i >= 0 {
		return m.jobs[i]
	}
	return Job{Name: name, Plate: 1, Layers: 120, Duration: 45 * time.Minute, Nozzle: 220, Bed: 60, Grams: []float64{24.8}, Metres: []float64{8.3}}
}

// fileReceipt is the acknowledgement of project_file that every client sees,
// with all that the sender asked for.
func (m *machine) fileReceipt(j Job, sequence string) document {
	mapping, pairs := []int{}, []document{}
	for _, wire := range j.Slots {
		mapping = append(mapping, wire)
		pair := document{"ams_id": 255, "slot_id": 255}
		if u, slot := m.find(wire); u != nil {
			pair = document{"ams_id": u.id, "slot_id": slot}
		}
		pairs = append(pairs, pair)
	}
	doc := document{"command": "project_file", "sequence_id": sequence, "param": j.gcode(), "url": "ftp://" + j.fileName(), "file": j.fileName(),
		"md5": strings.ToUpper(fmt.Sprintf("%032x", len(j.Name)*7919)), "bed_type": "textured_plate", "bed_leveling": true, "auto_bed_leveling": 1,
		"flow_cali": false, "vibration_cali": false, "layer_inspect": true, "timelapse": false, "use_ams": len(j.Slots) > 0,
		"ams_mapping": mapping, "ams_mapping2": pairs, "subtask_name": j.Name, "project_id": "0", "profile_id": "0", "task_id": "0",
		"subtask_id": "0", "cfg": "0", "extrude_cali_flag": 0, "nozzle_offset_cali": 2, "result": "success", "reason": "success"}
	if m.model.tree {
		doc["result"], doc["reason"], doc["err_code"], doc["is_from_mqtt"], doc["url"] = "SUCCESS", "SUCCESS", 0, true, "brtc://emmc/"+j.fileName()
	}
	return doc
}
