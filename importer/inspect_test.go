package importer_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/store"
)

// becomes gives what the columns of a file become, as "name: target" or "name:
// field type format".
func becomes(m *importer.Mapping) []string {
	var out []string
	for _, c := range m.Columns {
		s := c.Target.String()
		if c.Target == importer.TargetField {
			s += " " + c.Name + " " + c.Type.String()
		}
		if c.Format != "" && c.Format != "trim" && (c.Format != "guarded" || c.Target == importer.TargetField) {
			s += " " + c.Format
		}
		out = append(out, s)
	}
	return out
}

func questionIDs(p *importer.Proposal) []string {
	var out []string
	for _, q := range p.Questions {
		out = append(out, q.ID)
	}
	return out
}

// TestColumnsByContent: what a column of one name becomes depends on its cells.
func TestColumnsByContent(t *testing.T) {
	tests := []struct {
		name  string
		cells []string
		want  string
		asks  string
	}{
		{"Score", []string{"1", "-5", ""}, "field score int", ""},
		{"Score", []string{"1", "2.5"}, "field score double", ""},
		{"Score", []string{"1", "007"}, "field score string", ""},
		{"Score", []string{"1", "12345678901234567890"}, "field score string", ""},
		{"Score", []string{"$1,250.00", "$3.50"}, "field score double point", ""},
		{"Score", []string{"$1,250.00", "$3,500"}, "field score double text", "numbers"},
		{"Score", []string{"1,5", "2,7"}, "field score double text", "numbers"},
		{"Score", []string{"1,234", "1.234,56"}, "field score double text", "numbers"},
		{"Customer ID", []string{"1", "2"}, "field customer_id string", ""},
		{"ZIP", []string{"01002", "'84403"}, "field zip string guarded", ""},
		{"Nickname", []string{"'t Hooft", "'84"}, "field nickname string", ""},
		{"Member", []string{"yes", "No"}, "field member bool words", ""},
		{"Country", []string{"NO", "no"}, "field country string", ""},
		{"Flag", []string{"0", "1"}, "field flag int", ""},
		{"Flag", []string{"TRUE", "TRUE"}, "field flag bool", ""},
		{"Visit date", []string{"2026-01-31", "2026-02-01"}, "field visit_date date", ""},
		{"Visit date", []string{"2026-01-31 10:00", ""}, "field visit_date timestamp ymd", ""},
		{"Visit date", []string{"2026-01-31T10:00:00Z"}, "field visit_date timestamp", ""},
		{"Visit", []string{"31/01/2026", "01/02/2026"}, "field visit date dmy", ""},
		{"Visit", []string{"01/31/2026", "01/02/2026"}, "field visit date mdy", ""},
		{"Visit", []string{"03/04/2026", "01/02/2026"}, "field visit date dmy", "dates"},
		{"Visit", []string{"31.01.2026", "1.2.2026"}, "field visit date dmy", ""},
		{"Erstellt am", []string{"31.01.2026", "01.02.2026 09:30"}, "created at dmy", ""},
		{"Version", []string{"1.2.2026", "1.2.3"}, "field version string", ""},
		{"Visit", []string{"31/01/2026", "01/31/2026"}, "field visit string", ""},
		{"Visit date", []string{"31/01/2026", "soon"}, "field visit_date date text", "dates"},
		{"Visit", []string{"31/01/2026", "soon"}, "field visit string", ""},
		{"Visit", []string{"0000-00-00", "2026-01-31"}, "field visit date ymd", ""},
		{"Birthday", []string{"4/12", "1990-04-12"}, "field birthday string", ""},
		{"Last visit at", []string{"1617441600", "1617441601"}, "field last_visit_at timestamp unix", ""},
		{"Last visit date", []string{"44289", "44290"}, "field last_visit_date date excel", ""},
		{"Last visit date", []string{"20260131", "20260201"}, "field last_visit_date date", ""},
		{"Visits", []string{"1617441600", "44289"}, "field visits int", ""},
		{"Hobbies", []string{"a||b", "c"}, "field hobbies list ||", ""},
		{"Hobbies", []string{"a, b", "c; d"}, "field hobbies string", ""},
		{"Empty", []string{"", " "}, "nothing", ""},
		{"Hash", []string{"$2y$10$abcdefghijklmnopqrstuv"}, "secret", ""},
		{"API token", []string{"x"}, "secret", ""},
		{"import_reason", []string{"x"}, "nothing", ""},
		{"id", []string{"7"}, "field imported_id string", ""},
		{"true", []string{"7"}, "field true_ int", ""},
		{"Имя", []string{"x"}, "field column_2 string", ""},
		{"Tags", []string{"a;b", "c"}, "tags ;", ""},
		{"Tags", []string{"a,b"}, "tags", ""},
		{"Sales rep email", []string{"rep@example.com", "rep@example.com"}, "field sales_rep_email string", ""},
		{"Work e-mail", []string{"x@example.com"}, "further address", ""},
		{"Signup date", []string{"2026-01-31"}, "created at", ""},
		{"Signup date", []string{"unknown"}, "field signup_date string", ""},
		{"score:double", []string{"1"}, "field score double", ""},
		{"when:timestamp", []string{"01/31/2026"}, "field when timestamp mdy", ""},
		{"external:crm", []string{"7"}, "external id", ""},

		{"Status", []string{"subscribed", "Unsubscribed"}, "status", ""},
		{"Status", []string{"active", "opted out"}, "status", "status"},
		{"Status", []string{"lead", "customer"}, "status", "status"},
		{"Email status", []string{"active", "opted out"}, "status", ""},
		{"Email Marketing Consent", []string{"yes", "no"}, "consent", ""},
		{"Opt-in", []string{"1", "0"}, "consent", ""},
		{"Opt-in", []string{"2026-01-31"}, "time of consent", ""},
		{"Opt-in", []string{"by form"}, "field opt_in string", ""},
		{"Email Opt Out", []string{"0", "1"}, "refusal", ""},
		{"Unsubscribed at", []string{"2026-01-31", ""}, "refusal", ""},
		{"Unsubscribed at", []string{"03/04/2026", ""}, "refusal dmy", "dates"},
		{"Unsubscribed", []string{"too many mails", ""}, "refusal any", "refusals"},
		{"Bounced", []string{"yes", "no"}, "bounce", ""},
		{"Opt-in IP", []string{"203.0.113.7"}, "evidence", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+strings.Join(tt.cells, "|"), func(t *testing.T) {
			lines := []string{"Email," + tt.name}
			for i, c := range tt.cells {
				lines = append(lines, fmt.Sprintf(`u%d@example.com,"%s"`, i, c))
			}
			p := inspect(t, rowsOf(lines...), audience.Schema{})
			require.Equal(t, []string{"email", tt.want}, becomes(&p.Mapping))
			var asks []string
			if tt.asks != "" {
				asks = []string{"column 2: " + tt.asks}
			}
			require.Equal(t, asks, questionIDs(p))
			if tt.asks == "" {
				good, bad := readAs(t, rowsOf(lines...), planOf(p, nil), audience.Schema{}, nil)
				require.Len(t, good, len(tt.cells), "%q", bad)
			}
		})
	}
}

