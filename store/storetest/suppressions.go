package storetest

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicSuppressions = "suppressions"

func suppressionChecks() []Check {
	return []Check{
		{
			Topic: topicSuppressions, Name: "round-trip", run: suppressionRoundTrip,
			Reason: "A refusal is held by 32 bytes that are no text; cut, decoded or compared as text it stops the wrong person or nobody.",
		},
		{
			Topic: topicSuppressions, Name: "one-of-each-reason", run: suppressionReasons,
			Reason: "Lifting a bounce must leave the complaint standing: each reason is a row of its own.",
		},
		{
			Topic: topicSuppressions, Name: "pages", run: suppressionPages,
			Reason: "Moving to a new key goes through all of them; one that is skipped is mailed once the old key is gone.",
		},
		{
			Topic: topicSuppressions, Name: "keys-in-use", run: suppressionKeys,
			Reason: "A key that suppressions still name must be given at opening, else refusals would silently stop counting.",
		},
		{
			Topic: topicSuppressions, Name: "moved-to-another-hash", run: suppressionMoves,
			Reason: "A key can be given up once no row names it; a row that is lost on the way is a refusal that stops counting.",
		},
	}
}

// hashed makes a hash whose sum begins with the bytes.
func hashed(key string, sum ...byte) audience.AddressHash {
	h := audience.AddressHash{Key: key}
	copy(h.Sum[:], sum)
	return h
}

// someSuppressions has keys and sums at their edges, in order.
func someSuppressions() []audience.Suppression {
	var out []audience.Suppression
	for _, key := range []string{"K1", "k", "k1", "k10", "k2", "ключ"} {
		for _, sum := range [][]byte{{0}, {0, 1}, {0x27}, {0x7f}, {0x80}, {0xc3, 0x28}, {0xff}} {
			out = append(out, audience.Suppression{Hash: hashed(key, sum...), Reason: audience.SuppressedBounced, At: at(1), Source: source()})
		}
	}
	out[0].Lifted = at(2).Add(time.Microsecond)
	out[1].Lifted, out[1].LiftedUntil = at(2), at(5).Add(time.Microsecond)
	complaint := out[3]
	complaint.Reason = audience.SuppressedComplained
	return slices.Insert(out, 4, complaint)
}

func (k *kit) suppress(p store.Partition, rows ...audience.Suppression) {
	k.Helper()
	k.update(p, func(w store.WriteRoles) error { return w.PutSuppressions(k.ctx, rows) })
}

func suppressionRoundTrip(k *kit) {
	p := k.rows()
	all := someSuppressions()
	k.suppress(p, all...)
	var hashes []audience.AddressHash
	for _, s := range all {
		hashes = append(hashes, s.Hash)
	}
	slices.Reverse(hashes)
	k.view(p, func(r store.ReadRoles) {
		got, err := r.Suppressions(k.ctx, append(hashes, hashed("k", 9), hashed("nobody's")))
		require.NoError(k, err)
		slices.SortFunc(got, compareSuppressions) // they come in any order
		require.Equal(k, texts(all, suppressionText), texts(got, suppressionText))
		got, err = r.Suppressions(k.ctx, []audience.AddressHash{hashed("k1", 0x80)})
		require.NoError(k, err)
		require.Len(k, got, 1)
		got, err = r.Suppressions(k.ctx, nil)
		require.NoError(k, err)
		require.Empty(k, got)
	})
}

func compareSuppressions(a, b audience.Suppression) int {
	return cmp.Or(strings.Compare(a.Hash.Key, b.Hash.Key), bytes.Compare(a.Hash.Sum[:], b.Hash.Sum[:]), cmp.Compare(a.Reason, b.Reason))
}

