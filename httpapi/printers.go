package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/printwire/printwire/printer"
)

// Printer is one printer in the list, with every name that Bambuddy clients
// know. Its access code is never part of it.
type Printer struct {
	ID           int     `json:"id"`
	Name         string  `json:"name"`
	SerialNumber string  `json:"serial_number"`
	Model        string  `json:"model"`
	Family       string  `json:"family"`
	IPAddress    string  `json:"ip_address" doc:"The name or address under which the printer is reached."`
	Location     *string `json:"location"`
	Managed      bool    `json:"managed" doc:"Whether it comes from the settings file and cannot be edited here."`
	IsActive     bool    `json:"is_active"`

	Connected bool     `json:"connected"`
	State     string   `json:"state" doc:"What it does, in Bambuddy's words."`
	Activity  string   `json:"activity" doc:"What it does."`
	Status    string   `json:"status" doc:"The same as activity."`
	Problem   *Problem `json:"problem"`

	CurrentPrint *CurrentPrint `json:"current_print" doc:"The job under way."`

	NozzleCount             int     `json:"nozzle_count"`
	SupportsNozzleFlowType  bool    `json:"supports_nozzle_flow_type"`
	AutoArchive             bool    `json:"auto_archive"`
	PrintHoursOffset        float64 `json:"print_hours_offset"`
	ExternalCameraURL       *string `json:"external_camera_url"`
	ExternalCameraType      *string `json:"external_camera_type"`
	ExternalCameraEnabled   bool    `json:"external_camera_enabled"`
	CameraRotation          int     `json:"camera_rotation"`
	PlateDetectionEnabled   bool    `json:"plate_detection_enabled"`
	FirmwareVersion         *string `json:"firmware_version"`
	FirmwareUpdateAvailable *string `json:"firmware_available"`
	CreatedAt               *Time   `json:"created_at"`
	UpdatedAt               *Time   `json:"updated_at"`
}

// CurrentPrint is the job under way, in short.
type CurrentPrint struct {
	Filename      *string `json:"filename"`
	Progress      *int    `json:"progress" doc:"In percent."`
	RemainingTime *int    `json:"remaining_time" doc:"In minutes."`
}

type nothing struct{}

type printerPath struct {
	ID string `path:"id" doc:"The printer's number or its serial." example:"1"`
}

type printersAnswer struct {
	Body []Printer `nullable:"false"`
}

func (a *api) printers(ctx context.Context, _ *nothing) (*printersAnswer, error) {
	list := []Printer{}
	for _, s := range a.visible(ctx) {
		list = append(list, describePrinter(s))
	}
	return &printersAnswer{Body: list}, nil
}

type printerAnswer struct{ Body Printer }

func (a *api) printer(ctx context.Context, in *printerPath) (*printerAnswer, error) {
	s, err := a.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &printerAnswer{Body: describePrinter(s)}, nil
}

type statusPath struct {
	ID    string `path:"id" doc:"The printer's number or its serial." example:"1"`
	Known string `header:"If-None-Match" doc:"The ETag of the document that the caller has."`
}

type encoded struct {
	Status      int
	ContentType string `header:"Content-Type"`
	ETag        string `header:"ETag"`
	Body        []byte
}

func (a *api) status(ctx context.Context, in *statusPath) (*encoded, error) {
	s, err := a.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	doc, err := a.documents.of(s, a.Archives.Number)
	if err != nil {
		return nil, err
	}
	if in.Known == doc.etag {
		return &encoded{Status: http.StatusNotModified, ContentType: jsonType, ETag: doc.etag}, nil
	}
	return &encoded{Status: http.StatusOK, ContentType: jsonType, ETag: doc.etag, Body: doc.text}, nil
}

func describePrinter(s printer.Snapshot) Printer {
	st, full := s.State, status(s)
	p := Printer{
		ID: s.Config.ID, Name: s.Config.Name, SerialNumber: s.Config.Serial, Model: st.Model, Family: s.Config.Family,
		IPAddress: s.Config.Host, Location: text(s.Config.Area), Managed: s.Config.Managed, IsActive: true,
		Connected: full.Connected, State: full.State, Activity: full.Activity, Status: full.Status, Problem: full.Problem,
		NozzleCount: max(1, st.Caps.Nozzles), SupportsNozzleFlowType: st.Nozzles[0].Flow != "", AutoArchive: true,
		FirmwareVersion: full.FirmwareVersion, FirmwareUpdateAvailable: full.FirmwareAvailable, UpdatedAt: full.UpdatedAt,
	}
	if st.Activity.Active() {
		p.CurrentPrint = &CurrentPrint{Filename: text(st.Job.FileName()), Progress: full.Progress, RemainingTime: full.RemainingTime}
		if p.CurrentPrint.Filename == nil {
			p.CurrentPrint.Filename = full.SubtaskName
		}
	}
	return p
}

// reference is a printer's id or serial as the domain writes it, or false when
// it can be neither: one to six digits are an id, anything else a serial.
func reference(ref string) (string, bool) {
	if ref == "" || len(ref) > 50 {
		return "", false
	}
	ref = strings.ToUpper(ref)
	digits := true
	for _, c := range ref {
		switch {
		case c >= '0' && c <= '9':
		case c >= 'A' && c <= 'Z', c == '_', c == '-':
			digits = false
		default:
			return "", false
		}
	}
	if digits && len(ref) <= 6 {
		ref = strings.TrimLeft(ref, "0")
	}
	return ref, ref != ""
}
