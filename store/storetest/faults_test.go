package storetest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// fault is one thing that an adapter may do wrong, planted in one that is
// right otherwise.
type fault struct {
	name  string
	found []string // the checks that have to find it

	adapter func() store.Adapter // the adapter it is planted in; nil: one that keeps its rows
	open    func(a store.Adapter, name string) string
	// around wraps a partition, roles every reader and writer of one. Each is
	// called once for a partition, so that it can remember things.
	around func(p store.Partition) store.Partition
	roles  func(p store.Partition) func(w store.WriteRoles) store.WriteRoles
	// restarted is roles for partitions that were opened again.
	restarted func(p store.Partition) store.Partition
	codec     func() codec
}

// TestFaults plants one fault after the other and requires that the checks
// named for it find it.
func TestFaults(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			require.NotEmpty(t, f.found)
			for _, name := range f.found {
				c := checkNamed(t, name)
				r := runCheck(t, c, f.harness(), f.codec)
				require.False(t, r.skipped, "%s was skipped", name)
				require.True(t, r.failed, "%s did not find it", name)
				require.Contains(t, strings.Join(r.lines, "\n"), c.Reason, "a failure says why it matters")
				t.Logf("%s: %s", name, strings.Join(strings.Fields(r.lines[0]), " "))
			}
		})
	}
}

// TestFaultForEveryCheck requires that every check is known to be able to
// fail.
func TestFaultForEveryCheck(t *testing.T) {
	names := make(map[string]bool)
	found := make(map[string]bool)
	for _, f := range faults() {
		require.False(t, names[f.name], "two faults are called %q", f.name)
		names[f.name] = true
		for _, name := range f.found {
			found[name] = true
		}
	}
	for _, c := range Checks() {
		require.True(t, found[c.String()], "no fault for %s", c)
		delete(found, c.String())
	}
	require.Empty(t, found, "faults name checks that do not exist")
	require.GreaterOrEqual(t, len(names), 30)
}

// TestWithoutFault holds the adapter in which faults are planted against the
// suite, without one. It can be restarted.
func TestWithoutFault(t *testing.T) {
	h := fault{}.harness()
	h.Deadline = 0
	h.Lacks = []Lack{{Feature: FeatureOverlap, Reason: "a partition has one writer at a time"}}
	Run(t, h)
}

func checkNamed(t *testing.T, name string) Check {
	t.Helper()
	all := Checks()
	i := slices.IndexFunc(all, func(c Check) bool { return c.String() == name })
	require.GreaterOrEqual(t, i, 0, "no check is called %s", name)
	return all[i]
}

// runCheck runs a check on a recorder, in a goroutine that it may end.
func runCheck(t *testing.T, c Check, h Harness, cursors func() codec) *recorder {
	t.Helper()
	r := newRecorder(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.end()
		defer func() {
			if p := recover(); p != nil { // what a faulty adapter gives may break a check
				r.Errorf("panic: %v", p)
			}
		}()
		if cursors != nil {
			run := c.run
			c.run = func(k *kit) {
				k.codec = cursors()
				run(k)
			}
		}
		c.Run(r, h)
	}()
	<-done
	return r
}

// recorder is a testing.TB that notes failures. What it is not asked for by
// checks is that of the test it belongs to.
type recorder struct {
	testing.TB
	ctx      context.Context
	cancel   context.CancelFunc
	mu       sync.Mutex
	failed   bool
	skipped  bool
	lines    []string
	cleanups []func()
}

func newRecorder(t *testing.T) *recorder {
	ctx, cancel := context.WithCancel(t.Context())
	return &recorder{TB: t, ctx: ctx, cancel: cancel}
}

// end does what the end of a test does.
func (r *recorder) end() {
	r.cancel()
	for _, clean := range slices.Backward(r.cleanups) {
		clean()
	}
}

func (r *recorder) note(line string, failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	r.failed = r.failed || failed
}

func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Helper()                  {}
func (r *recorder) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Fail()                    { r.note("failed", true) }
func (r *recorder) FailNow()                 { r.Fail(); runtime.Goexit() }
func (r *recorder) Skipped() bool            { return r.skipped }
func (r *recorder) SkipNow()                 { r.skipped = true; runtime.Goexit() }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Log(args ...any)                   { r.note(fmt.Sprint(args...), false) }
func (r *recorder) Logf(format string, args ...any)   { r.note(fmt.Sprintf(format, args...), false) }
func (r *recorder) Error(args ...any)                 { r.note(fmt.Sprint(args...), true) }
func (r *recorder) Errorf(format string, args ...any) { r.note(fmt.Sprintf(format, args...), true) }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
func (r *recorder) Skip(args ...any)                  { r.Log(args...); r.SkipNow() }
func (r *recorder) Skipf(format string, args ...any)  { r.Logf(format, args...); r.SkipNow() }

