// Package timeorder holds contacts in the order of one instant each, such as
// their last opening or their creation. Every window over that instant, of
// whatever length, is one cursor in the same order: a contact leaves "in the
// last 30 days" when the cursor that runs 30 days behind passes her.
//
// An [Order] keeps little more than the bare ids, in leaves that each cover a
// range of instants; the instants themselves are read from the owner's columns.
// So adding is appending, and nothing is looked up to remove the entry a
// contact had before: it is stale because the column says something else, and
// goes when it is met or when the stale ones become too many. Only a leaf in
// which somebody looks is sorted, with its instants beside the ids, and stays
// so while it is used. A leaf that is full is split; an instant that many
// contacts share has a leaf of its own, which needs no order at all.
package timeorder
