package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicLedger = "ledger"

func ledgerChecks() []Check {
	return []Check{
		{
			Topic: topicLedger, Name: "round-trip-and-order", run: ledgerRoundTrip,
			Reason: "The ledger is the proof of consent: a record whose bytes no longer give its hash proves nothing.",
		},
		{
			Topic: topicLedger, Name: "heads", run: ledgerHeads,
			Reason: "The next record is chained to the head; a wrong one forks the chain or stops it for good.",
		},
		{
			Topic: topicLedger, Name: "heads-in-pages", run: ledgerHeadPages,
			Reason: "A seal over the ledger is made of all heads: a chain that is left out can be cut off, and nobody sees it.",
		},
		{ // G4
			Topic: topicLedger, Name: "grant-needs-evidence", run: ledgerEvidence,
			Reason: "The store is the last place that can stop it: whoever reaches the adapter must not make anybody mailable without evidence.",
		},
		{
			Topic: topicLedger, Name: "only-what-follows", run: ledgerFollows,
			Reason: "A record that does not continue its chain can be a second truth, an older one or somebody else's.",
		},
		{
			Topic: topicLedger, Name: "refused-batch-appends-nothing", run: ledgerAtomic,
			Reason: "A part of a batch in the ledger stays there for ever, since nothing in it can be taken back.",
		},
		{
			Topic: topicLedger, Name: "outlives-the-contact", run: ledgerOutlives,
			Reason: "Who asks why she was mailed has often been deleted since; and her refusal has to go on counting.",
		},
		{
			Topic: topicLedger, Name: "racing-appends", run: ledgerRace, Needs: FeatureOverlap,
			Reason: "A consent and a refusal at the same time must both be in the chain, one after the other.",
		},
	}
}

// ledger reads chains as text.
func (k *kit) ledger(p store.Partition, ids ...audience.ContactID) (lines []string) {
	k.Helper()
	k.view(p, func(r store.ReadRoles) {
		records, err := r.Ledger(k.ctx, ids)
		require.NoError(k, err)
		for i := range records {
			require.Equal(k, records[i].Hash, records[i].ComputeHash(), "the hash of what comes back")
		}
		lines = texts(records, consentText)
	})
	return lines
}

// chain gives n records that follow each other.
func chain(id audience.ContactID, n int) []audience.ConsentRecord {
	kinds := []audience.ConsentKind{
		audience.ConsentGranted, audience.ConsentWithdrawn, audience.ConsentRequested, audience.ConsentBounced, audience.ConsentComplained,
		audience.ConsentRetracted, audience.ConsentRestricted, audience.ConsentReleased, audience.ConsentRelation,
	}
	var out []audience.ConsentRecord
	for i := range n {
		var prev *audience.ConsentRecord
		if i > 0 {
			prev = &out[i-1]
		}
		out = append(out, linked(mainAudience, id, prev, kinds[i%len(kinds)], at(i).Add(time.Microsecond)))
	}
	return out
}

func ledgerRoundTrip(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	a, b := chain(ids[0], 12), chain(ids[2], 3)
	for i := range a { // texts of all kinds, and an act long before it was recorded
		text := names()[i*2]
		a[i].Scope = audience.Scope{Channel: text, Purpose: text + "p", List: text + "l"}
		a[i].Notice, a[i].Source.Name, a[i].Source.Actor = text, text, text
		if a[i].Kind != audience.ConsentGranted && a[i].Kind != audience.ConsentRelation {
			a[i].Mechanism = audience.Mechanism(text)
		}
		a[i].Acted = audience.MinInstant().Add(time.Microsecond)
		if i > 0 {
			a[i].Prev = a[i-1].Hash
		}
		a[i].Hash = a[i].ComputeHash()
	}
	mixed := []audience.ConsentRecord{b[0], a[0], a[1], b[1]}
	k.update(p, func(w store.WriteRoles) error {
		if err := w.AppendLedger(k.ctx, mixed); err != nil {
			return err
		}
		return w.AppendLedger(k.ctx, append(a[2:len(a):len(a)], b[2]))
	})
	want := append(texts(a, consentText), texts(b, consentText)...)
	require.Equal(k, want, k.ledger(p, ids[2], ids[1], ids[0], ids[2]))
	require.Equal(k, want[len(a):], k.ledger(p, ids[2]))
	require.Empty(k, k.ledger(p))
}

