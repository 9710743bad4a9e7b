package bambu

import "github.com/printwire/printwire/printer"

// faultOf is the fault that one entry of hms stands for. model may be "".
func faultOf(e hmsEntry, model string) printer.Fault { return printer.Fault{} }

// faultOfError is the fault that a print_error stands for. model may be "".
func faultOfError(code uint32, model string) printer.Fault { return printer.Fault{} }