// TestHeadersInOtherLanguages: what everybody has is found by its name.
func TestHeadersInOtherLanguages(t *testing.T) {
	for _, header := range []string{
		"E-Mail-Adresse,Vorname,Nachname,Telefon,Erstellt am",
		"E-Mail,Vorname,Name,Handynummer,Registrierungsdatum",
		"Adresse e-mail,Prénom,Nom,Téléphone,Date d'inscription",
		"Correo electrónico,Nombre,Apellidos,Teléfono,Fecha de registro",
		"Mejl,Imię,Nazwisko,Numer telefonu,Data utworzenia",
		"E-postadress,Förnamn,Efternamn,Mobilnummer,Registreringsdatum",
		"E-mailadres,Voornaam,Achternaam,Mobile,Date joined",
		"Indirizzo email,Nome,Cognome,Cell,Created",
	} {
		p := inspect(t, rowsOf(header, "a@example.com,Ada,Ek,070 11,2026-01-31"), audience.Schema{})
		require.Equal(t, []string{"email", "first name", "last name", "phone", "created at"}, becomes(&p.Mapping), header)
	}
}

func TestNames(t *testing.T) {
	p := inspect(t, rowsOf("email,Score,score,SCORE!,phone,Phone", "a@example.com,1,2,3,4,5"), audience.Schema{})
	require.Equal(t, []string{"email", "field score int", "field score_2 int", "field score_3 int", "phone", "field imported_phone string"}, becomes(&p.Mapping))
	p = inspect(t, rowsOf("email,"+strings.Repeat("long ", 80), "a@example.com,1"), audience.Schema{})
	require.NoError(t, audience.CheckFieldName(p.Mapping.Columns[1].Name, audience.Limits{}))
}

