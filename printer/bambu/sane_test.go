package bambu

import (
	"math"
	"reflect"
	"testing"

	"github.com/printwire/printwire/printer"
)

// checkSane tells of numbers that no entity may show.
func checkSane(t *testing.T, s printer.State) {
	t.Helper()
	var visit func(path string, v reflect.Value)
	visit = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Float64:
			if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) || f < coldest || f > hottest {
				t.Errorf("%s is %v", path, f)
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					visit(path+"."+v.Type().Field(i).Name, v.Field(i))
				}
			}
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				visit(path, v.Index(i))
			}
		}
	}
	visit("State", reflect.ValueOf(s))
	if p := s.Job.Progress; p.Known && (p.Value < 0 || p.Value > 100) {
		t.Errorf("progress is %d", p.Value)
	}
	for _, u := range s.Units {
		if h := u.HumidityIndex; h.Known && (h.Value < 1 || h.Value > 5) {
			t.Errorf("humidity index is %d", h.Value)
		}
	}
}
