package memstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const batch = 10_000

func benchSizes() []int { return []int{1_000, 100_000, 1_000_000} }

// benchContact is a contact as a shop has them: an address, a key, names, two
// tags and three fields.
func benchContact(id audience.ContactID, origin *audience.Provenance) audience.Contact {
	return audience.Contact{
		ID: id, Version: 1,
		Addresses: []audience.Address{audience.MustAddress(fmt.Sprintf("first.last%d@example.com", id))},
		External:  []audience.ExternalID{audience.External(audience.HostSystem, fmt.Sprintf("u%d", id))},
		FirstName: audience.NewPrivate("First"), LastName: audience.NewPrivate(fmt.Sprintf("Last%d", id)),
		Tags: []audience.Tag{{Name: "b2c", Origin: origin}, {Name: "newsletter", Origin: origin}},
		Fields: []audience.FieldValue{
			{ID: 1, Value: audience.StringValue("FR"), Origin: origin},
			{ID: 2, Value: audience.IntValue(int64(id)), Origin: origin},
			{ID: 3, Value: audience.DoubleValue(float64(id) / 3), Origin: origin},
		},
		CreatedAt: start(), UpdatedAt: start(),
	}
}

// benchEvent is an opened message with two properties.
func benchEvent(id audience.ContactID, n int) audience.Event {
	types := [...]string{"email.sent", "email.opened", "email.clicked", "purchase"}
	return audience.Event{
		Contact: id, Origin: id, ID: fmt.Sprintf("m%d-%d", id, n), Type: types[n%len(types)],
		Time: start().Add(time.Duration(n) * time.Hour),
		Props: []audience.EventProp{
			{ID: 1, Value: audience.StringValue("spring-sale")},
			{ID: 2, Value: audience.DoubleValue(float64(n))},
		},
	}
}

// load writes n contacts, and a change of each when the feed is wanted.
func load(b *testing.B, p store.Partition, n int, feed bool) {
	b.Helper()
	ctx := b.Context()
	origin := &audience.Provenance{At: start()}
	for done := 0; done < n; done += batch {
		update(b, p, func(w store.WriteRoles) error {
			ids, err := w.NewContactIDs(ctx, min(batch, n-done))
			if err != nil {
				return err
			}
			rows := make([]store.ContactRow, len(ids))
			for i, id := range ids {
				rows[i].Contact = new(benchContact(id, origin))
			}
			return putNew(ctx, w, rows, feed)
		})
	}
}

// putNew does with new rows what a batch of new contacts does.
func putNew(ctx context.Context, w store.WriteRoles, rows []store.ContactRow, feed bool) error {
	var claims []store.Claim
	var changes []store.Change
	for i := range rows {
		for _, identity := range rows[i].Contact.Identities() {
			claims = append(claims, store.Claim{Identity: identity, Contact: rows[i].Contact.ID})
		}
		if feed {
			changes = append(changes, store.Change{Kind: store.ChangeContact, Contact: rows[i].Contact.ID, After: rows[i].Contact})
		}
	}
	if err := w.PutContacts(ctx, rows); err != nil {
		return err
	}
	if err := w.ClaimIdentities(ctx, claims); err != nil {
		return err
	}
	return w.AppendChanges(ctx, start(), changes)
}

// loadEvents writes per events of each contact, as they come: by time, and
// at each time in any order of contacts.
func loadEvents(b *testing.B, p store.Partition, contacts, per int, feed bool) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	for n := range per {
		order := r.Perm(contacts)
		for from := 0; from < contacts; from += batch {
			update(b, p, func(w store.WriteRoles) error {
				var events []audience.Event
				var changes []store.Change
				for _, i := range order[from:min(from+batch, contacts)] {
					e := benchEvent(audience.ContactID(i+1), n)
					events = append(events, e)
					if feed {
						changes = append(changes, store.Change{Kind: store.ChangeEvent, Contact: e.Origin, Event: &e})
					}
				}
				if err := w.PutEvents(b.Context(), events); err != nil {
					return err
				}
				return w.AppendChanges(b.Context(), start(), changes)
			})
		}
	}
}

