package compliance_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// vault is a key store of a host's.
type vault struct {
	mu   sync.Mutex
	keys map[string][]byte
}

func newVault() *vault { return &vault{keys: make(map[string][]byte)} }

func place(aud string, id audience.ContactID) string { return aud + "/" + id.String() }

func (v *vault) Load(_ context.Context, aud string, id audience.ContactID) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if key, ok := v.keys[place(aud, id)]; ok {
		return key, nil
	}
	return nil, &audience.NotFoundError{Kind: "key"}
}

func (v *vault) Save(_ context.Context, aud string, id audience.ContactID, wrapped, old []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !bytes.Equal(v.keys[place(aud, id)], old) {
		return &audience.ConflictError{Kind: "key"}
	}
	v.keys[place(aud, id)] = wrapped
	return nil
}

func (v *vault) Destroy(_ context.Context, aud string, ids ...audience.ContactID) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, id := range ids {
		delete(v.keys, place(aud, id))
	}
	return nil
}

// raw gives evidence as the store keeps it.
func (w *world) raw(rec audience.ConsentRecord) (out []byte) {
	w.t.Helper()
	require.NoError(w.t, w.Audience().View(w.t.Context(), func(r *store.Reader) (err error) {
		out, err = r.Evidence(w.t.Context(), rec)
		return err
	}))
	return out
}

func TestEvidenceIsSealed(t *testing.T) {
	for _, outside := range []bool{false, true} {
		t.Run(fmt.Sprint("outside the database: ", outside), func(t *testing.T) {
			v := newVault()
			w := newWorld(t, func(o *compliance.LedgerOptions) {
				if outside {
					o.Keys = v
				}
			})
			id, other := w.put("u", "u@example.com"), w.put("x", "x@example.com")
			rec := w.record(w.grant(id))
			got, err := w.Evidence(t.Context(), rec)
			require.NoError(t, err)
			require.Equal(t, "footer", got.Form)
			require.Equal(t, []bool{true, true}, w.givenFor(rec, "U@example.com"))
			require.Equal(t, []bool{false, true}, w.givenFor(rec, "x@example.com"))
			raw := w.raw(rec)
			require.NotContains(t, string(raw), "footer")
			require.NotContains(t, string(raw), "192.0.2.7")

			// Sealed evidence of one contact does not open as that of another.
			moved, err := w.Audience().Record(t.Context(), audience.ConsentWrite{
				Contact: audience.ID(other), Kind: audience.ConsentWithdrawn, Evidence: raw,
			})
			require.NoError(t, err)
			_, err = w.Evidence(t.Context(), moved)
			require.Error(t, err)
			w.later(time.Second)
			w.record(w.grant(other))
			_, err = w.Evidence(t.Context(), moved)
			require.ErrorIs(t, err, audience.ErrConflict)

			// Deleting keeps it, erasing destroys it, and the chain still verifies.
			w.update(func(tx *store.Tx) error { return tx.Delete(t.Context(), audience.Source{}, audience.ID(id)) })
			_, err = w.Evidence(t.Context(), rec)
			require.NoError(t, err)
			if outside {
				require.Len(t, v.keys, 2)
				require.NoError(t, w.DestroyKeys(t.Context(), id))
				require.Len(t, v.keys, 1)
				_, err = w.Evidence(t.Context(), rec) // though the database still has what was sealed
				require.ErrorIs(t, err, compliance.ErrEvidenceGone)
			}
			w.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.ID(id)) })
			_, err = w.Evidence(t.Context(), rec)
			require.ErrorIs(t, err, compliance.ErrEvidenceGone)
			require.ErrorIs(t, err, audience.ErrNotFound)
			report, err := w.Verify(t.Context(), compliance.VerifyOptions{})
			require.NoError(t, err)
			require.True(t, report.OK())
			require.NoError(t, w.Audience().View(t.Context(), func(r *store.Reader) error {
				recs, err := r.Records(t.Context(), store.NamespaceEvidenceKeys, id.String(), "", 10)
				require.Empty(t, recs)
				return err
			}))
		})
	}
}

func (w *world) givenFor(rec audience.ConsentRecord, address string) []bool {
	w.t.Helper()
	var same, known bool
	require.NoError(w.t, w.Audience().View(w.t.Context(), func(r *store.Reader) (err error) {
		same, known, err = w.GivenFor(w.t.Context(), r, rec, audience.MustAddress(address))
		return err
	}))
	return []bool{same, known}
}

