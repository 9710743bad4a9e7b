// Package ftpserver owns a read-only FTP server over implicit TLS that is as
// strict and as odd as those of printers. It does not know what its files are
// or where they come from.
package ftpserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/printwire/printwire/secret"
)

// File is one file or folder.
type File struct {
	// Path is the whole path, from "/".
	Path   string
	Folder bool
	Size   int64
	Time   time.Time
}

// Disk is what the server serves. Its methods may be called from several
// goroutines at once, and may answer differently each time.
type Disk interface {
	// Stat tells of one path.
	Stat(path string) (File, bool)
	// List are the entries of a folder.
	List(folder string) []File
	// Open opens a file for reading.
	Open(path string) (io.ReadCloser, error)
}

// Quirks are the oddities of firmware. The zero Quirks is a server that does
// everything right and demands that data connections reuse the TLS session.
type Quirks struct {
	// PathsInNames: NLST names files with the path of their folder.
	PathsInNames bool
	// Zone is that of the dates in LIST; nil is UTC.
	Zone *time.Location
	// HangOnProtected: a data connection with TLS is taken and then left alone.
	HangOnProtected bool
	// TLS13: offers TLS 1.3 and then gives up the transfers of clients who take
	// it with 426, after 7 blocks of 64 kB.
	TLS13 bool
	// Terse: FEAT, EPSV and REST are not known (502).
	Terse bool
	// Dateless: MDTM is not known (502).
	Dateless bool
	// Skew is by how much MDTM is wrong.
	Skew time.Duration
	// EndsWith426: says 426 after complete transfers, too.
	EndsWith426 bool
	// AnyData: data connections need not reuse the session, and may be clear.
	AnyData bool
	// Elsewhere is an address that PASV tells instead of the server's own, "h1,h2,h3,h4".
	Elsewhere string
	// Rate is the most bytes a second; 0 is without a limit.
	Rate int64
	// StallAfter is how many bytes come before a transfer stands still; 0 is never.
	StallAfter int64
}

// Options say what the server is. Disk and Certificate are needed.
type Options struct {
	// Listen is an address; 127.0.0.1:0 if empty.
	Listen      string
	Certificate tls.Certificate
	User        string
	// Code is the password that is valid now.
	Code   func() secret.Text
	Disk   Disk
	Quirks Quirks
	// Log gets a line for what a client did wrong; nil logs nothing.
	Log *slog.Logger
}

// Server serves one printer's files.
type Server struct {
	options  Options
	tls      *tls.Config
	listener net.Listener
	work     sync.WaitGroup

	mu      sync.Mutex
	open    map[net.Conn]bool
	stopped bool
	fetched map[string]int
}

// New makes a server and starts nothing.
func New(o Options) *Server {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Quirks.Zone == nil {
		o.Quirks.Zone = time.UTC
	}
	highest := uint16(tls.VersionTLS12)
	if o.Quirks.TLS13 {
		highest = tls.VersionTLS13
	}
	return &Server{
		options: o, open: map[net.Conn]bool{}, fetched: map[string]int{},
		tls: &tls.Config{Certificates: []tls.Certificate{o.Certificate}, MinVersion: tls.VersionTLS12, MaxVersion: highest},
	}
}

// Listen opens the address, so that Addr is known before Run.
func (s *Server) Listen() error {
	if s.listener != nil {
		return nil
	}
	l, err := net.Listen("tcp", s.options.Listen)
	if err != nil {
		return fmt.Errorf("listen for clients of the files: %w", err)
	}
	s.listener = l
	return nil
}

// Addr is where clients connect, or nil before Listen.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Fetched is how often a file was read to its end.
func (s *Server) Fetched(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetched[path]
}

// Sessions is how many connections clients have, those for data included.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Run serves until ctx ends, then closes every connection and waits.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.listener.Close() }) // owner: Run, which waits for Accept to fail
	defer stop()
	var failed error
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				failed = fmt.Errorf("accept clients of the files: %w", err)
			}
			break
		}
		s.work.Go(func() { s.serve(ctx, conn) }) // owner: Run closes every connection and waits
	}
	_ = s.listener.Close()
	s.shut()
	s.work.Wait()
	return failed
}

func (s *Server) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for conn := range s.open {
		_ = conn.Close()
	}
}

// take notes a connection, unless the server has stopped.
func (s *Server) take(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		_ = conn.Close()
		return false
	}
	s.open[conn] = true
	return true
}

func (s *Server) leave(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

func (s *Server) count(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched[path]++
}
