package csvimport_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

func TestContactsKnownColumns(t *testing.T) {
	aud := open(t, audience.Schema{})
	report := importContacts(t, aud, importer.Plan{Job: "spring"},
		`Email,External ID,FIRST NAME,last_name,Phone,Tags,created_at,city`,
		`Jane.Doe@Example.com, u1 ,Jane,"Doe, Jr.",'+15005550006,"vip, ""Monday, Tuesday"" ,news,vip",2025-01-31,Oslo`,
		`,u2,,,,,2025-02-01,`,
		`bob@example.com,,Bob,,,,2025-02-02T10:00:00+02:00,`,
		`cid@example.com`,
	)
	require.Equal(t, 4, report.Created)

	jane := contact(t, aud, audience.Key("u1"))
	email := jane.Email()
	require.Equal(t, "Jane.Doe@Example.com", email.Reveal())
	require.Equal(t, "Jane", jane.FirstName.Reveal())
	require.Equal(t, "Doe, Jr.", jane.LastName.Reveal())
	require.Equal(t, "+15005550006", jane.Phone.Reveal(), "a spreadsheet's guard is no part of the cell")
	require.Equal(t, []string{"Monday, Tuesday", "news", "vip"}, jane.TagNames())
	require.Equal(t, time.Date(2025, 1, 31, 0, 0, 0, 0, time.UTC), jane.CreatedAt)
	require.Equal(t, "string:Oslo", field(t, aud, audience.Key("u1"), "city"))
	require.Equal(t, audience.Source{Kind: audience.SourceImport, Name: "spring"}, jane.Tags[0].Origin.Source)

	require.Equal(t, "2025-02-01T00:00:00Z", contact(t, aud, audience.Key("u2")).CreatedAt.Format(time.RFC3339))
	require.Equal(t, "2025-02-02T08:00:00Z", contact(t, aud, audience.Email("bob@example.com")).CreatedAt.Format(time.RFC3339))
	cid := contact(t, aud, audience.Email("CID@example.com"))
	require.Equal(t, now, cid.CreatedAt, "without a date it is the instant of the import")
	require.True(t, cid.FirstName.IsZero())
	require.Empty(t, cid.Tags)
	require.Equal(t, "none", status(t, aud, audience.Key("u1")))
}

func TestContactsSecondRowUpdates(t *testing.T) {
	aud := open(t, audience.Schema{})
	report := importContacts(t, aud, importer.Options{},
		"external_id,email,first_name,tags,created_at,score",
		`u1,old@example.com,Jane,"a,b",,1`,
		"u2,bob@example.com,Bob,,,",
		"u1,new@example.com,,c,2024-05-01,",
		"u2,,,,,5",
		",BOB@example.com,Robert,,,",
		"u2,BOB@example.com,Robert,,,5",
	)
	require.Equal(t, []int{2, 3, 1}, []int{report.Created, report.Updated, report.Skips.Unchanged})
	jane := contact(t, aud, audience.Key("u1"))
	require.Equal(t, "new@example.com", jane.Email().Reveal())
	require.Equal(t, "Jane", jane.FirstName.Reveal(), "an empty cell says nothing")
	require.Equal(t, []string{"c"}, jane.TagNames(), "a cell replaces")
	require.Equal(t, "2024-05-01", jane.CreatedAt.Format(time.DateOnly))
	require.Equal(t, "int:1", field(t, aud, audience.Key("u1"), "score"))
	require.Equal(t, jane.ID, contact(t, aud, audience.Email("old@example.com")).ID)
	require.Equal(t, "Robert", contact(t, aud, audience.Key("u2")).FirstName.Reveal())

	again := importContacts(t, aud, importer.Options{}, "external_id,first_name,created_at", "u1,Jane,1999-01-01")
	require.Equal(t, 1, again.Skips.Unchanged)
	require.Equal(t, "2024-05-01", contact(t, aud, audience.Key("u1")).CreatedAt.Format(time.DateOnly), "of a contact who was there before it stays")
}

// TestContactsCreatedAtAcrossBatches: how rows are put into batches must not
// show.
func TestContactsCreatedAtAcrossBatches(t *testing.T) {
	for _, size := range []int{1, 2, 3, 100} {
		aud := open(t, audience.Schema{})
		importContacts(t, aud, importer.Options{Limits: importer.Limits{BatchRows: size}},
			"external_id,email,created_at,n:int",
			"u1,a@example.com,2020-01-01,", ",b@example.com,,", "u2,a@example.com,2021-01-01,",
			"u3,b@example.com,2022-01-01,", ",a@example.com,2023-01-01,", "u1,,2024-01-01,x", "u3,,,1")
		require.Equal(t, 2023, contact(t, aud, audience.Key("u1")).CreatedAt.Year(), "batches of %d", size)
		require.Equal(t, 2022, contact(t, aud, audience.Key("u3")).CreatedAt.Year(), "batches of %d", size)
	}
}

