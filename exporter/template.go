package exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/audiencekit/audiencekit/audience"
)

// TemplateLimits bound what a template may do. A zero member means its default.
type TemplateLimits struct {
	Bytes    int64 // that are written in all; default 1 GiB
	RowBytes int   // that are written for one contact, and the longest text in between; default 1 MiB
	Steps    int   // for one contact; default 10,000. A template that is entered and a round of a loop are one each, and one more for every 64 bytes of actions in them
}

func (l TemplateLimits) withDefaults() TemplateLimits {
	if l.Bytes <= 0 {
		l.Bytes = 1 << 30
	}
	if l.RowBytes <= 0 {
		l.RowBytes = 1 << 20
	}
	if l.Steps <= 0 {
		l.Steps = 10_000
	}
	return l
}

// maxTemplate is how long the text of a template may be.
const maxTemplate = 64 << 10

// Template encodes contacts by a template, as text/template has it, which is
// executed for each: the dot is a map of the columns, so that {{.email}} is the
// address and {{index . "external:crm"}} an id; their names are those of
// [Options] (a custom field lists is "field:lists"). Texts, instants (RFC 3339) and
// dates are strings, ints int64, doubles float64, lists []string; what is absent
// is the empty string or list, and a name that is no column an error. Templates
// named header and footer, if the text defines them, come before and behind;
// their dot has the names of the columns, {{.columns}}, and in the footer how
// many contacts there were, {{.contacts}}.
//
// The text may be a stranger's: it sees the exported columns and nothing else,
// reaches no methods, and what it takes is bounded by the limits and by ctx,
// which is looked at in every loop. Beyond the limits it is [audience.ErrLimit].
// The functions are those of text/template and
//
//	json v           v as JSON
//	csv v            v as a cell of CSV, in quotes; nothing is guarded
//	join list sep    the items of a list with sep between them
//	lower s, upper s
//
// Nothing is escaped by itself. Errors say where in the template, never what
// the contact is.
func Template(ctx context.Context, w io.Writer, text string, limits TemplateLimits) (Encoder, error) {
	if len(text) > maxTemplate {
		return nil, &audience.FieldError{Path: "template", Rule: "max-length", Hint: fmt.Sprintf("at most %d bytes", maxTemplate), Limit: true}
	}
	e := &templateEncoder{ctx: ctx, limits: limits.withDefaults(), data: make(map[string]any)}
	e.out = &boundedWriter{out: output{w: w}, left: e.limits.Bytes, row: int64(e.limits.RowBytes)}
	t, err := template.New(templateRow).Option("missingkey=error").Funcs(e.functions()).Parse(text)
	if err != nil {
		return nil, templateError(err)
	}
	e.template = t
	e.watch()
	return e, nil
}

// templateRow is the name of the main template, in places that errors name.
const templateRow = "row"

type templateEncoder struct {
	ctx      context.Context // templates call functions that must see it
	template *template.Template
	limits   TemplateLimits
	out      *boundedWriter
	columns  []Column
	names    []string
	data     map[string]any
	steps    int // of the contact
	made     int // bytes of text that functions made for her
	contacts int
}

func (e *templateEncoder) Begin(columns []Column) error {
	e.columns = columns
	for _, c := range columns {
		e.names = append(e.names, c.option())
	}
	return e.part("header", map[string]any{"columns": e.names})
}

func (e *templateEncoder) Encode(row []audience.Value) error {
	for i, v := range row {
		e.data[e.names[i]] = templateValue(e.columns[i].Type, v)
	}
	e.contacts++
	if err := e.part(templateRow, e.data); err != nil {
		return fmt.Errorf("row %d: %w", e.contacts, err)
	}
	return nil
}

func (e *templateEncoder) End() (Loss, error) {
	if err := e.part("footer", map[string]any{"columns": e.names, "contacts": e.contacts}); err != nil {
		return Loss{}, err
	}
	return Loss{}, e.out.out.flush()
}

// part executes a template, if it is defined.
func (e *templateEncoder) part(name string, dot map[string]any) error {
	t := e.template.Lookup(name)
	if t == nil || t.Tree == nil {
		return nil
	}
	e.steps, e.made, e.out.row = 0, 0, int64(e.limits.RowBytes)
	if err := t.Execute(e.out, dot); err != nil {
		return templateError(err)
	}
	return e.out.out.spill()
}

