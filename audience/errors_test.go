package audience_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func categories() map[string]error {
	return map[string]error{
		"not found": audience.ErrNotFound, "conflict": audience.ErrConflict, "invalid": audience.ErrInvalid,
		"denied": audience.ErrDenied, "retryable": audience.ErrRetryable, "full": audience.ErrFull,
		"position gone": audience.ErrPositionGone, "cursor": audience.ErrInvalidCursor,
		"unsupported": audience.ErrUnsupported, "closed": audience.ErrClosed, "limit": audience.ErrLimit,
	}
}

func TestErrorsAnswerTheirCategoriesOnly(t *testing.T) {
	batch := &audience.BatchError{}
	batch.Add(2, &audience.FieldError{Path: "p", Rule: "r", Limit: true})
	batch.Add(4, &audience.DeniedError{Rule: "key"})
	tests := []struct {
		name string
		err  error
		want []string
	}{
		{"field", &audience.FieldError{Path: "p", Rule: "r"}, []string{"invalid"}},
		{"field that is too long", &audience.FieldError{Path: "p", Rule: "r", Limit: true}, []string{"invalid", "limit"}},
		{"not found", &audience.NotFoundError{Kind: "list"}, []string{"not found"}},
		{"conflict", &audience.ConflictError{Kind: "version"}, []string{"conflict"}},
		{"denied", &audience.DeniedError{Rule: "key"}, []string{"denied"}},
		{"item", &audience.ItemError{Err: &audience.NotFoundError{Kind: "list"}}, []string{"not found"}},
		{"item with a bare category", &audience.ItemError{Err: audience.ErrFull}, []string{"full"}},
		{"batch", batch, []string{"invalid", "limit", "denied"}},
		{"empty batch", &audience.BatchError{}, nil},
	}
	for name, category := range categories() {
		tests = append(tests, struct {
			name string
			err  error
			want []string
		}{"category " + name, category, []string{name}})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, err := range []error{tt.err, fmt.Errorf("adapter: %w", tt.err)} {
				var got []string
				for name, category := range categories() {
					if errors.Is(err, category) {
						got = append(got, name)
					}
				}
				require.ElementsMatch(t, tt.want, got)
			}
		})
	}
}

func TestErrorsAsTheirTypes(t *testing.T) {
	denied := &audience.DeniedError{Rule: "owner", Hint: "h"}
	batch := &audience.BatchError{}
	batch.Add(1, fmt.Errorf("ledger: %w", denied))
	batch.Add(7, &audience.ConflictError{Kind: "version", Contact: 9})
	err := fmt.Errorf("memory: %w", error(batch))

	var gotBatch *audience.BatchError
	require.ErrorAs(t, err, &gotBatch)
	require.Len(t, gotBatch.Items, 2)
	require.Equal(t, 7, gotBatch.Items[1].Index)
	var item *audience.ItemError
	require.ErrorAs(t, err, &item)
	require.Equal(t, 1, item.Index, "the first item")
	var gotDenied *audience.DeniedError
	require.ErrorAs(t, err, &gotDenied)
	require.Same(t, denied, gotDenied)
	var conflict *audience.ConflictError
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, audience.ContactID(9), conflict.Contact)

	var field *audience.FieldError
	require.NotErrorAs(t, err, &field)
	var missing *audience.NotFoundError
	require.NotErrorAs(t, err, &missing)
}

