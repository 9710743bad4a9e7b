package bambu

// debounce holds a value back until it has stood for some reports.
type debounce[T comparable] struct {
	stable, next T
	known        bool
	stood        int
}

// see takes the value of one more report and tells whether stable changed. A
// first value is believed at once.
func (d *debounce[T]) see(v T, reports int) bool {
	switch {
	case !d.known:
		d.stable, d.known = v, true
		return true
	case v == d.stable:
		d.stood = 0
		return false
	case v != d.next || d.stood == 0:
		d.next, d.stood = v, 0
	}
	if d.stood++; d.stood <= reports {
		return false
	}
	d.stable, d.stood = v, 0
	return true
}
