package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

// checkedAtOnce is how many rows one transaction looks at.
const checkedAtOnce = 500

type checkStatements struct {
	highest, page, tags, identities, standings, attributes *statement
	feedParts, partsOf                                     *statement
	strayParts, strayMentions, removePart, removeMention   *statement
}

func newCheckStatements(c *catalog) checkStatements {
	byID := keyed{table: "contacts", columns: "id, attrs, created_us, updated_us", column: "id", kind: "bigint", where: "audience = ?"}
	standings := keyed{table: "standings", columns: "contact, purpose, list, status, since_us, until_us", column: "contact", kind: "bigint", where: "audience = ?"}
	return checkStatements{
		highest:    c.add(everywhere, "highest contact id", "SELECT MAX(id) FROM {contacts} WHERE audience = ?"),
		page:       c.add(everywhere, "ids after", "SELECT id FROM {contacts} WHERE audience = ? AND id > ? ORDER BY id LIMIT ?"),
		attributes: c.add(byContact, "search copies", byID.find(c.dialect, "")),
		tags:       c.add(everywhere, "all tags", "SELECT tag, contact FROM {tags} WHERE audience = ? AND "+c.dialect.behind("tag", "contact")+" ORDER BY tag, contact LIMIT ?"),
		identities: c.add(everywhere, "all identities", "SELECT kind, ident, contact FROM {identities} "+
			"WHERE audience = ? AND "+c.dialect.behind("kind", "ident")+" ORDER BY kind, ident LIMIT ?"),
		standings: c.add(byContact, "standings", standings.all(c.dialect)),
		feedParts: c.add(onEachShard, "commits with parts", "SELECT seq, parts FROM {feed} WHERE audience = ? AND seq > ? AND parts > 0 ORDER BY seq LIMIT ?"),
		partsOf:   c.add(onEachShard, "count feed parts", "SELECT COUNT(*) FROM {feed_parts} WHERE audience = ? AND seq = ?"),
		strayParts: c.add(onEachShard, "parts of no commit",
			"SELECT DISTINCT p.seq FROM {feed_parts} p LEFT JOIN {feed} f ON f.seq = p.seq WHERE p.audience = ? AND f.seq IS NULL LIMIT ?"),
		strayMentions: c.add(onEachShard, "mentions of no commit",
			"SELECT m.contact, m.seq FROM {mentions} m LEFT JOIN {feed} f ON f.seq = m.seq WHERE m.audience = ? AND f.seq IS NULL LIMIT ?"),
		removePart:    c.add(onEachShard, "remove parts of no commit", "DELETE FROM {feed_parts} WHERE audience = ? AND seq = ?"),
		removeMention: c.add(onEachShard, "remove mention of no commit", "DELETE FROM {mentions} WHERE audience = ? AND contact = ? AND seq = ?"),
	}
}

// noting is how a page tells what it found.
type noting func(kind FindingKind, contact audience.ContactID, mended bool)

