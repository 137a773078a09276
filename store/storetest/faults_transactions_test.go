package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func transactionFaults() []fault {
	return []fault{
		{
			name: "an error commits", found: []string{"transactions/rollback-on-error", "consent/only-evidence-makes-mailable"},
			around: func(p store.Partition) store.Partition { return &committing{Partition: p} },
		},
		{
			name: "a panic commits", found: []string{"transactions/rollback-on-panic"},
			around: func(p store.Partition) store.Partition { return &committing{Partition: p, panics: true} },
		},
		{
			name: "an error is swallowed", found: []string{"snapshots/error-of-the-function", "schema/refused-changes-nothing"},
			around: func(p store.Partition) store.Partition { return &swallowing{Partition: p} },
		},
		{
			name: "a commit does not look at its context", found: []string{"transactions/rollback-on-cancel", "lifecycle/cancelled-before-it-began"},
			around: func(p store.Partition) store.Partition { return &stubborn{Partition: p} },
		},
		{
			name: "reads in a transaction show what was before", found: []string{"transactions/reads-its-own-writes"},
			roles: func(p store.Partition) func(store.WriteRoles) store.WriteRoles {
				return func(w store.WriteRoles) store.WriteRoles { return blind{w, p} }
			},
		},
		{
			name: "a transaction is seen before it commits", found: []string{"transactions/unseen-before-commit", "transactions/rollback-on-error"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				rows := make(map[audience.AddressHash]audience.Suppression)
				return func(w store.WriteRoles) store.WriteRoles { return dirty{w, rows} }
			},
		},
		{
			name: "Update gives the position before its commit", found: []string{"transactions/position-covers-the-commit", "feed/every-commit-once-in-one-order"},
			around: func(p store.Partition) store.Partition { return &earlyPosition{Partition: p} },
		},
		{
			name: "a transaction counts itself as a commit", found: []string{"transactions/beginning-of-a-transaction"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return &selfCounting{WriteRoles: w} }),
		},
		{
			name: "a refusal ends the transaction", found: []string{"transactions/refused-but-alive", "identities/refused-claim-claims-nothing"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return &poisoned{WriteRoles: w} }),
		},
		{
			name: "who was overtaken is told", found: []string{"transactions/overtaken-is-tried-again", "concurrency/merged-in-between"},
			adapter: func() store.Adapter { return newOverlapping(planted{noRetry: true}) },
		},
		{
			name: "of two that add to a row one is lost", found: []string{"transactions/lost-update"},
			adapter: func() store.Adapter { return newOverlapping(planted{noLocks: true, lastWriterWins: true}) },
		},
		{
			name: "of two who refuse one is lost", found: []string{"concurrency/latest-refusal-stands"},
			adapter: func() store.Adapter { return newOverlapping(planted{lastRefusalWins: true}) },
		},
		{
			name: "the end of a chain does not say when it was recorded", found: []string{"concurrency/overtaken-and-dated-after"},
			adapter: func() store.Adapter { return newOverlapping(planted{}) },
			roles:   stateless(func(w store.WriteRoles) store.WriteRoles { return undatedHeads{w} }),
		},
		{
			name: "every fifth commit is lost", found: []string{"transactions/counting-up"},
			around: func(p store.Partition) store.Partition { return &forgetful{Partition: p} },
		},
		{
			name: "the feed tells the version before", found: []string{"concurrency/the-feed-is-the-tables", "feed/order-of-each-contact"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return behind{w} }),
		},
	}
}

var errPlanted = errors.New("planted")

// committing commits whatever becomes of the function.
type committing struct {
	store.Partition
	panics bool // only when it panics
}

func (p *committing) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	var failed error
	var bug any
	pos, err := p.Partition.Update(ctx, func(w store.WriteRoles) error {
		defer func() {
			if p.panics {
				bug = recover()
			}
		}()
		failed = fn(w)
		if p.panics {
			return failed
		}
		return nil
	})
	if bug != nil {
		panic(bug)
	}
	return pos, errors.Join(failed, err)
}