// TestFieldsOfTheSchema: they keep their type, whatever cells look like, and
// those of an owner are not read.
func TestFieldsOfTheSchema(t *testing.T) {
	schema := audience.Schema{Fields: []audience.Field{
		{Name: "zip", Type: audience.TypeInt},
		{Name: "member", Type: audience.TypeBool},
		{Name: "spent", Type: audience.TypeDouble},
		{Name: "seen", Type: audience.TypeTimestamp},
		{Name: "likes", Type: audience.TypeStringList},
		{Name: "city", Type: audience.TypeString},
		{Name: "rank", Type: audience.TypeInt, Owner: "scoring"},
		{Name: "status_text", Type: audience.TypeString},
	}}
	src := rowsOf(
		"email,ZIP,Member,Spent,Seen,Likes,City,Rank,Status Text,New",
		`a@example.com,123,yes,"$1,250.00",31/01/2026 10:00,a;b, Łódź ,7,x,8`,
		`b@example.com,x,,,,,,,,`,
	)
	p := inspect(t, src, schema)
	require.Equal(t, []string{
		"email", "field zip int", "field member bool words", "field spent double point", "field seen timestamp dmy", "field likes list ;",
		"field city string", "nothing", "field status_text string", "field new int",
	}, becomes(&p.Mapping))
	require.Equal(t, "owner", p.Notes[0].Code)
	brings := importer.Brings(planOf(p, nil), schema)
	require.Equal(t, []audience.Field{{Name: "new", Type: audience.TypeInt}}, brings.Fields)
	good, bad := readAs(t, src, planOf(p, nil), schema, nil)
	require.Equal(t, []string{"line 3, column 2: fields.zip: type: an integer such as 42, of at most 64 bits, without leading zeros, signs other than -, or separators"}, bad)
	for field, want := range map[string]string{
		"zip": "int:123", "member": "bool:true", "spent": "double:1250", "seen": "timestamp:2026-01-31T10:00:00Z", "likes": "list:a,b", "city": "string:Łódź", "rank": "", "new": "int:8",
	} {
		require.Equal(t, want, fieldOf(good[0], field), field)
	}
}

