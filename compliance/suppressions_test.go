package compliance_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// held gives the reasons for which an address is suppressed now.
func (w *world) held(text string) (out []string) {
	w.t.Helper()
	require.NoError(w.t, w.Audience().View(w.t.Context(), func(r *store.Reader) error {
		all, err := r.Suppressions(w.t.Context(), audience.MustAddress(text))
		for i := range all {
			if all[i].Stands(w.now) {
				out = append(out, all[i].Reason.String())
			}
		}
		return err
	}))
	return out
}

func (w *world) suppress(text string, reason audience.SuppressionReason) {
	w.t.Helper()
	w.update(func(tx *store.Tx) error {
		return tx.Suppress(w.t.Context(), store.SuppressionWrite{Address: audience.MustAddress(text), Reason: reason})
	})
}

func (w *world) export() []byte {
	w.t.Helper()
	var out bytes.Buffer
	_, err := w.ExportSuppressions(w.t.Context(), &out)
	require.NoError(w.t, err)
	return out.Bytes()
}

// TestSuppressionFile is R-SUP-05 and R-SUP-06.
func TestSuppressionFile(t *testing.T) {
	w := newWorld(t)
	id := w.put("gone", "gone@example.com")
	w.suppress("manual@example.com", audience.SuppressedManually)
	w.suppress("bounced@example.com", audience.SuppressedBounced)
	w.suppress("back@example.com", audience.SuppressedComplained)
	w.update(func(tx *store.Tx) error {
		if err := tx.Suppress(t.Context(), store.SuppressionWrite{Address: audience.MustAddress("lifted@example.com"), Reason: audience.SuppressedManually}); err != nil {
			return err
		}
		return tx.Suppress(t.Context(), store.SuppressionWrite{Address: audience.MustAddress("lifted@example.com"), Reason: audience.SuppressedManually, Lift: true})
	})
	w.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.ID(id)) })
	file := w.export()
	require.NotContains(t, string(file), "example.com")
	require.Equal(t, 6, bytes.Count(file, []byte("\n")), string(file))

	other := newWorld(t)
	other.later(time.Hour)
	holder := other.put("h", "bounced@example.com")
	returned := other.put("b", "back@example.com")
	grant := other.grant(returned)
	grant.Mechanism = audience.MechanismDoubleOptIn
	other.suppress("back@example.com", audience.SuppressedComplained)
	other.later(time.Hour)
	other.record(grant)
	head, err := other.Audience().Head(t.Context())
	require.NoError(t, err)
	got, err := other.ImportSuppressions(t.Context(), bytes.NewReader(file), audience.Source{Name: "restore"})
	require.NoError(t, err)
	require.Equal(t, compliance.SuppressionImport{Rows: 4, Changed: 3, Contacts: 1}, got)
	require.Equal(t, []string{"manual"}, other.held("manual@example.com"))
	require.Equal(t, []string{"erased"}, other.held("gone@example.com"))
	require.Equal(t, []string{"bounced"}, other.held("bounced@example.com"))
	require.Empty(t, other.held("back@example.com"), "she confirmed after it")
	commits, err := other.Audience().Commits(t.Context(), head, 10)
	require.NoError(t, err)
	last := commits[len(commits)-1].Changes
	require.Len(t, last, 1)
	require.Equal(t, holder, last[0].Contact)
	require.NotNil(t, last[0].SuppressedFrom)
	_, err = other.Audience().Put(t.Context(), audience.ContactWrite{Match: audience.Key("g"), Email: audience.MustAddress("gone@example.com")})
	require.ErrorIs(t, err, audience.ErrDenied, "an erased person stays away")

	got, err = other.ImportSuppressions(t.Context(), bytes.NewReader(file), audience.Source{})
	require.NoError(t, err)
	require.Equal(t, compliance.SuppressionImport{Rows: 4}, got, "again changes nothing")
}

func TestSuppressionFileRefuses(t *testing.T) {
	w := newWorld(t)
	w.suppress("a@example.com", audience.SuppressedManually)
	w.suppress("b@example.com", audience.SuppressedBounced)
	file := string(w.export())
	lines := strings.SplitAfter(file, "\n")
	tests := []struct {
		name, file string
		want       error
		held       bool // what was read by then is kept
	}{
		{"empty", "", audience.ErrInvalid, false},
		{"no file of ours", "address\nx\n", audience.ErrInvalid, false},
		{"of another audience", strings.Replace(file, `"main"`, `"other"`, 1), audience.ErrInvalid, false},
		{"a line too long", lines[0] + strings.Repeat("x", 5_000), audience.ErrLimit, false},
		{"broken off", lines[0] + lines[1], audience.ErrInvalid, true},
		{"a row left out", lines[0] + lines[1] + lines[3], audience.ErrInvalid, true},
		{"a row changed", strings.Replace(file, `"bounced"`, `"withdrawn"`, 1), audience.ErrInvalid, true},
		{"a reason of nobody's", strings.Replace(file, `"bounced"`, `"bored"`, 1), audience.ErrInvalid, true},
		{"an unknown key", strings.Replace(file, `"k1"`, `"k9"`, 1), audience.ErrDenied, false},
		{"a mac of an unknown key", lines[0] + lines[1] + lines[2] + strings.Replace(lines[3], `"k1"`, `"k9"`, 1), audience.ErrDenied, true},
		{"more behind the end", file + "x", audience.ErrInvalid, true},
		{"a further member", strings.Replace(file, `"reason"`, `"x":1,"reason"`, 1), audience.ErrInvalid, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			other := newWorld(t)
			_, err := other.ImportSuppressions(t.Context(), strings.NewReader(tt.file), audience.Source{})
			require.ErrorIs(t, err, tt.want)
			require.NotContains(t, err.Error(), "example")
			n := len(other.held("a@example.com")) + len(other.held("b@example.com"))
			if tt.held {
				require.Positive(t, n)
			} else if tt.name != "a further member" {
				require.Zero(t, n)
			}
		})
	}
	_, err := keyless(t).ImportSuppressions(t.Context(), strings.NewReader(file), audience.Source{})
	require.ErrorIs(t, err, audience.ErrDenied)
}

