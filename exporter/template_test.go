package exporter_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/exporter"
)

func TestTemplate(t *testing.T) {
	aud := janeAndBob(t)
	tests := []struct{ name, text, want string }{
		{"a column", "{{.email}}\n", "Jane@Example.com\nbob@example.com\n"},
		{"absent", "[{{.zip}}{{.age}}{{range .tags}}<{{.}}>{{end}}]", "[00730<a, c><b>][]"},
		{"header and footer", `{{define "header"}}{{join .columns "|"}}:{{end}}{{define "footer"}}{{.contacts}} of {{len .columns}}{{end}}{{.id}},`, "id|email|zip|age|tags|score|vip|seen|birthday|external:crm:1,2,2 of 10"},
		{"types", `{{if .vip}}{{printf "%.2f" .score}} {{.seen}} {{.birthday}}{{end}}`, "2.00 2026-03-01T12:00:00Z 2026-01-31"},
		{"another system", `{{index . "external:crm"}};`, "7;;"},
		{"json", `{{json .email}} {{json .tags}} {{json .age}} {{json .score}} {{json .vip}};`, `"Jane@Example.com" ["a, c","b"] 30 2.0 true;"bob@example.com" [] "" "" "";`},
		{"csv", `{{csv .email}},{{csv .tags}},{{csv .age}};`, `"Jane@Example.com","""a, c"",b","30";"bob@example.com","","";`},
		{"text", `{{upper .email | lower | html}}`, "jane@example.combob@example.com"},
		{"variables and loops", `{{$n := 0}}{{range $i, $t := .tags}}{{if $i}},{{end}}{{$t}}{{else}}none{{end}};`, "a, c,b;none;"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			enc, err := exporter.Template(t.Context(), &out, tt.text, exporter.TemplateLimits{})
			require.NoError(t, err)
			_, err = export(t, aud, enc, exporter.Options{Columns: []string{"id", "email", "zip", "age", "tags", "score", "vip", "seen", "birthday", "external:crm"}})
			require.NoError(t, err)
			require.Equal(t, tt.want, out.String())
		})
	}
}

// TestTemplateRefused: a place, and nothing of the contact.
func TestTemplateRefused(t *testing.T) {
	for text, want := range map[string]string{
		"{{":                             "template:row:1: template: text that text/template can parse, with functions that there are",
		"{{step 1}}":                     "template:row:1: template: text that text/template can parse, with functions that there are",
		"\n{{nothing .email}}":           "template:row:2: template: text that text/template can parse, with functions that there are",
		"\n  {{.zap}}":                   "row 1: template:row:2:4: template: text that text/template can execute for every contact, with columns of the export only",
		"{{range .email}}{{end}}":        "row 1: template:row:1:8",
		"{{index .tags 7}}":              "row 1: template:row:1:2",
		"{{.email.Reveal}}":              "row 1: template:row:1:8",
		"{{call .email}}":                "row 1: template:row:1:2",
		`{{template "secret"}}`:          "row 1: template:row:1:11",
		`{{slice .email 99}}`:            "row 1: template:row:1:2",
		`{{printf "%9999d" 1}}`:          "row 1: template.printf: width",
		`{{printf "%*d" 999999 1}}`:      "row 1: template.printf: width",
		`{{printf "%[1]*[2]d" 99999 1}}`: "row 1: template.printf: width",
		strings.Repeat("x", 70_000):      "template: max-length",
	} {
		enc, err := exporter.Template(t.Context(), &strings.Builder{}, text, exporter.TemplateLimits{})
		if err == nil {
			_, err = export(t, janeAndBob(t), enc, exporter.Options{Columns: []string{"email", "tags"}})
		}
		require.ErrorIs(t, err, audience.ErrInvalid, text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, strings.ToLower(err.Error()), "jane")
	}
}

