package audience_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func private(s string) audience.Private { return audience.NewPrivate(s) }

func address(s string) audience.Address { return audience.MustAddress(s) }

func TestContactWriteIdentities(t *testing.T) {
	w := audience.ContactWrite{
		Match:     audience.Key("u1"),
		Email:     address("jane@example.com"),
		Addresses: []audience.Address{address("JANE@example.com"), address("j@example.org")},
		External:  []audience.ExternalID{audience.External("crm", "1"), audience.External("host", "u1")},
	}
	var got []string
	for _, i := range w.Identities() {
		got = append(got, strings.ReplaceAll(i.Index(), "\x00", " "))
	}
	require.Equal(t, []string{"external:host u1", "external:crm 1", "address jane@example.com", "address j@example.org"}, got)
	require.Empty(t, (&audience.ContactWrite{Match: audience.ID(3)}).Identities())
}

func TestContactWriteCheck(t *testing.T) {
	long := strings.Repeat("x", 300)
	limits := audience.Limits{Tags: 2, Fields: 2, Identities: 3, StringBytes: 250}
	tests := []struct {
		name       string
		change     func(*audience.ContactWrite)
		path, rule string
	}{
		{"good", func(*audience.ContactWrite) {}, "", ""},
		{"by id alone", func(w *audience.ContactWrite) { *w = audience.ContactWrite{Match: audience.ID(1)} }, "", ""},
		{"by external id alone", func(w *audience.ContactWrite) {
			*w = audience.ContactWrite{External: []audience.ExternalID{audience.External("crm", "1")}}
		}, "", ""},
		{"nobody", func(w *audience.ContactWrite) { *w = audience.ContactWrite{FirstName: private("Jane")} }, "match", "empty"},
		{"empty key alone", func(w *audience.ContactWrite) { *w = audience.ContactWrite{Match: audience.Key("")} }, "match", "empty"},
		{"long key", func(w *audience.ContactWrite) { w.Match = audience.Key(long + long) }, "match.id", "max-length"},
		{"NUL in the key", func(w *audience.ContactWrite) { w.Match = audience.Key("a\x00b") }, "match.id", "nul"},
		{"external id without system", func(w *audience.ContactWrite) {
			w.External = []audience.ExternalID{audience.External("crm", "1"), audience.External("", "1")}
		}, "external[1]", "empty"},
		{"no address among the further ones", func(w *audience.ContactWrite) { w.Addresses = []audience.Address{{}} }, "addresses[0]", "empty"},
		{"too many identities", func(w *audience.ContactWrite) {
			w.Addresses = []audience.Address{address("a@example.com"), address("b@example.com")}
			w.Detach = []audience.Identity{{}, {}}
		}, "identities", "max-items"},
		{"added and taken away", func(w *audience.ContactWrite) {
			w.Detach = []audience.Identity{audience.AddressIdentity(address("JANE@example.com"))}
		}, "detach[0]", "exclusive"},
		{"external id added and taken away", func(w *audience.ContactWrite) {
			w.External = []audience.ExternalID{audience.External("crm", "1")}
			w.Detach = []audience.Identity{audience.ExternalIdentity(audience.External("crm", "1"))}
		}, "detach[0]", "exclusive"},
		{"named by what is taken away", func(w *audience.ContactWrite) {
			w.Match = audience.Email("old@example.com")
			w.Detach = []audience.Identity{audience.AddressIdentity(address("old@example.com"))}
		}, "", ""},

		{"name", func(w *audience.ContactWrite) { w.FirstName = private(long) }, "first_name", "max-length"},
		{"no UTF-8", func(w *audience.ContactWrite) { w.LastName = private("\xff") }, "last_name", "utf8"},
		{"NUL", func(w *audience.ContactWrite) { w.Phone = private("\x00") }, "phone", "nul"},
		{"name set and cleared", func(w *audience.ContactWrite) {
			w.Phone, w.Clear = private("1"), []string{"phone"}
		}, "phone", "exclusive"},
		{"frequency", func(w *audience.ContactWrite) { w.Frequency = &long }, "frequency", "max-length"},

		{"both kinds of tags", func(w *audience.ContactWrite) { w.SetTags, w.AddTags = []string{}, []string{"a"} }, "tags", "exclusive"},
		{"set and removed tags", func(w *audience.ContactWrite) { w.SetTags, w.RemoveTags = []string{"a"}, []string{"a"} }, "tags", "exclusive"},
		{"no tags", func(w *audience.ContactWrite) { w.SetTags = []string{} }, "", ""},
		{"empty tag", func(w *audience.ContactWrite) { w.AddTags = []string{""} }, "tags", "empty"},
		{"tag with space around", func(w *audience.ContactWrite) { w.SetTags = []string{"a "} }, "tags", "space"},
		{"tag with a line break", func(w *audience.ContactWrite) { w.RemoveTags = []string{"a\nb"} }, "tags", "control"},
		{"too many tags", func(w *audience.ContactWrite) { w.AddTags = []string{"a", "b", "c"} }, "tags", "max-items"},

		{"value", func(w *audience.ContactWrite) { w.Set = map[string]audience.Value{"plan": audience.StringValue(long)} }, "fields.plan", "max-length"},
		{"absent value", func(w *audience.ContactWrite) { w.Set = map[string]audience.Value{"plan": {}} }, "fields.plan", "empty"},
		{"field name", func(w *audience.ContactWrite) { w.Set = map[string]audience.Value{"Plan": audience.IntValue(1)} }, "schema.fields", "name"},
		{"built-in field", func(w *audience.ContactWrite) {
			w.Set = map[string]audience.Value{"status": audience.StringValue("subscribed")}
		}, "schema.fields.status", "built-in"},
		{"too many fields", func(w *audience.ContactWrite) {
			w.Set = map[string]audience.Value{"a": audience.IntValue(1), "b": audience.IntValue(1), "c": audience.IntValue(1)}
		}, "fields", "max-items"},
		{"set and cleared", func(w *audience.ContactWrite) {
			w.Set, w.Clear = map[string]audience.Value{"plan": audience.IntValue(1)}, []string{"plan"}
		}, "fields.plan", "exclusive"},
		{"cleared names", func(w *audience.ContactWrite) { w.Clear = []string{"last_name", "phone"} }, "", ""},
		{"cleared address", func(w *audience.ContactWrite) { w.Clear = []string{"plan", "email"} }, "clear[1]", "unknown"},
		{"too much cleared", func(w *audience.ContactWrite) { w.Clear = []string{"a", "b", "c"} }, "clear", "max-items"},

		{"mode", func(w *audience.ContactWrite) { w.Mode = 3 }, "mode", "unknown"},
		{"owner", func(w *audience.ContactWrite) { w.Owner = "\xff" }, "owner", "utf8"},
		{"source", func(w *audience.ContactWrite) { w.Source.Name = long }, "source.name", "max-length"},
		{"first instant", func(w *audience.ContactWrite) { w.CreatedAt = audience.MinInstant() }, "", ""},
		{"last instant", func(w *audience.ContactWrite) { w.CreatedAt = audience.MaxInstant().Add(999) }, "", ""},
		{"after it", func(w *audience.ContactWrite) { w.CreatedAt = audience.MaxInstant().Add(microsecond) }, "created_at", "range"},
		{"before it", func(w *audience.ContactWrite) { w.CreatedAt = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC) }, "created_at", "range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := audience.ContactWrite{Email: address("jane@example.com"), FirstName: private("Jane")}
			tt.change(&w)
			err := w.Check(limits)
			if tt.rule == "" {
				require.NoError(t, err)
				return
			}
			field := requireField(t, err, tt.path, tt.rule)
			require.Equal(t, strings.HasPrefix(tt.rule, "max-"), field.Limit)
		})
	}
}

