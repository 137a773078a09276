package web_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

var undoLink = regexp.MustCompile(`action="(/mail/z/[^"]+)"`)

// leave unsubscribes by the page and gives the link that takes it back, or "".
func (s *site) leave(id audience.ContactID, scope audience.Scope) string {
	m := undoLink.FindStringSubmatch(text(s.post(s.unsubscribeURL(id, scope), "do", "unsubscribe")))
	if m == nil {
		return ""
	}
	return m[1]
}

func TestUndo(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com", "t.news", "on")
	undo := s.leave(id, audience.Scope{})
	require.NotEmpty(t, undo)
	require.False(t, s.mailable(id))
	s.pass(30*24*time.Hour - time.Minute)
	require.Contains(t, s.get(undo), "Undo unsubscribing")
	require.False(t, s.mailable(id), "looking changes nothing")
	require.Contains(t, text(s.post(undo, "do", "undo")), "subscribed again")
	require.True(t, s.mailable(id))
	require.True(t, s.onList(id, "news"))
	require.False(t, s.onList(id, "promotions"))
	before := s.kinds(id)
	require.Equal(t, []string{
		"granted email/marketing/* double-opt-in", "granted email/marketing/news double-opt-in", "withdrawn */*/* unsubscribe-page",
		"granted email/marketing/* double-opt-in", "granted email/marketing/news double-opt-in",
	}, before)
	h := s.history(id)
	require.Contains(t, s.evidence(h.Records[3]), `"restores":"1/1"`)
	require.Contains(t, s.evidence(h.Records[3]), `"undoes":"3"`)
	require.Contains(t, text(s.post(undo, "do", "undo")), "subscribed again")
	require.Equal(t, before, s.kinds(id), "once")
	s.leave(id, audience.Scope{})
	s.post(undo, "do", "undo")
	require.False(t, s.mailable(id), "not twice, by the link of an earlier time")
}

func TestUndoOnlyGoesBack(t *testing.T) {
	declare := func(s *site, id audience.ContactID, kind audience.ConsentKind) {
		_, err := s.ledger.Record(t.Context(), compliance.Declaration{Contact: audience.ID(id), Kind: kind, Scope: audience.MarketingScope()})
		require.NoError(t, err)
	}
	suppress := func(s *site, reason audience.SuppressionReason) {
		_, err := s.aud.Update(t.Context(), func(tx *store.Tx) error {
			return tx.Suppress(t.Context(), store.SuppressionWrite{Address: audience.MustAddress("ann@example.com"), Reason: reason})
		})
		require.NoError(t, err)
	}
	for name, tt := range map[string]struct {
		before  func(s *site, id audience.ContactID) // between subscribing and leaving
		between func(s *site, id audience.ContactID) // and undoing
		offered bool
	}{
		"nothing else":                {nil, nil, true},
		"a complaint since":           {nil, func(s *site, id audience.ContactID) { declare(s, id, audience.ConsentComplained) }, true},
		"a bounce since":              {nil, func(s *site, id audience.ContactID) { declare(s, id, audience.ConsentBounced) }, true},
		"a withdrawal since":          {nil, func(s *site, id audience.ContactID) { declare(s, id, audience.ConsentWithdrawn) }, true},
		"complaint about the address": {nil, func(s *site, _ audience.ContactID) { suppress(s, audience.SuppressedComplained) }, true},
		"withdrawal of the address":   {nil, func(s *site, _ audience.ContactID) { suppress(s, audience.SuppressedBounced) }, true},
		"blocked by the host":         {nil, func(s *site, _ audience.ContactID) { suppress(s, audience.SuppressedManually) }, true},
		"too late":                    {nil, func(s *site, _ audience.ContactID) { s.pass(30 * 24 * time.Hour) }, true},
		"suppressed before":           {func(s *site, _ audience.ContactID) { suppress(s, audience.SuppressedWithdrawn) }, nil, false},
		"bounced before":              {func(s *site, id audience.ContactID) { declare(s, id, audience.ConsentBounced) }, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			id := s.subscribe("ann@example.com")
			s.pass(time.Hour)
			if tt.before != nil {
				tt.before(s, id)
				s.pass(time.Hour)
			}
			undo := s.leave(id, audience.Scope{})
			require.Equal(t, tt.offered, undo != "")
			if !tt.offered {
				return
			}
			s.pass(time.Hour)
			if tt.between != nil {
				tt.between(s, id)
			}
			s.pass(time.Hour)
			s.post(undo, "do", "undo")
			require.Equal(t, name == "nothing else", s.mailable(id))
		})
	}
}

