package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func contactFaults() []fault {
	return []fault{
		{
			name: "spaces are trimmed", found: []string{"contacts/round-trip"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return trimming{w} }),
		},
		{
			name: "fields are added to those that are there", found: []string{"contacts/a-row-replaces-the-whole-row"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return addingFields{w} }),
		},
		{
			name: "no version is checked", found: []string{"contacts/expected-version", "contacts/refused-batch-stores-nothing"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return anyVersion{w} }),
		},
		{
			name: "rows go in one by one", found: []string{"contacts/refused-batch-stores-nothing"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return rowByRow{w} }),
		},
		{
			name: "ids of nobody are accepted", found: []string{"contacts/only-given-ids"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return anyID{w} }),
		},
		{
			name: "rows come in order of their ids", found: []string{"contacts/order-of-the-argument"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return sortedRows{w} }),
		},
		{
			name: "a page begins with the last row of the one before", found: []string{"contacts/ascending-pages", "pages/every-size"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return repeatingPages{w} }),
		},
		{
			name: "a page skips its last row", found: []string{"contacts/ascending-pages", "pages/every-size"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return skippingPages{w} }),
		},
		{
			name: "pages go by offset", found: []string{"contacts/a-change-between-pages"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				offsets := make(map[audience.ContactID]int)
				return func(w store.WriteRoles) store.WriteRoles { return offsetPages{w, offsets} }
			},
		},
		{
			name: "what was deleted stays deleted", found: []string{"contacts/delete-and-put-back", "merges/undone-exactly"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				gone := make(map[audience.ContactID]bool)
				return func(w store.WriteRoles) store.WriteRoles { return burning{w, gone} }
			},
		},
		{
			name: "rows that were handed out are changed", found: []string{"contacts/what-was-read-stays"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				var handed []audience.Contact
				return func(w store.WriteRoles) store.WriteRoles { return sharing{w, &handed} }
			},
		},
	}
}

type trimming struct{ store.WriteRoles }

func (f trimming) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	rows = slices.Clone(rows)
	for i := range rows {
		c := *rows[i].Contact
		c.FirstName = audience.NewPrivate(strings.TrimSpace(c.FirstName.Reveal()))
		rows[i].Contact = &c
	}
	return f.WriteRoles.PutContacts(ctx, rows)
}

type addingFields struct{ store.WriteRoles }

func (f addingFields) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	rows = slices.Clone(rows)
	for i := range rows {
		stored, err := f.Contacts(ctx, []audience.ContactID{rows[i].Contact.ID})
		if err == nil && len(stored) > 0 && len(rows[i].Contact.Fields) == 0 {
			c := *rows[i].Contact
			c.Fields = stored[0].Fields
			rows[i].Contact = &c
		}
	}
	return f.WriteRoles.PutContacts(ctx, rows)
}

type anyVersion struct{ store.WriteRoles }

func (f anyVersion) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	return putAnyway(ctx, f.WriteRoles, rows)
}

type rowByRow struct{ store.WriteRoles }

func (f rowByRow) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	for i := range rows {
		if err := f.WriteRoles.PutContacts(ctx, rows[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

type anyID struct{ store.WriteRoles }

func (f anyID) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	if err := f.WriteRoles.PutContacts(ctx, rows); !errors.Is(err, audience.ErrInvalid) {
		return err
	}
	return nil
}

type sortedRows struct{ store.WriteRoles }

func (f sortedRows) Contacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return f.WriteRoles.Contacts(ctx, slices.Compact(ids))
}

type repeatingPages struct{ store.WriteRoles }

func (f repeatingPages) ContactsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.Contact, error) {
	return f.WriteRoles.ContactsAfter(ctx, max(after, 1)-1, limit)
}

type skippingPages struct{ store.WriteRoles }

func (f skippingPages) ContactsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.Contact, error) {
	if after > 0 {
		after++
	}
	return f.WriteRoles.ContactsAfter(ctx, after, limit)
}

type offsetPages struct {
	store.WriteRoles
	offsets map[audience.ContactID]int
}

func (f offsetPages) ContactsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.Contact, error) {
	all, err := f.WriteRoles.ContactsAfter(ctx, 0, batchItems)
	if err != nil {
		return nil, err
	}
	from := min(f.offsets[after], len(all))
	page := all[from:min(from+limit, len(all))]
	if len(page) > 0 {
		f.offsets[page[len(page)-1].ID] = from + len(page)
	}
	return page, nil
}

type burning struct {
	store.WriteRoles
	gone map[audience.ContactID]bool
}

func (f burning) DeleteContacts(ctx context.Context, ids []audience.ContactID) error {
	for _, id := range ids {
		f.gone[id] = true
	}
	return f.WriteRoles.DeleteContacts(ctx, ids)
}

func (f burning) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	for _, row := range rows {
		if f.gone[row.Contact.ID] {
			return audience.ErrConflict
		}
	}
	return f.WriteRoles.PutContacts(ctx, rows)
}

type sharing struct {
	store.WriteRoles
	handed *[]audience.Contact
}

func (f sharing) Contacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	rows, err := f.WriteRoles.Contacts(ctx, ids)
	for i := range rows {
		rows[i].Tags = slices.Clone(rows[i].Tags)
	}
	*f.handed = append(*f.handed, rows...)
	return rows, err
}

func (f sharing) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	for _, c := range *f.handed {
		if c.ID == rows[0].Contact.ID && len(c.Tags) > 0 {
			c.Tags[0].Name = "overwritten"
		}
	}
	return f.WriteRoles.PutContacts(ctx, rows)
}
