package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/storage"
)

// mustOpen opens a store and, at the end of the test, checks every page of it.
func mustOpen(t testing.TB, o storage.Options) *storage.Store {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "printwire.db")
	}
	s, err := storage.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := storage.CheckFile(context.Background(), o.Path); err != nil {
			t.Errorf("after the test: %v", err)
		}
	})
	return s
}

// oneLine fails unless err is one line that names the file and has the words.
func oneLine(t *testing.T, err error, path string, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	for _, word := range append(words, path) {
		if !strings.Contains(text, word) {
			t.Errorf("error %q lacks %q", text, word)
		}
	}
	if strings.Contains(text, "\n") {
		t.Errorf("error has several lines: %q", text)
	}
}

const childEnv = "PRINTWIRE_STORAGE_CHILD"

func TestOpen_SecondProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "printwire.db")
	mustOpen(t, storage.Options{Path: path})
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOpenChild$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	line, took := "", time.Duration(0)
	for text := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(text), "child: "); ok {
			word, rest, _ := strings.Cut(rest, " ")
			line = rest
			if took, err = time.ParseDuration(word); err != nil {
				t.Fatal(err)
			}
		}
	}
	oneLine(t, errors.New(line), path, "in use by another process", "conflict")
	if took < 1500*time.Millisecond || took > time.Minute {
		t.Errorf("it took %v, want about 2 s", took)
	}
}

// TestOpenChild is the second process of TestOpen_SecondProcess.
func TestOpenChild(t *testing.T) {
	path := os.Getenv(childEnv)
	if path == "" {
		t.Skip("runs only as a child of TestOpen_SecondProcess")
	}
	began := time.Now()
	_, err := storage.Open(t.Context(), storage.Options{Path: path})
	fmt.Printf("child: %v %v: %v\n", time.Since(began), fault.KindOf(err), err)
}

func TestOpen_NewerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "printwire.db")
	if err := mustClose(storage.Open(context.Background(), storage.Options{Path: path})); err != nil {
		t.Fatal(err)
	}
	rewrite(t, path, "meta", "format", append([]byte{1}, `{"format":99}`...))
	_, err := storage.Open(context.Background(), storage.Options{Path: path})
	oneLine(t, err, path, "newer", "99")
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("kind is %v, want conflict", fault.KindOf(err))
	}
}

func TestOpen_NewerRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "printwire.db")
	if err := mustClose(storage.Open(context.Background(), storage.Options{Path: path})); err != nil {
		t.Fatal(err)
	}
	rewrite(t, path, "jobs", "J1", append([]byte{7}, `{}`...))
	s := mustOpen(t, storage.Options{Path: path})
	_, err := s.Archive().Job(context.Background(), "J1")
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "version 7") {
		t.Errorf("error is %v, want a conflict that names version 7", err)
	}
}

func mustClose(s *storage.Store, err error) error {
	if err != nil {
		return err
	}
	return s.Close()
}

// rewrite changes one value behind the store's back.
func rewrite(t *testing.T, path, bucket, key string, value []byte) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucket)).Put([]byte(key), value)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestOpen_DamagedFile(t *testing.T) {
	whole := filled(t)
	junk := func(b []byte, from int) []byte {
		b = bytes.Clone(b)
		for i := from; i < len(b); i++ {
			b[i] ^= 0x5a
		}
		return b
	}
	page := os.Getpagesize()
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"text", []byte(strings.Repeat("this is not a database\n", 1000))},
		{"one byte", []byte{1}},
		{"zeros", make([]byte, 64<<10)},
		{"heads gone", append(make([]byte, 2*page), whole[2*page:]...)},
		{"pages scrambled", junk(whole, 2*page)},
		{"cut after the heads", whole[:2*page]},
		{"cut in the middle", whole[:4*page]},
		{"the last pages missing", whole[:len(whole)/2]},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "printwire.db")
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := storage.Open(context.Background(), storage.Options{Path: path, LockTimeout: 100 * time.Millisecond})
			if err == nil {
				s.Close()
			}
			oneLine(t, err, path, "damaged", "restore a backup")
		})
	}
}

// filled is a database file with some of everything.
func filled(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "printwire.db")
	s, err := storage.Open(context.Background(), storage.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if err := s.KV("many").Put(map[string][]byte{string(rune('a' + i)): bytes.Repeat([]byte{byte(i)}, 3000)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOpen_LeavesOnlyTheFile(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "printwire.db.17.copying"), []byte("died in a backup"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := mustClose(storage.Open(context.Background(), storage.Options{Path: filepath.Join(folder, "printwire.db")})); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the folder has %v (%v), want the database alone", entries, err)
	}
	if info, _ := entries[0].Info(); info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, want 0600", info.Mode())
	}
}

func TestOpen_NoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent", "printwire.db")
	_, err := storage.Open(context.Background(), storage.Options{Path: path})
	oneLine(t, err, path, "creating the database")
}