// contacts goes through all contacts: what is kept to find them by must be
// what their rows say.
func (c *checker) contacts(ctx context.Context) error {
	for after := int64(0); ; {
		var ids []audience.ContactID
		err := c.page(ctx, func(w *writer, note func(FindingKind, audience.ContactID, bool)) error {
			ids = ids[:0]
			if err := w.query(ctx, w.p.store.sql.check.page, func(rows *sql.Rows) error {
				var id int64
				err := rows.Scan(&id)
				ids = append(ids, audience.ContactID(id))
				return err
			}, w.p.id, after, int64(checkedAtOnce)); err != nil {
				return err
			}
			return c.contactPage(ctx, w, ids, note)
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		after = int64(ids[len(ids)-1])
		c.contact += len(ids)
		c.progress(c.contact)
	}
}

func (c *checker) contactPage(ctx context.Context, w *writer, ids []audience.ContactID, note noting) error {
	rows, err := w.LockContacts(ctx, ids)
	if err != nil {
		return err
	}
	if err := c.attributes(ctx, w, rows, note); err != nil {
		return err
	}
	if err := c.claims(ctx, w, rows, note); err != nil {
		return err
	}
	return c.tagsOf(ctx, w, rows, note)
}

// attributes compares the search copies of rows.
func (c *checker) attributes(ctx context.Context, w *writer, rows []audience.Contact, note noting) error {
	byID := make(map[audience.ContactID]*audience.Contact, len(rows))
	ids := make([]audience.ContactID, len(rows))
	for i := range rows {
		ids[i], byID[rows[i].ID] = rows[i].ID, &rows[i]
	}
	var differ []store.ContactRow
	for part := range parts(ids) {
		if err := w.query(ctx, w.p.store.sql.check.attributes, func(r *sql.Rows) error {
			var id, created, updated int64
			var attrs []byte
			if err := r.Scan(&id, &attrs, &created, &updated); err != nil {
				return err
			}
			row := byID[audience.ContactID(id)]
			if row == nil || sameJSON(attrs, rowcodec.Attributes(row)) && created == audience.Micros(row.CreatedAt) && updated == audience.Micros(row.UpdatedAt) {
				return nil
			}
			note(FindingAttributes, row.ID, true)
			differ = append(differ, store.ContactRow{Contact: row, Expect: row.Version})
			return nil
		}, idList(part), w.p.id); err != nil {
			return err
		}
	}
	if !c.mend || len(differ) == 0 {
		return nil
	}
	return w.PutContacts(ctx, differ)
}

// sameJSON compares objects as a database may give them back: in another order
// and with other spaces.
func sameJSON(a, b []byte) bool {
	decode := func(text []byte) (out map[string]any, err error) {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		err = d.Decode(&out)
		return out, err
	}
	x, errX := decode(a)
	y, errY := decode(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

// claims looks whether the identities of rows are held by them.
func (c *checker) claims(ctx context.Context, w *writer, rows []audience.Contact, note noting) error {
	var identities []audience.Identity
	var owners []audience.ContactID
	for i := range rows {
		for _, identity := range rows[i].Identities() {
			identities, owners = append(identities, identity), append(owners, rows[i].ID)
		}
	}
	if len(identities) == 0 {
		return nil
	}
	holders, err := w.Resolve(ctx, identities)
	if err != nil {
		return err
	}
	var claims []store.Claim
	for i, holder := range holders {
		switch holder {
		case owners[i]:
		case 0:
			note(FindingUnclaimed, owners[i], true)
			claims = append(claims, store.Claim{Identity: identities[i], Contact: owners[i]})
		default:
			note(FindingTaken, owners[i], false)
		}
	}
	if !c.mend || len(claims) == 0 {
		return nil
	}
	return w.ClaimIdentities(ctx, claims)
}

// tagsOf looks whether contacts are found by their tags.
func (c *checker) tagsOf(ctx context.Context, w *writer, rows []audience.Contact, note noting) error {
	wanted := make(map[tagged]bool)
	for i := range rows {
		for _, t := range rows[i].Tags {
			wanted[tagged{t.Name, rows[i].ID}] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	byTag := make(map[string][]audience.ContactID)
	for t := range wanted {
		byTag[t.tag] = append(byTag[t.tag], t.contact)
	}
	for _, tag := range sortedKeys(byTag) {
		for part := range parts(distinct(byTag[tag])) {
			if err := w.query(ctx, w.p.store.sql.tags.among, func(r *sql.Rows) error {
				var id int64
				err := r.Scan(&id)
				delete(wanted, tagged{tag, audience.ContactID(id)})
				return err
			}, idList(part), w.p.id, tag); err != nil {
				return err
			}
		}
	}
	missing := slices.SortedFunc(maps.Keys(wanted), tagged.compare)
	for _, t := range missing {
		note(FindingTags, t.contact, true)
	}
	if !c.mend {
		return nil
	}
	return w.addTags(ctx, missing)
}
