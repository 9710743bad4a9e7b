package storage

// bucket is one row of the table of buckets.
type bucket struct {
	name string
	// version is of its records: the first byte of each value. 0 is for
	// values that have none because their owner encodes them.
	version byte
	// holds says what is in it, for people.
	holds string
}

// The buckets.
var (
	bucketMeta     = bucket{"meta", 1, "the file's own format"}
	bucketSerials  = bucket{"serials", 1, "serial → printer id, for ever"}
	bucketPrinters = bucket{"printers", 1, "printer id → how a printer added at run time is reached"}
	bucketRecords  = bucket{"records", 1, "printer id → last state and memory"}
	bucketJournal  = bucket{"journal", 1, "sequence number → event"}
	bucketCursors  = bucket{"cursors", 1, "follower → last sequence number that it is done with"}
	bucketJobs     = bucket{"jobs", 1, "job id → job record"}
	bucketValues   = bucket{"values", 0, "other parts' own buckets of keys and values"}
)

// buckets is the table of all top-level buckets.
func buckets() []bucket {
	return []bucket{
		bucketMeta, bucketSerials, bucketPrinters, bucketRecords,
		bucketJournal, bucketCursors, bucketJobs, bucketValues,
	}
}

// format is the version of the file as a whole. A file with a higher one was
// written by a newer program and is refused.
const format = 1
