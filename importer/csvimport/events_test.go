package csvimport_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/store"
)

// shop has u1 with a@example.com, u2, and b@example.com without an id.
func shop(t testing.TB) *store.Audience {
	t.Helper()
	aud := open(t, audience.Schema{})
	importContacts(t, aud, importer.Options{}, "external_id,email", "u1,a@example.com", "u2,", ",b@example.com", "u3,c@example.com")
	return aud
}

// props gives the properties of an event as "name=type:text", sorted by their
// numbers.
func props(aud *store.Audience, e *audience.Event) string {
	schema := aud.Schema()
	kind, _ := schema.EventNamed(e.Type)
	var out []string
	for _, p := range kind.Props {
		if v := e.Prop(p.ID); !v.IsZero() {
			out = append(out, p.Name+"="+v.Type().String()+":"+v.Reveal())
		}
	}
	return strings.Join(out, " ")
}

func TestEventsColumns(t *testing.T) {
	aud := shop(t)
	report := importEvents(t, aud,
		"External_ID,email,Type,time,id,value,Order,coupon:list,machine,note",
		`u1,,purchase,2026-02-01T10:00:00Z,o1,12,17,"a,b",,`,
		"u1,a@example.com,email.opened,2026-02-02,,,,,true,x",
		",B@example.com,visit,20260203,,5,18,,yes,",
		"new,b@example.com,visit,20260204,,6,,,no,",
	)
	require.Equal(t, 4, report.Created)
	require.Empty(t, report.Columns)
	u1 := events(t, aud, audience.Key("u1"))
	require.Len(t, u1, 2)
	require.Equal(t, "email.opened", u1[1].Type)
	require.Equal(t, "2026-02-02T00:00:00Z", u1[1].Time.Format("2006-01-02T15:04:05.999999Z07:00"))
	require.Equal(t, "machine=bool:true note=string:x", props(aud, &u1[1]))
	require.Equal(t, "o1", u1[0].ID)
	require.Equal(t, "value=double:12 order=string:17 coupon=list:a,b", props(aud, &u1[0]), "declared types first, others as the column says")
	b := events(t, aud, audience.Email("b@example.com"))
	require.Len(t, b, 2)
	require.Equal(t, "value=double:5 order=string:18 machine=string:yes", props(aud, &b[0]), "undeclared: as another type in the file declares it, if all cells fit")

	schema := aud.Schema()
	for _, name := range []string{"purchase", "email.opened", "visit"} {
		kind, ok := schema.EventNamed(name)
		require.True(t, ok)
		for _, prop := range []string{"value", "order", "coupon", "machine", "note"} {
			_, ok := kind.PropNamed(prop)
			require.True(t, ok, "%s of %s: every column is a property of every type in the file", prop, name)
		}
	}
}

// TestEventsTypesThatDisagree: a column that two types declare differently is
// read for others as its cells say.
func TestEventsTypesThatDisagree(t *testing.T) {
	for range 10 { // types are gone through in any order
		aud := open(t, audience.Schema{Events: []audience.EventType{
			{Name: "a", Props: []audience.Prop{{Name: "p", Type: audience.TypeString}}},
			{Name: "b", Props: []audience.Prop{{Name: "p", Type: audience.TypeDouble}}},
		}})
		importContacts(t, aud, importer.Options{}, "external_id", "u1")
		importEvents(t, aud, "external_id,type,time,p", "u1,a,2026-02-01,1", "u1,b,2026-02-02,2", "u1,c,2026-02-03,3")
		var got []string
		for _, e := range events(t, aud, audience.Key("u1")) {
			got = append(got, props(aud, &e))
		}
		require.Equal(t, []string{"p=string:1", "p=double:2", "p=int:3"}, got)
	}
}

func TestEventsIDs(t *testing.T) {
	aud := shop(t)
	file := []string{
		"external_id,type,time,id,value",
		"u1,purchase,2026-02-01,o1,10",
		"u1,purchase,2026-02-01,o1,10", // a repeat counts once
		"u2,purchase,2026-02-01,o1,10", // ids are the contact's own
		"u1,purchase,2026-02-01,,10",
		"u1,purchase,2026-02-01,,10", // equal rows without an id count each
		"u1,purchase,2026-02-01T00:00:00Z,,10.00",
		"u2,purchase,2026-02-01,,10",
		"u1,purchase,2026-02-01,o1,11", // another event under the same id
	}
	first := importEvents(t, aud, file...)
	require.Equal(t, []int{6, 1, 1}, []int{first.Created, first.Skips.Unchanged, first.Rejected})
	require.Equal(t, 9, first.Errors[0].Line)
	require.ErrorIs(t, first.Errors[0], audience.ErrConflict)
	require.Len(t, events(t, aud, audience.Key("u1")), 4)
	require.Len(t, events(t, aud, audience.Key("u2")), 2)

	again := importEvents(t, aud, file...)
	require.Equal(t, []int{0, 7, 1}, []int{again.Created, again.Skips.Unchanged, again.Rejected}, "importing a file again is harmless")
	file = append(file, "u1,purchase,2026-02-01,,10")
	more := importEvents(t, aud, file...)
	require.Equal(t, 1, more.Created, "one equal row more is one event more")
}

