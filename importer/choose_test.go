package importer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// TestInspectAnswers: an answer other than the assumed one is how the file is
// read, in every format.
func TestInspectAnswers(t *testing.T) {
	const zoe = "email;name\nzoe@example.com;Zo\xeb\n"
	tests := []struct {
		name, content string
		answers       map[string]string
		asked         []string // questions about the layout that stay
		columns       []string
		settings      map[string]string // some of the layout's
	}{
		{"none", zoe, nil, []string{"encoding"}, []string{"email", "name"}, map[string]string{"encoding": "windows-1252"}},
		{"what is assumed", zoe, map[string]string{"encoding": "windows-1252"}, []string{"encoding"}, []string{"email", "name"}, map[string]string{"encoding": "windows-1252"}},
		{"another", zoe, map[string]string{"encoding": "utf-8"}, nil, []string{"email", "name"}, map[string]string{"encoding": "utf-8"}},
		{"of another file", zoe, map[string]string{"member": "x", "column 1: dates": "dmy"}, []string{"encoding"}, []string{"email", "name"}, nil},
		{"member", `{"people":[{"email":"a@example.com"}],"staff":[{"mail":"b@example.com"}]}`, map[string]string{"member": "staff"}, nil, []string{"mail"}, map[string]string{"member": "staff"}},
	}
	formats := []importer.Format{importer.JSON(), csvimport.Format()}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := importer.Inspect(t.Context(), importer.Bytes("x", []byte(tt.content)), audience.Schema{}, importer.InspectOptions{Formats: formats, Answers: tt.answers})
			require.NoError(t, err)
			var asked []string
			for _, q := range p.Layout.Questions {
				asked = append(asked, q.ID)
			}
			require.Equal(t, tt.asked, asked)
			require.Equal(t, tt.columns, p.Layout.Columns)
			for name, want := range tt.settings {
				require.Equal(t, want, p.Layout.Settings[name])
			}
		})
	}
	_, err := importer.Inspect(t.Context(), importer.Bytes("x", []byte(zoe)), audience.Schema{}, importer.InspectOptions{Formats: formats, Answers: map[string]string{"encoding": "klingon"}})
	require.ErrorIs(t, err, audience.ErrInvalid)
}

// TestChooseAgain: what was chosen before stays chosen.
func TestChooseAgain(t *testing.T) {
	settings := map[string]string{"encoding": "utf-8"}
	once := importer.Choose(csvimport.Format(), settings)
	settings["encoding"] = "utf-16le" // it was taken as it was
	twice := importer.Choose(once, map[string]string{"delimiter": ";"})
	for _, f := range []importer.Format{once, twice} {
		layout, err := f.Detect(t.Context(), importer.Bytes("x", []byte("email;name\nzoe@example.com;Zo\xeb\n")), importer.Limits{})
		require.NoError(t, err)
		require.Equal(t, []string{"utf-8", ";"}, []string{layout.Settings["encoding"], layout.Settings["delimiter"]})
		require.Empty(t, layout.Questions)
	}
	layout, err := importer.Choose(once, map[string]string{"encoding": "windows-1252"}).Detect(t.Context(), importer.Bytes("x", []byte("email\n")), importer.Limits{})
	require.NoError(t, err)
	require.Equal(t, "windows-1252", layout.Settings["encoding"])
}
