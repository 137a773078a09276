package rowcodec

import "strconv"

// DamageError says that bytes are not what the encoder of the row makes. It
// holds nothing of the row's content.
type DamageError struct {
	Row     string // what was read: "contact", "event", "membership", "merge", "ledger record", "suppression", "changes"
	Offset  int    // how many bytes were sound
	Version byte   // of the blob, when it is one that this program does not know; else 0
}

// Error says what was read and what to do.
func (e *DamageError) Error() string {
	if e.Version != 0 {
		return "the " + e.Row + " is stored in format " + strconv.Itoa(int(e.Version)) + ", which this program does not know: run the version that wrote it"
	}
	return "the stored " + e.Row + " is damaged at byte " + strconv.Itoa(e.Offset) + ": restore it from a backup"
}
