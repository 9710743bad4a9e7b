package simulator

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/printwire/printwire/printer/simulator/ftpserver"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/sliced/slicedtest"
)

// fileFolder is where a printer keeps what it was sent to print.
const fileFolder = "/cache"

// storage is the printer's memory card or USB stick as its file server shows
// it: the sliced files of its jobs, each from the moment it was sent.
type storage struct {
	printer *Printer

	mu sync.Mutex
	// built are the files that somebody asked for, by name.
	built map[string]builtFile
}

// sentJob is a job whose file was sent to the printer, and when.
type sentJob struct {
	Job
	at time.Time
}

// builtFile is what was made for a job that was sent then.
type builtFile struct {
	data []byte
	at   time.Time
}

// fileServer is the printer's file server, nil for one without.
func (p *Printer) fileServer() *ftpserver.Server {
	if p.options.ListenFiles == "" {
		return nil
	}
	certificate, err := p.authority.Leaf(p.options.Serial)
	if err != nil {
		return nil
	}
	return ftpserver.New(ftpserver.Options{
		Listen: p.options.ListenFiles, Certificate: certificate, User: "bblp", Log: p.options.Log,
		Code: func() secret.Text { return p.server.accessCode() },
		Disk: &storage{printer: p, built: map[string]builtFile{}}, Quirks: p.machine.model.files,
	})
}

// jobs are those whose files are on the storage now.
func (s *storage) jobs() []sentJob {
	p := s.printer
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.machine
	if !m.keepsFiles() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(m.sentJobs), func(j sentJob) bool {
		return m.model.late && m.run != nil && m.run.job.Name == j.Name && m.state != stateRunning && m.state != statePause
	})
}

// keepsFiles tells whether what is printed lies on the external storage.
func (m *machine) keepsFiles() bool {
	return !m.model.inner || m.model.homeFlag>>homeKeeps&1 == 1
}

// homeKeeps is the bit of home_flag for "store sent files on external storage".
const homeKeeps = 11

func (s *storage) file(name string) (builtFile, bool) {
	for _, j := range s.jobs() {
		if path.Join(fileFolder, j.fileName()) == name {
			return s.content(j), true
		}
	}
	return builtFile{}, false
}

// content is the sliced file of a job, made when it is asked for first.
func (s *storage) content(j sentJob) builtFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.built[j.Name]; ok && f.at.Equal(j.at) {
		return f
	}
	s.printer.mu.Lock()
	plan := s.printer.machine.plan(j.Job)
	s.printer.mu.Unlock()
	b, err := slicedtest.Build3MF(plan)
	if err != nil { // a plan of our own
		b = []byte(err.Error())
	}
	f := builtFile{b, j.at}
	s.built[j.Name] = f
	return f
}

// Stat tells of one path.
func (s *storage) Stat(name string) (ftpserver.File, bool) {
	if slices.Contains([]string{"/", fileFolder, "/model", "/timelapse"}, name) {
		return ftpserver.File{Path: name, Folder: true}, true
	}
	f, ok := s.file(name)
	return ftpserver.File{Path: name, Size: int64(len(f.data)), Time: f.at}, ok
}

// List are the entries of a folder.
func (s *storage) List(folder string) []ftpserver.File {
	switch folder {
	case "/":
		return []ftpserver.File{{Path: fileFolder, Folder: true, Time: s.made()}, {Path: "/model", Folder: true, Time: s.made()}, {Path: "/timelapse", Folder: true, Time: s.made()}}
	case fileFolder:
		var list []ftpserver.File
		seen := map[string]bool{}
		for _, j := range s.jobs() {
			name := path.Join(fileFolder, j.fileName())
			if !seen[name] {
				seen[name] = true
				f := s.content(j)
				list = append(list, ftpserver.File{Path: name, Size: int64(len(f.data)), Time: f.at})
			}
		}
		return list
	default:
		return nil
	}
}

// Open opens a file for reading.
func (s *storage) Open(name string) (io.ReadCloser, error) {
	f, ok := s.file(name)
	if !ok {
		return nil, fmt.Errorf("there is no %s", name)
	}
	return io.NopCloser(bytes.NewReader(f.data)), nil
}

// made is the date of the folders.
func (s *storage) made() time.Time { return s.printer.machine.epoch }

// plan is what the slicer wrote for a job: its filaments are those of the trays
// that it names.
func (m *machine) plan(j Job) slicedtest.Plan {
	p := slicedtest.Plan{
		Plate: max(1, j.Plate), Seconds: int(j.Duration.Seconds()), Layers: j.Layers, LayerHeight: 0.2,
		Nozzles: []float64{0.4}, BedType: "textured_plate", PrinterModel: m.model.product, PrinterModelID: m.model.code,
		Pictures: []string{"plate", "small", "top", "pick"}, Moves: 400,
	}
	for i, grams := range j.Grams {
		f := slicedtest.Filament{Slot: i + 1, Type: "PLA", MakerID: "GFA00", Colour: "#F4F4F0", Grams: grams, PricePerKg: 24.99}
		if i < len(j.Metres) {
			f.Metres = j.Metres[i]
		}
		if i < len(j.Slots) {
			if u, slot := m.find(j.Slots[i]); u != nil && u.trays[slot].filled {
				t := u.trays[slot]
				f.Type, f.MakerID, f.Colour = t.kind, t.id, "#"+t.colour[:6]
			}
		}
		p.Filaments = append(p.Filaments, f)
	}
	names := j.Objects
	if len(names) == 0 {
		names = []string{j.Name}
	}
	for i, name := range names {
		p.Objects = append(p.Objects, slicedtest.Object{ID: 81 + 23*i, Name: name})
	}
	return p
}
