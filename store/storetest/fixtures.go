package storetest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// hostile lists texts that a store must give back byte for byte and tell
// apart: pairs that a collation, a pattern or a trim would take for the same.
// They can be keys and values; names are those of [names].
func hostile() []string {
	return []string{
		"plain", "Plain", "PLAIN", "plain ", " plain", "plain\t", "pláin", "pla\u0301in", "ＰＬＡＩＮ",
		"straße", "strasse", "İ", "i", "ı", "I", "ﬁ", "fi", "\u00a0", "\u200b",
		"a%", "a_", "ab", "a\\", `a"`, "a'", "a''", "a;--", "a\n", "a\r\n", "$1", ":p", "?", "NULL", "0", "00", "1e3",
		"漢字", "😀", "👩‍👩‍👧", "\U0010ffff", "é", "e\u0301", strings.Repeat("x", 300), strings.Repeat("漢", 150),
	}
}

// names lists the hostile texts that can be names of lists, types, systems
// and the like.
func names() []string {
	return slices.DeleteFunc(hostile(), func(s string) bool { return audience.CheckName("name", s, audience.Limits{}) != nil })
}

// source is a source with every member set.
func source() audience.Source {
	return audience.Source{Kind: audience.SourceImport, Name: "job 7", Actor: "op-1"}
}

func origin(at time.Time) *audience.Provenance {
	return &audience.Provenance{Source: source(), At: at}
}

// values has every type at its edges.
func values() []audience.Value {
	return []audience.Value{
		audience.StringValue(""), audience.StringValue("Zürich 'n' \"B\" \\ %_"), audience.StringValue(strings.Repeat("é", 30_000)),
		audience.IntValue(0), audience.IntValue(math.MaxInt64), audience.IntValue(math.MinInt64), audience.IntValue(1<<53 + 1),
		audience.DoubleValue(0.1), audience.DoubleValue(math.MaxFloat64), audience.DoubleValue(-math.SmallestNonzeroFloat64), audience.DoubleValue(1),
		audience.BoolValue(true), audience.BoolValue(false),
		audience.TimestampValue(audience.MinInstant()), audience.TimestampValue(audience.MaxInstant()), audience.TimestampValue(start().Add(time.Microsecond)),
		audience.DateValue(audience.DateOf(audience.MinInstant(), time.UTC)), audience.DateValue(audience.DateOf(audience.MaxInstant(), time.UTC)), audience.DateValue(-1),
		audience.StringListValue(), audience.StringListValue(""), audience.StringListValue("a,b", "a", "b", `"`, "A"),
	}
}

// fullContact is a row with everything in it.
func fullContact(id audience.ContactID, version uint64) audience.Contact {
	c := audience.Contact{
		ID: id, Version: version,
		Addresses: []audience.Address{
			audience.MustAddress(fmt.Sprintf("Zoë.Q%d@BÜCHER.example.com", id)),
			audience.MustAddress(fmt.Sprintf("b%d@example.org", id)), audience.MustAddress(fmt.Sprintf("a%d@example.org", id)),
		},
		External: []audience.ExternalID{
			audience.External("crm", fmt.Sprintf(" 0%d ", id)), audience.External(audience.HostSystem, fmt.Sprintf("u%d", id)),
		},
		FirstName: audience.NewPrivate("Zoë 😀"), LastName: audience.NewPrivate("O'Hara \\ \"%_"), Phone: audience.NewPrivate("+41 44 000 00 00"),
		Frequency: "weekly",
		CreatedAt: audience.MinInstant().Add(time.Microsecond), UpdatedAt: start().Add(123456 * time.Microsecond),
	}
	for i, v := range values() {
		c.Fields = append(c.Fields, audience.FieldValue{ID: audience.FieldID(3*i + 1), Value: v, Origin: origin(start().Add(time.Duration(i) * time.Microsecond))})
	}
	for _, name := range []string{"B2B", "b2b", "b2b%", "ß", "漢字"} {
		c.Tags = append(c.Tags, audience.Tag{Name: name, Origin: origin(start())})
	}
	return c
}

// plainContact is a row with little in it.
func plainContact(id audience.ContactID, version uint64) audience.Contact {
	return audience.Contact{
		ID: id, Version: version, CreatedAt: start(), UpdatedAt: start(),
		External: []audience.ExternalID{audience.External(audience.HostSystem, fmt.Sprintf("u%d", id))},
	}
}

