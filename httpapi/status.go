package httpapi

import "time"

// Status is the picture of one printer, flat enough for Home Assistant's REST
// sensor and with every name that Bambuddy clients know. All keys are always
// present; what is not known is null.
type Status struct {
	ID           int    `json:"id" doc:"The printer's number, for ever."`
	Name         string `json:"name"`
	SerialNumber string `json:"serial_number"`
	Model        string `json:"model"`
	Connected    bool   `json:"connected" doc:"Whether the printer's reports flow."`
	Stale        bool   `json:"stale" doc:"Whether the values are the last ones before the connection was lost."`
	UpdatedAt    *Time  `json:"updated_at" doc:"When the last report arrived."`

	State    string   `json:"state" enum:"OFFLINE,IDLE,PREPARE,SLICING,RUNNING,PAUSE,FINISH,FAILED,unknown" doc:"What the printer does, in Bambuddy's words."`
	Activity string   `json:"activity" enum:"offline,idle,preparing,printing,paused,finished,failed,stopped,unknown" doc:"What the printer does."`
	Status   string   `json:"status" doc:"The same as activity."`
	Problem  *Problem `json:"problem" doc:"What a person has to mend."`

	Progress         *int  `json:"progress" doc:"In percent."`
	RemainingTime    *int  `json:"remaining_time" doc:"In minutes."`
	RemainingSeconds *int  `json:"remaining_seconds" doc:"In seconds."`
	FinishAt         *Time `json:"finish_at" doc:"When the job is expected to end."`
	StartedAt        *Time `json:"started_at" doc:"When the job began."`
	LayerNum         *int  `json:"layer_num"`
	CurrentLayer     *int  `json:"current_layer" doc:"The same as layer_num."`
	TotalLayers      *int  `json:"total_layers"`

	CurrentPrint *string `json:"current_print" doc:"The name of the job under way."`
	SubtaskName  *string `json:"subtask_name" doc:"The name of the present or last job."`
	GcodeFile    *string `json:"gcode_file" doc:"The file of the present or last job."`

	Temperature  Temperatures `json:"temperature" doc:"The same as temperatures."`
	Temperatures Temperatures `json:"temperatures" doc:"In °C."`

	HMSStatus string     `json:"hms_status" enum:"ok,warning,error"`
	HMSErrors []HMSError `json:"hms_errors" nullable:"false" doc:"The faults that stand now."`

	AMS             []AMS   `json:"ams" nullable:"false" doc:"The filament changers."`
	AMSExists       bool    `json:"ams_exists"`
	VTTray          []Tray  `json:"vt_tray" nullable:"false" doc:"The external spools."`
	TrayNow         *int    `json:"tray_now" doc:"The tray in use: 254 is external, 255 none."`
	ExpectedTray    *int    `json:"expected_tray"`
	PreviousTray    *int    `json:"previous_tray"`
	AMSStatusMain   *int    `json:"ams_status_main"`
	AMSStatusSub    *int    `json:"ams_status_sub"`
	AMSMapping      []int   `json:"ams_mapping" nullable:"false"`
	AMSExtruderMap  IntMap  `json:"ams_extruder_map" doc:"Changer id to nozzle: 0 right, 1 left."`
	LastAMSUpdate   *Time   `json:"last_ams_update"`
	FilaSwitch      *bool   `json:"fila_switch" doc:"Whether the extruder's sensor sees filament."`
	MCPrintSubStage *int    `json:"mc_print_sub_stage"`
	StgCur          *int    `json:"stg_cur" doc:"-1 when there is no stage."`
	StgCurName      *string `json:"stg_cur_name"`
	Stg             []int   `json:"stg" nullable:"false"`

	Nozzles        []Nozzle `json:"nozzles" nullable:"false" doc:"Right or only first, then left."`
	NozzleRack     []Nozzle `json:"nozzle_rack" nullable:"false"`
	ActiveExtruder *int     `json:"active_extruder" doc:"0 is right, 1 is left."`

	CoolingFanSpeed    *int  `json:"cooling_fan_speed" doc:"In percent."`
	BigFan1Speed       *int  `json:"big_fan1_speed" doc:"The auxiliary fan, in percent."`
	BigFan2Speed       *int  `json:"big_fan2_speed" doc:"The chamber fan, in percent."`
	HeatbreakFanSpeed  *int  `json:"heatbreak_fan_speed" doc:"In percent."`
	LeftAuxFanSpeed    *int  `json:"left_aux_fan_speed" doc:"In percent."`
	ExhaustFanPresent  *bool `json:"exhaust_fan_present"`
	AirductMode        *int  `json:"airduct_mode" doc:"0 is cooling, 1 is heating."`
	SpeedLevel         *int  `json:"speed_level" doc:"1 silent, 2 standard, 3 sport, 4 ludicrous."`
	ChamberLight       *bool `json:"chamber_light"`
	DoorOpen           *bool `json:"door_open"`
	SDCard             *bool `json:"sdcard"`
	StoreToSDCard      *bool `json:"store_to_sdcard"`
	Timelapse          *bool `json:"timelapse"`
	IPCam              *bool `json:"ipcam"`
	WiredNetwork       *bool `json:"wired_network"`
	WiFiSignal         *int  `json:"wifi_signal" doc:"In dBm."`
	DeveloperMode      *bool `json:"developer_mode" doc:"Whether commands are accepted."`
	AMSFilamentBackup  *bool `json:"ams_filament_backup"`
	AwaitingPlateClear bool  `json:"awaiting_plate_clear"`

	FirmwareVersion          *string         `json:"firmware_version"`
	FirmwareAvailable        *string         `json:"firmware_available"`
	PrintOptions             map[string]bool `json:"print_options" nullable:"true"`
	PrintableObjectsCount    *int            `json:"printable_objects_count"`
	CoverURL                 *string         `json:"cover_url"`
	CurrentArchiveID         *int            `json:"current_archive_id" doc:"The record of the print under way."`
	CurrentPlateID           *int            `json:"current_plate_id"`
	SupportsDrying           bool            `json:"supports_drying"`
	SupportsDryingWhilePrint *bool           `json:"supports_drying_while_printing"`
	DryingScreenOnly         *bool           `json:"drying_screen_only"`
	SupportsChamberHeater    bool            `json:"supports_chamber_heater"`
	FilamentUsed             *float64        `json:"filament_used" doc:"In grams: the sliced file's weight, scaled by progress where the job failed or was stopped."`
	FilamentDetails          *string         `json:"filament_details" doc:"The same by material."`
	EstimatedSeconds         *int            `json:"estimated_seconds" doc:"How long the slicer thinks the job takes."`
	EnergyKWh                *float64        `json:"energy_kwh"`
	EnergyCost               *float64        `json:"energy_cost"`
}

