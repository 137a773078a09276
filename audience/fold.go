package audience

import (
	"cmp"
	"time"
)

// Status is a contact's standing for one scope, as the fold gives it.
type Status uint8

// The statuses. Only StatusSubscribed may be mailed.
const (
	StatusNone         Status = iota // nothing is recorded that counts
	StatusPending                    // asked for, not confirmed
	StatusSubscribed                 // consent stands
	StatusUnsubscribed               // she refused
	StatusBounced                    // the address failed for good
	StatusComplained                 // she reported a message as spam
)

// String gives "none", "pending", "subscribed", "unsubscribed", "bounced" or
// "complained".
func (s Status) String() string {
	switch s {
	case StatusPending:
		return "pending"
	case StatusSubscribed:
		return "subscribed"
	case StatusUnsubscribed:
		return "unsubscribed"
	case StatusBounced:
		return "bounced"
	case StatusComplained:
		return "complained"
	default:
		return "none"
	}
}

// ParseStatus reads the text form of a status, exactly.
func ParseStatus(text string) (Status, error) {
	for s := StatusNone; s <= StatusComplained; s++ {
		if s.String() == text {
			return s, nil
		}
	}
	return 0, &FieldError{Path: "status", Rule: "unknown", Hint: "none, pending, subscribed, unsubscribed, bounced or complained"}
}

// IsRefusal reports whether the status refuses.
func (s Status) IsRefusal() bool {
	return s == StatusUnsubscribed || s == StatusBounced || s == StatusComplained
}

// Kind gives the kind of record that makes the status, 0 of StatusNone: it turns
// [ConsentKind.Status] round.
func (s Status) Kind() ConsentKind {
	for k := ConsentRequested; k <= ConsentComplained; k++ {
		if k.Status() == s && s != StatusNone {
			return k
		}
	}
	return 0
}

// Standing is the outcome of a fold at an instant.
type Standing struct {
	Status Status
	Since  time.Time // when the deciding person acted; zero with StatusNone
	Until  time.Time // the next instant at which the status changes by itself; zero: never
}

// History is what the fold reads: a contact's own chain and those of the
// contacts merged into her.
type History struct {
	Records []ConsentRecord // in order of Seq
	Merged  []MergedHistory // in order of the merges
}

// MergedHistory is the history of a contact that was merged into another.
type MergedHistory struct {
	At      time.Time // when
	Seq     uint64    // records that the winner's own chain had then
	History History
}

// Fold gives the standing for a scope at an instant.
//
// Of the records whose scope covers the wanted one, the one acted on last
// decides; a refusal wins a tie. A request counts only where nothing else
// is recorded: it neither refuses nor consents. A grant lifts a withdrawal
// or a bounce, only a confirmed opt-in lifts a complaint, and a complaint
// stays one whatever refusal follows. Grants and requests are gone once they
// expire, as if never made, and grants that do not count (no evidence, no
// affirmative mechanism) are not there at all. What a retraction names is gone
// from when the retraction acted, see [History.Resolved]. Of merged contacts each is
// folded up to the merge, the worst of complained, unsubscribed, bounced,
// pending, subscribed counts, and later records go on top.
//
// For a scope with a list only grants and requests for that very list count,
// while refusals for anything wider count too, until a grant for the list
// follows them. Whether somebody is on the list asks for more: see
// [History.OnList].
func (h *History) Fold(scope Scope, at time.Time) Standing {
	if len(h.Records) == 0 && len(h.Merged) == 0 {
		return Standing{} // as of most people in a file
	}
	h = h.Resolved()
	return h.until(at, func(t time.Time) Standing { return h.foldAt(scope, t) }, scope)
}

// OnList gives the standing for a topic: the list's own grant must stand and
// nothing wider may refuse, be it for the list's purpose or for everything.
func (h *History) OnList(list List, at time.Time) Standing {
	wide := Scope{Channel: ChannelEmail, Purpose: cmp.Or(list.Purpose, PurposeMarketing)}
	own := wide
	own.List = list.Name
	h = h.Resolved()
	return h.until(at, func(t time.Time) Standing {
		topic := h.foldAt(own, t)
		if topic.Status != StatusSubscribed {
			return topic
		}
		if wider := h.foldAt(wide, t); wider.Status.IsRefusal() {
			return wider
		}
		return topic
	}, own, wide)
}

// folded is the state of a fold: the last of each kind of what counts. It
// does not depend on the order in which records are looked at, but for two
// refusals of one instant, and nothing in it is forgotten because of
// something that acted before it. The zero Time means that there is none: it
// is the first instant of the range, so whoever acted then counts for nothing.
type folded struct {
	requested  time.Time // the first request
	granted    time.Time
	confirmed  time.Time // the confirmed opt-in, which alone answers complaints before it
	refused    time.Time // only who acts after it lifts the refusal
	refusal    Status    // what is shown of it
	since      time.Time // when that was; before refused only after a merge
	complained time.Time
}

