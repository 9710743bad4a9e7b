package storage

import "go.etcd.io/bbolt"

// bucket is the name of a top-level bucket.
type bucket string

// The buckets.
const (
	bucketMeta     bucket = "meta"
	bucketSerials  bucket = "serials"
	bucketPrinters bucket = "printers"
	bucketRecords  bucket = "records"
	bucketJournal  bucket = "journal"
	bucketCursors  bucket = "cursors"
	bucketJobs     bucket = "jobs"
	bucketValues   bucket = "values"

	bucketArchive   bucket = "archive"
	bucketSummaries bucket = "summaries"
	bucketSamples   bucket = "samples"

	bucketEndpoints  bucket = "webhook_endpoints"
	bucketHealth     bucket = "webhook_health"
	bucketDeliveries bucket = "webhook_deliveries"
	bucketTurns      bucket = "webhook_turns"
	bucketDue        bucket = "webhook_due"
	bucketEnded      bucket = "webhook_ended"
)

// bucketRow is one row of the table of buckets.
type bucketRow struct {
	bucket bucket
	// version is of its records: the first byte of each value. 0 is for
	// values that have none because their owner encodes them.
	version byte
	// holds says what is in it.
	holds string
}

// buckets is the table of all top-level buckets.
func buckets() []bucketRow {
	return []bucketRow{
		{bucketMeta, 1, "the file's own format"},
		{bucketSerials, 1, "serial → printer id, for ever"},
		{bucketPrinters, 1, "printer id → how a printer added at run time is reached"},
		{bucketRecords, 1, "printer id → last state and memory"},
		{bucketJournal, 1, "sequence number → event"},
		{bucketCursors, 1, "follower → last sequence number that it is done with"},
		{bucketJobs, 2, "job id → record number, and when it was deleted; version 1 had the record here"},
		{bucketArchive, 1, "record number → record of a job"},
		{bucketSummaries, 1, "record number → the record's summary, packed"},
		{bucketSamples, 1, "record number and part → samples of the job, packed"},
		{bucketEndpoints, 1, "webhook endpoint → what it wants, with its secrets"},
		{bucketHealth, 1, "webhook endpoint → how it has fared"},
		{bucketDeliveries, 1, "webhook endpoint, sequence number and part → delivery"},
		{bucketTurns, 1, "webhook endpoint and sequence number → delivery that waits for its turn"},
		{bucketDue, 1, "webhook endpoint and time → delivery that waits for that time"},
		{bucketEnded, 1, "webhook endpoint and time → delivery that ended then"},
		{bucketValues, 0, "other parts' own buckets of keys and values"},
	}
}

// version is the version of the bucket's records.
func (b bucket) version() byte {
	for _, row := range buckets() {
		if row.bucket == b {
			return row.version
		}
	}
	return 0
}

// in is the bucket in a transaction. Open has made all of them.
func (b bucket) in(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket([]byte(b)) }

// format is the version of the file as a whole. A file with a higher one was
// written by a newer program and is refused. Format 2 numbers the job records.
const format = 2
