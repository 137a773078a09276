package csvimport_test

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gocarina/gocsv"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// grade reads itself.
type grade int

func (g *grade) UnmarshalCSV(cell string) error {
	if len(cell) != 1 || cell < "A" || cell > "F" {
		return errors.New("no grade: " + cell)
	}
	*g = grade(cell[0] - 'A')
	return nil
}

type order struct {
	Email  string    `csv:"email"`
	Zip    string    `csv:"zip"`
	Count  int8      `csv:"count"`
	Size   uint16    `csv:"size,omitempty"`
	Sum    float64   `csv:"sum"`
	Paid   bool      `csv:"paid"`
	At     time.Time `csv:"at"`
	Grade  grade     `csv:"grade"`
	Other  []byte    `csv:"-"`
	hidden int
}

func collectRows[T any](rows iter.Seq2[T, error]) (good []T, bad []string, last error) {
	for v, err := range rows {
		var row *importer.RowError
		switch {
		case err == nil:
			good = append(good, v)
		case errors.As(err, &row):
			var field *audience.FieldError
			_ = errors.As(err, &field)
			bad = append(bad, strconv.Itoa(row.Line)+"!"+field.Rule+"@"+strconv.Itoa(row.Column))
		default:
			return good, bad, err
		}
	}
	return good, bad, nil
}

func TestRowsOfAStruct(t *testing.T) {
	const file = "Grade;E-mail;email;zip;Count;sum;paid;at\n" +
		"A;x;a@example.com;01002;7;1.50;TRUE;2026-01-31T09:30:00Z\n" +
		"A;x;b@example.com;08901;010;1.5;true;2026-01-31T09:30:00Z\n" + // octal for gocsv
		"A;x;c@example.com;1;300;1.5;true;2026-01-31T09:30:00Z\n" + // more than an int8
		"A;x;d@example.com;1;3.9;1.5;true;2026-01-31T09:30:00Z\n" + // cut by gocsv
		"A;x;e@example.com;1;3;1,5;true;2026-01-31T09:30:00Z\n" + // a point for gocsv
		"A;x;f@example.com;1;3;1.5;Y;2026-01-31T09:30:00Z\n" +
		"G;x;g@example.com;1;3;1.5;true;2026-01-31T09:30:00Z\n" +
		"B;x;h@example.com;1;3;1.5;true;yesterday\n" +
		"B;x;\"i@example.com;1;3;1.5;true;2026-01-31T09:30:00Z\n" +
		"C;x;j@example.com;1;;;;2026-01-31T09:30:00Z\n"
	at := time.Date(2026, 1, 31, 9, 30, 0, 0, time.UTC)
	good, bad, err := collectRows(csvimport.Rows[order](t.Context(), importer.Bytes("t.csv", []byte(file)), csvimport.RowOptions{}))
	require.NoError(t, err)
	require.Equal(t, []order{
		{Email: "a@example.com", Zip: "01002", Count: 7, Sum: 1.5, Paid: true, At: at},
		{Email: "j@example.com", Zip: "1", At: at, Grade: 2},
	}, good)
	require.Equal(t, []string{"3!type@5", "4!type@5", "5!type@5", "6!type@6", "7!type@7", "8!type@1", "9!type@8", "10!quote@3"}, bad)
	require.Zero(t, good[0].hidden)
}

// TestRowsInManyBlocks: bad rows anywhere cost themselves alone, in order.
func TestRowsInManyBlocks(t *testing.T) {
	type two struct {
		Name  string `csv:"name"`
		Grade grade  `csv:"grade"`
	}
	for _, every := range []int{1, 2, 3, 100, 256, 257, 5000} {
		var b strings.Builder
		b.WriteString("name,grade\n")
		var want []string
		for i := range 1000 {
			g := "A"
			if i%every == every-1 {
				g = "Z"
				want = append(want, strconv.Itoa(i+2)+"!type@2")
			}
			fmt.Fprintf(&b, "n%d,%s\n", i, g)
		}
		good, bad, err := collectRows(csvimport.Rows[two](t.Context(), importer.Bytes("t.csv", []byte(b.String())), csvimport.RowOptions{}))
		require.NoError(t, err)
		require.Equal(t, want, bad)
		require.Len(t, good, 1000-len(want))
		for i, n := 0, 0; i < 1000; i++ {
			if i%every != every-1 {
				require.Equal(t, "n"+strconv.Itoa(i), good[n].Name)
				n++
			}
		}
	}
}

