package dbtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// acknowledged has the steps of each writer whose commits were acknowledged.
type acknowledged map[int][]int

// verifier looks at a database after crashes. It follows the feed from one
// look to the next, as a follower does who survives.
type verifier struct {
	seed     uint64
	position store.Position
	followed []store.Commit
}

// verify finds what is lost, doubled, half done, or told otherwise by the
// feed than by the tables. Writers may be at work.
func (v *verifier) verify(ctx context.Context, aud *store.Audience, acked acknowledged) error {
	v.seed++
	if err := v.follow(ctx, aud); err != nil {
		return err
	}
	return aud.View(ctx, func(r *store.Reader) error {
		roles, ok := store.As[store.ReadRoles](r)
		if !ok {
			return errors.New("a reader has no roles")
		}
		s := &snapshot{acked: acked}
		return errors.Join(s.read(ctx, aud, roles, v.seed), s.compare(ctx, aud, roles))
	})
}

// follow goes on where it stopped and compares with two others, who read from
// the beginning at the same time: after a crash the three of them give commits
// their place.
func (v *verifier) follow(ctx context.Context, aud *store.Audience) error {
	var (
		wg       sync.WaitGroup
		readings [3][]store.Commit
		errs     [3]error
	)
	for i, after := range []store.Position{v.position, {}, {}} {
		wg.Go(func() { readings[i], errs[i] = readPast(ctx, aud, after, v.seed+uint64(i)) })
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	v.followed = append(v.followed, readings[0]...)
	if n := len(v.followed); n > 0 {
		v.position = v.followed[n-1].Position
	}
	// Writers may be at work, so that one has read further than another. What
	// the eldest commits tell may have been erased since they were followed.
	n := min(len(v.followed), len(readings[1]), len(readings[2]))
	return errors.Join(sameOrder(readings[1][:n], readings[2][:n]), sameOrder(v.followed[:n], readings[1][:n]))
}

// snapshot is what the tables hold and what the feed tells up to there.
type snapshot struct {
	acked    acknowledged
	past     *past
	ids      []audience.ContactID // all there ever were
	contacts []audience.Contact
	events   []audience.Event
	ledger   []audience.ConsentRecord
	members  []store.Membership
	counters map[int]int // by writer
}

func (s *snapshot) read(ctx context.Context, aud *store.Audience, roles store.ReadRoles, seed uint64) error {
	const page = 500
	position, err := roles.Position(ctx)
	if err != nil {
		return err
	}
	all, err := readPast(ctx, aud, store.Position{}, seed)
	if err != nil {
		return err
	}
	later, err := readPast(ctx, aud, position, seed)
	if err != nil {
		return err
	}
	if len(later) > len(all) {
		all, err = readPast(ctx, aud, store.Position{}, seed) // commits came meanwhile
		if err != nil {
			return err
		}
	}
	upTo := slices.IndexFunc(all, func(c store.Commit) bool { return len(later) > 0 && c.Position == later[0].Position })
	if upTo < 0 {
		upTo = len(all)
	}
	s.past = pastOf(all[:upTo])
	for i := range later { // who was erased meanwhile is gone from the feed, and not from this snapshot
		for _, change := range later[i].Changes {
			if change.Kind == store.ChangeErase {
				s.past.erased[change.Contact] = true
			}
		}
	}

	for after := audience.ContactID(0); ; after = s.contacts[len(s.contacts)-1].ID {
		rows, err := roles.ContactsAfter(ctx, after, page)
		if err != nil {
			return err
		}
		s.contacts = append(s.contacts, rows...)
		if len(rows) < page {
			break
		}
	}
	return s.readRest(ctx, roles)
}

func (s *snapshot) readRest(ctx context.Context, roles store.ReadRoles) (err error) {
	s.ids = slices.Sorted(maps.Keys(s.past.versions))
	if s.events, err = roles.Events(ctx, store.EventQuery{Origins: s.ids, Retracted: true}); err != nil {
		return err
	}
	if s.ledger, err = roles.Ledger(ctx, s.ids); err != nil {
		return err
	}
	if s.members, err = roles.MembersAfter(ctx, "gold", 0, 10_000); err != nil {
		return err
	}
	counters, err := roles.RecordsAfter(ctx, loadNamespace, "", "", 10_000, eventTime(0))
	if err != nil {
		return err
	}
	s.counters = make(map[int]int)
	for _, rec := range counters {
		var writer int
		if _, err := fmt.Sscanf(rec.Key, "writer %d", &writer); err != nil {
			return fmt.Errorf("a counter of nobody: %w", err)
		}
		if s.counters[writer], err = strconv.Atoi(string(rec.Value)); err != nil {
			return fmt.Errorf("a counter that is not a number: %w", err)
		}
	}
	return nil
}

// compare gives everything that does not fit.
func (s *snapshot) compare(ctx context.Context, aud *store.Audience, roles store.ReadRoles) error {
	if s.past == nil {
		return nil // reading failed
	}
	return errors.Join(
		errors.Join(s.past.findings...), s.compareContacts(), s.compareEvents(), s.compareLedger(aud.Name()), s.compareMembers(),
		s.compareSteps(), s.compareIdentities(ctx, roles),
	)
}

func (s *snapshot) compareContacts() error {
	rows := make(map[audience.ContactID]string)
	for i := range s.contacts {
		rows[s.contacts[i].ID] = contactText(&s.contacts[i])
	}
	for id := range s.past.erased {
		delete(rows, id)
		delete(s.past.contacts, id)
	}
	return sameMaps("contact", rows, s.past.contacts)
}

func (s *snapshot) compareEvents() error {
	rows := make(map[store.EventKey]string)
	for i := range s.events {
		rows[store.EventKey{Origin: s.events[i].Origin, ID: s.events[i].ID}] = eventText(&s.events[i])
	}
	ofErased := func(key store.EventKey, _ string) bool { return s.past.erased[key.Origin] }
	maps.DeleteFunc(rows, ofErased)
	maps.DeleteFunc(s.past.events, ofErased)
	return sameMaps("event", rows, s.past.events)
}

func (s *snapshot) compareLedger(name string) error {
	var errs []error
	chains := make(map[audience.ContactID][]string)
	var prev *audience.ConsentRecord
	for i := range s.ledger {
		r := &s.ledger[i]
		if prev != nil && prev.Contact != r.Contact {
			prev = nil
		}
		errs = append(errs, r.CheckLink(name, prev))
		prev = r
		if !s.past.erased[r.Contact] { // the feed does not tell of her any more
			chains[r.Contact] = append(chains[r.Contact], ledgerText(r))
		}
	}
	told := make(map[audience.ContactID]string)
	for id, chain := range s.past.ledger {
		if s.past.erased[id] {
			continue
		}
		told[id] = fmt.Sprint(chain)
	}
	kept := make(map[audience.ContactID]string)
	for id, chain := range chains {
		kept[id] = fmt.Sprint(chain)
	}
	return errors.Join(append(errs, sameMaps("ledger", kept, told))...)
}

func (s *snapshot) compareMembers() error {
	var errs []error
	for _, m := range s.members {
		if !s.past.members[m.Origin] {
			errs = append(errs, fmt.Errorf("contact %d is on the list, and the feed does not say so", m.Origin))
		}
	}
	return errors.Join(errs...)
}

// compareSteps holds that of every step all is there or nothing, and all of
// it when it was acknowledged.
func (s *snapshot) compareSteps() error {
	var errs []error
	stored := make(map[string]bool)
	last := make(map[int]int)
	for i := range s.events {
		id := s.events[i].ID
		writer, step, ok := parseStepID(id)
		if !ok {
			continue
		}
		if stored[id] {
			errs = append(errs, fmt.Errorf("step %s is stored twice", id))
		}
		stored[id] = true
		last[writer] = max(last[writer], step)
	}
	for writer, steps := range s.acked {
		for _, step := range steps {
			if !stored[stepID(writer, step)] {
				errs = append(errs, fmt.Errorf("step %s was acknowledged and is lost", stepID(writer, step)))
			}
		}
	}
	return errors.Join(append(errs, sameMaps("counter", s.counters, last))...)
}

// compareIdentities holds that everybody is found by what she is known by.
func (s *snapshot) compareIdentities(ctx context.Context, roles store.ReadRoles) error {
	var errs []error
	for i := range s.contacts {
		c := &s.contacts[i]
		found, err := roles.Resolve(ctx, c.Identities())
		if err != nil {
			return err
		}
		for n, id := range found {
			if id != c.ID {
				errs = append(errs, fmt.Errorf("identity %d of contact %d leads to contact %d", n, c.ID, id))
			}
		}
	}
	return errors.Join(errs...)
}

// sameMaps compares what the tables keep with what the feed tells.
func sameMaps[K comparable, V comparable](what string, kept, told map[K]V) error {
	var errs []error
	for key, value := range kept {
		if other, ok := told[key]; !ok {
			errs = append(errs, fmt.Errorf("%s %v is in the tables and nowhere else", what, key))
		} else if other != value {
			errs = append(errs, fmt.Errorf("%s %v differs:\n  in the tables %v\n  else %v", what, key, value, other))
		}
	}
	for key := range told {
		if _, ok := kept[key]; !ok {
			errs = append(errs, fmt.Errorf("%s %v is missing in the tables", what, key))
		}
	}
	return errors.Join(errs...)
}