func ledgerHeads(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	a, b := chain(ids[0], 11), chain(ids[2], 1)
	k.update(p, func(w store.WriteRoles) error {
		if err := w.AppendLedger(k.ctx, a[:10]); err != nil {
			return err
		}
		return w.AppendLedger(k.ctx, append(b, a[10]))
	})
	k.view(p, func(r store.ReadRoles) {
		got, err := r.LedgerHeads(k.ctx, []audience.ContactID{ids[2], ids[1], ids[0], ids[2]})
		require.NoError(k, err)
		require.Equal(k, []string{consentText(&a[10]), consentText(&b[0])}, texts(got, consentText))
	})
}

func ledgerHeadPages(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 6)
	var want []string
	k.update(p, func(w store.WriteRoles) error {
		for i, n := range []int{3, 11, 0, 1, 2, 1} {
			all := chain(ids[i], n)
			if err := w.AppendLedger(k.ctx, all); err != nil {
				return err
			}
			if n > 0 {
				want = append(want, consentText(&all[n-1]))
			}
		}
		return w.DeleteContacts(k.ctx, ids[3:4]) // whose chain stays
	})
	k.view(p, func(r store.ReadRoles) {
		for _, size := range []int{1, 2, len(want) - 1, len(want), len(want) + 1} {
			var got []string
			for after := audience.ContactID(0); ; {
				rows, err := r.LedgerHeadsAfter(k.ctx, after, size)
				require.NoError(k, err)
				require.LessOrEqual(k, len(rows), size)
				require.LessOrEqual(k, len(got), len(want), "the pages go round")
				got = append(got, texts(rows, consentText)...)
				if len(rows) < size {
					break
				}
				after = rows[len(rows)-1].Contact
			}
			require.Equal(k, want, got, "pages of %d", size)
		}
		rows, err := r.LedgerHeadsAfter(k.ctx, 1<<32-1, 5)
		require.NoError(k, err)
		require.Empty(k, rows)
		_, err = r.LedgerHeadsAfter(k.ctx, 0, 0)
		require.ErrorIs(k, err, audience.ErrInvalid)
	})
}

func ledgerEvidence(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	grant := linked(mainAudience, ids[0], nil, audience.ConsentGranted, at(1))
	bare, silent := grant, grant
	bare.Evidence = [32]byte{}
	bare.Hash = bare.ComputeHash()
	silent.Mechanism = audience.MechanismPreTicked
	silent.Hash = silent.ComputeHash()
	good := linked(mainAudience, ids[1], nil, audience.ConsentWithdrawn, at(1))
	for _, batch := range [][]audience.ConsentRecord{{bare}, {silent}, {good, bare}, {bare, good}} {
		_, err := p.Update(k.ctx, func(w store.WriteRoles) error { return w.AppendLedger(k.ctx, batch) })
		require.ErrorIs(k, err, audience.ErrDenied)
		require.Empty(k, k.ledger(p, ids...))
	}
	k.update(p, func(w store.WriteRoles) error { return w.AppendLedger(k.ctx, []audience.ConsentRecord{grant}) })
	require.Len(k, k.ledger(p, ids...), 1)
}

