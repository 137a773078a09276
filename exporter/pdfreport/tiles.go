package pdfreport

import "github.com/audiencekit/audiencekit/exporter"

// facts draws facts as tiles, four in a line at most.
func (d *document) facts(facts []exporter.Fact) {
	const gap, height, pad = 10.0, 62.0, 10.0
	if len(facts) == 0 {
		return
	}
	across := 4
	if n := len(facts); n <= 3 || n == 5 || n == 6 || n == 9 {
		across = 3
	}
	width := (d.inner() - gap*float64(across-1)) / float64(across)
	d.y += 14
	for i, fact := range facts {
		column := i % across
		if column == 0 {
			if i > 0 {
				d.y += height + gap
			}
			d.need(height)
		}
		if d.err != nil {
			return
		}
		x := margin + float64(column)*(width+gap)
		d.pdf.SetFillColor(tile.rgb())
		d.pdf.RoundedRect(x, d.y, width, height, 4, "1234", "F")
		inner := width - 2*pad
		d.label(x+pad, d.y+8, inner, d.fonts.clean(fact.Label), style{8, false, muted})
		value, st := d.fonts.clean(fact.Value), style{18, true, ink}
		for st.size > 10 && d.fonts.width(value, st) > inner {
			st.size--
		}
		d.label(x+pad, d.y+23+(18-st.size)*0.8, inner, value, st)
		d.label(x+pad, d.y+46, inner, d.fonts.clean(fact.Note), smallStyle())
	}
	d.y += height
}
