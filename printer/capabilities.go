package printer

// Range is a closed interval that a value may be set within.
type Range struct {
	Min, Max float64
}

// Holds tells whether v is within the range.
func (r Range) Holds(v float64) bool { return v >= r.Min && v <= r.Max }

// Capabilities is what a printer can show and do, as far as is known. A field
// turns true when the printer has shown the thing, and stays true: what was
// announced once does not vanish because a report lacks it. It is comparable.
type Capabilities struct {
	// Nozzles is 1 or 2.
	Nozzles int
	// Control tells whether commands that move the machine are accepted:
	// unknown until seen, false when the printer is read-only for us.
	Control Opt[bool]

	ChamberSensor, ChamberHeater bool
	Door, Lidar                  bool
	ChamberLight, SecondLight    bool
	PartFan, AuxFan, ChamberFan  bool
	HeatbreakFan, SecondAuxFan   bool
	AirDuct                      bool
	// Changer: filament can be loaded from and unloaded to a changer.
	Changer bool
	// Camera is "jpeg", "rtsp", or "" for none.
	Camera string
	// PromptSound, Speed, SkipObjects: the printer knows the function.
	PromptSound, Speed, SkipObjects bool
	// Tool: the tool head can be changed.
	Tool bool
	// Files: what is printed can be read from the printer's storage.
	Files bool

	NozzleRange, BedRange, ChamberRange Range
}

// ReadOnly tells whether the printer is known to refuse commands.
func (c Capabilities) ReadOnly() bool { return c.Control.Known && !c.Control.Value }
