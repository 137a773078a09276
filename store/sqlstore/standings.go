package sqlstore

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// The rows of {standings} tell queries what the ledger says, see
// [renderer.standing]. They are derived from a contact's own chain alone, anew
// whenever something is appended to it, and stand for e-mail:
//
//   - (purpose, "") is History.Fold for the purpose, (purpose, list) is
//     History.OnList for the topic of the purpose. status is an audience.Status;
//     it is that at every instant from since_us until before until_us, and
//     nothing is known of other instants.
//   - There is a row for marketing and for every purpose that the chain names,
//     each with and without every list that it names. Where there is no row, the
//     status is none at every instant, or a refusal: in any case not subscribed.
//     For marketing without a list, no row means that there is no chain.
//   - The row ("", "") says that the chain is irregular, since it grants something
//     for every purpose or names too much: besides it there is only the row of
//     marketing, and nothing is known of other purposes and of topics.

// standing is one row.
type standingRow struct {
	contact       audience.ContactID
	purpose, list string
	status        audience.Status
	since, until  int64
}

func (a standingRow) compare(b standingRow) int {
	return cmp.Or(cmp.Compare(a.contact, b.contact), strings.Compare(a.purpose, b.purpose), strings.Compare(a.list, b.list))
}

// mostStandings is how many rows a contact has.
const mostStandings = 32

// standingsOf gives the rows for the whole chain of a contact.
func standingsOf(chain []audience.ConsentRecord) []standingRow {
	if len(chain) == 0 {
		return nil
	}
	h := audience.History{Records: chain}
	last := chain[len(chain)-1]
	at, since := last.Recorded, sinceOf(chain)
	row := func(purpose, list string, s audience.Standing) standingRow {
		until := int64(math.MaxInt64)
		if !s.Until.IsZero() {
			until = audience.Micros(s.Until)
		}
		return standingRow{contact: last.Contact, purpose: purpose, list: list, status: s.Status, since: since, until: until}
	}
	marketing := row(audience.PurposeMarketing, "", h.Fold(audience.MarketingScope(), at))
	purposes, lists, regular := scopesOf(chain)
	if !regular {
		return []standingRow{{contact: last.Contact}, marketing}
	}
	var out []standingRow
	for _, purpose := range purposes {
		scope := audience.Scope{Channel: audience.ChannelEmail, Purpose: purpose}
		out = append(out, row(purpose, "", h.Fold(scope, at)))
		for _, list := range lists {
			topic := audience.List{Name: list, Kind: audience.ListTopic, Purpose: purpose}
			out = append(out, row(purpose, list, h.OnList(topic, at)))
		}
	}
	return out
}

// sinceOf gives the last instant, up to the last record, at which any standing
// can have changed.
func sinceOf(chain []audience.ConsentRecord) int64 {
	last := chain[len(chain)-1].Recorded
	since := int64(math.MinInt64)
	for i := range chain {
		r := &chain[i]
		since = max(since, audience.Micros(r.Acted))
		if !r.Expires.IsZero() && !r.Expires.After(last) {
			since = max(since, audience.Micros(r.Expires))
		}
	}
	return since
}

// scopesOf gives the purposes, marketing among them, and the lists that
// records about e-mail name, sorted.
func scopesOf(chain []audience.ConsentRecord) (purposes, lists []string, regular bool) {
	const mostPurposeBytes, mostListBytes = 512, 1_024 // in the columns
	purposes = []string{audience.PurposeMarketing}
	for i := range chain {
		r := &chain[i]
		s := r.Scope
		switch {
		case s.Channel != "" && s.Channel != audience.ChannelEmail:
			continue
		case r.Kind == audience.ConsentGranted && s.Purpose == "", len(s.Purpose) > mostPurposeBytes, len(s.List) > mostListBytes:
			return nil, nil, false
		}
		if s.Purpose != "" && !slices.Contains(purposes, s.Purpose) {
			purposes = append(purposes, s.Purpose)
		}
		if s.List != "" && !slices.Contains(lists, s.List) {
			lists = append(lists, s.List)
		}
		if len(purposes)*(1+len(lists)) > mostStandings {
			return nil, nil, false
		}
	}
	slices.Sort(purposes)
	slices.Sort(lists)
	return purposes, lists, true
}

type standingStatements struct {
	remove *statement
	add    *insertion
}

func newStandingStatements(c *catalog) standingStatements {
	of := keyed{table: "standings", column: "contact", kind: "bigint", where: "audience = ?"}
	return standingStatements{
		remove: c.add(byContact, "remove standings", of.removeAll(c.dialect)),
		add: c.insert(insertion{
			name: "add standings", key: byContact, table: "standings", keys: []string{"audience", "contact", "purpose", "list"},
			columns: []column{
				{"audience", intColumn},
				{"contact", intColumn},
				{"purpose", textColumn},
				{"list", textColumn},
				{"status", intColumn},
				{"since_us", intColumn},
				{"until_us", intColumn},
			},
			existing: refuse,
		}),
	}
}

// putStandings makes the rows of contacts, whose locks are held, those of their
// whole chains.
func (w *writer) putStandings(ctx context.Context, chains map[audience.ContactID][]audience.ConsentRecord) error {
	st := &w.p.store.sql.standings
	var contacts []audience.ContactID
	for id := range chains {
		contacts = append(contacts, id)
	}
	slices.Sort(contacts)
	var rows []standingRow
	for _, id := range contacts {
		rows = append(rows, standingsOf(chains[id])...)
	}
	for part := range parts(contacts) {
		if _, err := w.exec(ctx, st.remove, idList(part), w.p.id); err != nil {
			return err
		}
	}
	_, err := w.insert(ctx, st.add, len(rows), func(i int, values []any) {
		r := &rows[i]
		values[0], values[1], values[2], values[3] = w.p.id, int64(r.contact), r.purpose, r.list
		values[4], values[5], values[6] = int64(r.status), r.since, r.until
	})
	return err
}
