package compliance

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// tokenVectors is a file of tokens of the published form, made by another program.
type tokenVectors struct {
	Masters map[string]string
	Now     int64
	Good    []struct {
		Name, Purpose, Subject, Scope, Token string
		Kid, Issued, Expires                 uint32
		Generation                           uint16
		Mailto                               string `json:"mailto_localpart_form"`
	}
	Bad []struct {
		Why, Token, At string
		Now            int64
		IfDiffers      bool   `json:"only_if_differs"`
		Generation     uint16 `json:"current_generation"`
	}
}

func loadTokenVectors(t *testing.T) tokenVectors {
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		t.Skip("AUDIENCEKIT_CORPORA is not set: the vectors of other programs are not there")
	}
	b, err := os.ReadFile(filepath.Join(root, "compliance/vectors/tokens.json"))
	require.NoError(t, err)
	var v tokenVectors
	require.NoError(t, json.Unmarshal(b, &v))
	return v
}

func (v *tokenVectors) tokens(t *testing.T) *Tokens {
	secrets := make(map[string][]byte)
	for id, text := range v.Masters {
		b, err := hex.DecodeString(text)
		require.NoError(t, err)
		secrets[id] = b
	}
	keys, err := audience.NewKeys("1", secrets)
	require.NoError(t, err)
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{
		Keys:   keys,
		Clock:  func() time.Time { return time.Unix(v.Now, 0) },
		Schema: audience.Schema{Lists: []audience.List{{Name: "news", Kind: audience.ListTopic}}},
	})
	require.NoError(t, err)
	tokens, err := NewTokens(aud)
	require.NoError(t, err)
	return tokens
}

func TestTokenVectors(t *testing.T) {
	v := loadTokenVectors(t)
	tokens := v.tokens(t)
	for _, g := range v.Good {
		t.Run("O04 good "+g.Name, func(t *testing.T) {
			subject, err := hex.DecodeString(g.Subject)
			require.NoError(t, err)
			body := tokenBody{key: g.Kid, issued: g.Issued, expires: g.Expires, generation: g.Generation, subject: [16]byte(subject), scope: g.Scope}
			secret, ok := tokens.aud.Keys().Derive(string(rune('0'+g.Kid)), tokenPurpose+g.Purpose)
			require.True(t, ok)
			require.Equal(t, g.Token, body.seal(secret))

			raw, ok := decodeToken(g.Token)
			require.True(t, ok)
			require.True(t, raw.isSealedBy(secret))
			back, ok := raw.parse()
			require.True(t, ok)
			require.Equal(t, body, back)
			if g.Mailto == "" {
				return
			}
			secret, ok = tokens.aud.Keys().Derive(string(rune('0'+g.Kid)), tokenPurpose+mailtoUse)
			require.True(t, ok)
			require.Equal(t, g.Mailto, sealMailto(byte(g.Kid), [16]byte(subject), scopeHash(g.Scope), secret))
			mailto, ok := decodeMailto(strings.ToUpper(g.Mailto))
			require.True(t, ok)
			require.True(t, mailto.isSealedBy(secret))
			require.Equal(t, [16]byte(subject), mailto.subject())
		})
	}
	for _, b := range v.Bad {
		t.Run("O04 bad "+b.Why, func(t *testing.T) {
			_, err := tokens.Verify(b.Token, TokenUse(b.At))
			require.Equal(t, ErrToken, err)

			// Their subjects are of no audience, so that each of them fails for that too; what is said to be wrong has to
			// be wrong without it.
			raw, decoded := decodeToken(b.Token)
			if !decoded {
				return
			}
			for i := range tokens.keys {
				k := &tokens.keys[i]
				if k.number != raw.keyNumber() || !raw.isSealedBy(k.macs[TokenUse(b.At)]) {
					continue
				}
				body, ok := raw.parse()
				require.True(t, ok)
				c := Claims{Issued: time.Unix(int64(body.issued), 0)}
				if body.expires != 0 {
					c.Expires = time.Unix(int64(body.expires), 0)
				}
				isOld := b.Generation != 0 && body.generation < b.Generation // which the caller finds
				require.True(t, isOld || !c.isCurrent(tokens.aud.Now()))
			}
		})
	}
}

func TestScopeTextComesBack(t *testing.T) {
	for text, s := range map[string]audience.Scope{
		"*":                         {},
		"email/*":                   {Channel: "email"},
		"purpose:marketing":         {Purpose: "marketing"},
		"email/purpose:marketing":   {Channel: "email", Purpose: "marketing"},
		"list:news":                 {List: "news"},
		"email/list:a:b/c":          {Channel: "email", List: "a:b/c"},
		"sms/list:purpose:x":        {Channel: "sms", List: "purpose:x"},
		"purpose:email/purpose:odd": {Purpose: "email/purpose:odd"},
	} {
		require.Equal(t, text, scopeText(s))
		back, ok := parseScope(text)
		require.True(t, ok)
		require.Equal(t, s, back)
	}
	for _, text := range []string{"", "email/", "list:", "fax/*", "purpose", "topic:x", "email/email/*"} {
		_, ok := parseScope(text)
		require.False(t, ok, text)
	}
}
