package sqlstore

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestConcerned holds the contacts under whom a commit is found against what
// store says a change concerns.
func TestConcerned(t *testing.T) {
	const contacts = 6
	r := rand.New(rand.NewPCG(3, 4))
	some := func() audience.ContactID { return audience.ContactID(r.IntN(contacts)) } // 0: nobody
	for range 2_000 {
		changes := make([]store.Change, 1+r.IntN(3))
		for i := range changes {
			c := &changes[i]
			switch r.IntN(4) {
			case 0:
				c.Contact = some()
			case 1:
				c.Contact, c.Other = some(), some()
				for range r.IntN(3) {
					c.Events = append(c.Events, audience.Event{Contact: some(), Origin: some()})
				}
			case 2:
				c.Contact, c.Event = some(), &audience.Event{Contact: some(), Origin: some()}
			default:
				c.Before = &audience.Event{Contact: some(), Origin: some()}
			}
		}
		var want []audience.ContactID
		for id := audience.ContactID(1); id < contacts; id++ {
			if slices.ContainsFunc(changes, func(c store.Change) bool {
				return c.Concerns(func(of audience.ContactID) bool { return of == id })
			}) {
				want = append(want, id)
			}
		}
		require.Equal(t, want, append([]audience.ContactID(nil), concerned(changes)...))
	}
}

func TestCut(t *testing.T) {
	for _, n := range []int{0, 1, partSize - 1, partSize, partSize + 1, 3 * partSize, 3*partSize + 7} {
		b := bytes.Repeat([]byte("abc"), n/3+1)[:n]
		first, rest := cut(b)
		require.Len(t, rest, max(0, (n-1)/partSize))
		for _, part := range append(rest, first) {
			require.LessOrEqual(t, len(part), partSize)
		}
		require.Equal(t, string(b), string(slices.Concat(append([][]byte{first}, rest...)...)))
	}
}

func TestBlanking(t *testing.T) {
	after := &audience.Contact{ID: 1}
	changes := func() []store.Change {
		return []store.Change{
			{Kind: store.ChangeContact, Contact: 1, After: after},
			{Kind: store.ChangeContact, Contact: 2, After: after},
			{Kind: store.ChangeMerge, Contact: 2, Other: 1, After: after},
			{Kind: store.ChangeSchema},
		}
	}
	for _, c := range []struct {
		name     string
		contacts []audience.ContactID
		kinds    []store.ChangeKind
		blanked  []bool
	}{
		{"one", []audience.ContactID{1}, nil, []bool{true, false, true, false}},
		{"of a kind", []audience.ContactID{1}, []store.ChangeKind{store.ChangeMerge}, []bool{false, false, true, false}},
		{"none of a kind", []audience.ContactID{1}, []store.ChangeKind{store.ChangeErase}, make([]bool, 4)},
		{"another", []audience.ContactID{3}, nil, make([]bool, 4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &blanking{contacts: make(map[audience.ContactID]bool), kinds: c.kinds}
			for _, id := range c.contacts {
				b.contacts[id] = true
			}
			got := changes()
			require.Equal(t, slices.Contains(c.blanked, true), b.blank(got))
			for i, want := range changes() {
				if c.blanked[i] {
					want = want.Blank()
				}
				require.Equal(t, want, got[i])
			}
		})
	}
}

func TestSkipped(t *testing.T) {
	require.EqualValues(t, 1<<24, skipped(countContacts, 0))
	restores, next := 0, uint64(10_000_000)
	for ; next <= math.MaxUint32; restores++ {
		next += skipped(countContacts, next)
	}
	require.Greater(t, restores, 20, "a large audience can be restored many times")
	require.Greater(t, skipped(countMerges, 1<<62), uint64(1<<32))
}
