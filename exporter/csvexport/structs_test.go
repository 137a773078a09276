package csvexport_test

import (
	"errors"
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gocarina/gocsv"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// grade writes and reads itself.
type grade int

func (g grade) MarshalCSV() (string, error) {
	if g < 0 {
		return "", errors.New("secret grade")
	}
	return string(rune('A' + g)), nil
}

func (g *grade) UnmarshalCSV(cell string) error {
	*g = grade(cell[0] - 'A')
	return nil
}

type order struct {
	Email string    `csv:"email"`
	Note  string    `csv:"note"`
	Count int8      `csv:"count"`
	Size  uint64    `csv:"size,omitempty"`
	Sum   float64   `csv:"sum"`
	Part  float32   `csv:"part"`
	Paid  bool      `csv:"paid"`
	At    time.Time `csv:"at"`
	Grade grade     `csv:"grade"`
	Other []byte    `csv:"-"`
	_     int       // what is not exported stays
}

func sequence[T any](values ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range values {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func orders() []order {
	var out []order
	for i, text := range texts() {
		out = append(out, order{
			Email: "jane@example.com", Note: text, Count: int8(-i), Size: math.MaxInt64, Sum: -1.5e-7, Part: 0.1, Paid: i%2 == 0,
			At: now.Add(time.Duration(i) * time.Microsecond), Grade: grade(i % 6),
		})
	}
	return out
}

// TestRowsComeBack: what is written as structs is read as the same structs, in
// both profiles and more than one batch of them.
func TestRowsComeBack(t *testing.T) {
	var many []order
	for range 10 {
		many = append(many, orders()...)
	}
	for _, profile := range []csvexport.Profile{csvexport.Spreadsheet, csvexport.Machine} {
		var file strings.Builder
		n, err := csvexport.Rows(&file, sequence(many...), csvexport.Options{Profile: profile})
		require.NoError(t, err)
		require.Equal(t, len(many), n)
		var back []order
		for v, err := range csvimport.Rows[order](t.Context(), importer.Bytes("orders.csv", []byte(file.String())), csvimport.RowOptions{}) {
			require.NoError(t, err)
			back = append(back, v)
		}
		require.Equal(t, many, back)
	}
}

func TestRowsLayout(t *testing.T) {
	type row struct {
		Name  string           `csv:"=name"`
		Sum   float64          `csv:"sum"`
		Phone audience.Private `csv:"phone"`
	}
	var file strings.Builder
	n, err := csvexport.Rows(&file, sequence(row{"-5", -5.5, audience.NewPrivate("+48 500")}, row{`a;"b"`, 2, audience.Private{}}),
		csvexport.Options{Comma: ';', DecimalComma: true})
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, "\ufeff'=name;sum;phone\r\n'-5;-5,5;***\r\n\"a;\"\"b\"\"\";2;\r\n", file.String())

	file.Reset()
	n, err = csvexport.Rows(&file, sequence[row](), csvexport.Options{Profile: csvexport.Machine})
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, "=name,sum,phone\n", file.String())
}

func TestRowsErrors(t *testing.T) {
	write := func(o csvexport.Options, rows ...order) error {
		_, err := csvexport.Rows(&strings.Builder{}, sequence(rows...), o)
		return err
	}
	require.ErrorContains(t, write(csvexport.Options{Comma: '|'}), "comma: unknown")
	require.ErrorContains(t, write(csvexport.Options{Local: time.UTC}), "local: unknown")
	require.EqualError(t, write(csvexport.Options{}, order{}, order{Note: "secret\x00"}), "note: nul: text without NUL; this is value 2")
	require.EqualError(t, write(csvexport.Options{}, order{Note: "secret\xff"}), "note: utf8: valid UTF-8; this is value 1")
	require.EqualError(t, write(csvexport.Options{}, order{}, order{}, order{Grade: -1}), "row: text: a value whose fields can be written; this is value 3")

	_, err := csvexport.Rows(&failing{left: 100}, sequence(orders()...), csvexport.Options{})
	require.ErrorIs(t, err, errDisk)

	broken := errors.New("the source broke")
	var file strings.Builder
	n, err := csvexport.Rows(&file, func(yield func(order, error) bool) {
		_ = yield(order{Note: "one"}, nil) && yield(order{}, broken)
	}, csvexport.Options{})
	require.ErrorIs(t, err, broken)
	require.Equal(t, 1, n)
	require.Contains(t, file.String(), ",one,", "what came before is written")
}

func TestRowsTypes(t *testing.T) {
	refuse := func(err error, path string) {
		t.Helper()
		require.ErrorIs(t, err, audience.ErrInvalid)
		require.ErrorContains(t, err, path)
	}
	_, err := csvexport.Rows(&strings.Builder{}, sequence(1), csvexport.Options{})
	refuse(err, "row: type")
	_, err = csvexport.Rows(&strings.Builder{}, sequence(struct{ A string }{}), csvexport.Options{})
	refuse(err, "row.A: tag")
	_, err = csvexport.Rows(&strings.Builder{}, sequence(struct {
		A string `csv:"a,required"`
	}{}), csvexport.Options{})
	refuse(err, "row.A: tag")
	_, err = csvexport.Rows(&strings.Builder{}, sequence(struct {
		A string `csv:"a"`
		B string `csv:"a"`
	}{}), csvexport.Options{})
	refuse(err, "row.B: double")
	_, err = csvexport.Rows(&strings.Builder{}, sequence(struct {
		A time.Duration `csv:"a"`
	}{}), csvexport.Options{})
	refuse(err, "row.A: type")
	_, err = csvexport.Rows(&strings.Builder{}, sequence(struct {
		A []string `csv:"a"`
	}{}), csvexport.Options{})
	refuse(err, "row.A: type")
	_, err = csvexport.Rows(&strings.Builder{}, sequence(struct {
		A string `csv:"-"`
	}{}), csvexport.Options{})
	refuse(err, "row: tag")
}

// TestRowsGocsvSettings: gocsv's settings are those of the whole process.
func TestRowsGocsvSettings(t *testing.T) {
	gocsv.TagName = "other"
	t.Cleanup(func() { gocsv.TagName = "csv" })
	_, err := csvexport.Rows(&strings.Builder{}, sequence(order{}), csvexport.Options{})
	require.ErrorContains(t, err, "gocsv: setting")
}
