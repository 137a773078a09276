package sqlstore

import (
	"context"
	"database/sql"
	"math"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

type contactStatements struct {
	find, lock, after, count, remove *statement
	add, put                         *insertion
}

func newContactStatements(c *catalog) contactStatements {
	byID := keyed{table: "contacts", columns: "id, version, body", column: "id", kind: "bigint", where: "audience = ?"}
	row := insertion{
		name: "add contacts", key: byContact, table: "contacts", keys: []string{"audience", "id"},
		columns: []column{
			{"audience", intColumn},
			{"id", intColumn},
			{"version", intColumn},
			{"created_us", intColumn},
			{"updated_us", intColumn},
			{"attrs", jsonColumn},
			{"body", bytesColumn},
		},
		existing: compete,
	}
	replacing := row
	replacing.name, replacing.existing = "put contacts", replace
	return contactStatements{
		find:   c.add(byContact, "find contacts", byID.find(c.dialect, "")),
		lock:   c.points(byContact, "lock contacts", byID.find(c.dialect, c.dialect.lock)),
		after:  c.add(everywhere, "contacts after", "SELECT id, version, body FROM {contacts} WHERE audience = ? AND id > ? ORDER BY id LIMIT ?"),
		count:  c.add(everywhere, "count contacts", "SELECT COUNT(*) FROM {contacts} WHERE audience = ?"),
		remove: c.add(byContact, "remove contacts", byID.remove(c.dialect)),
		add:    c.insert(row),
		put:    c.insert(replacing),
	}
}

// scanContact reads a row of id, version and body.
func scanContact(row *sql.Rows) (audience.Contact, error) {
	var id, version int64
	var body sql.RawBytes
	if err := row.Scan(&id, &version, &body); err != nil {
		return audience.Contact{}, err
	}
	return rowcodec.Contact(body, audience.ContactID(id), uint64(version))
}

// Contacts gives the rows that exist, in the order of ids.
func (r *reader) Contacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	found := make(map[audience.ContactID]*audience.Contact, len(ids))
	if err := r.readContacts(ctx, r.p.store.sql.contacts.find, distinct(ids), func(c *audience.Contact) { found[c.ID] = c }); err != nil {
		return nil, err
	}
	return inOrder(ids, found), nil
}

// readContacts reads rows, of ids that are ascending.
func (s *session) readContacts(ctx context.Context, st *statement, ids []audience.ContactID, give func(*audience.Contact)) error {
	for part := range parts(ids) {
		if err := s.query(ctx, st, func(row *sql.Rows) error {
			c, err := scanContact(row)
			if err == nil {
				give(&c)
			}
			return err
		}, idList(part), s.p.id); err != nil {
			return err
		}
	}
	return nil
}

func inOrder(ids []audience.ContactID, found map[audience.ContactID]*audience.Contact) []audience.Contact {
	out := make([]audience.Contact, 0, len(ids))
	for _, id := range ids {
		if c := found[id]; c != nil {
			out = append(out, *c)
		}
	}
	return out
}

// ContactsAfter gives rows in ascending order.
func (r *reader) ContactsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.Contact, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	out := []audience.Contact{}
	err := r.query(ctx, r.p.store.sql.contacts.after, func(row *sql.Rows) error {
		c, err := scanContact(row)
		out = append(out, c)
		return err
	}, r.p.id, int64(after), int64(limit))
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CountContacts gives the number of rows.
func (r *reader) CountContacts(ctx context.Context) (n int, err error) {
	if err := r.enter(ctx); err != nil {
		return 0, err
	}
	err = r.query(ctx, r.p.store.sql.contacts.count, func(row *sql.Rows) error { return row.Scan(&n) }, r.p.id)
	return n, err
}

// NewContactIDs gives ids of what was taken before the transaction began.
func (w *writer) NewContactIDs(ctx context.Context, n int) ([]audience.ContactID, error) {
	if err := w.enterWrite(ctx); err != nil {
		return nil, err
	}
	if n > 0 && uint64(n) > math.MaxUint32 {
		return nil, wrap(audience.ErrFull)
	}
	numbers, err := w.numbersAbove(ctx, countContacts, n, 0)
	if err != nil {
		return nil, err
	}
	out := make([]audience.ContactID, len(numbers))
	for i, number := range numbers {
		out[i] = audience.ContactID(number)
		w.locked[out[i]] = nil // nobody else can have a row of it
	}
	return out, nil
}

// Contacts gives the rows that exist, in the order of ids. What the
// transaction has locked it knows, also where its snapshot is older.
func (w *writer) Contacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	unknown := w.notLocked(ids)
	if len(unknown) == len(ids) {
		return w.reader.Contacts(ctx, ids)
	}
	if err := w.enter(ctx); err != nil {
		return nil, err
	}
	found := make(map[audience.ContactID]*audience.Contact, len(ids))
	if err := w.readContacts(ctx, w.p.store.sql.contacts.find, distinct(unknown), func(c *audience.Contact) { found[c.ID] = c }); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if c, ok := w.locked[id]; ok {
			found[id] = c
		}
	}
	return inOrder(ids, found), nil
}

