package dbtest

import (
	"context"
	"fmt"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// work is something that a step does. Its name says in the feed what else
// has to be in the commit: see promised.
type work struct {
	what  string
	about audience.Ref // who gets the event of the step; lives on
	do    func(ctx context.Context, tx *store.Tx, id string) error
	then  func() // once it is committed
}

// choose draws the work of a step, with everything random in it: a
// transaction may run again and has to do the same.
func (w *writer) choose() work {
	pick := func() audience.ContactID { return w.people[w.r.IntN(len(w.people))] }
	one, other := pick(), pick()
	k := work{about: audience.ID(one)}
	switch n := w.r.IntN(32); {
	case n < 6:
		k.what, k.do = "touch", touch(one, nil)
	case n < 10:
		k.what, k.do = "touch", touch(one, []audience.ExternalID{audience.External("crm", fmt.Sprintf("x%d", w.r.IntN(loadClaims)))})
	case n < 13:
		k.what, k.do = "ledger", consent(one, audience.ConsentGranted)
	case n < 15:
		k.what, k.do = "ledger", consent(one, audience.ConsentWithdrawn)
	case n < 18:
		k.what, k.do = "merge", func(ctx context.Context, tx *store.Tx, _ string) error {
			return tx.Merge(ctx, audience.ID(one), audience.ID(other), audience.Source{})
		}
	case n < 22:
		k.what, k.do = "unmerge", func(ctx context.Context, tx *store.Tx, _ string) error {
			return tx.Unmerge(ctx, one, audience.Source{})
		}
	case n < 24:
		k.what, k.do = "join", func(ctx context.Context, tx *store.Tx, _ string) error {
			return tx.AddToList(ctx, "gold", audience.Source{}, audience.ID(one))
		}
	case n < 26:
		k.what, k.do = "leave", func(ctx context.Context, tx *store.Tx, _ string) error {
			return tx.RemoveFromList(ctx, "gold", audience.Source{}, audience.ID(one))
		}
	case n < 27:
		k.what, k.do = "bulk", bulk
	default:
		w.chooseVictim(&k)
	}
	return k
}

// chooseVictim makes somebody of the writer's own, or has her go again.
func (w *writer) chooseVictim(k *work) {
	if victim := w.victim; victim != "" {
		k.then = func() { w.victim = "" }
		if w.r.IntN(2) == 0 {
			k.what, k.do = "delete", func(ctx context.Context, tx *store.Tx, _ string) error {
				return tx.Delete(ctx, audience.Source{}, audience.Key(victim))
			}
			return
		}
		k.what, k.do = "erase", func(ctx context.Context, tx *store.Tx, _ string) error {
			return tx.Erase(ctx, audience.Source{}, audience.Key(victim))
		}
		return
	}
	key := "v" + stepID(w.number, w.steps)
	k.then = func() { w.victim = key }
	k.what, k.do = "new", func(ctx context.Context, tx *store.Tx, id string) error {
		if _, err := tx.Put(ctx, newcomer(key)); err != nil {
			return err
		}
		_, err := tx.Append(ctx, padded(audience.Key(key), "of "+id, 10))
		return err
	}
}

// touch changes a contact in any case, and may claim an external id.
func touch(one audience.ContactID, claims []audience.ExternalID) func(context.Context, *store.Tx, string) error {
	return func(ctx context.Context, tx *store.Tx, id string) error {
		_, err := tx.Put(ctx, audience.ContactWrite{
			Match: audience.ID(one), Mode: audience.UpdateOnly, External: claims, AddTags: []string{"touched", id[:1]},
			Set: map[string]audience.Value{"last": audience.StringValue(id)},
		})
		return err
	}
}

func consent(one audience.ContactID, kind audience.ConsentKind) func(context.Context, *store.Tx, string) error {
	return func(ctx context.Context, tx *store.Tx, id string) error {
		w := audience.ConsentWrite{Contact: audience.ID(one), Kind: kind, Scope: audience.MarketingScope(), Notice: id}
		if kind == audience.ConsentGranted {
			w.Mechanism, w.Evidence = audience.MechanismDoubleOptIn, []byte("evidence of "+id)
		}
		_, err := tx.Record(ctx, w)
		return err
	}
}

// bulk makes a commit too large for one row of a feed.
func bulk(ctx context.Context, tx *store.Tx, id string) error {
	const size, bytes = 40, 9000
	writes := make([]audience.ContactWrite, size)
	events := make([]audience.EventWrite, size)
	for i := range size {
		key := fmt.Sprintf("b%s-%d", id, i)
		writes[i], events[i] = newcomer(key), padded(audience.Key(key), fmt.Sprintf("of %s, %d", id, i), bytes)
	}
	if _, err := tx.Put(ctx, writes...); err != nil {
		return err
	}
	_, err := tx.Append(ctx, events...)
	return err
}

func padded(ref audience.Ref, id string, bytes int) audience.EventWrite {
	return audience.EventWrite{
		Contact: ref, ID: id, Type: loadEvent, Time: eventTime(0),
		Props: map[string]audience.Value{"pad": audience.StringValue(strings.Repeat("x", bytes))},
	}
}

// promised reports whether a change is one that a work of the name makes.
func promised(what, id string, c *store.Change) bool {
	switch what {
	case "touch":
		if c.Kind != store.ChangeContact || c.After == nil {
			return false
		}
		for _, f := range c.After.Fields {
			if f.Value.Reveal() == id {
				return true
			}
		}
		return false
	case "ledger":
		return c.Kind == store.ChangeLedger && c.Record != nil && c.Record.Notice == id
	case "merge":
		return c.Kind == store.ChangeMerge
	case "unmerge":
		return c.Kind == store.ChangeUnmerge
	case "delete":
		return c.Kind == store.ChangeDelete
	case "erase":
		return c.Kind == store.ChangeErase
	case "new", "bulk":
		return c.Kind == store.ChangeContact && c.Contact != 0 // who may be erased by now
	default: // may have nothing to do
		return true
	}
}
