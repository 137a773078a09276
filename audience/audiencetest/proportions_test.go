package audiencetest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
)

// TestProportions holds the shapes that measurements depend on.
func TestProportions(t *testing.T) {
	const n = 20_000
	shop := audiencetest.Shop{Contacts: n, Seed: 1}
	people := make(map[string]int)
	kinds := make(map[audiencetest.EventKind]int)
	statuses := make(map[audience.Status]int)
	most, few, expiring := 0, 0, 0
	at := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	var events []audiencetest.ShopEvent
	for p := range shop.People() {
		count(people, map[string]bool{
			"DE": p.Country == "DE", "TR": p.Country == "TR", "no country": p.Country == "", "no age": p.Age == 0,
			"vip": p.HasTag(0), "newsletter": p.HasTag(1), "café": p.HasTag(49), "renews": p.RenewsAt != 0,
		})
		events = shop.AppendEvents(events[:0], p.Index)
		for i := range events {
			kinds[events[i].Kind]++
		}
		most = max(most, len(events))
		if len(events) < 10 {
			few++
		}
		standing := standingOf(shop, p.Index, at)
		statuses[standing.Status]++
		if !standing.Until.IsZero() {
			expiring++
		}
	}

	all := 0
	for _, k := range kinds {
		all += k
	}
	shares := []struct {
		name     string
		part, of int
		lo, hi   float64
	}{
		{"events of a contact", all, n, 9.5, 11.5},
		{"contacts with few events", few, n, 0.55, 0.75},
		{"live in Germany", people["DE"], n, 0.20, 0.27},
		{"live in Türkiye", people["TR"], n, 0.001, 0.006},
		{"live somewhere", people["no country"], n, 0.02, 0.05},
		{"age not known", people["no age"], n, 0.15, 0.21},
		{"vip", people["vip"], n, 0.03, 0.09},
		{"newsletter", people["newsletter"], n, 0.25, 0.30},
		{"café", people["café"], n, 0.005, 0.02},
		{"renews", people["renews"], n, 0.27, 0.33},
		{"subscribed", statuses[audience.StatusSubscribed], n, 0.67, 0.73},
		{"expiring", expiring, n, 0.015, 0.035},
		{"unsubscribed", statuses[audience.StatusUnsubscribed], n, 0.10, 0.15},
		{"bounced", statuses[audience.StatusBounced], n, 0.01, 0.03},
		{"complained", statuses[audience.StatusComplained], n, 0.002, 0.009},
		{"pending", statuses[audience.StatusPending], n, 0.03, 0.05},
		{"none", statuses[audience.StatusNone], n, 0.08, 0.14},
		{"delivered of sent", kinds[audiencetest.EmailDelivered], kinds[audiencetest.EmailSent], 0.98, 0.99},
		{"opened of sent", kinds[audiencetest.EmailOpened], kinds[audiencetest.EmailSent], 0.30, 0.42},
		{"clicked of opened", kinds[audiencetest.EmailClicked], kinds[audiencetest.EmailOpened], 0.17, 0.25},
		{"purchases of a contact", kinds[audiencetest.Purchase], n, 1.2, 1.7},
		{"refunds of purchases", kinds[audiencetest.Refund], kinds[audiencetest.Purchase], 0.03, 0.06},
	}
	for _, s := range shares {
		share := float64(s.part) / float64(s.of)
		require.True(t, s.lo <= share && share <= s.hi, "%s: %.4f is not within %g and %g", s.name, share, s.lo, s.hi)
	}
	require.Greater(t, most, 500, "the busiest contact")
}

func count(in map[string]int, what map[string]bool) {
	for name, is := range what {
		if is {
			in[name]++
		}
	}
}

// standingOf folds the contact's records as a store would keep them.
func standingOf(shop audiencetest.Shop, index int, at time.Time) audience.Standing {
	var h audience.History
	for i, c := range shop.ConsentsOf(index) {
		w := c.Write()
		r := audience.ConsentRecord{Seq: uint64(i + 1), Kind: w.Kind, Scope: w.Scope, Acted: w.Acted, Expires: w.Expires, Mechanism: w.Mechanism}
		if len(w.Evidence) > 0 {
			r.Evidence = [32]byte{1}
		}
		h.Records = append(h.Records, r)
	}
	return h.Fold(audience.MarketingScope(), at)
}

// TestEventsFollowEachOther wants nothing to happen before what it comes
// from.
func TestEventsFollowEachOther(t *testing.T) {
	type mail struct{ delivered, opened int64 }
	var events []audiencetest.ShopEvent
	shop := audiencetest.Shop{Contacts: 800, Seed: 9}
	for p := range shop.People() {
		mails := make(map[int32]mail)
		orders := make(map[int32]int64)
		events = shop.AppendEvents(events[:0], p.Index)
		for i, e := range events {
			require.EqualValues(t, i, e.Seq)
			require.GreaterOrEqual(t, e.Time, p.Created)
			if i > 0 {
				require.GreaterOrEqual(t, e.Time, events[i-1].Time)
			}
			m := mails[e.Number]
			switch e.Kind {
			case audiencetest.EmailSent:
				if _, ok := mails[e.Number]; !ok {
					mails[e.Number] = mail{}
				}
			case audiencetest.EmailDelivered:
				require.Contains(t, mails, e.Number)
				mails[e.Number] = mail{delivered: e.Time, opened: m.opened}
			case audiencetest.EmailOpened:
				require.NotZero(t, m.delivered)
				m.opened = e.Time
				mails[e.Number] = m
			case audiencetest.EmailClicked:
				require.NotZero(t, m.opened)
			case audiencetest.Purchase:
				require.Positive(t, e.Cents)
				require.NotContains(t, orders, e.Number)
				orders[e.Number] = e.Cents
			case audiencetest.Refund:
				require.Contains(t, orders, e.Number)
				require.LessOrEqual(t, e.Cents, orders[e.Number])
			default:
			}
		}
	}
}

func TestLive(t *testing.T) {
	shop := audiencetest.Shop{Contacts: 2_000, Seed: 1}
	last := audience.Micros(time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC))
	begin := last
	contacts, consents, events, activity := 0, 0, 0, 0
	const n = 5_000
	for l := range shop.Live(n) {
		require.Greater(t, l.Time, last)
		last = l.Time
		p := shop.Person(l.Index)
		activity += p.Activity
		ref := audience.Key(audiencetest.Key(l.Index))
		switch {
		case l.Contact != nil:
			contacts++
			require.Equal(t, ref, l.Contact.Match)
		case l.Consent != nil:
			consents++
			require.Equal(t, ref, l.Consent.Contact)
			require.Equal(t, l.Time, audience.Micros(l.Consent.Acted))
		default:
			events++
			require.Equal(t, ref, l.Event.Contact)
			require.Equal(t, l.Time, audience.Micros(l.Event.Time))
		}
	}
	require.InDelta(t, n, (last-begin)/1_000_000, n/20)
	require.InDelta(t, n*0.90, events, n*0.02)
	require.InDelta(t, n*0.08, contacts, n*0.02)
	require.InDelta(t, n*0.02, consents, n*0.01)
	require.Greater(t, activity, 4*n, "those who do much do more")

	var few []int64
	for l := range shop.Live(10) {
		few = append(few, l.Time)
	}
	i := 0
	for l := range shop.Live(n) { // the same however many are wanted
		if i == len(few) {
			break
		}
		require.Equal(t, few[i], l.Time)
		i++
	}
}
