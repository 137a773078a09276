package storetest

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Bench measures an adapter through the handle, on an audience that has
// 10,000 contacts with 4 events each:
//
//   - put, change, append, consent: batches of 1, 100 and 10,000 in one
//     transaction, as items/s
//   - read: one contact by key, one profile with everything, pages of 1,000
//     profiles, a segment's list of members
//   - feed: commits of one change each, read in pages of 100
//
// Adapters with restarts or remote databases measure what their New gives.
func Bench(b *testing.B, h Harness) {
	b.Helper()
	for _, group := range []struct {
		name string
		run  func(b *testing.B, k *kit, aud *store.Audience)
	}{
		{"write", benchWrites}, {"read", benchReads}, {"feed", benchFeed},
	} {
		b.Run(group.name, func(b *testing.B) {
			k := &kit{TB: b, ctx: b.Context(), harness: h, clock: newClock(), codec: ownCodec()}
			k.adapter = k.fresh()
			aud := k.open(mainAudience)
			k.populate(aud)
			group.run(b, k, aud)
		})
	}
}

// benchContacts is how many contacts there are before anything is measured.
const benchContacts = 10_000

func benchKey(i int) string { return fmt.Sprintf("p%06d", i) }

func benchPerson(i int) audience.ContactWrite {
	w := person(benchKey(i))
	w.FirstName, w.AddTags = audience.NewPrivate("First"), []string{"b2c", "newsletter"}
	w.Set = map[string]audience.Value{"city": audience.StringValue("Zürich"), "points": audience.IntValue(int64(i))}
	return w
}

func benchVisit(contact, n int) audience.EventWrite {
	return audience.EventWrite{
		Contact: audience.Key(benchKey(contact)), ID: fmt.Sprintf("v%d", n), Type: "visit", Time: at(n % 1_000_000),
		Props: map[string]audience.Value{"page": audience.StringValue("/shop"), "seconds": audience.IntValue(int64(n % 100))},
	}
}

func (k *kit) populate(aud *store.Audience) {
	k.Helper()
	people := make([]audience.ContactWrite, benchContacts)
	for i := range people {
		people[i] = benchPerson(i)
	}
	k.change(aud, func(tx *store.Tx) error { _, err := tx.Put(k.ctx, people...); return err })
	for n := range 4 {
		visits := make([]audience.EventWrite, benchContacts)
		for i := range visits {
			visits[i] = benchVisit(i, n)
		}
		k.change(aud, func(tx *store.Tx) error { _, err := tx.Append(k.ctx, visits...); return err })
	}
}

func benchWrites(b *testing.B, k *kit, aud *store.Audience) {
	next := benchContacts // over all batches, so that what is new stays new
	writes := []struct {
		name  string
		batch func(tx *store.Tx, from, n int) error
	}{
		{"put", func(tx *store.Tx, from, n int) error {
			people := make([]audience.ContactWrite, n)
			for i := range people {
				people[i] = benchPerson(from + i)
			}
			_, err := tx.Put(k.ctx, people...)
			return err
		}},
		{"change", func(tx *store.Tx, from, n int) error {
			people := make([]audience.ContactWrite, n)
			for i := range people {
				people[i] = benchPerson((from + i) % benchContacts)
				people[i].Set["points"] = audience.IntValue(int64(from + i))
			}
			_, err := tx.Put(k.ctx, people...)
			return err
		}},
		{"append", func(tx *store.Tx, from, n int) error {
			visits := make([]audience.EventWrite, n)
			for i := range visits {
				visits[i] = benchVisit((from+i)%benchContacts, from+i)
			}
			_, err := tx.Append(k.ctx, visits...)
			return err
		}},
		{"consent", func(tx *store.Tx, from, n int) error {
			grants := make([]audience.ConsentWrite, n)
			for i := range grants {
				grants[i] = grant(audience.Key(benchKey((from + i) % benchContacts)))
			}
			_, err := tx.Record(k.ctx, grants...)
			return err
		}},
	}
	for _, w := range writes {
		for _, n := range []int{1, 100, batchItems} {
			b.Run(w.name+"/"+strconv.Itoa(n), func(b *testing.B) {
				b.ReportAllocs()
				items := 0
				for b.Loop() {
					_, err := aud.Update(k.ctx, func(tx *store.Tx) error { return w.batch(tx, next, n) })
					require.NoError(b, err)
					next += n
					items += n
				}
				b.ReportMetric(float64(items)/b.Elapsed().Seconds(), "items/s")
			})
		}
	}
}

func benchReads(b *testing.B, k *kit, aud *store.Audience) {
	k.change(aud, func(tx *store.Tx) error {
		refs := make([]audience.Ref, 1000)
		for i := range refs {
			refs[i] = audience.Key(benchKey(i * 10))
		}
		return tx.AddToList(k.ctx, "gold", source(), refs...)
	})
	reads := []struct {
		name string
		read func(r *store.Reader, i int) (int, error)
	}{
		{"contact", func(r *store.Reader, i int) (int, error) {
			_, err := r.Contact(k.ctx, audience.Key(benchKey(i%benchContacts)))
			return 1, err
		}},
		{"profile", func(r *store.Reader, i int) (int, error) {
			_, err := r.Profile(k.ctx, audience.Key(benchKey(i%benchContacts)), parts())
			return 1, err
		}},
		{"profiles", func(r *store.Reader, _ int) (int, error) {
			n := 0
			for _, err := range r.AllProfiles(k.ctx, store.ProfileQuery{Parts: parts()}) {
				if err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		}},
		{"members", func(r *store.Reader, _ int) (int, error) {
			page, err := r.Members(k.ctx, "gold", "", 1000)
			return len(page.Items), err
		}},
	}
	for _, read := range reads {
		b.Run(read.name, func(b *testing.B) {
			b.ReportAllocs()
			items, i := 0, 0
			for b.Loop() {
				i++
				k.look(aud, func(r *store.Reader) {
					n, err := read.read(r, i)
					require.NoError(b, err)
					items += n
				})
			}
			b.ReportMetric(float64(items)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

func benchFeed(b *testing.B, k *kit, aud *store.Audience) {
	const commits = 2000
	from, err := aud.Head(k.ctx)
	require.NoError(b, err)
	for i := range commits {
		_, err := aud.Append(k.ctx, benchVisit(i, 1000+i))
		require.NoError(b, err)
	}
	b.Run("tail", func(b *testing.B) {
		b.ReportAllocs()
		items := 0
		for b.Loop() {
			items += len(k.commits(aud, from, 100))
		}
		require.Zero(b, items%commits)
		b.ReportMetric(float64(items)/b.Elapsed().Seconds(), "commits/s")
	})
}
