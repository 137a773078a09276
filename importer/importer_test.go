package importer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

func TestParseList(t *testing.T) {
	tests := []struct {
		cell string
		want []string
		bad  bool
	}{
		{cell: ""},
		{cell: " , ,"},
		{cell: "a", want: []string{"a"}},
		{cell: " a b ,c\t,", want: []string{"a b", "c"}},
		{cell: `"a, b" , c`, want: []string{"a, b", "c"}},
		{cell: `"say ""hi"""`, want: []string{`say "hi"`}},
		{cell: `""`, want: []string{""}},
		{cell: `" a "`, want: []string{" a "}},
		{cell: `6" pipe,x`, want: []string{`6" pipe`, "x"}},
		{cell: `"a`, bad: true},
		{cell: `"a""`, bad: true},
		{cell: `"a"b`, bad: true},
	}
	for _, tt := range tests {
		got, ok := importer.ParseList(tt.cell)
		require.Equal(t, !tt.bad, ok, "%q", tt.cell)
		require.Equal(t, tt.want, got, "%q", tt.cell)
	}
}

func TestParseInstant(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for cell, want := range map[string]string{
		"2026-01-31":                        "2026-01-30T23:00:00Z",
		"20260701":                          "2026-06-30T22:00:00Z",
		"2026-01-31T09:30:00Z":              "2026-01-31T09:30:00Z",
		"2026-01-31T09:30:00.1234567-02:00": "2026-01-31T11:30:00.123456Z",
		"2026-02-29":                        "", "20261301": "", "2026-1-31": "", "202601": "", "2026-01-31 09:30:00": "",
		"2026-01-31T0:00:00Z": "", "2026-01-31T00:00:00,5Z": "", "2026-01-31T00:00:00+24:00": "", "2026-01-31T00:00:00+23:60": "",
		"2026-1-3": "", "0000-12-31T00:00:00Z": "", "9999-12-31T23:59:59-01:00": "", "": "",
	} {
		at, ok := importer.ParseInstant(cell, audience.NewCalendar(zone))
		require.Equal(t, want != "", ok, cell)
		if ok {
			require.Equal(t, want, at.Format(time.RFC3339Nano))
		}
	}
}

// TestEventIDs: equal rows differ by their number, others by their content.
func TestEventIDs(t *testing.T) {
	base := func() audience.EventWrite {
		return audience.EventWrite{
			Contact: audience.Key("u1"), Type: "visit", Time: time.Unix(0, 0),
			Props: map[string]audience.Value{"a": audience.StringListValue("x", "y"), "b": audience.IntValue(1)},
		}
	}
	changes := map[string]func(w *audience.EventWrite){
		"contact":      func(w *audience.EventWrite) { w.Contact = audience.Key("u2") },
		"address":      func(w *audience.EventWrite) { w.Contact = audience.Email("u1@example.com") },
		"type":         func(w *audience.EventWrite) { w.Type = "visits" },
		"time":         func(w *audience.EventWrite) { w.Time = time.Unix(0, 1000) },
		"value":        func(w *audience.EventWrite) { w.Props["b"] = audience.IntValue(2) },
		"value's type": func(w *audience.EventWrite) { w.Props["b"] = audience.StringValue("1") },
		"name":         func(w *audience.EventWrite) { w.Props["c"] = w.Props["b"]; delete(w.Props, "b") },
		"items":        func(w *audience.EventWrite) { w.Props["a"] = audience.StringListValue("x,y") },
	}
	var ids importer.EventIDs
	w := base()
	first := ids.ID(&w)
	require.Regexp(t, `^row-[0-9a-f]{32}-0$`, first)
	seen := map[string]string{first: "base"}
	for name, change := range changes {
		w := base()
		change(&w)
		id := ids.ID(&w)
		require.True(t, strings.HasSuffix(id, "-0"), name)
		require.Empty(t, seen[id], "%s is like it", name)
		seen[id] = name
	}
	require.Equal(t, strings.TrimSuffix(first, "0")+"1", ids.ID(&w))
	var others importer.EventIDs
	w.ID = "not looked at"
	require.Equal(t, first, others.ID(&w), "every file counts from 0")
}

