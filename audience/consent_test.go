package audience_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestConsentKinds(t *testing.T) {
	names := []string{"none", "requested", "granted", "withdrawn", "bounced", "complained", "retracted", "restricted", "released", "relation", "none"}
	for i, name := range names {
		kind := audience.ConsentKind(i)
		require.Equal(t, name, kind.String())
		require.Equal(t, i >= 3 && i <= 5, kind.IsRefusal())
	}
}

func TestMechanisms(t *testing.T) {
	affirms := map[audience.Mechanism]bool{
		"double-opt-in": true, "single-opt-in": true, "attested": true, "paper": true, "verbal": true,
		"pre-ticked": false, "bundled": false, "silence": false, "": false, "Double-Opt-In": false, "double-opt-in ": false, "soft-opt-in": false,
	}
	for m, want := range affirms {
		require.Equal(t, want, m.Affirms(), string(m))
		require.Equal(t, m == audience.MechanismDoubleOptIn, m.Confirms(), string(m))
	}
}

func TestScopeCovers(t *testing.T) {
	all := audience.Scope{}
	email := audience.Scope{Channel: "email"}
	marketing := audience.MarketingScope()
	topic := audience.Scope{Channel: "email", Purpose: "marketing", List: "news"}
	list := audience.Scope{List: "news"}
	offers := audience.Scope{Channel: "email", Purpose: "offers"}
	covers := map[audience.Scope][]audience.Scope{
		all: {all, email, marketing, topic, list, offers}, email: {email, marketing, topic, offers}, marketing: {marketing, topic},
		topic: {topic}, list: {list, topic}, offers: {offers},
	}
	for a, wider := range covers {
		for b := range covers {
			want := false
			for _, w := range wider {
				want = want || w == b
			}
			require.Equal(t, want, a.Covers(b), "%s %s", a, b)
		}
	}
	require.Equal(t, "*/*/*", all.String())
	require.Equal(t, "email/marketing/news", topic.String())
}