func TestEvidenceOfOthers(t *testing.T) {
	w := newWorld(t)
	id := w.put("u", "u@example.com")
	rec := w.record(withdrawal(id))
	_, err := w.Evidence(t.Context(), rec)
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.NotErrorIs(t, err, compliance.ErrEvidenceGone)
	for text, want := range map[string]string{"row 7 of the list": "row 7 of the list", "\xff\x00": "ff00"} {
		rec, err := w.Audience().Record(t.Context(), audience.ConsentWrite{Contact: audience.ID(id), Kind: audience.ConsentWithdrawn, Evidence: []byte(text)})
		require.NoError(t, err)
		e, err := w.Evidence(t.Context(), rec)
		require.NoError(t, err)
		require.Equal(t, want, e.Text)
	}
}

// TestEvidenceOfMerged: each chain's evidence is under the key of its own
// contact.
func TestEvidenceOfMerged(t *testing.T) {
	w := newWorld(t)
	winner, loser := w.put("w", "w@example.com"), w.put("l", "l@example.com")
	before := w.record(w.grant(loser))
	w.update(func(tx *store.Tx) error {
		return tx.Merge(t.Context(), audience.ID(winner), audience.ID(loser), audience.Source{})
	})
	d := w.grant(loser)
	d.Contact = audience.AddressRef(audience.MustAddress("l@example.com"))
	after := w.record(d)
	require.Equal(t, winner, after.Contact)
	for _, rec := range []audience.ConsentRecord{before, after} {
		_, err := w.Evidence(t.Context(), rec)
		require.NoError(t, err)
	}
	w.later(time.Second)
	back := w.record(compliance.Declaration{
		Contact: audience.ID(loser), Kind: audience.ConsentRetracted, Retracts: before.Seq, Evidence: compliance.Evidence{Text: "the wrong person"},
	})
	require.Equal(t, loser, back.Contact)
	e, err := w.Evidence(t.Context(), back)
	require.NoError(t, err)
	require.Equal(t, "the wrong person", e.Text)
}

// TestWithoutKeys: refusals are recorded, and nothing in clear.
func TestWithoutKeys(t *testing.T) {
	l := keyless(t)
	res, err := l.Audience().Put(t.Context(), audience.ContactWrite{Match: audience.Key("u")})
	require.NoError(t, err)
	d := withdrawal(res.ID)
	d.Evidence.Text = "stop it"
	out, err := l.Record(t.Context(), d)
	require.NoError(t, err)
	require.False(t, out[0].HasEvidence())
	_, err = l.ExportSuppressions(t.Context(), new(bytes.Buffer))
	require.ErrorIs(t, err, audience.ErrDenied)
}

// TestRekey is the rotation of a key from its announcement to its end.
func TestRekey(t *testing.T) {
	for _, outside := range []bool{false, true} {
		w := newWorld(t)
		v := newVault()
		keep := func(o *compliance.LedgerOptions) {
			if outside {
				o.Keys = v
			}
		}
		w.open(keysOf(t, "k1"), keep)
		id := w.put("u", "u@example.com")
		rec := w.record(w.grant(id))
		w.later(time.Second)
		w.record(withdrawal(id))
		nobody := audience.MustAddress("nobody@example.com")
		w.update(func(tx *store.Tx) error {
			return tx.Suppress(t.Context(), store.SuppressionWrite{Address: nobody, Reason: audience.SuppressedManually})
		})
		w.open(keysOf(t, "k2", "k1"), keep)
		got, err := w.Rekey(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, compliance.RekeyReport{
			Contacts: 1, Moved: 1, Rewrapped: 1, Suppressions: map[string]int{"k1": 1, "k2": 1}, Evidence: map[string]int{"k2": 1},
		}, got)
		gone := 0
		got, err = w.Rekey(t.Context(), func(n int) { gone = n }, nobody)
		require.NoError(t, err)
		require.Equal(t, compliance.RekeyReport{Contacts: 1, Moved: 1, Suppressions: map[string]int{"k2": 2}, Evidence: map[string]int{"k2": 1}}, got)
		require.Equal(t, 1, gone)
		w.open(keysOf(t, "k2"), keep)
		e, err := w.Evidence(t.Context(), rec)
		require.NoError(t, err)
		require.Equal(t, "footer", e.Form)
		require.Equal(t, []bool{true, true}, w.givenFor(rec, "u@example.com"), "whatever key it is wrapped under")
		require.Equal(t, "unsubscribed", w.state(id, time.Time{}))
	}
}

// TestNoClearAddress: neither ledger nor evidence nor keys hold one.
func TestNoClearAddress(t *testing.T) {
	w := newWorld(t)
	id := w.put("u", "distinct@example.com")
	rec := w.record(w.grant(id))
	sum := rec.Canonical()
	require.NotContains(t, string(sum), "distinct")
	require.NotContains(t, hex.EncodeToString(w.raw(rec)), hex.EncodeToString([]byte("distinct")))
	require.False(t, slices.Contains(sum, 0xff) && bytes.Contains(sum, []byte("192.0.2")))
}