type swallowing struct{ store.Partition }

func (p *swallowing) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	pos, _ := p.Partition.Update(ctx, fn)
	return pos, nil
}

type stubborn struct{ store.Partition }

func (p *stubborn) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	return p.Partition.Update(context.WithoutCancel(ctx), fn)
}

type blind struct {
	store.WriteRoles
	p store.Partition
}

func (f blind) Events(ctx context.Context, q store.EventQuery) (events []audience.Event, err error) {
	err = f.p.View(ctx, func(r store.ReadRoles) (err error) {
		events, err = r.Events(ctx, q)
		return err
	})
	return events, err
}

type dirty struct {
	store.WriteRoles
	rows map[audience.AddressHash]audience.Suppression
}

func (f dirty) PutSuppressions(_ context.Context, rows []audience.Suppression) error {
	for _, s := range rows {
		f.rows[s.Hash] = s
	}
	return nil
}

func (f dirty) SuppressionsAfter(context.Context, audience.Suppression, int) ([]audience.Suppression, error) {
	return slices.SortedFunc(maps.Values(f.rows), compareSuppressions), nil
}

func (f dirty) Suppressions(_ context.Context, hashes []audience.AddressHash) (out []audience.Suppression, err error) {
	for _, h := range hashes {
		if s, ok := f.rows[h]; ok {
			out = append(out, s)
		}
	}
	return out, nil
}

type earlyPosition struct{ store.Partition }

func (p *earlyPosition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	before, err := p.Head(ctx)
	if err != nil {
		return before, err
	}
	pos, err := p.Partition.Update(ctx, fn)
	if pos.IsZero() {
		return pos, err
	}
	return before, err
}

type selfCounting struct {
	store.WriteRoles
	at time.Time
}

func (f *selfCounting) AppendChanges(ctx context.Context, at time.Time, changes []store.Change) error {
	f.at = at
	return f.WriteRoles.AppendChanges(ctx, at, changes)
}

func (f *selfCounting) LastCommit(ctx context.Context) (time.Time, error) {
	at, err := f.WriteRoles.LastCommit(ctx)
	if f.at.After(at) {
		at = f.at
	}
	return at, err
}

// poisoned fails for good after a conflict, as a transaction of a database
// does after a statement that failed.
type poisoned struct {
	store.WriteRoles
	err error
}

func (f *poisoned) after(err error) error {
	if errors.Is(err, audience.ErrConflict) {
		f.err = errPlanted
	}
	return err
}

func (f *poisoned) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	if f.err != nil {
		return f.err
	}
	return f.after(f.WriteRoles.PutContacts(ctx, rows))
}

func (f *poisoned) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	if f.err != nil {
		return f.err
	}
	return f.after(f.WriteRoles.ClaimIdentities(ctx, claims))
}

// forgetful acknowledges what it has rolled back.
type forgetful struct {
	store.Partition
	n atomic.Int64
}

func (p *forgetful) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	if p.n.Add(1)%5 > 0 {
		return p.Partition.Update(ctx, fn)
	}
	_, err := p.Partition.Update(ctx, func(w store.WriteRoles) error {
		if err := fn(w); err != nil {
			return err
		}
		return errPlanted
	})
	head, _ := p.Head(ctx)
	if errors.Is(err, errPlanted) {
		return head, nil
	}
	return head, err
}

type behind struct{ store.WriteRoles }

func (f behind) AppendChanges(ctx context.Context, at time.Time, changes []store.Change) error {
	changes = slices.Clone(changes)
	for i := range changes {
		if after := changes[i].After; after != nil && after.Version > 1 {
			c := *after
			c.Version--
			changes[i].After = &c
		}
	}
	return f.WriteRoles.AppendChanges(ctx, at, changes)
}
