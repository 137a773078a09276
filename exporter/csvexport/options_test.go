package csvexport_test

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/store"
)

// dialect is a way to write CSV, and what a file of one contact is then.
type dialect struct {
	name    string
	opts    csvexport.Options
	want    string
	imports bool // csvimport reads it back as it was
}

// dialects are of one contact whose texts hold every separator. One that the
// importer learns to detect is marked here.
func dialects(warsaw *time.Location) []dialect {
	machine := func(o csvexport.Options) csvexport.Options {
		o.Profile = csvexport.Machine
		return o
	}
	return []dialect{
		{"commas", machine(csvexport.Options{}), "external_id,first_name,tags,f:double,n:int,at:timestamp\nu1,\"a,b;c\td\",\"\"\"x,y\"\",z\",-1.5,-5,2026-03-01T12:00:00.25Z\n", true},
		{"semicolons", machine(csvexport.Options{Comma: ';'}), "external_id;first_name;tags;f:double;n:int;at:timestamp\nu1;\"a,b;c\td\";\"\"\"x,y\"\",z\";-1.5;-5;2026-03-01T12:00:00.25Z\n", false},
		{"tabs", machine(csvexport.Options{Comma: '\t'}), "external_id\tfirst_name\ttags\tf:double\tn:int\tat:timestamp\nu1\t\"a,b;c\td\"\t\"\"\"x,y\"\",z\"\t-1.5\t-5\t2026-03-01T12:00:00.25Z\n", false},
		{"decimal commas", machine(csvexport.Options{Comma: ';', DecimalComma: true}), "external_id;first_name;tags;f:double;n:int;at:timestamp\nu1;\"a,b;c\td\";\"\"\"x,y\"\",z\";-1,5;-5;2026-03-01T12:00:00.25Z\n", false},
		{"local times", machine(csvexport.Options{Local: warsaw}), "external_id,first_name,tags,f:double,n:int,at:timestamp\nu1,\"a,b;c\td\",\"\"\"x,y\"\",z\",-1.5,-5,2026-03-01 13:00:00\n", false},
		{"for a spreadsheet in Warsaw", csvexport.Options{Comma: ';', DecimalComma: true, Local: warsaw}, "\ufeffexternal_id;first_name;tags;f:double;n:int;at:timestamp\r\nu1;\"a,b;c\td\";\"\"\"x,y\"\",z\";-1,5;-5;2026-03-01 13:00:00\r\n", false},
	}
}

func TestDialects(t *testing.T) {
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	require.NoError(t, err)
	fields := map[string]audience.Value{"f": audience.DoubleValue(-1.5), "n": audience.IntValue(-5), "at": audience.TimestampValue(now.Add(time.Second / 4))}
	before := open(t)
	put(t, before, audience.ContactWrite{Match: audience.Key("u1"), FirstName: audience.NewPrivate("a,b;c\td"), SetTags: []string{"x,y", "z"}, Set: fields})
	for _, tt := range dialects(warsaw) {
		t.Run(tt.name, func(t *testing.T) {
			columns := []string{"external_id", "first_name", "tags", "f", "n", "at"}
			file, err := exportWith(t, before, tt.opts, columns...)
			require.NoError(t, err)
			require.Equal(t, tt.want, file)
			if !tt.imports {
				return
			}
			after := open(t)
			report, err := importer.Run(t.Context(), after, importer.Bytes("x.csv", []byte(file)), &importer.Plan{}, importer.Options{Formats: []importer.Format{csvimport.Format()}})
			require.NoError(t, err)
			require.Empty(t, report.Errors)
			again, err := exportWith(t, after, tt.opts, columns...)
			require.NoError(t, err)
			require.Equal(t, file, again)
		})
	}
}

