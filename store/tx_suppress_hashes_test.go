package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (f *fixture) hash(text string) audience.AddressHash {
	h, _ := f.Keys().AddressHash("main", address(f.t, text))
	return h
}

func (f *fixture) suppressHashes(rows ...audience.Suppression) (changed []bool) {
	f.t.Helper()
	f.update(func(tx *store.Tx) (err error) {
		changed, err = tx.SuppressHashes(f.t.Context(), rows...)
		return err
	})
	return changed
}

// TestSuppressHashes adds and raises, and never lifts.
func TestSuppressHashes(t *testing.T) {
	f := newFixture(t)
	id := f.put("u", "u@example.com")
	start := f.now
	row := audience.Suppression{Hash: f.hash("u@example.com"), Reason: audience.SuppressedWithdrawn, At: start}
	require.Equal(t, []bool{true}, f.suppressHashes(row))
	require.Equal(t, []string{"withdrawn"}, f.held("u@example.com"))
	require.Equal(t, []bool{false}, f.suppressHashes(row), "again")

	f.later(time.Hour)
	f.record(grant(audience.ID(id), audience.MechanismSingleOptIn))
	require.Empty(t, f.held("u@example.com"))
	f.later(time.Hour)
	require.Equal(t, []bool{false}, f.suppressHashes(row), "she consented after it")
	require.True(t, f.mailable(audience.ID(id)))

	lifted := row
	lifted.Reason, lifted.Lifted = audience.SuppressedManually, f.now
	require.Equal(t, []bool{false}, f.suppressHashes(lifted), "lifted for good")
	row.At = f.now
	require.Equal(t, []bool{true}, f.suppressHashes(row), "she refused after it")
	require.False(t, f.mailable(audience.ID(id)))
	lifted.Reason = audience.SuppressedWithdrawn
	require.Equal(t, []bool{false}, f.suppressHashes(lifted))
	require.Equal(t, []string{"withdrawn"}, f.held("u@example.com"))

	f.update(func(tx *store.Tx) error { return tx.AnnounceSuppressions(t.Context(), audience.Source{}, id, 99) })
	last := f.last()
	require.Equal(t, store.ChangeSuppression, last.Kind)
	require.Equal(t, f.now, *last.SuppressedFrom)
}

func TestSuppressHashesRefuses(t *testing.T) {
	f := newFixture(t)
	good := audience.Suppression{Hash: f.hash("u@example.com"), Reason: audience.SuppressedErased, At: f.now}
	for name, tt := range map[string]struct {
		change func(*audience.Suppression)
		want   error
	}{
		"unknown key": {func(s *audience.Suppression) { s.Hash.Key = "b" }, audience.ErrDenied},
		"no sum":      {func(s *audience.Suppression) { s.Hash.Sum = [32]byte{} }, audience.ErrInvalid},
		"no reason":   {func(s *audience.Suppression) { s.Reason = 0 }, audience.ErrInvalid},
		"no instant":  {func(s *audience.Suppression) { s.At = time.Time{} }, audience.ErrInvalid},
		"year 10,000": {func(s *audience.Suppression) { s.Lifted = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) }, audience.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			tt.change(&s)
			err := f.refused(func(tx *store.Tx) error {
				_, err := tx.SuppressHashes(t.Context(), good, s)
				return err
			})
			require.ErrorIs(t, err, tt.want)
			require.Empty(t, f.held("u@example.com"))
		})
	}
}

// TestRekeySuppressions moves rows to the primary key without losing one, and
// then the old key may go.
func TestRekeySuppressions(t *testing.T) {
	f := newFixture(t)
	f.put("u", "u@example.com")
	f.update(func(tx *store.Tx) error {
		return tx.Suppress(t.Context(), store.SuppressionWrite{Address: address(t, "nobody@example.com"), Reason: audience.SuppressedManually},
			store.SuppressionWrite{Address: address(t, "u@example.com"), Reason: audience.SuppressedComplained})
	})
	open := func(primary string, more ...string) error {
		aud, err := store.Open(t.Context(), f.adapter, "main", store.Options{
			Keys: testKeys(t, primary, more...), Clock: func() time.Time { return f.now },
		})
		if err == nil {
			f.Audience = aud
		}
		return err
	}
	require.NoError(t, open("b", "a"))
	f.later(time.Hour)
	f.update(func(tx *store.Tx) error { // beside the row under the old key
		_, err := tx.SuppressHashes(t.Context(), audience.Suppression{Hash: f.hash("u@example.com"), Reason: audience.SuppressedComplained, At: f.now})
		return err
	})
	moved := func(text string) (n int) {
		f.update(func(tx *store.Tx) (err error) {
			n, err = tx.RekeySuppressions(t.Context(), address(t, text))
			return err
		})
		return n
	}
	use := func() (out map[string]int) {
		f.view(func(r *store.Reader) (err error) {
			out, err = r.SuppressionKeyUse(t.Context())
			return err
		})
		return out
	}
	require.Equal(t, map[string]int{"a": 2, "b": 1}, use())
	require.Equal(t, 1, moved("u@example.com"))
	require.Equal(t, 0, moved("u@example.com"))
	require.Equal(t, map[string]int{"a": 1, "b": 1}, use())
	require.Equal(t, []string{"complained"}, f.held("u@example.com"))
	require.ErrorIs(t, open("b"), audience.ErrDenied)
	require.Equal(t, 1, moved("nobody@example.com"))
	require.NoError(t, open("b"))
	require.Equal(t, []string{"complained"}, f.held("u@example.com"))
	require.Equal(t, []string{"manual"}, f.held("nobody@example.com"))
}
