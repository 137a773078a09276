package exporter_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/store"
)

func TestColumnsRefused(t *testing.T) {
	aud := janeAndBob(t)
	tests := []struct {
		name    string
		columns []string
		want    string
	}{
		{"unknown", []string{"email", "frist_name"}, `columns[1]: unknown: did you mean "first_name"?`},
		{"unknown field", []string{"birthdya"}, `columns[0]: unknown: did you mean "birthday"?`},
		{"far from all", []string{"jane@example.com"}, `columns[0]: unknown: a built-in column, a custom field, external:<system> or consent:<purpose>`},
		{"empty", []string{""}, `columns[0]: unknown: a built-in column, a custom field, external:<system> or consent:<purpose>`},
		{"undeclared purpose", []string{"consent:reserch"}, `columns[0]: unknown: did you mean "consent:research"?`},
		{"bad system", []string{"external:"}, `columns[0]: empty`},
		{"twice", []string{"email", "age", "email"}, `columns[2]: double: each column once; this one is that of columns[0]`},
		{"the host's ids twice", []string{"external_id", "external:host"}, `columns[1]: double: each column once; this one is that of columns[0]`},
		{"twice in other words", []string{"age", "field:age"}, `columns[1]: double: each column once; this one is that of columns[0]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			_, err := export(t, aud, exporter.NDJSON(&out), exporter.Options{Columns: tt.columns})
			var field *audience.FieldError
			require.ErrorAs(t, err, &field)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "jane@")
			require.Empty(t, out.String())
		})
	}
}

// TestFieldNamedLikeAColumn: both can leave, and by default do.
func TestFieldNamedLikeAColumn(t *testing.T) {
	aud := open(t)
	_, err := aud.Put(t.Context(), audience.ContactWrite{Match: audience.Key("u1"), Set: map[string]audience.Value{"lists": audience.StringValue("mine"), "a": audience.IntValue(1)}})
	require.NoError(t, err)
	require.Equal(t, []string{"external_id", "email", "first_name", "last_name", "phone", "tags", "status", "created_at", "a", "field:lists"},
		exporter.DefaultColumns(aud.Schema()))
	var out strings.Builder
	_, err = export(t, aud, exporter.NDJSON(&out), exporter.Options{Columns: []string{"lists", "field:lists", "external_id"}})
	require.NoError(t, err)
	requireText(t, `{"fields":{"lists":"mine"},"external_id":"u1"}`+"\n", out.String())
	out.Reset()
	_, err = export(t, aud, exporter.NDJSON(&out), exporter.Options{})
	require.NoError(t, err)
	require.Contains(t, out.String(), `"fields":{"a":1,"lists":"mine"}`)
}

func TestOtherAddressesLeave(t *testing.T) {
	aud := open(t)
	_, err := aud.Put(t.Context(), audience.ContactWrite{Match: audience.Key("u1"), Email: audience.MustAddress("new@x.example"), Addresses: []audience.Address{audience.MustAddress("old@x.example")}})
	require.NoError(t, err)
	var out strings.Builder
	_, err = export(t, aud, exporter.NDJSON(&out), exporter.Options{Columns: []string{"other_emails", "email"}})
	require.NoError(t, err)
	requireText(t, `{"other_emails":["old@x.example"],"email":"new@x.example"}`+"\n", out.String())
}

// TestLists: static ones and topics, alone and with a condition; a merged
// member leaves once, as her winner.
func TestLists(t *testing.T) {
	aud := many(t, 10) // 3, 6 and 9 are gone
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.Declare(t.Context(), audience.Schema{Lists: []audience.List{{Name: "beta", Kind: audience.ListStatic}, {Name: "news", Kind: audience.ListTopic}}}); err != nil {
			return err
		}
		if err := tx.AddToList(t.Context(), "beta", audience.Source{}, audience.ID(2), audience.ID(4), audience.ID(5)); err != nil {
			return err
		}
		if _, err := tx.Record(t.Context(), audience.ConsentWrite{
			Contact: audience.ID(7), Kind: audience.ConsentGranted, Scope: audience.Scope{Channel: "email", Purpose: "marketing", List: "news"},
			Mechanism: audience.MechanismAttested, Evidence: []byte("attested"),
		}); err != nil {
			return err
		}
		return tx.Merge(t.Context(), audience.ID(8), audience.ID(5), audience.Source{})
	})
	require.NoError(t, err)
	for _, tt := range []struct {
		list string
		opts exporter.Options
		want []audience.ContactID
	}{
		{"beta", exporter.Options{}, []audience.ContactID{2, 4, 8}},
		{"news", exporter.Options{}, []audience.ContactID{7}},
		{"beta", exporter.Options{Members: ids(1, 4, 5, 7)}, []audience.ContactID{4}},
		{"beta", exporter.Options{Where: store.Not{Part: store.OnList{List: audience.List{Name: "beta", Kind: audience.ListStatic}}}}, nil},
	} {
		var r recorder
		tt.opts.List = tt.list
		_, err := export(t, aud, &r, tt.opts)
		require.NoError(t, err)
		require.Equal(t, tt.want, r.ids)
	}
	_, err = export(t, aud, &recorder{}, exporter.Options{List: "bata"})
	require.ErrorIs(t, err, audience.ErrNotFound)
}

// TestTemplateTellsFieldFromColumn: one named like the other does not take its
// place.
func TestTemplateTellsFieldFromColumn(t *testing.T) {
	aud := open(t)
	_, err := aud.Put(t.Context(), audience.ContactWrite{Match: audience.Key("u1"), Set: map[string]audience.Value{"lists": audience.StringValue("mine")}})
	require.NoError(t, err)
	var out strings.Builder
	enc, err := exporter.Template(t.Context(), &out, `{{.lists}} {{index . "field:lists"}}`, exporter.TemplateLimits{})
	require.NoError(t, err)
	_, err = export(t, aud, enc, exporter.Options{Columns: []string{"lists", "field:lists"}})
	require.NoError(t, err)
	require.Equal(t, "[] mine", out.String())
}
