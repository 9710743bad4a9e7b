// Package bambu owns everything about Bambu Lab printers: their local link,
// the merge of partial reports, the mapping of the merged document to
// printer.State, the life cycle of a print, and the encoding of commands. It
// does not know who looks at the State or who sent a command.
//
// Read the files in the order of a report: link.go, document.go, state.go,
// lifecycle.go, driver.go. Protocol facts come from public observation of
// printers; where sources disagree the comment says which one is followed.
package bambu

// Maker is the manufacturer's name, as people know it.
const Maker = "Bambu Lab"
