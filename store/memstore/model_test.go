package memstore_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// model is the contract in plain maps: every write goes through all rows,
// every read too.
type model struct {
	contacts     map[audience.ContactID]audience.Contact
	identities   map[string]audience.ContactID // by Index
	events       map[store.EventKey]audience.Event
	members      map[memberKey]store.Membership
	ledger       map[audience.ContactID][]audience.ConsentRecord
	suppressions map[suppressionKey]audience.Suppression
	records      map[recordKey]store.Record
	merges       map[audience.ContactID]store.Merge
	mergeNumber  uint64
	commits      []store.Commit // without positions
}

type memberKey struct {
	list   string
	origin audience.ContactID
}

type suppressionKey struct {
	hash   audience.AddressHash
	reason audience.SuppressionReason
}

type recordKey struct{ namespace, key string }

func newModel() *model {
	return &model{
		contacts:     map[audience.ContactID]audience.Contact{},
		identities:   map[string]audience.ContactID{},
		events:       map[store.EventKey]audience.Event{},
		members:      map[memberKey]store.Membership{},
		ledger:       map[audience.ContactID][]audience.ConsentRecord{},
		suppressions: map[suppressionKey]audience.Suppression{},
		records:      map[recordKey]store.Record{},
		merges:       map[audience.ContactID]store.Merge{},
	}
}

func (m *model) clone() *model {
	c := &model{
		contacts:     maps.Clone(m.contacts),
		identities:   maps.Clone(m.identities),
		events:       maps.Clone(m.events),
		members:      maps.Clone(m.members),
		ledger:       map[audience.ContactID][]audience.ConsentRecord{},
		suppressions: maps.Clone(m.suppressions),
		records:      maps.Clone(m.records),
		merges:       maps.Clone(m.merges),
		mergeNumber:  m.mergeNumber,
	}
	for id, chain := range m.ledger {
		c.ledger[id] = slices.Clone(chain)
	}
	for _, commit := range m.commits {
		commit.Changes = slices.Clone(commit.Changes)
		c.commits = append(c.commits, commit)
	}
	return c
}

func (m *model) putContacts(rows []store.ContactRow) bool {
	after := maps.Clone(m.contacts)
	for _, row := range rows {
		stored, ok := after[row.Contact.ID]
		if ok != (row.Expect > 0) || stored.Version != row.Expect {
			return false
		}
		after[row.Contact.ID] = *row.Contact
	}
	m.contacts = after
	return true
}

func (m *model) claim(claims []store.Claim) bool {
	after := maps.Clone(m.identities)
	for _, c := range claims {
		if holder, ok := after[c.Identity.Index()]; ok && holder != c.Contact {
			return false
		}
		after[c.Identity.Index()] = c.Contact
	}
	m.identities = after
	return true
}

func (m *model) release(claims []store.Claim) {
	for _, c := range claims {
		if m.identities[c.Identity.Index()] == c.Contact {
			delete(m.identities, c.Identity.Index())
		}
	}
}

func (m *model) recordVersion(k recordKey, at time.Time) uint64 {
	if r := m.records[k]; r.Expires.IsZero() || at.Before(r.Expires) {
		return r.Version
	}
	return 0
}

func (m *model) putMerge(merge store.Merge) {
	m.mergeNumber++
	merge.Number = m.mergeNumber
	m.merges[merge.Loser] = merge
}

func (m *model) redirect(id audience.ContactID) audience.ContactID {
	for range len(m.merges) + 1 {
		if _, ok := m.contacts[id]; ok {
			return id
		}
		id = m.merges[id].Winner
	}
	return 0
}

func (m *model) blank(ids []audience.ContactID) {
	for _, commit := range m.commits {
		for i, c := range commit.Changes {
			if slices.Contains(ids, c.Contact) || slices.Contains(ids, c.Other) {
				commit.Changes[i] = store.Change{Kind: c.Kind, Contact: c.Contact, Other: c.Other}
			}
		}
	}
}

