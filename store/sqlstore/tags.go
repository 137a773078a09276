package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// The tags of contacts stand in their rows; {tags} has them again to be found
// by.
type tagStatements struct {
	remove, among *statement
	add           *insertion
}

func newTagStatements(c *catalog) tagStatements {
	byTag := keyed{table: "tags", columns: "contact", column: "contact", kind: "bigint", where: "audience = ? AND tag = ?"}
	return tagStatements{
		remove: c.add(byContact, "remove tags", byTag.remove(c.dialect)),
		among:  c.add(byContact, "who has a tag", byTag.find(c.dialect, "")),
		add: c.insert(insertion{
			name: "add tags", key: byContact, table: "tags", keys: []string{"audience", "tag", "contact"},
			columns:  []column{{"audience", intColumn}, {"tag", textColumn}, {"contact", intColumn}},
			existing: keep,
		}),
	}
}

// tagged is one tag of one contact.
type tagged struct {
	tag     string
	contact audience.ContactID
}

func (a tagged) compare(b tagged) int {
	return cmp.Or(strings.Compare(a.tag, b.tag), cmp.Compare(a.contact, b.contact))
}

// putTags makes the tags those of rows that are being stored. What was stored
// before is what the transaction remembers of them.
func (w *writer) putTags(ctx context.Context, rows []store.ContactRow) error {
	var added, removed []tagged
	for i := range rows {
		c := rows[i].Contact
		var before []audience.Tag
		if stored := w.locked[c.ID]; stored != nil {
			before = stored.Tags
		}
		added = append(added, tagsBeyond(c.ID, c.Tags, before)...)
		removed = append(removed, tagsBeyond(c.ID, before, c.Tags)...)
	}
	if err := w.deleteTags(ctx, removed); err != nil {
		return err
	}
	return w.addTags(ctx, added)
}

func (w *writer) addTags(ctx context.Context, added []tagged) error {
	slices.SortFunc(added, tagged.compare)
	_, err := w.insert(ctx, w.p.store.sql.tags.add, len(added), func(i int, values []any) {
		values[0], values[1], values[2] = w.p.id, added[i].tag, int64(added[i].contact)
	})
	return err
}

// tagsBeyond gives the tags that are not among others.
func tagsBeyond(id audience.ContactID, tags, others []audience.Tag) []tagged {
	if len(tags) == 0 {
		return nil
	}
	known := make(map[string]bool, len(others))
	for i := range others {
		known[others[i].Name] = true
	}
	var out []tagged
	for i := range tags {
		if !known[tags[i].Name] {
			out = append(out, tagged{tags[i].Name, id})
		}
	}
	return out
}

// removeTags removes the tags of contacts that the transaction has locked.
func (w *writer) removeTags(ctx context.Context, ids []audience.ContactID) error {
	var all []tagged
	for _, id := range ids {
		all = append(all, tagsBeyond(id, w.locked[id].Tags, nil)...)
	}
	return w.deleteTags(ctx, all)
}

func (w *writer) deleteTags(ctx context.Context, all []tagged) error {
	slices.SortFunc(all, tagged.compare)
	for len(all) > 0 {
		tag := all[0].tag
		var of []audience.ContactID
		for len(all) > 0 && all[0].tag == tag {
			of, all = append(of, all[0].contact), all[1:]
		}
		for part := range parts(of) {
			if _, err := w.exec(ctx, w.p.store.sql.tags.remove, idList(part), w.p.id, tag); err != nil {
				return err
			}
		}
	}
	return nil
}
