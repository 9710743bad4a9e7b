package storage

import (
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/printer"
)

// oldJob is a job record of version 1, which had its place under the job's id.
type oldJob struct {
	Job       string         `json:"job"`
	PrinterID int            `json:"printer_id"`
	Serial    string         `json:"serial"`
	Printer   string         `json:"printer"`
	Name      string         `json:"name"`
	File      string         `json:"file"`
	Start     time.Time      `json:"start"`
	End       time.Time      `json:"end"`
	Result    printer.Result `json:"result"`
	Reason    string         `json:"reason"`
	Code      string         `json:"code"`
	Progress  *int           `json:"progress"`
}

// record is the old record as it is kept now.
func (o oldJob) record(id int) archive.Record {
	r := archive.Record{
		ID: id, Job: o.Job, PrinterID: o.PrinterID, Serial: o.Serial, Printer: o.Printer, Name: o.Name, File: o.File,
		Created: o.Start, Updated: o.Start, Start: o.Start, End: o.End, Result: o.Result, Reason: o.Reason, Code: o.Code,
	}
	if !o.End.IsZero() {
		r.Updated = o.End
		if o.Start.IsZero() {
			r.Created = o.End
		} else {
			r.DurationSeconds = printer.Some(max(0, int(o.End.Sub(o.Start).Seconds())))
		}
	}
	if o.Progress != nil {
		r.Progress = printer.Some(*o.Progress)
	}
	return r
}

// outdated tells whether the file has the format of an earlier program.
func outdated(tx *bbolt.Tx) (bool, error) {
	var r formatRecord
	err := bucketMeta.decode(bucketMeta.in(tx).Get(keyFormat()), &r)
	return r.Format < format, err
}

// migrate brings the file to this program's format: job records of version 1
// get numbers, in the order of their jobs, which is that of time.
func migrate(tx *bbolt.Tx) error {
	var old [][2][]byte
	err := bucketJobs.in(tx).ForEach(func(k, v []byte) error {
		if len(v) > 0 && v[0] == 1 {
			old = append(old, [2][]byte{append([]byte{}, k...), append([]byte{}, v[1:]...)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, pair := range old {
		var o oldJob
		if err := json.Unmarshal(pair[1], &o); err != nil {
			return fmt.Errorf("reading the old record of job %.64q: %w", pair[0], err)
		}
		n, err := bucketArchive.in(tx).NextSequence()
		if err != nil {
			return err
		}
		o.Job = string(pair[0])
		if err := putJobRecord(tx, o.record(int(n))); err != nil {
			return err
		}
		if err := putJob(tx, o.Job, jobMark{id: int(n)}); err != nil {
			return err
		}
	}
	value, err := bucketMeta.encode(formatRecord{Format: format})
	if err != nil {
		return err
	}
	return bucketMeta.in(tx).Put(keyFormat(), value)
}
