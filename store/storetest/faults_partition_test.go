package storetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

func positionFaults() []fault {
	return []fault{
		{
			name: "positions of others are the beginning", found: []string{"positions/of-another-audience", "positions/ahead-of-the-feed"},
			around: func(p store.Partition) store.Partition { return forgivingFeed{p, true} },
		},
		{
			name: "positions that are gone have nothing behind them", found: []string{"positions/trimmed", "positions/of-another-audience", "positions/ahead-of-the-feed"},
			around: func(p store.Partition) store.Partition { return forgivingFeed{p, false} },
		},
		{
			name: "trimming forgets when the last commit was", found: []string{"positions/trim-forgets-only-commits"},
			around: func(p store.Partition) store.Partition { return &forgettingTrim{Partition: p} },
		},
		{
			name: "a restart is a new incarnation", found: []string{"positions/restart"},
			restarted: func(p store.Partition) store.Partition { return newIncarnation{p} },
		},
		{
			name: "a restored store gives its ids again", found: []string{"positions/restored"},
			adapter: func() store.Adapter { return newOverlapping(planted{sameIDs: true}) },
		},
	}
}

type forgivingFeed struct {
	store.Partition
	fromTheBeginning bool
}

func (p forgivingFeed) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	page, err := p.Partition.Commits(ctx, after, limit)
	switch {
	case !errors.Is(err, audience.ErrPositionGone):
		return page, err
	case p.fromTheBeginning:
		return p.Partition.Commits(ctx, store.Position{}, limit)
	}
	return nil, nil
}

type forgettingTrim struct {
	store.Partition
	trimmed bool
}

func (p *forgettingTrim) Trim(ctx context.Context, through store.Position) error {
	p.trimmed = true
	return p.Partition.Trim(ctx, through)
}

func (p *forgettingTrim) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	return p.Partition.View(ctx, func(r store.ReadRoles) error {
		if p.trimmed {
			return fn(noLastCommit{readOnly{ReadRoles: r}})
		}
		return fn(r)
	})
}

type newIncarnation struct{ store.Partition }

func (p newIncarnation) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	if !after.IsZero() {
		return nil, audience.ErrPositionGone
	}
	return p.Partition.Commits(ctx, after, limit)
}

func handleFaults() []fault {
	return []fault{
		{
			name: "all audiences are one", found: []string{"isolation/rows", "isolation/writes", "isolation/names-by-bytes", "isolation/the-same-person"},
			open: func(store.Adapter, string) string { return "one" },
		},
		{
			name: "records of others are found", found: []string{"isolation/rows"},
			adapter: func() store.Adapter { return &leaky{Store: memstore.New(), alter: findingOthers} },
		},
		{
			name: "deleting takes others' events", found: []string{"isolation/writes"},
			adapter: func() store.Adapter { return &leaky{Store: memstore.New(), alter: deletingOthers} },
		},
		{
			name: "who is silent here is asked elsewhere", found: []string{"isolation/the-same-person"},
			adapter: func() store.Adapter { return &leaky{Store: memstore.New(), alter: askingOthers} },
		},
		{
			name: "names of audiences compare without case", found: []string{"isolation/names-by-bytes"},
			open: func(_ store.Adapter, name string) string { return strings.ToLower(strings.TrimSpace(name)) },
		},
		{
			name: "cursors are not bound", found: []string{"pages/cursor-is-bound"},
			codec: func() codec {
				return codec{
					encode: func(_, _ string, key []byte) store.Cursor { return store.EncodeCursor("", "", key) },
					decode: func(_, _ string, c store.Cursor) ([]byte, error) { return store.DecodeCursor("", "", c) },
				}
			},
		},
		{
			name: "cursors are what they point at", found: []string{"pages/cursor-is-bound"},
			codec: func() codec {
				return codec{
					encode: func(_, _ string, key []byte) store.Cursor { return store.Cursor(key) },
					decode: func(_, _ string, c store.Cursor) ([]byte, error) { return []byte(c), nil },
				}
			},
		},
	}
}

// leaky has partitions that know of each other.
type leaky struct {
	*memstore.Store
	alter func(others []store.Partition, w store.WriteRoles) store.WriteRoles
	all   []*altered
}