// TestUndoIsTheLastWord leaves marketing alone, which suppresses no address, and refuses again before undoing.
func TestUndoIsTheLastWord(t *testing.T) {
	for _, again := range []bool{false, true} {
		s := newSite(t)
		id := s.subscribe("ann@example.com")
		s.pass(time.Hour)
		undo := s.leave(id, audience.MarketingScope())
		s.pass(time.Hour)
		if again {
			_, err := s.ledger.Record(t.Context(), compliance.Declaration{Contact: audience.ID(id), Kind: audience.ConsentWithdrawn, Scope: audience.MarketingScope()})
			require.NoError(t, err)
		}
		s.pass(time.Hour)
		s.post(undo, "do", "undo")
		require.Equal(t, !again, s.mailable(id))
	}
}

// TestUndoStaysInItsScope: a link of one purpose takes back nothing that
// another withdrawal ended.
func TestUndoStaysInItsScope(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com", "t.news", "on")
	_, err := s.ledger.Record(t.Context(), compliance.Declaration{Contact: audience.ID(id), Kind: audience.ConsentWithdrawn, Scope: audience.Scope{}})
	require.NoError(t, err)
	if undo := s.leave(id, audience.Scope{List: "news"}); undo != "" {
		s.post(undo, "do", "undo")
	}
	require.False(t, s.mailable(id))
}

// TestUndoDoesNotFollowTheAddress: consent is not moved to an address that
// nobody confirmed.
func TestUndoDoesNotFollowTheAddress(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com")
	undo := s.leave(id, audience.MarketingScope())
	require.NotEmpty(t, undo)
	_, err := s.aud.Put(t.Context(), audience.ContactWrite{Match: audience.ID(id), Email: audience.MustAddress("new@example.com")})
	require.NoError(t, err)
	s.post(undo, "do", "undo")
	require.False(t, s.mailable(id))
}

// TestLinksOfListsAreIdempotent: the ledger gives a topic its purpose, and the
// same refusal is not written twice.
func TestLinksOfListsAreIdempotent(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com", "t.news", "on")
	for range 3 {
		s.leave(id, audience.Scope{List: "news"})
	}
	require.Len(t, s.kinds(id), 3)
	s.leave(id, audience.Scope{Purpose: "gone"})
	require.False(t, s.mailable(id), "a link of what is not declared any more refuses everything")
}

// TestUndoAfterMerge: what came with a merge is not taken back, and nobody takes
// back what somebody else ended before they became one.
func TestUndoAfterMerge(t *testing.T) {
	for name, act := range map[string]func(s *site, ann, bob audience.ContactID) string{
		"bob refused later than ann": func(s *site, ann, bob audience.ContactID) string {
			undo := s.leave(ann, audience.MarketingScope())
			s.pass(time.Minute)
			s.leave(bob, audience.MarketingScope())
			s.pass(time.Minute)
			s.merge(ann, bob)
			return undo
		},
		"the link of bob": func(s *site, ann, bob audience.ContactID) string {
			s.leave(ann, audience.MarketingScope())
			undo := s.leave(bob, audience.MarketingScope())
			s.pass(time.Minute)
			s.merge(ann, bob)
			return undo
		},
		"the link of bob, ann leaves later": func(s *site, ann, bob audience.ContactID) string {
			undo := s.leave(bob, audience.MarketingScope())
			s.pass(time.Minute)
			s.merge(ann, bob)
			n, err := s.ledger.PutNotice(t.Context(), compliance.Notice{Text: "Yes.", Language: "en", Purposes: []string{"marketing"}})
			require.NoError(t, err)
			_, err = s.ledger.Record(t.Context(), compliance.Declaration{
				Contact: audience.ID(ann), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismDoubleOptIn, Notice: n.ID,
				Evidence: compliance.Evidence{Form: "till"},
			})
			require.NoError(t, err)
			s.pass(time.Minute)
			require.True(t, s.mailable(ann))
			require.NotEmpty(t, s.leave(ann, audience.MarketingScope()))
			return undo
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			ann, bob := s.subscribe("ann@example.com"), s.subscribe("bob@example.com")
			if name == "the link of bob, ann leaves later" { // so that both leave by a record of the same number
				s.grant(bob, audience.MechanismSingleOptIn)
			}
			undo := act(s, ann, bob)
			require.NotEmpty(t, undo)
			s.pass(time.Minute)
			require.False(t, s.mailable(ann))
			s.post(undo, "do", "undo")
			require.False(t, s.mailable(ann))
		})
	}
}

func (s *site) merge(winner, loser audience.ContactID) {
	_, err := s.aud.Update(s.t.Context(), func(tx *store.Tx) error {
		return tx.Merge(s.t.Context(), audience.ID(winner), audience.ID(loser), audience.Source{})
	})
	require.NoError(s.t, err)
}
