package segment_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// A profile that was read without what an expression asks for would answer
// "no events" or "no consent" where nobody looked.
func TestProfileWithoutParts(t *testing.T) {
	l := newLanguage(t, segment.Options{})
	for name, tt := range map[string]struct {
		source string
		has    audience.ProfileParts
	}{
		"events":      {`events("purchase").none()`, audience.ProfileParts{Lists: true, Ledger: true, Suppressed: true}},
		"other types": {`events("purchase").none()`, audience.ProfileParts{Events: []string{"refund"}}},
		"lists":       {`!onList("vip")`, audience.ProfileParts{Ledger: true}},
		"topics":      {`!onList("news")`, audience.ProfileParts{Lists: true}},
		"consent":     {`!consent("marketing")`, audience.ProfileParts{}},
		"status":      {`contact.status == "none"`, audience.ProfileParts{}},
		"suppressed":  {`!suppressed()`, audience.ProfileParts{Ledger: true}},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := l.CompileSet(segment.Definition{Name: "s", Source: tt.source})
			require.NoError(t, err)
			e, _ := set.Expression("s")
			p := &audience.Profile{Contact: audience.Contact{ID: 1}, Parts: tt.has}
			m := e.At(setNow())
			_, err = m.Match(p)
			require.ErrorIs(t, err, audience.ErrInvalid)
			_, err = m.Explain(p)
			require.ErrorIs(t, err, audience.ErrInvalid)
			_, err = set.At(setNow()).Match(p, nil)
			require.ErrorIs(t, err, audience.ErrInvalid)
			p.Parts = e.Parts()
			member, err := m.Match(p)
			require.NoError(t, err)
			require.True(t, member)
		})
	}
}
