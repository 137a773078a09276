package audience_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// chronicler makes random histories on few instants, so that acts meet.
type chronicler struct{ *rand.Rand }

func pick[T any](r chronicler, all ...T) T { return all[r.IntN(len(all))] }

func (r chronicler) record(seq uint64) audience.ConsentRecord {
	out := audience.ConsentRecord{
		Seq:  seq,
		Kind: pick(r, requested, granted, granted, granted, withdrawn, bounced, complained, pick(r, restricted, released, relation)),
		Scope: pick(
			r, audience.MarketingScope(), audience.MarketingScope(), audience.MarketingScope(), audience.Scope{}, topic(), topic(),
			audience.Scope{Channel: "email"}, audience.Scope{Channel: "sms"}, audience.Scope{Purpose: "offers"}, audience.Scope{List: "news"},
		),
		Acted:     at(1 + r.IntN(20)),
		Mechanism: pick[audience.Mechanism](r, doi, doi, "single-opt-in", "paper", "bundled"),
	}
	if r.IntN(8) > 0 {
		out.Evidence = [32]byte{1}
	}
	if r.IntN(2) == 0 {
		out.Expires = at(1 + r.IntN(28))
	}
	if seq > 1 && r.IntN(6) == 0 {
		out.Kind, out.Retracts = retracted, 1+r.Uint64N(seq-1)
	}
	return out
}

func (r chronicler) history(depth int) audience.History {
	var h audience.History
	for i := range r.IntN(7) {
		h.Records = append(h.Records, r.record(uint64(i+1)))
	}
	if depth == 0 {
		return h
	}
	merges := pick(r, 0, 1, 1, 2, 3)
	days, seqs := make([]int, merges), make([]int, merges)
	for i := range merges {
		days[i], seqs[i] = 1+r.IntN(24), r.IntN(len(h.Records)+1)
	}
	slices.Sort(days)
	slices.Sort(seqs)
	for i := range merges {
		h.Merged = append(h.Merged, audience.MergedHistory{At: at(days[i]), Seq: uint64(seqs[i]), History: r.history(depth - 1)})
	}
	return h
}

// probes are the instants around everything that can happen.
func probes() []time.Time {
	var out []time.Time
	for day := range 31 {
		out = append(out, at(day).Add(-microsecond), at(day), at(day).Add(microsecond))
	}
	return out
}

func folds() map[string]func(h *audience.History, now time.Time) audience.Standing {
	news := audience.List{Name: "news", Kind: audience.ListTopic}
	return map[string]func(h *audience.History, now time.Time) audience.Standing{
		"marketing": func(h *audience.History, now time.Time) audience.Standing {
			return h.Fold(audience.MarketingScope(), now)
		},
		"topic":      func(h *audience.History, now time.Time) audience.Standing { return h.Fold(topic(), now) },
		"everything": func(h *audience.History, now time.Time) audience.Standing { return h.Fold(audience.Scope{}, now) },
		"on list":    func(h *audience.History, now time.Time) audience.Standing { return h.OnList(news, now) },
	}
}

// TestFoldAgreesWithASecondReading over random histories, merges within
// merges included.
func TestFoldAgreesWithASecondReading(t *testing.T) {
	r := chronicler{rand.New(rand.NewPCG(3, 5))}
	seen := map[audience.Status]int{}
	for range 6_000 {
		h := r.history(r.IntN(4))
		now := probes()[r.IntN(len(probes()))]
		for _, scope := range []audience.Scope{audience.MarketingScope(), topic(), {}, {Channel: "email"}} {
			got := h.Fold(scope, now)
			status, since := oracle{scope, now}.status(h)
			if status != got.Status || !since.Equal(got.Since) {
				require.Equal(t, fmt.Sprint(status, since), fmt.Sprint(got.Status, got.Since), "%s at %s: %+v", scope, now, h)
			}
			seen[status]++
		}
		own, _ := oracle{topic(), now}.status(h)
		wide, _ := oracle{audience.MarketingScope(), now}.status(h)
		if own == audience.StatusSubscribed && wide.IsRefusal() {
			own = wide
		}
		require.Equal(t, own, h.OnList(audience.List{Name: "news"}, now).Status)
	}
	for s := audience.StatusNone; s <= audience.StatusComplained; s++ {
		require.Greater(t, seen[s], 300, s.String())
	}
}

