package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func mergingChecks() []Check {
	return []Check{
		{
			Topic: topicMerges, Name: "one-person-afterwards", run: mergingOne,
			Reason: "After a merge every name of both leads to one person with what both did: an order that counts twice or not at all moves her between segments.",
		},
		{
			Topic: topicMerges, Name: "undone-exactly", run: mergingUndone,
			Reason: "Merging is a guess; it may be made only because taking it back leaves no trace of the mistake.",
		},
	}
}

// describe is everything that is known about a person, without what a write
// always changes.
func (k *kit) describe(aud *store.Audience, ref audience.Ref) []string {
	k.Helper()
	p := k.profile(aud, ref)
	p.Contact.Version, p.Contact.UpdatedAt = 0, time.Time{}
	lines := []string{contactText(&p.Contact)}
	for _, s := range p.Streams {
		lines = append(lines, texts(s.Events, eventText)...)
	}
	lines = append(lines, p.Lists...)
	lines = append(lines, texts(p.History.Records, consentText)...)
	for _, m := range p.History.Merged {
		lines = append(lines, fmt.Sprintf("merged at %s after %d", instantText(m.At), m.Seq))
		lines = append(lines, texts(m.History.Records, consentText)...)
	}
	k.look(aud, func(r *store.Reader) {
		for _, identity := range p.Contact.Identities() {
			ids, err := r.Resolve(k.ctx, refOf(identity))
			require.NoError(k, err)
			lines = append(lines, fmt.Sprintf("%s leads to %d", identityText(identity), ids[0]))
		}
	})
	return lines
}

func refOf(i audience.Identity) audience.Ref {
	if i.Kind() == "address" {
		return audience.Email(i.Key())
	}
	return audience.Key(i.Key())
}

// couple makes two people who have done things, and gives their ids.
func (k *kit) couple(aud *store.Audience) (ann, bea audience.ContactID) {
	k.Helper()
	ids := k.people(aud, "ann", "bea")
	for i, name := range []string{"ann", "bea"} {
		ref := audience.Key(name)
		w := person(name)
		w.FirstName, w.AddTags = audience.NewPrivate(name), []string{"tag of " + name}
		w.Set = map[string]audience.Value{"points": audience.IntValue(int64(i))}
		_, err := aud.Put(k.ctx, w)
		require.NoError(k, err)
		for _, e := range []audience.EventWrite{
			{ID: "own of " + name, Time: at(1)}, {ID: "both", Time: at(2 + i), Revision: 1}, {ID: "higher", Time: at(4 + i), Revision: uint64(i + 1)},
		} {
			e.Contact, e.Type = ref, "purchase"
			_, err := aud.Append(k.ctx, e)
			require.NoError(k, err)
		}
		k.record(aud, grant(ref))
	}
	k.change(aud, func(tx *store.Tx) error {
		return tx.AddToList(k.ctx, "gold", source(), audience.Key("bea"))
	})
	k.clock.step(time.Minute)
	return ids[0], ids[1]
}

func mergingOne(k *kit) {
	aud := k.open(mainAudience)
	ann, bea := k.couple(aud)
	k.change(aud, func(tx *store.Tx) error {
		return tx.Merge(k.ctx, audience.Key("ann"), audience.Email("bea@example.com"), source())
	})
	refs := []audience.Ref{
		audience.ID(ann), audience.ID(bea), audience.Key("ann"), audience.Key("bea"), audience.Email("ann@example.com"), audience.Email("bea@example.com"),
	}
	k.look(aud, func(r *store.Reader) {
		ids, err := r.Resolve(k.ctx, refs...)
		require.NoError(k, err)
		require.Equal(k, slices.Repeat([]audience.ContactID{ann}, len(refs)), ids)
		page, err := r.Contacts(k.ctx, store.ContactQuery{})
		require.NoError(k, err)
		require.Len(k, page.Items, 1)
	})
	for _, id := range []string{"late 1", "late 2"} {
		_, err := aud.Append(k.ctx, audience.EventWrite{Contact: audience.Key("bea"), ID: id, Type: "purchase", Time: at(9)})
		require.NoError(k, err)
	}
	p := k.profile(aud, audience.ID(bea))
	var events []string
	for _, e := range p.Events("purchase") {
		require.Equal(k, ann, e.Contact)
		events = append(events, fmt.Sprintf("%s at %d", e.ID, e.Time.Sub(start())/time.Second))
	}
	require.Equal(k, []string{"own of ann at 1", "own of bea at 1", "both at 2", "higher at 5", "late 1 at 9", "late 2 at 9"}, events)
	require.Equal(k, []string{"gold"}, p.Lists)
	require.Equal(k, "ann", p.Contact.FirstName.Reveal())
	require.Equal(k, []string{"tag of ann"}, p.Contact.TagNames())
	last := k.commits(aud, store.Position{}, 100)
	merged := 0
	for _, c := range last {
		for _, change := range c.Changes {
			if change.Kind == store.ChangeMerge {
				merged++
				require.Equal(k, []audience.ContactID{ann, bea}, []audience.ContactID{change.Contact, change.Other})
				require.Len(k, change.After.Identities(), 4)
				require.Equal(k, []string{"higher of " + ann.String(), "both of " + bea.String()}, originTexts(change.Events))
			}
		}
	}
	require.Equal(k, 1, merged)
}

// originTexts tells of events which they are and under whom they were written.
func originTexts(events []audience.Event) []string {
	return texts(events, func(e *audience.Event) string { return e.ID + " of " + e.Origin.String() })
}

func mergingUndone(k *kit) {
	aud := k.open(mainAudience)
	ann, bea := k.couple(aud)
	cleo := k.people(aud, "cleo")[0]
	before := [][]string{k.describe(aud, audience.ID(ann)), k.describe(aud, audience.ID(bea)), k.describe(aud, audience.ID(cleo))}
	merge := func(winner, loser audience.ContactID) {
		k.clock.step(time.Minute)
		k.change(aud, func(tx *store.Tx) error {
			return tx.Merge(k.ctx, audience.ID(winner), audience.ID(loser), source())
		})
	}
	undo := func(loser audience.ContactID) {
		k.clock.step(time.Minute)
		k.change(aud, func(tx *store.Tx) error { return tx.Unmerge(k.ctx, loser, source()) })
	}
	require.ErrorIs(k, k.changeErr(aud, func(tx *store.Tx) error { return tx.Unmerge(k.ctx, bea, source()) }), audience.ErrNotFound)
	for range 2 { // one into the other into the third, and back, twice
		merge(ann, bea)
		merge(cleo, ann)
		require.Equal(k, cleo, k.profile(aud, audience.Key("bea")).Contact.ID)
		undo(ann)
		require.Equal(k, before[2], k.describe(aud, audience.ID(cleo)))
		require.Equal(k, ann, k.profile(aud, audience.ID(bea)).Contact.ID)
		undo(bea)
		for _, c := range k.commits(aud, store.Position{}, 1000) {
			if last := c.Changes[0]; last.Kind == store.ChangeUnmerge && last.Other == bea {
				require.Equal(k, []string{"higher of " + ann.String(), "both of " + bea.String()}, originTexts(last.Events))
			}
		}
		require.Equal(k, before[0], k.describe(aud, audience.ID(ann)))
		require.Equal(k, before[1], k.describe(aud, audience.ID(bea)))
		require.Equal(k, before[2], k.describe(aud, audience.ID(cleo)))
	}
}