func TestSources(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "a.csv")
	require.NoError(t, os.WriteFile(name, []byte("text"), 0o600))
	spooled, err := importer.Spool("pipe", strings.NewReader("text"), 4)
	require.NoError(t, err)
	for want, src := range map[string]importer.Source{
		"a.csv": importer.File(name),
		"b.csv": importer.FS(fstest.MapFS{"x/b.csv": {Data: []byte("text")}}, "x/b.csv"),
		"c.csv": importer.Bytes("c.csv", []byte("text")),
		"pipe":  spooled,
	} {
		require.Equal(t, want, src.Name())
		for range 2 {
			r, err := src.Open(t.Context())
			require.NoError(t, err)
			text, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			require.Equal(t, "text", string(text), want)
		}
	}
	_, err = importer.Spool("pipe", strings.NewReader("text"), 3)
	require.ErrorIs(t, err, audience.ErrLimit)
	_, err = importer.File(folder).Open(t.Context())
	require.ErrorIs(t, err, audience.ErrInvalid, "a folder cannot be read twice")
	_, err = importer.File(name + "x").Open(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
}

func open(t *testing.T, limits audience.Limits) *store.Audience {
	t.Helper()
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{
		Limits: limits, Clock: func() time.Time { return time.Unix(1_700_000_000, 0) },
	})
	require.NoError(t, err)
	return aud
}

// TestRefusedByTheStore: rows that only the store can refuse cost nothing but
// themselves.
func TestRefusedByTheStore(t *testing.T) {
	aud := open(t, audience.Limits{EventsPerType: 3})
	contacts := func(yield func(*importer.Contact, error) bool) {
		for i := range 40 {
			w := audience.ContactWrite{External: []audience.ExternalID{audience.External(audience.HostSystem, fmt.Sprint("u", i))}}
			if !yield(&importer.Contact{Line: i + 2, Write: w}, nil) {
				return
			}
		}
	}
	report, err := importer.Contacts(t.Context(), aud, contacts, nil, importer.Options{})
	require.NoError(t, err)
	require.Equal(t, 40, report.Created)
	events := func(yield func(*importer.Event, error) bool) {
		for i := range 400 {
			w := audience.EventWrite{Type: "visit", Time: time.Unix(int64(i), 0)}
			if !yield(&importer.Event{Line: i + 2, ExternalID: audience.NewPrivate(fmt.Sprint("u", i%40)), Write: w}, nil) {
				return
			}
		}
	}
	report, err = importer.Events(t.Context(), aud, events, importer.Options{Limits: importer.Limits{Errors: 5}})
	require.NoError(t, err)
	require.Equal(t, []int{400, 120, 280, 5}, []int{report.Rows, report.Created, report.Rejected, len(report.Errors)})
	require.ErrorIs(t, report.Errors[0], audience.ErrLimit)
	require.Equal(t, 122, report.Errors[0].Line, "the fourth of the first contact")
}

// TestRefusedOneAfterTheOther: whether a row is refused hangs on the row before
// it, so that the batch is tried again for each of them; in the end those are
// in that are good.
func TestRefusedOneAfterTheOther(t *testing.T) {
	const full = 40
	aud := open(t, audience.Limits{Identities: 2})
	contacts := func(yield func(*importer.Contact, error) bool) {
		line := 1
		row := func(key int, mail string) bool {
			line++
			return yield(&importer.Contact{Line: line, Write: audience.ContactWrite{
				External: []audience.ExternalID{audience.External(audience.HostSystem, fmt.Sprint("u", key))}, Email: audience.MustAddress(mail),
			}}, nil)
		}
		for i := range full {
			if !row(i, fmt.Sprintf("b%d@example.com", i)) {
				return
			}
		}
		for i := range full + 2 { // nobody takes a@ but u40, and not u41 from her
			if !row(i, "a@example.com") {
				return
			}
		}
	}
	report, err := importer.Contacts(t.Context(), aud, contacts, nil, importer.Options{})
	require.NoError(t, err)
	require.Equal(t, []int{82, 41, 41}, []int{report.Rows, report.Created, report.Rejected})
	for i, e := range report.Errors {
		if i < full {
			require.ErrorIs(t, e, audience.ErrLimit)
			require.Equal(t, full+2+i, e.Line)
		}
	}
	require.ErrorIs(t, report.Errors[full], audience.ErrConflict)
	require.Equal(t, 2*full+3, report.Errors[full].Line)
	c, err := aud.Contact(t.Context(), audience.Email("a@example.com"))
	require.NoError(t, err)
	require.Equal(t, "u40", c.Key())
}

