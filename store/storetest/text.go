package storetest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

var errStuck = errors.New("the feed gives the same position again")

// Rows are compared as text that shows all of them: what differs can be read
// off a failure, pointers and nil slices do not matter, and an instant that is
// not in UTC does. Everything in it is made up by the suite.

func instantText(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format("2006-01-02T15:04:05.999999999Z07:00")
}

func sourceText(s audience.Source) string {
	return fmt.Sprintf("%d/%q/%q", s.Kind, s.Name, s.Actor)
}

func originText(p *audience.Provenance) string {
	if p == nil {
		return "nowhere"
	}
	return sourceText(p.Source) + "@" + instantText(p.At)
}

func valueText(v audience.Value) string {
	if items, ok := v.StringList(); ok {
		return fmt.Sprintf("list:%q", items)
	}
	return v.Type().String() + ":" + strconv.Quote(v.Reveal())
}

func addressText(a audience.Address) string {
	return strconv.Quote(a.Reveal()) + "=" + strconv.Quote(a.Canonical())
}

func contactText(c *audience.Contact) string {
	if c == nil {
		return "none"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "contact %d v%d", uint32(c.ID), c.Version)
	for _, a := range c.Addresses {
		b.WriteString(" address " + addressText(a))
	}
	for _, x := range c.External {
		fmt.Fprintf(&b, " external %q:%q", x.System, x.ID.Reveal())
	}
	fmt.Fprintf(&b, " names %q %q phone %q", c.FirstName.Reveal(), c.LastName.Reveal(), c.Phone.Reveal())
	for _, t := range c.Tags {
		fmt.Fprintf(&b, " tag %q from %s", t.Name, originText(t.Origin))
	}
	for _, f := range c.Fields {
		fmt.Fprintf(&b, " field %d %s from %s", f.ID, valueText(f.Value), originText(f.Origin))
	}
	fmt.Fprintf(&b, " frequency %q created %s updated %s", c.Frequency, instantText(c.CreatedAt), instantText(c.UpdatedAt))
	return b.String()
}

func eventText(e *audience.Event) string {
	if e == nil {
		return "none"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "event %d/%d %q %q at %s r%d retracted=%t", e.Contact, e.Origin, e.Type, e.ID, instantText(e.Time), e.Revision, e.Retracted)
	for _, p := range e.Props {
		fmt.Fprintf(&b, " prop %d %s", p.ID, valueText(p.Value))
	}
	return b.String()
}

func consentText(r *audience.ConsentRecord) string {
	if r == nil {
		return "none"
	}
	return fmt.Sprintf("ledger %d/%d %s %+v acted %s recorded %s expires %s by %q notice %q %s evidence %x retracts %d prev %x hash %x",
		r.Contact, r.Seq, r.Kind, r.Scope, instantText(r.Acted), instantText(r.Recorded), instantText(r.Expires),
		r.Mechanism, r.Notice, sourceText(r.Source), r.Evidence[:4], r.Retracts, r.Prev[:4], r.Hash)
}

func suppressionText(s *audience.Suppression) string {
	return fmt.Sprintf("suppression %q/%s %s at %s lifted %s until %s %s",
		s.Hash.Key, hex.EncodeToString(s.Hash.Sum[:]), s.Reason, instantText(s.At), instantText(s.Lifted), instantText(s.LiftedUntil), sourceText(s.Source))
}

func membershipText(m *store.Membership) string {
	return fmt.Sprintf("member %d of %q at %s %s", m.Origin, m.List, instantText(m.At), sourceText(m.Source))
}

func recordText(r *store.Record) string {
	return fmt.Sprintf("record %q/%q v%d %x of %d expires %s", r.Namespace, r.Key, r.Version, r.Value, r.Contact, instantText(r.Expires))
}

func mergeText(m *store.Merge) string {
	var b strings.Builder
	fmt.Fprintf(&b, "merge #%d of %d into %d at %s after %d %s row {%s}",
		m.Number, m.Loser, m.Winner, instantText(m.At), m.WinnerSeq, sourceText(m.Source), contactText(&m.LoserRow))
	for _, i := range m.Identities {
		b.WriteString(" identity " + identityText(i))
	}
	return b.String()
}

func identityText(i audience.Identity) string { return fmt.Sprintf("%q:%q", i.Kind(), i.Key()) }

func changeText(c *store.Change) string {
	suppressed := "untold"
	if c.SuppressedFrom != nil {
		suppressed = instantText(*c.SuppressedFrom)
	}
	return fmt.Sprintf("change %s of %d other %d after {%s} event {%s} before {%s} events %q record {%s} list %q left %t suppressed %s merged %s after %d %s",
		c.Kind, c.Contact, c.Other, contactText(c.After), eventText(c.Event), eventText(c.Before), texts(c.Events, eventText), consentText(c.Record),
		c.List, c.Left, suppressed, instantText(c.MergedAt), c.WinnerSeq, sourceText(c.Source))
}

// texts turns rows into text.
func texts[T any](rows []T, text func(*T) string) []string {
	out := make([]string, len(rows))
	for i := range rows {
		out[i] = text(&rows[i])
	}
	return out
}

func commitTexts(commits []store.Commit) []string {
	var out []string
	for _, c := range commits {
		out = append(out, "commit at "+instantText(c.At))
		out = append(out, texts(c.Changes, changeText)...)
	}
	return out
}
