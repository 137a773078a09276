package importer_test

import (
	"bytes"
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/importer"
)

// TestOwnExport: what csvexport writes is recognised and read back exactly,
// whatever stands in it.
func TestOwnExport(t *testing.T) {
	schema := audience.Schema{Fields: []audience.Field{
		{Name: "score", Type: audience.TypeDouble, ID: 1},
		{Name: "likes", Type: audience.TypeStringList, ID: 2},
		{Name: "note", Type: audience.TypeString, ID: 3},
		{Name: "seen", Type: audience.TypeTimestamp, ID: 4},
		{Name: "born", Type: audience.TypeDate, ID: 5},
		{Name: "vip", Type: audience.TypeBool, ID: 6},
		{Name: "empty", Type: audience.TypeInt, ID: 7},
	}}
	born, err := audience.ParseDate("1990-03-04")
	require.NoError(t, err)
	at := time.Date(2026, 1, 31, 9, 30, 0, 123456000, time.UTC)
	values := map[string]audience.Value{
		"score": audience.DoubleValue(-1234.5), "likes": audience.StringListValue("a;b", "c;d", "e, f"), "note": audience.StringValue(" 'x\n=1 "),
		"seen": audience.TimestampValue(at), "born": audience.DateValue(born), "vip": audience.BoolValue(true),
	}
	var fields []audience.FieldValue
	for _, f := range schema.Fields {
		if v := values[f.Name]; !v.IsZero() {
			fields = append(fields, audience.FieldValue{ID: f.ID, Value: v})
		}
	}
	for _, profile := range []csvexport.Profile{csvexport.Spreadsheet, csvexport.Machine} {
		var b bytes.Buffer
		enc := csvexport.New(&b, csvexport.Options{Profile: profile})
		require.NoError(t, enc.Begin(schema))
		require.NoError(t, enc.Encode([]exporter.Contact{{Status: audience.StatusUnsubscribed, Contact: audience.Contact{
			Addresses: []audience.Address{audience.MustAddress("Jürgen@example.com")}, External: []audience.ExternalID{audience.External(audience.HostSystem, "007")},
			FirstName: audience.NewPrivate(" 't Hooft "), LastName: audience.NewPrivate("=1+1"), Phone: audience.NewPrivate(" '+46 70;+1 "),
			Tags: []audience.Tag{{Name: "a;b"}, {Name: "c;d"}, {Name: "e,f"}}, Fields: fields, CreatedAt: at,
		}}}))
		require.NoError(t, enc.End())
		src := importer.Bytes("export.csv", b.Bytes())
		p := inspect(t, src, audience.Schema{})
		require.Equal(t, "audiencekit", p.Mapping.Vendor)
		require.Empty(t, p.Questions)
		good, bad := readAs(t, src, planOf(p, nil), audience.Schema{}, nil)
		require.Empty(t, bad)
		c := good[0]
		require.Equal(t, `email=Jürgen@example.com | host=007 | first= 't Hooft  | last==1+1 | phone= '+46 70;+1  | tags=a;b,c;d,"e,f" | status=unsubscribed | created=2026-01-31T09:30:00`, shape(c))
		require.True(t, c.Write.CreatedAt.Equal(at))
		require.Len(t, c.Write.Set, len(values))
		for name, v := range values {
			require.True(t, v.Equal(c.Write.Set[name]), name)
		}
	}
}

// kinds is a table of a format with types.
type kinds []*importer.Row