func TestConsentWriteCheck(t *testing.T) {
	long := strings.Repeat("x", 201)
	limits := audience.Limits{EvidenceBytes: 10}
	tests := []struct {
		name       string
		change     func(*audience.ConsentWrite)
		path, rule string // path "" and a rule: denied
	}{
		{"good", func(*audience.ConsentWrite) {}, "", ""},
		{"refusal without anything", func(w *audience.ConsentWrite) {
			*w = audience.ConsentWrite{Contact: audience.ID(1), Kind: audience.ConsentWithdrawn}
		}, "", ""},
		{"request without evidence", func(w *audience.ConsentWrite) { w.Kind, w.Evidence, w.Mechanism = audience.ConsentRequested, nil, "" }, "", ""},
		{"nobody", func(w *audience.ConsentWrite) { w.Contact = audience.Ref{} }, "contact", "empty"},
		{"no kind", func(w *audience.ConsentWrite) { w.Kind = 0 }, "kind", "unknown"},
		{"unknown kind", func(w *audience.ConsentWrite) { w.Kind = 10 }, "kind", "unknown"},
		{"retraction", func(w *audience.ConsentWrite) {
			*w = audience.ConsentWrite{Contact: audience.ID(1), Kind: audience.ConsentRetracted, Retracts: 3}
		}, "", ""},
		{"retraction of nothing", func(w *audience.ConsentWrite) { w.Contact, w.Kind = audience.ID(1), audience.ConsentRetracted }, "retracts", "range"},
		{"retraction by key", func(w *audience.ConsentWrite) { w.Kind, w.Retracts = audience.ConsentRetracted, 3 }, "contact", "id"},
		{"restriction", func(w *audience.ConsentWrite) {
			*w = audience.ConsentWrite{Contact: audience.ID(1), Kind: audience.ConsentRestricted}
		}, "", ""},
		{"release by nobody", func(w *audience.ConsentWrite) { w.Kind, w.Source.Actor = audience.ConsentReleased, "" }, "", "actor"},
		{"release for no reason", func(w *audience.ConsentWrite) {
			w.Kind, w.Source.Actor, w.Evidence = audience.ConsentReleased, "op", nil
		}, "", "evidence"},
		{"relation of no kind", func(w *audience.ConsentWrite) { w.Kind = audience.ConsentRelation }, "", "mechanism"},
		{"relation", func(w *audience.ConsentWrite) {
			w.Kind, w.Mechanism, w.Evidence = audience.ConsentRelation, audience.MechanismPurchase, nil
		}, "", ""},
		{"grant that retracts", func(w *audience.ConsentWrite) { w.Retracts = 3 }, "retracts", "range"},
		{"grant without evidence", func(w *audience.ConsentWrite) { w.Evidence = []byte{} }, "", "evidence"},
		{"pre-ticked", func(w *audience.ConsentWrite) { w.Mechanism = audience.MechanismPreTicked }, "", "mechanism"},
		{"no mechanism", func(w *audience.ConsentWrite) { w.Mechanism = "" }, "", "mechanism"},
		{"much evidence", func(w *audience.ConsentWrite) { w.Evidence = []byte("12345678901") }, "evidence", "max-length"},
		{"much evidence of a refusal", func(w *audience.ConsentWrite) {
			w.Kind, w.Evidence = audience.ConsentWithdrawn, []byte("12345678901")
		}, "evidence", "max-length"},
		{"channel", func(w *audience.ConsentWrite) { w.Scope.Channel = "Email" }, "scope.channel", "unknown"},
		{"any channel", func(w *audience.ConsentWrite) { w.Scope.Channel = "" }, "", ""},
		{"another channel", func(w *audience.ConsentWrite) { w.Scope.Channel = audience.ChannelPost }, "", ""},
		{"purpose", func(w *audience.ConsentWrite) { w.Scope.Purpose = "\x00" }, "scope.purpose", "nul"},
		{"list", func(w *audience.ConsentWrite) { w.Scope.List = long }, "scope.list", "max-length"},
		{"mechanism of a refusal", func(w *audience.ConsentWrite) {
			w.Kind, w.Mechanism = audience.ConsentWithdrawn, audience.Mechanism(long)
		}, "mechanism", "max-length"},
		{"notice", func(w *audience.ConsentWrite) { w.Notice = long }, "notice", "max-length"},
		{"actor", func(w *audience.ConsentWrite) { w.Source.Actor = long }, "source.actor", "max-length"},
		{"acted too early", func(w *audience.ConsentWrite) { w.Acted = audience.MinInstant().Add(-1) }, "acted", "range"},
		{"expires too late", func(w *audience.ConsentWrite) { w.Expires = audience.MaxInstant().Add(microsecond) }, "expires", "range"},
		{"expires last", func(w *audience.ConsentWrite) { w.Expires = audience.MaxInstant() }, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := audience.ConsentWrite{
				Contact: audience.Key("u1"), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
				Mechanism: audience.MechanismPaper, Evidence: []byte("form 7"),
			}
			tt.change(&w)
			err := w.Check(limits)
			switch {
			case tt.rule == "":
				require.NoError(t, err)
			case tt.path == "":
				var denied *audience.DeniedError
				require.ErrorAs(t, err, &denied)
				require.Equal(t, tt.rule, denied.Rule)
				require.NotEmpty(t, denied.Hint)
			default:
				field := requireField(t, err, tt.path, tt.rule)
				require.Equal(t, strings.HasPrefix(tt.rule, "max-"), field.Limit)
			}
		})
	}
}

// link gives the record that follows in a chain of the audience "main".
func link(prev *audience.ConsentRecord, r audience.ConsentRecord) audience.ConsentRecord {
	r.Contact, r.Seq, r.Prev = 5, 1, audience.ChainStart("main", 5)
	if prev != nil {
		r.Contact, r.Seq, r.Prev = prev.Contact, prev.Seq+1, prev.Hash
	}
	r.Hash = r.ComputeHash()
	return r
}

