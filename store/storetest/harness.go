package storetest

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/audiencekit/audiencekit/store"
)

// Harness is what the suite needs to know about an adapter. New is required.
type Harness struct {
	// New makes a fresh adapter with nothing in it, which shares nothing with
	// others. The suite closes it; what else is to be undone goes to
	// t.Cleanup. It is called once for each check, at most twice.
	New func(t testing.TB) store.Adapter

	// Reopen restarts: it closes the adapter and makes another one over the
	// same data. Nil says that the adapter keeps nothing; the checks that need
	// it are skipped and say so.
	Reopen func(t testing.TB, a store.Adapter) store.Adapter

	// Lacks lists what the adapter cannot do, with the reason.
	Lacks []Lack

	// Deadline ends a check that hangs; 0 is five minutes.
	Deadline time.Duration
}

// Lack is something that an adapter cannot do.
type Lack struct {
	Feature Feature
	Reason  string // one sentence, shown where a check is skipped
}

// Feature names something that an adapter may lack.
type Feature string

// The features that some checks need.
const (
	// FeatureOverlap: two transactions of one audience can be open at the same
	// time. An adapter with one writer at a time lacks it.
	FeatureOverlap Feature = "overlapping transactions"
	// FeatureReopen: data outlives the adapter. It is lacking when
	// Harness.Reopen is nil and need not be listed.
	FeatureReopen Feature = "restart"
	// FeatureRestore: partitions have the capability store.Restorer. It is
	// found out by the check and need not be listed.
	FeatureRestore Feature = "new incarnation after a restore"
)

// Check is one thing that has to hold.
type Check struct {
	Topic  string
	Name   string
	Reason string  // why it matters, one sentence
	Needs  Feature // "" for none
	run    func(k *kit)
}

// String gives topic/name, the name of the subtest.
func (c Check) String() string { return c.Topic + "/" + c.Name }

// Checks lists every check in order of topic and name, so that a table of
// them can be printed.
func Checks() []Check {
	all := slices.Concat(
		contactChecks(), identityChecks(), idChecks(), eventChecks(), listChecks(),
		ledgerChecks(), suppressionChecks(), recordChecks(), mergeChecks(), settingsChecks(),
		transactionChecks(), snapshotChecks(), feedChecks(), feedOrderChecks(), positionChecks(), pageChecks(),
		consentChecks(), mergingChecks(), deletionChecks(), isolationChecks(),
		lifecycleChecks(), batchChecks(), concurrencyChecks(),
	)
	slices.SortStableFunc(all, func(a, b Check) int { return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Name, b.Name)) })
	return all
}

// Run runs every check on the adapter, grouped by topic.
func Run(t *testing.T, h Harness) {
	t.Helper()
	byTopic := make(map[string][]Check)
	var topics []string
	for _, c := range Checks() {
		if _, seen := byTopic[c.Topic]; !seen {
			topics = append(topics, c.Topic)
		}
		byTopic[c.Topic] = append(byTopic[c.Topic], c)
	}
	for _, topic := range topics {
		t.Run(topic, func(t *testing.T) {
			for _, c := range byTopic[topic] {
				t.Run(c.Name, func(t *testing.T) { c.Run(t, h) })
			}
		})
	}
}

// Run runs the check alone, on an adapter of its own. It is skipped when the
// adapter lacks what the check needs.
func (c Check) Run(t testing.TB, h Harness) {
	t.Helper()
	if reason, lacking := h.lacks(c.Needs); lacking {
		t.Skipf("lacks %s: %s", c.Needs, reason)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: why it matters: %s", c, c.Reason)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(h.Deadline, 5*time.Minute))
	t.Cleanup(cancel)
	k := &kit{TB: t, ctx: ctx, harness: h, clock: newClock(), codec: ownCodec()}
	k.adapter = k.fresh()
	c.run(k)
}

func (h Harness) lacks(f Feature) (reason string, lacking bool) {
	if f == FeatureReopen && h.Reopen == nil {
		return "it keeps nothing (Harness.Reopen is nil)", true
	}
	i := slices.IndexFunc(h.Lacks, func(l Lack) bool { return l.Feature == f })
	if f == "" || i < 0 {
		return "", false
	}
	return h.Lacks[i].Reason, true
}
