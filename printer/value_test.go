package printer_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
)

func TestOpt_JSON(t *testing.T) {
	type all struct {
		I printer.Opt[int]
		B printer.Opt[bool]
		R printer.Opt[printer.TrayRef]
	}
	for want, v := range map[string]all{
		`{"I":null,"B":null,"R":null}`:                {},
		`{"I":0,"B":false,"R":{"Unit":0,"Slot":0}}`:   {printer.Some(0), printer.Some(false), printer.Some(printer.TrayRef{})},
		`{"I":-7,"B":true,"R":{"Unit":128,"Slot":3}}`: {printer.Some(-7), printer.Some(true), printer.Some(printer.TrayRef{Unit: 128, Slot: 3})},
	} {
		data, err := json.Marshal(v)
		if err != nil || string(data) != want {
			t.Errorf("JSON is %s (%v), want %s", data, err, want)
		}
		back := all{I: printer.Some(99), B: printer.Some(true)}
		if err := json.Unmarshal(data, &back); err != nil || back != v {
			t.Errorf("read back it is %+v (%v), want %+v", back, err, v)
		}
	}
	var o printer.Opt[int]
	if err := json.Unmarshal([]byte(`"five"`), &o); err == nil || o.Known {
		t.Errorf("a word was taken for a number: %+v", o)
	}
}

func TestOpt_Or(t *testing.T) {
	if printer.Some(0).Or(5) != 0 || (printer.Opt[int]{}).Or(5) != 5 {
		t.Error("Or takes the other value at the wrong time")
	}
}

func TestState_JSONKeepsEverything(t *testing.T) {
	for name, want := range map[string]printer.State{"full": full(t), "empty": {}} {
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var back printer.State
		if err := json.Unmarshal(data, &back); err != nil || !back.Equal(want) {
			t.Errorf("the %s state, read back, is %+v (%v)", name, back, err)
		}
	}
}

func TestConfig_JSONHidesTheAccessCode(t *testing.T) {
	data, err := json.Marshal(printer.Config{Serial: "S", AccessCode: secret.Text("12345678")})
	if err != nil || string(data) != `{"id":0,"name":"","family":"","host":"","serial":"S"}` {
		t.Errorf("JSON is %s (%v)", data, err)
	}
}

func TestFault_Sentence(t *testing.T) {
	if got := (printer.Fault{Code: "C", Text: "Door"}).Sentence(); got != "Door (C)" {
		t.Errorf("sentence is %q", got)
	}
	if got := (printer.Fault{Code: "C"}).Sentence(); got != "C" {
		t.Errorf("sentence is %q", got)
	}
}

// FuzzState wants a state that was read to be written and read the same.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"Online":true,"Job":{"ID":"J","Progress":5},"Units":[{"ID":0,"Trays":[{"Slot":1}]}]}`))
	f.Add([]byte(`{"Bed":{"Temperature":1e300},"Door":null,"Faults":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s printer.State
		if json.Unmarshal(data, &s) != nil {
			return
		}
		again, err := json.Marshal(s)
		if err != nil {
			return // A time beyond the year 9999.
		}
		var back printer.State
		if err := json.Unmarshal(again, &back); err != nil || !back.Equal(s) {
			t.Errorf("%+v became %+v (%v)", s, back, err)
		}
		if !reflect.DeepEqual(printer.Diff(s, back, printer.DefaultMarks()), []printer.Event(nil)) {
			t.Errorf("the same state gives events")
		}
	})
}