// Time is a moment in UTC, written as RFC 3339 with whole seconds and a Z.
type Time time.Time

// IntMap is an object of whole numbers.
type IntMap map[string]int

// Problem is what a person has to mend.
type Problem struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Temperatures are in °C. The second nozzle and the chamber are there only on
// printers that have them.
type Temperatures struct {
	Nozzle         *float64 `json:"nozzle"`
	NozzleTarget   *float64 `json:"nozzle_target"`
	NozzleHeating  *bool    `json:"nozzle_heating"`
	Bed            *float64 `json:"bed"`
	BedTarget      *float64 `json:"bed_target"`
	BedHeating     *bool    `json:"bed_heating"`
	Nozzle2        *float64 `json:"nozzle_2,omitempty" doc:"The left nozzle."`
	Nozzle2Target  *float64 `json:"nozzle_2_target,omitempty"`
	Nozzle2Heating *bool    `json:"nozzle_2_heating,omitempty"`
	Chamber        *float64 `json:"chamber,omitempty"`
	ChamberTarget  *float64 `json:"chamber_target,omitempty"`
	ChamberHeating *bool    `json:"chamber_heating,omitempty"`
}

// HMSError is a fault that stands now.
type HMSError struct {
	Code     string   `json:"code" doc:"The lower half of the code, hexadecimal."`
	Attr     uint64   `json:"attr" doc:"The upper half of the code."`
	Module   int      `json:"module"`
	Severity int      `json:"severity" doc:"1 fatal, 2 serious, 3 common, 4 info."`
	FullCode string   `json:"full_code" doc:"8 or 16 hexadecimal digits."`
	Actions  []string `json:"actions" nullable:"false"`
	JobID    *string  `json:"job_id"`
	Text     *string  `json:"text"`
	URL      *string  `json:"url" doc:"The maker's page about it."`
}

// AMS is a filament changer.
type AMS struct {
	ID            int      `json:"id"`
	Humidity      *int     `json:"humidity" doc:"In percent, or the index 1 to 5 where percent is not known."`
	HumidityIndex *int     `json:"humidity_index" doc:"1 is dry, 5 is wet."`
	Temp          *float64 `json:"temp" doc:"In °C."`
	IsAMSHT       bool     `json:"is_ams_ht"`
	SerialNumber  string   `json:"serial_number"`
	SWVer         string   `json:"sw_ver"`
	DryTime       *int     `json:"dry_time" doc:"Minutes left."`
	DryStatus     *int     `json:"dry_status" doc:"0 off, 1 checking, 2 drying, 3 cooling, 4 stopping, 5 error."`
	DrySubStatus  *int     `json:"dry_sub_status" doc:"1 heating, 2 dehumidifying."`
	DrySFReason   []int    `json:"dry_sf_reason" nullable:"false"`
	DryTargetTemp *int     `json:"dry_target_temp" doc:"In °C."`
	DryFilament   *string  `json:"dry_filament"`
	ModuleType    string   `json:"module_type" doc:"ams, n3f or n3s."`
	Kind          *string  `json:"kind" doc:"The product's name."`
	Tray          []Tray   `json:"tray" nullable:"false"`
}

// Tray is a slot of a changer, or an external spool.
type Tray struct {
	ID            int      `json:"id"`
	TrayColor     *string  `json:"tray_color" doc:"RRGGBBAA."`
	TrayType      *string  `json:"tray_type"`
	TraySubBrands *string  `json:"tray_sub_brands"`
	TrayIDName    *string  `json:"tray_id_name"`
	TrayInfoIdx   *string  `json:"tray_info_idx"`
	Remain        *int     `json:"remain" doc:"In percent."`
	K             *float64 `json:"k"`
	CaliIdx       *int     `json:"cali_idx"`
	TagUID        *string  `json:"tag_uid"`
	TrayUUID      *string  `json:"tray_uuid"`
	NozzleTempMin *int     `json:"nozzle_temp_min"`
	NozzleTempMax *int     `json:"nozzle_temp_max"`
	DryingTemp    *int     `json:"drying_temp"`
	DryingTime    *int     `json:"drying_time" doc:"In hours."`
	State         *int     `json:"state" doc:"9 empty, 10 present, 11 loaded."`
	Exists        *bool    `json:"exists"`
}

// Nozzle is one hotend's nozzle.
type Nozzle struct {
	NozzleType     string `json:"nozzle_type"`
	NozzleDiameter string `json:"nozzle_diameter" doc:"In mm."`
}
