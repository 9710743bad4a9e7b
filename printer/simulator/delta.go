package simulator

import "reflect"

// difference is what changed from one document to the next, as older boards
// tell it: whole values at the top, single fields inside objects, and no array
// inside an object unless its length or content changed.
func difference(prev, next document) document {
	changed := document{}
	for key, value := range next {
		old, known := prev[key]
		inner, isObject := value.(document)
		before, wasObject := old.(document)
		switch {
		case known && isObject && wasObject:
			if d := difference(before, inner); len(d) > 0 {
				changed[key] = d
			}
		case !known || !reflect.DeepEqual(old, value):
			changed[key] = value
		}
	}
	return changed
}