func TestContactsClash(t *testing.T) {
	for _, size := range []int{1, 2, 100} {
		aud := open(t, audience.Schema{})
		report := importContacts(t, aud, importer.Options{Limits: importer.Limits{BatchRows: size}},
			"external_id,email,first_name",
			"u1,a@example.com,A",
			"u2,b@example.com,B",
			"u1,b@example.com,C",
			"u3,a@example.com,D",
			",c@example.com,E",
			"u4,c@example.com,F",
			"u5,c@example.com,G",
			"u2,a@example.com,H",
			"u2,z@example.com,I",
		)
		require.Equal(t, []string{
			"line 4: ambiguous conflict: its ids and addresses belong to different contacts",
			"line 5: identity conflict: the address belongs to a contact with another external id",
			"line 8: identity conflict: the address belongs to a contact with another external id",
			"line 9: ambiguous conflict: its ids and addresses belong to different contacts",
		}, errorsOf(report), "batches of %d", size)
		for _, e := range report.Errors {
			require.ErrorIs(t, e, audience.ErrConflict)
		}
		require.Equal(t, "A", contact(t, aud, audience.Key("u1")).FirstName.Reveal())
		require.Equal(t, "F", contact(t, aud, audience.Key("u4")).FirstName.Reveal(), "an address alone takes an external id")
		require.Equal(t, "z@example.com", email(t, aud, audience.Key("u2")))
	}
}

// TestContactsClashOverStoredAddress: whoever was stored by address alone has an
// external id from the first row on that gives her one.
func TestContactsClashOverStoredAddress(t *testing.T) {
	aud := open(t, audience.Schema{})
	importContacts(t, aud, importer.Options{}, "email", "a@example.com")
	report := importContacts(t, aud, importer.Options{}, "external_id,email", "u1,a@example.com", "u2,a@example.com", ",a@example.com")
	require.Equal(t, []string{"line 3: identity conflict: the address belongs to a contact with another external id"}, errorsOf(report))
	require.Equal(t, []int{1, 1}, []int{report.Updated, report.Skips.Unchanged})
}

// TestContactsClashWithBadRow: what a row claims that is refused itself is
// nobody's, and the next one may have it.
func TestContactsClashWithBadRow(t *testing.T) {
	full := []string{"external_id,email,created_at"}
	for i := range 99 {
		full = append(full, fmt.Sprintf("u1,a%d@example.com,2020-01-01", i))
	}
	rows := append(slices.Clone(full),
		"u1,b@example.com,", // one too many, line 101
		"u2,b@example.com,2021-01-01",
		"u1,c@example.com,", // one too many, line 103
		",c@example.com,2022-01-01",
		"u3,c@example.com,2023-01-01",
		"u4,c@example.com,", // a clash with line 105, which is good
		"u1,b@example.com,", // bad for two reasons
		"u1,a0@example.com,")
	for _, size := range []int{1, 2, 7, 1000} {
		aud := open(t, audience.Schema{})
		report := importContacts(t, aud, importer.Options{Limits: importer.Limits{BatchRows: size}}, rows...)
		require.Equal(t, []string{
			"line 101: identities: max-items: at most 100", "line 103: identities: max-items: at most 100",
			"line 106: identity conflict: the address belongs to a contact with another external id",
		}, errorsOf(report)[:3], "batches of %d", size)
		require.Len(t, report.Errors, 4)
		require.Equal(t, 107, report.Errors[3].Line)
		require.Equal(t, "b@example.com", email(t, aud, audience.Key("u2")))
		require.Equal(t, 2021, contact(t, aud, audience.Key("u2")).CreatedAt.Year(), "batches of %d", size)
		require.Equal(t, "c@example.com", email(t, aud, audience.Key("u3")))
		require.Equal(t, 2020, contact(t, aud, audience.Key("u1")).CreatedAt.Year())
	}
}

func TestContactsManyFields(t *testing.T) {
	aud := open(t, audience.Schema{})
	header := []string{"external_id"}
	for i := range 999 {
		header = append(header, fmt.Sprint("f", i))
	}
	report := importContacts(t, aud, importer.Options{}, strings.Join(header, ","), "u1"+strings.Repeat(",1", 999))
	require.Equal(t, 1, report.Created)
	_, err := runContacts(t.Context(), aud, lines("external_id,other,another", "u2,1,2"), importer.Options{})
	require.ErrorIs(t, err, audience.ErrLimit, "the audience has all the fields it may have")
}

func TestContactsCancel(t *testing.T) {
	aud := open(t, audience.Schema{})
	rows := []string{"external_id"}
	for range 50 {
		rows = append(rows, "u"+strings.Repeat("x", len(rows)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var progress []importer.Progress
	report, err := runContacts(ctx, aud, lines(rows...), importer.Options{
		Limits: importer.Limits{BatchRows: 10},
		OnProgress: func(p importer.Progress) {
			if progress = append(progress, p); len(progress) == 2 {
				cancel()
			}
		},
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 20, report.Rows)
	require.Equal(t, 20, report.Created)
	require.Equal(t, 20, progress[1].Rows)
	require.Positive(t, progress[0].Bytes)
	requireSum(t, report)

	again := importContacts(t, aud, importer.Options{}, rows...)
	require.Equal(t, []int{50, 20}, []int{again.Created, again.Resumed}, "it goes on")
}

// TestContactsLongRows: rows go in blocks that are bounded in bytes too.
func TestContactsLongRows(t *testing.T) {
	aud := open(t, audience.Schema{})
	rows := []string{"external_id,text"}
	for i := range 100 {
		rows = append(rows, fmt.Sprintf("u%d,%s%d", i, strings.Repeat("x", 60_000), i))
	}
	report := importContacts(t, aud, importer.Options{Limits: importer.Limits{BatchBytes: 1 << 20}}, rows...)
	require.Equal(t, 100, report.Created)
	require.Equal(t, "string:"+strings.Repeat("x", 60_000)+"99", field(t, aud, audience.Key("u99"), "text"))
}
