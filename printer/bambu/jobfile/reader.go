package jobfile

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/bambu/ftps"
	"github.com/printwire/printwire/secret"
)

// Cache keeps files that can be had again.
type Cache interface {
	// Put keeps what write writes under key, or nothing when that fails.
	Put(key string, write func(w io.Writer) error) error
	// Open opens what is kept under key; the caller closes it. fault.NotFound: nothing is.
	Open(key string) (*os.File, error)
}

// Options say how a printer's files are reached. Files and Pictures are needed.
type Options struct {
	// Address is host:port of the printer's file server.
	Address  string
	User     string
	Password secret.Text
	// Files keeps what was fetched, Pictures the pictures of plates.
	Files, Pictures Cache
	// Parse reads what was fetched; nil is Sliced.
	Parse Parse
	Log   *slog.Logger
	// Tries and Pause are how often, and how long apart, a file is looked for
	// that is not there yet or still grows; 0 is 13 times, 5 s apart.
	Tries int
	Pause time.Duration
	// Patience is that of ftps.Options.
	Patience time.Duration
	// Largest is the largest file that is fetched, in bytes; 0 is 512 MB.
	Largest int64
}

// Reader reads the files of one printer's jobs, one at a time.
type Reader struct {
	options Options
}

// Access is how to be let in now.
type Access struct {
	// TLS checks the printer's certificate.
	TLS *tls.Config
	// ClearData is that of an earlier Result.
	ClearData bool
}

// Result is what Read found.
type Result struct {
	Plan printer.Plan
	// ClearData: only data connections without TLS work with this printer;
	// remember it for the next time.
	ClearData bool
	// Passing: nothing was there to answer, which may be another time.
	Passing bool
}

// New makes a Reader and starts nothing.
func New(o Options) *Reader {
	if o.Tries <= 0 {
		o.Tries = 13
	}
	if o.Pause <= 0 {
		o.Pause = 5 * time.Second
	}
	if o.Largest <= 0 {
		o.Largest = 512 << 20
	}
	if o.Parse == nil {
		o.Parse = Sliced
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Reader{options: o}
}

// Read gets the plan of an order. It takes a minute or more where the file is
// not there yet. A plan that cannot be had says why in Missing; the only error
// is that of ctx.
func (r *Reader) Read(ctx context.Context, o Order, a Access) (Result, error) {
	if why := unreachable(o); why != "" {
		return Result{Plan: printer.Plan{Missing: why}, ClearData: a.ClearData}, nil
	}
	s := &search{Reader: r, order: o, tls: a.TLS, clear: a.ClearData}
	defer s.hangUp()
	var last error
	tries := r.options.Tries
	if o.KeepsFiles.Known && !o.KeepsFiles.Value { // it is there, or will not come
		tries = min(tries, 2)
	}
	for try := range tries {
		if try > 0 && !s.swapped && !wait(ctx, r.options.Pause) {
			break
		}
		s.swapped = false
		var plan printer.Plan
		if plan, last = s.once(ctx); last == nil {
			return Result{Plan: plan, ClearData: s.clear}, nil
		}
		if final(last) {
			break
		}
		s.hangUpIf(fault.Is(last, fault.Offline))
	}
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	r.options.Log.Info("nothing is known of the job's file", "job", o.Name, "error", last)
	return Result{Plan: printer.Plan{Missing: sentence(o, last)}, ClearData: a.ClearData, Passing: fault.Is(last, fault.Offline)}, nil
}

// wait is false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// final: looking again would not help.
func final(err error) bool {
	return fault.Is(err, fault.Denied) || fault.Is(err, fault.Invalid) || fault.Is(err, fault.Internal) || errors.Is(err, errLarge)
}

var (
	errLarge    = errors.New("the file is too large")
	errNonsense = errors.New("the answers of the printer's file server make no sense")
)

// search is one look for one order's file.
type search struct {
	*Reader
	order Order
	tls   *tls.Config
	clear bool
	// swapped: the next try is another way, which need not wait.
	swapped bool
	// dateless: the printer does not answer when it is asked for a date.
	dateless bool
	conn     *ftps.Conn
}

func (s *search) hangUp() { s.hangUpIf(true) }

func (s *search) hangUpIf(is bool) {
	if is && s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// once looks for the file, fetches it unless it is kept, and reads it. Answers
// of a server that nobody thought of must not end the program.
func (s *search) once(ctx context.Context) (plan printer.Plan, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.options.Log.Error("the answers of the printer's file server could not be understood", "panic", p, "stack", string(debug.Stack()))
			plan, err = printer.Plan{}, errNonsense
		}
	}()
	if s.conn == nil {
		s.conn, err = ftps.Dial(ctx, ftps.Options{
			Address: s.options.Address, TLS: s.tls, User: s.options.User, Password: s.options.Password,
			ClearData: s.clear, Patience: s.options.Patience,
		})
		if err != nil {
			return printer.Plan{}, err
		}
	}
	name, size, err := s.find()
	if err != nil {
		return printer.Plan{}, err
	}
	if size > s.options.Largest {
		return printer.Plan{}, fmt.Errorf("%w: %d MB", errLarge, size>>20)
	}
	date, err := s.date(ctx, name)
	if err != nil {
		return printer.Plan{}, err
	}
	key := s.key(name, size, date)
	f, err := s.options.Files.Open(key)
	if fault.Is(err, fault.NotFound) {
		if err = s.fetch(ctx, key, name, size, date); err != nil {
			return printer.Plan{}, err
		}
		f, err = s.options.Files.Open(key)
	}
	if err != nil {
		return printer.Plan{}, err
	}
	defer f.Close()
	return s.read(ctx, f, name, size)
}

