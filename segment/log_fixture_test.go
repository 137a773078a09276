package segment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// logFixture is an audience with contacts and a log that holds the lease.
type logFixture struct {
	t       testing.TB
	aud     *store.Audience
	adapter *flakyAdapter
	log     *transitionLog
	now     atomic.Int64
	ids     []uint32
}

const logTTL = time.Minute

func newLogFixture(t testing.TB, contacts int) *logFixture {
	t.Helper()
	f := &logFixture{t: t, adapter: &flakyAdapter{Adapter: memstore.New()}}
	f.now.Store(audience.Micros(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
	keys, err := audience.NewKeys("k", map[string][]byte{"k": []byte("0123456789abcdef0123456789abcdef")})
	require.NoError(t, err)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	f.aud, err = store.Open(t.Context(), f.adapter, "main", store.Options{Keys: keys, Zone: berlin, Clock: func() time.Time {
		return audience.FromMicros(f.now.Load())
	}})
	require.NoError(t, err)
	f.log = f.open()
	f.acquire(f.log)
	f.put(contacts)
	return f
}

// open makes one more log over the store, as another process would.
func (f *logFixture) open() *transitionLog {
	f.t.Helper()
	l, err := newTransitionLog(f.aud)
	require.NoError(f.t, err)
	return l
}

func (f *logFixture) acquire(l *transitionLog) {
	f.t.Helper()
	_, err := l.acquire(f.t.Context(), logTTL)
	require.NoError(f.t, err)
}

func (f *logFixture) put(n int) {
	f.t.Helper()
	for n > 0 {
		group := min(n, 10_000)
		f.update(func(tx *store.Tx) error {
			writes := make([]audience.ContactWrite, group)
			for i := range writes {
				writes[i].Match = audience.Key(fmt.Sprintf("c%d", len(f.ids)+i))
			}
			put, err := tx.Put(f.t.Context(), writes...)
			for _, p := range put {
				f.ids = append(f.ids, uint32(p.ID))
			}
			return err
		})
		n -= group
	}
}

func (f *logFixture) update(fn func(*store.Tx) error) {
	f.t.Helper()
	_, err := f.aud.Update(f.t.Context(), fn)
	require.NoError(f.t, err)
}

func (f *logFixture) erase(ids ...uint32) {
	f.t.Helper()
	f.update(func(tx *store.Tx) error { return tx.Erase(f.t.Context(), audience.Source{}, refsOf(ids)...) })
}

func (f *logFixture) delete(ids ...uint32) {
	f.t.Helper()
	f.update(func(tx *store.Tx) error { return tx.Delete(f.t.Context(), audience.Source{}, refsOf(ids)...) })
}

func refsOf(ids []uint32) []audience.Ref {
	out := make([]audience.Ref, len(ids))
	for i, id := range ids {
		out[i] = audience.ID(audience.ContactID(id))
	}
	return out
}

// tick makes a tick at the present instant.
func (f *logFixture) tick(moves ...move) tick {
	f.t.Helper()
	position, err := f.aud.Head(f.t.Context())
	require.NoError(f.t, err)
	slices.SortFunc(moves, func(a, b move) int { return compareMoves(&a, &b) })
	return tick{at: f.now.Load(), position: position, moves: moves}
}

func (f *logFixture) append(ticks ...tick) {
	f.t.Helper()
	require.NoError(f.t, f.log.appendTicks(f.t.Context(), ticks))
}

func (f *logFixture) later(d time.Duration) { f.now.Add(d.Microseconds()) }

func (f *logFixture) at() time.Time { return audience.FromMicros(f.now.Load()) }

func in(segment string, contact uint32) move {
	return move{segment: segment, contact: contact, entered: true, causes: CauseEvent}
}

func out(segment string, contact uint32) move {
	return move{segment: segment, contact: contact, causes: CauseEvent | CauseTime}
}

func (f *logFixture) members(segment string, at time.Time) []uint32 {
	f.t.Helper()
	m, err := f.log.membersAt(f.t.Context(), segment, at)
	require.NoError(f.t, err)
	return slices.Collect(m.ids.All())
}

func (f *logFixture) after(number uint64, limit int) []Transition {
	f.t.Helper()
	found, err := f.log.after(f.t.Context(), number, limit)
	require.NoError(f.t, err)
	return found
}

func (f *logFixture) stand() logStand {
	f.t.Helper()
	s, err := f.log.stand(f.t.Context())
	require.NoError(f.t, err)
	return s
}

func (f *logFixture) head() (h logHead) {
	f.t.Helper()
	require.NoError(f.t, f.aud.View(f.t.Context(), func(r *store.Reader) (err error) {
		h, _, err = loadHead(f.t.Context(), r)
		return err
	}))
	return h
}

// records gives what is in a namespace.
func (f *logFixture) records(namespace string) []store.Record {
	f.t.Helper()
	return f.recordsAfter(namespace, "")
}

func (f *logFixture) recordsAfter(namespace, after string) []store.Record {
	f.t.Helper()
	var found []store.Record
	require.NoError(f.t, f.aud.View(f.t.Context(), func(r *store.Reader) (err error) {
		found, err = r.Records(f.t.Context(), namespace, "", after, 10_000)
		return err
	}))
	return found
}

// heldInPages gives the keyframe pages that hold a contact.
func (f *logFixture) heldInPages(contact uint32) (keys []string) {
	f.t.Helper()
	page, bit := pageOf(contact)
	for _, rec := range f.records(spacePages) {
		members, err := decodePage(rec.Value)
		require.NoError(f.t, err)
		if rec.Key[17:21] == fmt.Sprintf("%04x", page) && members[bit>>6]&(1<<(bit&63)) != 0 {
			keys = append(keys, rec.Key)
		}
	}
	return keys
}

// flakyAdapter fails updates when it is told to.
type flakyAdapter struct {
	store.Adapter
	// fail gives the error of an update, and whether it is committed all the
	// same; nil: none fails.
	fail func(update int) (err error, committed bool)
	n    int
}

var errFlaky = errors.New("the connection was lost")

func (a *flakyAdapter) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := a.Adapter.Partition(ctx, name)
	return &flakyPartition{Partition: p, adapter: a}, err
}

type flakyPartition struct {
	store.Partition
	adapter *flakyAdapter
}

func (p *flakyPartition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	if p.adapter.fail == nil {
		return p.Partition.Update(ctx, fn)
	}
	p.adapter.n++
	err, committed := p.adapter.fail(p.adapter.n)
	if err == nil || committed {
		pos, updateErr := p.Partition.Update(ctx, fn)
		if updateErr != nil || err == nil {
			return pos, updateErr
		}
	}
	return store.Position{}, err
}

// failing has the updates of a call fail, counted from 1, and gives how many
// there were.
func (f *logFixture) failing(fail func(update int) (error, bool), call func()) int {
	f.adapter.fail, f.adapter.n = fail, 0
	call()
	f.adapter.fail = nil
	return f.adapter.n
}
