//go:build linux

package filecache_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/filecache"
)

// fullEnv names the folder of a child whose files may not grow.
const fullEnv = "PRINTWIRE_FULL_FOLDER"

// TestCache_ADiskThatIsFull lets the system refuse the rest of a file in the
// middle of it: a child process may write no more than 64 kB to one file.
func TestCache_ADiskThatIsFull(t *testing.T) {
	if os.Getenv(fullEnv) != "" {
		fullDisk(t, os.Getenv(fullEnv))
		return
	}
	folder := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run", "^TestCache_ADiskThatIsFull$", "-test.v")
	child.Env = append(os.Environ(), fullEnv+"="+folder)
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "refused as it should be") {
		t.Fatalf("the child: %v\n%s", err, out)
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 1 {
		t.Errorf("%d files are left, %v; want the one that fitted", len(files), err)
	}
}

func fullDisk(t *testing.T, folder string) {
	c, err := filecache.Open(filecache.Options{Folder: folder, Cap: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	put(t, c, "small", "good")
	limit := syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	err = c.Put("big", func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Repeat("x", 1<<20))
		return err
	})
	if !errors.Is(err, syscall.EFBIG) || !fault.Is(err, fault.Internal) {
		t.Fatalf("a file that there is no room for: %v", err)
	}
	holds(t, c, "big", "")
	holds(t, c, "small", "good")
	put(t, c, "small", "better")
	holds(t, c, "small", "better")
	if !t.Failed() {
		t.Log("refused as it should be")
	}
}