// TestRecorder holds the recorder against what checks rely on.
func TestRecorder(t *testing.T) {
	var order []string
	r := runCheck(t, Check{Topic: "t", Name: "n", Reason: "because", run: func(k *kit) {
		k.Cleanup(func() { order = append(order, "first"); require.Error(t, k.ctx.Err()) })
		k.Cleanup(func() { order = append(order, "second") })
		require.NoError(k, k.ctx.Err())
		require.Equal(k, 1, 2)
		order = append(order, "never")
	}}, fault{}.harness(), nil)
	require.True(t, r.failed)
	require.Equal(t, []string{"second", "first"}, order)
	require.Contains(t, strings.Join(r.lines, "\n"), "t/n: why it matters: because")

	r = runCheck(t, Check{run: func(k *kit) { k.Skip("no") }}, fault{}.harness(), nil)
	require.True(t, r.skipped)
	require.False(t, r.failed)
	r = runCheck(t, Check{Needs: FeatureOverlap, run: func(k *kit) { k.Error("called") }}, Harness{Lacks: []Lack{{Feature: FeatureOverlap, Reason: "one writer"}}}, nil)
	require.True(t, r.skipped)
	require.Equal(t, []string{"lacks overlapping transactions: one writer"}, r.lines)
	r = runCheck(t, Check{run: func(*kit) { panic("a bug") }}, fault{}.harness(), nil)
	require.True(t, r.failed)
	r = runCheck(t, Check{run: func(*kit) {}}, fault{}.harness(), nil)
	require.False(t, r.failed)
}

// harness gives adapters with the fault. They can be restarted.
func (f fault) harness() Harness {
	h := Harness{
		New: func(testing.TB) store.Adapter {
			var inner store.Adapter = memstore.New()
			if f.adapter != nil {
				inner = f.adapter()
			}
			return &faulty{fault: f, inner: inner, partitions: make(map[string]store.Partition)}
		},
		Reopen: func(_ testing.TB, a store.Adapter) store.Adapter {
			old := a.(*faulty)
			_ = old.Close()
			return &faulty{fault: f, inner: old.inner, again: true, partitions: make(map[string]store.Partition)}
		},
		Deadline: time.Minute, // an adapter that hangs is found too
	}
	return h
}

// faulty wraps an adapter. Closing it keeps the rows, for a restart.
type faulty struct {
	fault      fault
	inner      store.Adapter
	again      bool
	mu         sync.Mutex
	closed     bool
	partitions map[string]store.Partition
}

func (a *faulty) Name() string { return a.inner.Name() }

func (a *faulty) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	return nil
}

func (a *faulty) closedError() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fmt.Errorf("%s: %w", a.inner.Name(), audience.ErrClosed)
	}
	return nil
}

func (a *faulty) Partition(ctx context.Context, name string) (store.Partition, error) {
	if err := a.closedError(); err != nil {
		return nil, err
	}
	if a.fault.open != nil {
		name = a.fault.open(a.inner, name)
	}
	inner, err := a.inner.Partition(ctx, name)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	p, ok := a.partitions[name]
	if !ok {
		p = &closable{Partition: inner, adapter: a}
		if a.fault.roles != nil {
			p = &altered{Partition: p, alter: a.fault.roles(p)}
		}
		if a.fault.around != nil {
			p = a.fault.around(p)
		}
		if a.again && a.fault.restarted != nil {
			p = a.fault.restarted(p)
		}
		a.partitions[name] = p
	}
	return p, nil
}

// closable is a partition of an adapter that can be closed without losing
// anything.
type closable struct {
	store.Partition
	adapter *faulty
}

func (p *closable) Unwrap() any { return p.Partition }

func (p *closable) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	if err := p.adapter.closedError(); err != nil {
		return err
	}
	return p.Partition.View(ctx, fn)
}

func (p *closable) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	if err := p.adapter.closedError(); err != nil {
		return store.Position{}, err
	}
	return p.Partition.Update(ctx, fn)
}

func (p *closable) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	if err := p.adapter.closedError(); err != nil {
		return nil, err
	}
	return p.Partition.Commits(ctx, after, limit)
}

func (p *closable) Head(ctx context.Context) (store.Position, error) {
	if err := p.adapter.closedError(); err != nil {
		return store.Position{}, err
	}
	return p.Partition.Head(ctx)
}

func (p *closable) Trim(ctx context.Context, through store.Position) error {
	if err := p.adapter.closedError(); err != nil {
		return err
	}
	return p.Partition.Trim(ctx, through)
}

// altered is a partition whose readers and writers are altered.
type altered struct {
	store.Partition
	alter func(store.WriteRoles) store.WriteRoles
}

// readOnly makes of a reader what can be altered like a writer.
type readOnly struct {
	store.ReadRoles
	store.ContactWriter
	store.EventWriter
	store.ListWriter
	store.LedgerWriter
	store.SuppressionWriter
	store.RecordWriter
	store.MergeWriter
	store.FeedWriter
}

func (p *altered) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	return p.Partition.View(ctx, func(r store.ReadRoles) error { return fn(p.alter(readOnly{ReadRoles: r})) })
}

func (p *altered) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	return p.Partition.Update(ctx, func(w store.WriteRoles) error { return fn(p.alter(w)) })
}

func (p *altered) Unwrap() any { return p.Partition }

// stateless is for faults that remember nothing.
func stateless(alter func(w store.WriteRoles) store.WriteRoles) func(store.Partition) func(store.WriteRoles) store.WriteRoles {
	return func(store.Partition) func(store.WriteRoles) store.WriteRoles { return alter }
}

func faults() []fault {
	return slices.Concat(
		contactFaults(), identityFaults(), idFaults(), eventFaults(), listFaults(), ledgerFaults(), suppressionFaults(), recordFaults(),
		mergeFaults(), transactionFaults(), snapshotFaults(), feedFaults(), positionFaults(), handleFaults(), callFaults(),
	)
}