// state is everything that reads give, over the small universe of the test.
type state struct {
	Contacts     []audience.Contact
	Paged        []audience.Contact
	Resolved     []audience.ContactID
	Events       []audience.Event
	Some         []audience.Event // of two types, without those taken back
	ByKey        []audience.Event
	Counts       []int
	Memberships  []store.Membership
	Members      []store.Membership
	Ledger       []audience.ConsentRecord
	Heads        []audience.ConsentRecord
	Suppressions []audience.Suppression
	AllSuppress  []audience.Suppression
	Keys         []string
	Records      []store.Record // one by one
	Ranges       []store.Record // of a namespace, by prefix
	Redirects    []audience.ContactID
	Merges       []store.Merge
	Of           []store.Merge // one by one
}

func (m *model) state(u *universe) state {
	var s state
	for _, id := range u.ids {
		if c, ok := m.contacts[id]; ok {
			s.Contacts = append(s.Contacts, c)
		}
		s.Redirects = append(s.Redirects, m.redirect(id))
		s.Ledger = append(s.Ledger, m.ledger[id]...)
		if n := len(m.ledger[id]); n > 0 {
			s.Heads = append(s.Heads, m.ledger[id][n-1])
		}
		if merge, ok := m.merges[id]; ok {
			s.Of = append(s.Of, merge)
		}
		for _, kind := range u.types {
			n := 0
			for k, e := range m.events {
				if k.Origin == id && e.Type == kind {
					n++
				}
			}
			s.Counts = append(s.Counts, n)
		}
	}
	s.Paged = s.Contacts
	for _, i := range u.identities {
		s.Resolved = append(s.Resolved, m.identities[i.Index()])
	}
	m.eventState(u, &s)
	s.Memberships = sorted(m.members, func(a, b store.Membership) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), strings.Compare(a.List, b.List))
	})
	s.Members = sorted(m.members, func(a, b store.Membership) int {
		return cmp.Or(strings.Compare(a.List, b.List), cmp.Compare(a.Origin, b.Origin))
	})
	s.Merges = sorted(m.merges, func(a, b store.Merge) int {
		return cmp.Or(cmp.Compare(a.Winner, b.Winner), cmp.Compare(a.Number, b.Number))
	})
	s.AllSuppress = sorted(m.suppressions, compareSuppressions)
	s.Suppressions = s.AllSuppress
	for _, x := range s.AllSuppress {
		if !slices.Contains(s.Keys, x.Hash.Key) {
			s.Keys = append(s.Keys, x.Hash.Key)
		}
	}
	m.recordState(u, &s)
	return s
}

func (m *model) eventState(u *universe, s *state) {
	s.Events = sorted(m.events, func(a, b audience.Event) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), strings.Compare(a.Type, b.Type), a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID))
	})
	for _, e := range s.Events {
		if !e.Retracted && slices.Contains(u.types[:2], e.Type) {
			s.Some = append(s.Some, e)
		}
	}
	s.ByKey = slices.Clone(s.Events)
	slices.SortFunc(s.ByKey, compareKeys)
}

func (m *model) recordState(u *universe, s *state) {
	all := sorted(m.records, func(a, b store.Record) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Key, b.Key))
	})
	for _, r := range all {
		if !r.Expires.IsZero() && !u.now.Before(r.Expires) {
			continue
		}
		s.Records = append(s.Records, r)
		if r.Namespace == u.namespaces[0] && strings.HasPrefix(r.Key, "a") {
			s.Ranges = append(s.Ranges, r)
		}
	}
}

func sorted[K comparable, V any](m map[K]V, order func(V, V) int) []V {
	return slices.SortedFunc(maps.Values(m), order)
}

func compareKeys(a, b audience.Event) int {
	return cmp.Or(cmp.Compare(a.Origin, b.Origin), strings.Compare(a.ID, b.ID))
}

func compareSuppressions(a, b audience.Suppression) int {
	return cmp.Or(
		strings.Compare(a.Hash.Key, b.Hash.Key),
		slices.Compare(a.Hash.Sum[:], b.Hash.Sum[:]),
		cmp.Compare(a.Reason, b.Reason),
	)
}
