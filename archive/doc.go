// Package archive owns the records of past and present print jobs, made by
// following the journal. It does not see printers' values and does not store
// anything itself: a Store does both, records and cursor in one transaction.
package archive
