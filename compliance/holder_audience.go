package compliance

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// audienceHolder is the audience itself: profile, events, lists, ledger and
// suppressions.
type audienceHolder struct{ ledger *Ledger }

func (h *audienceHolder) Name() string { return "audience" }

// Collect emits everything that the audience holds of a person.
func (h *audienceHolder) Collect(ctx context.Context, s Subject, emit func(Item) error) error {
	return h.ledger.aud.View(ctx, func(r *store.Reader) error {
		schema := r.Schema()
		types := make([]string, 0, len(schema.Events))
		for i := range schema.Events {
			types = append(types, schema.Events[i].Name)
		}
		p, err := r.Profile(ctx, audience.ID(s.Contact), audience.ProfileParts{Events: types, Lists: true, Ledger: true, Suppressed: true})
		c := collector{emit: emit, schema: &schema}
		if errors.Is(err, audience.ErrNotFound) {
			return h.collectGone(ctx, r, s, &c)
		}
		if err != nil {
			return err
		}
		c.profile(&p.Contact)
		c.lists(p.Lists)
		c.events(p.Streams)
		if err := h.suppressionsOf(ctx, r, p.Contact.Addresses, &c); err != nil {
			return err
		}
		if err := h.declarations(ctx, r, &p.History, &c); err != nil {
			return err
		}
		log, _, err := loadSentRecord(ctx, r, s.Contact)
		if err != nil {
			return err
		}
		for _, m := range log {
			c.add("messages", m.Purpose, audience.NewPrivate("sent"), m.At, OriginObserved)
		}
		return h.counters(ctx, r, p.Contact.ID, s.Merged, &c)
	})
}

// declarations emits the ledger with its evidence: the whole history of
// consent.
func (h *audienceHolder) declarations(ctx context.Context, r *store.Reader, history *audience.History, c *collector) error {
	for i := range history.Records {
		rec := &history.Records[i]
		what := rec.Kind.String() + " " + rec.Scope.String()
		if rec.Mechanism != "" {
			what += " by " + string(rec.Mechanism)
		}
		if rec.Notice != "" {
			what += ", notice " + rec.Notice
		}
		c.item(Item{
			Category: "consent", Field: rec.Kind.String(), Value: audience.NewPrivate(what), At: rec.Acted, Origin: OriginProvided,
			Keep: Retention{What: "the ledger, which names nobody", Basis: "GDPR Art. 7(1), 17(3)(e)"},
		})
		if !rec.HasEvidence() {
			continue
		}
		evidence, err := h.ledger.evidenceIn(ctx, r, *rec)
		switch {
		case errors.Is(err, audience.ErrNotFound):
			continue
		case err != nil:
			return err
		}
		text, err := json.Marshal(&evidence)
		if err != nil {
			return err
		}
		c.add("consent", "evidence", audience.NewPrivate(string(text)), rec.Acted, OriginObserved)
	}
	for i := range history.Merged {
		if err := h.declarations(ctx, r, &history.Merged[i].History, c); err != nil {
			return err
		}
	}
	return c.err
}

// suppressionsOf emits what is held against addresses.
func (h *audienceHolder) suppressionsOf(ctx context.Context, r *store.Reader, addresses []audience.Address, c *collector) error {
	for _, a := range addresses {
		held, err := r.Suppressions(ctx, a)
		if err != nil {
			return err
		}
		c.suppressions(a, held)
	}
	return c.err
}

// Erase removes the person with every trace of her, as [store.Tx.Erase] does.
func (h *audienceHolder) Erase(ctx context.Context, s Subject) (ErasedItems, error) {
	count := 0
	if err := h.Collect(ctx, s, func(it Item) error {
		if it.Keep == (Retention{}) {
			count++
		}
		return nil
	}); err != nil {
		return ErasedItems{}, err
	}
	_, err := h.ledger.aud.Update(ctx, func(tx *store.Tx) error {
		source := audience.Source{Kind: audience.SourceHost, Name: "rights"}
		ids, err := tx.Resolve(ctx, audience.ID(s.Contact))
		if err != nil {
			return err
		}
		if ids[0] != 0 {
			return tx.Erase(ctx, source, audience.ID(ids[0]))
		}
		found, err := h.eraseGone(ctx, tx, &s, source)
		if !found {
			count = 0 // what remains names nobody
		}
		return err
	})
	if err != nil {
		return ErasedItems{}, err
	}
	who := slices.DeleteFunc(append(slices.Clone(s.Merged), s.Contact), func(id audience.ContactID) bool { return id == 0 })
	if err := h.ledger.DestroyKeys(ctx, who...); err != nil {
		return ErasedItems{}, err
	}
	return ErasedItems{Removed: count, Kept: []Retention{
		{What: "ledger records, which name nobody", Basis: "GDPR Art. 7(1), 17(3)(e)"},
		{What: "keyed hashes of her addresses, so that nobody writes to her again", Basis: "GDPR Art. 21(3), 17(3)(b)"},
	}}, nil
}

