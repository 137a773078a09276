package memstore

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func openPartition(t *testing.T) *partition {
	t.Helper()
	opened, err := New().Partition(t.Context(), "main")
	require.NoError(t, err)
	p, ok := opened.(*partition)
	require.True(t, ok)
	return p
}

func keyed(n int) audience.Identity {
	return audience.ExternalIdentity(audience.External(audience.HostSystem, strconv.Itoa(n)))
}

// claims gives the identities from first up to before last to a contact.
func claims(contact audience.ContactID, first, last int) []store.Claim {
	var out []store.Claim
	for n := first; n < last; n++ {
		out = append(out, store.Claim{Identity: keyed(n), Contact: contact})
	}
	return out
}

// held counts the claims that tables hold, former ones included.
func (i *identities) held() (current, former int) {
	for n := range i.parts {
		t := i.parts[n].Load()
		if t == nil {
			continue
		}
		for k := range t.slots {
			c := t.slots[k].claim.Load()
			if c == nil || c == &i.removed {
				continue
			}
			current++
			for c = c.older; c != nil; c = c.older {
				former++
			}
		}
	}
	return current, former
}

func (p *partition) mustUpdate(t *testing.T, fn func(store.WriteRoles) error) {
	t.Helper()
	_, err := p.Update(t.Context(), fn)
	require.NoError(t, err)
}

// TestIdentitiesForget: what no view can see leaves no text behind (G3 of what
// was rolled back, and of those who were erased).
func TestIdentitiesForget(t *testing.T) {
	const n = 5_000
	ctx := t.Context()
	p := openPartition(t)
	p.mustUpdate(t, func(w store.WriteRoles) error { return w.ClaimIdentities(ctx, claims(1, 0, n)) })
	errBack := errors.New("back")
	_, err := p.Update(ctx, func(w store.WriteRoles) error {
		require.NoError(t, w.ReleaseIdentities(ctx, claims(1, 0, 10)))
		require.NoError(t, w.ClaimIdentities(ctx, claims(2, 0, 5)))
		require.NoError(t, w.ClaimIdentities(ctx, claims(2, n, 3*n)))
		require.ErrorIs(t, w.ClaimIdentities(ctx, append(claims(3, 3*n, 4*n), claims(3, 20, 21)...)), audience.ErrConflict)
		return errBack
	})
	require.ErrorIs(t, err, errBack)
	current, former := p.identities.held()
	require.Equal(t, []int{n, 0}, []int{current, former}, "after a rollback")
	require.NoError(t, p.View(ctx, func(r store.ReadRoles) error {
		for k := range n {
			id, err := r.Resolve(ctx, []audience.Identity{keyed(k)})
			require.NoError(t, err)
			require.Equal(t, []audience.ContactID{1}, id)
		}
		p.mustUpdate(t, func(w store.WriteRoles) error { return w.ReleaseIdentities(ctx, claims(1, 0, 100)) })
		p.mustUpdate(t, func(w store.WriteRoles) error { return w.ClaimIdentities(ctx, claims(2, 0, 50)) })
		id, err := r.Resolve(ctx, []audience.Identity{keyed(0), keyed(60), keyed(200)})
		require.Equal(t, []audience.ContactID{1, 1, 1}, id, "a view sees what stood when it began")
		return err
	}))
	p.mustUpdate(t, func(store.WriteRoles) error { return nil })
	current, former = p.identities.held()
	require.Equal(t, []int{n - 50, 0}, []int{current, former}, "once nobody looks")
	require.Empty(t, p.identities.stale)
	require.Empty(t, p.read)
	for round := range 50 { // slots are used again
		p.mustUpdate(t, func(w store.WriteRoles) error { return w.ReleaseIdentities(ctx, claims(1, 100, n)) })
		p.mustUpdate(t, func(w store.WriteRoles) error { return w.ClaimIdentities(ctx, claims(1, 100, n)) })
		require.Less(t, len(p.identities.part(p.hashOf("a", strconv.Itoa(round))).Load().slots), 257)
	}
	p.close()
	current, _ = p.identities.held()
	require.Zero(t, current)
}

// TestIdentitiesOfViews moves identities, two at a time, while others read: each
// view sees both with one contact, always the same, and never one who came later.
func TestIdentitiesOfViews(t *testing.T) {
	const pairs, moves, views = 40, 300, 4
	ctx := t.Context()
	p := openPartition(t)
	give := func(k int, from, to audience.ContactID) {
		p.mustUpdate(t, func(w store.WriteRoles) error {
			if err := w.ReleaseIdentities(ctx, claims(from, 2*k, 2*k+2)); err != nil {
				return err
			}
			if err := w.ClaimIdentities(ctx, claims(to, 2*k, 2*k+2)); err != nil {
				return err
			}
			return w.AddMembers(ctx, []store.Membership{{List: strconv.Itoa(k), Origin: to}})
		})
	}
	for k := range pairs {
		give(k, 0, 1)
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	errs := make([]error, views)
	for v := range views {
		group.Go(func() {
			for k := v; errs[v] == nil; k++ {
				select {
				case <-done:
					return
				default:
				}
				errs[v] = p.View(ctx, func(r store.ReadRoles) error {
					members, err := r.MembersAfter(ctx, strconv.Itoa(k%pairs), 0, moves+1)
					if err != nil {
						return err
					}
					for range 3 {
						ids, err := r.Resolve(ctx, []audience.Identity{keyed(k % pairs * 2), keyed(k%pairs*2 + 1)})
						if last := members[len(members)-1].Origin; err != nil || ids[0] != last || ids[1] != last {
							return errors.Join(err, errors.New("not what stood when the view began"))
						}
					}
					return nil
				})
			}
		})
	}
	for n := range moves {
		for k := range pairs {
			give(k, audience.ContactID(n+1), audience.ContactID(n+2))
		}
		for extra := range 4 { // tables grow meanwhile
			p.mustUpdate(t, func(w store.WriteRoles) error {
				first := 10_000 + 40*(4*n+extra)
				return w.ClaimIdentities(ctx, claims(1, first, first+40))
			})
		}
	}
	close(done)
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	p.mustUpdate(t, func(store.WriteRoles) error { return nil })
	_, former := p.identities.held()
	require.Zero(t, former)
}
