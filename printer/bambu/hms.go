package bambu

import (
	"fmt"

	"github.com/printwire/printwire/printer"
)

// wiki and lookup pages of the maker.
const (
	wikiPage  = "https://wiki.bambulab.com/en/%s/troubleshooting/hmscode/%s"
	errorPage = "https://e.bambulab.com/?e=%08X"
)

// faultOf is the fault that one entry of hms stands for. model may be "".
func faultOf(e hmsEntry, model string) printer.Fault {
	code := fmt.Sprintf("%04X_%04X_%04X_%04X", e.Attr>>16, e.Attr&0xFFFF, e.Code>>16, e.Code&0xFFFF)
	return printer.Fault{
		Code:     "HMS_" + code,
		Severity: hmsSeverity(e.Code),
		Module:   moduleSlug(e.Attr >> 24),
		Text:     hmsText(code),
		URL:      fmt.Sprintf(wikiPage, wikiSeries(model), code),
	}
}

// faultOfError is the fault that a print_error stands for. model may be "".
// All eight digits count: codes of 10 and 12 have no leading zero.
func faultOfError(code uint32, _ string) printer.Fault {
	return printer.Fault{
		Code:     codeText(code),
		Severity: errorSeverity(code),
		Module:   moduleSlug(code >> 24),
		Text:     errorText(code),
		URL:      fmt.Sprintf(errorPage, code),
	}
}

// hmsSeverity is in the upper half of the code; bits elsewhere that look
// alike are not (public sources differ, this one holds on recorded entries).
func hmsSeverity(code uint32) printer.Severity {
	switch code >> 16 {
	case 1:
		return printer.Fatal
	case 2:
		return printer.Serious
	case 3:
		return printer.Common
	default:
		return printer.Info
	}
}

// errorSeverity goes by the fourth digit from the right: 4 stops the job, 8
// pauses or warns, C asks a question, less is a phase.
func errorSeverity(code uint32) printer.Severity {
	switch code >> 12 & 0xF {
	case 4, 5, 6, 7:
		return printer.Serious
	case 8, 9, 0xA, 0xB:
		return printer.Common
	default:
		return printer.Info
	}
}

func moduleSlug(id uint32) string {
	switch id {
	case 0x03:
		return "motion"
	case 0x05:
		return "mainboard"
	case 0x07, 0x12, 0x18:
		return "ams"
	case 0x08:
		return "toolhead"
	case 0x0C:
		return "vision"
	default:
		return ""
	}
}

// wikiSeries is the wiki's part for a model; the X1's has the most pages.
func wikiSeries(model string) string {
	if m, ok := modelNamed(model); ok {
		return m.Series
	}
	return "x1"
}

// phrase is a row of the tables of texts: the code, where an x stands for
// any digit, and what it means in our words.
type phrase struct {
	code, text string
}

func textOf(table []phrase, code string) string {
	for _, p := range table {
		if matches(p.code, code) {
			return p.text
		}
	}
	return ""
}

func matches(pattern, code string) bool {
	if len(pattern) != len(code) {
		return false
	}
	for i := range len(code) {
		if pattern[i] != 'x' && pattern[i] != code[i] {
			return false
		}
	}
	return true
}

func errorText(code uint32) string {
	return textOf(errorPhrases(), fmt.Sprintf("%08X", code))
}

func hmsText(code string) string { return textOf(hmsPhrases(), code) }

