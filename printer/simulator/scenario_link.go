package simulator

import (
	"bytes"
	"strings"
	"time"
)

// reboot cuts everybody off and starts the machine afresh after a while; the printer is locked.
func (p *Printer) reboot(away time.Duration) {
	m := p.machine
	p.server.refuse(true)
	p.server.drop()
	m.boot()
	m.deaf = m.clock + away
	m.after(away, func(m *machine) {
		m.deaf = 0
		p.server.refuse(false)
		if m.loop {
			m.after(time.Minute, (*machine).again)
		}
	})
}

func playPowerOff(p *Printer, m *machine) {
	m.powerOff = true
	m.report()
	m.after(3*time.Second, func(*machine) { p.reboot(time.Minute) })
}

func playGap(p *Printer, m *machine) {
	m.whilePrinting(func(m *machine) {
		p.server.refuse(true)
		p.server.drop()
		m.after(5*time.Second, func(m *machine) {
			if m.run != nil {
				m.finish()
			}
		})
		m.after(10*time.Second, func(m *machine) {
			next := m.testJob()
			next.Name, next.Layers = "Next part", 55
			m.start(next)
		})
		m.after(80*time.Second, func(*machine) { p.server.refuse(false) })
	})
}

func playDrying(_ *Printer, m *machine) {
	for i := range m.units {
		if u := &m.units[i]; u.kind.dries {
			u.dry(55, 8, "PLA")
			u.drying = 10 * time.Minute
			return
		}
	}
	if m.addUnit("AMS HT") == nil {
		playDrying(nil, m)
	}
}

func playNozzles(_ *Printer, m *machine) {
	for i := range m.nozzles {
		m.nozzles[i].heat.target = 220
		for _, u := range m.units {
			if u.extruder == i && m.nozzles[i].slot < 0 {
				m.nozzles[i].slot = u.wire(0)
			}
		}
	}
	for i := range 4 {
		m.after(time.Duration(i)*15*time.Second, func(m *machine) { m.selectNozzle((i + 1) % 2) })
	}
	m.after(70*time.Second, func(m *machine) {
		if m.run == nil {
			m.nozzles[0].heat.target, m.nozzles[1].heat.target = 0, 0
		}
	})
}

func playStage(_ *Printer, m *machine) {
	m.whilePrinting(func(m *machine) {
		m.stage = 199
		m.after(20*time.Second, func(m *machine) { m.stage = 0 })
	})
}

func playDoor(_ *Printer, m *machine) {
	m.door = true
	m.after(20*time.Second, func(m *machine) { m.door = false })
}

// playForeign sends what a printer answers to others. None of it is a state.
func playForeign(_ *Printer, m *machine) {
	m.emit("print", document{"command": "gcode_line", "reason": "SUCCESS", "result": "SUCCESS", "return_code": "388", "sequence_id": "900"})
	m.emit("print", document{"command": "gcode_line", "err_code": 0, "param": "M400 P10\n\n", "reason": "SUCCESS", "result": "SUCCESS", "sequence_id": "2023", "source": 3072})
	m.emit("print", document{"param": "G28", "reason": "success", "result": "success", "sequence_id": "1"})
	m.emit("system", document{"command": "ledctrl", "led_node": "chamber_light", "led_mode": "off", "reason": "", "result": "success", "sequence_id": "2209"})
	m.emit("print", document{"command": "print_speed", "param": "4", "reason": "success", "result": "success", "sequence_id": "20031"})
	m.emit("print", document{"command": "pause", "param": "", "reason": "the device is busy", "result": "fail", "sequence_id": "20032"})
	_ = m.answerCalibration(document{"sequence_id": "20009"})
	_ = m.answerVersion(document{"sequence_id": "20010"})
	m.emit("mc_print", document{"command": "push_info", "param": "[AMS][TASK]ams0 humidity:21%", "sequence_id": "77"})
}

// Garbage is a set of messages that a reader of reports must survive: no
// message, no JSON, JSON of the wrong shape, and too much of it.
func Garbage() [][]byte {
	status := func(fields string) []byte {
		return []byte(`{"print":{` + fields + `,"command":"push_status","msg":1,"sequence_id":"1"}}`)
	}
	return [][]byte{
		{},
		[]byte("\x00\xff\xfe"),
		[]byte("null"), []byte("[]"), []byte("17"), []byte(`"print"`), []byte("{}"),
		[]byte(`{"print":null}`), []byte(`{"print":[]}`), []byte(`{"print":"push_status"}`),
		status("\"subtask_name\":\"M\xfcnze \xe2\x82\""),
		[]byte(`{"print":{"mc_percent":4`),
		status(`"mc_percent":"12","mc_remaining_time":true,"layer_num":null,"nozzle_temper":"hot","bed_temper":{},"wifi_signal":-60`),
		status(`"gcode_state":17,"ams":"none","hms":{"attr":1},"lights_report":null,"device":[1,2],"stg":5,"net":[],"vt_tray":7`),
		status(`"ams":{"ams":[null,7,"x",{"id":null,"tray":{"id":"0"}},{"id":"0","tray":[null,3,{"id":-1},{"id":"9999999999"}]}],"tray_now":{},"ams_exist_bits":"xyz"}`),
		status(`"hms":[null,{"attr":-1,"code":"4294967296"},{"attr":1e300},7]`),
		status(`"device":{"extruder":{"info":[null,{"id":"0","temp":"14745864","snow":[]}],"state":"two"},"nozzle":{"info":7},"holder":null,"bed":null}`),
		status(`"mc_percent":5,"mc_percent":101,"mc_percent":-3`),
		status(`"layer_num":1e400,"total_layer_num":99999999999999999999,"print_error":-1,"home_flag":18446744073709551615`),
		append([]byte(`{"print":`), bytes.Repeat([]byte("["), 20_000)...),
		[]byte(`{"print":{"x":` + strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000) + `,"command":"push_status"}}`),
		status(`"subtask_name":"` + strings.Repeat("long ", 1<<20/5) + `"`),
		[]byte(`{"upgrade":{"command":"get_history"},"security":{},"event":{"event":"client.connected"}}`),
	}
}

func playGarbage(_ *Printer, m *machine) {
	for i, payload := range Garbage() {
		m.after(time.Duration(i)*time.Second, func(m *machine) {
			if m.clock >= m.deaf {
				m.send(payload)
			}
		})
	}
	m.after(time.Duration(len(Garbage()))*time.Second, (*machine).whole)
}
