package audience_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// act is a ledger record in short: what was done on which day of January.
type act struct {
	kind  audience.ConsentKind
	day   int
	until int                // 0: never
	by    audience.Mechanism // of a grant; "": a single opt-in
	scope audience.Scope     // zero: e-mail for marketing; see everything
	bare  bool               // without evidence
	seq   uint64             // that a retraction takes back
}

func everything() audience.Scope { return audience.Scope{Channel: "*"} } // stands for the zero Scope

const (
	requested  = audience.ConsentRequested
	granted    = audience.ConsentGranted
	withdrawn  = audience.ConsentWithdrawn
	bounced    = audience.ConsentBounced
	complained = audience.ConsentComplained
	retracted  = audience.ConsentRetracted
	restricted = audience.ConsentRestricted
	released   = audience.ConsentReleased
	relation   = audience.ConsentRelation
	doi        = audience.MechanismDoubleOptIn
)

func (a act) record(seq int) audience.ConsentRecord {
	r := audience.ConsentRecord{
		Contact: 5, Seq: uint64(seq), Kind: a.kind, Scope: a.scope, Acted: at(a.day), Recorded: at(a.day), Mechanism: a.by, Retracts: a.seq,
	}
	switch a.scope {
	case audience.Scope{}:
		r.Scope = audience.MarketingScope()
	case everything():
		r.Scope = audience.Scope{}
	}
	if a.by == "" {
		r.Mechanism = audience.MechanismSingleOptIn
	}
	if a.until != 0 {
		r.Expires = at(a.until)
	}
	if !a.bare {
		r.Evidence = [32]byte{1}
	}
	return r
}

func records(acts ...act) []audience.ConsentRecord {
	var out []audience.ConsentRecord
	for i, a := range acts {
		out = append(out, a.record(i+1))
	}
	return out
}

// requireStanding compares a standing with "status since until" in days, 0
// for none.
func requireStanding(t *testing.T, got audience.Standing, status audience.Status, since, until int) {
	t.Helper()
	require.Equal(t, status.String(), got.Status.String())
	require.Equal(t, dayOrZero(since), got.Since, "since")
	require.Equal(t, dayOrZero(until), got.Until, "until")
}

func dayOrZero(day int) time.Time {
	if day == 0 {
		return time.Time{}
	}
	return at(day)
}

func TestStatuses(t *testing.T) {
	names := []string{"none", "pending", "subscribed", "unsubscribed", "bounced", "complained"}
	for i, name := range names {
		s := audience.Status(i)
		require.Equal(t, name, s.String())
		require.Equal(t, i >= 3, s.IsRefusal())
		parsed, err := audience.ParseStatus(name)
		require.NoError(t, err)
		require.Equal(t, s, parsed)
	}
	require.Equal(t, "none", audience.Status(6).String())
	require.False(t, audience.Status(6).IsRefusal())
	for _, text := range []string{"", "Subscribed", " subscribed", "active", "inactive", "cleaned", "unsubscribed "} {
		s, err := audience.ParseStatus(text)
		requireField(t, err, "status", "unknown")
		require.Equal(t, audience.StatusNone, s, "an unknown word never grants")
	}
}

