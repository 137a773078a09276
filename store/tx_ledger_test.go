package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// G4: nobody becomes mailable but by a record with evidence.
func TestRecordGrants(t *testing.T) {
	ann := audience.Key("ann")
	tests := map[string]struct {
		change func(*audience.ConsentWrite)
		want   error
		status string
	}{
		"with evidence":           {func(*audience.ConsentWrite) {}, nil, "subscribed"},
		"without evidence":        {func(w *audience.ConsentWrite) { w.Evidence = nil }, audience.ErrDenied, "none"},
		"pre-ticked":              {func(w *audience.ConsentWrite) { w.Mechanism = audience.MechanismPreTicked }, audience.ErrDenied, "none"},
		"no mechanism":            {func(w *audience.ConsentWrite) { w.Mechanism = "" }, audience.ErrDenied, "none"},
		"undeclared purpose":      {func(w *audience.ConsentWrite) { w.Scope.Purpose = "sale" }, audience.ErrInvalid, "none"},
		"undeclared topic":        {func(w *audience.ConsentWrite) { w.Scope.List = "gossip" }, audience.ErrInvalid, "none"},
		"a list by hand":          {func(w *audience.ConsentWrite) { w.Scope.List = "vip" }, audience.ErrInvalid, "none"},
		"another purpose":         {func(w *audience.ConsentWrite) { w.Scope.Purpose = "research" }, nil, "none"},
		"another channel":         {func(w *audience.ConsentWrite) { w.Scope.Channel = "sms" }, nil, "none"},
		"only a topic":            {func(w *audience.ConsentWrite) { w.Scope.List = "news" }, nil, "none"},
		"only asked for":          {func(w *audience.ConsentWrite) { w.Kind = audience.ConsentRequested }, nil, "pending"},
		"somebody else":           {func(w *audience.ConsentWrite) { w.Contact = audience.Key("bob") }, audience.ErrNotFound, "none"},
		"no kind":                 {func(w *audience.ConsentWrite) { w.Kind = 0 }, audience.ErrInvalid, "none"},
		"everything":              {func(w *audience.ConsentWrite) { w.Scope = audience.Scope{} }, nil, "subscribed"},
		"dated after the present": {func(w *audience.ConsentWrite) { w.Acted = w.Acted.AddDate(90, 0, 0) }, nil, "subscribed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.put("ann", "ann@example.com")
			w := grant(ann, audience.MechanismSingleOptIn)
			w.Acted = f.now
			tt.change(&w)
			before := len(f.changes())
			r, err := f.Record(t.Context(), w)
			require.ErrorIs(t, err, tt.want)
			require.Equal(t, tt.status, f.status(ann))
			require.Equal(t, tt.status == "subscribed", f.mailable(ann))
			if err != nil {
				require.Len(t, f.changes(), before, "a refused record leaves nothing behind")
				return
			}
			require.False(t, r.Acted.After(f.now), "nobody acts after the commit")
			require.Equal(t, store.ChangeLedger, f.last().Kind)
			require.Equal(t, r, *f.last().Record)
		})
	}
}

func TestRecordWithoutKeys(t *testing.T) {
	f := newFixture(t, withoutKeys)
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	_, err := f.Record(t.Context(), grant(ann, audience.MechanismDoubleOptIn))
	require.ErrorIs(t, err, audience.ErrDenied)
	var denied *audience.DeniedError
	require.ErrorAs(t, err, &denied)
	require.Equal(t, "key", denied.Rule)
	f.record(refusal(ann, audience.ConsentWithdrawn))
	require.Equal(t, "unsubscribed", f.status(ann), "a refusal is always recorded")
	err = f.refused(func(tx *store.Tx) error {
		return tx.Suppress(t.Context(), store.SuppressionWrite{Address: address(t, "x@example.com"), Reason: audience.SuppressedManually})
	})
	require.ErrorIs(t, err, audience.ErrDenied)
}

