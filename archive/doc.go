// Package archive owns the record of every print: what is kept of a job, how
// it is made from the journal's events and the printers' values, and how it is
// listed, searched, edited, counted and exported. It does not store anything
// itself (a Store does, each method in one transaction) and it renders nothing
// for the API.
//
// A record has four hands that write into it, and each has its own fields:
// events of the journal (Recorder.Apply, exactly once), values of the printers
// (Sampler), people (Edit, Undo, Delete) and meters (Fill). All of them hand the
// store pure changes that it applies inside its transaction, so that none
// overwrites another's.
//
// Records have a small number beside their job's id. It rises and is never
// given twice, not even after a delete. A deleted record leaves its job's
// number behind, so that no later event of the job brings it back.
package archive
