package importer_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// plainFile is a Format that knows just enough of CSV for tests of mappings:
// the delimiter is the one that the header has most of, text that is no UTF-8
// is Latin-1.
type plainFile struct{}

func (plainFile) Name() string { return "plain" }

func (plainFile) records(ctx context.Context, src importer.Source) (*csv.Reader, []string, error) {
	in, err := src.Open(ctx)
	if err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(in)
	if err != nil {
		return nil, nil, err
	}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	text := string(content)
	if !utf8.Valid(content) {
		var b strings.Builder
		for _, c := range content {
			b.WriteRune(rune(c))
		}
		text = b.String()
	}
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	first, _, _ := strings.Cut(text, "\n")
	if strings.Count(first, ";") > strings.Count(first, ",") {
		r.Comma = ';'
	}
	header, err := r.Read()
	return r, header, err
}

func (f plainFile) Detect(ctx context.Context, src importer.Source, _ importer.Limits) (*importer.Layout, error) {
	_, header, err := f.records(ctx, src)
	if err != nil {
		return nil, err
	}
	return &importer.Layout{Format: f.Name(), Columns: header, HeaderLine: 1}, nil
}

func (f plainFile) Open(ctx context.Context, src importer.Source, layout *importer.Layout, _ importer.Limits) (importer.Table, error) {
	r, _, err := f.records(ctx, src)
	if err != nil {
		return nil, err
	}
	return &plainTable{r: r, width: len(layout.Columns)}, nil
}

func (plainFile) Rejects(io.Writer, *importer.Layout, []int) (importer.Rejects, error) {
	return nil, audience.ErrUnsupported
}

type plainTable struct {
	r     *csv.Reader
	width int
}

func (t *plainTable) Rows(context.Context) iter.Seq2[*importer.Row, error] {
	return func(yield func(*importer.Row, error) bool) {
		for {
			cells, err := t.r.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			line, _ := t.r.FieldPos(0)
			row := &importer.Row{Line: line, Cells: cells}
			if strings.Join(cells, "") == "" {
				continue
			}
			if len(cells) == 1 && t.width > 1 { // a footer
				bad := &importer.RowError{Line: line, Err: &audience.FieldError{Path: "row", Rule: "cells", Hint: "as many as the header"}}
				if !yield(row, bad) {
					return
				}
				continue
			}
			for len(row.Cells) < t.width {
				row.Cells = append(row.Cells, "")
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

func (t *plainTable) Read() int64  { return t.r.InputOffset() }
func (t *plainTable) Close() error { return nil }

// inspect inspects a file of the test format.
func inspect(t testing.TB, src importer.Source, schema audience.Schema) *importer.Proposal {
	t.Helper()
	p, err := importer.Inspect(t.Context(), src, schema, importer.InspectOptions{Formats: []importer.Format{plainFile{}}})
	require.NoError(t, err)
	return p
}

// readAs reads a file by a proposal and answers.
func readAs(t testing.TB, src importer.Source, p *importer.Proposal, schema audience.Schema, answers map[string]string) ([]*importer.Contact, []*importer.RowError) {
	t.Helper()
	table, err := plainFile{}.Open(t.Context(), src, p.Layout, importer.Limits{}.WithDefaults())
	require.NoError(t, err)
	plan := &importer.Plan{Layout: p.Layout, Mapping: p.Mapping, Answers: answers}
	var good []*importer.Contact
	var bad []*importer.RowError
	for c, err := range importer.ContactsOf(t.Context(), table, plan, schema, nil) {
		if err != nil {
			var row *importer.RowError
			require.ErrorAs(t, err, &row)
			bad = append(bad, row)
			continue
		}
		good = append(good, c)
	}
	return good, bad
}

// rowsOf makes a file of lines.
func rowsOf(lines ...string) importer.Source {
	return importer.Bytes("test.csv", []byte(strings.Join(lines, "\n")+"\n"))
}
