package simulator

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// What the changing places of a template are found by: numbers that occur nowhere else.
const (
	placeCount = 1987654321
	placeTime  = 1987654323
)

// piece is text up to a changing place; place is 0 at the end.
type piece struct {
	text  []byte
	place int
}

// template is a report that is encoded once and filled in each time.
type template []piece

// newTemplate cuts an encoded report at its changing places.
func newTemplate(encoded []byte) template {
	var t template
	for {
		at, place := len(encoded), 0
		for _, p := range []int{placeCount, placeTime} {
			if i := bytes.Index(encoded, strconv.AppendInt(nil, int64(p), 10)); i >= 0 && i < at {
				at, place = i, p
			}
		}
		t = append(t, piece{encoded[:at], place})
		if place == 0 {
			return t
		}
		encoded = encoded[at+len(strconv.Itoa(place)):]
	}
}

func (t template) append(dst []byte, count int64, at time.Time) []byte {
	for _, p := range t {
		dst = append(dst, p.text...)
		switch p.place {
		case placeCount:
			dst = strconv.AppendInt(dst, count, 10)
		case placeTime:
			dst = strconv.AppendInt(dst, at.UnixNano(), 10)
		}
	}
	return dst
}

// fullTemplate is a full report of a printer in the middle of a print.
func fullTemplate(m *machine) template {
	layer, layers := m.layer, m.layers
	m.layer, m.layers = placeCount, 2_000_000_000
	doc := m.document()
	m.layer, m.layers = layer, layers
	doc["command"], doc["msg"], doc["sequence_id"], doc["t_ns"] = "push_status", 0, strconv.Itoa(placeCount), placeTime
	encoded, err := json.Marshal(document{"print": doc})
	if err != nil {
		m.log.Error("report not encoded", "component", "simulator", "error", err)
	}
	return newTemplate(encoded)
}

// deltaTemplate is what an older board sends in a busy moment, 0.3 kB.
func deltaTemplate() template {
	return newTemplate([]byte(`{"print":{"nozzle_temper":219.96875,"bed_temper":64.96875,"heatbreak_fan_speed":"8","cooling_fan_speed":"12",` +
		`"big_fan1_speed":"12","big_fan2_speed":"12","mc_print_sub_stage":1,"wifi_signal":"-61dBm","fan_gear":214,"layer_num":` + strconv.Itoa(placeCount) +
		`,"t_ns":` + strconv.Itoa(placeTime) + `,"command":"push_status","msg":1,"sequence_id":"` + strconv.Itoa(placeCount) + `"}}`))
}
