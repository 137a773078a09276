package compliance_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// tokenClock is a clock that a test moves.
type tokenClock struct{ now time.Time }

func tokenKeys(t testing.TB, primary string, ids ...string) audience.Keys {
	secrets := make(map[string][]byte)
	for _, id := range ids {
		secrets[id] = bytes.Repeat([]byte(id+"-"), 32)[:32]
	}
	keys, err := audience.NewKeys(primary, secrets)
	require.NoError(t, err)
	return keys
}

func tokensOf(t testing.TB, name string, keys audience.Keys, clock *tokenClock) *compliance.Tokens {
	aud, err := store.Open(t.Context(), memstore.New(), name, store.Options{
		Keys: keys, Clock: func() time.Time { return clock.now },
		Schema: audience.Schema{
			Purposes: []audience.Purpose{{Name: "tracking"}},
			Lists:    []audience.List{{Name: "news", Kind: audience.ListTopic}},
		},
	})
	require.NoError(t, err)
	tokens, err := compliance.NewTokens(aud)
	require.NoError(t, err)
	return tokens
}

func newTokenClock() *tokenClock {
	return &tokenClock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
}

func TestTokensComeBack(t *testing.T) {
	clock := newTokenClock()
	tokens := tokensOf(t, "main", tokenKeys(t, "2026", "2026"), clock)
	for _, c := range []compliance.Claims{
		{Use: compliance.TokenUnsubscribe, Contact: 1},
		{Use: compliance.TokenUnsubscribe, Contact: 1<<32 - 1, Scope: audience.Scope{Channel: "email", List: "news"}},
		{Use: compliance.TokenConfirm, Subject: [8]byte{7}, Expires: clock.now.Add(time.Hour), Generation: 65535},
		{Use: compliance.TokenPreferences, Contact: 5, Expires: clock.now.Add(time.Hour), Generation: 2},
		{Use: compliance.TokenRequest, Subject: [8]byte{0, 0, 0, 0, 0, 0, 0, 1}, Expires: clock.now.Add(time.Hour)},
		{Use: compliance.TokenUndo, Contact: 5, Scope: audience.MarketingScope(), Expires: clock.now.Add(time.Hour)},
	} {
		token, err := tokens.Mint(c)
		require.NoError(t, err)
		c.Issued = clock.now
		back, err := tokens.Verify(token, c.Use)
		require.NoError(t, err)
		require.Equal(t, c, back)
	}
}

func TestMailtoTokensComeBack(t *testing.T) {
	tokens := tokensOf(t, "main", tokenKeys(t, "k", "k"), newTokenClock())
	for _, scope := range []audience.Scope{
		{}, {Channel: "email"}, {List: "news"}, {Channel: "email", List: "news"}, {Purpose: "tracking"}, audience.MarketingScope(),
	} {
		token, err := tokens.MintMailto(compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: 9, Scope: scope})
		require.NoError(t, err)
		require.Len(t, token, 55)
		for _, spelling := range []string{token, strings.ToUpper(token)} {
			back, err := tokens.Verify(spelling, compliance.TokenUnsubscribe)
			require.NoError(t, err)
			require.Equal(t, compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: 9, Scope: scope}, back)
		}
		_, err = tokens.Verify(token, compliance.TokenUndo)
		require.Equal(t, compliance.ErrToken, err)
	}
}

// TestTokenEveryChangeIsFound changes each character of a token in turn to every other one.
func TestTokenEveryChangeIsFound(t *testing.T) {
	tokens := tokensOf(t, "main", tokenKeys(t, "k", "k"), newTokenClock())
	claims := compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: 9, Scope: audience.Scope{List: "news"}}
	long, err := tokens.Mint(claims)
	require.NoError(t, err)
	short, err := tokens.MintMailto(claims)
	require.NoError(t, err)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n"
	claims.Scope.List = "new" // of another length, so that the last character has bits to spare
	spare, err := tokens.Mint(claims)
	require.NoError(t, err)
	for _, token := range []string{long, spare, short} {
		for i := range len(token) {
			for j := range len(alphabet) {
				changed := token[:i] + alphabet[j:j+1] + token[i+1:]
				if changed == token || token == short && strings.EqualFold(changed, token) {
					continue
				}
				_, err := tokens.Verify(changed, compliance.TokenUnsubscribe)
				require.Equal(t, compliance.ErrToken, err)
			}
			_, err := tokens.Verify(token[:i], compliance.TokenUnsubscribe)
			require.Equal(t, compliance.ErrToken, err)
		}
		for _, more := range []string{token + "A", token + "=", token + "\n", " " + token, token + token} {
			_, err := tokens.Verify(more, compliance.TokenUnsubscribe)
			require.Equal(t, compliance.ErrToken, err)
		}
	}
}

