package segment_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// crowdDefinitions are two versions of the segments of a crowd. In both, alias
// has the members of s and rest all others.
func crowdDefinitions(i int) []segment.Definition {
	nested := define("alias", `inSegment("s")`, "rest", `!inSegment("s")`, "all", `true`, "both", `inSegment("alias") && inSegment("rest")`,
		"mailable", `contact.status == "subscribed"`)
	if i%2 == 0 {
		return append(nested, define("s", `contact.age >= 18 && events("visit").within("3d").any()`, "city", `contact.city.matches("^W")`,
			"cart", `events("visit").where(e, e.page == "cart").without(events("purchase"), "4h").any()`)...)
	}
	return append(nested, define("s", `contact.age >= 40 || events("visit").within("1d").count() > 1`, "news", `onList("news") || onList("never")`,
		"apart", `inSegment("s") != inSegment("mailable")`)...)
}

// crowd is many who do everything at once with one engine.
type crowd struct {
	*engineWorld
	engine *segment.Engine
	people int
	reads  atomic.Int64
	done   chan struct{} // closed when no more is written
}

func (c *crowd) writing() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// TestEngineCrowd (G1, G3) lets readers, writers, followers, an operator and
// the background work go at one engine together; what they see of it must fit
// together at every moment, and in the end be what the reference evaluator
// says.
func TestEngineCrowd(t *testing.T) {
	c := &crowd{engineWorld: newEngineWorld(t), people: 120, done: make(chan struct{})}
	var ages []int64
	for i := range c.people {
		ages = append(ages, int64(i%60))
	}
	putAges(t, c.aud, ages...)
	c.engine = c.engineWorld.engine()
	_, err := c.engine.Apply(t.Context(), crowdDefinitions(0)...)
	require.NoError(t, err)

	operations := naiveEnv(t, "AUDIENCEKIT_ENGINE_OPERATIONS", 150)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var writers, others sync.WaitGroup
	for i := range 4 {
		writers.Go(func() { c.write(ctx, rand.New(rand.NewPCG(7, uint64(i))), operations) })
	}
	writers.Go(func() { c.operate(ctx, operations/10) })
	writers.Go(func() { c.advance(ctx, rand.New(rand.NewPCG(8, 8)), operations/4) })
	for i := range 2 {
		others.Go(func() { c.readOne(rand.New(rand.NewPCG(9, uint64(i)))) })
		others.Go(func() { c.readSnapshots(rand.New(rand.NewPCG(10, uint64(i)))) })
	}
	others.Go(func() {
		if err := c.engine.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	slow, failing := &crowdFollower{name: "slow"}, &crowdFollower{name: "failing", every: 3}
	others.Go(func() { slow.follow(ctx, c) })
	others.Go(func() { failing.follow(ctx, c) })

	writers.Wait()
	close(c.done)
	c.agrees(c.engine, c.aud)
	require.NoError(t, c.engine.Advance(t.Context(), c.clock.Now()))
	all := logged(t, c.engine)
	require.NotEmpty(t, all)
	for _, f := range []*crowdFollower{slow, failing} {
		select {
		case <-f.reached(all[len(all)-1].Number):
		case <-time.After(time.Minute):
			t.Errorf("follower %s did not come to the end", f.name)
		}
	}
	cancel()
	others.Wait()
	for _, f := range []*crowdFollower{slow, failing} {
		f.check(t, all)
	}
	require.Positive(t, failing.failures)
	c.logAgrees(c.engine)
	c.agrees(c.engine, c.aud)
	c.agrees(c.engineOf(c.handle()), c.aud)
	t.Logf("%d transitions, %d reads, %d versions", len(all), c.reads.Load(), c.engine.LatestVersion())
}

// write does random things to random people, and reads segments meanwhile.
func (c *crowd) write(ctx context.Context, random *rand.Rand, n int) {
	live, err := c.engine.Segment("s")
	if err != nil {
		c.t.Error(err)
		return
	}
	for range n {
		who, other := audiencetest.Key(random.IntN(c.people)), audiencetest.Key(random.IntN(c.people))
		position, err := c.aud.Update(ctx, func(tx *store.Tx) error {
			live.Has(audience.Key(who)) // a host may, inside its own transaction
			return c.something(ctx, tx, random, who, other)
		})
		switch {
		case errors.Is(err, audience.ErrNotFound), errors.Is(err, audience.ErrConflict), errors.Is(err, audience.ErrInvalid), errors.Is(err, audience.ErrDenied):
		case err != nil:
			c.t.Errorf("write: %v", err)
			return
		case random.IntN(4) == 0:
			if err := c.engine.Sync(ctx, position); err != nil {
				c.t.Errorf("Sync: %v", err)
				return
			}
		}
	}
}

func (c *crowd) something(ctx context.Context, tx *store.Tx, random *rand.Rand, who, other string) (err error) {
	now := c.clock.Now()
	key := audience.Key(who)
	switch n := random.IntN(100); {
	case n < 25:
		w := audiencetest.Contact(who, "age", random.IntN(60), "city", []string{"Wien", "Berlin"}[random.IntN(2)])
		if random.IntN(3) == 0 {
			w = audience.ContactWrite{Match: key, Clear: []string{"age"}}
		}
		_, err = tx.Put(ctx, w)
	case n < 70:
		at := now.Add(time.Duration(random.IntN(100)-90) * time.Hour) // also late, also ahead
		if random.IntN(3) == 0 {
			at = now
		}
		e := audiencetest.Event(who, "visit", at, "page", []string{"cart", "home"}[random.IntN(2)])
		if random.IntN(3) == 0 {
			e = audiencetest.Event(who, "purchase", at, "value", 3.5)
		}
		e.ID = fmt.Sprintf("e%d", random.IntN(400))
		e.Revision = uint64(random.IntN(3))
		_, err = tx.Append(ctx, e)
	case n < 85:
		w := audiencetest.Grant(who, now)
		if random.IntN(3) == 0 {
			w = audiencetest.Withdrawal(who, now)
		}
		_, err = tx.Record(ctx, w)
	case n < 90:
		if random.IntN(2) == 0 {
			return tx.RemoveFromList(ctx, "never", audience.Source{}, key)
		}
		err = tx.AddToList(ctx, "never", audience.Source{}, key)
	case n < 94:
		err = tx.Merge(ctx, key, audience.Key(other), audience.Source{})
	case n < 96:
		err = tx.Unmerge(ctx, audience.ContactID(1+random.IntN(c.people)), audience.Source{})
	case n < 98:
		err = tx.Delete(ctx, audience.Source{}, key)
	default:
		err = tx.Erase(ctx, audience.Source{}, key)
	}
	return err
}

// operate applies the two versions in turn.
func (c *crowd) operate(ctx context.Context, n int) {
	for i := 1; i <= n; i++ {
		if _, err := c.engine.Diff(ctx, crowdDefinitions(i)...); err != nil {
			c.t.Errorf("Diff: %v", err)
			return
		}
		if _, err := c.engine.Apply(ctx, crowdDefinitions(i)...); err != nil {
			c.t.Errorf("Apply: %v", err)
			return
		}
		runtime.Gosched()
	}
}

// advance moves the clock on, by hours.
func (c *crowd) advance(ctx context.Context, random *rand.Rand, n int) {
	for range n {
		now := c.clock.Now().Add(time.Duration(random.Int64N(int64(6 * time.Hour))))
		c.clock.MoveTo(now)
		if err := c.engine.Advance(ctx, now); err != nil {
			c.t.Errorf("Advance: %v", err)
			return
		}
	}
}

func (c *crowd) readOne(random *rand.Rand) {
	all, err := c.engine.Segment("all")
	if err != nil {
		c.t.Error(err)
		return
	}
	names := []string{"s", "rest", "alias", "mailable"}
	for c.writing() {
		live, err := c.engine.Segment(names[random.IntN(len(names))])
		if err != nil {
			c.t.Error(err) // these are in both versions
			return
		}
		live.Has(audience.Key(audiencetest.Key(random.IntN(c.people))))
		live.Contains(audience.ContactID(1 + random.IntN(c.people)))
		if n := live.Len(); n < 0 || n > 4*c.people {
			c.t.Errorf("%d members", n)
		}
		if m := live.Members(); m.Len() != len(slices.Collect(m.All())) {
			c.t.Errorf("a set of %d has other members", m.Len())
		}
		all.Len()
		c.engine.Now()
		c.reads.Add(1)
	}
}

// readSnapshots wants every snapshot to be of one moment, and moments not to
// run back.
func (c *crowd) readSnapshots(random *rand.Rand) {
	var at time.Time
	for c.writing() {
		s := c.engine.Snapshot()
		if random.IntN(3) == 0 {
			s = c.engine.Snapshot("rest", "s", "alias", "all", "both")
		}
		if s.At.Before(at) {
			c.t.Errorf("the instant went back from %s to %s", at, s.At)
		}
		at = s.At
		if err := checkCrowd(s); err != nil {
			c.t.Errorf("at %s: %v", s.At, err)
			return
		}
		c.reads.Add(1)
	}
}

func checkCrowd(s *segment.Snapshot) error {
	var sets [5]segment.Members
	for i, name := range []string{"s", "rest", "alias", "all", "both"} {
		var ok bool
		if sets[i], ok = s.Members(name); !ok {
			return fmt.Errorf("there is no segment %s", name)
		}
		if s.Len(name) != sets[i].Len() {
			return fmt.Errorf("%s has two lengths", name)
		}
	}
	members, rest, alias, all, both := sets[0], sets[1], sets[2], sets[3], sets[4]
	union, err := members.Or(rest)
	if err != nil {
		return err
	}
	overlap, err := members.Overlap(rest)
	switch {
	case err != nil:
		return err
	case !members.Equal(alias):
		return fmt.Errorf("alias has %d members and s %d", alias.Len(), members.Len())
	case overlap > 0 || both.Len() > 0:
		return fmt.Errorf("%d are in and out, %d in both", overlap, both.Len())
	case !union.Equal(all):
		return fmt.Errorf("%d are in or out of %d", union.Len(), all.Len())
	}
	return nil
}

// crowdFollower keeps what it was given.
type crowdFollower struct {
	name  string
	every int // each call of that number fails after it took what it was given; 0: none

	mu       sync.Mutex
	got      map[uint64]segment.Transition
	last     uint64
	calls    int
	failures int
	waiting  []followerWait
}

type followerWait struct {
	number uint64
	done   chan struct{}
}

// reached gives a channel that is closed when a transition was delivered.
func (f *crowdFollower) reached(number uint64) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	done := make(chan struct{})
	f.waiting = append(f.waiting, followerWait{number, done})
	f.tell()
	return done
}

func (f *crowdFollower) tell() {
	f.waiting = slices.DeleteFunc(f.waiting, func(w followerWait) bool {
		if w.number > f.last {
			return false
		}
		close(w.done)
		return true
	})
}

var errFollower = errors.New("the follower failed")

func (f *crowdFollower) follow(ctx context.Context, c *crowd) {
	f.got = map[uint64]segment.Transition{}
	for {
		from := uint64(0) // since it began here
		err := c.engine.Follow(ctx, f.name, segment.FollowOptions{FromStart: true, Batch: 20}, func(_ context.Context, batch []segment.Transition) error {
			if f.every == 0 {
				for range 50 { // slow
					runtime.Gosched()
				}
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.calls++
			for _, m := range batch {
				if m.Number <= from {
					c.t.Errorf("follower %s: %d after %d", f.name, m.Number, from)
				}
				from = m.Number
				if known, ok := f.got[m.Number]; ok && known != m {
					c.t.Errorf("follower %s: %d is another one than before", f.name, m.Number)
				}
				f.got[m.Number] = m
				f.last = max(f.last, m.Number)
			}
			if f.every > 0 && f.calls%f.every == 0 {
				f.failures++
				return errFollower
			}
			f.tell()
			return nil
		})
		if !errors.Is(err, errFollower) {
			if !errors.Is(err, context.Canceled) {
				c.t.Errorf("follower %s: %v", f.name, err)
			}
			return
		}
	}
}

// check wants everything that is in the log to have been delivered.
func (f *crowdFollower) check(t *testing.T, all []segment.Transition) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range all {
		require.Equal(t, m, f.got[m.Number], "follower %s", f.name)
	}
}
