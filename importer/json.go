package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// settingMember names the member of the outermost object that holds the
// records.
const settingMember = "member"

// JSON is the format "json": an array of objects, or an object with such an
// array as a member, in UTF-8. Records become rows as [NDJSON] tells. Of several
// members with arrays of objects the layout asks for one, the setting "member".
//
// A record that is no good object costs itself alone as long as its brackets
// and quotes are in pairs. Where they are not, everything in front of it is good
// and an error with line and byte is the last. Rejects are an array of the
// same kind; above what is no object stands one with the reason alone.
func JSON() Format { return jsonFormat{} }

type jsonFormat struct{}

func (jsonFormat) Name() string { return "json" }

func (f jsonFormat) Detect(ctx context.Context, src Source, limits Limits) (*Layout, error) {
	return f.DetectAs(ctx, src, limits, nil)
}

// DetectAs is Detect when it is known which member holds the records: see
// [Choose].
func (f jsonFormat) DetectAs(ctx context.Context, src Source, limits Limits, settings map[string]string) (*Layout, error) {
	limits = limits.WithDefaults()
	layout := &Layout{Format: f.Name()}
	found, types, err := findArrays(ctx, src, limits)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		layout.Settings = map[string]string{settingMember: found[0]}
	}
	if len(found) > 1 {
		layout.Questions = append(layout.Questions, Question{
			ID: settingMember, Text: "Several members of the file are arrays of objects. Which one holds the contacts?", Options: found, Assumed: found[0],
		})
	}
	if member, ok := settings[settingMember]; ok && slices.Contains(found, member) {
		layout.Settings[settingMember], layout.Questions = member, nil
	}
	r, err := openJSON(ctx, src, layout, limits, true)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	objects, others := 0, 0
	var firstBad error
	err = r.survey(ctx, func(_ record, bad error) error {
		if bad == nil {
			objects++
		} else {
			others++
			firstBad = firstOf(firstBad, bad)
		}
		return nil
	})
	broken, isBroken := errors.AsType[*brokenError](err)
	switch {
	case err != nil && !isBroken:
		return nil, err
	case objects == 0 && (others > 0 || isBroken):
		return nil, unsupported("no array of JSON objects; " + firstOf(firstBad, err).Error())
	case isBroken:
		if err := r.parse.paths.empty(r.parse.paths.root); err != nil {
			return nil, err
		}
		layout.Notes = append(layout.Notes, Note{Code: "broken", Line: broken.line, Text: "The file cannot be read from here on: " + broken.Hint})
	}
	layout.Columns, layout.HeaderLine = ownHeaders(r.names(), types), max(1, r.first)
	return layout, nil
}

func (f jsonFormat) Open(ctx context.Context, src Source, layout *Layout, limits Limits) (Table, error) {
	return openJSON(ctx, src, layout, limits.WithDefaults(), false)
}

func (jsonFormat) Rejects(w io.Writer, layout *Layout, secret []int) (Rejects, error) {
	return newJSONRejects(w, layout, secret, jsonArray)
}

// brokenError ends a file of JSON: it is not known how it goes on.
type brokenError struct {
	audience.FieldError
	line int
}

// Unwrap gives the error of the domain.
func (e *brokenError) Unwrap() error { return &e.FieldError }

func openJSON(ctx context.Context, src Source, layout *Layout, limits Limits, open bool) (*jsonTable, error) {
	w, err := openWindow(ctx, src, limits)
	if err != nil {
		return nil, err
	}
	t := &jsonTable{window: w}
	if t.member = layout.Settings; open {
		layout = nil
	}
	t.jsonRows = newJSONRows(layout, limits, open)
	return t, nil
}

// jsonTable reads the elements of one array.
type jsonTable struct {
	*window
	jsonRows
	member map[string]string // the settings of the layout
	state  jsonState
	wraps  bool // the array is a member of an object
}

type jsonState uint8

const (
	jsonBefore  jsonState = iota // the array
	jsonWithin                   // it, behind its bracket
	jsonBetween                  // its elements
	jsonAfter
)

func (t *jsonTable) Rows(ctx context.Context) iter.Seq2[*Row, error] {
	return rowsOf(ctx, t, t.width, t.limits)
}

