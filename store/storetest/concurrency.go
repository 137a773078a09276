package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

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
			Topic: topicConcurrency, Name: "merged-in-between", run: concurrencyMerged, Needs: FeatureOverlap,
			Reason: "An event of somebody who is merged at the same moment belongs to who she is now; it is neither lost nor refused.",
		},
		{
			Topic: topicConcurrency, Name: "overtaken-and-dated-after", run: concurrencyDated, Needs: FeatureOverlap,
			Reason: "Who began earlier and comes to a person later writes after what is written there: her consent is not refused, and her dates do not run backwards.",
		},
		{
			Topic: topicConcurrency, Name: "latest-refusal-stands", run: concurrencySuppress, Needs: FeatureOverlap,
			Reason: "Two lists of refusals name one address at the same time: the later refusal holds, or a consent given between the two would lift both.",
		},
		{
			Topic: topicConcurrency, Name: "address-first-and-suppressed", run: concurrencyAddressFirst, Needs: FeatureOverlap,
			Reason: "A refusal arrives while its address is on the way to a contact: what follows the feed goes on mailing her when neither of the two saw the other.",
		},
		{
			Topic: topicConcurrency, Name: "suppressed-first-and-address", run: concurrencyRefusalFirst, Needs: FeatureOverlap,
			Reason: "Somebody signs up with an address while a list of refusals that has it is being brought in: what follows the feed must hear that she is suppressed.",
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

// meanwhile is an adapter that lets something happen once, between finding a
// contact and locking her.
type meanwhile struct {
	store.Adapter
	happen func()
}

type meanwhilePartition struct {
	store.Partition
	adapter *meanwhile
}

type meanwhileRoles struct {
	store.WriteRoles
	adapter *meanwhile
}

func (a *meanwhile) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := a.Adapter.Partition(ctx, name)
	return meanwhilePartition{p, a}, err
}

func (p meanwhilePartition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	return p.Partition.Update(ctx, func(w store.WriteRoles) error { return fn(meanwhileRoles{w, p.adapter}) })
}

func (w meanwhileRoles) LockContacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	if happen := w.adapter.happen; happen != nil {
		w.adapter.happen = nil
		happen()
	}
	return w.WriteRoles.LockContacts(ctx, ids)
}

func concurrencyMerged(k *kit) {
	aud := k.open(mainAudience)
	ids := k.people(aud, "ann", "bea")
	slow := &meanwhile{Adapter: k.adapter}
	other, err := store.Open(k.ctx, slow, mainAudience, k.options())
	require.NoError(k, err)
	slow.happen = func() {
		k.change(aud, func(tx *store.Tx) error {
			return tx.Merge(k.ctx, audience.ID(ids[0]), audience.ID(ids[1]), source())
		})
	}
	res, err := other.Append(k.ctx, audience.EventWrite{Contact: audience.Key("bea"), ID: "1", Type: "visit", Time: at(0)})
	require.NoError(k, err)
	require.Equal(k, ids[0], res.Contact)
	ann := k.profile(aud, audience.ID(ids[0]))
	require.Len(k, ann.Events("visit"), 1)
}

func concurrencyDated(k *kit) {
	aud := k.open(mainAudience)
	k.people(aud, "ann", "bea", "cid", "dan")
	overtaken := false
	k.change(aud, func(tx *store.Tx) error {
		if !overtaken { // it may be called again
			overtaken = true
			k.clock.step(time.Minute)
			k.change(aud, func(other *store.Tx) error {
				for _, key := range []string{"ann", "cid"} {
					if _, err := other.Record(k.ctx, grant(audience.Key(key))); err != nil {
						return err
					}
				}
				_, err := other.Put(k.ctx, audience.ContactWrite{Match: audience.Key("bea"), AddTags: []string{"x"}})
				return err
			})
			k.clock.step(-time.Minute)
		}
		if _, err := tx.Record(k.ctx, grant(audience.Key("ann"))); err != nil {
			return err
		}
		if _, err := tx.Put(k.ctx, audience.ContactWrite{Match: audience.Key("bea"), AddTags: []string{"y"}}); err != nil {
			return err
		}
		return tx.Merge(k.ctx, audience.Key("cid"), audience.Key("dan"), source())
	})
	records := k.profile(aud, audience.Key("ann")).History.Records
	require.Len(k, records, 2)
	require.False(k, records[1].Recorded.Before(records[0].Recorded))
	bea := k.profile(aud, audience.Key("bea")).Contact
	require.Equal(k, []string{"x", "y"}, bea.TagNames())
	require.False(k, bea.UpdatedAt.Before(at(60)), "%s", instantText(bea.UpdatedAt))
	cid := k.profile(aud, audience.Key("cid")).History
	require.Len(k, cid.Merged, 1)
	require.False(k, cid.Merged[0].At.Before(cid.Records[0].Recorded))
}

// concurrencySuppress has several suppress the same addresses of nobody's, each
// with a date of its own: first where nothing is held, then where something is.
func concurrencySuppress(k *kit) {
	const (
		writers = 3
		rounds  = 8
	)
	aud := k.open(mainAudience)
	for round := range 2 * rounds {
		address := audience.MustAddress(fmt.Sprintf("nobody-%d@example.com", round%rounds))
		base := start().AddDate(0, 0, round/rounds-2)
		var open sync.WaitGroup
		open.Add(writers)
		k.together(writers, func(ctx context.Context, i int) error {
			var first sync.Once
			_, err := aud.Update(ctx, func(tx *store.Tx) error {
				first.Do(func() { // it may be called again
					open.Done()
					open.Wait()
				})
				return tx.Suppress(ctx, store.SuppressionWrite{
					Address: address, Reason: audience.SuppressedWithdrawn, At: base.Add(-time.Duration(i) * time.Hour), Source: source(),
				})
			})
			return err
		})
		var held []audience.Suppression
		require.NoError(k, aud.View(k.ctx, func(r *store.Reader) (err error) {
			held, err = r.Suppressions(k.ctx, address)
			return err
		}))
		require.Len(k, held, 1)
		require.Equal(k, instantText(base), instantText(held[0].At), "the latest refusal of %d was lost", writers)
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