// corpora gives a file of vectors, or skips.
func corpora(t *testing.T, path string) []byte {
	t.Helper()
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		t.Skip("AUDIENCEKIT_CORPORA is not set: no vectors")
	}
	b, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return b
}

// TestEqualSpellings is case O22 (R-SUP-02).
func TestEqualSpellings(t *testing.T) {
	t.Run("O22 the hash vectors", func(t *testing.T) {
		var doc struct {
			Key1    string `json:"key1_hex"`
			Key2    string `json:"key2_hex"`
			Vectors []struct {
				Input string `json:"input"`
				K1A   string `json:"key1_tenantA"`
				K2A   string `json:"key2_tenantA"`
				K1B   string `json:"key1_tenantB"`
			} `json:"vectors"`
		}
		require.NoError(t, json.Unmarshal(corpora(t, "compliance/vectors/suppression-hash.json"), &doc))
		secrets := map[string][]byte{}
		for id, text := range map[string]string{"k1": doc.Key1, "k2": doc.Key2} {
			b, err := hex.DecodeString(text)
			require.NoError(t, err)
			secrets[id] = b
		}
		keys, err := audience.NewKeys("k1", secrets)
		require.NoError(t, err)
		require.Greater(t, len(doc.Vectors), 8)
		refused := 0
		defer func() { require.LessOrEqual(t, refused, 3) }()
		for _, v := range doc.Vectors {
			a, err := audience.ParseAddress(v.Input)
			if err != nil { // stricter than the vectors, everywhere: see TestAddressVectors of audience
				refused++
				continue
			}
			hashes := keys.AddressHashes("tenantA", a)
			other, _ := keys.AddressHash("tenantB", a)
			require.Equal(t, []string{v.K1A, v.K2A, v.K1B}, []string{
				hex.EncodeToString(hashes[0].Sum[:]), hex.EncodeToString(hashes[1].Sum[:]), hex.EncodeToString(other.Sum[:]),
			}, v.Input)
		}
	})
	t.Run("O22 equal spellings deny, what is no address is refused", func(t *testing.T) {
		var doc struct {
			Vectors []struct{ In, Out, Error string } `json:"vectors"`
		}
		require.NoError(t, json.Unmarshal(corpora(t, "compliance/vectors/email-normalise.json"), &doc))
		refused := 0
		defer func() { require.LessOrEqual(t, refused, 3) }()
		for _, v := range doc.Vectors {
			a, err := audience.ParseAddress(v.In)
			if v.Error != "" {
				require.Error(t, err, v.In)
				continue
			}
			if err != nil {
				refused++
				continue
			}
			w := newWorld(t)
			w.suppress(v.Out, audience.SuppressedManually)
			require.Equal(t, []string{"manual"}, w.held(v.In), "%s", a)
		}
	})
	t.Run("O22 of fixtures", func(t *testing.T) {
		w := newWorld(t)
		w.suppress("jane@example.com", audience.SuppressedManually)
		w.suppress("jane@bücher.example", audience.SuppressedManually)
		for _, text := range []string{"JANE@Example.COM", " jane@example.com ", "jane@xn--bcher-kva.example", "jane@BÜCHER.example"} {
			require.Equal(t, []string{"manual"}, w.held(text), text)
		}
		require.Empty(t, w.held("jane+x@example.com"))
	})
}

// TestMergeKeepsRefusals is case O24 (R-SUP-04) for ledger and suppressions.
func TestMergeKeepsRefusals(t *testing.T) {
	for _, refuserWins := range []bool{false, true} {
		t.Run("O24 one opted in and the other out, merged, is opted out", func(t *testing.T) {
			w := newWorld(t)
			in, out := w.put("in", "in@example.com"), w.put("out", "out@example.com")
			w.record(w.grant(in))
			w.record(withdrawal(out))
			winner, loser := in, out
			if refuserWins {
				winner, loser = out, in
			}
			w.later(time.Second)
			w.update(func(tx *store.Tx) error {
				return tx.Merge(t.Context(), audience.ID(winner), audience.ID(loser), audience.Source{})
			})
			require.Equal(t, "unsubscribed", w.state(winner, time.Time{}))
			p, err := w.Proof(t.Context(), audience.ID(winner), audience.MarketingScope(), time.Time{})
			require.NoError(t, err)
			require.Len(t, p.Chains, 2)
			require.Nil(t, p.Broken)
		})
	}
	t.Run("O24 lifting one reason leaves the others", func(t *testing.T) {
		w := newWorld(t)
		w.suppress("u@example.com", audience.SuppressedManually)
		w.suppress("u@example.com", audience.SuppressedBounced)
		w.update(func(tx *store.Tx) error {
			return tx.Suppress(t.Context(), store.SuppressionWrite{Address: audience.MustAddress("u@example.com"), Reason: audience.SuppressedManually, Lift: true})
		})
		require.Equal(t, []string{"bounced"}, w.held("u@example.com"))
	})
}