func (k kinds) Rows(context.Context) iter.Seq2[*importer.Row, error] {
	return func(yield func(*importer.Row, error) bool) {
		for _, row := range k {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func (kinds) Read() int64  { return 0 }
func (kinds) Close() error { return nil }

func (kinds) Name() string { return "kinds" }

func (kinds) Detect(context.Context, importer.Source, importer.Limits) (*importer.Layout, error) {
	return &importer.Layout{Format: "kinds", Columns: []string{"email", "code", "score", "vip", "likes", "seen", "tags", "gone"}, HeaderLine: 1}, nil
}

// kindsFormat opens always the same table.
type kindsFormat struct {
	kinds
	importer.Format
}

func (f kindsFormat) Name() string { return f.kinds.Name() }

func (f kindsFormat) Detect(ctx context.Context, src importer.Source, l importer.Limits) (*importer.Layout, error) {
	return f.kinds.Detect(ctx, src, l)
}

func (f kindsFormat) Open(context.Context, importer.Source, *importer.Layout, importer.Limits) (importer.Table, error) {
	return f.kinds, nil
}

// TestKinds: what a format knows of its cells counts.
func TestKinds(t *testing.T) {
	types := []importer.CellKind{
		importer.CellString, importer.CellString, importer.CellNumber, importer.CellBool, importer.CellList, importer.CellTime, importer.CellList, importer.CellAbsent,
	}
	table := kinds{
		{Line: 1, Cells: []string{"a@example.com", "30", "1.5", "true", `x,"y;z"`, "2026-01-31T09:30:00Z", "s;t,u", ""}, Kinds: types},
		{Line: 2, Cells: []string{"b@example.com", "31", "2", "false", "", "", "", ""}, Kinds: types},
	}
	p, err := importer.Inspect(t.Context(), rowsOf("x"), audience.Schema{}, importer.InspectOptions{Formats: []importer.Format{kindsFormat{kinds: table}}})
	require.NoError(t, err)
	require.Empty(t, p.Questions)
	require.Equal(t, []string{"email", "field code string", "field score double", "field vip bool", "field likes list", "field seen timestamp", "tags", "nothing"}, becomes(&p.Mapping))
	plan := planOf(p, nil)
	plan.Blanks = importer.BlanksClear
	var got []*importer.Contact
	for c, err := range importer.ContactsOf(t.Context(), table, plan, audience.Schema{}, nil) {
		require.NoError(t, err)
		got = append(got, c)
	}
	for field, want := range map[string]string{"code": "string:30", "score": "double:1.5", "vip": "bool:true", "likes": "list:x,y;z", "seen": "timestamp:2026-01-31T09:30:00Z"} {
		require.Equal(t, want, fieldOf(got[0], field))
	}
	require.Equal(t, []string{"s;t", "u"}, got[0].Write.SetTags)
	require.Empty(t, got[0].Blank)
	require.Equal(t, []string{"likes", "seen", "tags"}, got[1].Blank, "an absent cell is not blank")
}

// TestStandingOfSeveralColumns: the strictest counts, implied permission is no
// consent, and the instant is that of the standing.
func TestStandingOfSeveralColumns(t *testing.T) {
	words := map[string]audience.Status{"Active": audience.StatusSubscribed, "Off": audience.StatusUnsubscribed, "Spam": audience.StatusComplained}
	bound := map[string]audience.Status{"Express": audience.StatusSubscribed, "Implied": audience.StatusPending}
	mapping := importer.Mapping{Columns: []importer.Column{
		{Index: 0, Target: importer.TargetEmail},
		{Index: 1, Target: importer.TargetStatus, Words: words},
		{Index: 2, Target: importer.TargetEvidence, Header: "Permission", Words: bound},
		{Index: 3, Target: importer.TargetRefused, Format: "ymd"},
		{Index: 4, Target: importer.TargetActed, Header: "Since", Format: "ymd"},
		{Index: 5, Target: importer.TargetBounced},
		{Index: 6, Target: importer.TargetConsented},
	}}
	tests := []struct{ cells, want string }{
		{"active,,,,,", "subscribed"},
		{" ACTIVE ,Express,,2026-01-31,,", "subscribed 2026-01-31"},
		{"Active,implied,,2026-01-31,,", "pending 2026-01-31"},
		{"Active,Express,yes,2026-01-31,,", "unsubscribed"},
		{"Active,Express,2026-02-01,2026-01-31,,", "unsubscribed 2026-02-01"},
		{"Active,,no,,yes,", "bounced"},
		{"Off,,,,yes,", "unsubscribed"},
		{"Spam,,2026-02-01,,yes,yes", "complained 2026-02-01"},
		{",,,,,yes", "subscribed"},
		{",,,,,no", "unsubscribed"},
		{",,0000-00-00,,,", "none"},
		{",Express,no,,no,", "none"},
		{"Gone,,,,,", "line 2, column 2: status: unknown: one of the words of the mapping: active, off, spam"},
		{",,maybe,,,", "line 2, column 4: status: type: yes, no, or a date such as 2026-01-31 or 2026-01-31 09:30:00"},
		{",,,,,maybe", "line 2, column 7: status: type: yes or no"},
	}
	for _, tt := range tests {
		src := rowsOf("e,s,p,r,a,b,c", "a@example.com,"+tt.cells)
		layout := &importer.Layout{Columns: []string{"e", "s", "p", "r", "a", "b", "c"}, HeaderLine: 1}
		good, bad := readAs(t, src, &importer.Plan{Layout: layout, Mapping: mapping}, audience.Schema{}, nil)
		if len(bad) > 0 {
			require.Equal(t, tt.want, bad[0])
			continue
		}
		got := good[0].Status.String()
		if !good[0].Acted.IsZero() {
			got += " " + good[0].Acted.Format(time.DateOnly)
		}
		require.Equal(t, tt.want, got, tt.cells)
	}
}

// TestRowsThatCannotBeUsed: errors say where, and what is expected, and hold
// nothing of the cells.
func TestRowsThatCannotBeUsed(t *testing.T) {
	mapping := importer.Mapping{Columns: []importer.Column{
		{Index: 0, Target: importer.TargetEmail},
		{Index: 1, Target: importer.TargetExternalID},
		{Index: 2, Target: importer.TargetTags},
		{Index: 3, Target: importer.TargetField, Name: "n", Type: audience.TypeInt},
		{Index: 4, Target: importer.TargetField, Name: "d", Type: audience.TypeDate, Format: "dmy"},
		{Index: 5, Target: importer.TargetField, Name: "p", Type: audience.TypeDouble, Format: "comma"},
		{Index: 6, Target: importer.TargetTag, Name: "vip"},
		{Index: 7, Target: importer.TargetField, Name: "j", Type: audience.TypeInt, Format: "json:j"},
		{Index: 8, Target: importer.TargetCreatedAt},
	}}
	head := []string{"e", "x", "t", "n", "d", "p", "v", "j", "c"}
	for cells, want := range map[string]string{
		"secret,,,,,,,,":                          "column 1: email: at",
		",,,,,,,,x":                               "column 9: created_at: type",
		",,,,,,,,":                                "",
		`,7,"""secret",,,,,,`:                     "column 3: tags: type",
		`,7,"secret` + "\x7f" + `",,,,,,`:         "column 3: tags: control",
		",7,,secret,,,,,":                         "column 4: fields.n: type",
		",7,,,2026-13-01,,,,":                     "column 5: fields.d: type",
		",7,,,,secret,,,":                         "column 6: fields.p: type",
		",7,,,,,secret,,":                         "column 7: tags: type",
		",7,,,,,,secret,":                         "column 8: fields: json",
		`,7,,,,,,"{""j"": ""secret""}",`:          "column 8: fields.j: type",
		`,7,,,,,,"{""k"": ""secret""}",`:          "ok",
		",7,,,,,yes,,2026-01-31":                  "ok",
		"secret@example.com secret@x.com,,,,,,,,": "column 1: email: ",
	} {
		src := rowsOf("e,x,t,n,d,p,v,j,c", cells)
		good, bad := readAs(t, src, &importer.Plan{Layout: &importer.Layout{Columns: head, HeaderLine: 1}, Mapping: mapping}, audience.Schema{}, nil)
		if want == "" { // an empty row is none
			require.Empty(t, bad)
			require.Empty(t, good)
			continue
		}
		if want == "ok" {
			require.Empty(t, bad, cells)
			continue
		}
		require.Len(t, bad, 1, cells)
		require.Contains(t, bad[0], "line 2, "+want, cells)
		require.NotContains(t, bad[0], "secret")
	}
}

// TestMappingsThatCannotBeUsed are errors of the whole.
func TestMappingsThatCannotBeUsed(t *testing.T) {
	for name, c := range map[string]importer.Column{
		"index":            {Index: -1},
		"target":           {Target: 99},
		"name":             {Target: importer.TargetField, Name: "email", Type: audience.TypeInt},
		"name of a member": {Target: importer.TargetField, Name: "No", Type: audience.TypeInt, Format: "json:x"},
		"type":             {Target: importer.TargetField, Name: "x", Type: 99},
	} {
		plan := &importer.Plan{Mapping: importer.Mapping{Columns: []importer.Column{c}}}
		for _, err := range importer.ContactsOf(t.Context(), kinds{{Line: 1, Cells: []string{"x"}}}, plan, audience.Schema{}, nil) {
			var row *importer.RowError
			require.ErrorIs(t, err, audience.ErrInvalid, name)
			require.NotErrorAs(t, err, &row)
		}
	}
	// A column that the rows do not have says nothing.
	plan := &importer.Plan{Mapping: importer.Mapping{Columns: []importer.Column{{Target: importer.TargetEmail}, {Index: 7, Target: importer.TargetPhone}}}}
	for _, err := range importer.ContactsOf(t.Context(), kinds{{Line: 1, Cells: []string{"a@example.com"}}}, plan, audience.Schema{}, nil) {
		require.NoError(t, err)
	}
}

// TestTimesWithoutZone are read in the zone of the audience.
func TestTimesWithoutZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	src := rowsOf("email,Created,Seen date", "a@example.com,2026-07-01 10:00:00,01.07.2026 10:00", "b@example.com,2026-07-01 10:00:00,31.07.2026 10:00")
	p := inspect(t, src, audience.Schema{})
	require.Len(t, p.Notes, 2)
	require.Equal(t, "local-times", p.Notes[0].Code)
	good, _ := readAs(t, src, planOf(p, nil), audience.Schema{}, berlin)
	require.Equal(t, "email=a@example.com | created=2026-07-01T08:00:00", shape(good[0]))
	require.Equal(t, "timestamp:2026-07-01T08:00:00Z", fieldOf(good[0], "seen_date"))
}

// TestSeveralColumnsOfAKind: the first that is filled counts, tags join.
func TestSeveralColumnsOfAKind(t *testing.T) {
	mapping := importer.Mapping{Columns: []importer.Column{
		{Index: 0, Target: importer.TargetAddress},
		{Index: 1, Target: importer.TargetEmail},
		{Index: 2, Target: importer.TargetPhone},
		{Index: 3, Target: importer.TargetPhone, Format: "guarded"},
		{Index: 4, Target: importer.TargetTags},
		{Index: 5, Target: importer.TargetTags, Format: ";"},
		{Index: 6, Target: importer.TargetLists},
		{Index: 7, Target: importer.TargetFullName},
	}}
	head := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	src := rowsOf("a,b,c,d,e,f,g,h", "x@example.com,y@example.com,,'0701,t,u;v,l,Ann Lee Smith", "z@example.com,,1,2,,,,Prince", "z@example.com,Z@example.com,,,,,,")
	good, bad := readAs(t, src, &importer.Plan{Layout: &importer.Layout{Columns: head, HeaderLine: 1}, Mapping: mapping}, audience.Schema{}, nil)
	require.Empty(t, bad)
	require.Equal(t, "email=y@example.com | also=x@example.com | first=Ann Lee | last=Smith | phone=0701 | tags=t,u,v | lists=l", shape(good[0]))
	require.Equal(t, "email=z@example.com | first=Prince | phone=1", shape(good[1]))
	require.Equal(t, "email=Z@example.com", shape(good[2]), "the same address once")
}

// TestRowsLeaveNothing: what a row that cannot be used has said is not in the
// next one.
func TestRowsLeaveNothing(t *testing.T) {
	mapping := importer.Mapping{Columns: []importer.Column{
		{Index: 0, Target: importer.TargetEmail},
		{Index: 1, Target: importer.TargetTags},
		{Index: 2, Target: importer.TargetFullName},
		{Index: 3, Target: importer.TargetExternalID},
		{Index: 4, Target: importer.TargetField, Name: "a", Type: audience.TypeString},
		{Index: 5, Target: importer.TargetConsented},
		{Index: 6, Target: importer.TargetField, Name: "n", Type: audience.TypeInt},
	}}
	src := rowsOf("e,t,f,x,a,c,n", "a@example.com,t,Ann Lee,7,a,yes,none", "b@example.com,,,,,,1")
	plan := &importer.Plan{Layout: &importer.Layout{Columns: []string{"e", "t", "f", "x", "a", "c", "n"}, HeaderLine: 1}, Mapping: mapping}
	good, bad := readAs(t, src, plan, audience.Schema{}, nil)
	require.Len(t, bad, 1)
	require.Equal(t, "email=b@example.com", shape(good[0]))
	require.Len(t, good[0].Write.Set, 1)
}

// TestOwnExportForPeople: numbers with a comma and times of a zone come back,
// and what cannot be imported is passed over.
func TestOwnExportForPeople(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	src := rowsOf(
		"external_id;email;other_emails;lists;id;consent:marketing;score:double;seen:timestamp;note:string;created_at",
		`7;a@example.com;b@example.com,c@example.com;vip,press;1;subscribed;-1234,5;2026-07-01 10:00:00; x ;2026-07-01 10:00:00`,
		`8;d@example.com;;;2;none;2;;;`,
	)
	p := inspect(t, src, audience.Schema{})
	require.Equal(t, "audiencekit", p.Mapping.Vendor)
	require.Empty(t, p.Questions)
	good, bad := readAs(t, src, planOf(p, nil), audience.Schema{}, berlin)
	require.Empty(t, bad)
	require.Equal(t, "email=a@example.com | also=b@example.com | also=c@example.com | host=7 | lists=vip,press | created=2026-07-01T08:00:00", shape(good[0]))
	for field, want := range map[string]string{"score": "double:-1234.5", "seen": "timestamp:2026-07-01T08:00:00Z", "note": "string: x "} {
		require.Equal(t, want, fieldOf(good[0], field))
	}
	require.Equal(t, "double:2", fieldOf(good[1], "score"))
}
