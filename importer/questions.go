package importer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// The answers that are no form of cells.
const (
	answerStatus = "status" // it is a column of status words
	questionMail = "email"  // the ID: which column holds the addresses?
	questionAll  = "status" // the ID: what does the file say of everybody in it?
)

// columnQuestion is the ID of what a column leaves open.
func columnQuestion(index int, about string) string {
	return "column " + strconv.Itoa(index+1) + ": " + about
}

// open gives the questions that the plan does not answer. Those of the layout
// have one answer that counts, the assumed one: with another the file is a
// different table, to be inspected again.
func (p *Plan) open() []Question {
	var out []Question
	if p.Layout != nil {
		for _, q := range p.Layout.Questions {
			if answer, ok := p.Answers[q.ID]; !ok || answer != q.Assumed {
				out = append(out, q)
			}
		}
	}
	for _, q := range p.Mapping.Questions {
		if !slices.Contains(q.Options, p.Answers[q.ID]) {
			out = append(out, q)
		}
	}
	return out
}

// answered gives the mapping with the answers to its questions; where there is
// none, that which is assumed.
func (m *Mapping) answered(answers map[string]string) Mapping {
	out := *m
	out.Columns = slices.Clone(m.Columns)
	for _, q := range m.Questions {
		answer := answers[q.ID]
		if !slices.Contains(q.Options, answer) {
			answer = q.Assumed
		}
		out.answer(q.ID, answer)
	}
	return out
}

func (m *Mapping) answer(id, answer string) {
	switch id {
	case questionAll:
		if s, err := audience.ParseStatus(answer); err == nil {
			m.Status = s
		}
		return
	case questionMail:
		for i := range m.Columns {
			if c := &m.Columns[i]; answer == columnChoice(c.Index) {
				c.Target, c.Format = TargetEmail, ""
			}
		}
		return
	}
	column, _, _ := strings.Cut(id, ": ")
	for i := range m.Columns {
		if c := &m.Columns[i]; column == columnChoice(c.Index) && !strings.HasPrefix(c.Format, formatJSON+":") {
			c.answer(answer)
		}
	}
}

func (c *Column) answer(answer string) {
	switch answer {
	case answerStatus, "":
	case formatText:
		c.Target, c.Type, c.Format, c.Words = TargetField, audience.TypeString, formatTrim, nil
	default:
		c.Format = answer
	}
}

// columnChoice is how a column is named among options.
func columnChoice(index int) string { return "column " + strconv.Itoa(index+1) }