// TestAnswers: an answer changes how a column is read; without one the assumed
// answer holds, and the question stays open.
func TestAnswers(t *testing.T) {
	read := func(t *testing.T, header, cell string, answers map[string]string) (string, *importer.Plan) {
		t.Helper()
		src := rowsOf("email,"+header, "a@example.com,"+cell)
		plan := planOf(inspect(t, src, audience.Schema{}), answers)
		good, bad := readAs(t, src, plan, audience.Schema{}, nil)
		if len(bad) > 0 {
			return bad[0], plan
		}
		c := good[0]
		out := shape(c)
		parts := []string{out}
		for name := range c.Write.Set {
			parts = append(parts, name+"="+fieldOf(c, name))
		}
		return strings.TrimPrefix(strings.TrimPrefix(strings.Join(parts, " | "), "email=a@example.com"), " | "), plan
	}
	tests := []struct{ header, cell, answer, want string }{
		{"Visit", "03/04/2026", "", "visit=date:2026-04-03"},
		{"Visit", "03/04/2026", "dmy", "visit=date:2026-04-03"},
		{"Visit", "03/04/2026", "mdy", "visit=date:2026-03-04"},
		{"Visit", "03/04/2026", "text", "visit=string:03/04/2026"},
		{"Created", "03/04/2026", "mdy", "created=2026-03-04T00:00:00"},
		{"Created", "03/04/2026", "ignore", ""},
		{"Created", "03/04/2026", "nonsense", "created=2026-04-03T00:00:00"},
		{"Price", `"1,234"`, "", "price=string:1,234"},
		{"Price", `"1,234"`, "point", "price=double:1234"},
		{"Price", `"1,234"`, "comma", "price=double:1.234"},
		{"Status", "active", "", "status=subscribed"},
		{"Status", "active", "text", "imported_status=string:active"},
		{"Status", "active", "ignore", ""},
		{"Status", "lead", "", "imported_status=string:lead"},
		{"Status", "lead", "status", "line 2, column 2: status: unknown: one of the words of the mapping: abgemeldet"},
		{"Unsubscribed", "too much", "", "status=unsubscribed"},
		{"Unsubscribed", "too much", "any", "status=unsubscribed"},
		{"Unsubscribed", "too much", "text", "unsubscribed=string:too much"},
	}
	for _, tt := range tests {
		t.Run(tt.header+" "+tt.cell+" "+tt.answer, func(t *testing.T) {
			p := inspect(t, rowsOf("email,"+tt.header, "a@example.com,"+tt.cell), audience.Schema{})
			require.Len(t, p.Questions, 1)
			got, plan := read(t, tt.header, tt.cell, map[string]string{p.Questions[0].ID: tt.answer})
			if strings.HasPrefix(tt.want, "line") {
				require.True(t, strings.HasPrefix(got, tt.want), got)
			} else {
				require.Equal(t, tt.want, got)
			}
			answered := tt.answer != "" && tt.answer != "nonsense"
			require.Equal(t, answered, len(importer.Open(plan)) == 0)
		})
	}
}

// TestAddressColumn: it is the one whose cells are addresses, and of several
// the one that is named so, or at least not about somebody else.
func TestAddressColumn(t *testing.T) {
	for _, tt := range []struct {
		header string
		cells  []string
		want   string
	}{
		{"Remark,Login", []string{"ask a@example.com,b@example.com", "x@example.com,c@example.com", "y,d@example.com"}, "Login"},
		{"Owner,Login", []string{"a@example.com,b@example.com"}, "Login"},
		{"Login,Email", []string{"a@example.com,b@example.com"}, "Email"},
		{"Email,Login", []string{"a@example.com,", "x,b@example.com", "y,"}, "Login"},
		{"Email Marketing Consent,Login", []string{"SUBSCRIBED,b@example.com"}, "Login"},
		{"Email address,Email", []string{",a@example.com", ",b@example.com"}, "Email"},
		{"Email,Name", []string{"nobody,Ann", "none,Bo"}, "Email"},
	} {
		p := inspect(t, rowsOf(append([]string{tt.header}, tt.cells...)...), audience.Schema{})
		var got []string
		for _, c := range p.Mapping.Columns {
			if c.Target == importer.TargetEmail {
				got = append(got, c.Header)
			}
		}
		require.Equal(t, []string{tt.want}, got, tt.header)
	}
}

// TestNoAddresses: a file without addresses asks for them.
func TestNoAddresses(t *testing.T) {
	src := rowsOf("Nickname,City", "a@,x", "@b,y")
	p := inspect(t, src, audience.Schema{})
	require.Contains(t, questionIDs(p), "email")
	_, bad := readAs(t, src, planOf(p, nil), audience.Schema{}, nil)
	require.Equal(t, "line 2: row: empty: an address or an external id", bad[0])
	_, bad = readAs(t, src, planOf(p, map[string]string{"email": "column 1"}), audience.Schema{}, nil)
	require.Contains(t, bad[0], "line 2, column 1: email: ")
}

// TestLayoutQuestions: only the assumed answer holds for what was inspected.
func TestLayoutQuestions(t *testing.T) {
	p := inspect(t, importer.Bytes("x.csv", []byte("email,first_name\na@example.com,Jos\xe9\n")), audience.Schema{})
	require.Equal(t, []string{"encoding"}, questionIDs(p))
	require.Len(t, importer.Open(planOf(p, nil)), 1)
	require.Len(t, importer.Open(planOf(p, map[string]string{"encoding": "utf-8"})), 1)
	require.Empty(t, importer.Open(planOf(p, map[string]string{"encoding": p.Questions[0].Assumed})))
}

