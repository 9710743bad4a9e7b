package archive

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"sync"
)

// catalog holds the summaries of all records in memory, in the order of lists.
// Its slice and its summaries are never changed once shown, so that readers
// need no lock while they search.
type catalog struct {
	mu     sync.Mutex
	loaded bool
	// entries are ascending by position; byID finds them.
	entries []*Summary
	byID    map[int]*Summary
	// version rises with every change.
	version uint64
	cached  map[string]cachedStatistics
}

// entries are the summaries of all records, oldest first. The first call reads them.
func (r *Recorder) entries(ctx context.Context) ([]*Summary, error) {
	list, _, err := r.view(ctx)
	return list, err
}

// view is entries with their version.
func (r *Recorder) view(ctx context.Context) ([]*Summary, uint64, error) {
	if list, version, ok := r.list.view(); ok {
		return list, version, nil
	}
	// Nobody may write between the reading and the loading.
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, _, ok := r.list.view(); !ok {
		all, err := r.store.Summaries(ctx)
		if err != nil {
			return nil, 0, fmt.Errorf("reading the records' summaries: %w", err)
		}
		r.list.load(all)
	}
	list, version, _ := r.list.view()
	return list, version, nil
}

func (c *catalog) view() ([]*Summary, uint64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries, c.version, c.loaded
}

func (c *catalog) load(all []Summary) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries, c.byID = make([]*Summary, len(all)), make(map[int]*Summary, len(all))
	for i := range all {
		c.entries[i] = &all[i]
		c.byID[all[i].ID] = &all[i]
	}
	sort.Slice(c.entries, func(i, j int) bool { return place(c.entries[i]).less(place(c.entries[j])) })
	c.loaded = true
	c.version++
}

// at is where a position is or would be.
func (c *catalog) at(p position) int {
	return sort.Search(len(c.entries), func(i int) bool { return !place(c.entries[i]).less(p) })
}

// put adds or replaces summaries. Appending leaves what readers hold alone;
// everything else happens in a new slice.
func (c *catalog) put(list []Summary) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.loaded || len(list) == 0 {
		return
	}
	c.version++
	copied := false
	for i := range list {
		s := &list[i]
		old, p := c.byID[s.ID], place(s)
		c.byID[s.ID] = s
		if old == nil && c.at(p) == len(c.entries) {
			c.entries = append(c.entries, s)
			continue
		}
		if !copied {
			c.entries, copied = slices.Clone(c.entries), true
		}
		switch {
		case old == nil:
			c.entries = slices.Insert(c.entries, c.at(p), s)
		case place(old) == p:
			c.entries[c.at(p)] = s
		default:
			c.entries = slices.Delete(c.entries, c.at(place(old)), c.at(place(old))+1)
			c.entries = slices.Insert(c.entries, c.at(p), s)
		}
	}
}

// drop takes summaries out, or marks them as deleted.
func (c *catalog) drop(ids []int, purge bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.loaded {
		return
	}
	c.version++
	gone := make(map[int]bool, len(ids))
	for _, id := range ids {
		gone[id] = true
	}
	entries := make([]*Summary, 0, len(c.entries))
	for _, e := range c.entries {
		switch {
		case !gone[e.ID]:
			entries = append(entries, e)
		case purge:
			delete(c.byID, e.ID)
		default:
			marked := *e
			marked.Deleted = true
			c.byID[e.ID] = &marked
			entries = append(entries, &marked)
		}
	}
	c.entries = entries
}
