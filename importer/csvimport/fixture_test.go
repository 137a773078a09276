package csvimport_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// open opens an empty audience with keys and a clock that stands still.
func open(t testing.TB, schema audience.Schema) *store.Audience {
	t.Helper()
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, 32)})
	require.NoError(t, err)
	aud, err := store.Open(context.Background(), memstore.New(), "main", store.Options{
		Schema: schema, Keys: keys, Clock: func() time.Time { return now },
	})
	require.NoError(t, err)
	return aud
}

func lines(rows ...string) importer.Source {
	return importer.Bytes("test.csv", []byte(strings.Join(rows, "\n")+"\n"))
}

// runContacts imports a file of contacts, with what tests have to say about
// it: importer.Options, an importer.Plan, or both.
func runContacts(ctx context.Context, aud *store.Audience, src importer.Source, how ...any) (*importer.Report, error) {
	var plan importer.Plan
	var opts importer.Options
	for _, h := range how {
		switch h := h.(type) {
		case importer.Options:
			opts = h
		case importer.Plan:
			plan = h
		}
	}
	if plan.Tags == importer.TagsAdd {
		plan.Tags = importer.TagsReplace
	}
	plan.Suppressed = importer.SuppressedKeep
	opts.Formats = []importer.Format{csvimport.Format()}
	return importer.Run(ctx, aud, src, &plan, opts)
}

func importContacts(t testing.TB, aud *store.Audience, how any, rows ...string) *importer.Report {
	t.Helper()
	report, err := runContacts(t.Context(), aud, lines(rows...), how)
	require.NoError(t, err)
	requireSum(t, report)
	return report
}

func importEvents(t testing.TB, aud *store.Audience, rows ...string) *importer.Report {
	t.Helper()
	report, err := csvimport.Events(t.Context(), aud, lines(rows...), importer.Options{})
	require.NoError(t, err)
	requireSum(t, report)
	return report
}

func requireSum(t testing.TB, r *importer.Report) {
	t.Helper()
	require.NoError(t, r.Check())
}

// errorsOf gives the bad rows as text.
func errorsOf(r *importer.Report) []string {
	var out []string
	for _, e := range r.Errors {
		out = append(out, e.Error())
	}
	return out
}

func contact(t testing.TB, aud *store.Audience, ref audience.Ref) audience.Contact {
	t.Helper()
	var c audience.Contact
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) (err error) {
		c, err = r.Contact(t.Context(), ref)
		return err
	}))
	return c
}

func status(t testing.TB, aud *store.Audience, ref audience.Ref) string {
	t.Helper()
	var s audience.Status
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		p, err := r.Profile(t.Context(), ref, audience.ProfileParts{Ledger: true})
		s = p.Status(now).Status
		return err
	}))
	return s.String()
}

func events(t testing.TB, aud *store.Audience, ref audience.Ref) []audience.Event {
	t.Helper()
	var out []audience.Event
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) (err error) {
		out, err = r.Events(t.Context(), ref)
		return err
	}))
	return out
}

// field gives a custom field as "type:text".
func field(t testing.TB, aud *store.Audience, ref audience.Ref, name string) string {
	t.Helper()
	schema := aud.Schema()
	c := contact(t, aud, ref)
	v := c.Field(&schema, name)
	if v.IsZero() {
		return "absent"
	}
	return v.Type().String() + ":" + v.Reveal()
}

func email(t testing.TB, aud *store.Audience, ref audience.Ref) string {
	t.Helper()
	c := contact(t, aud, ref)
	return c.Email().Reveal()
}