func ledgerFollows(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	stored := chain(ids[0], 2)
	k.update(p, func(w store.WriteRoles) error { return w.AppendLedger(k.ctx, stored) })
	before := k.ledger(p, ids...)
	edit := func(change func(*audience.ConsentRecord)) audience.ConsentRecord {
		r := linked(mainAudience, ids[0], &stored[1], audience.ConsentWithdrawn, at(9))
		change(&r)
		r.Hash = r.ComputeHash()
		return r
	}
	forged := edit(func(*audience.ConsentRecord) {})
	forged.Scope = audience.Scope{} // after the hash was made
	tests := []struct {
		name   string
		record audience.ConsentRecord
		want   error
	}{
		{"the head again", stored[1], audience.ErrConflict},
		{"a second beginning", linked(mainAudience, ids[0], nil, audience.ConsentWithdrawn, at(9)), audience.ErrConflict},
		{"a gap", edit(func(r *audience.ConsentRecord) { r.Seq++ }), audience.ErrConflict},
		{"after another record", edit(func(r *audience.ConsentRecord) { r.Prev = stored[0].Hash }), audience.ErrConflict},
		{"a beginning in the middle", linked(mainAudience, ids[1], &stored[1], audience.ConsentWithdrawn, at(9)), audience.ErrConflict},
		{"of another audience", linked("other", ids[1], nil, audience.ConsentWithdrawn, at(9)), audience.ErrConflict},
		{"recorded before the head", edit(func(r *audience.ConsentRecord) { r.Acted, r.Recorded = at(-1), at(-1) }), audience.ErrInvalid},
		{"acted after it was recorded", edit(func(r *audience.ConsentRecord) { r.Acted = at(10) }), audience.ErrInvalid},
		{"retracts nothing", edit(func(r *audience.ConsentRecord) { r.Kind = audience.ConsentRetracted }), audience.ErrInvalid},
		{"retracts what is not there yet", edit(func(r *audience.ConsentRecord) { r.Kind, r.Retracts = audience.ConsentRetracted, r.Seq }), audience.ErrInvalid},
		{"released by nobody", edit(func(r *audience.ConsentRecord) {
			r.Kind, r.Evidence, r.Source.Actor = audience.ConsentReleased, [32]byte{1}, ""
		}), audience.ErrDenied},
		{"released for no reason", edit(func(r *audience.ConsentRecord) { r.Kind, r.Source.Actor = audience.ConsentReleased, "op-7" }), audience.ErrDenied},
		{"a relation of no kind", edit(func(r *audience.ConsentRecord) { r.Kind, r.Mechanism = audience.ConsentRelation, "hope" }), audience.ErrDenied},
		{"of an unknown kind", edit(func(r *audience.ConsentRecord) { r.Kind = 99 }), audience.ErrInvalid},
		{"changed after hashing", forged, audience.ErrInvalid},
	}
	for _, tt := range tests {
		_, err := p.Update(k.ctx, func(w store.WriteRoles) error {
			return w.AppendLedger(k.ctx, []audience.ConsentRecord{tt.record})
		})
		require.ErrorIs(k, err, tt.want, tt.name)
		require.Equal(k, before, k.ledger(p, ids...), tt.name)
	}
}

func ledgerAtomic(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	a, b := chain(ids[0], 3), chain(ids[1], 3)
	k.update(p, func(w store.WriteRoles) error { // and the transaction goes on and commits
		require.ErrorIs(k, w.AppendLedger(k.ctx, []audience.ConsentRecord{a[0], b[0], a[1], b[2]}), audience.ErrConflict)
		return w.AppendLedger(k.ctx, b[:1])
	})
	require.Equal(k, texts(b[:1], consentText), k.ledger(p, ids...))
}

func ledgerOutlives(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	k.update(p, func(w store.WriteRoles) error {
		return w.AppendLedger(k.ctx, append(chain(ids[0], 2), chain(ids[1], 1)...))
	})
	before := k.ledger(p, ids...)
	k.update(p, func(w store.WriteRoles) error {
		if err := w.DeleteContacts(k.ctx, ids[:1]); err != nil {
			return err
		}
		if err := w.DeleteEvents(k.ctx, ids[:1]); err != nil {
			return err
		}
		return w.DeleteRecordsOf(k.ctx, ids[:1], nil)
	})
	require.Len(k, before, 3)
	require.Equal(k, before, k.ledger(p, ids...))
	k.update(p, func(w store.WriteRoles) error { // and goes on
		return w.AppendLedger(k.ctx, chain(ids[0], 3)[2:])
	})
	require.Len(k, k.ledger(p, ids[0]), 3)
}

func ledgerRace(k *kit) {
	p := k.rows()
	id := k.contacts(p, 1)[0]
	appendNext := func(kind audience.ConsentKind) func(w store.WriteRoles) error {
		return func(w store.WriteRoles) error {
			if _, err := w.LockContacts(k.ctx, []audience.ContactID{id}); err != nil {
				return err
			}
			heads, err := w.LedgerHeads(k.ctx, []audience.ContactID{id})
			if err != nil {
				return err
			}
			var prev *audience.ConsentRecord
			if len(heads) > 0 {
				prev = &heads[0]
			}
			return w.AppendLedger(k.ctx, []audience.ConsentRecord{linked(mainAudience, id, prev, kind, at(1))})
		}
	}
	for _, err := range k.overlap(p, appendNext(audience.ConsentGranted), appendNext(audience.ConsentWithdrawn)) {
		require.NoError(k, err, "who holds the lock appends")
	}
	require.Len(k, k.ledger(p, id), 2)
}