// isRefused reports whether a withdrawal or a bounce stands.
func (f folded) isRefused() bool { return !f.refused.IsZero() && !f.granted.After(f.refused) }

// standing says who has the last word.
func (f folded) standing() Standing {
	switch {
	case !f.complained.IsZero() && !f.confirmed.After(f.complained):
		return Standing{Status: StatusComplained, Since: f.complained}
	case f.isRefused():
		return Standing{Status: f.refusal, Since: f.since}
	case !f.granted.IsZero():
		return Standing{Status: StatusSubscribed, Since: f.granted}
	case !f.requested.IsZero():
		return Standing{Status: StatusPending, Since: f.requested}
	}
	return Standing{}
}

func (h *History) foldAt(scope Scope, at time.Time) Standing { return h.fold(scope, at).standing() }

func (h *History) fold(scope Scope, at time.Time) folded {
	var f folded
	rest := h.Records
	for i := range h.Merged {
		m := &h.Merged[i]
		if m.At.After(at) {
			break
		}
		n := m.before(rest)
		f.apply(rest[:n], scope, at)
		rest = rest[n:]
		f = worse(f, m.History.fold(scope, at))
	}
	f.apply(rest, scope, at)
	return f
}

// before counts the records at the front that the winner had at the merge.
func (m *MergedHistory) before(records []ConsentRecord) int {
	n := 0
	for n < len(records) && records[n].Seq <= m.Seq {
		n++
	}
	return n
}

// apply puts records on top of the state.
func (f *folded) apply(records []ConsentRecord, scope Scope, at time.Time) {
	for i := range records {
		f.applyOne(&records[i], scope, at)
	}
}

func (f *folded) applyOne(r *ConsentRecord, scope Scope, at time.Time) {
	if r.Acted.After(at) || !r.speaksOf(scope) || r.isOver(at) {
		return
	}
	switch r.Kind {
	case ConsentRequested:
		if f.requested.IsZero() || r.Acted.Before(f.requested) {
			f.requested = r.Acted
		}
	case ConsentGranted:
		f.granted = later(f.granted, r.Acted)
		if r.Mechanism.Confirms() {
			f.confirmed = later(f.confirmed, r.Acted)
		}
	case ConsentComplained:
		f.complained = later(f.complained, r.Acted)
	case ConsentBounced:
		f.refuse(StatusBounced, r.Acted)
	case ConsentWithdrawn:
		f.refuse(StatusUnsubscribed, r.Acted)
	default: // retractions were applied before, see Resolved; the rest does not count
	}
}

// speaksOf reports whether the fold for a scope looks at the record.
func (r *ConsentRecord) speaksOf(scope Scope) bool {
	if !r.counts() || !r.Scope.Covers(scope) {
		return false
	}
	return r.Kind.IsRefusal() || r.Scope.List == scope.List // a topic is joined by name
}

// isOver reports whether the record has expired; refusals do not.
func (r *ConsentRecord) isOver(at time.Time) bool {
	return !r.Kind.IsRefusal() && !r.Expires.IsZero() && !r.Expires.After(at)
}

// refuse takes the last refusal; of two at one instant the one written later.
func (f *folded) refuse(s Status, at time.Time) {
	if !at.Before(f.refused) {
		f.refused, f.refusal, f.since = at, s, at
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// worse joins the states of two merged contacts: the worse of their standings
// counts, none is neutral, and of two equal ones the later. Refusals that
// stand on either side go on standing until somebody acts after the last of
// them. A confirmed opt-in answers only the complaints of the contact that
// gave it, so the earlier one is kept.
func worse(a, b folded) folded {
	x, y := a.standing(), b.standing()
	switch {
	case x.Status == StatusNone:
		return b
	case y.Status == StatusNone:
		return a
	}
	worst := x
	if rank(y.Status) > rank(x.Status) || y.Status == x.Status && y.Since.After(x.Since) {
		worst = y
	}
	out := folded{confirmed: a.confirmed}
	if b.confirmed.Before(a.confirmed) {
		out.confirmed = b.confirmed
	}
	switch worst.Status {
	case StatusPending:
		out.requested = worst.Since
	case StatusSubscribed:
		out.granted = worst.Since
	case StatusComplained:
		out.complained = worst.Since
	default: // refusals come below
	}
	for _, side := range []folded{a, b} {
		if !side.isRefused() {
			continue
		}
		out.refused = later(out.refused, side.refused)
		if c := cmp.Compare(rank(side.refusal), rank(out.refusal)); c > 0 || c == 0 && side.since.After(out.since) {
			out.refusal, out.since = side.refusal, side.since
		}
	}
	return out
}

// rank orders statuses from the best to the worst for a merge.
func rank(s Status) int {
	switch s {
	case StatusSubscribed:
		return 1
	case StatusPending:
		return 2
	case StatusBounced:
		return 3
	case StatusUnsubscribed:
		return 4
	case StatusComplained:
		return 5
	default:
		return 0
	}
}
