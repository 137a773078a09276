package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// retraction takes a record back.
func retraction(r audience.ConsentRecord) audience.ConsentWrite {
	return audience.ConsentWrite{Contact: audience.ID(r.Contact), Kind: audience.ConsentRetracted, Retracts: r.Seq}
}

func TestRetract(t *testing.T) {
	f := newFixture(t)
	id := f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	asked := f.record(audience.ConsentWrite{Contact: ann, Kind: audience.ConsentRequested, Scope: audience.MarketingScope()})
	f.later(time.Hour)
	joined := grant(ann, audience.MechanismDoubleOptIn)
	joined.Scope.List = "news"
	g := f.record(joined)
	f.later(time.Hour)
	w := retraction(g)
	w.Expires, w.Notice, w.Source = f.now.Add(time.Hour), "import 7 undone", audience.Source{Kind: audience.SourceImport, Name: "7"}
	r := f.record(w)
	require.Equal(t, audience.ConsentRecord{
		Contact: id, Seq: 3, Kind: audience.ConsentRetracted, Scope: g.Scope, Acted: f.now, Recorded: f.now,
		Notice: w.Notice, Source: w.Source, Prev: g.Hash, Hash: r.Hash, Retracts: 2,
	}, r)
	require.NoError(t, r.CheckLink("main", &g))
	require.Equal(t, r, *f.last().Record)
	require.Equal(t, "pending", f.status(ann))
	require.False(t, func() bool {
		p := f.profile(ann)
		return p.OnList(audience.List{Name: "news", Kind: audience.ListTopic}, f.now)
	}())
	f.record(retraction(asked))
	require.Equal(t, "none", f.status(ann))

	f.view(func(reader *store.Reader) error { // what was said is not forgotten
		_, err := reader.Evidence(t.Context(), g)
		return err
	})
}

func TestRetractRefuses(t *testing.T) {
	f := newFixture(t)
	id := f.put("ann", "ann@example.com")
	f.put("bob", "bob@example.com")
	ann := audience.Key("ann")
	g := f.record(grant(ann, audience.MechanismPaper))
	f.later(time.Hour)
	refused := f.record(refusal(ann, audience.ConsentWithdrawn))
	f.record(grant(audience.Key("bob"), audience.MechanismPaper))
	back := f.record(func() audience.ConsentWrite {
		second := f.record(audience.ConsentWrite{Contact: ann, Kind: audience.ConsentRequested, Scope: audience.MarketingScope()})
		return retraction(second)
	}())
	retract := func(change func(*audience.ConsentWrite)) audience.ConsentWrite {
		w := retraction(g)
		change(&w)
		return w
	}
	tests := []struct {
		name string
		w    audience.ConsentWrite
		want error
	}{
		{"nothing", retract(func(w *audience.ConsentWrite) { w.Retracts = 0 }), audience.ErrInvalid},
		{"by key", retract(func(w *audience.ConsentWrite) { w.Contact = ann }), audience.ErrInvalid},
		{"nobody's", retract(func(w *audience.ConsentWrite) { w.Contact = audience.ID(id + 77) }), audience.ErrNotFound},
		{"what is not there", retract(func(w *audience.ConsentWrite) { w.Retracts = 5 }), audience.ErrNotFound},
		{"of another scope", retract(func(w *audience.ConsentWrite) { w.Scope.Channel = audience.ChannelEmail }), audience.ErrInvalid},
		{"a refusal", retraction(refused), audience.ErrInvalid},
		{"a retraction", retraction(back), audience.ErrInvalid},
		{"what was taken back", retract(func(w *audience.ConsentWrite) { w.Retracts = back.Retracts }), audience.ErrConflict},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := f.profile(ann).History
			_, err := f.Record(t.Context(), tt.w)
			require.ErrorIs(t, err, tt.want)
			require.Equal(t, before, f.profile(ann).History)
		})
	}
	_, err := f.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Record(t.Context(), retraction(g), retraction(g))
		return err
	})
	require.ErrorIs(t, err, audience.ErrConflict, "twice in one batch")
	require.Equal(t, g.Scope, f.record(retract(func(w *audience.ConsentWrite) { w.Scope = g.Scope })).Scope)
}

// A full ledger and missing keys are no reason to let an error stand.
func TestRetractWithoutRoomOrKeys(t *testing.T) {
	f := newFixture(t, withoutKeys, func(o *store.Options) { o.Limits.LedgerRecords = 1 })
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	asked := f.record(audience.ConsentWrite{Contact: ann, Kind: audience.ConsentRequested, Scope: audience.MarketingScope()})
	f.record(retraction(asked))
	require.Equal(t, "none", f.status(ann))
}