// TestUntilIsTheNextChange: between now and Until nothing changes, at Until
// it does, and after a zero Until it never does.
func TestUntilIsTheNextChange(t *testing.T) {
	r := chronicler{rand.New(rand.NewPCG(8, 13))}
	changes := 0
	for range 1_500 {
		h := r.history(r.IntN(3))
		for name, fold := range folds() {
			now := probes()[r.IntN(len(probes()))]
			s := fold(&h, now)
			for _, then := range probes() {
				switch {
				case then.Before(now):
				case s.Until.IsZero() || then.Before(s.Until):
					if fold(&h, then).Status != s.Status {
						require.Equal(t, s.Status, fold(&h, then).Status, "%s at %s, asked at %s: %+v", name, then, now, h)
					}
				}
			}
			if !s.Until.IsZero() {
				changes++
				require.True(t, s.Until.After(now))
				require.NotEqual(t, s.Status, fold(&h, s.Until).Status)
				require.Equal(t, s.Status, fold(&h, s.Until.Add(-microsecond)).Status)
			}
		}
	}
	require.Greater(t, changes, 1_000)
}

// TestFoldDoesNotDependOnTheOrderOfWriting, but for two refusals of one
// instant.
func TestFoldDoesNotDependOnTheOrderOfWriting(t *testing.T) {
	r := chronicler{rand.New(rand.NewPCG(21, 34))}
	for range 700 {
		h := r.history(0)
		kinds := map[time.Time]audience.ConsentKind{}
		h.Records = slices.DeleteFunc(h.Records, func(x audience.ConsentRecord) bool {
			if x.Kind != withdrawn && x.Kind != bounced {
				return false
			}
			before, ok := kinds[x.Acted]
			kinds[x.Acted] = x.Kind
			return ok && before != x.Kind
		})
		other := audience.History{Records: slices.Clone(h.Records)}
		r.Shuffle(len(other.Records), func(i, k int) { other.Records[i], other.Records[k] = other.Records[k], other.Records[i] })
		seqs := make(map[uint64]uint64)
		for i := range other.Records {
			seqs[other.Records[i].Seq] = uint64(i + 1)
		}
		for i := range other.Records {
			x := &other.Records[i]
			x.Seq, x.Retracts = seqs[x.Seq], seqs[x.Retracts]
		}
		other.Records = append(other.Records, other.Records...) // nor on saying everything twice
		for name, fold := range folds() {
			for _, now := range probes()[:40] {
				require.Equal(t, fold(&h, now), fold(&other, now), name)
			}
		}
	}
}

// TestNobodyBecomesMailableByARefusal, a request or a grant that does not
// count: whatever is added to whatever history, at any place.
func TestNobodyBecomesMailableByARefusal(t *testing.T) {
	r := chronicler{rand.New(rand.NewPCG(55, 89))}
	for range 4_000 {
		h := r.history(2)
		now := probes()[r.IntN(len(probes()))]
		before := map[string]bool{}
		for name, fold := range folds() {
			before[name] = fold(&h, now).Status == audience.StatusSubscribed
		}
		x := r.record(uint64(len(h.Records) + 1))
		switch x.Kind {
		case granted:
			x.Evidence = [32]byte{}
		case retracted: // see TestARetractedRecordIsAsIfNeverMade
			x.Kind = withdrawn
		default:
		}
		if i := r.IntN(2); i < len(h.Merged) {
			loser := &h.Merged[i].History
			x.Seq = uint64(len(loser.Records) + 1)
			loser.Records = append(loser.Records, x)
		} else {
			h.Records = append(h.Records, x)
		}
		for name, fold := range folds() {
			is := fold(&h, now).Status == audience.StatusSubscribed
			if is && !before[name] {
				require.False(t, is, "%s at %s by %+v: %+v", name, now, x, h)
			}
		}
	}
}

// TestTheLastRefusalIsNeverForgotten: when nobody consented after it, wherever
// in the tree of merges it stands.
func TestTheLastRefusalIsNeverForgotten(t *testing.T) {
	r := chronicler{rand.New(rand.NewPCG(144, 233))}
	now := at(25)
	refused := 0
	for range 4_000 {
		h := r.history(3)
		var lastGrant, lastRefusal time.Time
		var walk func(h audience.History)
		walk = func(h audience.History) {
			for _, x := range h.Records {
				switch {
				case x.Kind == granted && x.Acted.After(lastGrant):
					lastGrant = x.Acted
				case x.Kind.IsRefusal() && x.Scope.Covers(audience.MarketingScope()) && x.Acted.After(lastRefusal):
					lastRefusal = x.Acted
				}
			}
			for _, m := range h.Merged {
				walk(m.History)
			}
		}
		walk(h)
		if lastRefusal.IsZero() || lastGrant.After(lastRefusal) {
			continue
		}
		refused++
		if s := h.Fold(audience.MarketingScope(), now).Status; !s.IsRefusal() {
			require.True(t, s.IsRefusal(), "%s: %+v", s, h)
		}
	}
	require.Greater(t, refused, 300)
}

