package audience_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// writer makes random contacts and writes out of few parts, so that they
// meet.
type writer struct{ *rand.Rand }

func (r writer) some(all ...string) []string {
	var out []string
	for _, s := range all {
		if r.IntN(3) == 0 {
			out = append(out, s)
		}
	}
	r.Shuffle(len(out), func(i, k int) { out[i], out[k] = out[k], out[i] })
	return out
}

func (r writer) address() audience.Address {
	return address([]string{"a@example.com", "A@example.com", "b@example.com", "c@example.com", "C@EXAMPLE.com"}[r.IntN(5)])
}

func (r writer) external() audience.ExternalID {
	return audience.External([]string{"crm", "host"}[r.IntN(2)], []string{"1", "2", "3"}[r.IntN(3)])
}

func (r writer) value(name string) audience.Value {
	n := r.IntN(3)
	switch name {
	case "score":
		if n == 0 {
			return audience.IntValue(1)
		}
		return audience.DoubleValue(float64(n))
	case "interests":
		return audience.StringListValue(r.some("x", "y")...)
	default:
		return audience.StringValue(fmt.Sprint("v", n))
	}
}

func (r writer) name() audience.Private {
	return private([]string{"", "", "Jane", "Joan"}[r.IntN(4)])
}

func (r writer) write() audience.ContactWrite {
	w := audience.ContactWrite{
		Match: audience.ID(5), FirstName: r.name(), LastName: r.name(), Clear: r.some("phone", "plan", "score"), Owner: "scoring",
		Source: audience.Source{Name: "w"},
	}
	switch r.IntN(4) {
	case 0:
		w.Match = audience.AddressRef(r.address())
	case 1:
		w.Match = audience.ExternalRef(r.external())
	}
	if r.IntN(2) == 0 {
		w.Email = r.address()
	}
	for range r.IntN(3) {
		switch r.IntN(4) {
		case 0:
			w.Addresses = append(w.Addresses, r.address())
		case 1:
			w.External = append(w.External, r.external())
		case 2:
			w.Detach = append(w.Detach, audience.AddressIdentity(r.address()))
		default:
			w.Detach = append(w.Detach, audience.ExternalIdentity(r.external()))
		}
	}
	if r.IntN(3) == 0 {
		w.SetTags = append([]string{}, r.some("a", "b", "c", "a")...)
	} else {
		w.AddTags, w.RemoveTags = r.some("a", "b", "c", "b"), r.some("a", "b", "c")
	}
	w.Set = map[string]audience.Value{}
	for _, name := range r.some("plan", "score", "interests") {
		w.Set[name] = r.value(name)
		w.Clear = slices.DeleteFunc(w.Clear, func(c string) bool { return c == name })
	}
	return w
}

// held is what a contact has, as sets and maps.
type held struct {
	identities, tags map[string]bool
	fields           map[audience.FieldID]string
}

func heldBy(c audience.Contact) held {
	h := held{map[string]bool{}, map[string]bool{}, map[audience.FieldID]string{}}
	for _, i := range c.Identities() {
		h.identities[i.Index()] = true
	}
	for _, tag := range c.Tags {
		h.tags[tag.Name] = true
	}
	for _, f := range c.Fields {
		h.fields[f.ID] = f.Value.Type().String() + f.Value.Reveal()
	}
	return h
}

// expect does what a write says, by sets and maps.
func (h held) expect(w audience.ContactWrite) {
	for _, d := range w.Detach {
		delete(h.identities, d.Index())
	}
	bring := w
	if i, ok := w.Match.Identity(); ok && slices.ContainsFunc(w.Detach, i.Equal) {
		bring.Match = audience.Ref{}
	}
	for _, i := range bring.Identities() {
		h.identities[i.Index()] = true
	}
	if w.SetTags != nil {
		clear(h.tags)
	}
	for _, name := range w.RemoveTags {
		delete(h.tags, name)
	}
	for _, name := range slices.Concat(w.SetTags, w.AddTags) {
		h.tags[name] = true
	}
	for name, v := range w.Set {
		f, _ := shopFields(name)
		h.fields[f.ID] = f.Type.String() + v.Reveal()
	}
	for _, name := range w.Clear {
		if f, ok := shopFields(name); ok {
			delete(h.fields, f.ID)
		}
	}
}

// spare gives a slice a marked place behind its end, which belongs to
// somebody else.
func spare[T any](items []T, mark T) []T {
	return append(slices.Clip(slices.Clone(items)), mark)[:len(items)]
}

// TestApplyProperties: a write does what it says and nothing more, leaves the
// given contact alone, and done again changes nothing.
func TestApplyProperties(t *testing.T) {
	r := writer{rand.New(rand.NewPCG(7, 11))}
	refused, unchanged := 0, 0
	c := jane()
	for range 8_000 {
		w := r.write()
		if w.Check(audience.Limits{}) != nil { // set and cleared, added and taken away
			refused++
			continue
		}
		mark := audience.Provenance{}
		c.Addresses = spare(c.Addresses, address("mark@example.com"))
		c.External = spare(c.External, audience.External("mark", "1"))
		c.Tags = spare(c.Tags, audience.Tag{Name: "mark", Origin: &mark})
		c.Fields = spare(c.Fields, audience.FieldValue{ID: 99})
		before := describe(c)

		next, changed, err := w.Apply(c, shopFields, at(2), audience.Limits{Tags: 4, Identities: 6})
		require.Equal(t, before, describe(c), "the given contact is not changed")
		require.Equal(t, "mark@example.com", c.Addresses[:len(c.Addresses)+1][len(c.Addresses)].Reveal(), "nor what lies behind it")
		require.Equal(t, "mark", c.External[:len(c.External)+1][len(c.External)].System)
		require.Equal(t, "mark", c.Tags[:len(c.Tags)+1][len(c.Tags)].Name)
		require.Equal(t, audience.FieldID(99), c.Fields[:len(c.Fields)+1][len(c.Fields)].ID)
		want := heldBy(c)
		want.expect(w)
		if err != nil {
			refused++
			n := len(want.identities)
			require.True(t, n == 0 || n > 6 || len(want.tags) > 4, "%v", err)
			continue
		}
		require.Equal(t, want, heldBy(next))
		require.Equal(t, changed, before != describe(next))
		require.Len(t, next.Identities(), len(want.identities), "each once")
		if !w.Email.IsZero() {
			require.Equal(t, w.Email.Reveal(), next.Email().Reveal())
		}
		require.True(t, slices.IsSortedFunc(next.External, audience.CompareExternal))
		require.Equal(t, slices.Sorted(maps.Keys(want.tags)), append([]string(nil), next.TagNames()...))
		require.True(t, slices.IsSortedFunc(next.Fields, func(a, b audience.FieldValue) int { return int(a.ID) - int(b.ID) }))
		if !changed {
			unchanged++
		}
		again, changed, err := w.Apply(next, shopFields, at(3), audience.Limits{})
		require.NoError(t, err)
		require.False(t, changed, "applying it again changes nothing")
		require.Equal(t, describe(next), describe(again))
		c = next
	}
	require.Less(t, refused, 5_000)
	require.Positive(t, unchanged)
}