// TestRowsThatFail: an error that is not of a row ends the import; what was
// written stays.
func TestRowsThatFail(t *testing.T) {
	aud := open(t, audience.Limits{})
	broken := errors.New("broken")
	rows := func(fail error) iter.Seq2[*importer.Contact, error] {
		return func(yield func(*importer.Contact, error) bool) {
			for i := range 5 {
				w := audience.ContactWrite{External: []audience.ExternalID{audience.External(audience.HostSystem, fmt.Sprint("u", i))}}
				if !yield(&importer.Contact{Line: i, Write: w}, nil) {
					return
				}
			}
			yield(nil, fail)
		}
	}
	report, err := importer.Contacts(t.Context(), aud, rows(broken), nil, importer.Options{Limits: importer.Limits{BatchRows: 2}})
	require.ErrorIs(t, err, broken)
	require.Equal(t, []int{4, 4}, []int{report.Rows, report.Created})

	report, err = importer.Contacts(t.Context(), aud, rows(&importer.RowError{Line: 9, Err: broken}), nil, importer.Options{})
	require.NoError(t, err)
	require.Equal(t, []int{6, 1, 4, 1}, []int{report.Rows, report.Created, report.Skips.Unchanged, report.Rejected})

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = importer.Contacts(ctx, aud, rows(broken), nil, importer.Options{})
	require.Error(t, err)

	_, err = importer.Contacts(t.Context(), aud, rows(broken), &importer.Plan{Attestation: importer.Attestation{Text: "yes"}}, importer.Options{})
	require.ErrorIs(t, err, audience.ErrDenied, "this audience has no keys")
}

func TestOptions(t *testing.T) {
	rows := func(yield func(*importer.Contact, error) bool) {
		for i := range 10 {
			w := audience.ContactWrite{External: []audience.ExternalID{audience.External(audience.HostSystem, fmt.Sprint("u", i))}}
			if !yield(&importer.Contact{Line: i + 2, Write: w}, nil) {
				return
			}
		}
	}
	events := func(yield func(*importer.Event, error) bool) {
		for i := range 10 {
			w := audience.EventWrite{Type: "visit", Time: time.Unix(int64(i), 0)}
			if !yield(&importer.Event{Line: i + 2, ExternalID: audience.NewPrivate("u1"), Write: w}, nil) {
				return
			}
		}
	}
	bad := importer.Options{Job: "a\x00"}
	aud := open(t, audience.Limits{BatchItems: 3})
	report, err := importer.Contacts(t.Context(), aud, rows, &importer.Plan{Job: "a\x00"}, importer.Options{})
	require.ErrorIs(t, err, audience.ErrInvalid, "a job that no row could name")
	require.Zero(t, report.Rows)
	report, err = importer.Events(t.Context(), aud, events, bad)
	require.ErrorIs(t, err, audience.ErrInvalid)
	require.Zero(t, report.Rows)

	var batches []int
	opts := importer.Options{Job: "spring", OnProgress: func(p importer.Progress) { batches = append(batches, p.Rows) }}
	report, err = importer.Contacts(t.Context(), aud, rows, &importer.Plan{Job: "spring"}, opts)
	require.NoError(t, err)
	require.Equal(t, 10, report.Created)
	report, err = importer.Events(t.Context(), aud, events, opts)
	require.NoError(t, err)
	require.Equal(t, 10, report.Created)
	require.Equal(t, []int{3, 6, 9, 10, 3, 6, 9, 10}, batches, "no batch is more than the audience takes")
}
