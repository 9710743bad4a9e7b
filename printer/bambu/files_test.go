package bambu

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/bambu/jobfile"
)

// fakeFiles is a printer's storage on which every file takes two seconds.
type fakeFiles struct {
	mu     sync.Mutex
	orders []jobfile.Order
	given  []jobfile.Access
	result func(o jobfile.Order) jobfile.Result
	ended  int
}

func (f *fakeFiles) Read(ctx context.Context, o jobfile.Order, a jobfile.Access) (jobfile.Result, error) {
	f.mu.Lock()
	f.orders, f.given = append(f.orders, o), append(f.given, a)
	f.mu.Unlock()
	t := time.NewTimer(2 * time.Second)
	defer t.Stop()
	select {
	case <-t.C:
		return f.result(o), nil
	case <-ctx.Done():
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ended++
		return jobfile.Result{}, ctx.Err()
	}
}

func (f *fakeFiles) asked() []jobfile.Order {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.orders)
}

func planOf(o jobfile.Order) jobfile.Result {
	return jobfile.Result{ClearData: true, Plan: printer.Plan{File: o.Name + ".3mf", Grams: printer.Some(15.2)}}
}

// withFiles is inBubble for a printer whose storage can be read.
func withFiles(t *testing.T, start printer.Start, f *fakeFiles, test func(r *rig)) {
	t.Helper()
	if f.result == nil {
		f.result = planOf
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.driver.files = f
		r.answerWith(answering("pushall", func(*fakeConn, string, string) {}))
		r.start(start)
		if start.Fresh {
			r.conn().say(`{"print":{"command":"push_status","msg":0,"gcode_state":"IDLE","subtask_name":"old"}}`)
			r.wait(time.Second)
		}
		test(r)
		r.stop()
	})
}

const bracket = `{"print":{"command":"push_status","msg":0,"gcode_state":"RUNNING","subtask_name":"Bracket","gcode_file":"Bracket.3mf","mc_percent":3,` +
	`"layer_num":1,"total_layer_num":90,"home_flag":256,"mapping":[1,65535,32768],"sequence_id":"1"}}`

func TestDriver_ReadsTheFileOfAJobOnce(t *testing.T) {
	f := &fakeFiles{}
	withFiles(t, fresh(), f, func(r *rig) {
		if n := len(f.asked()); n != 0 {
			t.Fatalf("an idle printer's storage was read %d times", n)
		}
		r.conn().say(`{"print":{"command":"project_file","sequence_id":"20001","url":"file:///sdcard/cache/Bracket.3mf","param":"Metadata/plate_2.gcode","subtask_name":"Bracket","ams_mapping":[1,-1,128],"result":"success"}}`)
		r.conn().say(`{"print":{"command":"push_status","msg":0,"gcode_state":"PREPARE","subtask_name":"Bracket","gcode_file":"Bracket.3mf","gcode_file_prepare_percent":"40"}}`)
		r.wait(time.Second)
		if n := len(f.asked()); n != 0 {
			t.Fatal("a file was looked for that the printer does not have yet")
		}
		r.conn().say(bracket)
		r.wait(time.Second)
		orders := f.asked()
		if len(orders) != 1 {
			t.Fatalf("%d readings, want one", len(orders))
		}
		o := orders[0]
		if o.Name != "Bracket" || o.File != "Bracket.3mf" || o.Sent.URL != "file:///sdcard/cache/Bracket.3mf" || o.Sent.Plate != 2 || o.Storage != "normal" {
			t.Errorf("order %+v", o)
		}
		want := []printer.Opt[printer.TrayRef]{printer.Some(printer.TrayRef{Slot: 1}), {}, printer.Some(printer.TrayRef{Unit: 128})}
		if !slices.Equal(o.Trays, want) || !slices.Equal(o.Sent.Trays, want) {
			t.Errorf("trays %v and %v, want %v", o.Trays, o.Sent.Trays, want)
		}
		r.wait(3 * time.Second)
		u := r.last()
		if u.State.Job.Plan.Grams != printer.Some(15.2) || !u.Keep {
			t.Errorf("plan %+v, keep %v", u.State.Job.Plan, u.Keep)
		}
		r.conn().cut()
		r.wait(5 * time.Second)
		r.conn().say(bracket)
		r.wait(time.Minute)
		if n := len(f.asked()); n != 1 || r.state().Job.Plan.File == "" {
			t.Errorf("after a lost link: %d readings, plan %+v", n, r.state().Job.Plan)
		}
		r.conn().say(`{"print":{"command":"push_status","msg":0,"gcode_state":"FINISH","subtask_name":"Bracket","mc_percent":100}}`)
		r.wait(time.Second)
		if p := r.state().Job.Plan; p.Grams != printer.Some(15.2) {
			t.Errorf("the plan of a finished job is %+v", p)
		}
	})
}

func TestDriver_ThePlanOutlivesARestart(t *testing.T) {
	f := &fakeFiles{}
	var last printer.Update
	withFiles(t, fresh(), f, func(r *rig) {
		r.conn().say(bracket)
		r.wait(5 * time.Second)
		last = r.last()
	})
	again := &fakeFiles{}
	withFiles(t, printer.Start{State: last.State, Memory: last.Memory}, again, func(r *rig) {
		r.conn().say(bracket)
		r.wait(10 * time.Second)
		if p := r.state().Job.Plan; p.Grams != printer.Some(15.2) || len(again.asked()) != 0 {
			t.Errorf("after a restart: plan %+v, %d readings", p, len(again.asked()))
		}
	})
}

