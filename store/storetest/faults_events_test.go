package storetest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func eventFaults() []fault {
	return []fault{
		{
			name: "instants are cut to the millisecond", found: []string{"events/round-trip"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return coarse{w} }),
		},
		{
			name: "events are ordered by time alone", found: []string{"events/order"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return byTime{w} }),
		},
		{
			name: "no types are all types", found: []string{"events/types-filter"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return noTypesAreAll{w} }),
		},
		{
			name: "retracted events are still read", found: []string{"events/retracted-are-asked-for", "events/revisions"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return withRetracted{w} }),
		},
		{
			name: "an event of another type is another event", found: []string{"events/one-row-by-key"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return keepingTypes{w} }),
		},
		{
			name: "retracted events are not found by key", found: []string{"events/by-key", "events/revisions"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return forgettingRetracted{w} }),
		},
		{
			name: "a lower revision overwrites", found: []string{"events/revisions"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return noRevisions{w} }),
		},
		{
			name: "what was taken back is not counted", found: []string{"events/counts"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return countingStanding{w} }),
		},
		{
			name: "the neighbour's events are deleted too", found: []string{"events/delete-of-one-contact"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return deletingNeighbours{w} }),
		},
		{
			name: "deleting leaves the events", found: []string{"deletion/delete", "deletion/erase-leaves-no-trace", "events/delete-of-one-contact"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return keepingEvents{w} }),
		},
		{
			name: "more than 5,000 events are cut off", found: []string{"batches/ten-thousand-events"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return cuttingEvents{w} }),
		},
		{
			name: "the last event of a batch is lost", found: []string{"transactions/commit"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return losingTheLast{w} }),
		},
	}
}

type coarse struct{ store.WriteRoles }

func (f coarse) PutEvents(ctx context.Context, events []audience.Event) error {
	events = slices.Clone(events)
	for i := range events {
		events[i].Time = events[i].Time.Truncate(time.Millisecond)
	}
	return f.WriteRoles.PutEvents(ctx, events)
}

type byTime struct{ store.WriteRoles }

func (f byTime) Events(ctx context.Context, q store.EventQuery) ([]audience.Event, error) {
	events, err := f.WriteRoles.Events(ctx, q)
	slices.SortStableFunc(events, func(a, b audience.Event) int { return a.Time.Compare(b.Time) })
	return events, err
}

type noTypesAreAll struct{ store.WriteRoles }

func (f noTypesAreAll) Events(ctx context.Context, q store.EventQuery) ([]audience.Event, error) {
	if len(q.Types) == 0 {
		q.Types = nil
	}
	return f.WriteRoles.Events(ctx, q)
}

type withRetracted struct{ store.WriteRoles }

func (f withRetracted) Events(ctx context.Context, q store.EventQuery) ([]audience.Event, error) {
	q.Retracted = true
	return f.WriteRoles.Events(ctx, q)
}

type keepingTypes struct{ store.WriteRoles }

func (f keepingTypes) PutEvents(ctx context.Context, events []audience.Event) error {
	for _, e := range events {
		old, err := f.EventsByKey(ctx, []store.EventKey{{Origin: e.Origin, ID: e.ID}})
		if err != nil {
			return err
		}
		if len(old) > 0 && old[0].Type != e.Type {
			old[0].ID += "~"
			if err := f.WriteRoles.PutEvents(ctx, old); err != nil {
				return err
			}
		}
	}
	return f.WriteRoles.PutEvents(ctx, events)
}

type forgettingRetracted struct{ store.WriteRoles }

func (f forgettingRetracted) EventsByKey(ctx context.Context, keys []store.EventKey) ([]audience.Event, error) {
	events, err := f.WriteRoles.EventsByKey(ctx, keys)
	return slices.DeleteFunc(events, func(e audience.Event) bool { return e.Retracted }), err
}

type noRevisions struct{ store.WriteRoles }

func (f noRevisions) EventsByKey(ctx context.Context, keys []store.EventKey) ([]audience.Event, error) {
	events, err := f.WriteRoles.EventsByKey(ctx, keys)
	for i := range events {
		events[i].Revision = 0
	}
	return events, err
}

type countingStanding struct{ store.WriteRoles }

func (f countingStanding) EventCounts(ctx context.Context, keys []store.EventCountKey) ([]int, error) {
	out := make([]int, len(keys))
	for i, key := range keys {
		events, err := f.Events(ctx, store.EventQuery{Origins: []audience.ContactID{key.Origin}, Types: []string{key.Type}})
		if err != nil {
			return nil, err
		}
		out[i] = len(events)
	}
	return out, nil
}

type deletingNeighbours struct{ store.WriteRoles }

func (f deletingNeighbours) DeleteEvents(ctx context.Context, origins []audience.ContactID) error {
	for _, id := range origins {
		if err := f.WriteRoles.DeleteEvents(ctx, []audience.ContactID{id, id + 1}); err != nil {
			return err
		}
	}
	return nil
}

type keepingEvents struct{ store.WriteRoles }

func (f keepingEvents) DeleteEvents(context.Context, []audience.ContactID) error { return nil }

type cuttingEvents struct{ store.WriteRoles }

func (f cuttingEvents) Events(ctx context.Context, q store.EventQuery) ([]audience.Event, error) {
	events, err := f.WriteRoles.Events(ctx, q)
	return events[:min(len(events), 5000)], err
}

type losingTheLast struct{ store.WriteRoles }

func (f losingTheLast) PutEvents(ctx context.Context, events []audience.Event) error {
	return f.WriteRoles.PutEvents(ctx, events[:max(len(events)-1, 0)])
}

func listFaults() []fault {
	return []fault{
		{
			name: "names of lists compare without case", found: []string{"lists/round-trip-and-order", "lists/remove"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return caselessLists{w} }),
		},
		{
			name: "adding again replaces", found: []string{"lists/the-first-addition-stays"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return readding{w} }),
		},
		{
			name: "leaving one list leaves all", found: []string{"lists/remove"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return leavingAll{w} }),
		},
		{
			name: "a page of members begins with the last one", found: []string{"lists/members-in-pages", "pages/list-members"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return repeatingMembers{w} }),
		},
	}
}

type caselessLists struct{ store.WriteRoles }

func lowerLists(members []store.Membership) []store.Membership {
	members = slices.Clone(members)
	for i := range members {
		members[i].List = strings.ToLower(members[i].List)
	}
	return members
}

func (f caselessLists) AddMembers(ctx context.Context, members []store.Membership) error {
	return f.WriteRoles.AddMembers(ctx, lowerLists(members))
}

func (f caselessLists) RemoveMembers(ctx context.Context, members []store.Membership) error {
	return f.WriteRoles.RemoveMembers(ctx, lowerLists(members))
}

type readding struct{ store.WriteRoles }

func (f readding) AddMembers(ctx context.Context, members []store.Membership) error {
	if err := f.RemoveMembers(ctx, members); err != nil {
		return err
	}
	return f.WriteRoles.AddMembers(ctx, members)
}

type leavingAll struct{ store.WriteRoles }

func (f leavingAll) RemoveMembers(ctx context.Context, members []store.Membership) error {
	for _, m := range members {
		all, err := f.Memberships(ctx, []audience.ContactID{m.Origin})
		if err != nil {
			return err
		}
		if err := f.WriteRoles.RemoveMembers(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

type repeatingMembers struct{ store.WriteRoles }

func (f repeatingMembers) MembersAfter(ctx context.Context, list string, after audience.ContactID, limit int) ([]store.Membership, error) {
	return f.WriteRoles.MembersAfter(ctx, list, max(after, 1)-1, limit)
}
