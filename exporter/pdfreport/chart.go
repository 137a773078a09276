package pdfreport

import (
	"math"

	"github.com/audiencekit/audiencekit/exporter"
)

const (
	noData     = "no data"
	plotHeight = 150.0
)

// plot is a chart made ready: clean texts, and a value or NaN for each series
// at each point.
type plot struct {
	kind      exporter.ChartKind
	unit      string
	series    []string
	labels    []string
	points    []exporter.Point
	values    [][]float64 // by series, then by point
	low, high float64     // of all values
	any       bool        // there is a value
	timed     bool        // points stand in proportion to their instants
}

func (d *document) chart(c *exporter.Chart) {
	p := d.plot(c)
	if !p.any {
		d.heading(c.Title, 40)
		d.pdf.SetFillColor(tile.rgb())
		d.pdf.RoundedRect(margin, d.y, d.inner(), 40, 4, "1234", "F")
		d.text(margin+(d.inner()-d.fonts.width(noData, cellStyle()))/2, d.y+14, noData, style{9, false, muted})
		d.y += 40
		return
	}
	if p.kind == exporter.Bar && d.across(p) {
		d.barsAcross(c.Title, p)
		return
	}
	d.heading(c.Title, plotHeight+20+d.above(p))
	d.legend(p)
	d.upright(p)
}

func (d *document) plot(c *exporter.Chart) *plot {
	p := &plot{kind: c.Kind, unit: d.fonts.clean(c.Unit), points: c.Points, low: math.Inf(1), high: math.Inf(-1), timed: len(c.Points) > 1}
	for _, name := range c.Series {
		p.series = append(p.series, d.fonts.clean(name))
	}
	p.values = make([][]float64, max(len(c.Series), 1))
	for i := range c.Points {
		point := &c.Points[i]
		p.labels = append(p.labels, d.fonts.clean(point.Name()))
		if point.At.IsZero() || i > 0 && !point.At.After(c.Points[i-1].At) {
			p.timed = false
		}
		for s := range p.values {
			v := math.NaN()
			if s < len(point.Values) && !math.IsInf(point.Values[s], 0) {
				v = point.Values[s]
			}
			if !math.IsNaN(v) {
				p.low, p.high, p.any = min(p.low, v), max(p.high, v), true
			}
			p.values[s] = append(p.values[s], v)
		}
	}
	// Bars stand on zero; lines do unless that would make them flat.
	if p.kind == exporter.Bar || p.low > 0 && p.low < 2*(p.high-p.low) || p.low == p.high && p.low > 0 {
		p.low, p.high = min(p.low, 0), max(p.high, 0)
	}
	return p
}

// above gives about how high a legend and a unit are.
func (d *document) above(p *plot) float64 {
	height := 0.0
	if len(p.series) > 1 {
		height += 30
	}
	if p.unit != "" {
		height += 16
	}
	if p.valuesNamed() {
		height += 10
	}
	return height
}

// legend names the series, above the chart, when there are several.
func (d *document) legend(p *plot) {
	if len(p.series) < 2 {
		return
	}
	const swatch, gap = 12.0, 16.0
	st := style{8, false, ink}
	x := margin
	for i, name := range p.series {
		name = d.shorten(name, st, min(180, d.inner()/2))
		width := swatch + 5 + d.fonts.width(name, st)
		if x > margin && x+width > d.width-margin {
			x = margin
			d.y += st.leading() + 2
		}
		if p.kind == exporter.Bar {
			d.pdf.SetFillColor(seriesColor(i).rgb())
			d.pdf.Rect(x, d.y+2, swatch-4, 7, "F")
		} else {
			d.stroke(i)
			d.pdf.Line(x, d.y+5.5, x+swatch, d.y+5.5)
			d.solid()
		}
		d.text(x+swatch+5, d.y, name, st)
		x += width + gap
	}
	d.y += st.leading() + 8
}

// stroke makes lines those of a series.
func (d *document) stroke(series int) {
	d.pdf.SetDrawColor(seriesColor(series).rgb())
	d.pdf.SetLineWidth(1.6)
	if series >= 8 {
		d.pdf.SetDashPattern([]float64{4, 2.5}, 0)
	}
}

func (d *document) solid() { d.pdf.SetDashPattern([]float64{}, 0) }

// frame is where the values of a chart lie on the page.
type frame struct {
	left, right, top, bottom float64
	scale                    scale
}

func (f *frame) y(v float64) float64 { return f.bottom - f.scale.at(v)*(f.bottom-f.top) }

// upright draws lines, or bars that stand.
func (d *document) upright(p *plot) {
	st := smallStyle()
	if p.unit != "" {
		d.label(margin, d.y, d.inner(), p.unit, st)
		d.y += st.leading() + 4
	}
	if p.valuesNamed() {
		d.y += st.leading()
	}
	f := &frame{scale: newScale(p.low, p.high), top: d.y + 4, bottom: d.y + 4 + plotHeight, right: d.width - margin - 4}
	widest := 0.0
	for i := range f.scale.ticks {
		widest = max(widest, d.fonts.width(f.scale.label(i), st))
	}
	f.left = margin + widest + 8
	if p.kind == exporter.Line && len(p.series) < 2 {
		d.area(p, f)
	}
	for i := range f.scale.ticks {
		y := f.y(f.scale.tick(i))
		c := hairline
		if math.Abs(f.scale.tick(i)) < f.scale.step/2 {
			c = axis // zero
		}
		d.rule(f.left, f.right, y, c, 0.5)
		d.textRight(f.left-6, y-st.size*0.7, f.scale.label(i), st)
	}
	if p.kind == exporter.Bar {
		d.bars(p, f)
	} else {
		d.lines(p, f)
	}
	d.axisLabels(p, f)
	d.y = f.bottom + 18
}