func TestRecordChains(t *testing.T) {
	f := newFixture(t)
	id := f.put("ann", "ann@example.com")
	other := f.put("bob", "bob@example.com")
	ann, bob := audience.Key("ann"), audience.Key("bob")
	f.update(func(tx *store.Tx) error {
		records, err := tx.Record(t.Context(), grant(ann, audience.MechanismPaper), grant(bob, audience.MechanismPaper), refusal(ann, audience.ConsentWithdrawn))
		require.Len(t, records, 3)
		require.Equal(t, []uint64{1, 1, 2}, []uint64{records[0].Seq, records[1].Seq, records[2].Seq})
		return err
	})
	f.later(time.Minute)
	f.record(grant(ann, audience.MechanismVerbal))
	f.view(func(r *store.Reader) error {
		for _, c := range []struct {
			id   audience.ContactID
			want int
		}{{id, 3}, {other, 1}} {
			h, err := r.History(t.Context(), audience.ID(c.id))
			require.NoError(t, err)
			require.Len(t, h.Records, c.want)
			var prev *audience.ConsentRecord
			for i := range h.Records {
				require.NoError(t, h.Records[i].CheckLink("main", prev))
				prev = &h.Records[i]
			}
		}
		return nil
	})
}

func TestRecordEvidence(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	r := f.record(grant(audience.Key("ann"), audience.MechanismPaper))
	bare := f.record(refusal(audience.Key("ann"), audience.ConsentWithdrawn))
	f.view(func(reader *store.Reader) error {
		evidence, err := reader.Evidence(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, "she ticked the box of the form", string(evidence))
		_, err = reader.Evidence(t.Context(), bare)
		require.ErrorIs(t, err, audience.ErrNotFound)
		forged := r
		forged.Evidence[0] ^= 1
		_, err = reader.Evidence(t.Context(), forged)
		require.ErrorIs(t, err, audience.ErrConflict)
		return nil
	})
	for _, namespace := range []string{"evidence", "audience", "deleted", "unmerged"} {
		err := f.refused(func(tx *store.Tx) error {
			_, err := tx.SaveRecord(t.Context(), store.Record{Namespace: namespace, Key: "x"})
			return err
		})
		require.ErrorIs(t, err, audience.ErrDenied, namespace)
	}
}

// A refusal of everything, a complaint and a bounce hold the addresses, and
// are lifted by what the fold says, never by less.
func TestRecordSuppressions(t *testing.T) {
	ann := audience.Key("ann")
	topic := func(w audience.ConsentWrite) audience.ConsentWrite { w.Scope.List = "news"; return w }
	type step struct {
		write  audience.ConsentWrite
		ago    time.Duration // acted
		denied bool
		status string
		held   []string
	}
	single, double := grant(ann, audience.MechanismSingleOptIn), grant(ann, audience.MechanismDoubleOptIn)
	sms := single
	sms.Scope.Channel = "sms"
	marketing := refusal(ann, audience.ConsentWithdrawn)
	marketing.Scope = audience.MarketingScope()
	withdrawn, bounced, complained := refusal(ann, audience.ConsentWithdrawn), refusal(ann, audience.ConsentBounced), refusal(ann, audience.ConsentComplained)
	tests := map[string][]step{
		"withdrawn, then granted again": {
			{write: single, status: "subscribed"},
			{write: withdrawn, status: "unsubscribed", held: []string{"withdrawn"}},
			{write: single, status: "subscribed"},
		},
		"a grant from before the refusal": {
			{write: withdrawn, status: "unsubscribed", held: []string{"withdrawn"}},
			{write: single, ago: 3 * time.Hour, denied: true, status: "unsubscribed", held: []string{"withdrawn"}},
		},
		"a refusal from before the grant": {
			{write: single, status: "subscribed"},
			{write: withdrawn, ago: 3 * time.Hour, status: "subscribed"},
		},
		"a refusal from before the grant that lifted it": {
			{write: withdrawn, status: "unsubscribed", held: []string{"withdrawn"}},
			{write: single, status: "subscribed"},
			{write: withdrawn, ago: 90 * time.Minute, status: "subscribed"},
			{write: withdrawn, status: "unsubscribed", held: []string{"withdrawn"}},
		},
		"bounced": {
			{write: bounced, status: "bounced", held: []string{"bounced"}},
			{write: single, status: "subscribed"},
		},
		"complained": {
			{write: complained, status: "complained", held: []string{"complained"}},
			{write: single, denied: true, status: "complained", held: []string{"complained"}},
			{write: double, status: "subscribed"},
		},
		"a topic lifts nothing": {
			{write: withdrawn, status: "unsubscribed", held: []string{"withdrawn"}},
			{write: topic(double), denied: true, status: "unsubscribed", held: []string{"withdrawn"}},
		},
		"another channel is another matter": {
			{write: withdrawn, status: "unsubscribed", held: []string{"withdrawn"}},
			{write: sms, status: "unsubscribed", held: []string{"withdrawn"}},
		},
		"refusing marketing alone holds no address": {
			{write: marketing, status: "unsubscribed"},
			{write: single, status: "subscribed"},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.put("ann", "ann@example.com", "ann@example.org")
			for i, s := range steps {
				f.later(time.Hour)
				s.write.Acted = f.now.Add(-s.ago)
				_, err := f.Record(t.Context(), s.write)
				require.Equal(t, s.denied, err != nil, "step %d: %v", i, err)
				if s.denied {
					require.ErrorIs(t, err, audience.ErrDenied)
				}
				require.Equal(t, s.status, f.status(ann), "step %d", i)
				require.Equal(t, s.held, f.held("ann@example.com"), "step %d", i)
				require.Equal(t, s.held, f.held("ann@example.org"), "step %d: of every address", i)
				require.Equal(t, s.status == "subscribed", f.mailable(ann), "step %d", i)
			}
		})
	}
}