// key is what a file is kept under. A file that was sliced again may have the
// name and the size of the one before: where the printer does not tell when it
// came, what was fetched is that of its job alone.
func (s *search) key(name string, size int64, date string) string {
	if date == "" {
		date = "job " + s.order.Job
	}
	return fmt.Sprintf("%s %s %d %s", s.options.Address, name, size, date)
}

// date is when a file was written, "" where the printer does not tell. One that
// does not even answer is not asked again.
func (s *search) date(ctx context.Context, name string) (string, error) {
	if s.dateless {
		return "", nil
	}
	date, err := s.conn.Date(name)
	if err != nil && ctx.Err() == nil {
		s.dateless, s.swapped = true, true
		s.hangUp()
	}
	return date, err
}

// find is where the file is, and its size.
func (s *search) find() (string, int64, error) {
	candidates := paths(s.order)
	for _, p := range candidates {
		size, err := s.conn.Size(p)
		switch {
		case err == nil && size > 0:
			return p, size, nil
		case err == nil, fault.Is(err, fault.NotFound), fault.Is(err, fault.Unsupported):
		default:
			return "", 0, err
		}
	}
	return s.browse(candidates)
}

// browse looks for the file by listing folders: names may differ in case, and
// some servers do not tell sizes.
func (s *search) browse(candidates []string) (string, int64, error) {
	for _, folder := range folders() {
		files, err := s.list(folder)
		if err != nil {
			return "", 0, err
		}
		for _, p := range candidates {
			for _, f := range files {
				if f.Size > 0 && strings.EqualFold(f.Name, path.Base(p)) {
					return path.Join(folder, f.Name), f.Size, nil
				}
			}
		}
	}
	return "", 0, fault.New(fault.NotFound, "the file is not on the printer's storage")
}

func (s *search) list(folder string) ([]ftps.File, error) {
	files, err := s.conn.List(folder)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return files, s.swap(err)
}

// swap notes that data connections do not work the way they were tried.
func (s *search) swap(err error) error {
	if errors.Is(err, ftps.ErrDataChannel) {
		s.clear, s.swapped = !s.clear, true
		s.hangUp()
	}
	return err
}

func (s *search) fetch(ctx context.Context, key, name string, size int64, date string) error {
	began := time.Now()
	err := s.options.Files.Put(key, func(w io.Writer) error {
		if err := s.conn.Fetch(name, size, w); err != nil {
			return err
		}
		now, err := s.date(ctx, name)
		if err == nil && now != date {
			err = fault.New(fault.Conflict, "%q was written again while it was read", name)
		}
		return err
	})
	if errors.Is(err, ftps.ErrDataChannel) && ctx.Err() == nil {
		return s.swap(err)
	}
	if err != nil {
		return err
	}
	s.options.Log.Info("file of the job fetched", "file", name, "bytes", size, "took", time.Since(began).Round(time.Millisecond).String())
	return nil
}