func TestErrorTexts(t *testing.T) {
	batch := &audience.BatchError{}
	for i := range 5 {
		batch.Add(10*i, &audience.NotFoundError{Kind: "contact"})
	}
	two := &audience.BatchError{Items: batch.Items[:2]}
	tests := []struct {
		err  error
		want string
	}{
		{&audience.FieldError{Path: "fields.score", Rule: "type"}, "fields.score: type"},
		{&audience.FieldError{Path: "fields.score", Rule: "type", Hint: "an int"}, "fields.score: type: an int"},
		{&audience.NotFoundError{Kind: "contact"}, "contact not found"},
		{&audience.NotFoundError{Kind: "list", Name: "a\nb"}, `list "a\nb" not found`},
		{&audience.ConflictError{Kind: "version"}, "version conflict"},
		{&audience.ConflictError{Kind: "identity", Contact: 12}, "identity conflict with contact 12"},
		{&audience.ConflictError{Kind: "event", Hint: "give a higher revision"}, "event conflict: give a higher revision"},
		{&audience.DeniedError{Rule: "key"}, "denied (key)"},
		{&audience.DeniedError{Rule: "key", Hint: "give keys"}, "denied (key): give keys"},
		{two, "2 refused: item 0: contact not found; item 10: contact not found"},
		{batch, "5 refused: item 0: contact not found; item 10: contact not found; item 20: contact not found; ..."},
	}
	for _, tt := range tests {
		require.EqualError(t, tt.err, tt.want)
	}
}

func TestBatchErrorOrNil(t *testing.T) {
	var none *audience.BatchError
	require.NoError(t, none.OrNil(), "no typed nil")
	require.NoError(t, (&audience.BatchError{}).OrNil())
	some := &audience.BatchError{}
	some.Add(0, audience.ErrFull)
	require.Same(t, some, some.OrNil())
}

// TestErrorsOfWritesAreNotPersonal breaks every rule with a marked text and
// looks for it in what comes back.
func TestErrorsOfWritesAreNotPersonal(t *testing.T) {
	const mark = "zenobia"
	long := mark
	for len(long) < 70_000 {
		long += mark
	}
	bad := []string{mark + "\x00", mark + "\xff", " " + mark, mark + "\n", long}
	var errs []error
	for _, s := range bad {
		base := audience.ContactWrite{Email: audience.MustAddress(mark + "@example.com")}
		for _, change := range []func(w *audience.ContactWrite){
			func(w *audience.ContactWrite) { w.Match = audience.Key(s) },
			func(w *audience.ContactWrite) { w.External = []audience.ExternalID{audience.External("crm", s)} },
			func(w *audience.ContactWrite) { w.External = []audience.ExternalID{audience.External(s, "1")} },
			func(w *audience.ContactWrite) { w.FirstName = audience.NewPrivate(s) },
			func(w *audience.ContactWrite) { w.LastName = audience.NewPrivate(s) },
			func(w *audience.ContactWrite) { w.Phone = audience.NewPrivate(s) },
			func(w *audience.ContactWrite) { w.Set = map[string]audience.Value{"score": audience.StringValue(s)} },
			func(w *audience.ContactWrite) { w.Set = map[string]audience.Value{s: audience.IntValue(1)} },
			func(w *audience.ContactWrite) { w.Clear = []string{s} },
			func(w *audience.ContactWrite) { w.AddTags = []string{s} },
			func(w *audience.ContactWrite) { w.Source.Actor = s },
			func(w *audience.ContactWrite) { w.Frequency = &s },
		} {
			w := base
			change(&w)
			errs = append(errs, w.Check(audience.Limits{}))
		}
		e := audience.EventWrite{Contact: audience.Key("u1"), Type: "purchase", Time: at(1)}
		for _, change := range []func(w *audience.EventWrite){
			func(w *audience.EventWrite) { w.ID = s },
			func(w *audience.EventWrite) { w.Type = s },
			func(w *audience.EventWrite) { w.Props = map[string]audience.Value{s: audience.IntValue(1)} },
			func(w *audience.EventWrite) { w.Props = map[string]audience.Value{"note": audience.StringValue(s)} },
		} {
			w := e
			change(&w)
			errs = append(errs, w.Check(audience.Limits{}))
		}
		c := audience.ConsentWrite{Contact: audience.Key("u1"), Kind: audience.ConsentWithdrawn, Notice: s}
		errs = append(errs, c.Check(audience.Limits{}))
		_, parsed := audience.ParseAddress(s + "@example.com")
		errs = append(errs, parsed)
	}
	seen := 0
	for _, err := range errs {
		if err == nil {
			continue // a space or a line break is fine in a name
		}
		seen++
		require.NotContains(t, err.Error(), mark)
		require.Less(t, len(err.Error()), 400)
	}
	require.Greater(t, seen, 60)
}
