package celenv

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"cel.dev/cel-go/common/containers"
	"cel.dev/cel-go/common/stdlib"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"
	"cel.dev/cel-go/parser"

	"github.com/audiencekit/audiencekit/audience"
)

// Limits bounds expressions; package segment documents its members. All of
// them are positive.
type Limits struct {
	SourceBytes int
	Depth       int
	Nodes       int
	ListItems   int
	Streams     int
	RegexBytes  int
	Steps       int
	TextBytes   int
}

// Function is a pure function of the host.
type Function struct {
	Name   string
	Args   []audience.Type
	Result audience.Type
	Call   func(args []audience.Value) (audience.Value, error)
}

// Options configures an [Env].
type Options struct {
	Zone      *time.Location
	Limits    Limits
	Functions []Function
}

// Env holds what all expressions of one audience share. It is immutable and
// safe for concurrent use.
type Env struct {
	schema    audience.Schema
	zone      *time.Location
	calendar  audience.Calendar
	limits    Limits
	functions map[string]Function
	parser    *parser.Parser
	planner   interpreter.Interpreter
	states    sync.Pool
}

// New makes the environment of a completed schema.
func New(schema audience.Schema, opts Options) (*Env, error) {
	e := &Env{
		schema: schema.Clone(), zone: opts.Zone, calendar: audience.NewCalendar(opts.Zone),
		limits: opts.Limits, functions: make(map[string]Function, len(opts.Functions)),
	}
	if e.zone == nil {
		e.zone = time.UTC
	}
	for _, f := range opts.Functions {
		if err := e.addFunction(f); err != nil {
			return nil, err
		}
	}
	var err error
	// Macros are expanded by the checker, which then knows where everything was written. Chains of && and || stay flat.
	e.parser, err = parser.NewParser(
		parser.EnablePrattParser(true),
		parser.EnableOptionalSyntax(true),
		parser.EnableVariadicOperatorASTs(true),
		parser.EnableIdentEscapeSyntax(false),
		parser.MaxRecursionDepth(opts.Limits.Depth),
		parser.ErrorRecoveryLimit(maxErrors),
		parser.ExpressionSizeCodePointLimit(-1), // counted in bytes before
	)
	if err != nil {
		return nil, fmt.Errorf("parser: %w", err)
	}
	e.planner, err = newPlanner()
	return e, err
}

// newPlanner makes the part of cel-go that turns a syntax tree into something
// that can be evaluated.
func newPlanner() (interpreter.Interpreter, error) {
	dispatcher := interpreter.NewDispatcher()
	for _, f := range stdlib.Functions() {
		bindings, err := f.Bindings()
		if err != nil {
			return nil, fmt.Errorf("functions of the language: %w", err)
		}
		if err := dispatcher.Add(bindings...); err != nil {
			return nil, fmt.Errorf("functions of the language: %w", err)
		}
	}
	registry := types.NewEmptyRegistry()
	attributes := interpreter.NewAttributeFactory(containers.DefaultContainer, registry, registry)
	return interpreter.NewInterpreter(dispatcher, containers.DefaultContainer, registry, registry, attributes), nil
}

const maxFunctionArgs = 8

func (e *Env) addFunction(f Function) error {
	fail := func(rule, hint string) error {
		return &audience.FieldError{Path: "functions." + f.Name, Rule: rule, Hint: hint}
	}
	if !isFunctionName(f.Name) {
		return &audience.FieldError{Path: "functions", Rule: "name", Hint: "a name like isWeekend: [a-z][A-Za-z0-9_]*"}
	}
	if _, ok := e.functions[f.Name]; ok {
		return fail("double", "give a function once")
	}
	if slices.Contains(languageWords(), f.Name) {
		return fail("reserved", "a name that is no word of the language")
	}
	if len(f.Args) > maxFunctionArgs {
		return fail("max-items", fmt.Sprintf("at most %d arguments", maxFunctionArgs))
	}
	for _, t := range append([]audience.Type{f.Result}, f.Args...) {
		if typeOf(t).kind == invalid {
			return fail("type", "a type for the result and each argument")
		}
	}
	if f.Call == nil {
		return fail("empty", "what to call")
	}
	f.Args = slices.Clone(f.Args)
	e.functions[f.Name] = f
	return nil
}

func isFunctionName(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z':
		case i > 0 && (c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'):
		default:
			return false
		}
	}
	return name != ""
}

// languageWords gives the names that mean something in the language, and
// those that CEL keeps.
func languageWords() []string {
	return slices.Concat(globalNames(), memberNames(), []string{
		"contact", "now", "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if",
		"import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
		"bool", "bytes", "dyn", "list", "map", "type", "uint", "optional",
	})
}
