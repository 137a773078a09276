package dbtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// TestLoad holds that the load does everything and that verifying it finds
// nothing, where nothing crashes. What it finds is seen on a store in memory
// with faults.
func TestLoad(t *testing.T) {
	a := memstore.New()
	aud, acked := loaded(t, a, 16, 60)
	v := &verifier{seed: 1}
	require.NoError(t, v.verify(t.Context(), aud, acked))

	commits, err := readPast(t.Context(), aud, store.Position{}, 1)
	require.NoError(t, err)
	did := make(map[string]int)
	for i := range commits {
		for _, change := range commits[i].Changes {
			if e := change.Event; e != nil {
				if _, _, ok := parseStepID(e.ID); ok {
					did[whatOf(e)]++
				}
			}
		}
	}
	for _, what := range []string{"touch", "ledger", "merge", "unmerge", "join", "leave", "bulk", "new", "delete", "erase", "refused"} {
		require.NotZero(t, did[what], "the load never does %q: %v", what, did)
	}
	t.Logf("%d commits: %v", len(commits), did)

	for name, fault := range faults() {
		t.Run(name, func(t *testing.T) {
			aud, err := openLoad(t.Context(), faulty{a, fault})
			require.NoError(t, err)
			require.ErrorContains(t, (&verifier{seed: 1}).verify(t.Context(), aud, acked), fault.found)
		})
	}
	lost := acknowledged{3: {1_000_000}}
	require.ErrorContains(t, (&verifier{seed: 1}).verify(t.Context(), aud, lost), "was acknowledged and is lost")
}

// loaded puts a load on a store, without crashes.
func loaded(t *testing.T, a store.Adapter, writers, steps int) (*store.Audience, acknowledged) {
	t.Helper()
	aud, err := openLoad(t.Context(), a)
	require.NoError(t, err)
	people := addPeople(t, aud)
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		acked = make(acknowledged)
		errs  = make([]error, writers)
	)
	for i := range writers {
		w := newWriter(aud, i, 0, 1, people)
		wg.Go(func() {
			for range steps {
				switch err := w.step(t.Context()); {
				case err == nil:
					mu.Lock()
					acked[i] = append(acked[i], w.steps)
					mu.Unlock()
				case !errors.Is(err, errGivenUp):
					errs[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	return aud, acked
}

// fault is something that a crash may leave behind.
type fault struct {
	found   string // what verifying says of it
	commits func([]store.Commit) []store.Commit
	roles   func(store.ReadRoles) store.ReadRoles
}

func faults() map[string]fault {
	return map[string]fault{
		"a commit is not in the feed": {found: "is in the tables and nowhere else", commits: func(page []store.Commit) []store.Commit {
			return slices.DeleteFunc(page, func(c store.Commit) bool { return holdsStepOf(7, &c) })
		}},
		"a commit is half in the feed": {found: "has nothing of what it did", commits: func(page []store.Commit) []store.Commit {
			for i := range page {
				for _, change := range page[i].Changes {
					if e := change.Event; e != nil && whatOf(e) == "ledger" {
						page[i].Changes = []store.Change{change}
					}
				}
			}
			return page
		}},
		"a row is old": {found: "differs", roles: func(r store.ReadRoles) store.ReadRoles { return oldRow{r} }},
		"an event is missing": {found: "is missing in the tables", roles: func(r store.ReadRoles) store.ReadRoles {
			return fewerEvents{r}
		}},
		"an identity leads to nobody": {found: "leads to contact 0", roles: func(r store.ReadRoles) store.ReadRoles {
			return nobody{r}
		}},
		"the last of a chain is missing": {found: "ledger", roles: func(r store.ReadRoles) store.ReadRoles { return shortLedger{r} }},
		"a counter is ahead":             {found: "counter", roles: func(r store.ReadRoles) store.ReadRoles { return ahead{r} }},
	}
}

func holdsStepOf(number int, c *store.Commit) bool {
	return slices.ContainsFunc(c.Changes, func(change store.Change) bool {
		if change.Event == nil {
			return false
		}
		writer, _, ok := parseStepID(change.Event.ID)
		return ok && writer == number
	})
}

type faulty struct {
	store.Adapter
	fault fault
}

type faultyPartition struct {
	store.Partition
	fault fault
}

func (a faulty) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := a.Adapter.Partition(ctx, name)
	return faultyPartition{p, a.fault}, err
}

func (p faultyPartition) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	page, err := p.Partition.Commits(ctx, after, limit)
	if err == nil && p.fault.commits != nil {
		page = p.fault.commits(append([]store.Commit(nil), page...))
	}
	return page, err
}

func (p faultyPartition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	return p.Partition.View(ctx, func(r store.ReadRoles) error {
		if p.fault.roles != nil {
			r = p.fault.roles(r)
		}
		return fn(r)
	})
}

type oldRow struct{ store.ReadRoles }

func (r oldRow) ContactsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.Contact, error) {
	rows, err := r.ReadRoles.ContactsAfter(ctx, after, limit)
	if len(rows) > 0 {
		rows = append([]audience.Contact(nil), rows...)
		rows[0].Version--
	}
	return rows, err
}

type fewerEvents struct{ store.ReadRoles }

func (r fewerEvents) Events(ctx context.Context, q store.EventQuery) ([]audience.Event, error) {
	events, err := r.ReadRoles.Events(ctx, q)
	return events[1:], err
}

type nobody struct{ store.ReadRoles }

func (r nobody) Resolve(ctx context.Context, identities []audience.Identity) ([]audience.ContactID, error) {
	ids, err := r.ReadRoles.Resolve(ctx, identities)
	clear(ids)
	return ids, err
}

type shortLedger struct{ store.ReadRoles }

func (r shortLedger) Ledger(ctx context.Context, ids []audience.ContactID) ([]audience.ConsentRecord, error) {
	records, err := r.ReadRoles.Ledger(ctx, ids)
	return records[:len(records)-1], err
}

type ahead struct{ store.ReadRoles }

func (r ahead) RecordsAfter(ctx context.Context, namespace, prefix, after string, limit int, at time.Time) ([]store.Record, error) {
	records, err := r.ReadRoles.RecordsAfter(ctx, namespace, prefix, after, limit, at)
	for i := range records {
		if namespace == loadNamespace {
			records[i].Value = []byte("999999")
		}
	}
	return records, err
}