func (t *jsonTable) survey(ctx context.Context, each func(record, error) error) error {
	return t.jsonRows.survey(ctx, t.next, each)
}

// next gives the next element of the array.
func (t *jsonTable) next() (record, error) {
	if t.state == jsonBefore {
		if err := t.enter(); err != nil {
			return record{}, err
		}
		t.state = jsonWithin
	}
	if t.state == jsonAfter {
		return record{}, io.EOF
	}
	from := t.offset
	c, err := t.peek()
	switch {
	case err != nil:
		return record{}, err
	case c == ']':
		t.take(1)
		t.state = jsonAfter
		return record{}, t.leave()
	case t.state == jsonBetween && c != ',':
		return record{}, t.broken("a comma or ] behind the record")
	case t.state == jsonBetween:
		t.take(1)
		if _, err := t.peek(); err != nil {
			return record{}, err
		}
	}
	t.state = jsonBetween
	rec := record{line: t.line}
	rec.text, rec.bad, err = t.value(true)
	rec.bytes = t.offset - from
	return rec, err
}

// enter goes to the first element.
func (t *jsonTable) enter() error {
	c, err := t.peek()
	if err != nil {
		return err
	}
	name, wanted := t.member[settingMember]
	if !wanted {
		if c != '[' {
			return t.broken("an array")
		}
		t.take(1)
		return nil
	}
	t.wraps = true
	return t.members(func(member string, first byte) (bool, error) {
		return member == name && first == '[', nil
	}, "an array as the member that the layout names")
}

// leave checks what follows the array.
func (t *jsonTable) leave() error {
	if t.wraps {
		c, err := t.peek()
		switch {
		case err != nil:
			return err
		case c == ',':
			if err := t.members(func(string, byte) (bool, error) { return false, nil }, ""); err != nil {
				return err
			}
		case c == '}':
			t.take(1)
		default:
			return t.broken("a comma or } behind the array")
		}
	}
	if err := t.over(); err != nil {
		return err
	}
	return io.EOF
}

// over checks that nothing follows.
func (t *jsonTable) over() error {
	if _, err := t.peek(); err == nil {
		return t.broken("nothing behind the end of the JSON text")
	}
	return t.failure()
}

// members goes through members of the outermost object, from its brace or a
// comma on, until stop is true for one: then it stands behind the bracket of
// its value. If none is it goes behind the object, which is an error if
// missing says so.
func (t *jsonTable) members(stop func(name string, first byte) (bool, error), missing string) error {
	if c, err := t.peek(); err != nil || c != '{' && c != ',' {
		return firstOf(err, t.broken("an object"))
	}
	for n := 0; ; n++ {
		t.take(1)
		c, err := t.peek()
		if err != nil {
			return err
		}
		if c == '}' && n == 0 {
			break
		}
		name, err := t.memberName(c)
		if err != nil {
			return err
		}
		if c, err = t.peek(); err != nil {
			return err
		}
		if yes, err := stop(name, c); err != nil || yes {
			if yes {
				t.take(1)
			}
			return err
		}
		if _, _, err := t.value(false); err != nil {
			return err
		}
		if c, err = t.peek(); err != nil {
			return err
		}
		if c == '}' {
			break
		}
		if c != ',' {
			return t.broken("a comma or } behind the value")
		}
	}
	t.take(1)
	if missing != "" {
		return t.broken(missing)
	}
	return nil
}