// BenchmarkBatch writes batches of 10,000 new contacts, each with two
// identities and a change in the feed, into a store that has n.
func BenchmarkBatch(b *testing.B) {
	for _, n := range benchSizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			p := open(b)
			load(b, p, n, true)
			origin := &audience.Provenance{At: start()}
			rows := make([]store.ContactRow, batch)
			runtime.GC()
			written := 0
			for b.Loop() {
				b.StopTimer() // making addresses is not the store's work
				for i := range rows {
					rows[i].Contact = new(benchContact(audience.ContactID(n+written+i+1), origin))
				}
				written += batch
				b.StartTimer()
				update(b, p, func(w store.WriteRoles) error {
					if _, err := w.NewContactIDs(b.Context(), batch); err != nil {
						return err
					}
					return putNew(b.Context(), w, rows, true)
				})
			}
			b.ReportMetric(float64(written)/b.Elapsed().Seconds(), "contacts/s")
		})
	}
}

// BenchmarkCommit writes one thing per transaction.
func BenchmarkCommit(b *testing.B) {
	for _, n := range benchSizes() {
		p := open(b)
		load(b, p, n, false)
		loadEvents(b, p, n, 2, false)
		r := rand.New(rand.NewPCG(1, 1))
		b.Run(fmt.Sprintf("event/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				e := benchEvent(audience.ContactID(1+r.IntN(n)), 100+i)
				update(b, p, func(w store.WriteRoles) error { return appendOne(b.Context(), w, e) })
			}
		})
		b.Run(fmt.Sprintf("contact/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				id := audience.ContactID(1 + r.IntN(n))
				update(b, p, func(w store.WriteRoles) error { return changeOne(b.Context(), w, id) })
			}
		})
		b.Run(fmt.Sprintf("nothing/%d", n), func(b *testing.B) {
			for b.Loop() {
				update(b, p, func(store.WriteRoles) error { return nil })
			}
		})
	}
}

// appendOne does what one new event does: look for it, count, write, log.
func appendOne(ctx context.Context, w store.WriteRoles, e audience.Event) error {
	if _, err := w.LockContacts(ctx, []audience.ContactID{e.Origin}); err != nil {
		return err
	}
	if _, err := w.EventsByKey(ctx, []store.EventKey{{Origin: e.Origin, ID: e.ID}}); err != nil {
		return err
	}
	if _, err := w.EventCounts(ctx, []store.EventCountKey{{Origin: e.Origin, Type: e.Type}}); err != nil {
		return err
	}
	if err := w.PutEvents(ctx, []audience.Event{e}); err != nil {
		return err
	}
	return w.AppendChanges(ctx, start(), []store.Change{{Kind: store.ChangeEvent, Contact: e.Origin, Event: &e}})
}

func changeOne(ctx context.Context, w store.WriteRoles, id audience.ContactID) error {
	rows, err := w.LockContacts(ctx, []audience.ContactID{id})
	if err != nil {
		return err
	}
	row := store.ContactRow{Contact: &rows[0], Expect: rows[0].Version}
	row.Contact.Version++
	if err := w.PutContacts(ctx, []store.ContactRow{row}); err != nil {
		return err
	}
	return w.AppendChanges(ctx, start(), []store.Change{{Kind: store.ChangeContact, Contact: id, After: row.Contact}})
}