func suppressionReasons(k *kit) {
	p := k.rows()
	hash := hashed("k1", 1)
	var all []audience.Suppression
	for reason := audience.SuppressedWithdrawn; reason <= audience.SuppressedErased; reason++ {
		all = append(all, audience.Suppression{Hash: hash, Reason: reason, At: at(int(reason)), Source: source()})
	}
	k.suppress(p, all...)
	all[1].Lifted, all[1].At, all[1].Source = at(9), at(8), audience.Source{}
	k.suppress(p, all[1])
	k.view(p, func(r store.ReadRoles) {
		got, err := r.Suppressions(k.ctx, []audience.AddressHash{hash, hash})
		require.NoError(k, err)
		slices.SortFunc(got, compareSuppressions)
		require.Equal(k, texts(all, suppressionText), texts(got, suppressionText))
	})
	all[1].Lifted = time.Time{} // it happened again
	k.suppress(p, all[1])
	k.view(p, func(r store.ReadRoles) {
		got, err := r.SuppressionsAfter(k.ctx, audience.Suppression{}, 10)
		require.NoError(k, err)
		require.Equal(k, texts(all, suppressionText), texts(got, suppressionText))
	})
}

func suppressionPages(k *kit) {
	p := k.rows()
	all := someSuppressions()
	shuffled := slices.Clone(all)
	slices.Reverse(shuffled)
	k.suppress(p, shuffled...)
	want := texts(all, suppressionText)
	k.view(p, func(r store.ReadRoles) {
		for _, size := range []int{1, 2, 5, len(all) - 1, len(all), len(all) + 1} {
			var got []string
			for after := (audience.Suppression{}); ; {
				rows, err := r.SuppressionsAfter(k.ctx, after, size)
				require.NoError(k, err)
				require.LessOrEqual(k, len(rows), size)
				require.LessOrEqual(k, len(got), len(want), "the pages go round")
				got = append(got, texts(rows, suppressionText)...)
				if len(rows) < size {
					break
				}
				after = rows[len(rows)-1]
			}
			require.Equal(k, want, got, "pages of %d", size)
		}
		_, err := r.SuppressionsAfter(k.ctx, audience.Suppression{}, 0)
		require.ErrorIs(k, err, audience.ErrInvalid)
	})
}

func suppressionMoves(k *kit) {
	p := k.rows()
	all := someSuppressions()
	k.suppress(p, all...)
	moved := slices.Clone(all)
	var moves []store.SuppressionMove
	for i := range moved {
		if i%2 == 0 {
			moved[i].Hash.Key, moved[i].At = moved[i].Hash.Key+"-new", at(20+i)
			moves = append(moves, store.SuppressionMove{From: all[i].Hash, To: moved[i]})
		}
	}
	more := audience.Suppression{Hash: hashed("new", 0xee), Reason: audience.SuppressedManually, At: at(3)}
	moved = append(moved, more)
	moves = append(moves, store.SuppressionMove{From: hashed("k", 0xee), To: more}) // of nothing
	moves = append(moves, store.SuppressionMove{From: more.Hash, To: more})         // to where it is
	hashes := make([]audience.AddressHash, 0, len(moves))
	for i := range moves {
		hashes = append(hashes, moves[i].From, moves[i].To.Hash)
	}
	k.update(p, func(w store.WriteRoles) error {
		if _, err := w.Suppressions(k.ctx, hashes); err != nil {
			return err
		}
		if err := w.MoveSuppressions(k.ctx, moves); err != nil {
			return err
		}
		found, err := w.Suppressions(k.ctx, []audience.AddressHash{moves[0].From})
		require.Empty(k, slices.DeleteFunc(found, func(s audience.Suppression) bool { return s.Reason != moves[0].To.Reason }))
		return err
	})
	slices.SortFunc(moved, compareSuppressions)
	k.view(p, func(r store.ReadRoles) {
		got, err := r.SuppressionsAfter(k.ctx, audience.Suppression{}, len(moved)+1)
		require.NoError(k, err)
		require.Equal(k, texts(moved, suppressionText), texts(got, suppressionText))
	})
}

func suppressionKeys(k *kit) {
	p := k.rows()
	keys := func(want ...string) {
		k.view(p, func(r store.ReadRoles) {
			got, err := r.SuppressionKeys(k.ctx)
			require.NoError(k, err)
			require.Equal(k, want, append([]string(nil), got...))
		})
	}
	keys()
	k.suppress(p, someSuppressions()...)
	keys("K1", "k", "k1", "k10", "k2", "ключ")
	lifted := audience.Suppression{Hash: hashed("old", 1), Reason: audience.SuppressedManually, At: at(0), Lifted: at(1)}
	k.suppress(p, lifted)
	keys("K1", "k", "k1", "k10", "k2", "old", "ключ") // one that was lifted names its key too
}
