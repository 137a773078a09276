package segmenttest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// Parse reads a script; file is its name in errors. The error is a [*ParseError], the first one. A script may have 1 MiB,
// 10,000 statements, 1,000 contacts and 100 merges. The definitions are segments of the script beside those it defines.
func Parse(file, text string, defs ...segment.Definition) (*Script, error) {
	p := &parser{file: file, zone: time.UTC, now: defaultStart(), cast: newCast(), segments: make(map[string]bool)}
	for _, d := range defs {
		p.segments[d.Name] = true
	}
	statements, err := split(file, text)
	if err != nil {
		return nil, err
	}
	for _, s := range statements {
		if err := p.statement(s); err != nil {
			return nil, err
		}
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return &Script{File: file, Zone: p.zone, Start: p.start, Schema: p.declared, Given: slices.Clone(defs), Steps: p.steps}, nil
}

// defaultStart is what the clock shows at first when nothing else is said.
func defaultStart() time.Time { return time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) }

// parser holds what is known at a line of a script.
type parser struct {
	file     string
	zone     *time.Location
	declared audience.Schema // by the script
	schema   audience.Schema // completed; once the declarations are over
	start    time.Time
	now      time.Time
	begun    bool // the declarations are over
	timed    bool // an instant was read, so the zone is settled
	lenient  bool // within what is to be refused: unknown names and double events are the point
	cast     *cast
	merges   int
	steps    []Step
	segments map[string]bool
	current  Step // being read
}

func (p *parser) fail(at place, format string, args ...any) error {
	return &ParseError{File: p.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)}
}

// begin ends the declarations.
func (p *parser) begin(at place) error {
	if p.begun {
		return nil
	}
	if err := p.declared.Check(audience.Limits{}); err != nil {
		return p.fail(at, "the declarations above: %v", err)
	}
	p.begun, p.start = true, p.now
	p.schema = p.declared.Complete()
	return nil
}

// finish checks what can be checked at the end only.
func (p *parser) finish() error { return p.begin(place{1, 1}) }

// statement reads one statement.
func (p *parser) statement(s statement) error {
	first := s[0]
	verb := first.text[:len(first.text)-len(strings.TrimLeft(first.text, letters))]
	at := place{first.number, 1}
	if declare, ok := declarations()[verb]; ok {
		if p.begun {
			return p.fail(at, "declarations come before everything else")
		}
		args, err := p.allWords(s)
		if err != nil {
			return err
		}
		return declare(p, args[0], args[1:])
	}
	if err := p.begin(at); err != nil {
		return err
	}
	p.current = Step{Line: first.number, Text: first.text}
	if verb == togetherVerb {
		return p.together(s)
	}
	if read, ok := aboutSegments()[verb]; ok {
		return read(p, s)
	}
	return p.command(s)
}

// togetherVerb begins the statement that holds others.
const togetherVerb = "together"

// together reads the statements, one a line, that are one commit.
func (p *parser) together(s statement) error {
	step, at := p.current, place{s[0].number, 1}
	if first, err := words(p.file, s[0]); err != nil || len(first) > 1 {
		return p.fail(at, "together alone, and below it one indented statement a line")
	}
	var all Together
	for _, l := range s[1:] {
		inner, err := words(p.file, l)
		if err != nil {
			return err
		}
		if len(inner) == 0 {
			continue
		}
		read, ok := commands()[inner[0].text]
		if !ok {
			return p.fail(inner[0].place(), "a statement that changes the audience")
		}
		effect, err := read(p, inner[0], inner[1:])
		if err != nil {
			return err
		}
		switch p.current.Do.(type) {
		case Advance, Restart:
			return p.fail(inner[0].place(), "a statement that changes the audience")
		}
		if effect != nil {
			effect()
		}
		all.Do = append(all.Do, p.current.Do)
	}
	if len(all.Do) == 0 {
		return p.fail(at, "together and below it one indented statement a line")
	}
	step.Do = all
	p.steps = append(p.steps, step)
	return nil
}

// letters are what the first word of a statement is made of.
const letters = "abcdefghijklmnopqrstuvwxyz-"

