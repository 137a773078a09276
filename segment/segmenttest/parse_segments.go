package segmenttest

import (
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/segment"
)

// aboutSegments are the statements about segments. They may hold an expression, which is not made of words.
func aboutSegments() map[string]func(*parser, statement) error {
	return map[string]func(*parser, statement) error{
		"segment": (*parser).segment,
		"expect":  (*parser).expect,
		"match":   (*parser).match,
		"error":   (*parser).reject,
	}
}

func (p *parser) push(a Action) error {
	p.current.Do = a
	p.steps = append(p.steps, p.current)
	return nil
}

// before gives the words of a statement before the separator of its expression, the verb left out, and the
// expression.
func (p *parser) before(s statement, sep byte, form string) (args []word, source string, err error) {
	l := s[0]
	head, rest, found := cutOutside(l.text, sep, endsWord)
	at := place{l.number, 1}
	if !found {
		return nil, "", p.fail(at, "%s", form)
	}
	all, err := words(p.file, textLine{l.number, head})
	if err != nil {
		return nil, "", err
	}
	source, _ = s.expression(len(l.text) - len(rest))
	if source == "" {
		return nil, "", p.fail(at, "an expression is missing: %s", form)
	}
	return all[1:], source, nil
}

func (p *parser) segment(s statement) error {
	const form = "segment NAME = EXPRESSION"
	args, source, err := p.before(s, '=', form)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return p.fail(place{s[0].number, 1}, form)
	}
	name, err := p.segmentName(args[0])
	if err != nil {
		return err
	}
	p.segments[name] = true
	return p.push(Define{Definition: segment.Definition{Name: name, Source: source}})
}

// segmentName reads the name of a segment.
func (p *parser) segmentName(w word) (string, error) {
	if !isName(w.text) || strings.HasPrefix(w.text, checkPrefix) {
		return "", p.fail(w.place(), "a segment: a to z, then also digits, _ and -, at most 64, not beginning with %s", checkPrefix)
	}
	return w.text, nil
}

// checkPrefix begins the names of the segments that a player makes of matches.
const checkPrefix = "segmenttest-"

// definedSegment reads the name of a segment that was defined above, or given with the script.
func (p *parser) definedSegment(w word) (string, error) {
	if !p.segments[w.text] {
		return "", p.fail(w.place(), "a segment that is defined above")
	}
	return w.text, nil
}

func (p *parser) expect(s statement) error {
	all, err := p.allWords(s)
	if err != nil {
		return err
	}
	if len(all) < 4 {
		return p.fail(all[0].place(), "expect SEGMENT = NAMES, expect SEGMENT has NAMES or expect SEGMENT lacks NAMES")
	}
	var e Expect
	if e.Segment, err = p.definedSegment(all[1]); err != nil {
		return err
	}
	for _, r := range []Relation{Equals, Has, Lacks} {
		if all[2].text == r.String() {
			e.How = r
		}
	}
	if e.How == 0 {
		return p.fail(all[2].place(), "= has or lacks")
	}
	if e.People, err = p.peopleOf(all[3:]); err != nil {
		return err
	}
	return p.push(e)
}

// peopleOf reads names, nobody or everybody.
func (p *parser) peopleOf(args []word) (People, error) {
	if len(args) == 1 && args[0].text == "nobody" {
		return People{}, nil
	}
	if len(args) == 1 && args[0].text == "everybody" {
		return People{Everybody: true}, nil
	}
	var out People
	for _, w := range args {
		name, err := p.own(w)
		if err != nil {
			return out, err
		}
		out.Names = append(out.Names, name)
	}
	return out, nil
}

func (p *parser) match(s statement) error {
	const form = "match NAMES[, unknown NAMES]: EXPRESSION"
	args, source, err := p.before(s, ':', form)
	if err != nil {
		return err
	}
	m := Match{Source: source}
	known, unknown := args, []word(nil)
	for i := range args {
		if before, found := strings.CutSuffix(args[i].text, ","); found {
			known, unknown = args[:i+1], args[i+1:]
			known[i].text = before
			break
		}
	}
	if len(known) == 0 {
		return p.fail(place{s[0].number, 1}, form)
	}
	if m.True, err = p.peopleOf(known); err != nil || unknown == nil {
		if err == nil {
			err = p.push(m)
		}
		return err
	}
	if len(unknown) < 2 || unknown[0].text != "unknown" {
		return p.fail(place{s[0].number, 1}, form)
	}
	who, err := p.peopleOf(unknown[1:])
	if err != nil {
		return err
	}
	m.Unknown = &who
	return p.push(m)
}

func (p *parser) reject(s statement) error {
	const form = `error SEGMENT [at LINE:COLUMN] [RULE] ["TEXT"], or error [at LINE:COLUMN] [RULE] ["TEXT"]: EXPRESSION`
	var r Reject
	var args []word
	var err error
	if _, _, standsAlone := cutOutside(s[0].text, ':', endsWord); standsAlone {
		if args, r.Source, err = p.before(s, ':', form); err != nil {
			return err
		}
	} else {
		all, err := p.allWords(s)
		if err != nil {
			return err
		}
		if len(all) < 2 {
			return p.fail(all[0].place(), "%s", form)
		}
		if r.Segment, err = p.definedSegment(all[1]); err != nil {
			return err
		}
		args = all[2:]
	}
	if err := p.rejectDetails(&r, args, form); err != nil {
		return err
	}
	return p.push(r)
}

func (p *parser) rejectDetails(r *Reject, args []word, form string) error {
	if len(args) > 1 && args[0].text == "at" {
		line, col, _ := strings.Cut(args[1].text, ":")
		var err1, err2 error
		r.Line, err1 = strconv.Atoi(line)
		r.Column, err2 = strconv.Atoi(col)
		if err1 != nil || err2 != nil || r.Line < 1 || r.Column < 1 {
			return p.fail(args[1].place(), "LINE:COLUMN, both from 1")
		}
		args = args[2:]
	}
	if len(args) > 0 && strings.Trim(args[0].text, letters) == "" {
		r.Rule = args[0].text
		args = args[1:]
	}
	if len(args) > 0 && strings.HasPrefix(args[0].text, `"`) {
		text, ok := unquote(args[0].text)
		if !ok {
			return p.fail(args[0].place(), `"text in quotes"`)
		}
		r.Says = text
		args = args[1:]
	}
	if len(args) > 0 {
		return p.fail(args[0].place(), "%s", form)
	}
	return nil
}