// templateValue is a value as templates see it: of types without methods.
func templateValue(t audience.Type, v audience.Value) any {
	switch v.Type() {
	case audience.TypeInt:
		n, _ := v.Int()
		return n
	case audience.TypeDouble:
		f, _ := v.Double()
		return f
	case audience.TypeBool:
		b, _ := v.Bool()
		return b
	case audience.TypeStringList:
		items, _ := v.StringList()
		return items
	default:
		if t == audience.TypeStringList {
			return []string{}
		}
		return v.Reveal()
	}
}

// watch puts a step into every loop and every template, so that none of them
// runs on: what a template does between two steps has been counted.
func (e *templateEncoder) watch() {
	templates := e.template.Templates()
	e.template.Funcs(template.FuncMap{stepFunction: e.step}) // after the text was parsed, which cannot call it
	for _, t := range templates {
		if t.Tree != nil && t.Root != nil {
			prepend(t.Root, watchNodes(t.Root))
		}
	}
}

const (
	stepFunction = "step"
	stepBytes    = 64 // of pipelines are one step: a few functions
)

// watchNodes puts steps into the loops of a list and gives how long its
// pipelines are, those within loops among them.
func watchNodes(list *parse.ListNode) int {
	if list == nil {
		return 0
	}
	size := 0
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.RangeNode:
			body := watchNodes(n.List)
			size += len(n.Pipe.String()) + body + watchNodes(n.ElseList)
			prepend(n.List, body)
		case *parse.IfNode:
			size += len(n.Pipe.String()) + watchNodes(n.List) + watchNodes(n.ElseList)
		case *parse.WithNode:
			size += len(n.Pipe.String()) + watchNodes(n.List) + watchNodes(n.ElseList)
		case *parse.ActionNode:
			size += len(n.Pipe.String())
		case *parse.TemplateNode:
			size += len(n.String())
		}
	}
	return size
}

// prepend puts the steps of pipelines of that size before a list.
func prepend(list *parse.ListNode, size int) {
	text := fmt.Sprintf("{{%s %d}}", stepFunction, 1+size/stepBytes)
	names := template.FuncMap{stepFunction: func(int) string { return "" }}
	step := template.Must(template.New(stepFunction).Funcs(names).Parse(text))
	list.Nodes = append(step.Root.Nodes, list.Nodes...)
}

func (e *templateEncoder) step(n int) (string, error) {
	if err := e.ctx.Err(); err != nil {
		return "", err
	}
	if e.steps += n; e.steps > e.limits.Steps {
		return "", &audience.FieldError{Path: "template", Rule: "steps", Hint: fmt.Sprintf("at most %d rounds of loops and templates for one contact, fewer of long ones", e.limits.Steps), Limit: true}
	}
	return "", nil
}

// boundedWriter takes as much as the limits allow.
type boundedWriter struct {
	out  output
	left int64 // of all
	row  int64 // of the contact
}

func (w *boundedWriter) Write(p []byte) (int, error) {
	n := int64(len(p))
	if n > w.left || n > w.row {
		return 0, tooMuch()
	}
	w.left -= n
	w.row -= n
	w.out.b = append(w.out.b, p...)
	return len(p), nil
}

func tooMuch() error {
	return &audience.FieldError{Path: "template", Rule: "max-length", Hint: "less text for a contact, or for all of them", Limit: true}
}

// templateError gives what may be said of an error of text/template, which
// shows values: where it is, and our own errors.
func templateError(err error) error {
	if limit, ok := errors.AsType[*audience.FieldError](err); ok {
		return limit
	}
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return ended
		}
	}
	// template: row:3:14: executing "row" at <...>: ..., or template: row:3: ...
	var place []string
	for _, part := range strings.SplitN(err.Error(), ":", 5) {
		part = strings.TrimSpace(part)
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'z') }) {
			break
		}
		place = append(place, part)
	}
	hint := "text that text/template can execute for every contact, with columns of the export only"
	if _, executing := errors.AsType[template.ExecError](err); !executing {
		hint = "text that text/template can parse, with functions that there are"
	}
	return &audience.FieldError{Path: strings.Join(place, ":"), Rule: "template", Hint: hint}
}