func TestOpen_CompactsAFileThatIsMostlyFree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "printwire.db")
	s, err := storage.Open(context.Background(), storage.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	kv := s.KV("big")
	big := map[string][]byte{"big": bytes.Repeat([]byte("x"), 24<<20), "small": []byte("stays")}
	if err := errors.Join(kv.Put(big), kv.Put(map[string][]byte{"big": nil}), s.Close()); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(path)
	s = mustOpen(t, storage.Options{Path: path})
	after, _ := os.Stat(path)
	if after.Size() > before.Size()/4 {
		t.Errorf("size went from %d to %d, want a small file", before.Size(), after.Size())
	}
	if v, err := s.KV("big").Value("small"); err != nil || string(v) != "stays" {
		t.Errorf("value is %q (%v)", v, err)
	}
	if err := s.KV("big").Put(map[string][]byte{"more": []byte("1")}); err != nil {
		t.Error(err)
	}
	_, err = storage.Open(context.Background(), storage.Options{Path: path, LockTimeout: 50 * time.Millisecond})
	oneLine(t, err, path, "in use")
}

func TestStore_Backup(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, storage.Options{})
	kv := s.KV("settings")
	if err := kv.Put(map[string][]byte{"a": []byte("1")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(ctx, entriesAt(time.Now(), 3)); err != nil {
		t.Fatal(err)
	}
	first := s.Last()
	var backup bytes.Buffer
	if err := s.Backup(ctx, &backup); err != nil {
		t.Fatal(err)
	}
	if err := kv.Put(map[string][]byte{"a": []byte("2")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(ctx); err != nil {
		t.Errorf("Check: %v", err)
	}
	path := filepath.Join(t.TempDir(), "restored.db")

	t.Run("a damaged one is refused and replaces nothing", func(t *testing.T) {
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"no database", backup.String()[:9000]} {
			err := storage.Restore(path, strings.NewReader(text), time.Now())
			if err == nil || !strings.Contains(err.Error(), "no whole backup") || strings.Contains(err.Error(), path) || !fault.Is(err, fault.Invalid) || fault.HintOf(err) == "" {
				t.Errorf("a backup of %d bytes: %v, want a sentence about it and not about a file of ours", len(text), err)
			}
		}
		if data, _ := os.ReadFile(path); string(data) != "old" {
			t.Errorf("the file has become %.20q", data)
		}
	})
	t.Run("a whole one is restored", func(t *testing.T) {
		if err := storage.Restore(path, bytes.NewReader(backup.Bytes()), time.Now()); err != nil {
			t.Fatal(err)
		}
		restored := mustOpen(t, storage.Options{Path: path})
		if v, err := restored.KV("settings").Value("a"); err != nil || string(v) != "1" {
			t.Errorf("value is %q (%v), want 1", v, err)
		}
		numbersGoOn(t, restored, first)
		err := storage.Restore(path, bytes.NewReader(backup.Bytes()), time.Now())
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("restoring over a file in use gave %v, want a conflict", err)
		}
	})
}

// numbersGoOn checks that an event after a restore has a number that no event
// before it can have had, and that nobody is told of lost ones.
func numbersGoOn(t *testing.T, s *storage.Store, before uint64) {
	t.Helper()
	ctx := t.Context()
	if s.Last() != before {
		t.Errorf("the newest event is %d, want %d", s.Last(), before)
	}
	// A write without an event wakes nobody.
	if err := s.KV("settings").Put(map[string][]byte{"b": nil}); err != nil || s.Last() != before {
		t.Errorf("the newest event is %d (%v), want %d", s.Last(), err, before)
	}
	if err := s.Append(ctx, entriesAt(time.Now(), 2)); err != nil {
		t.Fatal(err)
	}
	for _, after := range []uint64{before - 1, before} {
		entries, lost, err := s.After(ctx, after, 10)
		if err != nil || lost != 0 || len(entries) != int(before-after)+2 {
			t.Fatalf("after %d: %d events, %d lost (%v)", after, len(entries), lost, err)
		}
		if seq := entries[len(entries)-1].Seq; seq < before+10_000 || seq != s.Last() {
			t.Errorf("the newest event is %d", seq)
		}
	}
	if _, lost, err := s.After(ctx, s.Last()-2, 10); err != nil || lost != 0 {
		t.Errorf("%d lost (%v) between the new events and the gap", lost, err)
	}
}
