package storetest

import (
	"math"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicContacts = "contacts"

func contactChecks() []Check {
	return []Check{
		{
			Topic: topicContacts, Name: "round-trip", run: contactRoundTrip,
			Reason: "A segment is computed from what the store gives back: a trimmed space, a rounded number or an instant in another zone changes who is in it.",
		},
		{
			Topic: topicContacts, Name: "a-row-replaces-the-whole-row", run: contactReplaced,
			Reason: "A field that was cleared and comes back with the next write is data the person or the host had removed.",
		},
		{
			Topic: topicContacts, Name: "expected-version", run: contactExpect,
			Reason: "Two writers who read the same row must not both win: the second would undo the first without anybody noticing.",
		},
		{
			Topic: topicContacts, Name: "refused-batch-stores-nothing", run: contactBatchAtomic,
			Reason: "A batch that fails is mended and sent again; rows that went in already would be refused or doubled then.",
		},
		{
			Topic: topicContacts, Name: "only-given-ids", run: contactUnknownIDs,
			Reason: "A row under an id that nobody gave is overwritten when the id is given, and ids are bits of segment sets.",
		},
		{
			Topic: topicContacts, Name: "order-of-the-argument", run: contactOrder,
			Reason: "Callers put rows next to their requests by place, so a row in another place is another person's.",
		},
		{
			Topic: topicContacts, Name: "ascending-pages", run: contactPages,
			Reason: "Every full read, evaluation and export goes through pages; a row at a boundary that is skipped or repeated is a person missed or counted twice.",
		},
		{
			Topic: topicContacts, Name: "a-change-between-pages", run: contactPagesMoving,
			Reason: "Nobody stops writing while an export runs: pages go by key, so that rows that come and go elsewhere move nobody.",
		},
		{
			Topic: topicContacts, Name: "delete-and-put-back", run: contactDelete,
			Reason: "Undoing a merge puts the loser's row back under her id; deleting what is gone already is how a retry ends.",
		},
		{
			Topic: topicContacts, Name: "what-was-read-stays", run: contactAliasing,
			Reason: "Rows are shared between readers without copying; a write that changes them in place changes what somebody holds.",
		},
	}
}

func contactRoundTrip(k *kit) {
	p := k.rows()
	full, empty := k.pair(p)
	rows := []audience.Contact{fullContact(full, 1), {ID: empty, Version: math.MaxInt64, CreatedAt: audience.MinInstant().Add(time.Microsecond), UpdatedAt: audience.MaxInstant()}}
	k.update(p, func(w store.WriteRoles) error {
		return w.PutContacts(k.ctx, []store.ContactRow{{Contact: &rows[0]}, {Contact: &rows[1]}})
	})
	k.view(p, func(r store.ReadRoles) {
		got, err := r.Contacts(k.ctx, []audience.ContactID{full, empty})
		require.NoError(k, err)
		require.Equal(k, texts(rows, contactText), texts(got, contactText))
		require.Equal(k, rows[0].Identities(), got[0].Identities())
		got, err = r.ContactsAfter(k.ctx, 0, 10)
		require.NoError(k, err)
		require.Equal(k, texts(rows, contactText), texts(got, contactText))
	})
	for i, text := range hostile() { // one after another in the same places
		name := names()[i%len(names())]
		c := audience.Contact{
			ID: full, Version: uint64(i + 2), CreatedAt: start(), UpdatedAt: start(), Frequency: text,
			FirstName: audience.NewPrivate(text), External: []audience.ExternalID{audience.External(name, text)},
			Tags:   []audience.Tag{{Name: name, Origin: &audience.Provenance{Source: audience.Source{Name: name, Actor: name}, At: start()}}},
			Fields: []audience.FieldValue{{ID: 1, Value: audience.StringListValue(text, text+","), Origin: origin(start())}},
		}
		k.update(p, func(w store.WriteRoles) error {
			return w.PutContacts(k.ctx, []store.ContactRow{{Contact: &c, Expect: c.Version - 1}})
		})
		k.view(p, func(r store.ReadRoles) {
			got, err := r.Contacts(k.ctx, []audience.ContactID{full})
			require.NoError(k, err)
			require.Equal(k, []string{contactText(&c)}, texts(got, contactText))
		})
	}
}

// pair takes two ids.
func (k *kit) pair(p store.Partition) (a, b audience.ContactID) {
	k.Helper()
	k.update(p, func(w store.WriteRoles) error {
		ids, err := w.NewContactIDs(k.ctx, 2)
		require.NoError(k, err)
		require.Len(k, ids, 2)
		a, b = ids[0], ids[1]
		return nil
	})
	return a, b
}

func contactReplaced(k *kit) {
	p := k.rows()
	id := k.contacts(p, 1)[0]
	full, plain := fullContact(id, 2), plainContact(id, 3)
	for _, c := range []audience.Contact{full, plain} {
		k.update(p, func(w store.WriteRoles) error {
			return w.PutContacts(k.ctx, []store.ContactRow{{Contact: &c, Expect: c.Version - 1}})
		})
		k.view(p, func(r store.ReadRoles) {
			got, err := r.Contacts(k.ctx, []audience.ContactID{id})
			require.NoError(k, err)
			require.Equal(k, []string{contactText(&c)}, texts(got, contactText))
		})
	}
}

func contactExpect(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	stored, gone := ids[0], ids[1]
	fresh, _ := k.pair(p)
	k.update(p, func(w store.WriteRoles) error {
		return w.DeleteContacts(k.ctx, []audience.ContactID{gone})
	})
	tests := []struct {
		name     string
		id       audience.ContactID
		expect   uint64
		conflict bool
	}{
		{"creating what exists", stored, 0, true},
		{"an older version", stored, 7, true},
		{"the next version", stored, 2, true},
		{"changing what never was", fresh, 1, true},
		{"changing what was deleted", gone, 1, true},
		{"the stored version", stored, 1, false},
		{"creating what never was", fresh, 0, false},
	}
	for _, tt := range tests {
		_, err := p.Update(k.ctx, func(w store.WriteRoles) error {
			return w.PutContacts(k.ctx, []store.ContactRow{{Contact: new(plainContact(tt.id, 8)), Expect: tt.expect}})
		})
		if !tt.conflict {
			require.NoError(k, err, tt.name)
			continue
		}
		require.ErrorIs(k, err, audience.ErrConflict, tt.name)
	}
}

func contactBatchAtomic(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	rows := func(expect uint64) []store.ContactRow {
		var out []store.ContactRow
		for _, id := range ids {
			out = append(out, store.ContactRow{Contact: new(fullContact(id, 2)), Expect: 1})
		}
		out[2].Expect = expect
		return out
	}
	before := k.state(p, universe{ids: ids})
	k.update(p, func(w store.WriteRoles) error { // and the transaction goes on and commits
		require.ErrorIs(k, w.PutContacts(k.ctx, rows(5)), audience.ErrConflict)
		return nil
	})
	require.Equal(k, before, k.state(p, universe{ids: ids}))
	k.update(p, func(w store.WriteRoles) error {
		require.ErrorIs(k, w.PutContacts(k.ctx, rows(5)), audience.ErrConflict)
		return w.PutContacts(k.ctx, rows(1))
	})
	require.NotEqual(k, before, k.state(p, universe{ids: ids}))
}

func contactUnknownIDs(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	for _, id := range []audience.ContactID{0, math.MaxUint32} {
		_, err := p.Update(k.ctx, func(w store.WriteRoles) error {
			return w.PutContacts(k.ctx, []store.ContactRow{{Contact: new(plainContact(id, 1))}})
		})
		require.ErrorIs(k, err, audience.ErrInvalid, "contact %d", id)
	}
	k.view(p, func(r store.ReadRoles) {
		rows, err := r.ContactsAfter(k.ctx, 0, 10)
		require.NoError(k, err)
		require.Len(k, rows, len(ids))
	})
}

func contactOrder(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 4)
	missing, _ := k.pair(p)
	k.update(p, func(w store.WriteRoles) error {
		return w.DeleteContacts(k.ctx, ids[3:])
	})
	ask := []audience.ContactID{ids[2], missing, ids[0], ids[2], 0, ids[3], ids[1], math.MaxUint32}
	want := []audience.ContactID{ids[2], ids[0], ids[2], ids[1]}
	read := func(rows []audience.Contact, err error) {
		require.NoError(k, err)
		var got []audience.ContactID
		for _, c := range rows {
			got = append(got, c.ID)
		}
		require.Equal(k, want, got)
	}
	k.view(p, func(r store.ReadRoles) { read(r.Contacts(k.ctx, ask)) })
	k.update(p, func(w store.WriteRoles) error {
		read(w.LockContacts(k.ctx, ask))
		return nil
	})
}

