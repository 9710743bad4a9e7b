package httpapi

import (
	"context"

	"github.com/printwire/printwire/printer"
)

// Diagnosis is how well a printer can be reached, as its link shows it.
type Diagnosis struct {
	PrinterID int     `json:"printer_id"`
	Overall   string  `json:"overall" enum:"ok,warnings,problems"`
	Checks    []Check `json:"checks" nullable:"false"`
}

// Check is one thing that was looked at.
type Check struct {
	ID      string  `json:"id" enum:"port_mqtt,mqtt_auth,developer_mode,port_ftps,port_rtsps,network_mode,subnet"`
	Status  string  `json:"status" enum:"pass,fail,warn,skip" doc:"skip: this was not looked at."`
	Message *string `json:"message" doc:"What to do about it, in words."`
}

type diagnosisAnswer struct{ Body Diagnosis }

func (a *api) diagnosis(ctx context.Context, in *printerPath) (*diagnosisAnswer, error) {
	s, err := a.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &diagnosisAnswer{Body: diagnose(s)}, nil
}

// diagnose tells what the link and the job's file have shown. Nothing is
// probed for it: a printer serves few clients.
func diagnose(s printer.Snapshot) Diagnosis {
	st := s.State
	d := Diagnosis{PrinterID: s.Config.ID, Overall: "ok", Checks: []Check{
		reached(st), letIn(st), obeyed(st), filed(st),
		{ID: "port_rtsps", Status: "skip"}, {ID: "network_mode", Status: "skip"}, {ID: "subnet", Status: "skip"},
	}}
	for _, c := range d.Checks {
		switch {
		case c.Status == "fail":
			d.Overall = "problems"
		case c.Status == "warn" && d.Overall == "ok":
			d.Overall = "warnings"
		}
	}
	return d
}

// refusals are the problems of a printer that was reached and did not let us in.
func refusals() map[printer.ProblemCode]bool {
	return map[printer.ProblemCode]bool{printer.ProblemAccessCode: true, printer.ProblemCertificate: true, printer.ProblemSerial: true}
}

func reached(st printer.State) Check {
	if st.Online || refusals()[st.Problem.Code] {
		return Check{ID: "port_mqtt", Status: "pass"}
	}
	return Check{ID: "port_mqtt", Status: "fail", Message: text(st.Problem.Text)}
}

func letIn(st printer.State) Check {
	switch {
	case st.Online:
		return Check{ID: "mqtt_auth", Status: "pass"}
	case refusals()[st.Problem.Code]:
		return Check{ID: "mqtt_auth", Status: "fail", Message: text(st.Problem.Text)}
	default:
		return Check{ID: "mqtt_auth", Status: "skip"}
	}
}

func obeyed(st printer.State) Check {
	switch {
	case !st.Caps.Control.Known:
		return Check{ID: "developer_mode", Status: "skip"}
	case st.Caps.Control.Value:
		return Check{ID: "developer_mode", Status: "pass"}
	default:
		return Check{ID: "developer_mode", Status: "warn", Message: text("The printer refuses commands: switch on LAN mode and Developer mode on its screen.")}
	}
}

func filed(st printer.State) Check {
	switch plan := st.Job.Plan; {
	case plan.Known():
		return Check{ID: "port_ftps", Status: "pass"}
	case plan.Missing != "":
		return Check{ID: "port_ftps", Status: "warn", Message: text(plan.Missing)}
	default:
		return Check{ID: "port_ftps", Status: "skip"}
	}
}

func exampleDiagnosis() Diagnosis {
	return Diagnosis{PrinterID: 1, Overall: "warnings", Checks: []Check{
		{ID: "port_mqtt", Status: "pass"}, {ID: "mqtt_auth", Status: "pass"}, {ID: "developer_mode", Status: "pass"},
		{ID: "port_ftps", Status: "warn", Message: text("The printer has no memory card.")},
	}}
}
