// Package storage owns the one database file: its buckets, the codec of its
// records, and the writer that groups many callers' changes into one
// transaction. It does not decide what is kept: it implements the small stores
// that other packages declare.
//
// One process opens the file; a second one gets a clear line after two
// seconds. Every write has reached the disk when its call returns. Values that
// are read are copies. The journal's sequence numbers rise strictly and have no
// gaps, so what retention dropped before a follower read it can be counted.
package storage
