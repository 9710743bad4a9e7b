package bridge

import (
	"testing"

	"github.com/printwire/printwire/printer"
)

func TestChange_Merge(t *testing.T) {
	snap := func(v uint64) *printer.Snapshot { return &printer.Snapshot{Version: v} }
	a := change{prev: snap(1), next: snap(2)}
	b := change{prev: snap(2), next: snap(3)}
	c := change{prev: snap(3), next: snap(4), removed: true}
	for _, list := range [][]change{{a, b, c}, {a, c, b}, {c, a, b}, {b, b, a}} {
		left := list[0].merge(list[1]).merge(list[2])
		right := list[0].merge(list[1].merge(list[2]))
		if want := (change{prev: list[0].prev, next: list[2].next, removed: list[2].removed}); left != right || left != want {
			t.Errorf("merged they are %+v and %+v, want the oldest prev and the newest next", left, right)
		}
	}
}
