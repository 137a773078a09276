package xlsxfile

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// bombPart is a file of an archive that says of itself whatever it likes.
type bombPart struct {
	name, text string
	says       uint64 // how large it is; 0: the truth
}

// bomb makes a workbook of the sheets.
func bomb(t *testing.T, sheets ...bombPart) []byte {
	t.Helper()
	var book, relations strings.Builder
	for i, s := range sheets {
		fmt.Fprintf(&book, `<sheet name="S%d" id="r%d"/>`, i, i)
		fmt.Fprintf(&relations, `<Relationship Id="r%d" Type="worksheet" Target="%s"/>`, i, strings.TrimPrefix(s.name, "xl/"))
	}
	parts := append([]bombPart{
		{name: "xl/workbook.xml", text: "<workbook><sheets>" + book.String() + "</sheets></workbook>"},
		{name: "xl/_rels/workbook.xml.rels", text: "<Relationships>" + relations.String() + "</Relationships>"},
	}, sheets...)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, p := range parts {
		var packed bytes.Buffer
		deflate, err := flate.NewWriter(&packed, flate.BestCompression)
		require.NoError(t, err)
		_, err = deflate.Write([]byte(p.text))
		require.NoError(t, err)
		require.NoError(t, deflate.Close())
		head := &zip.FileHeader{
			Name: p.name, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(p.text)),
			CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(len(p.text)),
		}
		if p.says > 0 {
			head.UncompressedSize64 = p.says
		}
		to, err := w.CreateRaw(head)
		require.NoError(t, err)
		_, err = to.Write(packed.Bytes())
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func rowsOf(n int, row string) string {
	return "<worksheet><sheetData>" + strings.Repeat(row, n) + "</sheetData></worksheet>"
}

// TestBombs counts the bytes that small workbooks make the package unpack.
func TestBombs(t *testing.T) {
	const around = 1 << 20 // of unpacking by the block, and of the other parts
	many := make([]bombPart, 40)
	for i := range many {
		many[i] = bombPart{name: fmt.Sprintf("xl/s%d.xml", i), text: rowsOf(3<<20, " ")} // each below what is free
	}
	tests := []struct {
		name   string
		sheets []bombPart
		rule   string
		most   uint64 // bytes unpacked
		ratio  uint64 // and so many for each byte of the archive
	}{
		{"says how large it is", []bombPart{{name: "xl/s.xml", text: rowsOf(1_000_000, "<row><c><v>1</v></c></row>")}}, "zip-ratio", around, 0},
		{"says that it is small", []bombPart{{name: "xl/s.xml", text: rowsOf(1_000_000, "<row><c><v>1</v></c></row>"), says: 1 << 20}}, "", 1<<20 + around, 0},
		{"says how large it is in one row", []bombPart{{name: "xl/s.xml", text: rowsOf(1, "<row>"+strings.Repeat("<c/>", 8_000_000)+"</row>")}}, "zip-ratio", around, 0},
		{"empty rows", []bombPart{{name: "xl/s.xml", text: rowsOf(2_000_000, "<row/>")}}, "max-rows", maxRow*uint64(len("<row/>")) + around, 0},
		{"empty sheets", many, "zip-ratio", freeRatio + around, maxRatio},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			content := bomb(t, tt.sheets...)
			b, err := openBook(t.Context(), importer.Bytes("x", content), importer.Limits{}.WithDefaults())
			require.NoError(t, err)
			defer func() { require.NoError(t, b.Close()) }()
			for _, s := range b.sheets {
				if err = b.rows(t.Context(), &s, func(int, []cell) (bool, error) { return true, nil }); err != nil {
					break
				}
			}
			var bad *audience.FieldError
			require.ErrorAs(t, err, &bad)
			if tt.rule != "" {
				require.Equal(t, tt.rule, bad.Rule)
				require.ErrorIs(t, err, audience.ErrLimit)
			}
			require.LessOrEqual(t, b.unpacked, tt.most+tt.ratio*uint64(len(content)), "of an archive of %d bytes", len(content))
		})
	}
}

// TestDenseSheets: what programs write is no bomb.
func TestDenseSheets(t *testing.T) {
	var text strings.Builder
	text.WriteString("<worksheet><sheetData>")
	for i := range 400_000 { // empty rows that have a height are as dense as it gets
		fmt.Fprintf(&text, `<row r="%d" spans="1:20" ht="15" customHeight="1" dyDescent="0.25"/>`, i+1)
	}
	text.WriteString(`<row r="500000"><c r="A500000"><v>1</v></c></row></sheetData></worksheet>`)
	require.Greater(t, text.Len(), freeRatio)
	content := bomb(t, bombPart{name: "xl/s.xml", text: text.String()})
	require.Greater(t, text.Len(), 20*len(content))
	layout, err := Format(Options{}).Detect(t.Context(), importer.Bytes("x", content), importer.Limits{})
	require.NoError(t, err)
	require.Len(t, layout.Columns, 1)
}
