package bambu

import (
	"context"
	"log/slog"
	"net"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/bambu/ftps"
	"github.com/printwire/printwire/printer/bambu/jobfile"
)

// planReader reads what a job's sliced file says; see jobfile.Reader.
type planReader interface {
	Read(ctx context.Context, o jobfile.Order, a jobfile.Access) (jobfile.Result, error)
}

// homeKeeps is the bit of home_flag that says that files which were sent are
// kept on the external storage.
const homeKeeps = 11

// arrived is how far a file has to be sent, in %, before it is looked for.
const arrived = 99

// lookAgain is after how long a file server that did not answer is asked again.
const lookAgain = 5 * time.Minute

// files is what a session knows of the file of its job.
type files struct {
	// reader is nil where nobody wants to know.
	reader planReader
	// sent is the last command that started a print.
	sent jobfile.Sent
	// plan is that of the job with the id job.
	job  string
	plan printer.Plan
	// again is when it is worth looking again for what was missing, zero for never.
	again time.Time
	// running is where a reading for the job with the id reading ends, nil
	// while there is none; stop ends it.
	running chan jobfile.Result
	reading string
	stop    context.CancelFunc
}

// fileReader reads the files of a printer, if there is a place to keep them.
func fileReader(o Options, log *slog.Logger) planReader {
	if o.Files == nil || o.Pictures == nil {
		return nil
	}
	port := o.Config.FilesPort
	if port == 0 {
		port = ftps.Port
	}
	return jobfile.New(jobfile.Options{
		Address: net.JoinHostPort(o.Config.Host, strconv.Itoa(port)), User: account, Password: o.Config.AccessCode,
		Files: o.Files, Pictures: o.Pictures, Log: log,
	})
}

// newFiles goes on with the plan that was stored with a state.
func newFiles(reader planReader, s printer.State) files {
	f := files{reader: reader}
	if p := s.Job.Plan; p.Known() { // what was missing may be there by now
		f.job, f.plan = s.Job.ID, p
	}
	return f
}

// of is the plan of a job as far as it is known.
func (f *files) of(job string) printer.Plan {
	if job == "" || job != f.job {
		return printer.Plan{}
	}
	return f.plan
}

// lookAtFile begins to read the file of the job that is under way, once per
// job, as soon as the printer has it.
func (s *session) lookAtFile(ctx context.Context) {
	f, l := &s.files, s.mem.Life
	if f.running != nil && f.reading != l.Job.ID {
		f.stop()
	}
	switch {
	case f.reader == nil, f.running != nil, !s.net.delivering, s.gap:
		return
	case !l.ongoing(), l.Job.ID == f.job && !due(f.again, s.d.now()), s.facts.Name == "":
		return
	case l.Activity == printer.Preparing && !s.fileArrived():
		return
	}
	ctx, f.stop = context.WithCancel(ctx)
	f.again = time.Time{}
	f.reading, f.running = l.Job.ID, make(chan jobfile.Result, 1)
	order, done := s.orderOfJob(), f.running
	access := jobfile.Access{TLS: s.d.check(s.mem.Pin).config(), ClearData: s.mem.ClearFiles}
	go func() { done <- s.d.readFile(ctx, order, access) }() // owner: session; its end stops it and waits for the result
}

// textFault is said of a file whose reading failed by a fault of our own.
const textFault = "The file of this print could not be read because of a fault in Printwire. The log says more."

// readFile reads the file of a job. No file and no printer may end the program.
func (d *Driver) readFile(ctx context.Context, o jobfile.Order, a jobfile.Access) (r jobfile.Result) {
	defer func() {
		if p := recover(); p != nil {
			d.log.Error("reading the file of a job failed", "file", o.Name, "panic", p, "stack", string(debug.Stack()))
			r = jobfile.Result{Plan: printer.Plan{Missing: textFault}, ClearData: a.ClearData}
		}
	}()
	r, err := d.files.Read(ctx, o, a)
	if err != nil {
		return jobfile.Result{} // given up
	}
	return r
}

// fileArrived: while a job is prepared its percentage is that of the transfer.
func (s *session) fileArrived() bool {
	for _, key := range []string{"gcode_file_prepare_percent", "prepare_per"} {
		if s.doc.field(key).integer(0, 100).Or(0) >= arrived {
			return true
		}
	}
	return false
}

// orderOfJob is what is known about the file of the job.
func (s *session) orderOfJob() jobfile.Order {
	o := jobfile.Order{
		Job: s.mem.Life.Job.ID, Name: s.facts.Name, File: s.facts.File, Plate: s.mem.Life.Job.Plate.Or(0),
		Sent: s.files.sent, Trays: jobfile.ReportedTrays(s.doc.mapping()), Storage: s.state.Storage,
	}
	if flags, ok := s.doc.home(); ok && innerMemory(s.state.Model) {
		o.KeepsFiles = printer.Some(flags>>homeKeeps&1 == 1)
	}
	return o
}

// innerMemory tells whether a model prints from memory of its own, which
// nobody can read, unless it is told to keep files elsewhere.
func innerMemory(model string) bool {
	m, ok := modelNamed(model)
	return ok && (m.Series == "h2" || m.Series == "p2s" || m.Series == "x2d")
}

// fileRead takes the end of a reading.
func (s *session) fileRead(r jobfile.Result) {
	f := &s.files
	f.stop()
	f.running = nil
	if f.reading != s.mem.Life.Job.ID || !r.Plan.Known() && r.Plan.Missing == "" {
		return
	}
	f.job, f.plan = f.reading, jobfile.ByKind(r.Plan, s.state)
	s.mem.ClearFiles = r.ClearData
	if r.Passing {
		f.again = s.d.now().Add(lookAgain)
	}
	s.keep = true
	s.show(s.d.now())
}

// sentFile notes a print that somebody started, whose acknowledgement every
// client of the printer sees.
func (s *session) sentFile(a ack) {
	if a.Top == "print" && a.Command == "project_file" && a.succeeded() {
		s.files.sent = jobfile.ReadSent(a.Raw)
	}
}

// lookAgain forgets that nothing could be had of the job's file.
func (f *files) lookAgain() {
	if f.plan.Missing != "" {
		f.job, f.plan = "", printer.Plan{}
	}
}

// end stops what is under way and waits for it.
func (f *files) end() {
	if f.running != nil {
		f.stop()
		<-f.running
	}
}

// mapping is the tray of each filament of the project, as the wire has it.
func (d *document) mapping() []int {
	var list []int
	for _, n := range d.field("mapping").items() {
		list = append(list, n.integer(-1, 65535).Or(-1))
	}
	return list
}
