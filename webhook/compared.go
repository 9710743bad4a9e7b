package webhook

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"text/template"
)

// amount is a number of an event. As text it is never 1e+06, as the language has it.
type amount float64

// String is the number in digits.
func (a amount) String() string { return strconv.FormatFloat(float64(a), 'f', -1, 64) }

// amounts makes the numbers in decoded JSON amounts.
func amounts(v any) any {
	switch v := v.(type) {
	case float64:
		return amount(v)
	case map[string]any:
		for key, item := range v {
			v[key] = amounts(item)
		}
	case []any:
		for i, item := range v {
			v[i] = amounts(item)
		}
	}
	return v
}

// measure is a number of an event or of a template.
func measure(v any) (float64, bool) {
	switch v := v.(type) {
	case amount:
		return float64(v), true
	case float64:
		return v, true
	case int:
		return float64(v), true
	}
	return 0, false
}

// compared are the language's comparisons for what an event holds: a number is
// a number however it is written, and what is unknown is neither more nor less
// than anything, nor the same as anything known.
func compared() template.FuncMap {
	ordered := func(wanted ...int) func(a, b any) (bool, error) {
		return func(a, b any) (bool, error) {
			if a == nil || b == nil {
				return false, nil
			}
			n, err := compare(a, b)
			return err == nil && slices.Contains(wanted, n), err
		}
	}
	same := func(a any, others ...any) (bool, error) {
		if len(others) == 0 {
			return false, errors.New("missing argument for comparison")
		}
		return slices.ContainsFunc(others, func(b any) bool { return equal(a, b) }), nil
	}
	return template.FuncMap{
		"eq": same,
		"ne": func(a, b any) bool { return !equal(a, b) },
		"lt": ordered(-1), "le": ordered(-1, 0), "gt": ordered(1), "ge": ordered(0, 1),
	}
}

func equal(a, b any) bool {
	if x, ok := measure(a); ok {
		y, ok := measure(b)
		return ok && x == y
	}
	switch a.(type) {
	case nil, string, bool:
		return a == b
	}
	return false // Lists and objects are not compared.
}

func compare(a, b any) (int, error) {
	x, ok1 := measure(a)
	y, ok2 := measure(b)
	s, ok3 := a.(string)
	t, ok4 := b.(string)
	switch {
	case ok1 && ok2:
		return cmp.Compare(x, y), nil
	case ok3 && ok4:
		return cmp.Compare(s, t), nil
	}
	return 0, errors.New("only numbers, or texts, can be compared")
}