// BenchmarkRead reads at random in one snapshot.
func BenchmarkRead(b *testing.B) {
	for _, n := range benchSizes() {
		p := open(b)
		load(b, p, n, false)
		loadEvents(b, p, n, 8, false)
		identities := make([]audience.Identity, 4096)
		r := rand.New(rand.NewPCG(1, 1))
		for i := range identities {
			identities[i] = audience.AddressIdentity(audience.MustAddress(fmt.Sprintf("first.last%d@example.com", 1+r.IntN(n))))
		}
		ctx := b.Context()
		ids := make([]audience.ContactID, 1)
		reads := []struct {
			name string
			call func(roles store.ReadRoles, i int) error
		}{
			{"resolve", func(roles store.ReadRoles, i int) error {
				_, err := roles.Resolve(ctx, identities[i%4096:i%4096+1])
				return err
			}},
			{"contact", func(roles store.ReadRoles, _ int) error {
				ids[0] = audience.ContactID(1 + r.IntN(n))
				_, err := roles.Contacts(ctx, ids)
				return err
			}},
			{"events of one type", func(roles store.ReadRoles, _ int) error {
				ids[0] = audience.ContactID(1 + r.IntN(n))
				_, err := roles.Events(ctx, store.EventQuery{Origins: ids, Types: []string{"email.opened"}})
				return err
			}},
			{"all 8 events", func(roles store.ReadRoles, _ int) error {
				ids[0] = audience.ContactID(1 + r.IntN(n))
				_, err := roles.Events(ctx, store.EventQuery{Origins: ids})
				return err
			}},
			{"page of 100 contacts", func(roles store.ReadRoles, _ int) error {
				_, err := roles.ContactsAfter(ctx, audience.ContactID(r.IntN(n)), 100)
				return err
			}},
		}
		view(b, p, func(roles store.ReadRoles) {
			for _, read := range reads {
				b.Run(fmt.Sprintf("%s/%d", read.name, n), func(b *testing.B) {
					b.ReportAllocs()
					for i := 0; b.Loop(); i++ {
						if err := read.call(roles, i); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}

// BenchmarkOneLongHistory appends to a contact with 100,000 events of a type.
func BenchmarkOneLongHistory(b *testing.B) {
	p := open(b)
	load(b, p, 1, false)
	for from := 0; from < 100_000; from += batch {
		update(b, p, func(w store.WriteRoles) error {
			events := make([]audience.Event, batch)
			for i := range events {
				events[i] = benchEvent(1, (from+i)*4)
			}
			return w.PutEvents(b.Context(), events)
		})
	}
	b.ReportAllocs()
	for i := 100_000; b.Loop(); i++ {
		update(b, p, func(w store.WriteRoles) error { return appendOne(b.Context(), w, benchEvent(1, i*4)) })
	}
}

// BenchmarkMemory states what a contact and an event take: everything, the
// texts and properties themselves included, without and with the feed.
func BenchmarkMemory(b *testing.B) {
	const per = 10 // events of a contact
	for _, n := range benchSizes()[1:] {
		for _, feed := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/feed=%t", n, feed), func(b *testing.B) {
				for b.Loop() {
					empty := heap()
					p := open(b)
					load(b, p, n, feed)
					contacts := heap()
					loadEvents(b, p, n, per, feed)
					all := heap()
					runtime.KeepAlive(p)
					b.ReportMetric(float64(contacts-empty)/float64(n), "bytes/contact")
					b.ReportMetric(float64(all-contacts)/float64(n*per), "bytes/event")
				}
			})
		}
	}
}

// BenchmarkMemoryOfRows is what the rows of BenchmarkMemory take by
// themselves, in plain slices: the rest is the store's.
func BenchmarkMemoryOfRows(b *testing.B) {
	const n = 100_000
	origin := &audience.Provenance{At: start()}
	for b.Loop() {
		empty := heap()
		contacts := make([]audience.Contact, n)
		for i := range contacts {
			contacts[i] = benchContact(audience.ContactID(i+1), origin)
		}
		some := heap()
		events := make([]audience.Event, n)
		for i := range events {
			events[i] = benchEvent(audience.ContactID(i+1), i%10)
		}
		all := heap()
		runtime.KeepAlive(contacts)
		runtime.KeepAlive(events)
		b.ReportMetric(float64(some-empty)/n, "bytes/contact")
		b.ReportMetric(float64(all-some)/n, "bytes/event")
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