// x gives where point i lies. Bars have room on both sides.
func (p *plot) x(f *frame, i int) float64 {
	const inset = 4
	n := len(p.points)
	width := f.right - f.left
	switch {
	case p.kind == exporter.Bar:
		return f.left + width*(float64(i)+0.5)/float64(n)
	case n == 1:
		return f.left + width/2
	case p.timed:
		// Seconds as floats: a duration holds 292 years only.
		first, last := p.points[0].At, p.points[n-1].At
		all := float64(last.Unix()-first.Unix()) + float64(last.Nanosecond()-first.Nanosecond())/1e9
		gone := float64(p.points[i].At.Unix()-first.Unix()) + float64(p.points[i].At.Nanosecond()-first.Nanosecond())/1e9
		return f.left + inset + (width-2*inset)*gone/all
	}
	return f.left + inset + (width-2*inset)*float64(i)/float64(n-1)
}

// stretches calls fn for each run of points without a gap, by the indexes of
// its first and its last point.
func stretches(values []float64, fn func(from, to int)) {
	from := -1
	for i, v := range values {
		if math.IsNaN(v) {
			if from >= 0 {
				fn(from, i-1)
			}
			from = -1
		} else if from < 0 {
			from = i
		}
	}
	if from >= 0 {
		fn(from, len(values)-1)
	}
}

// area tints what lies beneath a single line that stands on zero.
func (d *document) area(p *plot, f *frame) {
	if f.scale.low > 0 || p.low < 0 {
		return
	}
	d.pdf.SetFillColor(tint.rgb())
	stretches(p.values[0], func(from, to int) {
		if from == to {
			return
		}
		d.pdf.MoveTo(p.x(f, from), f.y(0))
		for i := from; i <= to; i++ {
			d.pdf.LineTo(p.x(f, i), f.y(p.values[0][i]))
		}
		d.pdf.LineTo(p.x(f, to), f.y(0))
		d.pdf.DrawPath("F")
	})
}

func (d *document) lines(p *plot, f *frame) {
	d.pdf.SetLineJoinStyle("round")
	d.pdf.SetLineCapStyle("round")
	for s, values := range p.values {
		d.stroke(s)
		d.pdf.SetFillColor(seriesColor(s).rgb())
		stretches(values, func(from, to int) {
			if len(values) <= 20 || from == to {
				for i := from; i <= to; i++ {
					d.pdf.Circle(p.x(f, i), f.y(values[i]), 2, "F")
				}
			}
			if from == to {
				return
			}
			d.pdf.MoveTo(p.x(f, from), f.y(values[from]))
			for i := from + 1; i <= to; i++ {
				d.pdf.LineTo(p.x(f, i), f.y(values[i]))
			}
			d.pdf.DrawPath("D")
		})
		d.solid()
	}
	d.pdf.SetLineJoinStyle("miter")
	d.pdf.SetLineCapStyle("butt")
}

// valuesNamed reports whether bars that stand have room for their values.
func (p *plot) valuesNamed() bool {
	const most = 12
	return p.kind == exporter.Bar && len(p.values) == 1 && len(p.points) <= most
}

// mirrored reports whether of two series one goes up and one goes down, so that
// their bars share a place.
func (p *plot) mirrored() bool {
	if len(p.values) != 2 {
		return false
	}
	for i := range p.points {
		if p.values[0][i] < 0 || p.values[1][i] > 0 {
			return false
		}
	}
	return true
}

// bars draws bars that stand, those of a point side by side.
func (d *document) bars(p *plot, f *frame) {
	st := smallStyle()
	slot := (f.right - f.left) / float64(len(p.points))
	beside := float64(len(p.values)) // bars side by side
	if p.mirrored() {
		beside = 1
	}
	group, filled := min(slot*0.72, 26*beside), 0.94
	if slot < 3 {
		group, filled = slot, 1.02 // no room for gaps, which would flicker
	}
	width := group / beside
	zero := f.y(0)
	for s, values := range p.values {
		d.pdf.SetFillColor(seriesColor(s).rgb())
		for i, v := range values {
			if math.IsNaN(v) || v == 0 {
				continue
			}
			y := f.y(v)
			left := p.x(f, i) - group/2 + min(float64(s), beside-1)*width
			d.pdf.Rect(left, min(y, zero), max(width*filled, 0.2), math.Abs(y-zero), "F")
			if p.valuesNamed() {
				text, at := valueLabel(v), y-st.leading()
				if v < 0 {
					at = y + 1
				}
				d.text(left+(width-d.fonts.width(text, st))/2, at, text, st)
			}
		}
	}
	d.rule(f.left, f.right, zero, axis, 0.5)
}
