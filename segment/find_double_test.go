package segment_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// finderStore is the memory store with the capability to find contacts: it asks an audience of the same data that has
// not got it, is certain of some of those who match, and offers some others besides.
type finderStore struct {
	store.Adapter
	plain       *store.Audience
	calls       int
	unsupported bool
	rows        int // that were read
}

// openFinder opens an audience in such a store.
func openFinder(t testing.TB, opts store.Options) (*store.Audience, *finderStore) {
	t.Helper()
	f := &finderStore{Adapter: memstore.New()}
	var err error
	f.plain, err = store.Open(t.Context(), f.Adapter, "main", opts)
	require.NoError(t, err)
	aud, err := store.Open(t.Context(), f, "main", opts)
	require.NoError(t, err)
	return aud, f
}

// findSubject opens what finds by predicates.
func findSubject(t testing.TB, opts store.Options) (*store.Audience, segmenttest.System) {
	t.Helper()
	aud, _ := openFinder(t, opts)
	return aud, segmenttest.Find(aud)
}

func (f *finderStore) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := f.Adapter.Partition(ctx, name)
	return finderPartition{p, f}, err
}

type finderPartition struct {
	store.Partition
	finder *finderStore
}

func (p finderPartition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	return p.Partition.View(ctx, func(r store.ReadRoles) error { return fn(finderRoles{r, p.finder}) })
}

type finderRoles struct {
	store.ReadRoles
	finder *finderStore
}

func (r finderRoles) Contacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	rows, err := r.ReadRoles.Contacts(ctx, ids)
	r.finder.rows += len(rows)
	return rows, err
}

func (r finderRoles) ContactsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.Contact, error) {
	rows, err := r.ReadRoles.ContactsAfter(ctx, after, limit)
	r.finder.rows += len(rows)
	return rows, err
}

func (r finderRoles) Candidates(ctx context.Context, p store.Predicate, at time.Time, after audience.ContactID, limit int) ([]store.Candidate, error) {
	r.finder.calls++
	if r.finder.unsupported {
		return nil, audience.ErrUnsupported
	}
	var out []store.Candidate
	err := r.finder.plain.View(ctx, func(reader *store.Reader) error {
		for profile, err := range reader.AllProfiles(ctx, store.ProfileQuery{Parts: store.PartsOf(p)}) {
			if err != nil {
				return err
			}
			id := profile.Contact.ID
			holds := store.Match(p, &profile, at)
			if id > after && len(out) < limit && (holds || id%4 == 3) {
				out = append(out, store.Candidate{ID: id, Certain: holds && id%3 != 0})
			}
		}
		return nil
	})
	return out, err
}
