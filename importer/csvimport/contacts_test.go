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
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

func TestContactsKnownColumns(t *testing.T) {
	aud := open(t, audience.Schema{})
	report := importContacts(t, aud, importer.Plan{Job: "spring"},
		`Email,External ID,FIRST NAME,last_name,Phone,Tags,created_at,city`,
		`Jane.Doe@Example.com, u1 ,Jane,"Doe, Jr.",'+15005550006,"vip, ""Monday, Tuesday"" ,news,vip",2025-01-31,Oslo`,
		`,u2,,,,,20250201,`,
		`bob@example.com,,Bob,,,,2025-02-02T10:00:00+02:00,`,
		`cid@example.com`,
	)
	require.Equal(t, 4, report.Created)
	require.Empty(t, report.Columns)

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

func TestContactsTypes(t *testing.T) {
	tests := []struct {
		name   string
		header string
		cells  []string
		want   []string // "type:text" or "absent" of each row, "bad" for a refused one
	}{
		{"integers", "f", []string{"1", "", "-20", "0"}, []string{"int:1", "absent", "int:-20", "int:0"}},
		{"minus zero is an integer", "f", []string{"-0", "5"}, []string{"int:0", "int:5"}},
		{"a fraction makes all double", "f", []string{"1.50", "2"}, []string{"double:1.5", "double:2"}},
		{"leading zeros are text", "f", []string{"007", "7"}, []string{"string:007", "string:7"}},
		{"one word makes all text", "f", []string{"1", "2", "n/a"}, []string{"string:1", "string:2", "string:n/a"}},
		{"plus, spaces, separators and exponents are text", "f", []string{"+1", " 1", "1,000", "1e3", ".5", "5.", "--1", "0x1F"}, []string{
			"string:+1", "string: 1", "string:1,000", "string:1e3", "string:.5", "string:5.", "string:--1", "string:0x1F",
		}},
		{"digits of long numbers are kept", "f", []string{"12345678901234567890"}, []string{"string:12345678901234567890"}},
		{"also beside fractions", "f", []string{"9007199254740993", "0.5"}, []string{"string:9007199254740993", "string:0.5"}},
		{"also below zero", "f", []string{"-9007199254740993", "1.5"}, []string{"string:-9007199254740993", "string:1.5"}},
		{"the last exact ones", "f", []string{"-9007199254740992", "9007199254740992", "1.5"}, []string{"double:-9.007199254740992e+15", "double:9.007199254740992e+15", "double:1.5"}},
		{"the greatest integer", "f", []string{"9223372036854775807"}, []string{"int:9223372036854775807"}},
		{"nothing is text", "f", []string{"", ""}, []string{"absent", "absent"}},
		{"truth", "f", []string{"true", "false", ""}, []string{"bool:true", "bool:false", "absent"}},
		{"truth as spreadsheets write it", "f", []string{"TRUE", "FALSE", "True"}, []string{"bool:true", "bool:false", "bool:true"}},
		{"truth and a word", "f", []string{"TRUE", "yes"}, []string{"string:TRUE", "string:yes"}},
		{"truth and a number", "f", []string{"TRUE", "1"}, []string{"string:TRUE", "string:1"}},
		{"days in digits are numbers", "f", []string{"20260131"}, []string{"int:20260131"}},
		{"days", "f", []string{"2026-02-28", "2024-02-29"}, []string{"date:2026-02-28", "date:2024-02-29"}},
		{"a day that does not exist makes all text", "f", []string{"2026-02-28", "2026-02-30"}, []string{"string:2026-02-28", "string:2026-02-30"}},
		{"instants", "f", []string{"2026-02-28T10:00:00Z", "2026-02-28T10:00:00.5+01:00"}, []string{"timestamp:2026-02-28T10:00:00Z", "timestamp:2026-02-28T09:00:00.5Z"}},
		{"what is no RFC 3339 makes all text", "f", []string{"2026-02-28T10:00:00Z", "2026-02-28T9:00:00Z"}, []string{"string:2026-02-28T10:00:00Z", "string:2026-02-28T9:00:00Z"}},
		{"a comma is no list", "f", []string{"a,b"}, []string{"string:a,b"}},

		{"string", "f:string", []string{"1", " x ", ""}, []string{"string:1", "string: x ", "absent"}},
		{"int", "f:int", []string{" 42 ", "007", "4.0", "x", "9223372036854775808"}, []string{"int:42", "bad", "bad", "bad", "bad"}},
		{"double", "f:double", []string{"1", "-0.25", "1e21", "1,5", "NaN", "Inf", "0x1p3", "1_0", "1e999"}, []string{"double:1", "double:-0.25", "double:1e+21", "bad", "bad", "bad", "bad", "bad", "bad"}},
		{"bool", "f:bool", []string{"TRUE", "false", "yes", "1"}, []string{"bool:true", "bool:false", "bad", "bad"}},
		{"timestamp", "f:timestamp", []string{"2026-01-31", "20260131", "2026-01-31T01:02:03Z", "31.01.2026"}, []string{
			"timestamp:2026-01-31T00:00:00Z", "timestamp:2026-01-31T00:00:00Z", "timestamp:2026-01-31T01:02:03Z", "bad",
		}},
		{"date", "f:date", []string{"2026-01-31", "20260201", "2026-02-29", "20260229", "2026-1-3"}, []string{"date:2026-01-31", "date:2026-02-01", "bad", "bad", "bad"}},
		{"list", "f:list", []string{`b, a ,b`, `"x, y",z`, `"x`, `"x"y`, `,`}, []string{"list:a,b", `list:"x, y",z`, "bad", "bad", "list:"}},
		{"the type's case and spaces do not count", " F : Double ", []string{"1"}, []string{"double:1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			aud := open(t, audience.Schema{})
			rows := []string{"external_id," + tt.header}
			for i, cell := range tt.cells {
				rows = append(rows, string(rune('a'+i))+`,"`+strings.ReplaceAll(cell, `"`, `""`)+`"`)
			}
			report := importContacts(t, aud, importer.Options{}, rows...)
			for i, want := range tt.want {
				if want == "bad" {
					require.Contains(t, strings.Join(errorsOf(report), "\n"), fmt.Sprintf("line %d, column 2: fields.f: type: ", i+2))
					report.Rejected--
					continue
				}
				require.Equal(t, want, field(t, aud, audience.Key(string(rune('a'+i))), "f"))
			}
			require.Zero(t, report.Rejected)
		})
	}
}

func TestContactsDeclaredTypesCount(t *testing.T) {
	aud := open(t, audience.Schema{Fields: []audience.Field{
		{Name: "zip", Type: audience.TypeString},
		{Name: "score", Type: audience.TypeDouble},
		{Name: "rank", Type: audience.TypeInt, Owner: "scoring"},
	}})
	report := importContacts(t, aud, importer.Options{},
		"external_id,zip,score:int,rank,nothing", "u1,1002,3,9,")
	require.Equal(t, "string:1002", field(t, aud, audience.Key("u1"), "zip"))
	require.Equal(t, "double:3", field(t, aud, audience.Key("u1"), "score"))
	require.Equal(t, "absent", field(t, aud, audience.Key("u1"), "rank"))
	require.Len(t, report.Columns, 2)
	require.EqualError(t, report.Columns[0], "line 1, column 3: fields.score: type: the declared type double, as which the column is read")
	require.ErrorContains(t, report.Columns[1], "line 1, column 4: fields.rank: owner")
	schema := aud.Schema()
	f, ok := schema.FieldNamed("nothing")
	require.True(t, ok, "a column of nothing is declared, so that segments can name it")
	require.Equal(t, audience.TypeString, f.Type)
}

func TestContactsHeaders(t *testing.T) {
	aud := open(t, audience.Schema{})
	report := importContacts(t, aud, importer.Options{},
		"external_id,Favourite Colour,favourite-colour:int,,Имя,id,updated_at,E-Mail,email,E Mail,for,1st,size:inches",
		"u1,red,7,skipped,skipped,skipped,skipped,x,jane@example.com,skipped,y,z,10")
	var columns []string
	for _, c := range report.Columns {
		columns = append(columns, c.Error())
	}
	require.Equal(t, []string{
		"line 1, column 3: header: double: a name of its own; it has that of column 2, which is read instead",
		"line 1, column 4: header: empty: a name with letters a to z or digits",
		"line 1, column 5: header: empty: a name with letters a to z or digits",
		"line 1, column 6: schema.fields.id: built-in: a name that no built-in field has",
		"line 1, column 7: schema.fields.updated_at: built-in: a name that no built-in field has",
		"line 1, column 10: header: double: a name of its own; it has that of column 8, which is read instead",
		"line 1, column 13: header.size_inches: type: behind the colon one of string, int, double, bool, timestamp, date, list; the column is read without a type",
	}, columns)
	for name, want := range map[string]string{
		"favourite_colour": "string:red", "e_mail": "string:x", "for_": "string:y", "f_1st": "string:z", "size_inches": "int:10",
	} {
		require.Equal(t, want, field(t, aud, audience.Key("u1"), name), name)
	}
	require.NotContains(t, strings.Join(columns, " "), "jane", "not even a header's neighbours are shown")
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
			"line 4: ambiguous conflict: the external id and the address belong to different contacts",
			"line 5: identity conflict: the address belongs to a contact with another external id",
			"line 8: identity conflict: the address belongs to a contact with another external id",
			"line 9: ambiguous conflict: the external id and the address belong to different contacts",
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

func TestContactsBadRows(t *testing.T) {
	aud := open(t, audience.Schema{})
	var seen []string
	report := importContacts(t, aud, importer.Options{OnError: func(e *importer.RowError) { seen = append(seen, e.Error()) }},
		"email,external_id,first_name,tags,created_at,status",
		"not an address,u1,Secret,,,",
		",,Secret,,,",
		",u2,Secret,\"\"\"Secret\",,",
		",u3,Secret,,31.12.2025,",
		",u4,Secret,,,Subscribed",
		",u5,Sec\x00ret,,,",
		",u6,Sec\xffret,,,",
		",u7,Secret,\"a\tb\x01\",,",
		","+strings.Repeat("k", 600)+",Secret,,,",
		",u8,Secret,,,,Secret",
		",u9,Sec\"ret,,,",
		",good,Good,,,,,",
	)
	require.Equal(t, []string{
		"line 2, column 1: email: at: an address like name@example.com",
		"line 3: row: empty: an email or an external_id",
		"line 4, column 4: tags: type: tags between commas; quotes around a tag that holds one, doubled inside",
		"line 5, column 5: created_at: type: an instant as RFC 3339 (2026-01-31T09:30:00Z), YYYY-MM-DD or YYYYMMDD, in the years 1 to 9999",
		"line 6, column 6: status: unknown: subscribed, pending, unsubscribed, bounced, complained or none",
		"line 7, column 3: cell: nul: text without NUL",
		"line 8, column 3: cell: utf8: text in the encoding of the file: save it as \"CSV UTF-8\"",
		"line 9, column 4: tags: control: no control characters",
		"line 10, column 2: external[0].id: max-length: at most 512 bytes",
		"line 11, column 7: row: cells: at most 6 cells, as the header has; a cell that holds a delimiter needs quotes",
		"line 12, column 3: row: quote: quotes around the whole cell, doubled inside",
	}, errorsOf(report))
	require.Equal(t, errorsOf(report), seen)
	require.NotContains(t, strings.Join(seen, " "), "ecret")
	require.Equal(t, 1, report.Created)
	require.Equal(t, "Good", contact(t, aud, audience.Key("good")).FirstName.Reveal())
}

func TestContactsFileErrors(t *testing.T) {
	tests := []struct {
		name, file, want string
		limit            bool
	}{
		{name: "empty", file: "", want: "file: empty: a header row"},
		{name: "empty lines", file: "\n\r\n\r", want: "file: empty: a header row"},
		{name: "no column that names a contact", file: "jane@example.com,Jane\n", want: "line 1: header: column: a header row with a column email or external_id, and commas between the cells"},
		{name: "other delimiter", file: "email;tags\na@example.com;x\n", want: "line 1: header: column: a header row with a column email or external_id, and commas between the cells"},
		{name: "quote in the header", file: "\"email\nx,y\n", want: "line 1, column 1: row: quote: a closing quote"},
		{name: "UTF-16", file: "\xff\xfee\x00", want: "file: encoding: UTF-8; this is UTF-16: save it as \"CSV UTF-8\""},
		{name: "too many columns", file: "email" + strings.Repeat(",x", 20) + "\n", want: "line 1: row: max-columns: at most 10 cells", limit: true},
		{name: "too many rows", file: "email\n" + strings.Repeat("a@example.com\n", 6), want: "file: max-rows: at most 5 rows", limit: true},
		{name: "too many bytes", file: "email\n" + strings.Repeat("a@example.com\n", 5) + strings.Repeat("\n", 2000), want: "file: max-bytes: at most 2000 bytes", limit: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			aud := open(t, audience.Schema{})
			opts := importer.Options{Limits: importer.Limits{Columns: 10, Rows: 5, Bytes: 2000}}
			report, err := runContacts(t.Context(), aud, importer.Bytes("x.csv", []byte(tt.file)), opts)
			require.EqualError(t, err, tt.want)
			require.ErrorIs(t, err, audience.ErrInvalid)
			if tt.limit {
				require.ErrorIs(t, err, audience.ErrLimit)
			}
			require.NotNil(t, report)
			require.Zero(t, report.Rows)
			pos, err := aud.Head(t.Context())
			require.NoError(t, err)
			first, err := open(t, audience.Schema{}).Head(t.Context())
			require.NoError(t, err)
			require.Equal(t, first.IsZero(), pos.IsZero(), "nothing was written")
		})
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
	require.Equal(t, []int{30, 20}, []int{again.Created, again.Skips.Unchanged})
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
