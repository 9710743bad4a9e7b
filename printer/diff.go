package printer

import "slices"

// rule makes the events of one kind from two states in order.
type rule struct {
	name string
	find func(prev, next *State, marks Marks) []Event
}

// rules is the table of all events about a printer, in the order in which the
// events of one change are told: a lost job ends before the next one begins.
func rules() [20]rule {
	return [...]rule{
		{"printer_online", online},
		{"firmware_available", firmwareAvailable},
		{"print_failed", lostJob},
		{"print_started", started},
		{"print_resumed", resumed},
		{"filament_changed", filamentChanged},
		{"first_layer_complete", firstLayer},
		{"print_progress", progress},
		{"printer_error", faultAppeared},
		{"filament_runout", runout},
		{"print_paused", paused},
		{"print_complete", succeeded},
		{"print_failed", failed},
		{"print_stopped", stopped},
		{"printer_error_cleared", faultCleared},
		{"door_opened", doorOpened},
		{"door_closed", doorClosed},
		{"bed_cooled", bedCooled},
		{"drying_finished", dryingFinished},
		{"printer_offline", offline},
	}
}

// Diff is what happened between two complete states of one printer. It is
// pure: a gap or a reconnect is only a bigger difference. Equal states, and a
// state found running after the bridge's own start, give nothing. next must
// have gone through Carry.
func Diff(prev, next State, marks Marks) []Event { return Differences(&prev, &next, marks) }

// Differences is Diff without copies.
func Differences(prev, next *State, marks Marks) []Event {
	var events []Event
	for _, r := range rules() {
		for _, e := range r.find(prev, next, marks) {
			e.Name = r.name
			events = append(events, e)
		}
	}
	return events
}

// DiffNames lists the names of the events that Diff can give, each once.
func DiffNames() []string {
	var names []string
	for _, r := range rules() {
		if !slices.Contains(names, r.name) {
			names = append(names, r.name)
		}
	}
	return names
}

// began: next's job is not prev's.
func began(p, n *State) bool { return n.Job.ID != "" && n.Job.ID != p.Job.ID }

// seen: what happens to next's job may be told, because the bridge saw it
// before or saw it begin.
func seen(p, n *State) bool { return n.Job.ID != "" && (!began(p, n) || !n.Job.Attached) }

func one(job string, d Detail) []Event { return []Event{{Job: job, Detail: d}} }

func started(p, n *State, _ Marks) []Event {
	if !began(p, n) || n.Job.Attached {
		return nil
	}
	return one(n.Job.ID, about(&n.Job))
}

// lostJob tells the end of a job that nobody saw ending.
func lostJob(p, n *State, _ Marks) []Event {
	if !began(p, n) || p.Job.ID == "" || p.Job.Over() {
		return nil
	}
	j := p.Job
	j.Result, j.Reason = Failure, "unknown"
	return one(j.ID, ending(&j))
}

func succeeded(p, n *State, _ Marks) []Event { return ended(p, n, Success) }

func failed(p, n *State, _ Marks) []Event { return ended(p, n, Failure) }

func stopped(p, n *State, _ Marks) []Event { return ended(p, n, Interrupted) }

func ended(p, n *State, result Result) []Event {
	if n.Job.Result != result || !seen(p, n) || !began(p, n) && p.Job.Over() {
		return nil
	}
	return one(n.Job.ID, ending(&n.Job))
}

func pausedNow(p, n *State) bool {
	return n.Activity == Paused && seen(p, n) && (began(p, n) || p.Activity != Paused)
}

func paused(p, n *State, _ Marks) []Event {
	if !pausedNow(p, n) {
		return nil
	}
	d := about(&n.Job)
	d.Reason, d.Code = n.Job.PauseReason, n.Job.PauseCode
	return one(n.Job.ID, d)
}