func TestRecordTellsSuppressed(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	f.record(grant(ann, audience.MechanismPaper))
	require.Nil(t, f.last().SuppressedFrom, "nothing changed")
	f.later(time.Hour)
	f.record(refusal(ann, audience.ConsentBounced))
	require.False(t, f.last().SuppressedFrom.IsZero())
	f.later(time.Hour)
	f.record(grant(ann, audience.MechanismPaper))
	require.True(t, f.last().SuppressedFrom.IsZero())
}

// An item sees what those in front of it did.
func TestRecordWithinBatch(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	err := f.refused(func(tx *store.Tx) error {
		_, err := tx.Record(t.Context(), refusal(ann, audience.ConsentComplained), grant(ann, audience.MechanismPaper))
		return err
	})
	var refused *audience.BatchError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Items, 1)
	require.Equal(t, 1, refused.Items[0].Index)
	require.Equal(t, "none", f.status(ann), "all or nothing")
}

func TestSuppress(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	f.record(grant(ann, audience.MechanismDoubleOptIn))
	require.True(t, f.mailable(ann))
	suppress := func(w store.SuppressionWrite) error {
		_, err := f.Update(t.Context(), func(tx *store.Tx) error { return tx.Suppress(t.Context(), w) })
		return err
	}
	manual := store.SuppressionWrite{Address: address(t, "ANN@example.com"), Reason: audience.SuppressedManually}
	require.NoError(t, suppress(manual))
	require.False(t, f.mailable(ann))
	require.False(t, f.last().SuppressedFrom.IsZero())
	require.Equal(t, []string{"manual"}, f.held("ann@example.com"))

	_, err := f.Record(t.Context(), grant(ann, audience.MechanismDoubleOptIn))
	require.ErrorIs(t, err, audience.ErrDenied, "consent does not lift what the host holds")
	lift := manual
	lift.Lift = true
	require.NoError(t, suppress(lift))
	require.True(t, f.last().SuppressedFrom.IsZero())
	require.True(t, f.mailable(ann))

	for name, w := range map[string]store.SuppressionWrite{
		"a tombstone":        {Address: manual.Address, Reason: audience.SuppressedErased},
		"lift a complaint":   {Address: manual.Address, Reason: audience.SuppressedComplained, Lift: true},
		"lift a withdrawal":  {Address: manual.Address, Reason: audience.SuppressedWithdrawn, Lift: true},
		"lift a bounce":      {Address: manual.Address, Reason: audience.SuppressedBounced, Lift: true},
		"no address":         {Reason: audience.SuppressedManually},
		"no reason":          {Address: manual.Address},
		"a reason to be met": {Address: manual.Address, Reason: 77},
	} {
		require.Error(t, suppress(w), name)
	}
}