// addContacts puts n new plain rows.
func addContacts(ctx context.Context, w store.WriteRoles, n int) ([]audience.ContactID, error) {
	ids, err := w.NewContactIDs(ctx, n)
	if err != nil {
		return nil, err
	}
	rows := make([]store.ContactRow, n)
	for i, id := range ids {
		rows[i].Contact = new(plainContact(id, 1))
	}
	return ids, w.PutContacts(ctx, rows)
}

// contacts commits n new plain rows.
func (k *kit) contacts(p store.Partition, n int) (ids []audience.ContactID) {
	k.Helper()
	k.update(p, func(w store.WriteRoles) (err error) {
		ids, err = addContacts(k.ctx, w, n)
		return err
	})
	require.Len(k, ids, n)
	return ids
}

// bump gives the stored row the next version.
func bump(ctx context.Context, w store.WriteRoles, id audience.ContactID) (audience.Contact, error) {
	rows, err := w.LockContacts(ctx, []audience.ContactID{id})
	if err != nil {
		return audience.Contact{}, err
	}
	if len(rows) != 1 {
		return audience.Contact{}, fmt.Errorf("LockContacts gave %d rows for contact %d", len(rows), id)
	}
	c := rows[0]
	c.Version++
	return c, w.PutContacts(ctx, []store.ContactRow{{Contact: &c, Expect: c.Version - 1}})
}

// bumpAndLog is bump with its change in the feed.
func bumpAndLog(ctx context.Context, w store.WriteRoles, at time.Time, ids ...audience.ContactID) error {
	for _, id := range ids {
		c, err := bump(ctx, w, id)
		if err != nil {
			return err
		}
		if err := w.AppendChanges(ctx, at, []store.Change{{Kind: store.ChangeContact, Contact: id, After: &c}}); err != nil {
			return err
		}
	}
	return nil
}

func event(o audience.ContactID, kind, id string, at time.Time) audience.Event {
	return audience.Event{Contact: o, Origin: o, ID: id, Type: kind, Time: at}
}

// linked gives a record that follows prev in the chain of a contact of an
// audience; a grant has evidence, a retraction is one of the first record, a
// release has a reason and a relation is a purchase.
func linked(audienceName string, id audience.ContactID, prev *audience.ConsentRecord, kind audience.ConsentKind, at time.Time) audience.ConsentRecord {
	r := audience.ConsentRecord{
		Contact: id, Seq: 1, Kind: kind, Scope: audience.MarketingScope(), Acted: at, Recorded: at,
		Source: source(), Notice: "notice-3", Prev: audience.ChainStart(audienceName, id),
	}
	if kind == audience.ConsentGranted {
		r.Mechanism, r.Evidence, r.Expires = audience.MechanismDoubleOptIn, [32]byte{1, 2, 0xff}, at.Add(365*24*time.Hour)
	}
	switch kind {
	case audience.ConsentRetracted:
		r.Retracts = 1
	case audience.ConsentReleased:
		r.Evidence, r.Source.Actor = [32]byte{3}, "operator-7"
	case audience.ConsentRelation:
		r.Mechanism, r.Expires = audience.MechanismPurchase, at.Add(365*24*time.Hour)
	default: // nothing but what every record has
	}
	if prev != nil {
		r.Seq, r.Prev = prev.Seq+1, prev.Hash
	}
	r.Hash = r.ComputeHash()
	return r
}

// grant is a write with evidence.
func grant(ref audience.Ref) audience.ConsentWrite {
	return audience.ConsentWrite{
		Contact: ref, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
		Mechanism: audience.MechanismSingleOptIn, Evidence: []byte("form 12, box ticked"), Source: source(),
	}
}

// refusal is a write that takes consent away.
func refusal(ref audience.Ref, kind audience.ConsentKind) audience.ConsentWrite {
	return audience.ConsentWrite{Contact: ref, Kind: kind, Scope: audience.Scope{Channel: audience.ChannelEmail}, Source: source()}
}

// person is a write that creates or finds a contact by address and key.
func person(name string) audience.ContactWrite {
	return audience.ContactWrite{
		Email: audience.MustAddress(name + "@example.com"), External: []audience.ExternalID{audience.External(audience.HostSystem, name)}, Source: source(),
	}
}