// runout is told when the pause is known to be one, which may be a report
// later than the pause itself.
func runout(p, n *State, _ Marks) []Event {
	if n.Activity != Paused || n.Job.PauseKind != "runout" || !seen(p, n) {
		return nil
	}
	if !began(p, n) && p.Activity == Paused && p.Job.PauseKind == "runout" {
		return nil
	}
	d := about(&n.Job)
	d.Reason, d.Code = n.Job.PauseReason, n.Job.PauseCode
	if n.Job.Tray.Known {
		d.Tray = n.Job.Tray.Value.String()
	}
	return one(n.Job.ID, d)
}

// resumed counts going back to preparing too: a printer may heat up again first.
func resumed(p, n *State, _ Marks) []Event {
	on := n.Activity == Printing || n.Activity == Preparing
	if began(p, n) || p.Activity != Paused || !on || n.Job.ID == "" {
		return nil
	}
	return one(n.Job.ID, about(&n.Job))
}

func firstLayer(p, n *State, _ Marks) []Event {
	from := 0
	if !began(p, n) {
		from = p.Job.PeakLayer
	}
	if !seen(p, n) || from >= 2 || n.Job.PeakLayer < 2 {
		return nil
	}
	return one(n.Job.ID, about(&n.Job))
}

func filamentChanged(p, n *State, _ Marks) []Event {
	from, to := p.Job.Tray, n.Job.Tray
	if began(p, n) || !from.Known || !to.Known || from == to {
		return nil
	}
	d := about(&n.Job)
	d.Tray, d.PreviousTray = to.Value.String(), from.Value.String()
	if t, ok := n.Tray(to.Value); ok {
		d.Material, d.Color = t.Material, t.Color
	}
	return one(n.Job.ID, d)
}

func online(p, n *State, _ Marks) []Event {
	if p.Online || !n.Online {
		return nil
	}
	return one("", Detail{})
}

func offline(p, n *State, _ Marks) []Event {
	if !p.Online || n.Online {
		return nil
	}
	return one("", Detail{Reason: n.Problem.Text})
}

func firmwareAvailable(p, n *State, _ Marks) []Event {
	if n.FirmwareAvailable == "" || n.FirmwareAvailable == p.FirmwareAvailable {
		return nil
	}
	return one("", Detail{Version: n.FirmwareAvailable, Installed: n.Firmware})
}

func doorOpened(p, n *State, _ Marks) []Event { return door(p, n, true) }

func doorClosed(p, n *State, _ Marks) []Event { return door(p, n, false) }

func door(p, n *State, open bool) []Event {
	if !p.Door.Known || n.Door != Some(open) || p.Door == n.Door {
		return nil
	}
	return one("", Detail{})
}

func bedCooled(p, n *State, _ Marks) []Event {
	if began(p, n) || p.Job.BedCooled || !n.Job.BedCooled {
		return nil
	}
	return one(n.Job.ID, Detail{Temperature: known(n.Bed.Temperature)})
}

func dryingFinished(p, n *State, _ Marks) []Event {
	var events []Event
	for _, u := range n.Units {
		i := slices.IndexFunc(p.Units, func(o Unit) bool { return o.ID == u.ID })
		if i >= 0 && p.Units[i].DryingActive() && u.Drying == "off" {
			events = append(events, Event{Detail: Detail{Unit: ref(u.ID)}})
		}
	}
	return events
}

// grave: only such faults are events; the rest is only listed.
func grave(f Fault) bool { return f.Severity == Fatal || f.Severity == Serious }

func faultAppeared(p, n *State, _ Marks) []Event { return faultsMissing(n.Faults, p.Faults, &n.Job) }

func faultCleared(p, n *State, _ Marks) []Event { return faultsMissing(p.Faults, n.Faults, &n.Job) }

// faultsMissing makes an event of each grave fault of a that b lacks.
func faultsMissing(a, b []Fault, j *Job) []Event {
	id := ""
	if !j.Over() {
		id = j.ID
	}
	var events []Event
	for _, f := range a {
		missing := !slices.ContainsFunc(b, func(o Fault) bool { return o.Code == f.Code })
		if grave(f) && missing {
			events = append(events, Event{Job: id, Detail: Detail{Code: f.Code, Severity: f.Severity, Reason: f.Sentence(), URL: f.URL}})
		}
	}
	return events
}