func TestFold(t *testing.T) {
	const (
		none         = audience.StatusNone
		pending      = audience.StatusPending
		subscribed   = audience.StatusSubscribed
		unsubscribed = audience.StatusUnsubscribed
		isBounced    = audience.StatusBounced
		isComplained = audience.StatusComplained
	)
	tests := []struct {
		name         string
		acts         []act
		want         audience.Status // on day 20
		since, until int
	}{
		{"nothing", nil, none, 0, 0},
		{"asked for", []act{{kind: requested, day: 1}}, pending, 1, 0},
		{"asked for twice", []act{{kind: requested, day: 3}, {kind: requested, day: 1}}, pending, 1, 0},
		{"consented", []act{{kind: granted, day: 1}}, subscribed, 1, 0},
		{"consented twice", []act{{kind: granted, day: 1}, {kind: granted, day: 4}}, subscribed, 4, 0},
		{"asked for and confirmed", []act{{kind: requested, day: 1}, {kind: granted, day: 2, by: doi}}, subscribed, 2, 0},
		{"asking again changes nothing", []act{{kind: granted, day: 1}, {kind: requested, day: 2}}, subscribed, 1, 0},
		{"withdrawn", []act{{kind: granted, day: 1}, {kind: withdrawn, day: 2}}, unsubscribed, 2, 0},
		{"withdrawn without consent", []act{{kind: withdrawn, day: 2}}, unsubscribed, 2, 0},
		{"asking lifts no withdrawal", []act{{kind: withdrawn, day: 1}, {kind: requested, day: 2}}, unsubscribed, 1, 0},
		{"consented anew", []act{{kind: withdrawn, day: 1}, {kind: granted, day: 2}}, subscribed, 2, 0},
		{"recorded late, made before", []act{{kind: withdrawn, day: 3}, {kind: granted, day: 2}}, unsubscribed, 3, 0},
		{"a refusal wins a tie", []act{{kind: granted, day: 2}, {kind: withdrawn, day: 2}}, unsubscribed, 2, 0},
		{"in either order", []act{{kind: withdrawn, day: 2}, {kind: granted, day: 2}}, unsubscribed, 2, 0},
		{"a bounce wins a tie", []act{{kind: bounced, day: 2}, {kind: granted, day: 2, by: doi}}, isBounced, 2, 0},
		{"a request does not win a tie", []act{{kind: requested, day: 2}, {kind: granted, day: 2}}, subscribed, 2, 0},
		{"bounced", []act{{kind: granted, day: 1}, {kind: bounced, day: 2}}, isBounced, 2, 0},
		{"bounced and consented anew", []act{{kind: bounced, day: 2}, {kind: granted, day: 3}}, subscribed, 3, 0},
		{"the later of two refusals", []act{{kind: withdrawn, day: 1}, {kind: bounced, day: 2}}, isBounced, 2, 0},
		{"whatever the order of writing", []act{{kind: bounced, day: 2}, {kind: withdrawn, day: 1}}, isBounced, 2, 0},
		{"at one instant the one written later", []act{{kind: bounced, day: 2}, {kind: withdrawn, day: 2}}, unsubscribed, 2, 0},
		{"complained", []act{{kind: granted, day: 1}, {kind: complained, day: 2}}, isComplained, 2, 0},
		{"a single opt-in lifts no complaint", []act{{kind: complained, day: 2}, {kind: granted, day: 3}}, isComplained, 2, 0},
		{"nor does an attestation", []act{{kind: complained, day: 2}, {kind: granted, day: 3, by: "attested"}}, isComplained, 2, 0},
		{"a confirmed opt-in does", []act{{kind: complained, day: 2}, {kind: granted, day: 3, by: doi}}, subscribed, 3, 0},
		{"after it, not with it", []act{{kind: complained, day: 2}, {kind: granted, day: 2, by: doi}}, isComplained, 2, 0},
		{"nor before it", []act{{kind: complained, day: 2}, {kind: granted, day: 1, by: doi}, {kind: granted, day: 4}}, isComplained, 2, 0},
		{"a complaint stays one", []act{{kind: complained, day: 2}, {kind: withdrawn, day: 3}, {kind: bounced, day: 4}}, isComplained, 2, 0},
		{"the last complaint counts", []act{{kind: complained, day: 2}, {kind: granted, day: 3, by: doi}, {kind: complained, day: 4}}, isComplained, 4, 0},
		{
			"the refusal behind a lifted complaint",
			[]act{{kind: complained, day: 2}, {kind: withdrawn, day: 4}, {kind: granted, day: 3, by: doi}},
			unsubscribed, 4, 0,
		},
		{
			"and any grant lifts that",
			[]act{{kind: complained, day: 2}, {kind: granted, day: 3, by: doi}, {kind: withdrawn, day: 4}, {kind: granted, day: 5}},
			subscribed, 5, 0,
		},

		{"will expire", []act{{kind: granted, day: 1, until: 25}}, subscribed, 1, 25},
		{"expires at that very instant", []act{{kind: granted, day: 1, until: 20}}, none, 0, 0},
		{"expired", []act{{kind: granted, day: 1, until: 5}}, none, 0, 0},
		{"as if never made", []act{{kind: requested, day: 1}, {kind: granted, day: 2, until: 5}}, pending, 1, 0},
		{"an earlier one is still good", []act{{kind: granted, day: 1}, {kind: granted, day: 2, until: 5}}, subscribed, 1, 0},
		{"until the last one ends", []act{{kind: granted, day: 1, until: 22}, {kind: granted, day: 2, until: 24}}, subscribed, 2, 24},
		{"whichever that is", []act{{kind: granted, day: 1, until: 24}, {kind: granted, day: 2, until: 22}}, subscribed, 2, 24},
		{"one that never ends", []act{{kind: granted, day: 1, until: 24}, {kind: granted, day: 2}}, subscribed, 2, 0},
		{"a request expires", []act{{kind: requested, day: 1, until: 22}}, pending, 1, 22},
		{"the last request", []act{{kind: requested, day: 1, until: 22}, {kind: requested, day: 2, until: 25}}, pending, 1, 25},
		{"then pending", []act{{kind: requested, day: 1}, {kind: granted, day: 2, until: 25}}, subscribed, 2, 25},
		{"a refusal comes back", []act{{kind: withdrawn, day: 1}, {kind: granted, day: 2, until: 25}}, subscribed, 2, 25},
		{"it has come back", []act{{kind: withdrawn, day: 1}, {kind: granted, day: 2, until: 5}}, unsubscribed, 1, 0},
		{
			"a complaint comes back",
			[]act{{kind: complained, day: 1}, {kind: granted, day: 2, by: doi, until: 25}, {kind: granted, day: 3}},
			subscribed, 3, 25,
		},
		{"a refusal does not expire", []act{{kind: withdrawn, day: 1, until: 5}}, unsubscribed, 1, 0},
		{"nor does a complaint", []act{{kind: granted, day: 1}, {kind: complained, day: 2, until: 25}}, isComplained, 2, 0},
		{
			"an expiry behind a refusal changes nothing",
			[]act{{kind: granted, day: 1, until: 25}, {kind: withdrawn, day: 2}},
			unsubscribed, 2, 0,
		},
		{
			"a refusal becomes a complaint",
			[]act{{kind: complained, day: 1}, {kind: granted, day: 2, by: doi, until: 25}, {kind: withdrawn, day: 3}},
			unsubscribed, 3, 25,
		},

		{"grant without evidence", []act{{kind: granted, day: 1, bare: true}}, none, 0, 0},
		{"pre-ticked", []act{{kind: granted, day: 1, by: "pre-ticked"}}, none, 0, 0},
		{"bundled", []act{{kind: granted, day: 1, by: "bundled"}}, none, 0, 0},
		{"silence", []act{{kind: granted, day: 1, by: "silence"}}, none, 0, 0},
		{"unknown mechanism", []act{{kind: granted, day: 1, by: "soft-opt-in"}}, none, 0, 0},
		{"they lift nothing", []act{{kind: bounced, day: 1}, {kind: granted, day: 2, by: "bundled"}}, isBounced, 1, 0},
		{"refusals need no evidence", []act{{kind: granted, day: 1}, {kind: withdrawn, day: 2, bare: true}}, unsubscribed, 2, 0},
		{"requests need no evidence", []act{{kind: requested, day: 1, bare: true}}, pending, 1, 0},
		{"a kind of the future", []act{{kind: 9, day: 1}}, none, 0, 0},

		{"acted later", []act{{kind: granted, day: 1}, {kind: withdrawn, day: 21}}, subscribed, 1, 21},
		{"acted at that very instant", []act{{kind: granted, day: 1}, {kind: withdrawn, day: 20}}, unsubscribed, 20, 0},

		{"refusal of all purposes", []act{{kind: granted, day: 1}, {kind: withdrawn, day: 2, scope: audience.Scope{Channel: "email"}}}, unsubscribed, 2, 0},
		{"of the purpose on all channels", []act{{kind: granted, day: 1}, {kind: withdrawn, day: 2, scope: audience.Scope{Purpose: "marketing"}}}, unsubscribed, 2, 0},
		{"of everything", []act{{kind: granted, day: 1}, {kind: withdrawn, day: 2, scope: everything()}}, unsubscribed, 2, 0},
		{
			"a wider refusal is lifted by a later narrower grant",
			[]act{{kind: withdrawn, day: 1, scope: everything()}, {kind: granted, day: 2}},
			subscribed, 2, 0,
		},
		{"refusal of another purpose", []act{{kind: granted, day: 1}, {kind: withdrawn, day: 2, scope: audience.Scope{Channel: "email", Purpose: "offers"}}}, subscribed, 1, 0},
		{"of another channel", []act{{kind: granted, day: 1}, {kind: withdrawn, day: 2, scope: audience.Scope{Channel: "sms"}}}, subscribed, 1, 0},
		{"of one topic", []act{{kind: granted, day: 1}, {kind: withdrawn, day: 2, scope: topic()}}, subscribed, 1, 0},
		{"consent to all purposes", []act{{kind: granted, day: 1, scope: audience.Scope{Channel: "email"}}}, subscribed, 1, 0},
		{"consent to everything", []act{{kind: granted, day: 1, scope: everything()}}, subscribed, 1, 0},
		{"consent to another purpose", []act{{kind: granted, day: 1, scope: audience.Scope{Channel: "email", Purpose: "offers"}}}, none, 0, 0},
		{"to another channel", []act{{kind: granted, day: 1, scope: audience.Scope{Channel: "sms", Purpose: "marketing"}}}, none, 0, 0},
		{"to one topic", []act{{kind: granted, day: 1, scope: topic()}}, none, 0, 0},
		{"a topic lifts no wider refusal", []act{{kind: withdrawn, day: 1}, {kind: granted, day: 2, scope: topic()}}, unsubscribed, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := audience.History{Records: records(tt.acts...)}
			requireStanding(t, h.Fold(audience.MarketingScope(), at(20)), tt.want, tt.since, tt.until)
		})
	}
}

