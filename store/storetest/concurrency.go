package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicConcurrency = "concurrency"

func concurrencyChecks() []Check {
	return []Check{
		{
			Topic: topicConcurrency, Name: "one-contact-for-an-address", run: concurrencyPut,
			Reason: "A signup and an import bring the same new person at the same time: she must be one person.",
		},
		{
			Topic: topicConcurrency, Name: "the-feed-is-the-tables", run: concurrencyFold,
			Reason: "Everything derived follows the feed: whatever happened at once, applying it must end where the tables are.",
		},
	}
}

func concurrencyPut(k *kit) {
	const (
		writers = 4
		people  = 6
	)
	aud := k.open(mainAudience)
	results := make([][]store.PutResult, writers)
	k.together(writers, func(ctx context.Context, i int) error {
		for n := range people {
			w := person(fmt.Sprintf("p%d", n))
			w.AddTags = []string{fmt.Sprintf("by %d", i)}
			res, err := aud.Put(ctx, w)
			if err != nil {
				return err
			}
			results[i] = append(results[i], res)
		}
		return nil
	})
	for n := range people {
		created := 0
		for i := range writers {
			require.Equal(k, results[0][n].ID, results[i][n].ID)
			if results[i][n].Created {
				created++
			}
		}
		require.Equal(k, 1, created)
		require.Len(k, k.profile(aud, audience.Key(fmt.Sprintf("p%d", n))).Contact.Tags, writers, "a writer's tag was lost")
	}
}

// world is what a follower of the feed makes of it.
type world struct {
	contacts map[audience.ContactID]string
	events   map[string]string
	records  int
}

func (w *world) apply(c store.Commit) {
	for _, change := range c.Changes {
		if change.After != nil {
			w.contacts[change.Contact] = contactText(change.After)
		}
		switch change.Kind {
		case store.ChangeEvent:
			w.events[fmt.Sprintf("%d/%s", change.Event.Origin, change.Event.ID)] = eventText(change.Event)
		case store.ChangeLedger:
			w.records++
		case store.ChangeMerge:
			delete(w.contacts, change.Other)
		case store.ChangeDelete, store.ChangeErase:
			delete(w.contacts, change.Contact)
		default:
		}
	}
}

func concurrencyFold(k *kit) {
	const (
		writers = 3
		steps   = 12
	)
	aud := k.open(mainAudience)
	ids := k.people(aud, "p0", "p1", "p2", "p3", "p4", "p5")
	var written atomic.Bool
	var running atomic.Int32
	running.Store(writers)
	var seen []store.Commit
	k.together(writers+1, func(ctx context.Context, i int) (err error) {
		if i == writers {
			seen, err = tail(ctx, k.adapterRows(ctx), 3, written.Load)
			return err
		}
		defer func() {
			if running.Add(-1) == 0 {
				written.Store(true)
			}
		}()
		r := rand.New(rand.NewPCG(2, uint64(i)))
		for n := range steps {
			if err := anything(ctx, aud, r, fmt.Sprintf("%d-%d", i, n), ids); err != nil {
				return err
			}
		}
		return nil
	})
	w := world{contacts: make(map[audience.ContactID]string), events: make(map[string]string)}
	for _, c := range seen {
		w.apply(c)
	}
	k.view(k.rows(), func(r store.ReadRoles) {
		contacts := make(map[audience.ContactID]string)
		rows, err := r.ContactsAfter(k.ctx, 0, 100)
		require.NoError(k, err)
		for _, c := range rows {
			contacts[c.ID] = contactText(&c)
		}
		require.Equal(k, contacts, w.contacts)
		stored, err := r.Events(k.ctx, store.EventQuery{Origins: ids, Retracted: true})
		require.NoError(k, err)
		require.Len(k, w.events, len(stored))
		for _, e := range stored {
			told := w.events[fmt.Sprintf("%d/%s", e.Origin, e.ID)]
			require.Contains(k, told, instantText(e.Time))
		}
		ledger, err := r.Ledger(k.ctx, ids)
		require.NoError(k, err)
		require.Len(k, ledger, w.records)
	})
}

// adapterRows is rows for goroutines, which must not fail the check.
func (k *kit) adapterRows(ctx context.Context) store.Partition {
	p, err := k.adapter.Partition(ctx, mainAudience)
	if err != nil {
		return nil
	}
	return p
}

// anything does something to one or two of the people. What another writer
// made impossible meanwhile is no error.
func anything(ctx context.Context, aud *store.Audience, r *rand.Rand, name string, ids []audience.ContactID) error {
	pick := func() audience.Ref { return audience.ID(ids[r.IntN(len(ids))]) }
	one, other, what := pick(), pick(), r.IntN(6)
	_, err := aud.Update(ctx, func(tx *store.Tx) error {
		switch what {
		case 0, 1:
			w := audience.ContactWrite{Match: one, Mode: audience.UpdateOnly, AddTags: []string{name}}
			if what == 1 {
				w.External = []audience.ExternalID{audience.External("crm", name)}
			}
			_, err := tx.Put(ctx, w)
			return err
		case 2:
			_, err := tx.Record(ctx, grant(one))
			return err
		case 3:
			return tx.Merge(ctx, one, other, source())
		case 4:
			loser, _ := one.ContactID()
			return tx.Unmerge(ctx, loser, source())
		default:
			_, err := tx.Append(ctx, audience.EventWrite{Contact: one, ID: name, Type: "visit", Time: start()})
			return err
		}
	})
	for _, expected := range []error{audience.ErrConflict, audience.ErrNotFound, audience.ErrDenied} {
		if errors.Is(err, expected) {
			return nil
		}
	}
	return err
}
