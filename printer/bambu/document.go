package bambu

import "github.com/printwire/printwire/printer"

// document is what a printer has said so far, merged. It belongs to one
// goroutine.
type document struct{}

func newDocument() *document { return &document{} }

// apply reads one payload: it merges a report or a list of modules, and gives
// an acknowledgement back without merging it. An error means that the payload
// was refused as a whole, or that its outermost shape was wrong; the document
// is then what it was. The errors are errTooLarge, errTooDeep, errNotJSON and
// errShape (fault.Invalid), to be told apart with errors.Is.
func (d *document) apply(payload []byte) (message, error) { return message{}, nil }

// facts are what the life cycle needs of the document.
func (d *document) facts() facts { return facts{} }

// state maps the document onto base: everything but Online, Problem, Activity,
// Faults, Caps.Control and what the life cycle decides of Job. Job's Progress,
// RemainingSeconds, Layer, TotalLayers, Name, File, Source, Plate, PrinterJob
// and SkippedObjects are raw.
func (d *document) state(base printer.State) printer.State { return base }

// signatureRequired tells whether the printer refuses unsigned commands, as
// far as it says so itself.
func (d *document) signatureRequired() printer.Opt[bool] { return printer.Opt[bool]{} }