// goodChain is granted, withdrawn, requested, complained, granted.
func goodChain() []audience.ConsentRecord {
	scope := audience.MarketingScope()
	evidence := audience.Commit([32]byte{1}, []byte("form"))
	var out []audience.ConsentRecord
	add := func(r audience.ConsentRecord) {
		var prev *audience.ConsentRecord
		if n := len(out); n > 0 {
			prev = &out[n-1]
		}
		r.Scope = scope
		out = append(out, link(prev, r))
	}
	add(audience.ConsentRecord{
		Kind: audience.ConsentGranted, Acted: at(1), Recorded: at(2), Expires: at(30), Mechanism: audience.MechanismSingleOptIn, Evidence: evidence, Notice: "v3",
	})
	add(audience.ConsentRecord{Kind: audience.ConsentWithdrawn, Acted: at(3), Recorded: at(3), Source: audience.Source{Kind: audience.SourcePerson}})
	add(audience.ConsentRecord{Kind: audience.ConsentRequested, Acted: at(3), Recorded: at(3), Expires: at(9)})
	add(audience.ConsentRecord{Kind: audience.ConsentComplained, Acted: at(2), Recorded: at(4)})
	add(audience.ConsentRecord{Kind: audience.ConsentGranted, Acted: at(5), Recorded: at(5), Mechanism: audience.MechanismDoubleOptIn, Evidence: evidence})
	return out
}

// firstBroken gives the index of the first record that does not follow.
func firstBroken(audienceName string, chain []audience.ConsentRecord) (int, error) {
	var prev *audience.ConsentRecord
	for i := range chain {
		if err := chain[i].CheckLink(audienceName, prev); err != nil {
			return i, err
		}
		prev = &chain[i]
	}
	return -1, nil
}

func TestChain(t *testing.T) {
	broken, err := firstBroken("main", goodChain())
	require.NoError(t, err)
	require.Equal(t, -1, broken)

	rehash := func(r *audience.ConsentRecord) { r.Hash = r.ComputeHash() }
	tests := []struct {
		name   string
		change func(c []audience.ConsentRecord) []audience.ConsentRecord
		want   int
		is     error
	}{
		{"changed", func(c []audience.ConsentRecord) []audience.ConsentRecord {
			c[1].Acted = at(2)
			return c
		}, 1, audience.ErrInvalid},
		{"changed and hashed anew", func(c []audience.ConsentRecord) []audience.ConsentRecord {
			c[1].Kind = audience.ConsentRequested
			rehash(&c[1])
			return c
		}, 2, audience.ErrConflict},
		{"hash changed", func(c []audience.ConsentRecord) []audience.ConsentRecord {
			c[4].Hash[31] ^= 1
			return c
		}, 4, audience.ErrInvalid},
		{"evidence swapped", func(c []audience.ConsentRecord) []audience.ConsentRecord {
			c[0].Evidence = audience.Commit([32]byte{2}, []byte("form"))
			return c
		}, 0, audience.ErrInvalid},
		{"two in the other order", func(c []audience.ConsentRecord) []audience.ConsentRecord {
			c[2], c[3] = c[3], c[2]
			return c
		}, 2, audience.ErrConflict},
		{"one left out", func(c []audience.ConsentRecord) []audience.ConsentRecord { return append(c[:1], c[2:]...) }, 1, audience.ErrConflict},
		{"left out and numbered anew", func(c []audience.ConsentRecord) []audience.ConsentRecord {
			c = append(c[:1], c[2:]...)
			c[1].Seq = 2
			rehash(&c[1])
			return c
		}, 1, audience.ErrConflict},
		{"the first left out", func(c []audience.ConsentRecord) []audience.ConsentRecord { return c[1:] }, 0, audience.ErrConflict},
		{"one twice", func(c []audience.ConsentRecord) []audience.ConsentRecord { return append(c[:2], c[1:]...) }, 2, audience.ErrConflict},
		{"of another contact", func(c []audience.ConsentRecord) []audience.ConsentRecord {
			for i := range c {
				c[i].Contact = 6
				rehash(&c[i])
			}
			return c
		}, 0, audience.ErrConflict},
		{"going over to another contact", func(c []audience.ConsentRecord) []audience.ConsentRecord {
			c[3].Contact = 6
			rehash(&c[3])
			return c
		}, 3, audience.ErrConflict},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i, err := firstBroken("main", tt.change(goodChain()))
			require.ErrorIs(t, err, tt.is)
			require.Equal(t, tt.want, i)
		})
	}
	i, err := firstBroken("shop", goodChain())
	require.ErrorIs(t, err, audience.ErrConflict, "a chain of another audience")
	require.Zero(t, i)
	i, err = firstBroken("main", goodChain()[:3])
	require.NoError(t, err, "a chain cut at the end looks whole: a head kept elsewhere finds that")
	require.Equal(t, -1, i)
}

