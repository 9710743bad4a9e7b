package bambu

// rule says how a value of the document is merged with a new one.
type rule struct {
	// by names the member that tells an array's elements apart; "" replaces the array whole.
	by string
	// clears: an element that says no more than where it is has been emptied.
	clears bool
	// inside are the rules of members; for an array, of its elements' members.
	inside map[string]rule
}

// rules are the arrays that are merged element by element. All objects are
// merged member by member, all else is replaced.
func rules() map[string]rule {
	id := rule{by: "id"}
	return map[string]rule{
		"ams": {inside: map[string]rule{
			"ams": {by: "id", inside: map[string]rule{"tray": {by: "id", clears: true}}},
		}},
		"lights_report": {by: "node"},
		"vir_slot":      id,
		"device": {inside: map[string]rule{
			"extruder": {inside: map[string]rule{"info": id}},
			"nozzle":   {inside: map[string]rule{"info": id}},
		}},
	}
}

// darkRule is how ams is merged while a printer is being switched off: it
// then sends zeros and empty trays although everything is where it was.
func darkRule() rule {
	return rule{inside: map[string]rule{
		"ams": {by: "id", inside: map[string]rule{"tray": {by: "id"}}},
	}}
}

// maxElements bounds the arrays that are merged by id; four changers, eight
// dryers and two spools are the most that exist.
const maxElements = 64

// fold merges a new value into an old one. full drops what the new one lacks.
// A value of another type than the old object or array is a printer's mistake
// and changes nothing. The result is old itself when nothing changed.
func fold(old, new *node, r rule, full bool) *node {
	switch {
	case old == new || new == nil:
		return old
	case old == nil:
		return folded(new, r)
	case old.sub != nil && new.form != old.form:
		return old
	case new.form == formObject && old.form == formObject:
		return foldObject(old, new, r, full)
	case new.form == formArray && old.form == formArray && r.by != "":
		return foldElements(old, new, r, full)
	}
	return folded(new, r)
}

// folded is a first value. Only elements with the same id need merging.
func folded(new *node, r rule) *node {
	if new.form == formArray && r.by != "" {
		return foldElements(&node{form: formArray, sub: &branch{}}, new, r, true)
	}
	if new.form != formObject || r.inside == nil {
		return new
	}
	return foldObject(&node{form: formObject, sub: &branch{}}, new, r, true)
}

func foldObject(old, new *node, r rule, full bool) *node {
	b := &branch{}
	if !full {
		b.keys = append(b.keys, old.sub.keys...)
		b.kids = append(b.kids, old.sub.kids...)
	}
	for i, key := range new.sub.keys {
		kid := fold(old.at(key), new.sub.kids[i], r.inside[key], full)
		b.put(key, kid)
	}
	return settle(old, new, b, formObject)
}

// put sets a member.
func (b *branch) put(key string, kid *node) {
	for i, k := range b.keys {
		if k == key {
			b.kids[i] = kid
			return
		}
	}
	b.keys, b.kids = append(b.keys, key), append(b.kids, kid)
}

func foldElements(old, new *node, r rule, full bool) *node {
	b := &branch{}
	if !full {
		b.kids = append(b.kids, old.sub.kids...)
	}
	elements := rule{inside: r.inside}
	for _, kid := range new.sub.kids {
		id := kid.at(r.by).string()
		if id == "" || len(b.kids) >= maxElements {
			continue
		}
		was := element(old.sub.kids, r.by, id)
		merged := kid
		if !r.clears || full || !bare(kid) {
			merged = fold(was, kid, elements, full)
		}
		if i := elementIndex(b.kids, r.by, id); i >= 0 {
			b.kids[i] = merged
		} else {
			b.kids = append(b.kids, merged)
		}
	}
	return settle(old, new, b, formArray)
}

// bare tells whether a tray says nothing but its place and state.
func bare(tray *node) bool {
	for _, k := range tray.sub.keys {
		if k != "id" && k != "state" {
			return false
		}
	}
	return true
}

func element(kids []*node, by, id string) *node {
	if i := elementIndex(kids, by, id); i >= 0 {
		return kids[i]
	}
	return nil
}

func elementIndex(kids []*node, by, id string) int {
	for i, k := range kids {
		if k.at(by).string() == id {
			return i
		}
	}
	return -1
}

// settle is the node of a merged branch: old when that is what it is, and new
// alone when merging would make it endless.
func settle(old, new *node, b *branch, f form) *node {
	if same(old.sub.keys, b.keys) && same(old.sub.kids, b.kids) {
		return old
	}
	if same(new.sub.keys, b.keys) && same(new.sub.kids, b.kids) {
		return new
	}
	if b.measured(); b.size > maxNodes || len(b.keys) > maxMembers {
		return new
	}
	return &node{form: f, sub: b}
}