// A lift lasts as long as the consent that made it.
func TestExpiringGrantLiftsForItsTime(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	began := f.now
	f.later(time.Hour)
	f.record(refusal(ann, audience.ConsentWithdrawn))
	f.later(time.Hour)
	w := grant(ann, audience.MechanismSingleOptIn)
	w.Expires = f.now.Add(time.Hour)
	f.record(w)
	require.True(t, f.mailable(ann))
	require.Equal(t, w.Expires, *f.last().SuppressedFrom, "the feed tells when it stands again")
	f.later(30 * time.Minute)
	longer := w
	longer.Expires = f.now.Add(2 * time.Hour)
	f.record(longer)
	f.record(w) // a shorter one takes nothing away
	require.Equal(t, longer.Expires, f.profile(ann).SuppressedFrom)
	f.later(2*time.Hour - time.Microsecond)
	require.True(t, f.mailable(ann))
	f.later(time.Microsecond)
	require.Equal(t, "unsubscribed", f.status(ann))
	require.Equal(t, []string{"withdrawn"}, f.held("ann@example.com"))

	f.delete(ann)
	f.put("ann", "ann@example.com")
	old := grant(ann, audience.MechanismAttested)
	old.Acted = began
	_, err := f.Record(t.Context(), old)
	require.ErrorIs(t, err, audience.ErrDenied)
	require.False(t, f.mailable(ann))
}

// While consent for a time answers a refusal, deleting her must not lose it.
func TestDeleteWhileGrantLasts(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	w := refusal(ann, audience.ConsentWithdrawn)
	w.Scope = audience.MarketingScope()
	f.record(w)
	f.later(time.Hour)
	g := grant(ann, audience.MechanismSingleOptIn)
	g.Expires = f.now.Add(2 * time.Hour)
	f.record(g)
	f.later(time.Hour)
	f.delete(ann)
	f.put("ann", "ann@example.com")
	require.Equal(t, g.Expires, f.profile(ann).SuppressedFrom)
	f.later(time.Hour)
	require.Equal(t, []string{"withdrawn"}, f.held("ann@example.com"))
}

// Consent that is over, or to something else, neither lifts nor is denied.
func TestGrantsThatLiftNothing(t *testing.T) {
	ann := audience.Key("ann")
	for name, change := range map[string]func(f *fixture, w *audience.ConsentWrite){
		"over before it was recorded": func(f *fixture, w *audience.ConsentWrite) {
			w.Acted, w.Expires = f.now.Add(-time.Minute), f.now
		},
		"another purpose": func(_ *fixture, w *audience.ConsentWrite) { w.Scope.Purpose = "research" },
		"another channel": func(_ *fixture, w *audience.ConsentWrite) { w.Scope.Channel = audience.ChannelSMS },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.put("ann", "ann@example.com")
			f.record(grant(ann, audience.MechanismSingleOptIn))
			f.later(time.Hour)
			f.update(func(tx *store.Tx) error {
				return tx.Suppress(t.Context(), store.SuppressionWrite{Address: address(t, "ann@example.com"), Reason: audience.SuppressedWithdrawn})
			})
			f.later(time.Hour)
			w := grant(ann, audience.MechanismDoubleOptIn)
			change(f, &w)
			f.record(w)
			require.Equal(t, []string{"withdrawn"}, f.held("ann@example.com"))
			require.False(t, f.mailable(ann))
		})
	}
}

// A refusal answered beforehand, for a time, stands when that time is over.
func TestLateRefusalAnsweredForATime(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	began := f.now
	f.later(time.Hour)
	g := grant(ann, audience.MechanismSingleOptIn)
	g.Expires = f.now.Add(time.Hour)
	f.record(g)
	f.later(time.Minute)
	late := refusal(ann, audience.ConsentWithdrawn)
	late.Acted = began
	f.record(late)
	require.True(t, f.mailable(ann))
	f.later(time.Hour)
	require.Equal(t, []string{"withdrawn"}, f.held("ann@example.com"))
}

// The scope of a topic has the topic's purpose, so that no refusal is written
// where nobody looks.
func TestRecordTopicPurpose(t *testing.T) {
	f := newFixture(t, func(o *store.Options) {
		o.Schema.Lists = append(o.Schema.Lists, audience.List{Name: "panel", Kind: audience.ListTopic, Purpose: "research"})
	})
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	schema := f.Schema()
	panel, _ := schema.ListNamed("panel")
	on := func() bool { p := f.profile(ann); return p.OnList(panel, f.now) }
	g := grant(ann, audience.MechanismSingleOptIn)
	g.Scope.List = "panel"
	_, err := f.Record(t.Context(), g)
	require.ErrorIs(t, err, audience.ErrInvalid, "consent for another purpose than the topic's")
	g.Scope.Purpose = ""
	require.Equal(t, "research", f.record(g).Scope.Purpose)
	require.True(t, on())
	f.later(time.Minute)
	w := refusal(ann, audience.ConsentWithdrawn)
	w.Scope = audience.Scope{Channel: audience.ChannelEmail, Purpose: audience.PurposeMarketing, List: "panel"}
	f.record(w)
	require.False(t, on())
}