// TestRowsErrorsHoldNoCells: what a type says of a cell is not repeated (G7).
func TestRowsErrorsHoldNoCells(t *testing.T) {
	type one struct {
		Grade grade `csv:"grade"`
		Count int   `csv:"count"`
	}
	for _, err := range csvimport.Rows[one](t.Context(), lines("grade,count", "secret,1", "A,secret"), csvimport.RowOptions{}) {
		require.ErrorIs(t, err, audience.ErrInvalid)
		require.NotContains(t, err.Error(), "secret")
	}
}

func rowsError[T any](t *testing.T, src importer.Source, opts csvimport.RowOptions) error {
	t.Helper()
	_, _, err := collectRows(csvimport.Rows[T](t.Context(), src, opts))
	return err
}

func TestRowsRefuses(t *testing.T) {
	src := lines("name,x,x", "A,1,2")
	require.ErrorContains(t, rowsError[struct{ Name string }](t, src, csvimport.RowOptions{}), "row.Name: tag")
	require.ErrorContains(t, rowsError[struct{}](t, src, csvimport.RowOptions{}), "row: tag")
	require.ErrorContains(t, rowsError[string](t, src, csvimport.RowOptions{}), "row: type")
	type slice struct {
		Name []string `csv:"name"`
	}
	require.ErrorContains(t, rowsError[slice](t, src, csvimport.RowOptions{}), "row.Name: type")
	type twice struct {
		A string `csv:"name"`
		B string `csv:"name"`
	}
	require.ErrorContains(t, rowsError[twice](t, src, csvimport.RowOptions{}), "row.B: double")
	type missing struct {
		A string `csv:"nobody"`
	}
	require.ErrorContains(t, rowsError[missing](t, src, csvimport.RowOptions{}), "header.nobody: column")
	type doubled struct {
		X string `csv:"x"`
	}
	require.ErrorContains(t, rowsError[doubled](t, src, csvimport.RowOptions{}), "header.x: double")
	type named struct {
		Name string `csv:"name"`
	}
	latin := importer.Bytes("t.csv", []byte("name\nZo\xeb\n"))
	require.ErrorContains(t, rowsError[named](t, latin, csvimport.RowOptions{}), "settings.encoding: question")
	good, _, err := collectRows(csvimport.Rows[named](t.Context(), latin, csvimport.RowOptions{Settings: map[string]string{"encoding": "windows-1252"}}))
	require.NoError(t, err)
	require.Equal(t, []named{{"Zoë"}}, good)
	require.ErrorIs(t, rowsError[named](t, lines("name", "A", "B"), csvimport.RowOptions{Limits: importer.Limits{Rows: 1}}), audience.ErrLimit)
	require.Error(t, rowsError[named](t, importer.File("nowhere"), csvimport.RowOptions{}))
	for row, err := range csvimport.Rows[named](t.Context(), lines("name", "A", "B"), csvimport.RowOptions{}) {
		require.NoError(t, err)
		require.Equal(t, "A", row.Name)
		break
	}
}

// TestRowsUnderGocsvSettings: a setting of the process either does not matter
// or is an error, and never gives empty values.
func TestRowsUnderGocsvSettings(t *testing.T) {
	type named struct {
		Name string `csv:"name"`
		Gone string `csv:"gone,omitempty"`
	}
	gocsv.SetHeaderNormalizer(strings.ToUpper)
	gocsv.FailIfUnmatchedStructTags, gocsv.FailIfDoubleHeaderNames = true, true
	t.Cleanup(func() {
		gocsv.SetHeaderNormalizer(gocsv.DefaultNameNormalizer())
		gocsv.FailIfUnmatchedStructTags, gocsv.FailIfDoubleHeaderNames, gocsv.TagName = false, false, "csv"
	})
	good, _, err := collectRows(csvimport.Rows[named](t.Context(), lines("name", "A"), csvimport.RowOptions{}))
	require.NoError(t, err)
	require.Equal(t, []named{{Name: "A"}}, good)
	gocsv.TagName = "json"
	require.ErrorContains(t, rowsError[named](t, lines("name", "A"), csvimport.RowOptions{}), "gocsv: setting")
}
