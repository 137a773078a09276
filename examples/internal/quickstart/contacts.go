package quickstart

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/store"
)

// importContacts finds out how a file of contacts is written, asks what cannot
// be found out, and imports it.
func (r *runner) importContacts(ctx context.Context, aud *store.Audience, src importer.Source, opts importer.Options) (*importer.Report, error) {
	opts.Formats = []importer.Format{csvimport.Format()}
	p, err := importer.Inspect(ctx, src, aud.Schema(), importer.InspectOptions{Formats: opts.Formats, Answers: r.opts.answers})
	if err != nil {
		return &importer.Report{}, err
	}
	for _, note := range p.Notes {
		r.complain(src.Name(), noteError(note))
	}
	plan := &importer.Plan{
		Layout: p.Layout, Mapping: p.Mapping, Answers: r.opts.answers,
		Attestation: importer.Attestation{Text: r.opts.attest, Source: src.Name()},
	}
	if r.opts.attest == "" {
		plan.Attestation = importer.Attestation{}
	}
	report, err := importer.Run(ctx, aud, src, plan, opts)
	if open, ok := errors.AsType[*importer.QuestionsError](err); ok {
		for _, q := range open.Questions {
			const text = "%s Answer with -answer %q: %s"
			r.complain(src.Name(), fmt.Errorf(text, q.Text, q.ID+"="+q.Assumed, strings.Join(q.Options, ", ")))
		}
	}
	return report, err
}

// noteError tells a note as what is wrong with a file is told.
func noteError(n importer.Note) error {
	switch {
	case n.Line > 0 && n.Column > 0:
		return fmt.Errorf("line %d, column %d: %s", n.Line, n.Column, n.Text)
	case n.Line > 0:
		return fmt.Errorf("line %d: %s", n.Line, n.Text)
	case n.Column > 0:
		return fmt.Errorf("column %d: %s", n.Column, n.Text)
	}
	return errors.New(n.Text)
}

// progressText draws how far an import has come, on one line.
func progressText(name string, p importer.Progress) string {
	if p.Total <= 0 {
		return fmt.Sprintf("%s: %s", name, plural(p.Rows, "row"))
	}
	const width = 20
	done := min(p.Bytes, p.Total)
	filled := int(done * width / p.Total)
	text := fmt.Sprintf("%s: %s%s %d %% of %s, %s", name, strings.Repeat("█", filled), strings.Repeat("░", width-filled),
		done*100/p.Total, bytesText(p.Total), plural(p.Rows, "row"))
	if p.Left > 0 {
		text += fmt.Sprintf(", %s left", p.Left.Round(time.Second))
	}
	return text
}

// bytesText is a size for people.
func bytesText(n int64) string {
	const kilo = 1000
	switch {
	case n < kilo:
		return fmt.Sprintf("%d B", n)
	case n < kilo*kilo:
		return fmt.Sprintf("%.1f kB", float64(n)/kilo)
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/kilo/kilo)
	}
}