func (a *leaky) Partition(ctx context.Context, name string) (store.Partition, error) {
	inner, err := a.Store.Partition(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, p := range a.all {
		if p.Partition == inner {
			return p, nil
		}
	}
	p := &altered{Partition: inner, alter: func(w store.WriteRoles) store.WriteRoles {
		var others []store.Partition
		for _, o := range a.all {
			if o.Partition != inner {
				others = append(others, o.Partition)
			}
		}
		return a.alter(others, w)
	}}
	a.all = append(a.all, p)
	return p, nil
}

type leaking struct {
	store.WriteRoles
	others []store.Partition
}

type leakingRecords leaking

func findingOthers(others []store.Partition, w store.WriteRoles) store.WriteRoles {
	return leakingRecords{w, others}
}

func (f leakingRecords) RecordsAfter(ctx context.Context, namespace, prefix, after string, limit int, at time.Time) (rows []store.Record, err error) {
	rows, err = f.WriteRoles.RecordsAfter(ctx, namespace, prefix, after, limit, at)
	for _, p := range f.others {
		_ = p.View(ctx, func(r store.ReadRoles) error {
			more, err := r.RecordsAfter(ctx, namespace, prefix, after, limit, at)
			rows = append(rows, more...)
			return err
		})
	}
	return rows, err
}

type leakingEvents leaking

func deletingOthers(others []store.Partition, w store.WriteRoles) store.WriteRoles {
	return leakingEvents{w, others}
}

func (f leakingEvents) DeleteEvents(ctx context.Context, origins []audience.ContactID) error {
	for _, p := range f.others {
		if _, err := p.Update(ctx, func(w store.WriteRoles) error { return w.DeleteEvents(ctx, origins) }); err != nil {
			return err
		}
	}
	return f.WriteRoles.DeleteEvents(ctx, origins)
}

type leakingLedger leaking

func askingOthers(others []store.Partition, w store.WriteRoles) store.WriteRoles {
	return leakingLedger{w, others}
}

func (f leakingLedger) Ledger(ctx context.Context, contacts []audience.ContactID) (records []audience.ConsentRecord, err error) {
	records, err = f.WriteRoles.Ledger(ctx, contacts)
	for _, p := range f.others {
		if len(records) > 0 {
			break
		}
		_ = p.View(ctx, func(r store.ReadRoles) (err error) {
			records, err = r.Ledger(ctx, contacts)
			return err
		})
	}
	return records, err
}

func callFaults() []fault {
	return []fault{
		{
			name: "a read does not look at its context", found: []string{"lifecycle/cancelled-reads"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return stubbornRead{w} }),
		},
		{
			name: "a write does not look at its context", found: []string{"lifecycle/cancelled-writes"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return stubbornWrite{w} }),
		},
		{
			name: "a closed store has an empty feed", found: []string{"lifecycle/closed"},
			around: func(p store.Partition) store.Partition { return openFeed{p} },
		},
		{
			name: "errors do not say whose they are", found: []string{"lifecycle/name"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return nameOfNobody{w} }),
		},
		{
			name: "deleting nobody deletes everybody", found: []string{"batches/empty"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return emptyIsAll{w} }),
		},
		{
			name: "more than 1,000 contacts are cut off", found: []string{"batches/ten-thousand-contacts"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return cuttingContacts{w} }),
		},
		{
			name: "more than 65,535 parameters are an error", found: []string{"batches/ten-thousand-of-the-rest"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return parameters{w} }),
		},
	}
}

type stubbornRead struct{ store.WriteRoles }

func (f stubbornRead) Merges(ctx context.Context, winners []audience.ContactID) ([]store.Merge, error) {
	return f.WriteRoles.Merges(context.WithoutCancel(ctx), winners)
}

type stubbornWrite struct{ store.WriteRoles }

func (f stubbornWrite) AppendChanges(ctx context.Context, at time.Time, changes []store.Change) error {
	return f.WriteRoles.AppendChanges(context.WithoutCancel(ctx), at, changes)
}

type openFeed struct{ store.Partition }

func (p openFeed) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	page, err := p.Partition.Commits(ctx, after, limit)
	if errors.Is(err, audience.ErrClosed) {
		return nil, nil
	}
	return page, err
}

type nameOfNobody struct{ store.WriteRoles }

func (f nameOfNobody) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	if err := f.WriteRoles.PutContacts(ctx, rows); err != nil {
		return audience.ErrConflict
	}
	return nil
}

type emptyIsAll struct{ store.WriteRoles }

func (f emptyIsAll) DeleteContacts(ctx context.Context, ids []audience.ContactID) error {
	if len(ids) > 0 {
		return f.WriteRoles.DeleteContacts(ctx, ids)
	}
	rows, err := f.ContactsAfter(ctx, 0, batchItems)
	for _, c := range rows {
		ids = append(ids, c.ID)
	}
	return errors.Join(err, f.WriteRoles.DeleteContacts(ctx, ids))
}

type cuttingContacts struct{ store.WriteRoles }

func (f cuttingContacts) Contacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	return f.WriteRoles.Contacts(ctx, ids[:min(len(ids), 1000)])
}

type parameters struct{ store.WriteRoles }

func (f parameters) AddMembers(ctx context.Context, members []store.Membership) error {
	if 7*len(members) > 65_535 {
		return errPlanted
	}
	return f.WriteRoles.AddMembers(ctx, members)
}
