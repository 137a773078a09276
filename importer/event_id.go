package importer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
)

// EventIDs gives ids to the events of one file that have none, so that
// importing the file again is harmless while equal rows of it count each: the
// id is a hash of what the row says and how many equal rows came before. The
// zero EventIDs has seen no rows. It is not safe for concurrent use.
type EventIDs struct {
	seen map[uint64]uint32
	buf  []byte
}

// ID gives the id of the next row that says w; its ID is not looked at. The
// row's own name for the contact is part of what it says: rows of two contacts
// stay two events when the contacts are merged.
func (e *EventIDs) ID(w *audience.EventWrite) string {
	e.buf = appendContent(e.buf[:0], w)
	sum := sha256.Sum256(e.buf)
	// Half of the hash is enough to count by: should two contents share it,
	// their numbers differ from 0, in every import of the file alike.
	key := binary.BigEndian.Uint64(sum[:8])
	if e.seen == nil {
		e.seen = make(map[uint64]uint32)
	}
	n := e.seen[key]
	e.seen[key] = n + 1
	return "row-" + hex.EncodeToString(sum[:16]) + "-" + strconv.FormatUint(uint64(n), 10)
}

// appendContent appends what the row says, each part with its length in front.
func appendContent(b []byte, w *audience.EventWrite) []byte {
	part := func(s string) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	identity, _ := w.Contact.Identity()
	part("audiencekit event row 1")
	part(identity.Kind())
	part(identity.Key())
	part(w.Type)
	part(strconv.FormatInt(audience.Micros(w.Time), 10))
	for _, name := range slices.Sorted(maps.Keys(w.Props)) {
		v := w.Props[name]
		part(name)
		part(v.Type().String())
		if items, ok := v.StringList(); ok {
			part(strconv.Itoa(len(items)))
			for _, item := range items {
				part(item)
			}
			continue
		}
		part(v.Reveal())
	}
	return b
}