// TestEventsIDsInAnyBatches: how rows are put into batches must not show.
func TestEventsIDsInAnyBatches(t *testing.T) {
	rows := []string{"external_id,type,time,value"}
	for range 7 {
		rows = append(rows, "u1,purchase,2026-02-01,10", "nobody,purchase,2026-02-01,10", "u2,purchase,2026-02-01,10")
	}
	var want []string
	for _, size := range []int{100, 1, 2, 5} {
		aud := shop(t)
		report, err := csvimport.Events(t.Context(), aud, lines(rows...), importer.Options{Limits: importer.Limits{BatchRows: size}})
		require.NoError(t, err)
		require.Equal(t, []int{14, 7}, []int{report.Created, report.Rejected})
		var got []string
		for _, e := range events(t, aud, audience.Key("u1")) {
			got = append(got, e.ID)
		}
		if want == nil {
			want = got
		}
		require.Equal(t, want, got)
		require.Len(t, got, 7)
	}
}

// TestEventsSurviveMerge: a file that was imported before a merge adds nothing
// after it, and events of two contacts stay two.
func TestEventsSurviveMerge(t *testing.T) {
	aud := shop(t)
	file := []string{"external_id,type,time", "u1,visit,2026-02-01", "u2,visit,2026-02-01"}
	importEvents(t, aud, file...)
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Merge(t.Context(), audience.Key("u1"), audience.Key("u2"), audience.Source{})
	})
	require.NoError(t, err)
	require.Len(t, events(t, aud, audience.Key("u1")), 2)
	require.Equal(t, 2, importEvents(t, aud, file...).Skips.Unchanged)
	require.Len(t, events(t, aud, audience.Key("u1")), 2)
}

func TestEventsBadRows(t *testing.T) {
	aud := shop(t)
	report := importEvents(t, aud,
		"external_id,email,type,time,id,value",
		"u9,,purchase,2026-02-01,,1",
		",z@example.com,purchase,2026-02-01,,1",
		"u1,c@example.com,purchase,2026-02-01,,1",
		"u9,a@example.com,purchase,2026-02-01,,1",
		",,purchase,2026-02-01,,1",
		",secret,purchase,2026-02-01,,1",
		"u1,,,2026-02-01,,1",
		"u1,,purchase,,,1",
		"u1,,purchase,01.02.2026,,1",
		"u1,,purchase,2026-02-01,,secret",
		"u1,,pur\x01chase,2026-02-01,,1",
		"u1,,purchase,2026-02-01,"+strings.Repeat("i", 600)+",1",
		"u1,,purchase,2026-02-01,,1,",
	)
	require.Equal(t, []string{
		"line 2: contact not found",
		"line 3: contact not found",
		"line 4: ambiguous conflict: its ids and addresses belong to different contacts",
		"line 5: identity conflict: the address belongs to a contact with another external id",
		"line 6: row: empty: an external_id or an email",
		"line 7, column 2: email: at: an address like name@example.com",
		"line 8, column 3: type: empty: a name",
		"line 9, column 4: time: type: an instant as RFC 3339 (2026-01-31T09:30:00Z), YYYY-MM-DD or YYYYMMDD, in the years 1 to 9999",
		"line 10, column 4: time: type: an instant as RFC 3339 (2026-01-31T09:30:00Z), YYYY-MM-DD or YYYYMMDD, in the years 1 to 9999",
		"line 11, column 6: props.value: type: a number such as 12.50, without leading zeros, separators or signs other than -",
		"line 12, column 3: type: control: no control characters",
		"line 13, column 5: id: max-length: at most 512 bytes",
	}, errorsOf(report))
	require.Equal(t, 1, report.Created)
	for _, e := range report.Errors {
		require.NotContains(t, e.Error(), "secret")
	}
}

func TestEventsFileErrors(t *testing.T) {
	for header, want := range map[string]string{
		"type,time":        "a column email or external_id",
		"email,time":       "a column type",
		"external_id,type": "a column time",
	} {
		_, err := csvimport.Events(t.Context(), shop(t), lines(header, "x,y"), importer.Options{})
		require.ErrorContains(t, err, want)
	}
	rows := []string{"external_id,type,time"}
	for i := range 501 {
		rows = append(rows, "u1,type"+strings.Repeat("x", i%100)+strings.Repeat("y", i/100)+",2026-02-01")
	}
	_, err := csvimport.Events(t.Context(), shop(t), lines(rows...), importer.Options{})
	require.ErrorIs(t, err, audience.ErrLimit)
	require.ErrorContains(t, err, "at most 500 event types in a file")
}
