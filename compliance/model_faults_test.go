package compliance_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// faulty is an adapter that keeps something back in everything that it reads.
type faulty struct {
	store.Adapter
	ledger       func(ctx context.Context, r store.ReadRoles, chain []audience.ConsentRecord) ([]audience.ConsentRecord, error)
	suppressions func([]audience.Suppression) []audience.Suppression
}

func (a *faulty) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := a.Adapter.Partition(ctx, name)
	return faultyPartition{p, a}, err
}

type faultyPartition struct {
	store.Partition
	a *faulty
}

func (p faultyPartition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	return p.Partition.View(ctx, func(r store.ReadRoles) error { return fn(faultyReader{r, p.a}) })
}

func (p faultyPartition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	return p.Partition.Update(ctx, func(w store.WriteRoles) error { return fn(faultyWriter{w, p.a}) })
}

type faultyReader struct {
	store.ReadRoles
	a *faulty
}

func (r faultyReader) Ledger(ctx context.Context, ids []audience.ContactID) ([]audience.ConsentRecord, error) {
	chain, err := r.ReadRoles.Ledger(ctx, ids)
	if err != nil || r.a.ledger == nil {
		return chain, err
	}
	return r.a.ledger(ctx, r.ReadRoles, chain)
}

func (r faultyReader) Suppressions(ctx context.Context, hashes []audience.AddressHash) ([]audience.Suppression, error) {
	return r.a.held(r.ReadRoles.Suppressions(ctx, hashes))
}

type faultyWriter struct {
	store.WriteRoles
	a *faulty
}

func (w faultyWriter) Suppressions(ctx context.Context, hashes []audience.AddressHash) ([]audience.Suppression, error) {
	return w.a.held(w.WriteRoles.Suppressions(ctx, hashes))
}

func (a *faulty) held(rows []audience.Suppression, err error) ([]audience.Suppression, error) {
	if err != nil || a.suppressions == nil {
		return rows, err
	}
	return a.suppressions(slices.Clone(rows)), nil
}

// mergeDropsRefusals gives whoever was merged without what she refused.
func mergeDropsRefusals(inner store.Adapter) store.Adapter {
	return &faulty{Adapter: inner, ledger: func(ctx context.Context, r store.ReadRoles, chain []audience.ConsentRecord) (out []audience.ConsentRecord, err error) {
		for i := range chain {
			_, err := r.MergeOf(ctx, chain[i].Contact)
			if err != nil && !errors.Is(err, audience.ErrNotFound) {
				return nil, err
			}
			if err != nil || !chain[i].Kind.IsRefusal() {
				out = append(out, chain[i])
			}
		}
		return out, nil
	}}
}

// losesSuppressions keeps those of a reason back.
func losesSuppressions(reasons ...audience.SuppressionReason) func(store.Adapter) store.Adapter {
	return func(inner store.Adapter) store.Adapter {
		return &faulty{Adapter: inner, suppressions: func(rows []audience.Suppression) []audience.Suppression {
			return slices.DeleteFunc(rows, func(s audience.Suppression) bool { return slices.Contains(reasons, s.Reason) })
		}}
	}
}

// changesRecords alters what the ledger says of every record.
func changesRecords(change func(*audience.ConsentRecord)) func(store.Adapter) store.Adapter {
	return func(inner store.Adapter) store.Adapter {
		return &faulty{Adapter: inner, ledger: func(_ context.Context, _ store.ReadRoles, chain []audience.ConsentRecord) ([]audience.ConsentRecord, error) {
			chain = slices.Clone(chain)
			for i := range chain {
				change(&chain[i])
			}
			return chain, nil
		}}
	}
}

// A model that finds nothing in a world that is wrong shows nothing.
func TestModelCatchesPlantedFaults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		world faults
		want  string // of what it says, a part
	}{
		{"a merge drops a refusal", faults{adapter: mergeDropsRefusals}, "refuse"},
		{"an import raises", faults{importRaises: true}, "without a grant in force"},
		{"an erased address returns", faults{adapter: losesSuppressions(audience.SuppressedErased)}, "erased address"},
		{"a token of another use confirms", faults{anyToken: true}, "allowed"},
		{"a token for one purpose confirms another", faults{anyScope: true}, "allowed"},
		{"a backup comes back without the register and the suppressions", faults{noReplay: true}, "allowed"},
		{"withdrawals are not held by address", faults{adapter: losesSuppressions(audience.SuppressedWithdrawn)}, "mailbox refused"},
		{"complaints are not held by address", faults{adapter: losesSuppressions(audience.SuppressedComplained)}, "mailbox refused"},
		{"the host's own list is lost", faults{adapter: losesSuppressions(audience.SuppressedManually)}, "own list"},
		{"bounces are not recorded", faults{dropsBounces: true}, "allowed"},
		{"a complaint reads as a withdrawal", faults{adapter: changesRecords(func(r *audience.ConsentRecord) {
			if r.Kind == audience.ConsentComplained {
				r.Kind = audience.ConsentWithdrawn
			}
		})}, "refuse"},
		{"grants never expire", faults{adapter: changesRecords(func(r *audience.ConsentRecord) { r.Expires = r.Recorded.AddDate(9, 0, 0) })}, "allowed"},
		{"restrictions are not seen", faults{adapter: changesRecords(func(r *audience.ConsentRecord) {
			if r.Kind == audience.ConsentRestricted {
				r.Kind = audience.ConsentReleased
			}
		})}, "restricted"},
		{"the life cycle grants", faults{sunsetResumes: true}, "allowed"},
		{"the batch is not the single decision", faults{singleForAll: true}, "the batch denies"},
		{"nobody is ever allowed", faults{adapter: changesRecords(func(r *audience.ConsentRecord) { r.Kind = audience.ConsentWithdrawn })}, "although she consents"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const most = 40
			counted := make(map[string]int)
			for seed := range uint64(most) {
				if err := run(t.Context(), seed+1, 200, tt.world, counted); err != nil {
					require.ErrorContains(t, err, tt.want)
					t.Logf("caught by seed %d: %.160s", seed+1, err)
					return
				}
			}
			require.Failf(t, "not caught", "in %d runs", most)
		})
	}
}
