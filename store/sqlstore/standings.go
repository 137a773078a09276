package sqlstore

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Standings are what the fold of a contact's own chain gives, kept beside the
// chain so that a database can ask for it. Nothing but push-down reads them,
// and it only believes a row for instants from since to until; merged contacts
// it leaves to the fold.
//
// For every purpose that the chain names, for marketing, and for any other
// (""), there is a row of the purpose itself (list "") and one of each topic
// that the chain names. What has no row is not subscribed at any instant; who
// has no row for marketing has no chain. A chain that is too complicated for
// this has one row for any other purpose, with the status tooComplicated.

const (
	mostFoldedRecords = 2_000
	mostStandings     = 400
	forever           = math.MaxInt64
	tooComplicated    = audience.Status(255) // is found by the index on the status
)

type standingStatements struct {
	remove *statement
	put    *insertion
}

func newStandingStatements(c *catalog) standingStatements {
	return standingStatements{
		remove: c.add(byContact, "delete standings", "DELETE FROM {standings} WHERE audience = ? AND contact {in bigint}"),
		put: c.insert(insertion{
			name: "put standings", key: byContact, table: "standings", keys: []string{"audience", "contact", "purpose", "list"}, existing: replace,
			columns: []column{
				{"audience", intColumn}, {"contact", intColumn}, {"purpose", textColumn}, {"list", textColumn},
				{"status", intColumn}, {"since_us", intColumn}, {"until_us", intColumn},
			},
		}),
	}
}

// standingRow is one row of {standings}.
type standingRow struct {
	contact       audience.ContactID
	purpose, list string
	status        audience.Status
	since, until  int64
}

func (a standingRow) compare(b standingRow) int {
	return cmp.Or(cmp.Compare(a.contact, b.contact), strings.Compare(a.purpose, b.purpose), strings.Compare(a.list, b.list))
}

// putStandings derives the standings of chains. Names never leave a chain, so
// that rows are replaced and none has to go, but for the one that says that
// there are too many.
func (w *writer) putStandings(ctx context.Context, chains map[audience.ContactID][]audience.ConsentRecord) error {
	var rows []standingRow
	var complicated []audience.ContactID
	for _, contact := range slices.Sorted(maps.Keys(chains)) {
		derived, ok := w.standingsOf(contact, chains[contact])
		if !ok {
			complicated = append(complicated, contact)
		}
		rows = append(rows, derived...)
	}
	if len(complicated) > 0 {
		if err := w.removeOf(ctx, w.p.store.sql.standings.remove, complicated); err != nil {
			return err
		}
	}
	_, err := w.insert(ctx, w.p.store.sql.standings.put, len(rows), func(i int, values []any) {
		r := &rows[i]
		values[0], values[1], values[2], values[3] = w.p.id, int64(r.contact), r.purpose, r.list
		values[4], values[5], values[6] = int64(r.status), r.since, r.until
	})
	return err
}

// standingsOf folds a chain for everything that it names; false when that is
// too much.
func (w *writer) standingsOf(contact audience.ContactID, chain []audience.ConsentRecord) ([]standingRow, bool) {
	purposes := map[string]bool{audience.PurposeMarketing: true, "": true}
	lists := map[string]bool{"": true}
	var last time.Time
	short := true // every name fits into an index
	for i := range chain {
		r := &chain[i]
		purposes[r.Scope.Purpose] = true
		lists[r.Scope.List] = true
		short = short && w.checkKey("scope", r.Scope.Purpose) == nil && w.checkKey("scope", r.Scope.List) == nil
		if r.Recorded.After(last) {
			last = r.Recorded
		}
	}
	if len(chain) > mostFoldedRecords || len(purposes)*len(lists) > mostStandings || !short {
		return []standingRow{{contact: contact, status: tooComplicated, since: forever, until: forever}}, false
	}
	h := audience.History{Records: chain}
	var rows []standingRow
	for _, purpose := range slices.Sorted(maps.Keys(purposes)) {
		for _, list := range slices.Sorted(maps.Keys(lists)) {
			s := foldFor(&h, purpose, list, last)
			row := standingRow{contact: contact, purpose: purpose, list: list, status: s.Status, since: audience.Micros(last), until: forever}
			if !s.Until.IsZero() {
				row.until = audience.Micros(s.Until)
			}
			rows = append(rows, row)
		}
	}
	return rows, true
}

// foldFor folds for a purpose, or for one that no record names, and a topic of
// it.
func foldFor(h *audience.History, purpose, list string, at time.Time) audience.Standing {
	if purpose == "" {
		purpose = "\x00" // nobody can name this one
	}
	if list == "" {
		return h.Fold(audience.Scope{Channel: audience.ChannelEmail, Purpose: purpose}, at)
	}
	return h.OnList(audience.List{Name: list, Kind: audience.ListTopic, Purpose: purpose}, at)
}
