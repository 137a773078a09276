package dbtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// past is what a follower who read the feed from its beginning knows.
type past struct {
	contacts map[audience.ContactID]string
	versions map[audience.ContactID]uint64
	events   map[store.EventKey]string
	ledger   map[audience.ContactID][]string
	members  map[audience.ContactID]bool // who ever joined
	erased   map[audience.ContactID]bool
	steps    map[string]int // commits that have the event of a step
	findings []error
}

func pastOf(commits []store.Commit) *past {
	p := &past{
		contacts: make(map[audience.ContactID]string), versions: make(map[audience.ContactID]uint64),
		events: make(map[store.EventKey]string), ledger: make(map[audience.ContactID][]string),
		members: make(map[audience.ContactID]bool), erased: make(map[audience.ContactID]bool), steps: make(map[string]int),
	}
	for i := range commits {
		if i > 0 && commits[i].At.Before(commits[i-1].At) {
			p.find("commit %d is dated before the one in front of it", i)
		}
		p.apply(&commits[i])
	}
	return p
}

func (p *past) find(format string, args ...any) {
	p.findings = append(p.findings, fmt.Errorf(format, args...))
}

func (p *past) apply(c *store.Commit) {
	for i := range c.Changes {
		change := &c.Changes[i]
		if change.After != nil {
			p.applyRow(change)
		}
		switch change.Kind {
		case store.ChangeEvent:
			if change.Event != nil {
				p.applyEvent(c, change.Event)
			}
		case store.ChangeLedger:
			if r := change.Record; r != nil {
				p.ledger[r.Contact] = append(p.ledger[r.Contact], ledgerText(r))
			}
		case store.ChangeList:
			p.members[change.Contact] = true
		case store.ChangeMerge:
			delete(p.contacts, change.Other)
		case store.ChangeDelete, store.ChangeErase:
			p.applyGone(change)
		default:
		}
	}
}

func (p *past) applyRow(change *store.Change) {
	row := change.After
	if last := p.versions[row.ID]; row.Version < last || change.Kind == store.ChangeContact && row.Version == last {
		p.find("contact %d goes from version %d to %d by a change of kind %s", row.ID, last, row.Version, change.Kind)
	}
	p.versions[row.ID] = row.Version
	p.contacts[row.ID] = contactText(row)
}

func (p *past) applyEvent(c *store.Commit, e *audience.Event) {
	p.events[store.EventKey{Origin: e.Origin, ID: e.ID}] = eventText(e)
	if _, _, ok := parseStepID(e.ID); !ok {
		return
	}
	p.steps[e.ID]++
	if p.steps[e.ID] > 1 {
		p.find("step %s is in the feed %d times", e.ID, p.steps[e.ID])
	}
	what := whatOf(e)
	if !slices.ContainsFunc(c.Changes, func(change store.Change) bool { return promised(what, e.ID, &change) }) {
		p.find("the commit of step %s has nothing of what it did: %s", e.ID, what)
	}
}

func (p *past) applyGone(change *store.Change) {
	gone := change.Contact
	delete(p.contacts, gone)
	maps.DeleteFunc(p.events, func(key store.EventKey, _ string) bool { return key.Origin == gone })
	if change.Kind == store.ChangeErase {
		p.erased[gone] = true
	}
}

// whatOf reads from the event of a step what it did.
func whatOf(e *audience.Event) string {
	for _, prop := range e.Props {
		return prop.Value.Reveal() // "what" is the only one that a step sets
	}
	return ""
}

// readPast reads the feed after a position to its end, in pages of random
// size.
func readPast(ctx context.Context, f store.FeedReader, after store.Position, seed uint64) ([]store.Commit, error) {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []store.Commit
	for {
		limit := 1 + r.IntN(50)
		page, err := f.Commits(ctx, after, limit)
		if err != nil || len(page) == 0 {
			return out, err
		}
		if len(page) > limit {
			return nil, fmt.Errorf("a page of %d commits, %d were asked for", len(page), limit)
		}
		out = append(out, page...)
		if next := page[len(page)-1].Position; next != after {
			after = next
			continue
		}
		return nil, errors.New("the feed gives the same position again")
	}
}

// sameOrder compares two readings of a feed.
func sameOrder(a, b []store.Commit) error {
	if len(a) != len(b) {
		return fmt.Errorf("one reader of the feed sees %d commits, another one %d", len(a), len(b))
	}
	for i := range a {
		if a[i].Position != b[i].Position || !a[i].At.Equal(b[i].At) || len(a[i].Changes) != len(b[i].Changes) {
			return fmt.Errorf("two readers of the feed see different commits at place %d", i)
		}
	}
	return nil
}
