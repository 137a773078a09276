package pdfreport_test

import (
	"bytes"
	"compress/zlib"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/pdfreport"
)

// placed is a text as it stands on a page, from its left end and its baseline
// in points from the lower left corner.
type placed struct {
	x, y float64
	text string
}

// write gives the pages of a report as they can be read back.
func write(t testing.TB, r exporter.Report, opts pdfreport.Options) ([][]placed, pdfreport.Stats) {
	t.Helper()
	var b bytes.Buffer
	stats, err := pdfreport.Write(&b, r, opts)
	require.NoError(t, err)
	pages := read(t, b.Bytes())
	require.Len(t, pages, stats.Pages)
	return pages, stats
}

// read finds the texts on the pages of a document: what a reader shows, and
// nothing of this package's own ideas.
func read(t testing.TB, pdf []byte) [][]placed {
	t.Helper()
	require.True(t, bytes.HasPrefix(pdf, []byte("%PDF-")))
	require.True(t, bytes.HasSuffix(bytes.TrimSpace(pdf), []byte("%%EOF")))
	shown := regexp.MustCompile(`(?s)BT (-?[\d.]+) (-?[\d.]+) Td \(((?:[^\\)]|\\.)*)\) Tj ET`)
	var pages [][]placed
	for _, content := range contents(t, pdf) {
		var page []placed
		for _, m := range shown.FindAllSubmatch(content, -1) {
			x, err := strconv.ParseFloat(string(m[1]), 64)
			require.NoError(t, err)
			y, err := strconv.ParseFloat(string(m[2]), 64)
			require.NoError(t, err)
			page = append(page, placed{x, y, unescape(t, m[3])})
		}
		pages = append(pages, page)
	}
	require.Len(t, pages, bytes.Count(pdf, []byte("<</Type /Page\n")))
	return pages
}

// contents gives what is drawn on each page.
func contents(t testing.TB, pdf []byte) [][]byte {
	t.Helper()
	var out [][]byte
	for _, part := range bytes.Split(pdf, []byte("\nstream\n"))[1:] {
		stream, err := zlib.NewReader(bytes.NewReader(part))
		if err != nil {
			continue
		}
		content, err := io.ReadAll(stream)
		require.NoError(t, err)
		if bytes.Contains(content, []byte(" Tf ET")) { // no font and no map
			out = append(out, content)
		}
	}
	return out
}

func unescape(t testing.TB, s []byte) string {
	t.Helper()
	var units []uint16
	var raw []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
			if s[i] == 'r' {
				raw = append(raw, '\r')
				continue
			}
		}
		raw = append(raw, s[i])
	}
	require.Zero(t, len(raw)%2)
	for i := 0; i < len(raw); i += 2 {
		units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
	}
	return string(utf16.Decode(units))
}

// texts joins what stands on a page.
func texts(page []placed) string {
	var all []string
	for _, p := range page {
		all = append(all, p.text)
	}
	return strings.Join(all, "\n")
}

// body joins what stands on all pages.
func body(pages [][]placed) string {
	var all []string
	for _, page := range pages {
		all = append(all, texts(page))
	}
	return strings.Join(all, "\n")
}