// errorPhrases says what common codes of print_error mean.
func errorPhrases() []phrase {
	return []phrase{
		{"0300400C", "Job cancelled"},
		{"0500400E", "Job cancelled"},
		{"03004000", "Homing of the Z axis failed"},
		{"03004001", "Nozzle did not cool down in time for homing"},
		{"03004002", "Bed leveling failed"},
		{"03004005", "Nozzle fan does not turn as it should"},
		{"03004006", "Nozzle is clogged"},
		{"03004008", "Filament change failed"},
		{"03004009", "Homing of the X and Y axes failed"},
		{"0300400A", "Search for the mechanical resonance failed"},
		{"0300400B", "Internal communication failed"},
		{"03008000", "Paused for an unknown reason"},
		{"03008001", "Paused by the user"},
		{"03008003", "Print defect seen by the camera"},
		{"03008004", "No filament left"},
		{"03008005", "Front cover of the tool head came off"},
		{"03008006", "Build plate not recognised"},
		{"03008007", "Job was interrupted by a loss of power"},
		{"03008008", "Nozzle does not keep its temperature"},
		{"03008009", "Bed does not keep its temperature"},
		{"0300800A", "Filament piled up in the waste chute"},
		{"0300800B", "Filament cutter is stuck"},
		{"0300800C", "Lost steps were noticed"},
		{"0300800D", "Extruder gives less filament than it should"},
		{"0300800E", "Print file has gone"},
		{"0300800F", "Door is open"},
		{"05004001", "No connection to the cloud"},
		{"05004002", "Unsupported print file"},
		{"05004003", "Print file could not be read"},
		{"05004004", "Printer is busy with another job"},
		{"05004006", "Printer has no room left for files"},
		{"05008013", "Print file is not available"},
		{"05008051", "Plate on the bed is not the plate of the job"},
		{"0500808F", "Nozzle camera is dirty"},
		{"0500C010", "Storage cannot be read or written"},
		{"05024007", "Printer refuses unsigned commands"},
		{"05024009", "Printer refuses the command's signature"},
		{"07xx8001", "AMS could not cut the filament"},
		{"07xx8002", "Filament cutter is stuck"},
		{"07xx8003", "AMS could not pull the filament back"},
		{"07xx8004", "AMS could not take the filament back in"},
		{"07xx8005", "AMS could not push filament out"},
		{"07xx8006", "AMS could not load filament into the tool head"},
		{"07xx8007", "Nozzle gives no filament"},
		{"07xx8010", "AMS motor is overloaded"},
		{"07xx8011", "Spool in the AMS is used up"},
		{"07xx8012", "No AMS slots are assigned to the job"},
		{"07xx8013", "Purging of the old filament took too long"},
		{"0C008001", "First layer looks faulty"},
		{"0C008002", "Loose filament seen by the camera"},
		{"0C008005", "Waste piled up in the chute"},
		{"0C008009", "Plate marker was not found"},
	}
}

// hmsPhrases says what common entries of hms mean.
func hmsPhrases() []phrase {
	return []phrase{
		{"0300_0100_0001_xxxx", "Bed heater fault"},
		{"0300_0200_0001_xxxx", "Nozzle heater fault"},
		{"0300_0300_0001_xxxx", "Nozzle fan fault"},
		{"0300_0300_0002_xxxx", "Nozzle fan is slow"},
		{"0300_0400_0002_xxxx", "Part fan is slow"},
		{"0300_0D00_0001_xxxx", "Homing on the bed failed"},
		{"0300_0D00_0002_xxxx", "Homing on the bed was uneven"},
		{"0300_9000_0001_xxxx", "Chamber heater fault"},
		{"0500_0100_0003_0004", "Storage is full"},
		{"0500_0100_0003_0005", "Storage is read-only"},
		{"0500_0100_0003_0006", "Storage is not formatted"},
		{"0500_0500_0001_0007", "Printer refuses unsigned commands: developer mode is off"},
		{"0501_0400_0003_0002", "Maintenance is due"},
		{"0501_0400_0003_0004", "Maintenance is due"},
		{"07xx_0100_0001_xxxx", "AMS motor fault"},
		{"07xx_1x00_0002_0002", "AMS slot motor is overloaded"},
		{"07xx_2x00_0002_0001", "AMS slot ran out of filament"},
		{"07xx_2x00_0002_0002", "AMS slot is empty"},
		{"0700_4500_0002_xxxx", "Filament cutter fault"},
		{"0C00_0100_0001_xxxx", "Lidar or nozzle camera fault"},
		{"0C00_0100_0002_0017", "Nozzle camera is dirty"},
		{"0C00_0100_0002_001B", "Job cancelled"},
		{"0C00_0300_0003_xxxx", "Camera sees a possible print defect"},
	}
}