// What a grant had lifted stands again, and what another grant answers stays
// lifted.
func TestRetractLetsSuppressionsStand(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com", "ann@example.org")
	ann := audience.Key("ann")
	f.record(refusal(ann, audience.ConsentWithdrawn))
	f.later(time.Hour)
	first := f.record(grant(ann, audience.MechanismPaper))
	f.later(time.Hour)
	second := grant(ann, audience.MechanismDoubleOptIn)
	second.Expires = f.now.Add(24 * time.Hour)
	f.record(second)
	f.later(time.Hour)
	third := f.record(grant(ann, audience.MechanismDoubleOptIn))
	f.later(time.Hour)

	f.record(retraction(third))
	require.True(t, f.mailable(ann))
	require.Zero(t, f.profile(ann).SuppressedFrom)
	f.record(retraction(first))
	require.True(t, f.mailable(ann))
	require.Equal(t, second.Expires, f.profile(ann).SuppressedFrom, "the one that is left ends")
	require.Equal(t, second.Expires, *f.last().SuppressedFrom)
	f.later(time.Hour)
	second.Kind, second.Retracts, second.Contact, second.Evidence = audience.ConsentRetracted, 3, audience.ID(first.Contact), nil
	f.record(second)
	require.Equal(t, "unsubscribed", f.status(ann))
	require.Equal(t, []string{"withdrawn"}, f.held("ann@example.com"))
	require.Equal(t, []string{"withdrawn"}, f.held("ann@example.org"))
	require.False(t, f.last().SuppressedFrom.IsZero())
	f.later(time.Hour)
	f.record(grant(ann, audience.MechanismPaper))
	require.True(t, f.mailable(ann), "and is lifted as ever")
}

// What the host held against the address was lifted by one grant or another,
// nobody knows: it stands.
func TestRetractLetsStandWhatIsHeldFromElsewhere(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	f.update(func(tx *store.Tx) error {
		return tx.Suppress(t.Context(), store.SuppressionWrite{Address: address(t, "ann@example.com"), Reason: audience.SuppressedBounced})
	})
	f.later(time.Hour)
	lifted := f.record(grant(ann, audience.MechanismPaper))
	f.later(time.Hour)
	f.record(retraction(f.record(grant(ann, audience.MechanismPaper))))
	require.True(t, f.mailable(ann), "the second one had lifted nothing")
	f.record(grant(ann, audience.MechanismPaper))
	f.record(retraction(lifted))
	require.Equal(t, []string{"bounced"}, f.held("ann@example.com"))
	require.False(t, f.mailable(ann))
}

// A retraction is about the chain of the contact that is named, whoever she
// is part of by now.
func TestRetractOfMergedContacts(t *testing.T) {
	f := newFixture(t)
	winner, loser := f.put("ann", "ann@example.com"), f.put("bob", "bob@example.com")
	ann, bob := audience.Key("ann"), audience.Key("bob")
	f.record(grant(ann, audience.MechanismPaper))
	f.record(refusal(bob, audience.ConsentWithdrawn))
	f.later(time.Hour)
	lifted := f.record(grant(bob, audience.MechanismPaper))
	f.later(time.Hour)
	f.merge(ann, bob)
	require.True(t, f.mailable(ann))
	f.later(time.Hour)

	r := f.record(retraction(lifted))
	require.Equal(t, loser, r.Contact)
	require.Equal(t, uint64(3), r.Seq)
	require.Equal(t, winner, f.last().Contact)
	require.Equal(t, "unsubscribed", f.status(ann), "of two the worse")
	require.Equal(t, []string{"withdrawn"}, f.held("bob@example.com"))
	require.Empty(t, f.held("ann@example.com"))
	require.False(t, f.last().SuppressedFrom.IsZero())

	f.later(time.Hour)
	both := f.record(grant(ann, audience.MechanismPaper)) // for whoever they are
	require.Equal(t, winner, both.Contact)
	require.True(t, f.mailable(ann))
	f.later(time.Hour)
	f.record(retraction(both))
	require.Equal(t, []string{"withdrawn"}, f.held("bob@example.com"), "the winner's first grant never spoke for the other")
	f.later(time.Hour)
	f.update(func(tx *store.Tx) error { return tx.Unmerge(t.Context(), loser, audience.Source{}) })
	require.Equal(t, "subscribed", f.status(ann))
	require.Equal(t, "unsubscribed", f.status(bob))
	require.True(t, f.mailable(ann))

	f.view(func(reader *store.Reader) error {
		h, err := reader.History(t.Context(), bob)
		require.NoError(t, err)
		var prev *audience.ConsentRecord
		for i := range h.Records {
			require.NoError(t, h.Records[i].CheckLink("main", prev))
			prev = &h.Records[i]
		}
		require.Len(t, h.Records, 3)
		return nil
	})
}

