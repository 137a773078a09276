package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

type memberStatements struct {
	of, after, remove *statement
	add               *insertion
}

func newMemberStatements(c *catalog) memberStatements {
	of := keyed{table: "members", columns: "contact, list, at_us, body", column: "contact", kind: "bigint", where: "audience = ?"}
	onList := keyed{table: "members", column: "contact", kind: "bigint", where: "audience = ? AND list = ?"}
	return memberStatements{
		of:     c.add(byContact, "memberships", of.all(c.dialect)),
		after:  c.add(everywhere, "members after", "SELECT contact, list, at_us, body FROM {members}"+c.dialect.force("{members}_list")+" WHERE audience = ? AND list = ? AND contact > ? ORDER BY contact LIMIT ?"),
		remove: c.add(byContact, "remove members", onList.remove(c.dialect)),
		add: c.insert(insertion{
			name: "add members", key: byContact, table: "members", keys: []string{"audience", "contact", "list"}, existing: keep,
			columns: []column{{"audience", intColumn}, {"contact", intColumn}, {"list", textColumn}, {"at_us", intColumn}, {"body", bytesColumn}},
		}),
	}
}

func scanMembership(rows *sql.Rows) (store.Membership, error) {
	var contact, at int64
	var list string
	var body sql.RawBytes
	if err := rows.Scan(&contact, &list, &at, &body); err != nil {
		return store.Membership{}, err
	}
	return rowcodec.Membership(body, list, audience.ContactID(contact), audience.FromMicros(at))
}

// Memberships gives the memberships of the contacts in order.
func (r *reader) Memberships(ctx context.Context, origins []audience.ContactID) ([]store.Membership, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	var out []store.Membership
	for part := range parts(distinct(origins)) {
		if err := r.query(ctx, r.p.store.sql.members.of, func(rows *sql.Rows) error {
			m, err := scanMembership(rows)
			out = append(out, m)
			return err
		}, idList(part), r.p.id); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b store.Membership) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), strings.Compare(a.List, b.List))
	})
	return out, nil
}

// MembersAfter gives members of a list in ascending order.
func (r *reader) MembersAfter(ctx context.Context, list string, after audience.ContactID, limit int) ([]store.Membership, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	var out []store.Membership
	err := r.query(ctx, r.p.store.sql.members.after, func(rows *sql.Rows) error {
		m, err := scanMembership(rows)
		out = append(out, m)
		return err
	}, r.p.id, list, int64(after), int64(limit))
	if err != nil {
		return nil, err
	}
	return out, nil
}

// AddMembers adds the memberships that do not exist.
func (w *writer) AddMembers(ctx context.Context, members []store.Membership) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	first := make(map[memberKey]bool, len(members))
	var rows []store.Membership
	for _, m := range members {
		if err := w.checkKey("list", m.List, longestKey); err != nil {
			return err
		}
		if key := (memberKey{m.Origin, m.List}); !first[key] {
			first[key] = true
			rows = append(rows, m)
		}
	}
	slices.SortFunc(rows, func(a, b store.Membership) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), strings.Compare(a.List, b.List))
	})
	_, err := w.insert(ctx, w.p.store.sql.members.add, len(rows), func(i int, values []any) {
		m := &rows[i]
		values[0], values[1], values[2], values[3], values[4] = w.p.id, int64(m.Origin), m.List, audience.Micros(m.At), rowcodec.AppendMembership(nil, m)
	})
	return err
}

type memberKey struct {
	origin audience.ContactID
	list   string
}

// RemoveMembers removes memberships.
func (w *writer) RemoveMembers(ctx context.Context, members []store.Membership) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	of := make(map[string][]audience.ContactID)
	for _, m := range members {
		of[m.List] = append(of[m.List], m.Origin)
	}
	for list, origins := range of {
		for part := range parts(distinct(origins)) {
			if _, err := w.exec(ctx, w.p.store.sql.members.remove, idList(part), w.p.id, list); err != nil {
				return err
			}
		}
	}
	return nil
}