// TestGuardHoldsInEveryDialect: no cell begins like a formula, whatever
// separates them.
func TestGuardHoldsInEveryDialect(t *testing.T) {
	aud := open(t)
	put(t, aud, audience.ContactWrite{Match: audience.Key("u1"), FirstName: audience.NewPrivate("=1+1"), LastName: audience.NewPrivate("\t=1+1")})
	for _, comma := range []rune{',', ';', '\t'} {
		file, err := exportWith(t, aud, csvexport.Options{Comma: comma}, "external_id", "first_name", "last_name")
		require.NoError(t, err)
		_, row, _ := strings.Cut(file, "\r\n")
		want := "u1" + string(comma) + "'=1+1" + string(comma) + "'\t=1+1\r\n"
		if comma == '\t' {
			want = "u1\t'=1+1\t\"'\t=1+1\"\r\n"
		}
		require.Equal(t, want, row)
	}
}

func TestOptionsThatDoNotGoTogether(t *testing.T) {
	for want, opts := range map[string]csvexport.Options{
		"comma: unknown":       {Comma: '|'},
		"comma: decimal-comma": {DecimalComma: true},
		"profile: unknown":     {Profile: 9},
	} {
		file, err := exportWith(t, open(t), opts)
		require.ErrorIs(t, err, audience.ErrInvalid)
		require.ErrorContains(t, err, want)
		require.Empty(t, file)
	}
}

// TestManyColumns: batches are small then, and every row is whole.
func TestManyColumns(t *testing.T) {
	aud := open(t)
	fields := make(map[string]audience.Value)
	for i := range 900 {
		fields["f"+strings.Repeat("x", i%7)+string(rune('a'+i%26))+strings.Repeat("y", i/26)] = audience.IntValue(int64(i))
	}
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		for _, key := range []string{"u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "u10", "u11", "u12"} {
			if _, err := tx.Put(t.Context(), audience.ContactWrite{Match: audience.Key(key), Set: fields}); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	file := export(t, aud, csvexport.Machine)
	lines := strings.Split(strings.TrimSuffix(file, "\n"), "\n")
	require.Len(t, lines, 13)
	for i, line := range lines {
		require.Equal(t, 8+len(fields)-1, strings.Count(line, ","), i)
	}
	require.True(t, strings.HasPrefix(lines[12], "u12,"))
	_, one, _ := strings.Cut(lines[1], ",")
	_, last, _ := strings.Cut(lines[12], ",")
	require.Equal(t, one, last)
}

// TestOnlyColumnEmpty: a row without any text is a row all the same, which
// readers would pass over if it were an empty line.
func TestOnlyColumnEmpty(t *testing.T) {
	aud := open(t)
	put(t, aud, audience.ContactWrite{Match: audience.Key("u1")}, audience.ContactWrite{Match: audience.Key("u2"), FirstName: audience.NewPrivate("Ann")})
	file, err := exportWith(t, aud, csvexport.Options{Profile: csvexport.Machine}, "first_name")
	require.NoError(t, err)
	require.Equal(t, "first_name\n\"\"\nAnn\n", file)
	rows, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 3)
}

func TestNoColumns(t *testing.T) {
	require.ErrorIs(t, csvexport.New(&strings.Builder{}, csvexport.Options{}).Begin(nil), audience.ErrInvalid)
}

// TestFieldsNamedLikeColumns come back as fields.
func TestFieldsNamedLikeColumns(t *testing.T) {
	before, after := open(t), open(t)
	put(t, before, audience.ContactWrite{Match: audience.Key("u1"), Set: map[string]audience.Value{
		"lists": audience.StringListValue("a", "b"), "other_emails": audience.IntValue(2),
	}})
	file := export(t, before, csvexport.Machine)
	report, err := importer.Run(t.Context(), after, importer.Bytes("x.csv", []byte(file)), &importer.Plan{}, importer.Options{Formats: []importer.Format{csvimport.Format()}})
	require.NoError(t, err)
	require.Empty(t, report.Errors)
	require.Equal(t, file, export(t, after, csvexport.Machine))
}