// When she gives an address up, what it is held for is as the ledger reads
// without the error.
func TestRetractedConsentAnswersNothing(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	w := refusal(ann, audience.ConsentWithdrawn)
	w.Scope = audience.MarketingScope()
	f.record(w)
	f.later(time.Hour)
	g := f.record(grant(ann, audience.MechanismPaper))
	f.later(time.Hour)
	f.record(retraction(g))
	late := refusal(ann, audience.ConsentWithdrawn)
	late.Acted = g.Acted.Add(-time.Minute)
	f.record(late)
	require.Equal(t, []string{"withdrawn"}, f.held("ann@example.com"), "a refusal that comes late is not answered either")
	f.delete(ann)
	require.Equal(t, []string{"withdrawn"}, f.held("ann@example.com"))

	f.put("cem", "cem@example.com")
	w.Contact = audience.Key("cem")
	f.record(w)
	f.later(time.Hour)
	g = f.record(grant(w.Contact, audience.MechanismPaper))
	f.later(time.Hour)
	f.record(retraction(g))
	require.Empty(t, f.held("cem@example.com"))
	f.delete(w.Contact)
	require.Equal(t, []string{"withdrawn"}, f.held("cem@example.com"))
}

// TestRetractIsAsIfNeverMade: two audiences are told the same, but for what
// one of them is told in error and takes back.
func TestRetractIsAsIfNeverMade(t *testing.T) {
	ann := audience.Key("ann")
	random := rand.New(rand.NewPCG(4, 8))
	differed := 0
	for trial := range 300 {
		with, without := newFixture(t), newFixture(t)
		with.put("ann", "ann@example.com")
		without.put("ann", "ann@example.com")
		var wrong []audience.ConsentRecord
		var told []string
		same := true // but for a grant that is denied without the wrong one in front of it
		for range 2 + random.IntN(7) {
			w := refusal(ann, []audience.ConsentKind{audience.ConsentWithdrawn, audience.ConsentBounced, audience.ConsentComplained}[random.IntN(3)])
			if random.IntN(3) > 0 {
				w = grant(ann, []audience.Mechanism{audience.MechanismDoubleOptIn, audience.MechanismPaper}[random.IntN(2)])
				if random.IntN(3) == 0 {
					w.Expires = with.now.Add(time.Duration(2+random.IntN(20)) * time.Hour)
				}
			}
			if random.IntN(4) == 0 {
				w.Acted = with.now.Add(-time.Duration(random.IntN(200)) * time.Minute)
			}
			isError := w.Kind == audience.ConsentGranted && random.IntN(2) == 0
			told = append(told, fmt.Sprint(w.Kind, " ", w.Mechanism, " ", w.Acted, " ", w.Expires, " ", isError))
			record, err := with.Record(t.Context(), w)
			if err != nil {
				require.ErrorIs(t, err, audience.ErrDenied)
				continue
			}
			if isError {
				wrong = append(wrong, record)
			} else if _, err := without.Record(t.Context(), w); err != nil {
				require.ErrorIs(t, err, audience.ErrDenied)
				same = false
			}
			with.later(time.Hour)
			without.later(time.Hour)
		}
		if with.mailable(ann) != without.mailable(ann) {
			differed++
		}
		random.Shuffle(len(wrong), func(i, k int) { wrong[i], wrong[k] = wrong[k], wrong[i] })
		for _, r := range wrong {
			with.record(retraction(r))
		}
		for range 24 {
			require.Equal(t, without.status(ann), with.status(ann), "%d: %v", trial, told)
			require.Equal(t, without.mailable(ann), with.mailable(ann), "%d: %v", trial, told)
			if same {
				require.Equal(t, without.held("ann@example.com"), with.held("ann@example.com"), "%d: %v", trial, told)
			}
			with.later(time.Hour)
			without.later(time.Hour)
		}
	}
	require.Greater(t, differed, 30)
}
