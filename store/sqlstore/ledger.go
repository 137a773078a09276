package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

type ledgerStatements struct {
	of, heads, contacts *statement
	append              *insertion
}

func newLedgerStatements(c *catalog) ledgerStatements {
	chains := keyed{table: "ledger", columns: "body", column: "contact", kind: "bigint", where: "audience = ?"}
	return ledgerStatements{
		of:    c.add(byContact, "ledger", chains.all(c.dialect)),
		heads: c.add(byContact, "ledger heads", headsText(c.dialect)),
		contacts: c.add(everywhere, "contacts with a ledger",
			"SELECT DISTINCT contact FROM {ledger} WHERE audience = ? AND contact > ? ORDER BY contact LIMIT ?"),
		append: c.insert(insertion{
			name: "append to ledger", key: byContact, table: "ledger", keys: []string{"audience", "contact", "seq"}, existing: compete,
			columns: []column{{"audience", intColumn}, {"contact", intColumn}, {"seq", intColumn}, {"body", bytesColumn}},
		}),
	}
}

// headsText gives the SELECT of the ends of chains; its arguments are the
// contacts and the audience.
func headsText(d *dialect) string {
	if d.arrays { // see keyed.find
		return "SELECT found.* FROM unnest(?::bigint[]) AS listed(item) CROSS JOIN LATERAL " +
			"(SELECT body FROM {ledger} WHERE contact = listed.item AND audience = ? ORDER BY seq DESC LIMIT 1) AS found"
	}
	return "SELECT l.body FROM (SELECT audience, contact, MAX(seq) AS seq FROM {ledger} WHERE contact {in bigint} AND audience = ? GROUP BY audience, contact) h " +
		"JOIN {ledger} l ON l.audience = h.audience AND l.contact = h.contact AND l.seq = h.seq"
}

func (s *session) ledger(ctx context.Context, st *statement, args ...any) ([]audience.ConsentRecord, error) {
	var out []audience.ConsentRecord
	err := s.query(ctx, st, func(rows *sql.Rows) error {
		var body sql.RawBytes
		if err := rows.Scan(&body); err != nil {
			return err
		}
		record, err := rowcodec.Record(body)
		out = append(out, record)
		return err
	}, args...)
	slices.SortFunc(out, func(a, b audience.ConsentRecord) int {
		return cmp.Or(cmp.Compare(a.Contact, b.Contact), cmp.Compare(a.Seq, b.Seq))
	})
	return out, err
}

// Ledger gives the contacts' chains in order.
func (r *reader) Ledger(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	var out []audience.ConsentRecord
	for part := range parts(distinct(contacts)) {
		some, err := r.ledger(ctx, r.p.store.sql.ledger.of, idList(part), r.p.id)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// LedgerHeads gives the ends of the contacts' chains.
func (r *reader) LedgerHeads(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	var out []audience.ConsentRecord
	for part := range parts(distinct(contacts)) {
		some, err := r.ledger(ctx, r.p.store.sql.ledger.heads, idList(part), r.p.id)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// LedgerHeadsAfter gives the ends of chains in ascending order.
func (r *reader) LedgerHeadsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.ConsentRecord, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	ids, err := r.chainsAfter(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	return r.LedgerHeads(ctx, ids)
}

// chainsAfter gives the contacts of whom anything is recorded.
func (r *reader) chainsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.ContactID, error) {
	var out []audience.ContactID
	err := r.query(ctx, r.p.store.sql.ledger.contacts, func(rows *sql.Rows) error {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		out = append(out, audience.ContactID(id))
		return nil
	}, r.p.id, int64(after), int64(limit))
	return out, err
}

// AppendLedger appends records that follow their chains, and derives the
// standings anew.
func (w *writer) AppendLedger(ctx context.Context, records []audience.ConsentRecord) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	contacts := make([]audience.ContactID, len(records))
	for i := range records {
		contacts[i] = records[i].Contact
	}
	stored, err := w.Ledger(ctx, contacts)
	if err != nil {
		return err
	}
	chains := make(map[audience.ContactID][]audience.ConsentRecord)
	for i := range stored {
		chains[stored[i].Contact] = append(chains[stored[i].Contact], stored[i])
	}
	for i := range records {
		r := &records[i]
		var prev *audience.ConsentRecord
		if chain := chains[r.Contact]; len(chain) > 0 {
			prev = &chain[len(chain)-1]
		}
		if err := r.CheckLink(w.p.name, prev); err != nil {
			return wrap(err)
		}
		chains[r.Contact] = append(chains[r.Contact], *r)
	}
	if err := w.add(ctx, w.p.store.sql.ledger.append, len(records), func(i int, values []any) {
		r := &records[i]
		values[0], values[1], values[2], values[3] = w.p.id, int64(r.Contact), int64(r.Seq), rowcodec.AppendRecord(nil, r)
	}); err != nil {
		return err
	}
	return w.putStandings(ctx, chains)
}