// TestTemplateIsBounded (G8): loops without output, recursion, text that
// doubles, all of it ends soon.
func TestTemplateIsBounded(t *testing.T) {
	doubling := `{{$x := "xxxxxxxx"}}` + strings.Repeat(`{{$x = print $x $x}}`, 60)
	many := `{{$x := printf "%999d" 1}}{{$x = print $x $x $x $x $x $x $x $x}}` + strings.Repeat(`{{$x = upper $x}}`, 3000)
	for name, text := range map[string]string{
		"counting":            `{{range 20000}}{{end}}`,
		"counting in else":    `{{range .tags}}{{else}}{{range 20000}}{{end}}{{end}}`,
		"counting in with":    `{{with 1}}{{if .}}{{range 20000}}{{continue}}{{end}}{{end}}{{end}}`,
		"nested":              `{{range 1000}}{{range 1000}}{{range 1000}}{{end}}{{end}}{{end}}`,
		"calls itself":        `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`,
		"calls itself twice":  `{{define "a"}}{{template "b"}}{{template "b"}}{{end}}{{define "b"}}{{if false}}{{template "a"}}{{end}}{{range 100}}{{template "c"}}{{end}}{{end}}{{define "c"}}{{range 100}}{{end}}{{end}}{{template "a"}}`,
		"is itself":           `{{template "row" .}}`,
		"doubles":             doubling,
		"doubles by join":     `{{$x := "xxxxxxxx"}}` + strings.Repeat(`{{$x = printf "%s%s" $x $x}}`, 60),
		"one argument often":  `{{$x := printf "%999d" 1}}{{printf "` + strings.Repeat("%[1]s", 5000) + `" $x}}`,
		"keeps much":          many,
		"writes much":         `{{range 9000}}{{printf "%999d" 1}}{{end}}`,
		"wide and often":      `{{printf "` + strings.Repeat("%999d", 5000) + `"}}`,
		"compares much":       `{{range 5000}}` + strings.Repeat(`{{if eq 1 1}}{{end}}`, 100) + `{{end}}`,
		"compares in a loop":  `{{range 100}}{{range 50}}{{with ` + strings.Repeat(`or 0 (`, 40) + `1` + strings.Repeat(`)`, 40) + `}}{{end}}{{end}}{{end}}`,
		"a header that loops": `{{define "header"}}{{range 20000}}{{end}}{{end}}`,
	} {
		t.Run(name, func(t *testing.T) {
			enc, err := exporter.Template(t.Context(), &strings.Builder{}, text, exporter.TemplateLimits{})
			require.NoError(t, err)
			_, err = export(t, janeAndBob(t), enc, exporter.Options{Columns: []string{"email", "tags"}, Members: ids(2)})
			require.ErrorIs(t, err, audience.ErrLimit)
		})
	}
	t.Run("all in all", func(t *testing.T) {
		enc, err := exporter.Template(t.Context(), &strings.Builder{}, "{{.email}}", exporter.TemplateLimits{Bytes: 20})
		require.NoError(t, err)
		_, err = export(t, janeAndBob(t), enc, exporter.Options{Columns: []string{"email"}})
		require.ErrorIs(t, err, audience.ErrLimit)
	})
	t.Run("ctx", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		<-ctx.Done()
		enc, err := exporter.Template(ctx, &strings.Builder{}, "{{range 100000000}}{{end}}", exporter.TemplateLimits{Steps: 1 << 40})
		require.NoError(t, err)
		_, err = export(t, janeAndBob(t), enc, exporter.Options{Columns: []string{"email"}})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// TestTemplateMakesLittleText: too much is refused before it is made.
func TestTemplateMakesLittleText(t *testing.T) {
	text := `{{$x := printf "%999d" 1}}` + strings.Repeat(`{{$x = print $x $x}}`, 9) + `{{printf "` + strings.Repeat("%[1]s", 200) + `" $x}}`
	enc, err := exporter.Template(t.Context(), &strings.Builder{}, text, exporter.TemplateLimits{})
	require.NoError(t, err)
	require.NoError(t, enc.Begin(nil))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.ErrorIs(t, enc.Encode(nil), audience.ErrLimit)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(20<<20), "the format would make 100 MB")
}

// FuzzTemplate: any text ends, and an error shows nothing of the contact.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{`{{.email}}`, `{{range .tags}}{{.}}{{end}}`, `{{define "header"}}x{{end}}{{printf "%v" .}}`, `{{range $i, $x := .}}{{$x}}{{break}}{{end}}`, `{{with $x := .email}}{{slice $x 1 2}}{{end}}`} {
		f.Add(s, "secret-name")
	}
	for _, h := range audiencetest.Hostile() {
		f.Add(`{{html .email}}{{js .email}}{{json .tags}}{{len .email}}`, h.Text)
	}
	f.Fuzz(func(t *testing.T, text, email string) {
		enc, err := exporter.Template(t.Context(), &strings.Builder{}, text, exporter.TemplateLimits{RowBytes: 10_000, Steps: 1_000})
		if err == nil {
			err = enc.Begin([]exporter.Column{{Name: "email", Type: audience.TypeString}, {Name: "tags", Type: audience.TypeStringList}})
		}
		if err == nil {
			err = enc.Encode([]audience.Value{audience.StringValue("secret-name" + email), audience.StringListValue(email, "x")})
		}
		if err != nil {
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.NotContains(t, err.Error(), "secret-name")
		}
	})
}
