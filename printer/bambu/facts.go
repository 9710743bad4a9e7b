package bambu

// facts are what the life cycle of a print is decided by: the few fields of
// the merged document that tell where a job stands. They are values of the
// wire, unpacked but not interpreted; codes are 32-bit, 0 means none.
type facts struct {
	// State is gcode_state in upper case ("IDLE", "PREPARE", "SLICING", "RUNNING",
	// "PAUSE", "FINISH", "FAILED", "INIT", "OFFLINE"), or "" while unknown.
	State string
	// Percent, RemainingMinutes, Layer, TotalLayers are -1 while unknown.
	Percent, RemainingMinutes, Layer, TotalLayers int
	// Stage is stg_cur (-1 and 255 are idle), -2 while unknown.
	Stage int
	// Name is subtask_name, File is gcode_file.
	Name, File string
	// TaskID and SubtaskID are the printer's ids, "" for "", "0" and missing.
	TaskID, SubtaskID string
	// PrintError is print_error, FailReason fail_reason, Err the code of err/ap_err.
	PrintError, FailReason, Err uint32
	// HMS are the entries of hms, in the order of the report.
	HMS []hmsEntry
}

// hmsEntry is one entry of hms: attr and code as sent.
type hmsEntry struct {
	Attr, Code uint32
}