// topic is the scope of the list "news".
func topic() audience.Scope {
	return audience.Scope{Channel: "email", Purpose: "marketing", List: "news"}
}

// TestFoldEdges: a standing changes at an instant, neither a microsecond
// before nor after.
func TestFoldEdges(t *testing.T) {
	h := audience.History{Records: records(act{kind: granted, day: 5, until: 10})}
	for instant, want := range map[time.Time]audience.Status{
		at(5).Add(-microsecond): audience.StatusNone, at(5): audience.StatusSubscribed,
		at(10).Add(-microsecond): audience.StatusSubscribed, at(10): audience.StatusNone,
	} {
		require.Equal(t, want, h.Fold(audience.MarketingScope(), instant).Status)
	}
	require.Equal(t, at(5), h.Fold(audience.MarketingScope(), at(1)).Until)
	require.Equal(t, at(10), h.Fold(audience.MarketingScope(), at(5)).Until)
	require.True(t, h.Fold(audience.MarketingScope(), at(10)).Until.IsZero())
}

func TestOnList(t *testing.T) {
	const (
		none         = audience.StatusNone
		subscribed   = audience.StatusSubscribed
		unsubscribed = audience.StatusUnsubscribed
	)
	offers := func(s audience.Scope) audience.Scope {
		s.Purpose = "offers"
		return s
	}
	tests := []struct {
		name         string
		acts         []act
		want         audience.Status
		since, until int
	}{
		{"nothing", nil, none, 0, 0},
		{"joined", []act{{kind: granted, day: 1, scope: topic()}}, subscribed, 1, 0},
		{"joined on every channel", []act{{kind: granted, day: 1, scope: audience.Scope{List: "news"}}}, subscribed, 1, 0},
		{"consent to marketing joins no topic", []act{{kind: granted, day: 1}}, none, 0, 0},
		{"nor to everything", []act{{kind: granted, day: 1, scope: everything()}}, none, 0, 0},
		{"another topic", []act{{kind: granted, day: 1, scope: audience.Scope{Channel: "email", Purpose: "marketing", List: "new"}}}, none, 0, 0},
		{"asked for", []act{{kind: requested, day: 1, scope: topic()}}, audience.StatusPending, 1, 0},
		{"a wider request asks for no topic", []act{{kind: requested, day: 1}}, none, 0, 0},
		{"left", []act{{kind: granted, day: 1, scope: topic()}, {kind: withdrawn, day: 2, scope: topic()}}, unsubscribed, 2, 0},
		{"left and withdrawn", []act{{kind: withdrawn, day: 2, scope: topic()}, {kind: withdrawn, day: 3}}, unsubscribed, 3, 0},
		{"withdrawn from marketing", []act{{kind: granted, day: 1, scope: topic()}, {kind: withdrawn, day: 2}}, unsubscribed, 2, 0},
		{"withdrawn from everything", []act{{kind: granted, day: 1, scope: topic()}, {kind: withdrawn, day: 2, scope: everything()}}, unsubscribed, 2, 0},
		{"withdrawn from another purpose", []act{{kind: granted, day: 1, scope: topic()}, {kind: withdrawn, day: 2, scope: offers(audience.MarketingScope())}}, subscribed, 1, 0},
		{"joined after withdrawing from all: the wider refusal stands", []act{{kind: withdrawn, day: 1}, {kind: granted, day: 2, scope: topic()}}, unsubscribed, 1, 0},
		{
			"until that is lifted too",
			[]act{{kind: withdrawn, day: 1}, {kind: granted, day: 2, scope: topic()}, {kind: granted, day: 3}},
			subscribed, 2, 0,
		},
		{
			"and comes back with it",
			[]act{{kind: withdrawn, day: 1}, {kind: granted, day: 2, scope: topic()}, {kind: granted, day: 3, until: 25}},
			subscribed, 2, 25,
		},
		{
			"the earlier of both ends",
			[]act{{kind: withdrawn, day: 1}, {kind: granted, day: 2, scope: topic(), until: 22}, {kind: granted, day: 3, until: 25}},
			subscribed, 2, 22,
		},
		{"bounced", []act{{kind: granted, day: 1, scope: topic()}, {kind: bounced, day: 2}}, audience.StatusBounced, 2, 0},
		{"complained", []act{{kind: complained, day: 1}, {kind: granted, day: 2, scope: topic(), by: doi}}, audience.StatusComplained, 1, 0},
		{"expires", []act{{kind: granted, day: 1, scope: topic(), until: 25}}, subscribed, 1, 25},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := audience.History{Records: records(tt.acts...)}
			for _, list := range []audience.List{
				{Name: "news", Kind: audience.ListTopic}, {Name: "news", Kind: audience.ListTopic, Purpose: "marketing"},
			} {
				requireStanding(t, h.OnList(list, at(20)), tt.want, tt.since, tt.until)
			}
		})
	}
	h := audience.History{Records: records(act{kind: granted, day: 1, scope: offers(topic())}, act{kind: withdrawn, day: 2})}
	requireStanding(t, h.OnList(audience.List{Name: "news", Purpose: "offers"}, at(20)), subscribed, 1, 0)
	requireStanding(t, h.OnList(audience.List{Name: "news"}, at(20)), unsubscribed, 2, 0)
}
