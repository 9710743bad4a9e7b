package jobfile_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/filecache"
	"github.com/printwire/printwire/printer/bambu/jobfile"
	"github.com/printwire/printwire/printer/simulator/ftpserver"
)

func TestReader_AnswersThatBreakTheLibraryCostOnlyTheFile(t *testing.T) {
	// The end of the address before its beginning: the library takes a slice of
	// less than nothing.
	r := crooked(t, map[string]string{"SIZE": "213 5", "MDTM": "213 20260501093000", "EPSV": "502 no", "PASV": "227 ) all yours ("})
	var log bytes.Buffer
	r.options.Log = slog.New(slog.NewTextHandler(&log, nil))
	got := r.read(t, jobfile.Order{Job: "a", Name: "Box"})
	if !strings.Contains(got.Plan.Missing, "cannot be understood") || got.Plan.Known() {
		t.Errorf("result %+v", got)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors in the log, want one:\n%s", n, log.String())
	}
	if err := r.options.Files.Put("next", func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err }); err != nil {
		t.Errorf("the cache is of no use after that: %v", err)
	}
}

func TestReader_AnyAnswersEndInASentence(t *testing.T) {
	for name, answers := range map[string]map[string]string{
		"a size that is none":          {"SIZE": "213 many"},
		"a size below zero":            {"SIZE": "213 -5"},
		"a date of another form":       {"SIZE": "213 5", "MDTM": "213 yesterday", "EPSV": "502 no", "PASV": "502 no"},
		"no port":                      {"SIZE": "213 5", "MDTM": "550 no", "EPSV": "229 (|||)", "PASV": "227 ()"},
		"a port that is no number":     {"SIZE": "213 5", "MDTM": "550 no", "EPSV": "229 (|||x|)", "PASV": "227 (1,2,3,4,x,y)"},
		"a port beyond all":            {"SIZE": "213 5", "MDTM": "550 no", "EPSV": "229 (|||99999999|)", "PASV": "227 (1,2,3,4,999,999)"},
		"no code":                      {"SIZE": "what"},
		"an answer of many lines":      {"SIZE": "213-5\r\n213-6\r\n213 7"},
		"the farewell in the middle":   {"SIZE": "421 good night"},
		"a login that is not answered": {"USER": ""},
		"a flood of answers":           {"SIZE": "213-" + strings.Repeat("x", 2<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := crooked(t, answers)
			r.options.Tries, r.options.Patience = 2, 1500*time.Millisecond
			if p := r.read(t, jobfile.Order{Job: "a", Name: "Box"}).Plan; p.Missing == "" || p.Known() {
				t.Errorf("plan %+v, want a sentence", p)
			}
		})
	}
}

func TestReader_GoesNowhereElse(t *testing.T) {
	decoy, err := net.Listen("tcp", "127.0.0.9:0")
	if err != nil {
		t.Skipf("this system has no second loopback address: %v", err)
	}
	defer decoy.Close()
	port := decoy.Addr().(*net.TCPAddr).Port
	r := crooked(t, map[string]string{"SIZE": "213 5", "EPSV": "502 no", "PASV": fmt.Sprintf("227 (127,0,0,9,%d,%d)", port>>8, port&255)})
	r.options.Tries = 1
	if p := r.read(t, jobfile.Order{Job: "a", Name: "Box"}).Plan; p.Missing == "" || p.Known() {
		t.Errorf("plan %+v", p)
	}
	_ = decoy.(*net.TCPListener).SetDeadline(time.Now().Add(100 * time.Millisecond))
	if conn, err := decoy.Accept(); err == nil {
		t.Errorf("somebody connected from %v to where the printer pointed", conn.RemoteAddr())
		_ = conn.Close()
	}
}

func TestReader_AStallInTheMiddleIsGivenUp(t *testing.T) {
	r := start(t, ftpserver.Quirks{StallAfter: 200 << 10}, map[string]string{"/cache/Box.3mf": strings.Repeat("x", 400<<10)})
	folder := t.TempDir()
	files, err := filecache.Open(filecache.Options{Folder: folder, Cap: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	r.options.Files, r.options.Tries, r.options.Patience = files, 2, 2*time.Second
	got := r.read(t, jobfile.Order{Job: "a", Name: "Box"})
	if !strings.Contains(got.Plan.Missing, "cannot be reached") || !got.Passing {
		t.Errorf("result %+v, want that it may be another time", got)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("%d files are left of one that never came, %v", len(left), err)
	}
}

// FuzzAnswers lets a file server say anything: lines to the commands after the
// login, and a listing.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		"", "213 5\n213 20260501093000\n229 (|||1|)\n150 here", "213 5\n502 no\n502 no\n227 (127,0,0,1,0,9)", "213 5\n550 no\n227 ) (",
		"213-\n213 5", "550 no\n550 no\n550 no\n550 no\n550 no\n550 no\n550 no\n550 no",
	} {
		for _, l := range []string{
			"-rw-rw-rw-    1 root     root            5 May  1 09:30 Box.3mf\r\n", "drwxrwxrwx folder 0 May 1 2026 x\r\n", "type=file;size=5; Box.3mf\r\n",
			"05-01-26  09:30AM  5 Box.3mf\r\n", "-r--------   0 user group     5 Feb 24 00:39 Box.3mf\r\n", "-\r\n \r\n; ;\r\n",
		} {
			f.Add(s, []byte(l))
		}
	}
	certified := newTalker(f, nil)
	f.Fuzz(func(t *testing.T, lines string, listing []byte) {
		s := *certified
		if lines != "" {
			s.lines = strings.Split(lines, "\n")
		}
		s.listing = append([]byte{}, listing...)
		files, err := filecache.Open(filecache.Options{Folder: t.TempDir(), Cap: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		var log bytes.Buffer
		reader := jobfile.New(jobfile.Options{
			Address: s.listen(t), User: "bblp", Password: "12345678", Files: files, Pictures: files, Parse: parse, Tries: 1,
			Patience: 100 * time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		got, err := reader.Read(ctx, jobfile.Order{Job: "a", Name: "Box"}, jobfile.Access{TLS: &tls.Config{InsecureSkipVerify: true}, ClearData: true})
		if err != nil || got.Plan.Known() == (got.Plan.Missing != "") {
			t.Errorf("result %+v, %v; want a plan or a sentence", got, err)
		}
		if strings.Count(log.String(), "level=ERROR") > 1 {
			t.Errorf("more than one error in the log:\n%s", log.String())
		}
	})
}
