package compliance

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Part is one category of what is held of contacts, and how long it is kept
// (GDPR Art. 5(1)(e)). Exactly one of Events, Field and Evidence is set.
type Part struct {
	// Events are of one type. Those that happened long enough ago are taken back
	// for good: their contents go, id and instant stay, so that no import brings
	// them back. What the feed says of them goes when the host trims it.
	Events string
	// Field is a custom field that nobody owns. It is cleared once its value was
	// written long enough ago.
	Field string
	// Evidence is that of requests and grants that ended long enough ago, by a
	// refusal of hers, by expiry or since they were taken back. The records
	// stay, and so does evidence of what merges alone ended.
	Evidence bool
	// OlderThan is how long it is kept. What is exactly as old goes.
	OlderThan audience.Period
}

// check reports what cannot be asked for, or nil.
func (p *Part) check(schema *audience.Schema) error {
	bad := func(path, rule, hint string) error {
		return &audience.FieldError{Path: "rule.part" + path, Rule: rule, Hint: hint}
	}
	named := 0
	for _, is := range []bool{p.Events != "", p.Field != "", p.Evidence} {
		if is {
			named++
		}
	}
	switch {
	case named != 1:
		return bad("", "one", "events of a type, a field, or evidence")
	case p.OlderThan == (audience.Period{}):
		return bad(".older_than", "empty", "how long it is kept")
	}
	if p.Events != "" {
		if _, ok := schema.EventNamed(p.Events); !ok {
			return bad(".events", "unknown", "an event type that the schema declares")
		}
	}
	if p.Field != "" {
		if f, ok := schema.FieldNamed(p.Field); !ok || f.Owner != "" {
			return bad(".field", "unknown", "a custom field that nobody owns")
		}
	}
	return nil
}

// overdue is what a rule removes of one contact.
type overdue struct {
	events   []audience.Event
	field    bool
	evidence []audience.ConsentRecord
}

func (o *overdue) len() int {
	n := len(o.events) + len(o.evidence)
	if o.field {
		n++
	}
	return n
}

// findOverdue adds to actions what is too old of each contact.
func (l *LifeCycle) findOverdue(ctx context.Context, r *store.Reader, rule *LifeCycleRule, looks []look, actions []Action) error {
	part, schema := &rule.Part, r.Schema()
	streams, err := l.streamsOf(ctx, r, part, looks)
	if err != nil {
		return err
	}
	seen := make(map[audience.ContactID]bool)
	for i := range actions {
		a, k := &actions[i], &looks[i]
		if a.Skipped == "" && seen[a.Contact] {
			a.Skipped = "she was named before"
		}
		if a.Skipped != "" {
			continue
		}
		seen[a.Contact] = true
		before, ok := audience.NewCalendar(r.Zone()).Ago(k.at, part.OlderThan)
		if !ok {
			a.Skipped = "nothing of hers is that old"
			continue
		}
		switch {
		case part.Events != "":
			a.overdue.events = slices.DeleteFunc(streams[a.Contact], func(e audience.Event) bool { return e.Time.After(before) || e.Revision == math.MaxInt64 })
		case part.Field != "":
			f, _ := schema.FieldNamed(part.Field)
			a.overdue.field = slices.ContainsFunc(k.profile.Contact.Fields, func(v audience.FieldValue) bool {
				return v.ID == f.ID && v.Origin != nil && !v.Origin.At.After(before)
			})
		default:
			if a.overdue.evidence, err = endedEvidence(ctx, r, &k.profile.History, before); err != nil {
				return err
			}
		}
		if a.Parts = a.overdue.len(); a.Parts == 0 {
			a.Skipped = "nothing of hers is that old"
		}
	}
	return nil
}

// streamsOf reads the events of a type of contacts.
func (l *LifeCycle) streamsOf(ctx context.Context, r *store.Reader, part *Part, looks []look) (map[audience.ContactID][]audience.Event, error) {
	if part.Events == "" {
		return nil, nil
	}
	var ids []audience.ContactID
	for i := range looks {
		if looks[i].profile != nil {
			ids = append(ids, looks[i].profile.Contact.ID)
		}
	}
	profiles, err := r.ProfilesOf(ctx, audience.ProfileParts{Events: []string{part.Events}}, ids...)
	if err != nil {
		return nil, err
	}
	out := make(map[audience.ContactID][]audience.Event, len(profiles))
	for i := range profiles {
		for _, s := range profiles[i].Streams {
			out[profiles[i].Contact.ID] = slices.Clone(s.Events)
		}
	}
	return out, nil
}

// endedEvidence gives the records whose evidence is there and which ended by an
// instant, of a contact and of whoever was merged into her.
func endedEvidence(ctx context.Context, r *store.Reader, h *audience.History, before time.Time) (out []audience.ConsentRecord, err error) {
	for i := range h.Records {
		rec := h.Records[i]
		end, ended := audience.EndedAt(h.Records, rec.Seq)
		if !ended || end.After(before) || !rec.HasEvidence() {
			continue
		}
		switch _, err := r.Evidence(ctx, rec); {
		case err == nil:
			out = append(out, rec)
		case !isNotFound(err):
			return nil, err
		}
	}
	for i := range h.Merged {
		more, err := endedEvidence(ctx, r, &h.Merged[i].History, before)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// trim removes what is overdue.
func (l *LifeCycle) trim(ctx context.Context, tx *store.Tx, rule *LifeCycleRule, actions []*Action, source audience.Source) error {
	var events []audience.EventWrite
	var records []audience.ConsentRecord
	var fields []audience.ContactWrite
	for _, a := range actions {
		for i := range a.overdue.events {
			e := &a.overdue.events[i]
			// No revision is above this one, so that nothing brings it back.
			events = append(events, audience.EventWrite{
				Contact: audience.ID(a.Contact), ID: e.ID, Type: e.Type, Time: e.Time, Revision: math.MaxInt64, Retract: true, Source: source,
			})
		}
		if a.overdue.field {
			fields = append(fields, audience.ContactWrite{Match: audience.ID(a.Contact), Mode: audience.UpdateOnly, Clear: []string{rule.Part.Field}, Source: source})
		}
		records = append(records, a.overdue.evidence...)
	}
	most := l.ledger.aud.Limits().BatchItems
	for some := range slices.Chunk(events, most) {
		if _, err := tx.Append(ctx, some...); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(records, most) {
		if err := tx.DropEvidence(ctx, some...); err != nil {
			return err
		}
	}
	if len(fields) == 0 {
		return nil
	}
	_, err := tx.Put(ctx, fields...)
	return err
}

// everybody gives all contacts.
func (l *LifeCycle) everybody(ctx context.Context) iter.Seq2[audience.ContactID, error] {
	return func(yield func(audience.ContactID, error) bool) {
		var q store.ContactQuery
		for {
			var page store.Page[audience.ContactID]
			err := l.ledger.aud.View(ctx, func(r *store.Reader) (err error) {
				page, err = r.ContactIDs(ctx, q)
				return err
			})
			if err != nil {
				yield(0, fmt.Errorf("compliance: read contacts: %w", err))
				return
			}
			for _, id := range page.Items {
				if !yield(id, nil) {
					return
				}
			}
			if q.After = page.Next; q.After == "" {
				return
			}
		}
	}
}