// TestChecksDoNotDependOnMapOrder: of several mistakes always the same one
// is reported.
func TestChecksDoNotDependOnMapOrder(t *testing.T) {
	bad := map[string]audience.Value{}
	for i := range 20 {
		bad[fmt.Sprintf("f%02d", i)] = audience.StringValue("\x00")
	}
	w := audience.ContactWrite{Match: audience.ID(1), Set: bad}
	e := audience.EventWrite{Contact: audience.ID(1), Type: "visit", Time: at(1), Props: bad}
	for range 20 {
		requireField(t, w.Check(audience.Limits{}), "fields.f00", "nul")
		requireField(t, e.Check(audience.Limits{}), "props.f00", "nul")
		_, err := e.Event(1, audience.EventType{Name: "visit"})
		requireField(t, err, "props.f00", "unknown")
	}
}

// TestHostileWriteIsCheap: what has too many parts is refused before they are
// compared with each other.
func TestHostileWriteIsCheap(t *testing.T) {
	const n = 1_000_000
	w := audience.ContactWrite{Addresses: make([]audience.Address, n)}
	requireField(t, w.Check(audience.Limits{}), "identities", "max-items")
	w = audience.ContactWrite{Match: audience.ID(1), Clear: make([]string, n)}
	requireField(t, w.Check(audience.Limits{}), "clear", "max-items")
	w = audience.ContactWrite{Match: audience.ID(1), SetTags: make([]string, n)}
	requireField(t, w.Check(audience.Limits{}), "tags", "max-items")
}
