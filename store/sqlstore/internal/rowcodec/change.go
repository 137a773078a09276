package rowcodec

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// What a change has besides kind and contact.
const (
	changeOther = 1 << iota
	changeAfter
	changeEvent
	changeSource
	changeList
	changeSuppressed
	changeBefore
	changeRecord
	changeMergedAt
	changeWinnerSeq
	changeEvents
	changeLeft
	changeFlags // above all of them
)

// AppendChanges appends the blob of changes, without their commit. b is empty
// or what it gave for the changes before: a blob grows as changes come.
func AppendChanges(b []byte, changes []store.Change) []byte {
	var known [8]*audience.Provenance
	e := encoder{b: b, origins: known[:0]}
	if len(b) == 0 {
		e.byte(version1)
	}
	for i := range changes {
		e.change(&changes[i])
	}
	return e.b
}

// Changes reads what [AppendChanges] made, in order. A blob that ends after
// one of its changes is whole.
func Changes(b []byte) ([]store.Change, error) {
	d := open("changes", b)
	var out []store.Change
	for d.more() {
		out = append(out, d.change())
	}
	if err := d.close(); err != nil {
		return nil, err
	}
	return out, nil
}

func flagsOf(c *store.Change) (flags uint64) {
	set := func(has bool, flag uint64) {
		if has {
			flags |= flag
		}
	}
	set(c.Other != 0, changeOther)
	set(c.After != nil, changeAfter)
	set(c.Event != nil, changeEvent)
	set(c.Source != audience.Source{}, changeSource)
	set(c.List != "", changeList)
	set(c.SuppressedFrom != nil, changeSuppressed)
	set(c.Before != nil, changeBefore)
	set(c.Record != nil, changeRecord)
	set(!c.MergedAt.IsZero(), changeMergedAt)
	set(c.WinnerSeq != 0, changeWinnerSeq)
	set(c.Events != nil, changeEvents)
	set(c.Left, changeLeft)
	return flags
}

// change writes its instants from anew, so that it does not matter what
// stands before it.
func (e *encoder) change(c *store.Change) {
	e.last = 0
	flags := flagsOf(c)
	e.byte(byte(c.Kind))
	e.uint(flags)
	e.uint(uint64(c.Contact))
	if flags&changeOther != 0 {
		e.uint(uint64(c.Other))
	}
	if flags&changeAfter != 0 {
		e.contact(c.After)
	}
	if flags&changeEvent != 0 {
		e.event(c.Event)
	}
	if flags&changeSource != 0 {
		e.source(c.Source)
	}
	if flags&changeList != 0 {
		e.text(c.List)
	}
	if flags&changeSuppressed != 0 {
		e.time(*c.SuppressedFrom)
	}
	if flags&changeBefore != 0 {
		e.event(c.Before)
	}
	if flags&changeRecord != 0 {
		e.record(c.Record)
	}
	if flags&changeMergedAt != 0 {
		e.time(c.MergedAt)
	}
	if flags&changeWinnerSeq != 0 {
		e.uint(c.WinnerSeq)
	}
	if flags&changeEvents != 0 {
		e.count(len(c.Events), false)
		for i := range c.Events {
			e.event(&c.Events[i])
		}
	}
}

func (d *decoder) change() store.Change {
	d.last = 0
	c := store.Change{Kind: store.ChangeKind(d.byte())}
	flags := d.uint()
	if flags >= changeFlags {
		d.fail()
	}
	c.Contact = audience.ContactID(d.uint32())
	c.Left = flags&changeLeft != 0
	if flags&changeOther != 0 {
		c.Other = audience.ContactID(d.uint32())
	}
	c.After = optional(d, flags&changeAfter, (*decoder).contact)
	c.Event = optional(d, flags&changeEvent, (*decoder).event)
	if flags&changeSource != 0 {
		c.Source = d.source()
	}
	if flags&changeList != 0 {
		c.List = d.text()
	}
	c.SuppressedFrom = optional(d, flags&changeSuppressed, (*decoder).time)
	c.Before = optional(d, flags&changeBefore, (*decoder).event)
	c.Record = optional(d, flags&changeRecord, (*decoder).record)
	d.mergeOf(&c, flags)
	return c
}

func (d *decoder) mergeOf(c *store.Change, flags uint64) {
	if flags&changeMergedAt != 0 {
		c.MergedAt = d.time()
	}
	if flags&changeWinnerSeq != 0 {
		c.WinnerSeq = d.uint()
	}
	if flags&changeEvents != 0 {
		c.Events = d.events()
	}
}

// optional reads what is there, nil when it is not. Changes are the only rows
// in which members are rare, and a decoder that is called through a function
// is one allocation for all of them.
func optional[T audience.Contact | audience.Event | audience.ConsentRecord | time.Time](d *decoder, has uint64, read func(*decoder) T) *T {
	if has == 0 || !d.ok() {
		return nil
	}
	v := read(d)
	return &v
}