// TestMailchimpFiles: the columns say whose file it is, else its name does,
// else it is asked.
func TestMailchimpFiles(t *testing.T) {
	const head = "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,EUID"
	const row = "a@example.com,Ada,2,2018-02-05 19:28:23,,,,x1"
	tests := []struct {
		file, head, row string
		status          string
		asks            bool
	}{
		{"export.csv", head + ",UNSUB_TIME", row + ",2019-02-05 19:28:23", "unsubscribed", false},
		{"export.csv", head + ",UNSUB_REASON", row + ",x", "unsubscribed", false},
		{"export.csv", head + ",CLEAN_TIME", row + ",", "bounced", false},
		{"export.csv", head + ",LAST_CHANGED", row + ",2019-02-05 19:28:23", "subscribed", false},
		{"subscribed_members.csv", head, row, "subscribed", false},
		{"unsubscribed_members.csv", head, row, "unsubscribed", false},
		{"cleaned_members.csv", head, row, "bounced", false},
		{"nonsubscribed_members.csv", head, row, "none", false},
		{"members.csv", head, row, "none", true},
	}
	for _, tt := range tests {
		src := importer.Bytes(tt.file, []byte(tt.head+"\n"+tt.row+"\n"))
		p := inspect(t, src, audience.Schema{})
		require.Equal(t, "mailchimp", p.Mapping.Vendor)
		require.Equal(t, tt.status, p.Mapping.Status.String(), tt.file)
		require.Equal(t, tt.asks, len(p.Questions) == 1, "%v", p.Questions)
		good, _ := readAs(t, src, planOf(p, map[string]string{"status": "unsubscribed"}), audience.Schema{}, nil)
		if tt.asks {
			tt.status = "unsubscribed"
		}
		require.Equal(t, tt.status, good[0].Status.String())
	}
}

// TestProposalHidesCells: whatever prints a proposal, cells do not show.
func TestProposalHidesCells(t *testing.T) {
	p := inspect(t, rowsOf("email,password_hash,note", "secret@secret.example,secret1,secret2"), audience.Schema{})
	require.Equal(t, [][]string{{"secret@secret.example", "", "secret2"}}, p.Sample)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, p), "secret2")
		require.NotContains(t, fmt.Sprintf(verb, p), "secret1")
		require.NotContains(t, fmt.Sprintf(verb, p), "secret.example")
	}
	require.NotContains(t, p.LogValue().String(), "secret")
	plan, err := json.Marshal(planOf(p, nil))
	require.NoError(t, err)
	require.NotContains(t, string(plan), "secret2")
	var back importer.Plan
	require.NoError(t, json.Unmarshal(plan, &back))
	require.Equal(t, p.Mapping, back.Mapping)
}

// TestInspectTellsOfUnknownLists: before the rows that name them are rejected.
// What the note counts is what an import rejects.
func TestInspectTellsOfUnknownLists(t *testing.T) {
	const own, listmonk = "external_id,email,lists,score:double", "uuid,email,name,attributes,lists,status"
	schema := audience.Schema{Lists: []audience.List{{Name: "vip", Kind: audience.ListStatic}, {Name: "secret: a, b", Kind: audience.ListTest}, {Name: "news", Kind: audience.ListTopic}}}
	tests := []struct {
		name, header string
		cells        []string
		want         int // rows
	}{
		{"declared", own, []string{"vip", `"vip,""secret: a, b"""`, ""}, 0},
		{"declared nowhere", own, []string{"vip", "secret", `"vip,secret"`, "secret", ""}, 3},
		{"by another case", own, []string{"VIP"}, 1},
		{"topics of our own exports", own, []string{"news", `"news,secret"`}, 1},
		{"topics of others", listmonk, []string{"news", `"news,secret"`, "vip"}, 2},
		{"no list", own, []string{`"""vip"`, "vip"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := []string{tt.header}
			for i, cell := range tt.cells {
				line := fmt.Sprintf("u%d,a%d@example.com,%s,1", i, i, cell)
				if tt.header == listmonk {
					line = fmt.Sprintf("u%d,a%d@example.com,,{},%s,enabled", i, i, cell)
				}
				lines = append(lines, line)
			}
			w := newWorld(t, func(o *store.Options) { o.Schema = schema })
			src, formats := rowsOf(lines...), []importer.Format{csvimport.Format()}
			p := inspect(t, src, schema)
			report, err := importer.Run(t.Context(), w.Audience, src, &importer.Plan{Layout: p.Layout, Mapping: p.Mapping}, importer.Options{Formats: formats})
			require.NoError(t, err)
			require.Equal(t, tt.want, report.Rejected)
			if tt.want == 0 {
				require.Empty(t, p.Notes)
				return
			}
			require.Len(t, p.Notes, 1)
			require.Equal(t, "unknown-lists", p.Notes[0].Code)
			require.Contains(t, p.Notes[0].Text, fmt.Sprintf("%d rows name a list", tt.want))
			require.NotContains(t, p.String(), "secret")
		})
	}
}

