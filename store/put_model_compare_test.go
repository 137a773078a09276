package store_test

import (
	"errors"
	"slices"
	"strconv"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (d *putDriver) requireRefused(err error, want map[int]string) {
	d.t.Helper()
	d.kinds["batch refused"]++
	var refused *audience.BatchError
	require.ErrorAs(d.t, err, &refused)
	got := map[int]string{}
	for _, item := range refused.Items {
		var conflict *audience.ConflictError
		switch {
		case errors.As(item.Err, &conflict):
			got[item.Index] = conflict.Kind
		case errors.Is(item.Err, audience.ErrNotFound):
			got[item.Index] = "not found"
		case errors.Is(item.Err, audience.ErrInvalid):
			got[item.Index] = "invalid"
		}
	}
	require.Equal(d.t, want, got)
	for _, kind := range got {
		d.kinds[kind]++
	}
}

// accept compares what is told of each write, and takes over the new state:
// what was created gets its id, what changed its next version.
func (d *putDriver) accept(all []*modelContact, want []modelResult, got []store.PutResult) {
	d.t.Helper()
	require.Len(d.t, got, len(want))
	for i, res := range want {
		c := all[res.at]
		if c.id == 0 {
			c.id = got[i].ID
			require.Greater(d.t, c.id, d.lastID, "ids ascend, and are given once")
			d.lastID = c.id
		}
		if c.changed {
			c.version++
			c.changed = false
		}
		require.Equal(d.t, store.PutResult{ID: c.id, Version: c.version, Created: res.created, Changed: res.changed}, got[i])
		switch {
		case res.created:
			d.kinds["created"]++
		case res.changed:
			d.kinds["changed"]++
		default:
			d.kinds["unchanged"]++
		}
	}
	d.contacts = all
}

// compare reads everything.
func (d *putDriver) compare() {
	d.t.Helper()
	owners := map[string]audience.ContactID{}
	var want []*modelContact
	for _, c := range d.contacts {
		want = append(want, c)
		for identity := range c.identities() {
			require.Zero(d.t, owners[identity], "an identity belongs to one contact")
			owners[identity] = c.id
		}
	}
	slices.SortFunc(want, func(a, b *modelContact) int { return int(a.id) - int(b.id) })
	d.f.view(func(r *store.Reader) error {
		schema := r.Schema()
		i := 0
		for c, err := range r.AllContacts(d.t.Context(), store.ContactQuery{}) {
			require.NoError(d.t, err)
			require.Less(d.t, i, len(want))
			require.Equal(d.t, want[i], modelOf(&c, &schema))
			i++
		}
		require.Len(d.t, want, i)
		for n := range 9 {
			for _, text := range []string{"a" + strconv.Itoa(n) + "@example.com", "host:k" + strconv.Itoa(n), "crm:c" + strconv.Itoa(n)} {
				ids, err := r.Resolve(d.t.Context(), realRef(text))
				require.NoError(d.t, err)
				require.Equal(d.t, owners[text], ids[0], "%s", text)
			}
		}
		return nil
	})
}

// modelOf gives a contact of the store in the model's form.
func modelOf(c *audience.Contact, schema *audience.Schema) *modelContact {
	out := &modelContact{
		id: c.ID, version: c.Version, external: map[string]string{}, name: c.FirstName.Reveal(), tags: map[string]bool{},
	}
	for _, a := range c.Addresses {
		out.addresses = append(out.addresses, a.Canonical())
	}
	for _, x := range c.External {
		out.external[x.System] += x.ID.Reveal()
	}
	for _, tag := range c.Tags {
		out.tags[tag.Name] = true
	}
	out.size, _ = c.Field(schema, "size").Int()
	return out
}
