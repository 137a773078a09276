package store

import (
	"context"
	"slices"
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
)

// blankFeed empties the changes of the erased. Contacts whom she was merged
// into for a while had her addresses in their rows: those changes are emptied
// too, and the contact as she is now is told instead.
func (d *removal) blankFeed(ctx context.Context) error {
	tx, origins := d.tx, d.lineages.origins
	if err := tx.blank(ctx, origins); err != nil {
		return err
	}
	hosts, err := tx.formerWinners(ctx, origins)
	if err != nil || len(hosts) == 0 {
		return err
	}
	if err := tx.blank(ctx, hosts, ChangeContact, ChangeMerge, ChangeUnmerge); err != nil {
		return err
	}
	current, err := tx.roles.Redirect(ctx, hosts) // they may have been merged since
	if err != nil {
		return err
	}
	slices.Sort(current)
	current = slices.DeleteFunc(slices.Compact(current), func(id audience.ContactID) bool { return id == 0 })
	rows, err := tx.roles.Contacts(ctx, current)
	if err != nil || len(rows) == 0 {
		return err
	}
	changes := make([]Change, len(rows))
	for i := range rows {
		row := rows[i]
		changes[i] = Change{Kind: ChangeContact, Contact: row.ID, After: &row, Source: d.source}
	}
	return tx.logSuppressed(ctx, changes...)
}

// formerWinners finds everybody into whom contacts, or those former winners
// themselves, had been merged before it was undone.
func (tx *Tx) formerWinners(ctx context.Context, contacts []audience.ContactID) ([]audience.ContactID, error) {
	seen := make(map[audience.ContactID]bool, len(contacts))
	for _, id := range contacts {
		seen[id] = true
	}
	var out []audience.ContactID
	for queue := slices.Clone(contacts); len(queue) > 0; queue = queue[1:] {
		prefix := queue[0].String() + "/"
		for after := ""; ; {
			page, err := tx.roles.RecordsAfter(ctx, namespaceUnmerged, prefix, after, defaultPage, audience.MinInstant())
			if err != nil {
				return nil, err
			}
			for _, rec := range page {
				n, _ := strconv.ParseUint(rec.Key[len(prefix):], 10, 32)
				if id := audience.ContactID(n); !seen[id] {
					seen[id] = true
					out = append(out, id)
					queue = append(queue, id)
				}
				after = rec.Key
			}
			if len(page) < defaultPage {
				break
			}
		}
	}
	return out, nil
}

// markUnmerged remembers that a contact was merged into another one for a
// while.
func (tx *Tx) markUnmerged(ctx context.Context, m Merge) error {
	key := m.Loser.String() + "/" + m.Winner.String()
	mark := Record{Namespace: namespaceUnmerged, Key: key, Value: []byte("1"), Contact: m.Loser}
	known, err := tx.roles.RecordsAfter(ctx, namespaceUnmerged, key, "", 1, audience.MinInstant())
	if err != nil {
		return err
	}
	if len(known) > 0 && known[0].Key == key {
		return nil
	}
	_, err = tx.write.PutRecords(ctx, []Record{mark}, tx.at)
	return err
}