func TestInspectErrors(t *testing.T) {
	formats := []importer.Format{csvimport.Format()}
	src := rowsOf("email", "a@example.com", "b@example.com")
	_, err := importer.Inspect(t.Context(), src, audience.Schema{}, importer.InspectOptions{})
	require.ErrorIs(t, err, audience.ErrInvalid)
	_, err = importer.Inspect(t.Context(), src, audience.Schema{}, importer.InspectOptions{Formats: formats, Limits: importer.Limits{Rows: 1}})
	require.ErrorIs(t, err, audience.ErrLimit)
	_, err = importer.Inspect(t.Context(), src, audience.Schema{}, importer.InspectOptions{Formats: formats, Limits: importer.Limits{Bytes: 10}})
	require.ErrorIs(t, err, audience.ErrLimit)
	_, err = importer.Inspect(t.Context(), importer.File("testdata/none.csv"), audience.Schema{}, importer.InspectOptions{Formats: formats})
	require.Error(t, err)
	_, err = importer.Inspect(t.Context(), brokenSource{}, audience.Schema{}, importer.InspectOptions{Formats: formats})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	p := inspect(t, src, audience.Schema{})
	require.Equal(t, 2, p.Rows)
	require.Equal(t, int64(len("email\na@example.com\nb@example.com\n")), p.Bytes)
	require.NotEqual(t, [32]byte{}, p.Content)
}

// TestWhyAFileIsOfNoFormat: who gave the file learns what stands in the way.
func TestWhyAFileIsOfNoFormat(t *testing.T) {
	formats := []importer.Format{importer.JSON(), importer.NDJSON()}
	for _, tt := range []struct{ name, content, want string }{
		{"cut off", `[{"email":"a@example.com"`, "json (no array of JSON objects; file: json: "},
		{"no objects", `[1,2]`, "row: json: an object"},
		{"text", "email\n", "ndjson (the first line is no JSON object)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := importer.Inspect(t.Context(), importer.Bytes("x", []byte(tt.content)), audience.Schema{}, importer.InspectOptions{Formats: formats})
			require.ErrorIs(t, err, audience.ErrUnsupported)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "example.com")
		})
	}
}

// TestHalfOfTheLines: one bad line of two costs itself alone.
func TestHalfOfTheLines(t *testing.T) {
	p, err := importer.Inspect(t.Context(), importer.Bytes("x", []byte("{\"email\":\"a@example.com\"}\n{\"email\":\n")), audience.Schema{}, importer.InspectOptions{Formats: []importer.Format{importer.NDJSON()}})
	require.NoError(t, err)
	require.Equal(t, 2, p.Rows)
}

// TestAssumedStatus: who takes what is assumed loses no refusal.
func TestAssumedStatus(t *testing.T) {
	for cells, want := range map[string]string{"subscribed,Unsubscribed,gone": "status", "lead,customer": "text"} {
		lines := []string{"email,status"}
		for word := range strings.SplitSeq(cells, ",") {
			lines = append(lines, word+"@example.com,"+word)
		}
		p := inspect(t, rowsOf(lines...), audience.Schema{})
		require.Len(t, p.Questions, 1)
		require.Equal(t, want, p.Questions[0].Assumed, cells)
	}
}
