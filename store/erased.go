package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// fewDeleted is how many contacts that are gone are looked up one by one
// before all marks of deleted ones are read instead.
const fewDeleted = 64

// Erased reports for each id whether the contact was erased, herself or with
// the one she had been merged into; also for an id that was never given. Who
// was deleted and not erased is not among them. A feature that keeps contact
// ids where erasing does not reach asks this before it shows them.
func (r *Reader) Erased(ctx context.Context, ids []audience.ContactID) ([]bool, error) {
	standing, err := r.roles.Redirect(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]bool, len(ids))
	gone := 0
	for i, id := range standing {
		if id == 0 {
			out[i] = true
			gone++
		}
	}
	if gone > fewDeleted {
		return out, r.pardonDeleted(ctx, ids, out)
	}
	for i, id := range ids {
		if !out[i] {
			continue
		}
		as, err := r.DeletedAs(ctx, id)
		if err != nil {
			return nil, err
		}
		out[i] = as.Contact == 0
	}
	return out, nil
}

// pardonDeleted takes those who were only deleted out of the erased.
func (r *Reader) pardonDeleted(ctx context.Context, ids []audience.ContactID, erased []bool) error {
	at := make(map[string][]int)
	for i, id := range ids {
		if erased[i] {
			at[id.String()] = append(at[id.String()], i)
		}
	}
	for after := ""; ; {
		marks, err := r.roles.RecordsAfter(ctx, namespaceDeleted, "", after, maxPage, audience.MinInstant())
		if err != nil {
			return err
		}
		for _, mark := range marks {
			for _, i := range at[mark.Key] {
				erased[i] = false
			}
			after = mark.Key
		}
		if len(marks) < maxPage {
			return nil
		}
	}
}

// SweepErased removes what features recorded under contacts who were erased
// by then, because they did not know yet. Contacts who were not erased keep
// theirs.
func (tx *Tx) SweepErased(ctx context.Context, ids []audience.ContactID) error {
	erased, err := tx.Erased(ctx, ids)
	if err != nil {
		return err
	}
	var gone []audience.ContactID
	for i, id := range ids {
		if erased[i] && id != 0 {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return tx.write.DeleteRecordsOf(ctx, gone, nil)
}

// Deleted tells as whom somebody was deleted.
type Deleted struct {
	Contact audience.ContactID // who she was then: herself, or the one she had been merged into
	Created time.Time          // when that contact was; zero: not known
}

// DeletedAs tells as whom a contact was deleted who was not erased since: what
// [Tx.Delete] leaves of her is found, and erased, by that id. Of whoever is
// there, was erased, or never was it is the zero Deleted.
func (r *Reader) DeletedAs(ctx context.Context, id audience.ContactID) (Deleted, error) {
	if id == 0 {
		return Deleted{}, nil
	}
	rec, err := r.roles.Record(ctx, namespaceDeleted, id.String(), audience.MinInstant())
	if errors.Is(err, audience.ErrNotFound) {
		return Deleted{}, nil
	}
	if err != nil {
		return Deleted{}, err
	}
	root, created, dated := strings.Cut(string(rec.Value), " ")
	n, _ := strconv.ParseUint(root, 10, 32)
	out := Deleted{Contact: audience.ContactID(n)}
	if micros, err := strconv.ParseInt(created, 10, 64); dated && err == nil {
		out.Created = audience.FromMicros(micros)
	}
	return out, nil
}

// DeletedIDs gives up to limit contacts who were deleted and not erased since,
// and who had been merged into them, each once and in no order that means
// anything; after is the last one of the page before, 0 for the first.
func (r *Reader) DeletedIDs(ctx context.Context, after audience.ContactID, limit int) ([]audience.ContactID, error) {
	from := ""
	if after != 0 {
		from = after.String()
	}
	marks, err := r.roles.RecordsAfter(ctx, namespaceDeleted, "", from, pageSize(limit, maxPage), audience.MinInstant())
	if err != nil {
		return nil, err
	}
	out := make([]audience.ContactID, len(marks))
	for i := range marks {
		n, _ := strconv.ParseUint(marks[i].Key, 10, 32)
		out[i] = audience.ContactID(n)
	}
	return out, nil
}