func firstOf(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// memberName reads a name and the colon behind it.
func (t *jsonTable) memberName(first byte) (string, error) {
	if first != '"' {
		return "", t.broken("a name in double quotes")
	}
	text, tooLong, err := t.value(true)
	if err != nil {
		return "", err
	}
	if tooLong != nil || len(text) > maxNameBytes {
		return "", t.broken(fmt.Sprintf("a name of at most %d bytes", maxNameBytes))
	}
	name, ok := unescapeJSON(nil, text[1:len(text)-1])
	if !ok {
		return "", t.broken(escapeHint)
	}
	c, err := t.peek()
	if err == nil && c != ':' {
		err = t.broken("a colon behind the name")
	}
	if err == nil {
		t.take(1)
	}
	return string(name), err
}

// peek gives the next byte that is no space.
func (t *jsonTable) peek() (byte, error) {
	for {
		for i, c := range t.bytes() {
			if !isJSONSpace(c) {
				t.take(i)
				return c, nil
			}
		}
		t.take(len(t.bytes()))
		if !t.fill() {
			return 0, firstOf(t.failure(), t.broken("more: the file ends too early"))
		}
	}
}

// value takes the value that comes next. Its text is given if it is wanted,
// until more is read; bad: it is too long, and passed over.
func (t *jsonTable) value(keep bool) (text []byte, bad, err error) {
	var s jsonSpan
	for seen := 0; ; {
		n, done, hint := s.feed(t.bytes()[seen:])
		seen += n
		if hint != "" {
			t.take(seen)
			return nil, nil, t.broken(hint)
		}
		if keep && seen > t.limits.RecordBytes {
			keep, bad = false, tooLong(t.limits)
		}
		if done {
			text = t.bytes()[:seen]
			t.take(seen)
			if !keep {
				text = nil
			}
			return text, bad, nil
		}
		if !keep {
			t.take(seen)
			seen = 0
		}
		if !t.fill() {
			if err := t.failure(); err != nil || s.ended() {
				text = t.bytes()[:seen]
				t.take(seen)
				return text, bad, err
			}
			t.take(seen)
			return nil, nil, t.broken("more: the file ends within a value")
		}
	}
}

// broken says that it cannot be known how the file goes on.
func (t *jsonTable) broken(hint string) error {
	return &brokenError{line: t.line, FieldError: audience.FieldError{Path: "file", Rule: "json", Hint: hint + ", at " + t.place()}}
}

// findArrays names the members of the outermost object that hold arrays of
// objects, the most likely first; none for an array. Of our own exports it gives
// the types of custom fields.
func findArrays(ctx context.Context, src Source, limits Limits) (found []string, types map[string]string, err error) {
	t, err := openJSON(ctx, src, &Layout{}, limits, true)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = t.Close() }() // it was only read
	c, err := t.peek()
	switch {
	case t.failure() != nil:
		return nil, nil, t.failure()
	case err != nil, c != '{' && c != '[':
		return nil, nil, unsupported("no JSON object or array at the beginning")
	case c == '[':
		return nil, nil, nil
	}
	own := false
	err = t.members(func(name string, first byte) (bool, error) {
		const most = 100
		own = own || name == "audiencekit"
		if first == '[' && len(found) < most && !slices.Contains(found, name) && t.holdsObjects() {
			found = append(found, name)
		}
		if own && types == nil && name == "fields" && first == '{' {
			types = t.ahead()
		}
		return false, ctx.Err()
	}, "")
	if _, broken := errors.AsType[*brokenError](err); err != nil && !broken {
		return nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, unsupported("no array of JSON objects")
	}
	if err == nil {
		if _, more := errors.AsType[*brokenError](t.over()); more { // lines of objects, of which the first one holds an array
			return nil, nil, unsupported("several JSON texts in one file")
		}
	}
	slices.SortStableFunc(found, func(a, b string) int { return likelihood(a) - likelihood(b) })
	return found, types, nil
}

// likelihood puts names that records of people have in front of others.
func likelihood(member string) int {
	likely := []string{"contacts", "subscribers", "members", "people", "customers", "users", "data", "items", "results"}
	if i := slices.Index(likely, member); i >= 0 {
		return i
	}
	return len(likely)
}

// holdsObjects reports whether the array that comes next begins with an object.
func (t *jsonTable) holdsObjects() bool {
	for i := 1; ; i++ {
		if i >= len(t.bytes()) && (i > t.limits.RecordBytes || !t.fill()) {
			return false
		}
		if c := t.bytes()[i]; !isJSONSpace(c) {
			return c == '{'
		}
	}
}

// ahead reads the types of our own envelope, which come next, without taking
// them.
func (t *jsonTable) ahead() map[string]string {
	var s jsonSpan
	for seen := 0; ; {
		n, done, hint := s.feed(t.bytes()[seen:])
		if seen += n; done {
			return ownTypes(t.bytes()[:seen])
		}
		if hint != "" || seen > t.limits.RecordBytes || !t.fill() {
			return nil
		}
	}
}