// TestUntilOfALongLedger: somebody fills a form all day long, and confirms
// now and then. Asking what comes next takes few folds, not one per record.
func TestUntilOfALongLedger(t *testing.T) {
	const n = 50_000
	var h audience.History
	for i := range n {
		r := act{kind: requested, day: 1}.record(i + 1)
		if i%100 == 99 {
			r.Kind, r.Mechanism = granted, doi
		}
		r.Acted = r.Acted.Add(time.Duration(i) * microsecond)
		r.Expires = at(20).Add(time.Duration(i) * microsecond)
		h.Records = append(h.Records, r)
	}
	end := at(20).Add((n - 1) * microsecond)
	s := h.Fold(audience.MarketingScope(), at(2))
	require.Equal(t, audience.Standing{Status: audience.StatusSubscribed, Since: at(1).Add((n - 1) * microsecond), Until: end}, s)
	require.Equal(t, audience.StatusNone, h.Fold(audience.MarketingScope(), end).Status)

	h.Records = h.Records[:n-1]
	s = h.Fold(audience.MarketingScope(), at(2))
	require.Equal(t, audience.StatusSubscribed, s.Status)
	require.Equal(t, at(20).Add((n-101)*microsecond), s.Until, "then pending")
	s = h.Fold(audience.MarketingScope(), s.Until)
	require.Equal(t, audience.StatusPending, s.Status)
	require.Equal(t, at(20).Add((n-2)*microsecond), s.Until)
}

// TestDecidingRecord: a standing is due to a record that makes it alone, and
// without the records that say it then the standing is another one.
func TestDecidingRecord(t *testing.T) {
	found := make(map[audience.Status]int)
	for seed := range uint64(4000) {
		r := chronicler{rand.New(rand.NewPCG(seed, 7))}
		h := r.history(2)
		scope := pick(r, audience.MarketingScope(), audience.Scope{}, topic(), audience.Scope{Channel: "sms", Purpose: "offers"})
		now := at(1 + r.IntN(28))
		s := h.Fold(scope, now)
		rec, ok := h.Deciding(scope, s, now)
		require.Equal(t, s.Status != audience.StatusNone, ok, "seed %d", seed)
		if !ok {
			continue
		}
		found[s.Status]++
		require.Equal(t, s.Status, rec.Kind.Status())
		require.Equal(t, s.Since, rec.Acted)
		require.True(t, rec.Scope.Covers(scope))
		require.True(t, holds(&h, rec), "seed %d: it is as it was written", seed)
		alone := silenced(h, func(x *audience.ConsentRecord) bool { return *x != rec && x.Kind != retracted })
		require.Equal(t, rec.Kind.Status(), alone.Fold(scope, now).Status, "seed %d: alone it makes the standing", seed)
		rest := silenced(h, func(x *audience.ConsentRecord) bool {
			return x.Kind == rec.Kind && x.Acted.Equal(rec.Acted) && x.Scope.Covers(scope)
		})
		after := rest.Fold(scope, now)
		require.False(t, after.Status == s.Status && after.Since.Equal(s.Since), "seed %d: without it %v is still %v", seed, rec, after)
	}
	for s := audience.StatusPending; s <= audience.StatusComplained; s++ {
		require.Greater(t, found[s], 20, s.String())
	}
}

func holds(h *audience.History, rec audience.ConsentRecord) bool {
	return slices.Contains(h.Records, rec) || slices.ContainsFunc(h.Merged, func(m audience.MergedHistory) bool { return holds(&m.History, rec) })
}

// silenced makes records ones that do not count, so that numbers stay.
func silenced(h audience.History, which func(*audience.ConsentRecord) bool) audience.History {
	h.Records, h.Merged = slices.Clone(h.Records), slices.Clone(h.Merged)
	for i := range h.Records {
		if which(&h.Records[i]) {
			h.Records[i].Kind = audience.ConsentRelation
		}
	}
	for i := range h.Merged {
		h.Merged[i].History = silenced(h.Merged[i].History, which)
	}
	return h
}

// TestDecidingOfOneInstant: of records of one instant a confirmed opt-in
// counts, whichever was written first, and none that is over.
func TestDecidingOfOneInstant(t *testing.T) {
	box := audience.ConsentRecord{Seq: 1, Kind: granted, Scope: audience.MarketingScope(), Acted: at(1), Mechanism: "single-opt-in", Evidence: [32]byte{1}}
	link, short := box, box
	link.Mechanism = doi
	short.Mechanism, short.Expires = doi, at(2)
	for _, tt := range []struct {
		name    string
		records []audience.ConsentRecord
		want    audience.ConsentRecord
	}{
		{"the confirmed one is last", []audience.ConsentRecord{box, link}, link},
		{"the confirmed one is first", []audience.ConsentRecord{link, box}, link},
		{"the confirmed one is over", []audience.ConsentRecord{box, short}, box},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := audience.History{Records: tt.records}
			got, ok := h.Deciding(audience.MarketingScope(), h.Fold(audience.MarketingScope(), at(3)), at(3))
			require.True(t, ok)
			require.Equal(t, tt.want, got)
		})
	}
}
