package importer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/importer"
)

// fuzzFormat reads any content: every row is as wide as the layout, the bytes
// of rows are no more than the file, and what is rejected is read again with the
// same outcome.
func fuzzFormat(t *testing.T, f importer.Format, content []byte) {
	limits := importer.Limits{RecordBytes: 4096, CellBytes: 1024, Columns: 50, Bytes: 1 << 20}
	src := importer.Bytes("fuzz", content)
	layout, err := f.Detect(t.Context(), src, limits)
	if err != nil {
		return
	}
	rows := outcomes(t, f, src, layout, limits, nil)
	var out bytes.Buffer
	rejects, err := f.Rejects(&out, layout, nil)
	require.NoError(t, err)
	outcomes(t, f, src, layout, limits, func(row *importer.Row) { require.NoError(t, rejects.Reject(row, "why, \"so\"; <&>\n")) })
	require.NoError(t, rejects.Close())
	if len(rows) == 0 {
		return
	}
	limits.RecordBytes, limits.Columns, limits.CellBytes = 3*limits.RecordBytes+200, 2*limits.Columns, 2*limits.CellBytes
	again, err := f.Detect(t.Context(), importer.Bytes("again", out.Bytes()), limits)
	if err != nil { // nothing was good
		for _, ok := range rows {
			require.False(t, ok, "%v: %q", err, out.String())
		}
		return
	}
	good, goodAgain := count(rows), count(outcomes(t, f, importer.Bytes("again", out.Bytes()), again, limits, nil))
	require.GreaterOrEqual(t, goodAgain, good, "%q", out.String())
}

func count(rows []bool) (n int) {
	for _, ok := range rows {
		if ok {
			n++
		}
	}
	return n
}

func outcomes(t *testing.T, f importer.Format, src importer.Source, layout *importer.Layout, limits importer.Limits, each func(*importer.Row)) (good []bool) {
	table, err := f.Open(t.Context(), src, layout, limits)
	require.NoError(t, err)
	defer table.Close() //nolint:errcheck // it was only read
	var total int64
	line := 0
	for row, err := range table.Rows(t.Context()) {
		var bad *importer.RowError
		if err != nil && !errors.As(err, &bad) {
			require.Nil(t, row)
			return good
		}
		require.Len(t, row.Cells, len(layout.Columns))
		require.GreaterOrEqual(t, row.Line, line)
		line = row.Line
		total += row.Bytes
		if bad == nil {
			for _, c := range row.Cells {
				require.True(t, utf8.ValidString(c))
			}
		}
		says := slices.ContainsFunc(row.Kinds, func(k importer.CellKind) bool { return k != importer.CellAbsent })
		good = append(good, bad == nil && says) // of a record that says nothing nothing comes back
		if each != nil {
			each(row)
		}
	}
	require.LessOrEqual(t, total, table.Read())
	return good
}

func FuzzNDJSON(f *testing.F) {
	f.Add([]byte("{\"a\":\"x\\u00e9\",\"b\":[1,\"y,\\\"\"]}\n\n{broken}\n{\"a\":{\"c\":null}}\n"))
	f.Add([]byte("{\"import_reason\":\"x\"}\n{\"a\":1}"))
	f.Fuzz(func(t *testing.T, content []byte) { fuzzFormat(t, importer.NDJSON(), content) })
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"n":1,"data":[{"a":"x"},{"b":[1,[2]]},3,{"a":{"c":-1.5e7}}],"x":[2]}`))
	f.Add([]byte(`[{"a":1},{"a":tru}]`))
	f.Fuzz(func(t *testing.T, content []byte) { fuzzFormat(t, importer.JSON(), content) })
}

// FuzzJSONAgainstStandard: what the standard library takes for an object, we
// take too, with the same texts.
func FuzzJSONAgainstStandard(f *testing.F) {
	f.Add(`{"a":"x\u00e9\ud83d\ude00","b":-0.5e+3,"c":[true,null],"d":{"e":""}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\n\r") || !utf8.ValidString(text) || len(text) > 4000 {
			return
		}
		var want map[string]any
		valid := json.Unmarshal([]byte(text), &want) == nil && want != nil
		layout, err := importer.NDJSON().Detect(t.Context(), importer.Bytes("x", []byte(text)), importer.Limits{})
		if !valid {
			require.Error(t, err, "%q", text)
			return
		}
		if err != nil {
			return // deep, half pairs of surrogates, too many columns
		}
		table, err := importer.NDJSON().Open(t.Context(), importer.Bytes("x", []byte(text)), layout, importer.Limits{})
		require.NoError(t, err)
		for row, err := range table.Rows(t.Context()) {
			if err != nil {
				return // a name twice
			}
			for i, c := range layout.Columns {
				if s, ok := want[c].(string); ok && row.Kind(i) == importer.CellString {
					require.Equal(t, s, row.Cells[i])
				}
			}
		}
	})
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(ownXML))
	f.Add([]byte(`<r><p id="7"><phone type="m">5</phone><a><b>1</b><c>2</c></a><t>x</t><t>y</t></p><p/></r>`))
	f.Fuzz(func(t *testing.T, content []byte) { fuzzFormat(t, importer.XML(), content) })
}

func FuzzVCard(f *testing.F) {
	f.Add([]byte(card("VERSION:3.0", "N:Doe;Jane;;;", "FN:Jane Doe", "item1.EMAIL;TYPE=INTERNET,pref:a@example.com", "CATEGORIES:a\\,b,c", "BDAY:--0415")))
	f.Add([]byte(card("VERSION:2.1", "N;ENCODING=QUOTED-PRINTABLE:M=C3=BCl=", "ler", "TEL;CELL:1") + "junk\n" + card("X-AUDIENCEKIT;NAME=l;KIND=list:a\\,b")))
	f.Fuzz(func(t *testing.T, content []byte) { fuzzFormat(t, importer.VCard(), content) })
}

func FuzzHandler(f *testing.F) {
	f.Add(`{"email":"a@example.com","fields":{"score":1},"tags":["x"],"status":"subscribed"}`, false)
	f.Add("{\"email\":\"a@example.com\"}\n{\"external\":{\"crm\":\"1\"},\"other_emails\":[\"b@example.com\"],\"evidence\":{\"a\":\"b\"}}", true)
	f.Fuzz(func(t *testing.T, body string, lines bool) {
		kind := "application/json"
		if lines {
			kind = "application/x-ndjson"
		}
		h := handlerOf(t, shop(t, noon), importer.HandlerOptions{NewFields: true})
		w := post(h, body, "Content-Type", kind, "Idempotency-Key", "k")
		require.NotEqual(t, http.StatusInternalServerError, w.Code, w.Body.String())
		require.True(t, json.Valid(w.Body.Bytes()))
		again := post(h, body, "Content-Type", kind, "Idempotency-Key", "k")
		require.Equal(t, w.Code, again.Code)
		require.Equal(t, w.Body.String(), again.Body.String())
	})
}