func TestTokensAreNotForOthers(t *testing.T) {
	clock := newTokenClock()
	keys := tokenKeys(t, "k", "k")
	tokens := tokensOf(t, "main", keys, clock)
	claims := compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: 9}
	token, err := tokens.Mint(claims)
	require.NoError(t, err)
	mailto, err := tokens.MintMailto(claims)
	require.NoError(t, err)
	random, err := tokens.Mint(compliance.Claims{Use: compliance.TokenConfirm, Subject: [8]byte{1}, Expires: clock.now.Add(time.Hour)})
	require.NoError(t, err)

	t.Run("G5 another audience with the same keys", func(t *testing.T) {
		other := tokensOf(t, "other", keys, clock)
		for text, use := range map[string]compliance.TokenUse{
			token: compliance.TokenUnsubscribe, mailto: compliance.TokenUnsubscribe, random: compliance.TokenConfirm,
		} {
			_, err := other.Verify(text, use)
			require.Equal(t, compliance.ErrToken, err)
		}
	})
	t.Run("another use", func(t *testing.T) {
		for _, use := range []compliance.TokenUse{
			compliance.TokenConfirm, compliance.TokenPreferences, compliance.TokenRequest, compliance.TokenUndo, "", "Unsubscribe",
		} {
			_, err := tokens.Verify(token, use)
			require.Equal(t, compliance.ErrToken, err)
		}
	})
	t.Run("the same audience opened again", func(t *testing.T) {
		_, err := tokensOf(t, "main", keys, clock).Verify(token, compliance.TokenUnsubscribe)
		require.NoError(t, err)
	})
}

func TestTokenKeysRotate(t *testing.T) {
	clock := newTokenClock()
	// "b" and "98" would share the byte of the mailto form if letters were bytes; any ids have to work side by side.
	first := tokensOf(t, "main", tokenKeys(t, "1", "1"), clock)
	claims := compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: 9, Scope: audience.Scope{List: "news"}}
	token, err := first.Mint(claims)
	require.NoError(t, err)
	mailto, err := first.MintMailto(claims)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		keys audience.Keys
		good bool
	}{
		"O05 another key became primary":                 {tokenKeys(t, "2", "1", "2"), true},
		"O05 keys that share their number or their byte": {tokenKeys(t, "257", "001", "1", "257"), true},
		"O05 destroyed": {tokenKeys(t, "2", "2", "257"), false},
	} {
		t.Run(name, func(t *testing.T) {
			later := tokensOf(t, "main", tt.keys, clock)
			for _, text := range []string{token, mailto} {
				back, err := later.Verify(text, compliance.TokenUnsubscribe)
				if tt.good {
					require.NoError(t, err)
					require.Equal(t, claims.Contact, back.Contact)
				} else {
					require.Equal(t, compliance.ErrToken, err)
				}
			}
		})
	}
}

func TestTokenTimes(t *testing.T) {
	clock := newTokenClock()
	start := clock.now
	tokens := tokensOf(t, "main", tokenKeys(t, "k", "k"), clock)
	unsubscribe, err := tokens.Mint(compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: 9})
	require.NoError(t, err)
	confirm, err := tokens.Mint(compliance.Claims{Use: compliance.TokenConfirm, Contact: 9, Expires: start.Add(7 * 24 * time.Hour)})
	require.NoError(t, err)
	for _, tt := range []struct {
		after                time.Duration
		unsubscribe, confirm bool
	}{
		{-2 * time.Hour, false, false},
		{-time.Minute, true, true},
		{7*24*time.Hour - time.Second, true, true},
		{7 * 24 * time.Hour, true, false},
		{31 * 24 * time.Hour, true, false},
		{61 * 24 * time.Hour, true, false},
		{800 * 24 * time.Hour, true, false},
	} {
		t.Run(fmt.Sprintf("O06 after %v", tt.after), func(t *testing.T) {
			clock.now = start.Add(tt.after)
			_, err := tokens.Verify(unsubscribe, compliance.TokenUnsubscribe)
			require.Equal(t, tt.unsubscribe, err == nil)
			_, err = tokens.Verify(confirm, compliance.TokenConfirm)
			require.Equal(t, tt.confirm, err == nil)
		})
	}
}

