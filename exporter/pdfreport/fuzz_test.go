package pdfreport_test

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/font/gofont/gomono"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/pdfreport"
)

// dice makes a report of bytes.
type dice []byte

func (d *dice) number(below int) int {
	if len(*d) == 0 {
		return 0
	}
	n := int((*d)[0])
	*d = (*d)[1:]
	return n % below
}

func (d *dice) text() string {
	n := d.number(40)
	if d.number(16) == 0 {
		n *= 30
	}
	n = min(n, len(*d))
	s := string((*d)[:n])
	*d = (*d)[n:]
	return s
}

func (d *dice) value() float64 {
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 1e15, -1e15, 5e-324, 1e16}
	if n := d.number(32); n < len(odd) {
		return odd[n]
	}
	return float64(d.number(256)-100) * math.Pow(10, float64(d.number(20)-10))
}

func (d *dice) report() exporter.Report {
	r := exporter.Report{Title: d.text(), Subtitle: d.text()}
	for range d.number(6) {
		r.Facts = append(r.Facts, exporter.Fact{Label: d.text(), Value: d.text(), Note: d.text()})
	}
	for range d.number(5) {
		c := exporter.Chart{Title: d.text(), Unit: d.text(), Kind: exporter.ChartKind(d.number(2))}
		for range d.number(4) {
			c.Series = append(c.Series, d.text())
		}
		named, dated := d.number(2) == 0, d.number(2) == 0
		for range d.number(90) {
			var p exporter.Point
			if named {
				p.Label = d.text()
			}
			if dated {
				p.At = time.Unix(int64(d.number(256))<<d.number(40), int64(d.number(3))).UTC()
			}
			for range max(1, len(c.Series)) {
				p.Values = append(p.Values, d.value())
			}
			c.Points = append(c.Points, p)
		}
		r.Charts = append(r.Charts, c)
	}
	for range d.number(4) {
		t := exporter.Table{Title: d.text()}
		for range d.number(exporter.MaxTableColumns + 1) {
			t.Columns = append(t.Columns, exporter.TableColumn{Title: d.text(), Align: exporter.Align(d.number(2))})
		}
		for range d.number(60) {
			var row []string
			for range d.number(len(t.Columns) + 1) {
				row = append(row, d.text())
			}
			t.Rows = append(t.Rows, row)
		}
		r.Tables = append(r.Tables, t)
	}
	return r
}

// FuzzWrite: any report becomes a document that reads back, with nothing off
// the page, or is refused as too large.
func FuzzWrite(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("\x05Title\x01\x03Sub\x01\x02\x04fact\x01\x03val\x01\x02no\x01"))
	f.Add(bytes.Repeat([]byte("\x07Anna 😀 日本 שלום"), 60))
	f.Add(bytes.Repeat([]byte{1, 20, 3, 255, 9, 0x1b, 0x0a, 17}, 200))
	f.Add(bytes.Repeat([]byte{39, 8, 50, 33, 100, 12, 77, 5, 250, 61}, 300))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := dice(data)
		r := d.report()
		var b bytes.Buffer
		stats, err := pdfreport.Write(&b, r, pdfreport.Options{Landscape: d.number(2) == 0, Paper: pdfreport.Paper(d.number(2)), Author: d.text()})
		if err != nil {
			require.ErrorIs(t, err, audience.ErrLimit)
			return
		}
		pages := read(t, b.Bytes())
		require.Len(t, pages, stats.Pages)
		for _, page := range pages {
			require.NotEmpty(t, page)
			for _, p := range page {
				require.True(t, p.x > 40 && p.x < 800 && p.y > 30 && p.y < 810, "%+v", p)
			}
		}
		for _, content := range contents(t, b.Bytes()) {
			require.NotContains(t, string(content), "NaN")
			require.NotContains(t, string(content), "Inf")
		}
	})
}

// FuzzFont: a spoiled font is refused or used, or the document is; nothing
// panics, goes on for ever or is printed.
func FuzzFont(f *testing.F) {
	f.Add(uint32(0), []byte("OTTO"))
	f.Add(uint32(100), []byte{0xFF, 0xFF})
	f.Add(uint32(60_000), []byte{0xFF, 0xFF, 0, 0, 1})
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		spoiled := bytes.Clone(gomono.TTF)
		copy(spoiled[int(at)%len(spoiled):], patch)
		_, err := pdfreport.Write(&bytes.Buffer{}, exporter.Report{Title: "\u0100 日 \u25A1\uFB02", Subtitle: "\u2190\u2500\u2588"}, pdfreport.Options{Fonts: [][]byte{spoiled}})
		var broken *pdfreport.RenderError
		require.True(t, err == nil || errors.Is(err, audience.ErrInvalid) || errors.As(err, &broken), "%v", err)
	})
}
