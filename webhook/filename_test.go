package webhook_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/webhook"
)

func TestEndpoint_FileName(t *testing.T) {
	for _, c := range []struct{ file, name, want string }{
		{"benchy.gcode.3mf", "benchy", "benchy.gcode.3mf"},
		{"/data/Metadata/plate_12.gcode", "benchy", "benchy"},
		{"plate_1.gcode", "benchy", "benchy"},
		{"/data/Metadata/plate_1.gcode", "", "/data/Metadata/plate_1.gcode"},
		{"my_plate_1.gcode", "benchy", "my_plate_1.gcode"},
		{"", "benchy", "benchy"},
	} {
		data, err := json.Marshal(printer.Detail{FileName: c.file, JobName: c.name})
		if err != nil {
			t.Fatal(err)
		}
		entry := journal.Entry{Seq: 1, Time: at(), Name: "print_started", PrinterID: 1, Job: "J", Data: data}
		if got := render(t, webhook.Endpoint{}, entry, webhook.Facts{}); !strings.Contains(got, `"filename":"`+c.want+`"`) {
			t.Errorf("the file %q of the job %q is told as %s", c.file, c.name, got)
		}
	}
}