// Rectify corrects a name, the phone number or a custom field.
func (h *audienceHolder) Rectify(ctx context.Context, s Subject, field string, value audience.Private) error {
	w := audience.ContactWrite{Match: audience.ID(s.Contact), Source: audience.Source{Kind: audience.SourcePerson, Name: "rights"}}
	switch field {
	case "first_name":
		w.FirstName = value
	case "last_name":
		w.LastName = value
	case "phone":
		w.Phone = value
	default:
		schema := h.ledger.aud.Schema()
		f, ok := schema.FieldNamed(field)
		if !ok || f.Owner != "" {
			return &audience.NotFoundError{Kind: "field"}
		}
		v, err := audience.Fit(value.Value(), f.Type, field)
		if err != nil {
			return err
		}
		w.Set = map[string]audience.Value{field: v}
	}
	_, err := h.ledger.aud.Put(ctx, w)
	return err
}

// collector emits items until one fails.
type collector struct {
	emit   func(Item) error
	schema *audience.Schema
	err    error
}

func (c *collector) item(it Item) {
	if c.err == nil {
		c.err = c.emit(it)
	}
}

func (c *collector) add(category, field string, value audience.Private, at time.Time, origin Origin) {
	if !value.IsZero() {
		c.item(Item{Category: category, Field: field, Value: value, At: at, Origin: origin})
	}
}

func (c *collector) profile(p *audience.Contact) {
	for i, a := range p.Addresses {
		field := "email"
		if i > 0 {
			field = "further_email"
		}
		c.add("profile", field, audience.NewPrivate(a.Reveal()), time.Time{}, OriginProvided)
	}
	for _, x := range p.External {
		c.add("profile", "id in "+x.System, x.ID, time.Time{}, OriginProvided)
	}
	c.add("profile", "first_name", p.FirstName, time.Time{}, OriginProvided)
	c.add("profile", "last_name", p.LastName, time.Time{}, OriginProvided)
	c.add("profile", "phone", p.Phone, time.Time{}, OriginProvided)
	c.add("profile", "frequency", audience.NewPrivate(p.Frequency), time.Time{}, OriginProvided)
	c.add("profile", "created_at", audience.NewPrivate(audience.TimestampValue(p.CreatedAt).Reveal()), p.CreatedAt, OriginObserved)
	for _, t := range p.Tags {
		c.sourced("tags", "tag", audience.NewPrivate(t.Name), t.Origin)
	}
	for i := range p.Fields {
		f := &p.Fields[i]
		c.sourced("profile", c.fieldName(f.ID), audience.NewPrivate(f.Value.Reveal()), f.Origin)
	}
}

// sourced emits a value whose provenance says where it is from.
func (c *collector) sourced(category, field string, value audience.Private, from *audience.Provenance) {
	it := Item{Category: category, Field: field, Value: value, Origin: OriginProvided}
	if from != nil {
		it.At = from.At
		switch from.Kind {
		case audience.SourceComputed:
			it.Origin = OriginInferred
		case audience.SourceImport, audience.SourceConnection:
			it.Origin, it.Source = OriginObtained, from.Kind.String()+" "+from.Name
		case audience.SourceHost:
			it.Origin = OriginObserved
		case audience.SourcePerson: // she gave it
		}
	}
	c.item(it)
}

func (c *collector) lists(names []string) {
	for _, name := range names {
		c.add("lists", "list", audience.NewPrivate(name), time.Time{}, OriginObserved)
	}
}

func (c *collector) events(streams []audience.EventStream) {
	for _, s := range streams {
		for i := range s.Events {
			e := &s.Events[i]
			c.add("events", e.Type, audience.NewPrivate(c.describe(e)), e.Time, OriginObserved)
		}
	}
}

// describe gives the properties of an event as text.
func (c *collector) describe(e *audience.Event) string {
	var out strings.Builder
	for _, p := range e.Props {
		if out.Len() > 0 {
			out.WriteString(", ")
		}
		out.WriteString(c.propName(e.Type, p.ID) + "=" + p.Value.Reveal())
	}
	if out.Len() == 0 {
		return e.Type
	}
	return out.String()
}

func (c *collector) fieldName(id audience.FieldID) string {
	f, _ := c.schema.FieldByID(id)
	return f.Name
}

func (c *collector) propName(eventType string, id audience.PropID) string {
	t, _ := c.schema.EventNamed(eventType)
	for _, p := range t.Props {
		if p.ID == id {
			return p.Name
		}
	}
	return ""
}

func (c *collector) suppressions(a audience.Address, held []audience.Suppression) {
	for _, s := range held {
		c.item(Item{
			Category: "suppressions", Field: s.Reason.String(), Value: audience.NewPrivate(a.Reveal()), At: s.At, Origin: OriginObserved,
			Keep: Retention{What: "keyed hashes of addresses", Basis: "GDPR Art. 21(3)"},
		})
	}
}