func contactPages(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 7)
	k.update(p, func(w store.WriteRoles) error {
		return w.DeleteContacts(k.ctx, []audience.ContactID{ids[0], ids[3]})
	})
	want := []audience.ContactID{ids[1], ids[2], ids[4], ids[5], ids[6]}
	k.view(p, func(r store.ReadRoles) {
		for size := 1; size <= len(want)+1; size++ {
			require.Equal(k, want, k.contactPages(r, size), "pages of %d", size)
		}
		rows, err := r.ContactsAfter(k.ctx, ids[3], math.MaxInt32)
		require.NoError(k, err)
		require.Len(k, rows, 3, "after an id that is gone")
		rows, err = r.ContactsAfter(k.ctx, math.MaxUint32, 1)
		require.NoError(k, err)
		require.Empty(k, rows)
		for _, limit := range []int{0, -1} {
			_, err = r.ContactsAfter(k.ctx, 0, limit)
			require.ErrorIs(k, err, audience.ErrInvalid)
		}
	})
}

// contactPages reads all ids in pages.
func (k *kit) contactPages(r store.ReadRoles, size int) (ids []audience.ContactID) {
	k.Helper()
	var after audience.ContactID
	for {
		rows, err := r.ContactsAfter(k.ctx, after, size)
		require.NoError(k, err)
		require.LessOrEqual(k, len(rows), size)
		for _, c := range rows {
			require.Greater(k, c.ID, after, "a page goes forward")
			after = c.ID
			ids = append(ids, c.ID)
		}
		if len(rows) < size {
			return ids
		}
	}
}