func TestMintRefuses(t *testing.T) {
	clock := newTokenClock()
	tokens := tokensOf(t, "main", tokenKeys(t, "k", "k"), clock)
	later := clock.now.Add(time.Hour)
	for name, c := range map[string]compliance.Claims{
		"no use":                          {Contact: 1},
		"nobody":                          {Use: compliance.TokenUnsubscribe},
		"two subjects":                    {Use: compliance.TokenUnsubscribe, Contact: 1, Subject: [8]byte{1}},
		"unsubscribe that ends":           {Use: compliance.TokenUnsubscribe, Contact: 1, Expires: later},
		"unsubscribe with a generation":   {Use: compliance.TokenUnsubscribe, Contact: 1, Generation: 1},
		"confirm without end":             {Use: compliance.TokenConfirm, Contact: 1},
		"confirm that is over":            {Use: compliance.TokenConfirm, Contact: 1, Expires: clock.now},
		"year 2200":                       {Use: compliance.TokenConfirm, Contact: 1, Expires: clock.now.AddDate(200, 0, 0)},
		"year 1960":                       {Use: compliance.TokenUnsubscribe, Contact: 1, Issued: clock.now.AddDate(-66, 0, 0)},
		"long scope":                      {Use: compliance.TokenUnsubscribe, Contact: 1, Scope: audience.Scope{List: strings.Repeat("x", 256)}},
		"unknown channel":                 {Use: compliance.TokenUnsubscribe, Contact: 1, Scope: audience.Scope{Channel: "fax"}},
		"purpose that reads as a channel": {Use: compliance.TokenUnsubscribe, Contact: 1, Scope: audience.Scope{Channel: "email/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tokens.Mint(c)
			require.ErrorIs(t, err, audience.ErrInvalid)
			_, err = tokens.MintMailto(c)
			require.ErrorIs(t, err, audience.ErrInvalid)
		})
	}
	_, err := tokens.MintMailto(compliance.Claims{Use: compliance.TokenUndo, Contact: 1, Expires: later})
	require.ErrorIs(t, err, audience.ErrInvalid)
	_, err = compliance.NewTokens(nil)
	require.ErrorIs(t, err, audience.ErrInvalid)
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{})
	require.NoError(t, err)
	_, err = compliance.NewTokens(aud)
	require.ErrorIs(t, err, audience.ErrDenied)
}

// TestTokensShowNothing: neighbours have nothing in common, and whose a token is cannot be read off it.
func TestTokensShowNothing(t *testing.T) {
	tokens := tokensOf(t, "main", tokenKeys(t, "k", "k"), newTokenClock())
	subjects := make(map[string]bool)
	for id := range 1000 {
		token, err := tokens.Mint(compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: audience.ContactID(id + 1)})
		require.NoError(t, err)
		raw, err := base64.RawURLEncoding.DecodeString(token)
		require.NoError(t, err)
		require.NotContains(t, string(raw[15:31]), "\x00\x00\x00\x00")
		subjects[string(raw[15:19])] = true
	}
	require.Len(t, subjects, 1000)
}

func FuzzVerify(f *testing.F) {
	clock := newTokenClock()
	tokens := tokensOf(f, "main", tokenKeys(f, "k", "k"), clock)
	token, err := tokens.Mint(compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: 9})
	require.NoError(f, err)
	mailto, err := tokens.MintMailto(compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: 9})
	require.NoError(f, err)
	for _, s := range []string{token, mailto, "", token + "=", strings.Repeat("A", 404)} {
		f.Add(s, "unsubscribe")
	}
	f.Fuzz(func(t *testing.T, text, use string) {
		c, err := tokens.Verify(text, compliance.TokenUse(use))
		if err != nil {
			require.Equal(t, compliance.ErrToken, err)
			return
		}
		require.True(t, text == token || strings.EqualFold(text, mailto), "a token that nobody made")
		require.Equal(t, audience.ContactID(9), c.Contact)
	})
}

func BenchmarkTokens(b *testing.B) {
	tokens := tokensOf(b, "main", tokenKeys(b, "k", "k"), newTokenClock())
	claims := compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: 9, Scope: audience.Scope{List: "news"}}
	token, err := tokens.Mint(claims)
	require.NoError(b, err)
	b.Run("mint", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = tokens.Mint(claims)
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = tokens.Verify(token, compliance.TokenUnsubscribe)
		}
	})
}
