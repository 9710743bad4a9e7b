package storage

import (
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/archive"
)

func TestSamples_AreBounded(t *testing.T) {
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "printwire.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = 5000
	err = s.write(t.Context(), func(tx *bbolt.Tx) error {
		for i := range n {
			if err := addSample(tx, 4, archive.Sample{At: time.Unix(int64(60*(i+1)), 0)}); err != nil {
				return err
			}
		}
		return nil
	})
	list, err2 := s.Archive().Samples(t.Context(), 4)
	if err != nil || err2 != nil || len(list) > archive.MaxSamples || len(list) < archive.MaxSamples/2 {
		t.Fatalf("%d samples (%v, %v)", len(list), err, err2)
	}
	if list[0].At.Unix() != 60 || list[len(list)-1].At.Unix() != 60*n {
		t.Errorf("they reach from %v to %v", list[0].At, list[len(list)-1].At)
	}
	for i := 1; i < len(list); i++ {
		if !list[i].At.After(list[i-1].At) {
			t.Fatalf("sample %d is not later than the one before", i)
		}
	}
}
