package bambu

import "slices"

// draft is an object or array in the making. What it begins with is most
// often what it was, so it shares that until something differs.
type draft struct {
	// base is what it may turn out to be: its first n kids, as long as the
	// draft has none of its own.
	base *branch
	n    int
	own  bool
	kids []node
	// like are the names that it most likely has, to be shared as well; keys
	// are its own as soon as a name differs.
	like, keys []string
	unlike     bool
	// cut is as in branch.
	cut bool
}

// content are the kids so far.
func (d *draft) content() []node {
	if d.own || d.base == nil {
		return d.kids
	}
	return d.base.kids[:d.n]
}

func (d *draft) names() []string {
	if d.unlike {
		return d.keys
	}
	return d.like[:min(d.n, len(d.like))] // an array has none
}

// former is the member that base has; it is most likely at the same place.
func (d *draft) former(key string) *node {
	if d.base == nil {
		return nil
	}
	if d.n < len(d.base.keys) && d.base.keys[d.n] == key {
		return &d.base.kids[d.n]
	}
	return d.base.at(key)
}

// put sets a member; of two with one name the later one counts.
func (d *draft) put(key string, kid node) {
	next := !d.own && d.base != nil && d.n < len(d.base.kids) && d.base.keys[d.n] == key
	if !next {
		for i, k := range d.names() {
			if k == key {
				d.set(i, kid)
				return
			}
		}
	}
	if next && d.base.kids[d.n] == kid {
		d.n++
		return
	}
	d.name(key)
	d.push(kid)
}

// name is the name of the member that is pushed next.
func (d *draft) name(key string) {
	if !d.unlike {
		if d.n < len(d.like) && d.like[d.n] == key {
			return
		}
		d.keys, d.unlike = append(make([]string, 0, d.n+4), d.like[:d.n]...), true
	}
	d.keys = append(d.keys, key)
}

// set replaces a kid.
func (d *draft) set(i int, kid node) {
	if d.content()[i] != kid {
		d.take()
		d.kids[i] = kid
	}
}

// push appends a kid.
func (d *draft) push(kid node) {
	if !d.own && d.base != nil && d.n < len(d.base.kids) && d.base.kids[d.n] == kid && !d.unlike {
		d.n++
		return
	}
	d.take()
	d.kids = append(d.kids, kid)
	d.n = len(d.kids)
}

// take makes the kids the draft's own.
func (d *draft) take() {
	if d.own {
		return
	}
	room := max(d.n+4, len(d.like))
	if d.unlike { // a part of what it was
		room = d.n + 4
	}
	d.kids, d.own = append(make([]node, 0, room), d.content()...), true
}

// branch is what has become of the draft: base itself if nothing differs.
func (d *draft) branch() *branch {
	if !d.own && d.base != nil && d.n == len(d.base.kids) && d.cut == d.base.cut {
		return d.base
	}
	b := &branch{keys: fitted(d.names()), kids: fitted(d.content()), cut: d.cut, size: 1}
	for i := range b.kids {
		b.size += b.kids[i].size()
	}
	return b
}

// fitted is a slice without much room to spare, which nobody would use.
func fitted[T any](s []T) []T {
	if cap(s)-len(s) > len(s)/8 && cap(s) > 4 {
		return slices.Clip(append(make([]T, 0, len(s)), s...))
	}
	return slices.Clip(s)
}