func contactPagesMoving(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 6)
	var got []audience.ContactID
	read := func(after audience.ContactID) {
		k.view(p, func(r store.ReadRoles) {
			rows, err := r.ContactsAfter(k.ctx, after, 2)
			require.NoError(k, err)
			for _, c := range rows {
				got = append(got, c.ID)
			}
		})
	}
	read(0)
	k.update(p, func(w store.WriteRoles) error { // one that was read, the last one that was read, one that comes
		return w.DeleteContacts(k.ctx, []audience.ContactID{ids[0], ids[1], ids[2]})
	})
	read(ids[1])
	k.update(p, func(w store.WriteRoles) error { // a row comes back behind the reader
		return w.PutContacts(k.ctx, []store.ContactRow{{Contact: new(plainContact(ids[0], 1))}})
	})
	added := k.contacts(p, 1)
	read(ids[4])
	read(added[0])
	require.Equal(k, []audience.ContactID{ids[0], ids[1], ids[3], ids[4], ids[5], added[0]}, got)
}

func contactDelete(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	missing, _ := k.pair(p)
	doomed := []audience.ContactID{ids[1], missing, ids[1]}
	for range 2 { // again is harmless
		k.update(p, func(w store.WriteRoles) error { return w.DeleteContacts(k.ctx, doomed) })
		k.view(p, func(r store.ReadRoles) {
			require.Equal(k, []audience.ContactID{ids[0], ids[2]}, k.contactPages(r, 10))
		})
	}
	k.update(p, func(w store.WriteRoles) error {
		return w.PutContacts(k.ctx, []store.ContactRow{{Contact: new(fullContact(ids[1], 9))}})
	})
	k.view(p, func(r store.ReadRoles) {
		require.Equal(k, ids, k.contactPages(r, 10))
		rows, err := r.Contacts(k.ctx, ids[1:2])
		require.NoError(k, err)
		want := fullContact(ids[1], 9)
		require.Equal(k, contactText(&want), contactText(&rows[0]))
	})
}

func contactAliasing(k *kit) {
	p := k.rows()
	id := k.contacts(p, 1)[0]
	var versions [][]audience.Contact
	var before [][]string
	for version := uint64(2); version < 5; version++ {
		k.update(p, func(w store.WriteRoles) error {
			c := fullContact(id, version)
			c.Tags = c.Tags[:version]
			c.UpdatedAt = c.UpdatedAt.Add(time.Duration(version) * time.Second)
			return w.PutContacts(k.ctx, []store.ContactRow{{Contact: &c, Expect: version - 1}})
		})
		k.view(p, func(r store.ReadRoles) {
			rows, err := r.Contacts(k.ctx, []audience.ContactID{id})
			require.NoError(k, err)
			versions, before = append(versions, rows), append(before, texts(rows, contactText))
		})
	}
	for i, rows := range versions {
		require.Equal(k, before[i], texts(rows, contactText))
	}
}
