package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/printer/simulator"
)

// Each report changes four values that are published at once, all of them made
// from the report's number: the layer, the targets of nozzle and bed, and the
// speed. Four a second is what a lively print has, and what the cost in Home
// Assistant is measured with.
const (
	placeLayer = 1987654300 + iota
	placeNozzle
	placeNozzlePacked
	placeBed
	placeBedPacked
	placeSpeed
	placeEnd
)

// changing are the keys of the four values.
func changing() []string { return []string{"current_layer", "nozzle_target", "bed_target", "speed"} }

// fillIn is what stands at a changing place of a report.
func fillIn(place int, count int64) int64 {
	nozzle, bed := 200+count%40, 40+count%30
	switch place {
	case placeLayer:
		return count
	case placeNozzle:
		return nozzle
	case placeNozzlePacked:
		return nozzle<<16 | 220
	case placeBed:
		return bed
	case placeBedPacked:
		return bed<<16 | 60
	default:
		return 1 + count%4
	}
}

// form is an encoded report with changing places; places[i] follows parts[i].
type form struct {
	parts  [][]byte
	places []int
}

func newForm(encoded []byte) form {
	var f form
	for {
		at, place := len(encoded), 0
		for p := placeLayer; p < placeEnd; p++ {
			if i := bytes.Index(encoded, strconv.AppendInt(nil, int64(p), 10)); i >= 0 && i < at {
				at, place = i, p
			}
		}
		f.parts, f.places = append(f.parts, encoded[:at]), append(f.places, place)
		if place == 0 {
			return f
		}
		encoded = encoded[at+len(strconv.Itoa(place)):]
	}
}

func (f form) fill(dst []byte, count int64) []byte {
	for i, part := range f.parts {
		dst = append(dst, part...)
		if f.places[i] != 0 {
			dst = strconv.AppendInt(dst, fillIn(f.places[i], count), 10)
		}
	}
	return dst
}

// deltaForm is what an older board sends in a busy moment.
func deltaForm() form {
	return newForm([]byte(`{"print":{"nozzle_temper":219.96875,"bed_temper":64.96875,"heatbreak_fan_speed":"8","cooling_fan_speed":"12",` +
		`"big_fan1_speed":"12","big_fan2_speed":"12","wifi_signal":"-61dBm","layer_num":` + strconv.Itoa(placeLayer) +
		`,"nozzle_target_temper":` + strconv.Itoa(placeNozzle) + `,"bed_target_temper":` + strconv.Itoa(placeBed) +
		`,"spd_lvl":` + strconv.Itoa(placeSpeed) + `,"command":"push_status","msg":1,"sequence_id":"` + strconv.Itoa(placeLayer) + `"}}`))
}

// fullForm is the full report of a simulated X1C with three filament changers,
// with changing places put in.
func fullForm(tb testing.TB) form {
	tb.Helper()
	load, err := simulator.NewLoad(simulator.LoadOptions{Printers: 1, Model: "X1C"})
	if err != nil {
		tb.Fatal(err)
	}
	if err := load.Listen(); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- load.Run(ctx) }() // owner: fullForm cancels it and waits
	defer func() { cancel(); <-done }()
	raw := dial(tb, load.Addr(0).String())
	defer func() { _ = raw.Close() }()
	p, err := join(tls.Client(raw, &tls.Config{InsecureSkipVerify: true}), "form", "bblp", load.AccessCode(), "device/#")
	if err != nil {
		tb.Fatal(err)
	}
	_, payload, err := p.message()
	if err != nil {
		tb.Fatal(err)
	}
	var doc map[string]any
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		tb.Fatal(err)
	}
	for path, place := range map[string]any{
		"print.layer_num": placeLayer, "print.3D.layer_num": placeLayer, "print.sequence_id": strconv.Itoa(placeLayer),
		"print.nozzle_target_temper": placeNozzle, "print.device.extruder.info.0.temp": placeNozzlePacked,
		"print.bed_target_temper": placeBed, "print.device.bed.info.temp": placeBedPacked, "print.device.bed_temp": placeBedPacked,
		"print.spd_lvl": placeSpeed,
	} {
		put(tb, doc, path, place)
	}
	encoded, err := json.Marshal(doc)
	if err != nil {
		tb.Fatal(err)
	}
	return newForm(encoded)
}

// put replaces what is at a path, which must be there.
func put(tb testing.TB, doc any, path string, value any) {
	tb.Helper()
	keys := strings.Split(path, ".")
	for _, k := range keys[:len(keys)-1] {
		switch d := doc.(type) {
		case map[string]any:
			doc = d[k]
		case []any:
			i, err := strconv.Atoi(k)
			if err != nil || i >= len(d) {
				tb.Fatalf("the report has no %s", path)
			}
			doc = d[i]
		}
	}
	object, _ := doc.(map[string]any)
	last := keys[len(keys)-1]
	if _, ok := object[last]; !ok {
		tb.Fatalf("the report has no %s", path)
	}
	object[last] = value
}

// remembered is how many reports of a printer a fleet knows the time of.
const remembered = 512

// fleet is the load: printers in this process, which is not measured. It
// remembers when each report was handed to the socket.
type fleet struct {
	load  *simulator.Load
	ids   map[string]int
	base  time.Time
	times [][remembered]atomic.Int64
	last  []atomic.Int64
	sent  atomic.Int64
	roots []byte
	stop  func()

	hosts, serials []string // of the printers, as the settings name them
	code           string
	authority      *simulator.Authority
	// files are the ports of file servers, by printer; most have none.
	files map[int]int
}

// reporter appends a printer's report to dst. It may wait.
type reporter func(dst []byte, printer int, count int64) []byte

// moving is the reporter whose values change with each report.
func (f form) moving(dst []byte, _ int, count int64) []byte { return f.fill(dst, count) }

// newFleet starts printers that report every interval until stop is called.
func newFleet(tb testing.TB, printers int, model string, interval time.Duration, report reporter) *fleet {
	tb.Helper()
	authority, err := simulator.NewAuthority(time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	v := &fleet{base: time.Now(), ids: map[string]int{}, times: make([][remembered]atomic.Int64, printers), last: make([]atomic.Int64, printers), roots: authority.PEM(), authority: authority}
	v.load, err = simulator.NewLoad(simulator.LoadOptions{
		Printers: printers, Model: model, Interval: interval, Authority: authority,
		Report: func(dst []byte, printer int, count int64, _ time.Time) []byte {
			return report(dst, printer, count)
		},
		Sending: func(printer int, count int64, _ time.Time) {
			v.times[printer][count%remembered].Store(int64(time.Since(v.base)))
			v.last[printer].Store(count)
			v.sent.Add(1)
		},
	})
	if err == nil {
		err = v.load.Listen()
	}
	if err != nil {
		tb.Fatal(err)
	}
	for i := range printers {
		v.ids[v.load.Serial(i)] = i
		v.hosts, v.serials = append(v.hosts, v.load.Addr(i).String()), append(v.serials, v.load.Serial(i))
	}
	v.code = v.load.AccessCode()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- v.load.Run(ctx) }() // owner: stop cancels it and waits
	v.stop = func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("the load: %v", err)
		}
	}
	return v
}