// notLocked gives the ids of rows that the transaction has not locked.
func (w *writer) notLocked(ids []audience.ContactID) []audience.ContactID {
	var out []audience.ContactID
	for _, id := range ids {
		if _, ok := w.locked[id]; !ok {
			out = append(out, id)
		}
	}
	return out
}

// LockContacts is Contacts, and holds the rows until the end of the
// transaction.
func (w *writer) LockContacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	if err := w.enterWrite(ctx); err != nil {
		return nil, err
	}
	if err := w.lock(ctx, ids); err != nil {
		return nil, err
	}
	return inOrder(ids, w.locked), nil
}

// lock locks the rows that exist, in the order of ids, as everybody does, and
// remembers them all. A row that does not exist cannot be locked: who makes it
// first is found out when it is made.
func (w *writer) lock(ctx context.Context, ids []audience.ContactID) error {
	unknown := distinct(w.notLocked(ids))
	if err := w.readContacts(ctx, w.p.store.sql.contacts.lock, unknown, func(c *audience.Contact) { w.locked[c.ID] = c }); err != nil {
		return err
	}
	for _, id := range unknown {
		if _, ok := w.locked[id]; !ok {
			w.locked[id] = nil
		}
	}
	return w.upToDate(ctx, unknown)
}

// PutContacts stores rows whose stored version is the expected one.
func (w *writer) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	if err := w.enterWrite(ctx); err != nil {
		return err
	}
	ids := make([]audience.ContactID, len(rows))
	for i := range rows {
		ids[i] = rows[i].Contact.ID
	}
	if err := w.lock(ctx, ids); err != nil {
		return err
	}
	for i := range rows {
		if err := w.checkRow(ctx, &rows[i]); err != nil {
			return err
		}
		for _, tag := range rows[i].Contact.Tags {
			if err := w.checkKey("tags", tag.Name, longestKey); err != nil {
				return err
			}
		}
	}
	var added, changed []*audience.Contact
	for i := range rows {
		c := rows[i].Contact
		if w.locked[c.ID] == nil {
			added = append(added, c)
		} else {
			changed = append(changed, c)
		}
	}
	st := &w.p.store.sql.contacts
	if err := w.add(ctx, st.add, len(added), w.contactRows(added)); err != nil {
		return err
	}
	if _, err := w.insert(ctx, st.put, len(changed), w.contactRows(changed)); err != nil {
		return err
	}
	if err := w.putTags(ctx, rows); err != nil {
		return err
	}
	for i := range rows {
		w.locked[rows[i].Contact.ID] = rows[i].Contact
	}
	return nil
}

// checkRow looks whether a row may be stored.
func (w *writer) checkRow(ctx context.Context, row *store.ContactRow) error {
	id := row.Contact.ID
	stored := w.locked[id]
	if stored == nil {
		given, err := w.given(ctx, id)
		if err != nil {
			return err
		}
		if id == 0 || !given {
			return wrap(&audience.FieldError{Path: "contact.id", Rule: "range", Hint: "an id that this audience gave"})
		}
	}
	if (stored != nil) != (row.Expect != 0) || stored != nil && stored.Version != row.Expect {
		return wrap(&audience.ConflictError{Kind: "version", Contact: id, Hint: "the row was changed; read it again"})
	}
	return nil
}

// contactRows gives contacts as rows, in the order of ids.
func (w *writer) contactRows(contacts []*audience.Contact) row {
	slices.SortFunc(contacts, func(a, b *audience.Contact) int { return int(int64(a.ID) - int64(b.ID)) })
	return func(i int, values []any) {
		c := contacts[i]
		values[0], values[1], values[2] = w.p.id, int64(c.ID), int64(c.Version)
		values[3], values[4] = audience.Micros(c.CreatedAt), audience.Micros(c.UpdatedAt)
		values[5], values[6] = string(rowcodec.Attributes(c)), rowcodec.AppendContact(nil, c)
	}
}

// DeleteContacts removes rows.
func (w *writer) DeleteContacts(ctx context.Context, ids []audience.ContactID) error {
	if err := w.enterWrite(ctx); err != nil {
		return err
	}
	if err := w.lock(ctx, ids); err != nil {
		return err
	}
	var there []audience.ContactID
	for _, id := range distinct(ids) {
		if w.locked[id] != nil {
			there = append(there, id)
		}
	}
	if err := w.removeTags(ctx, there); err != nil {
		return err
	}
	for part := range parts(there) {
		if _, err := w.exec(ctx, w.p.store.sql.contacts.remove, idList(part), w.p.id); err != nil {
			return err
		}
	}
	for _, id := range there {
		w.locked[id] = nil
	}
	return nil
}
