package importer_test

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// TestKeptMappings: a mapping is kept for the file of the next month. It is
// taken where columns stand where they stood, and puts nothing where it does
// not belong.
func TestKeptMappings(t *testing.T) {
	formats := []importer.Format{csvimport.Format()}
	src := func(content string) importer.Source { return importer.Bytes("people.csv", []byte(content)) }
	first := src("email,Nick,Town\na@example.com,Al,Ulm\n")
	p, err := importer.Inspect(t.Context(), first, audience.Schema{}, importer.InspectOptions{Formats: formats})
	require.NoError(t, err)
	p.Mapping.Columns[2].Target = importer.TargetIgnore

	tests := []struct {
		name   string
		file   string
		change func(*importer.Plan)
		want   error
	}{
		{"the same columns", "email,Nick,Town\nb@example.com,Bo,Rom\n", func(*importer.Plan) {}, nil},
		{"moved", "email,Town,Nick\nb@example.com,Rom,Bo\n", func(*importer.Plan) {}, audience.ErrConflict},
		{"fewer", "email,Nick\nb@example.com,Bo\n", func(*importer.Plan) {}, audience.ErrInvalid},
		{"any header", "email,Name,Town\nb@example.com,Bo,Rom\n", func(p *importer.Plan) { p.Mapping.Columns[1].Header = "" }, nil},
		{"no such position", "email,Nick,Town\nb@example.com,Bo,Rom\n", func(p *importer.Plan) { p.Mapping.Columns[1].Index = -1 }, audience.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := &importer.Plan{Mapping: p.Mapping}
			plan.Mapping.Columns = append([]importer.Column{}, plan.Mapping.Columns...)
			tt.change(plan)
			aud := blank(t)
			report, err := importer.Run(t.Context(), aud, src(tt.file), plan, importer.Options{Formats: formats})
			if tt.want != nil {
				require.ErrorIs(t, err, tt.want)
				require.Zero(t, report.Rows)
				return
			}
			require.NoError(t, err)
			require.Equal(t, 1, report.Created)
			c, err := aud.Contact(t.Context(), audience.Email("b@example.com"))
			require.NoError(t, err)
			require.Len(t, c.Fields, 1)
			require.Equal(t, "Bo", c.Fields[0].Value.Reveal())
		})
	}
}

// TestSecretsThatTheLayoutDoesNotHave cost no panic.
func TestSecretsThatTheLayoutDoesNotHave(t *testing.T) {
	for _, f := range []importer.Format{importer.JSON(), importer.NDJSON(), importer.XML(), importer.VCard(), csvimport.Format()} {
		layout := &importer.Layout{Format: f.Name(), Columns: []string{"email"}, Settings: map[string]string{"delimiter": ","}}
		rejects, err := f.Rejects(io.Discard, layout, []int{7})
		require.NoError(t, err, f.Name())
		require.NoError(t, rejects.Reject(&importer.Row{Line: 1, Cells: []string{"x"}}, "a reason"), f.Name())
		require.NoError(t, rejects.Close(), f.Name())
	}
}

// TestSoftLineBreaksCostWhatTheyAreLong: a value over many lines is not copied
// for each of them.
func TestSoftLineBreaksCostWhatTheyAreLong(t *testing.T) {
	card := "BEGIN:VCARD\nVERSION:2.1\nEMAIL:a@example.com\nNOTE;ENCODING=QUOTED-PRINTABLE:" + strings.Repeat(strings.Repeat("x", 60)+"=\n", 1000) + "\nEND:VCARD\n"
	src := importer.Bytes("x.vcf", bytes.Repeat([]byte(card), 20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	layout, err := importer.VCard().Detect(t.Context(), src, importer.Limits{})
	require.NoError(t, err)
	require.Equal(t, []string{"note", "email"}, layout.Columns)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(50<<20))
}
