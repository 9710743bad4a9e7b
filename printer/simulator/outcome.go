package simulator

import "time"

// pauseWith stops the print for a while. A code of 0 leaves print_error alone.
func (m *machine) pauseWith(code uint32, stage int) {
	if m.run == nil || m.state != stateRunning {
		return
	}
	m.run.paused = true
	m.state, m.tellState, m.printStage, m.stage = statePause, 5, "3", stage
	if code != 0 {
		m.printError, m.shownError = code, code
	}
}

// resume goes on with a paused print and clears what paused it.
func (m *machine) resume() {
	if m.run == nil || m.state != statePause {
		return
	}
	m.run.paused = false
	m.state, m.tellState, m.printStage, m.stage = stateRunning, 4, "2", 0
	m.printError, m.failCode, m.shownError, m.hms = 0, 0, 0, nil
}

// fail ends the print with FAILED. A code of 0 is told by nothing.
func (m *machine) fail(code uint32) {
	if m.run == nil {
		return
	}
	if m.layers > 0 {
		m.consume(float64(m.percent) / 100)
	}
	m.state, m.tellState = stateFailed, 7
	m.explain(code)
	m.wrapUp()
}

// explain sets the code of a failure.
func (m *machine) explain(code uint32) {
	if code != 0 {
		m.printError, m.failCode, m.shownError = code, code, code
	}
}

// Cancel says when the code of a cancelled print arrives.
type Cancel int

// The ways in which printers tell of a cancelled print.
const (
	// CodeWithState sends state and code in one report.
	CodeWithState Cancel = iota
	// CodeBeforeState sends the code two seconds before the state.
	CodeBeforeState
	// CodeAfterState sends the code two seconds after the state.
	CodeAfterState
	// NoCode sends none: only the acknowledgement of a stop tells.
	NoCode
)

// cancel ends the print as a person's stop does.
func (m *machine) cancel(how Cancel) {
	owner := m.run
	if owner == nil {
		return
	}
	switch how {
	case CodeBeforeState:
		m.explain(errorCancelled)
		m.after(2*time.Second, func(m *machine) {
			if m.run == owner {
				m.fail(0)
				m.forget()
			}
		})
	case CodeAfterState:
		m.fail(0)
		m.forget()
		m.after(2*time.Second, func(m *machine) {
			if m.run == nil {
				m.explain(errorCancelled)
			}
		})
	case NoCode:
		m.fail(0)
		m.forget()
	default:
		m.fail(errorCancelled)
		m.forget()
	}
}

// forget drops progress and layer, as the firmware of the newer dialect does on a stop.
func (m *machine) forget() {
	m.remaining = 0
	if m.model.tree {
		m.percent, m.layer = 0, 0
	}
}

// dismiss clears the error as its dialog on the screen does: mc_err first, two
// seconds later print_error and err. The state and fail_reason stay.
func (m *machine) dismiss() {
	m.shownError = 0
	m.after(2*time.Second, func(m *machine) {
		if m.shownError == 0 {
			m.printError = 0
		}
	})
}

// raise adds an entry to hms, clear takes it away.
func (m *machine) raise(attr, code uint32) {
	m.clear(attr, code)
	m.hms = append(m.hms, hmsEntry{attr, code})
}

func (m *machine) clear(attr, code uint32) {
	var rest []hmsEntry
	for _, e := range m.hms {
		if e != (hmsEntry{attr, code}) {
			rest = append(rest, e)
		}
	}
	m.hms = rest
}
