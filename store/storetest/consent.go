package storetest

import (
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicConsent = "consent"

// The checks of this topic are G4: no path but a ledger record with evidence
// makes anybody mailable, and a refusal counts from its commit.

func consentChecks() []Check {
	return []Check{
		{
			Topic: topicConsent, Name: "only-evidence-makes-mailable", run: consentOnlyEvidence,
			Reason: "Mail without consent is against the law, whatever import, merge or failed transaction it came from.",
		},
		{
			Topic: topicConsent, Name: "refusal-survives-merge", run: consentMerge,
			Reason: "Somebody who said no and was found to be somebody who said yes has said no.",
		},
		{
			Topic: topicConsent, Name: "refusal-survives-unmerge", run: consentUnmerge,
			Reason: "A refusal that came in while two were taken for one may have been meant for either of them.",
		},
		{
			Topic: topicConsent, Name: "refusal-survives-deletion", run: consentDeletion,
			Reason: "The next import brings the deleted person again; what she said must be waiting for her.",
		},
		{
			Topic: topicConsent, Name: "an-error-is-taken-back", run: consentTakenBack,
			Reason: "Consent that an import wrote to the wrong people must be gone when it is undone, and what it had lifted must stand.",
		},
		{
			Topic: topicConsent, Name: "without-keys", run: consentWithoutKeys,
			Reason: "Without keys no refusal can be held against an address, so nobody may be mailable; a refusal is taken all the same.",
		},
	}
}

// parts asks for everything a profile can have.
func parts() audience.ProfileParts {
	return audience.ProfileParts{Events: []string{"purchase", "visit"}, Lists: true, Ledger: true, Suppressed: true}
}

func (k *kit) profile(aud *store.Audience, ref audience.Ref) audience.Profile {
	k.Helper()
	p, err := aud.Profile(k.ctx, ref, parts())
	require.NoError(k, err)
	return p
}

// requireStanding compares status and mailability.
func (k *kit) requireStanding(aud *store.Audience, ref audience.Ref, status audience.Status, mailable bool, when string) {
	k.Helper()
	p := k.profile(aud, ref)
	require.Equal(k, status.String(), p.Status(aud.Now()).Status.String(), when)
	require.Equal(k, mailable, p.Mailable(aud.Now()), when)
}

func (k *kit) record(aud *store.Audience, w audience.ConsentWrite) {
	k.Helper()
	k.clock.step(time.Minute)
	_, err := aud.Record(k.ctx, w)
	require.NoError(k, err)
}

func (k *kit) people(aud *store.Audience, names ...string) (ids []audience.ContactID) {
	k.Helper()
	for _, name := range names {
		res, err := aud.Put(k.ctx, person(name))
		require.NoError(k, err)
		ids = append(ids, res.ID)
	}
	return ids
}

func consentOnlyEvidence(k *kit) {
	aud := k.open(mainAudience)
	k.people(aud, "ann", "bea", "zoe")
	ann, bea := audience.Key("ann"), audience.Key("bea")
	none := func(when string) { k.requireStanding(aud, ann, audience.StatusNone, false, when) }
	none("after a put")

	imported := person("ann")
	imported.AddTags = []string{"subscribed"}
	imported.Set = map[string]audience.Value{"city": audience.StringValue("subscribed")}
	_, err := aud.Put(k.ctx, imported)
	require.NoError(k, err)
	k.change(aud, func(tx *store.Tx) error { return tx.AddToList(k.ctx, "gold", source(), ann) })
	_, err = aud.Append(k.ctx, audience.EventWrite{Contact: ann, ID: "1", Type: "purchase", Time: at(0)})
	require.NoError(k, err)
	none("after import, list and event")

	bare := grant(ann)
	bare.Evidence = nil
	_, err = aud.Record(k.ctx, bare)
	require.ErrorIs(k, err, audience.ErrDenied)
	none("after a grant without evidence")

	failed := errors.New("failed")
	_, err = aud.Update(k.ctx, func(tx *store.Tx) error {
		_, err := tx.Record(k.ctx, grant(ann))
		return errors.Join(err, failed)
	})
	require.ErrorIs(k, err, failed)
	none("after a transaction that failed")

	k.record(aud, grant(bea))
	k.requireStanding(aud, bea, audience.StatusSubscribed, true, "after a grant with evidence")
	none("after somebody else's grant")
	require.NoError(k, k.changeErr(aud, func(tx *store.Tx) error { return tx.Delete(k.ctx, source(), bea) }))
	k.people(aud, "bea")
	k.requireStanding(aud, bea, audience.StatusNone, false, "deleted and put again")
	require.NoError(k, k.changeErr(aud, func(tx *store.Tx) error { return tx.Merge(k.ctx, ann, bea, source()) }))
	none("after a merge")
	request := audience.ConsentWrite{Contact: ann, Kind: audience.ConsentRequested, Scope: audience.MarketingScope()}
	k.record(aud, request)
	k.requireStanding(aud, ann, audience.StatusPending, false, "after a request")
	k.record(aud, grant(ann))
	k.requireStanding(aud, ann, audience.StatusSubscribed, true, "after a grant with evidence")
	k.requireStanding(aud, audience.Key("zoe"), audience.StatusNone, false, "who never said anything")
}

func (k *kit) changeErr(aud *store.Audience, fn func(tx *store.Tx) error) error {
	_, err := aud.Update(k.ctx, fn)
	return err
}

func consentMerge(k *kit) {
	aud := k.open(mainAudience)
	names := []string{"ann", "bea", "cleo", "dora", "eve", "fay"}
	ids := k.people(aud, names...)
	said := map[audience.ConsentKind]audience.Status{
		audience.ConsentWithdrawn: audience.StatusUnsubscribed, audience.ConsentComplained: audience.StatusComplained,
	}
	i := 0
	for _, kind := range []audience.ConsentKind{audience.ConsentWithdrawn, audience.ConsentComplained} {
		refuser, granter := audience.Key(names[i]), audience.Key(names[i+1])
		k.record(aud, refusal(refuser, kind))
		k.record(aud, grant(granter)) // later than the refusal
		k.clock.step(time.Minute)
		winner, loser := granter, refuser
		if kind == audience.ConsentComplained {
			winner, loser = refuser, granter
		}
		k.change(aud, func(tx *store.Tx) error { return tx.Merge(k.ctx, winner, loser, source()) })
		k.requireStanding(aud, winner, said[kind], false, "merged with who refused")
		k.requireStanding(aud, audience.ID(ids[i]), said[kind], false, "by the id of who refused")
		again := person(names[i+1] + ".2") // an import that knows another address
		again.Match = winner
		_, err := aud.Put(k.ctx, again)
		require.NoError(k, err)
		k.requireStanding(aud, winner, said[kind], false, "imported again")
		i += 2
	}
	k.record(aud, grant(audience.Key("eve")))
	k.change(aud, func(tx *store.Tx) error {
		return tx.Merge(k.ctx, audience.Key("eve"), audience.Key("fay"), source())
	})
	k.requireStanding(aud, audience.Key("fay"), audience.StatusSubscribed, true, "of whom one said nothing")
}

func consentUnmerge(k *kit) {
	aud := k.open(mainAudience)
	ids := k.people(aud, "ann", "bea")
	ann, bea := audience.ID(ids[0]), audience.ID(ids[1])
	k.record(aud, grant(ann))
	k.record(aud, grant(bea))
	k.clock.step(time.Minute)
	k.change(aud, func(tx *store.Tx) error { return tx.Merge(k.ctx, ann, bea, source()) })
	k.requireStanding(aud, ann, audience.StatusSubscribed, true, "both agree")
	k.record(aud, audience.ConsentWrite{Contact: bea, Kind: audience.ConsentWithdrawn, Scope: audience.MarketingScope()})
	k.clock.step(time.Minute)
	k.change(aud, func(tx *store.Tx) error { return tx.Unmerge(k.ctx, ids[1], source()) })
	k.requireStanding(aud, ann, audience.StatusUnsubscribed, false, "the one")
	k.requireStanding(aud, bea, audience.StatusUnsubscribed, false, "the other")
}

func consentDeletion(k *kit) {
	for _, erase := range []bool{false, true} {
		for kind, reason := range map[audience.ConsentKind]audience.SuppressionReason{
			audience.ConsentWithdrawn: audience.SuppressedWithdrawn, audience.ConsentBounced: audience.SuppressedBounced,
			audience.ConsentComplained: audience.SuppressedComplained,
		} {
			name := kind.String()
			if erase {
				name += "-erased"
			}
			k.refuseAndCome(name, kind, reason, erase)
		}
	}
}

// refuseAndCome has a person refuse, be removed, and be brought back by an
// import.
func (k *kit) refuseAndCome(name string, kind audience.ConsentKind, reason audience.SuppressionReason, erase bool) {
	k.Helper()
	aud := k.open(mainAudience)
	ref := audience.Key(name)
	id := k.people(aud, name)[0]
	k.record(aud, grant(ref))
	k.requireStanding(aud, ref, audience.StatusSubscribed, true, name)
	k.record(aud, refusal(ref, kind))
	k.clock.step(time.Minute)
	k.change(aud, func(tx *store.Tx) error {
		if erase {
			return tx.Erase(k.ctx, source(), ref)
		}
		return tx.Delete(k.ctx, source(), ref)
	})
	k.look(aud, func(r *store.Reader) {
		held, err := r.Suppressions(k.ctx, person(name).Email)
		require.NoError(k, err)
		reasons := make(map[audience.SuppressionReason]bool)
		for _, s := range held {
			reasons[s.Reason] = s.Stands(aud.Now())
		}
		require.True(k, reasons[reason], name)
		require.Equal(k, erase, reasons[audience.SuppressedErased], name)
	})
	back := person(name)
	if erase {
		_, err := aud.Put(k.ctx, back)
		require.ErrorIs(k, err, audience.ErrDenied, name)
		back.Returning = true
	}
	res, err := aud.Put(k.ctx, back)
	require.NoError(k, err, name)
	require.NotEqual(k, id, res.ID, name)
	p := k.profile(aud, ref)
	require.True(k, p.IsSuppressed(aud.Now()), name)
	require.False(k, p.Mailable(aud.Now()), name)
}

func consentTakenBack(k *kit) {
	aud := k.open(mainAudience)
	ids := k.people(aud, "ann", "bea")
	ann, bea := audience.Key("ann"), audience.Key("bea")
	retraction := func(of audience.ContactID, seq uint64) audience.ConsentWrite {
		return audience.ConsentWrite{Contact: audience.ID(of), Kind: audience.ConsentRetracted, Retracts: seq, Source: source()}
	}
	k.record(aud, refusal(ann, audience.ConsentBounced))
	k.record(aud, refusal(bea, audience.ConsentWithdrawn))
	k.record(aud, grant(ann))
	k.record(aud, grant(bea))
	k.requireStanding(aud, ann, audience.StatusSubscribed, true, "after a grant")
	k.record(aud, retraction(ids[0], 2))
	k.requireStanding(aud, ann, audience.StatusBounced, false, "after its retraction")
	require.True(k, k.isHeld(aud, "ann", audience.SuppressedBounced), "what it had lifted stands again")
	k.requireStanding(aud, bea, audience.StatusSubscribed, true, "after somebody else's retraction")

	for _, tt := range []struct {
		seq  uint64
		want error
	}{{2, audience.ErrConflict}, {1, audience.ErrInvalid}, {3, audience.ErrInvalid}, {4, audience.ErrNotFound}} {
		_, err := aud.Record(k.ctx, retraction(ids[0], tt.seq))
		require.ErrorIs(k, err, tt.want, "record %d", tt.seq)
	}

	k.clock.step(time.Minute)
	k.change(aud, func(tx *store.Tx) error { return tx.Merge(k.ctx, ann, bea, source()) })
	k.record(aud, grant(ann))
	k.record(aud, retraction(ids[1], 2))
	k.requireStanding(aud, ann, audience.StatusSubscribed, true, "what the other one had said before, too, is answered by the last grant")
	k.record(aud, retraction(ids[0], 4))
	k.requireStanding(aud, ann, audience.StatusUnsubscribed, false, "of two the worse")
	require.True(k, k.isHeld(aud, "bea", audience.SuppressedWithdrawn), "what it had lifted stands again")
	k.clock.step(time.Minute)
	k.change(aud, func(tx *store.Tx) error { return tx.Unmerge(k.ctx, ids[1], source()) })
	k.requireStanding(aud, ann, audience.StatusBounced, false, "the one")
	k.requireStanding(aud, bea, audience.StatusUnsubscribed, false, "the other")
	for i, ref := range []audience.Ref{ann, bea} {
		records := k.profile(aud, ref).History.Records
		require.Len(k, records, 5-2*i)
		var prev *audience.ConsentRecord
		for n := range records {
			require.NoError(k, records[n].CheckLink(mainAudience, prev), "the chain is whole")
			prev = &records[n]
		}
	}
}

// isHeld reports whether a person's address is suppressed for a reason.
func (k *kit) isHeld(aud *store.Audience, name string, reason audience.SuppressionReason) (stands bool) {
	k.Helper()
	k.look(aud, func(r *store.Reader) {
		held, err := r.Suppressions(k.ctx, person(name).Email)
		require.NoError(k, err)
		for i := range held {
			stands = stands || held[i].Reason == reason && held[i].Stands(aud.Now())
		}
	})
	return stands
}

func consentWithoutKeys(k *kit) {
	opts := k.options()
	opts.Keys = audience.Keys{}
	aud := k.openWith(mainAudience, opts)
	k.people(aud, "ann")
	ref := audience.Key("ann")
	_, err := aud.Record(k.ctx, grant(ref))
	require.ErrorIs(k, err, audience.ErrDenied)
	k.requireStanding(aud, ref, audience.StatusNone, false, "a grant without keys")
	k.record(aud, refusal(ref, audience.ConsentWithdrawn))
	k.requireStanding(aud, ref, audience.StatusUnsubscribed, false, "a refusal without keys")
}
