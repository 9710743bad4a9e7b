package archive

import (
	"maps"
	"slices"
	"sync"
)

// numbers are those of the records under way, by job, for whoever asks often.
type numbers struct {
	mu    sync.RWMutex
	byJob map[string]int
}

func (n *numbers) note(records []Record) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range records {
		switch {
		case !r.Running():
			delete(n.byJob, r.Job)
		case n.byJob == nil:
			n.byJob = map[string]int{r.Job: r.ID}
		default:
			n.byJob[r.Job] = r.ID
		}
	}
}

func (n *numbers) forget(ids []int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.byJob, func(_ string, id int) bool { return slices.Contains(ids, id) })
}

// Number is the number of the record of a job that is under way; ok is false
// while nothing of it was written in this process.
func (r *Recorder) Number(job string) (id int, ok bool) {
	r.numbers.mu.RLock()
	defer r.numbers.mu.RUnlock()
	id, ok = r.numbers.byJob[job]
	return id, ok
}