// retraction gives one of day 6.
func retraction(seq uint64) audience.ConsentRecord {
	return audience.ConsentRecord{Kind: audience.ConsentRetracted, Acted: at(6), Recorded: at(6), Retracts: seq}
}

// TestCheckLinkRefuses records that are bad in themselves, well hashed and in
// their place.
func TestCheckLinkRefuses(t *testing.T) {
	fine := 1500 * time.Nanosecond
	tests := []struct {
		name       string
		change     func(r *audience.ConsentRecord)
		path, rule string // path "" and a rule: denied
	}{
		{"good", func(*audience.ConsentRecord) {}, "", ""},
		{"grant without evidence", func(r *audience.ConsentRecord) { r.Evidence = [32]byte{} }, "", "evidence"},
		{"bundled grant", func(r *audience.ConsentRecord) { r.Mechanism = audience.MechanismBundled }, "", "mechanism"},
		{"grant without mechanism", func(r *audience.ConsentRecord) { r.Mechanism = "" }, "", "mechanism"},
		{"retraction", func(r *audience.ConsentRecord) { *r = retraction(5) }, "", ""},
		{"retraction of nothing", func(r *audience.ConsentRecord) { *r = retraction(0) }, "retracts", "range"},
		{"retraction of itself", func(r *audience.ConsentRecord) { *r = retraction(6) }, "retracts", "range"},
		{"grant that retracts", func(r *audience.ConsentRecord) { r.Retracts = 1 }, "retracts", "range"},
		{"no kind", func(r *audience.ConsentRecord) { r.Kind = 0 }, "kind", "unknown"},
		{"kind of the future", func(r *audience.ConsentRecord) { r.Kind = 200 }, "kind", "unknown"},
		{"acted after the commit", func(r *audience.ConsentRecord) { r.Acted = r.Recorded.Add(microsecond) }, "acted", "range"},
		{"recorded before the one in front", func(r *audience.ConsentRecord) { r.Acted, r.Recorded = at(1), at(5).Add(-microsecond) }, "recorded", "range"},
		{"never acted", func(r *audience.ConsentRecord) { r.Acted = time.Time{} }, "acted", "empty"},
		{"never recorded", func(r *audience.ConsentRecord) { r.Recorded = time.Time{} }, "recorded", "empty"},
		{"acted before time", func(r *audience.ConsentRecord) { r.Acted = audience.MinInstant().Add(-microsecond) }, "acted", "range"},
		{"expires after time", func(r *audience.ConsentRecord) { r.Expires = audience.MaxInstant().Add(microsecond) }, "expires", "range"},
		{"acted between microseconds", func(r *audience.ConsentRecord) { r.Acted = at(1).Add(fine) }, "acted", "precision"},
		{"recorded between microseconds", func(r *audience.ConsentRecord) { r.Recorded = at(6).Add(fine) }, "recorded", "precision"},
		{"expires between microseconds", func(r *audience.ConsentRecord) { r.Expires = at(9).Add(fine) }, "expires", "precision"},
		{"no UTF-8", func(r *audience.ConsentRecord) { r.Scope.List = "\xff" }, "record", "utf8"},
		{"NUL", func(r *audience.ConsentRecord) { r.Source.Actor = "a\x00" }, "record", "nul"},
		{"more than can be read again", func(r *audience.ConsentRecord) { r.Notice = strings.Repeat("x", 64<<10) }, "record", "max-length"},
	}
	chain := goodChain()
	prev := &chain[4]
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := audience.ConsentRecord{
				Kind: audience.ConsentGranted, Acted: at(6), Recorded: at(6), Mechanism: audience.MechanismVerbal, Evidence: [32]byte{9},
			}
			tt.change(&r)
			r = link(prev, r)
			err := r.CheckLink("main", prev)
			switch {
			case tt.rule == "":
				require.NoError(t, err)
			case tt.path == "":
				var denied *audience.DeniedError
				require.ErrorAs(t, err, &denied)
				require.Equal(t, tt.rule, denied.Rule)
			default:
				requireField(t, err, tt.path, tt.rule)
			}
		})
	}
	r := link(nil, audience.ConsentRecord{Kind: audience.ConsentWithdrawn, Acted: at(1), Recorded: at(1)})
	r.Contact, r.Prev = 0, audience.ChainStart("main", 0)
	r.Hash = r.ComputeHash()
	requireField(t, r.CheckLink("main", nil), "contact", "empty")
}

