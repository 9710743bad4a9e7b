package bambu

// rule says how a value of the document is merged with a new one.
type rule struct {
	name string
	// by names the member that tells an array's elements apart; "" replaces the array whole.
	by string
	// clears: an element that says no more than where it is has been emptied.
	clears bool
	// inside are the rules of members; for an array, of its elements' members.
	inside []rule
}

// of is the rule of a member.
func (r *rule) of(key string) rule {
	for i := range r.inside {
		if r.inside[i].name == key {
			return r.inside[i]
		}
	}
	return rule{}
}

// rules are the arrays that are merged element by element. All objects are
// merged member by member, all else is replaced.
func rules() rule {
	info := []rule{{name: "info", by: "id"}}
	return rule{inside: []rule{
		{name: "ams", inside: []rule{
			{name: "ams", by: "id", inside: []rule{{name: "tray", by: "id", clears: true}}},
		}},
		{name: "lights_report", by: "node"},
		{name: "vir_slot", by: "id"},
		{name: "device", inside: []rule{
			{name: "extruder", inside: info},
			{name: "nozzle", inside: info},
		}},
	}}
}

// darkRule is how ams is merged while a printer is being switched off: it
// then sends zeros and empty trays although everything is where it was.
func darkRule() rule {
	return rule{inside: []rule{
		{name: "ams", by: "id", inside: []rule{{name: "tray", by: "id"}}},
	}}
}

// maxElements bounds the arrays that are merged by id; four changers, eight
// dryers and two spools are the most that exist.
const maxElements = 64

// fold merges a new value into an old one, which may be nil. full drops what
// the new one lacks. A value of another type than the old object or array is a
// printer's mistake and changes nothing. The result is old itself when nothing
// changed.
func fold(old, new *node, r rule, full bool) node {
	switch {
	case old == nil:
		return folded(new, r)
	case *old == *new:
		return *old
	case old.sub != nil && new.form != old.form:
		return *old
	case new.form == formObject && old.form == formObject:
		return foldObject(old, new, r, full)
	case new.form == formArray && old.form == formArray && r.by != "":
		return foldElements(old, new, r, full)
	}
	return folded(new, r)
}

// folded is a first value. Only elements with the same id need merging.
func folded(new *node, r rule) node {
	if new.form == formArray && r.by != "" {
		return foldElements(&node{form: formArray, sub: &branch{}}, new, r, true)
	}
	if new.form != formObject || r.inside == nil {
		return *new
	}
	return foldObject(&node{form: formObject, sub: &branch{}}, new, r, true)
}

// begin is the draft that a merged value begins as: the old one, or nothing,
// which will most likely be the new one.
func begin(old, new *node, full bool) draft {
	if full {
		return draft{base: new.sub, like: new.sub.keys, cut: new.sub.cut}
	}
	return draft{base: old.sub, like: old.sub.keys, cut: old.sub.cut, n: len(old.sub.kids)}
}

func foldObject(old, new *node, r rule, full bool) node {
	d := begin(old, new, full)
	for i, key := range new.sub.keys {
		d.put(key, fold(old.at(key), &new.sub.kids[i], r.of(key), full))
	}
	return settle(old, new, &d)
}

func foldElements(old, new *node, r rule, full bool) node {
	d := begin(old, new, full)
	elements := rule{inside: r.inside}
	for i := range new.sub.kids {
		kid := &new.sub.kids[i]
		id := kid.at(r.by).string()
		if id == "" || d.n >= maxElements {
			continue
		}
		merged := *kid
		if !r.clears || full || !bare(kid) {
			merged = fold(element(old.sub.kids, r.by, id), kid, elements, full)
		}
		if i := elementIndex(d.content(), r.by, id); i >= 0 {
			d.set(i, merged)
		} else {
			d.push(merged)
		}
	}
	return settle(old, new, &d)
}

// bare tells whether a tray says nothing but its place and state.
func bare(tray *node) bool {
	for _, k := range tray.sub.keys {
		if k != "id" && k != "state" {
			return false
		}
	}
	return !tray.sub.cut
}

func element(kids []node, by, id string) *node {
	if i := elementIndex(kids, by, id); i >= 0 {
		return &kids[i]
	}
	return nil
}

func elementIndex(kids []node, by, id string) int {
	for i := range kids {
		if kids[i].at(by).string() == id {
			return i
		}
	}
	return -1
}

// settle is the node of a merged branch: old when that is what it is, and new
// alone when merging would make it endless.
func settle(old, new *node, d *draft) node {
	switch b := d.branch(); {
	case b == old.sub, same(old.sub.keys, b.keys) && same(old.sub.kids, b.kids):
		return *old
	case b.size > maxNodes || len(b.keys) > maxMembers:
		return *new
	default:
		return node{form: new.form, sub: b}
	}
}