func TestRecordLimits(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.Limits.LedgerRecords = 2 })
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	w := grant(ann, audience.MechanismSingleOptIn)
	w.Expires = f.now
	_, err := f.Record(t.Context(), w)
	require.ErrorIs(t, err, audience.ErrInvalid, "it ends when it begins")
	w.Expires = time.Time{}
	f.record(w)
	f.record(w)
	_, err = f.Record(t.Context(), w)
	require.ErrorIs(t, err, audience.ErrLimit)
	r := refusal(ann, audience.ConsentWithdrawn)
	r.Expires = f.now.Add(time.Hour)
	require.Zero(t, f.record(r).Expires, "a refusal is always taken, and does not end")
	require.Equal(t, "unsubscribed", f.status(ann))
}

// What was lifted does not come back by news from before it.
func TestSuppressLate(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	began := f.now
	f.record(refusal(ann, audience.ConsentWithdrawn))
	f.later(2 * time.Hour)
	f.record(grant(ann, audience.MechanismPaper))
	f.later(2 * time.Hour)
	for _, tt := range []struct {
		after time.Duration
		held  []string
	}{{time.Hour, nil}, {2 * time.Hour, []string{"withdrawn"}}, {3 * time.Hour, []string{"withdrawn"}}} {
		f.update(func(tx *store.Tx) error {
			return tx.Suppress(t.Context(), store.SuppressionWrite{
				Address: address(t, "ann@example.com"), Reason: audience.SuppressedWithdrawn, At: began.Add(tt.after),
			})
		})
		require.Equal(t, tt.held, f.held("ann@example.com"), tt.after)
	}
	_, err := f.Record(t.Context(), func() audience.ConsentWrite {
		w := grant(ann, audience.MechanismPaper)
		w.Acted = began.Add(150 * time.Minute)
		return w
	}())
	require.ErrorIs(t, err, audience.ErrDenied, "the later date of a refusal counts")
}

// A suppression stays whoever holds the address, and under every key.
func TestSuppressionOutlivesKeyRotation(t *testing.T) {
	f := newFixture(t)
	f.update(func(tx *store.Tx) error {
		return tx.Suppress(t.Context(), store.SuppressionWrite{Address: address(t, "ann@example.com"), Reason: audience.SuppressedComplained})
	})
	rotated, err := store.Open(t.Context(), f.adapter, "main", store.Options{
		Keys: testKeys(t, "b", "a"), Clock: func() time.Time { return f.now },
	})
	require.NoError(t, err)
	f.Audience = rotated
	f.put("ann", "ann@example.com")
	require.NotZero(t, f.profile(audience.Key("ann")).SuppressedFrom)
	_, err = f.Record(t.Context(), grant(audience.Key("ann"), audience.MechanismPaper))
	require.ErrorIs(t, err, audience.ErrDenied)
	f.later(time.Second)
	f.record(grant(audience.Key("ann"), audience.MechanismDoubleOptIn))
	require.True(t, f.mailable(audience.Key("ann")))
}

// TestRecordedIsTheHosts: a host may change the records that it gets back; those
// of chain and feed stay.
func TestRecordedIsTheHosts(t *testing.T) {
	f := newFixture(t)
	ann := audience.Key("ann")
	f.put("ann", "ann@example.com")
	var got []audience.ConsentRecord
	f.update(func(tx *store.Tx) (err error) {
		got, err = tx.Record(t.Context(), grant(ann, audience.MechanismSingleOptIn))
		return err
	})
	want := got[0]
	got[0] = audience.ConsentRecord{}
	require.Equal(t, want, *f.last().Record)
	require.Equal(t, []audience.ConsentRecord{want}, f.profile(ann).History.Records)
}
