package jobfile

import (
	"errors"

	"github.com/printwire/printwire/fault"
)

// The sentences for a person who wonders where the grams and the picture are.
const (
	textNoStorage = "The printer has no memory card or USB stick, so the file of this print cannot be read. Insert one to see grams, picture and objects."
	textBadMedium = "The printer cannot use its memory card or USB stick, so the file of this print cannot be read. Check it on the printer's screen."
	textInside    = "The file of this print is in the printer's own memory, where nobody can read it. Switch on \"Store sent files on external storage\" in the printer's print options to see grams, picture and objects."
	textNotFound  = "The file of this print is not on the printer's storage. Prints from the cloud or the printer's own memory leave none there."
	textDenied    = "The printer refuses to show its files. Check the access code, and that LAN access to its storage is allowed."
	textOffline   = "The printer's file server cannot be reached, so the file of this print cannot be read."
	textUnread    = "The file of this print cannot be read: it is not a sliced file, or it is damaged."
	textTooLarge  = "The file of this print is too large to be fetched."
	textKeep      = "The file of this print could not be kept on this machine. Check its free disk space."
	textNonsense  = "The printer's file server gives answers that cannot be understood, so the file of this print cannot be read. The log says more."
	textChanging  = "The file of this print did not stop changing."
)

// unreachable is why the file of an order cannot be had, before any try, or "".
func unreachable(o Order) string {
	switch {
	case o.Storage == "none":
		return textNoStorage
	case o.Storage == "abnormal":
		return textBadMedium
	case o.Sent.about(o) && inside(o.Sent.URL) && o.KeepsFiles.Known && !o.KeepsFiles.Value:
		return textInside
	}
	return ""
}

// sentence says in words why nothing could be had.
func sentence(o Order, err error) string {
	switch {
	case errors.Is(err, errLarge):
		return textTooLarge
	case errors.Is(err, errNonsense):
		return textNonsense
	}
	switch fault.KindOf(err) {
	case fault.NotFound:
		if o.Sent.about(o) && inside(o.Sent.URL) || o.KeepsFiles.Known && !o.KeepsFiles.Value {
			return textInside
		}
		return textNotFound
	case fault.Denied:
		return textDenied
	case fault.Offline, fault.Unsupported:
		return textOffline
	case fault.Conflict:
		return textChanging
	case fault.Invalid:
		return textUnread
	default:
		return textKeep
	}
}