// TestKindsAndStatuses: a record of a kind makes its status, and both ways lead
// back.
func TestKindsAndStatuses(t *testing.T) {
	for s := audience.StatusPending; s <= audience.StatusComplained; s++ {
		require.Equal(t, s, s.Kind().Status(), s.String())
		r := audience.ConsentRecord{Seq: 1, Kind: s.Kind(), Acted: at(1), Recorded: at(1), Mechanism: audience.MechanismDoubleOptIn, Evidence: [32]byte{1}}
		h := audience.History{Records: []audience.ConsentRecord{r}}
		require.Equal(t, s, h.Fold(audience.Scope{}, at(1)).Status, "the fold says the same of %s", r.Kind)
		require.Equal(t, s.IsRefusal(), s.Kind().IsRefusal())
	}
	require.Zero(t, audience.StatusNone.Kind())
	for _, k := range []audience.ConsentKind{0, audience.ConsentRetracted, audience.ConsentRestricted, audience.ConsentReleased, audience.ConsentRelation, 99} {
		require.Equal(t, audience.StatusNone, k.Status(), k.String())
	}
}

func TestCommit(t *testing.T) {
	one := audience.Commit([32]byte{1}, []byte("I agree"))
	require.Equal(t, one, audience.Commit([32]byte{1}, []byte("I agree")))
	require.NotEqual(t, one, audience.Commit([32]byte{2}, []byte("I agree")), "the salt hides equal evidence")
	require.NotEqual(t, one, audience.Commit([32]byte{1}, []byte("I agree.")))
	require.NotEqual(t, [32]byte{}, audience.Commit([32]byte{}, nil), "never looks like no evidence")
}

func ExampleConsentWrite() {
	clicked := time.Date(2026, 1, 10, 8, 0, 0, 0, time.UTC)
	write := audience.ConsentWrite{
		Contact:   audience.Key("u42"),
		Kind:      audience.ConsentGranted,
		Scope:     audience.MarketingScope(), // e-mail, for the purpose marketing
		Acted:     clicked,
		Expires:   clicked.AddDate(2, 0, 0),
		Mechanism: audience.MechanismDoubleOptIn,
		Evidence:  []byte("form newsletter-7, box ticked, link in the mail clicked"),
	}
	fmt.Println(write.Check(audience.Limits{}))

	write.Evidence = nil
	fmt.Println(write.Check(audience.Limits{})) // nobody becomes mailable without evidence
	// Output:
	// <nil>
	// denied (evidence): a grant needs evidence: who attests, when, and what was said
}

func ExampleHistory_Fold() {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	record := func(kind audience.ConsentKind, scope audience.Scope, acted time.Time) audience.ConsentRecord {
		return audience.ConsentRecord{Kind: kind, Scope: scope, Acted: acted, Recorded: acted}
	}
	signup := record(audience.ConsentRequested, audience.MarketingScope(), day(1))
	confirmed := record(audience.ConsentGranted, audience.MarketingScope(), day(2))
	confirmed.Mechanism = audience.MechanismDoubleOptIn
	confirmed.Evidence = audience.Commit([32]byte{ /* 32 random bytes */ }, []byte("link in the mail clicked"))
	confirmed.Expires = day(20)
	withdrawn := record(audience.ConsentWithdrawn, audience.Scope{Channel: audience.ChannelEmail}, day(10)) // from all mail

	history := audience.History{Records: []audience.ConsentRecord{signup, confirmed}}
	show := func(now time.Time) {
		standing := history.Fold(audience.MarketingScope(), now)
		fmt.Print(now.Format("2 January: "), standing.Status)
		if !standing.Until.IsZero() { // what will change by itself
			fmt.Print(standing.Until.Format(", until 2 January"))
		}
		fmt.Println()
	}
	show(day(1))
	show(day(2))
	show(day(20))
	history.Records = append(history.Records, withdrawn)
	show(day(20))
	// Output:
	// 1 January: pending, until 2 January
	// 2 January: subscribed, until 20 January
	// 20 January: pending
	// 20 January: unsubscribed
}
