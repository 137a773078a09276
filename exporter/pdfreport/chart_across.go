package pdfreport

import (
	"math"

	"github.com/audiencekit/audiencekit/exporter"
)

// maxAcross is how many points lying bars are drawn for.
const maxAcross = 60

// across reports whether bars lie: when points have names that have no room
// side by side, or are so few that a few lines say it all.
func (d *document) across(p *plot) bool {
	if len(p.points) > maxAcross {
		return false
	}
	slot := (d.inner() - 40) / float64(len(p.points))
	room := true
	for i := range p.points {
		if p.points[i].Label == "" {
			return false
		}
		room = room && d.fonts.width(p.labels[i], smallStyle()) <= slot-6
	}
	const few = 4
	return !room || len(p.points) <= few
}

// barsAcross draws bars that lie, each with its name before it and its value
// behind it. They go on over pages.
func (d *document) barsAcross(title string, p *plot) {
	const nameGap, valueGap = 8.0, 4.0
	st, vst := style{8, false, ink}, style{7.5, false, muted}
	thick := 9.0
	if len(p.values) > 1 {
		thick = 7
	}
	row := thick*float64(len(p.values)) + 6
	names, below, above := 0.0, 0.0, 0.0 // widths: of names, and of values on both sides
	for i, label := range p.labels {
		names = max(names, d.fonts.width(label, st))
		for _, values := range p.values {
			switch width := d.fonts.width(valueLabel(values[i]), vst) + valueGap; {
			case math.IsNaN(values[i]):
			case values[i] < 0:
				below = max(below, width)
			default:
				above = max(above, width)
			}
		}
	}
	names = min(names, d.inner()*0.32)
	left, right := margin+names+nameGap+below, d.width-margin-above
	x := func(v float64) float64 {
		return left + (right-left)*(v-p.low)/max(p.high-p.low, math.SmallestNonzeroFloat64)
	}
	d.heading(title, row*3+d.above(p))
	d.legend(p)
	if p.unit != "" {
		d.label(margin, d.y, d.inner(), p.unit, vst)
		d.y += vst.leading() + 2
	}
	d.y += 2
	for i, label := range p.labels {
		d.need(row)
		if d.err != nil {
			return
		}
		middle := d.y + (row-6)/2
		label = d.shorten(label, st, names)
		d.text(margin+names-d.fonts.width(label, st), middle-st.size*0.68, label, st)
		for s, values := range p.values {
			v := values[i]
			if math.IsNaN(v) {
				continue
			}
			y := d.y + float64(s)*thick
			d.pdf.SetFillColor(seriesColor(s).rgb())
			d.pdf.Rect(min(x(v), x(0)), y, math.Abs(x(v)-x(0)), thick-1, "F")
			if text := valueLabel(v); v < 0 {
				d.textRight(x(v)-valueGap, y+(thick-1)/2-vst.size*0.68, text, vst)
			} else {
				d.text(x(v)+valueGap, y+(thick-1)/2-vst.size*0.68, text, vst)
			}
		}
		d.pdf.SetDrawColor(axis.rgb())
		d.pdf.SetLineWidth(0.5)
		d.pdf.Line(x(0), d.y-3, x(0), d.y+row-3)
		d.y += row
	}
	d.y += 2
}

// axisLabels names points beneath a chart: as many as have room, at regular
// distances or where a week, a month, a quarter or a year begins.
func (d *document) axisLabels(p *plot, f *frame) {
	st := smallStyle()
	for _, marks := range d.candidates(p) {
		if d.fit(p, f, marks, st) {
			for _, m := range marks {
				d.pdf.SetDrawColor(axis.rgb())
				d.pdf.SetLineWidth(0.5)
				at := p.x(f, m.point)
				d.pdf.Line(at, f.bottom, at, f.bottom+3)
				from, _ := d.extent(p, f, m, st)
				d.text(from, f.bottom+5, m.label, st)
				if m.cut {
					d.stats.Cut++
				}
			}
			return
		}
	}
}

// mark is a point that is named.
type mark struct {
	point int
	label string
	cut   bool
}

// candidates gives choices of points to name, the most telling first.
func (d *document) candidates(p *plot) [][]mark {
	widest := max(110, d.inner()/float64(max(len(p.labels), 1))-30)
	st := smallStyle()
	every := func(step int) []mark {
		var marks []mark
		for i := 0; i < len(p.labels); i += step {
			label, cut := d.fonts.shorten(p.labels[i], st, widest)
			marks = append(marks, mark{i, label, cut})
		}
		return marks
	}
	choices := [][]mark{every(1)}
	if p.timed || p.kind == exporter.Bar {
		choices = append(choices, periodMarks(p.points)...)
	}
	for unit := 1; unit < len(p.labels)*10; unit *= 10 {
		for _, times := range []int{2, 5, 10} {
			choices = append(choices, every(unit*times))
		}
	}
	return append(choices, every(max(len(p.labels), 1)))
}

// extent gives where a label begins and ends: centred, but within the page.
func (d *document) extent(p *plot, f *frame, m mark, st style) (from, to float64) {
	width := d.fonts.width(m.label, st)
	from = max(margin, min(p.x(f, m.point)-width/2, d.width-margin-width))
	return from, from + width
}

func (d *document) fit(p *plot, f *frame, marks []mark, st style) bool {
	const apart = 10
	end := -1.0
	for _, m := range marks {
		from, to := d.extent(p, f, m, st)
		if end >= 0 && from < end+apart {
			return false
		}
		end = to
	}
	return true
}