// command reads a statement that changes the audience, or that says that it must be refused.
func (p *parser) command(s statement) error {
	all, err := p.allWords(s)
	if err != nil {
		return err
	}
	if all[0].text == "refused" {
		if len(all) < 3 || !strings.HasSuffix(all[1].text, ":") {
			return p.fail(all[0].place(), "refused CATEGORY: and a statement that changes the audience")
		}
		category, ok := refusals()[strings.TrimSuffix(all[1].text, ":")]
		if !ok {
			return p.fail(all[1].place(), "conflict, denied, invalid, limit or not-found, then a colon")
		}
		p.current.Refused, p.lenient = category, true
		defer func() { p.lenient = false }()
		all = all[2:]
	}
	read, ok := commands()[all[0].text]
	if !ok {
		return p.unknownVerb(all[0])
	}
	effect, err := read(p, all[0], all[1:])
	if err != nil {
		return err
	}
	if p.current.Refused == nil && effect != nil {
		effect()
	}
	p.steps = append(p.steps, p.current)
	return nil
}

func (p *parser) unknownVerb(w word) error {
	known := slices.Concat(keysOf(declarations()), keysOf(aboutSegments()), keysOf(commands()), []string{"refused", togetherVerb})
	slices.Sort(known)
	return p.fail(w.place(), "a statement begins with one of: %s", strings.Join(known, " "))
}

func keysOf[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// refusals are the categories a statement may be refused with.
func refusals() map[string]error {
	return map[string]error{
		"conflict":  audience.ErrConflict,
		"denied":    audience.ErrDenied,
		"invalid":   audience.ErrInvalid,
		"limit":     audience.ErrLimit,
		"not-found": audience.ErrNotFound,
	}
}

// allWords gives the words of a statement, at least one.
func (p *parser) allWords(s statement) ([]word, error) {
	var out []word
	for _, l := range s {
		w, err := words(p.file, l)
		if err != nil {
			return nil, err
		}
		out = append(out, w...)
	}
	return out, nil
}

// pair is a key=value of a statement.
type pair struct {
	key   string
	op    byte // '=', '+' or '-'
	value string
	at    place // of the value
	place       // of the whole
}

// pairs reads key=value words, each key and operator at most once.
func (p *parser) pairs(args []word) ([]pair, error) {
	out := make([]pair, 0, len(args))
	seen := make(map[string]bool)
	for _, w := range args {
		key, value, found := cutOutside(w.text, '=', anyRest)
		if !found {
			return nil, p.fail(w.place(), "key=value")
		}
		x := pair{op: '=', value: value, place: w.place()}
		x.at = place{w.line, w.column + column(w.text, len(key)+1) - 1}
		if n := len(key) - 1; n > 0 && (key[n] == '+' || key[n] == '-') {
			x.op, key = key[n], key[:n]
		}
		var ok bool
		if x.key, ok = unquote(key); !ok || x.key == "" {
			return nil, p.fail(w.place(), `a key in front of the =, such as score or "utm-source"`)
		}
		id := x.key + string(x.op)
		if seen[id] {
			return nil, p.fail(w.place(), "a key stands once in a statement")
		}
		seen[id] = true
		out = append(out, x)
	}
	return out, nil
}

// text reads a value that is a text.
func (p *parser) text(x pair) (string, error) {
	s, ok := unquote(x.value)
	if !ok || s == "" {
		return "", p.fail(x.at, `a word or "text in quotes" for %s`, x.key)
	}
	return s, nil
}

// plain refuses += and -= where they mean nothing.
func (p *parser) plain(x pair) error {
	if x.op != '=' {
		return p.fail(x.place, "%s takes = only", x.key)
	}
	return nil
}

// name reads a word that names something: a list, a segment, an event type.
func (p *parser) name(w word, what string) (string, error) {
	s, ok := unquote(w.text)
	if !ok || s == "" {
		return "", p.fail(w.place(), `%s: a word or "text in quotes"`, what)
	}
	return s, nil
}

// isName reports whether a text can name a contact or a segment: a to z, then also digits, _ and -, at most 64.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, letters+"0123456789_") == ""
}
