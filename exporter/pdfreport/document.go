package pdfreport

import (
	"fmt"
	"strings"

	"codeberg.org/go-pdf/fpdf"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
)

// document is a report on its way onto pages, from top to bottom.
type document struct {
	pdf           *fpdf.Fpdf
	fonts         *fonts
	width, height float64
	y             float64 // where the next thing goes, from the top
	running       string  // the title, clean, which pages after the first repeat
	stats         Stats
	err           error
}

func (d *document) inner() float64  { return d.width - 2*margin }
func (d *document) bottom() float64 { return d.height - margin - footerHeight + 12 }

// room is what a page after the first has.
func (d *document) room() float64 { return d.bottom() - margin - headerHeight }

func (d *document) report(r *exporter.Report) {
	d.newPage()
	d.title(r)
	d.facts(r.Facts)
	for i := range r.Charts {
		d.chart(&r.Charts[i])
	}
	for i := range r.Tables {
		d.table(&r.Tables[i])
	}
}

// newPage begins a page.
func (d *document) newPage() {
	if d.err != nil {
		return
	}
	if d.pdf.PageCount() == MaxPages {
		d.err = &audience.FieldError{
			Path: "report", Rule: "max-pages", Hint: fmt.Sprintf("what fits on %d pages: fewer rows, shorter cells or fewer columns", MaxPages), Limit: true,
		}
		return
	}
	d.pdf.AddPage()
	d.y = margin
	if d.pdf.PageCount() > 1 {
		line, _ := d.fonts.shorten(d.running, smallStyle(), d.inner())
		d.text(margin, margin-6, line, smallStyle())
		d.rule(margin, d.width-margin, margin+6, hairline, 0.5)
		d.y = margin + headerHeight
	}
}

// need makes sure that there is some height left on the page.
func (d *document) need(height float64) {
	if d.y+height > d.bottom() && d.y > margin+headerHeight {
		d.newPage()
	}
}

func (d *document) title(r *exporter.Report) {
	d.paragraph(d.running, titleStyle())
	if r.Subtitle != "" {
		d.y += 3
		d.paragraph(d.fonts.clean(r.Subtitle), subtitleStyle())
	}
	if r.Title != "" || r.Subtitle != "" {
		d.y += 10
		d.pdf.SetFillColor(accent.rgb())
		d.pdf.Rect(margin, d.y, 36, 2.5, "F")
		d.y += 2.5
	}
}

// heading begins a part of the report, on a page with room for some of it.
func (d *document) heading(title string, follows float64) {
	title = d.fonts.clean(title)
	lines := 0
	if title != "" {
		lines = len(d.fonts.wrap(title, headingStyle(), d.inner()))
	}
	if d.y > margin+headerHeight {
		d.y += sectionGap
	}
	d.need(min(float64(lines)*headingStyle().leading()+8+follows, d.room()))
	if lines > 0 {
		at := d.y
		d.paragraph(title, headingStyle())
		if d.err == nil {
			d.pdf.Bookmark(title, 0, at)
		}
		d.y += 8
	}
}

// paragraph sets a text over the whole width, over pages if it has to.
func (d *document) paragraph(s string, st style) {
	if s == "" {
		return
	}
	for _, line := range d.fonts.wrap(s, st, d.inner()) {
		d.need(st.leading())
		if d.err != nil {
			return
		}
		d.text(margin, d.y, line, st)
		d.y += st.leading()
	}
}

// text draws a clean line of text, with its top at y.
func (d *document) text(x, y float64, s string, st style) {
	if d.err != nil || s == "" {
		return
	}
	d.pdf.SetTextColor(st.color.rgb())
	baseline := y + st.baseline()
	s = visual(s)
	for s != "" {
		run, font, width := d.run(s, st)
		if strings.TrimSpace(run) != "" {
			d.fonts.use(d.pdf, font, st.size)
			d.pdf.Text(x, baseline, run)
		}
		x += width
		s = s[len(run):]
	}
}

// run gives the beginning of a text that one font sets.
func (d *document) run(s string, st style) (run string, font int, width float64) {
	for i, r := range s {
		g := d.fonts.find(r, st.bold)
		switch {
		case i == 0:
			font = g.font
		case g.font != font:
			return s[:i], font, width
		}
		width += float64(g.width) * st.size / 1000
	}
	return s, font, width
}

// textRight draws a text that ends at x.
func (d *document) textRight(x, y float64, s string, st style) {
	d.text(x-d.fonts.width(s, st), y, s, st)
}

// label draws a text that is shortened to a width.
func (d *document) label(x, y, width float64, s string, st style) {
	d.text(x, y, d.shorten(s, st, width), st)
}

func (d *document) shorten(s string, st style, width float64) string {
	line, cut := d.fonts.shorten(s, st, width)
	if cut {
		d.stats.Cut++
	}
	return line
}

// rule draws a line from left to right.
func (d *document) rule(from, to, y float64, c color, thick float64) {
	if d.err != nil {
		return
	}
	d.pdf.SetDrawColor(c.rgb())
	d.pdf.SetLineWidth(thick)
	d.pdf.Line(from, y, to, y)
}

// footers go onto the pages when it is known how many there are.
func (d *document) footers(opts *Options) {
	st := smallStyle()
	var about []string
	if opts.Author != "" {
		about = append(about, d.fonts.clean(opts.Author))
	}
	if !opts.Created.IsZero() {
		about = append(about, opts.Created.Format("2006-01-02 15:04 MST"))
	}
	pages := d.pdf.PageCount()
	for page := 1; page <= pages && d.err == nil; page++ {
		d.pdf.SetPage(page)
		// What the library thinks is current is so on the last page only.
		d.pdf.SetFillColor(ink.rgb())
		d.pdf.SetFontSize(st.size + 1)
		y := d.height - margin
		d.rule(margin, d.width-margin, y-6, hairline, 0.5)
		line, _ := d.fonts.shorten(strings.Join(about, "  ·  "), st, d.inner()-80)
		d.text(margin, y, line, st)
		d.textRight(d.width-margin, y, fmt.Sprintf("%d / %d", page, pages), st)
	}
}