func TestDriver_TheNextJobHasItsOwnFile(t *testing.T) {
	f := &fakeFiles{}
	withFiles(t, fresh(), f, func(r *rig) {
		r.conn().say(bracket)
		r.wait(time.Second) // in the middle of reading
		r.conn().say(`{"print":{"command":"push_status","msg":0,"gcode_state":"FINISH","subtask_name":"Bracket","mc_percent":100}}`)
		r.wait(100 * time.Millisecond)
		r.conn().say(`{"print":{"command":"push_status","msg":0,"gcode_state":"RUNNING","subtask_name":"Hook","gcode_file":"Hook.3mf","mc_percent":1}}`)
		r.wait(100 * time.Millisecond)
		if f.ended != 1 {
			t.Errorf("the reading for the job that is over was ended %d times", f.ended)
		}
		r.wait(10 * time.Second)
		if orders := f.asked(); len(orders) != 2 || orders[1].Name != "Hook" {
			t.Errorf("orders %+v", orders)
		}
		if p := r.state().Job.Plan; p.File != "Hook.3mf" {
			t.Errorf("plan %+v", p)
		}
		if a := f.given[1]; a.TLS == nil || a.ClearData {
			t.Errorf("access %+v", a)
		}
	})
}

func TestDriver_AFileServerThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	down := true
	f := &fakeFiles{result: func(o jobfile.Order) jobfile.Result {
		if down {
			return jobfile.Result{Plan: printer.Plan{Missing: "Nobody answers."}, Passing: true}
		}
		return planOf(o)
	}}
	withFiles(t, fresh(), f, func(r *rig) {
		r.conn().say(bracket)
		r.wait(4 * time.Second)
		down = false
		for range 20 {
			r.conn().say(bracket)
			r.wait(10 * time.Second)
		}
		if n := len(f.asked()); n != 1 {
			t.Errorf("%d readings within the pause, want one", n)
		}
		for range 20 {
			r.conn().say(bracket)
			r.wait(10 * time.Second)
		}
		if p := r.state().Job.Plan; p.Grams != printer.Some(15.2) || len(f.asked()) != 2 {
			t.Errorf("plan %+v after %d readings", p, len(f.asked()))
		}
	})
}

func TestDriver_WhatCannotBeHadIsSaidAndLookedForAgainOnDemand(t *testing.T) {
	f := &fakeFiles{result: func(jobfile.Order) jobfile.Result {
		return jobfile.Result{Plan: printer.Plan{Missing: "No memory card."}}
	}}
	withFiles(t, fresh(), f, func(r *rig) {
		r.conn().say(bracket)
		r.wait(20 * time.Second)
		if p := r.state().Job.Plan; p.Missing != "No memory card." || len(f.asked()) != 1 {
			t.Errorf("plan %+v after %d readings", p, len(f.asked()))
		}
		if _, err := r.doing(printer.Command{Name: printer.CmdRefresh}, nil); err != nil {
			t.Fatal(err)
		}
		r.wait(5 * time.Second)
		if n := len(f.asked()); n != 2 {
			t.Errorf("%d readings after a refresh, want 2", n)
		}
	})
}

func TestDriver_AReaderThatPanicsCostsOnlyTheFile(t *testing.T) {
	f := &fakeFiles{result: func(o jobfile.Order) jobfile.Result {
		if o.Name == "Bracket" {
			return []jobfile.Result{}[len(bracket)]
		}
		return planOf(o)
	}}
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.driver.files = f
		r.logTo(&log)
		r.answerWith(answering("pushall", func(*fakeConn, string, string) {}))
		r.start(fresh())
		r.conn().say(bracket)
		r.wait(20 * time.Second)
		if p := r.state().Job.Plan; p.Missing != textFault || p.Known() {
			t.Errorf("plan %+v, want words about a fault", p)
		}
		r.conn().say(`{"print":{"command":"push_status","msg":0,"gcode_state":"RUNNING","subtask_name":"Bracket","gcode_file":"Bracket.3mf","mc_percent":50}}`)
		r.wait(time.Minute)
		if s := r.state(); s.Job.Progress != printer.Some(50) || len(f.asked()) != 1 {
			t.Errorf("progress %v after %d readings: reports must go on, and the file is not read again", s.Job.Progress, len(f.asked()))
		}
		r.conn().say(`{"print":{"command":"push_status","msg":0,"gcode_state":"FINISH","subtask_name":"Bracket","mc_percent":100}}`)
		r.wait(time.Second)
		r.conn().say(`{"print":{"command":"push_status","msg":0,"gcode_state":"RUNNING","subtask_name":"Hook","gcode_file":"Hook.3mf","mc_percent":1}}`)
		r.wait(10 * time.Second)
		if p := r.state().Job.Plan; p.File != "Hook.3mf" {
			t.Errorf("the plan of the next job is %+v", p)
		}
		r.stop()
	})
	if n := logged(&log, "reading the file of a job failed"); n != 1 {
		t.Errorf("%d errors in the log, want one:\n%s", n, log.String())
	}
}
