package segment

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

// Options configures a [Language]. The zero Options is UTC, the default
// limits and no functions beside the language's own.
type Options struct {
	Zone      *time.Location // the audience's zone; nil is UTC
	Limits    Limits
	Functions []Function
}

// Function is a function of the host that expressions can call by its name.
//
// Call must be pure: the same arguments give the same result, whenever and
// however often it is called, from several goroutines at once. It gets the
// arguments in order, each of its declared type and never absent: when an
// argument is unknown the result is unknown and Call does not run. An error
// from Call, or an absent result, makes the result unknown; a panic or a
// result of another type is an error of the evaluation. Call must not use an
// engine: that may be waiting for it.
type Function struct {
	Name   string          // [a-z][A-Za-z0-9_]*, no word of the language
	Args   []audience.Type // at most 8; a date arrives as a timestamp, its first instant
	Result audience.Type   // of what Call returns
	Call   func(args []audience.Value) (audience.Value, error)
}

// Language compiles expressions against the schema of one audience. It is
// immutable and safe for concurrent use. When the schema changes make a new
// one.
type Language struct {
	schema audience.Schema // completed
	zone   *time.Location  // never nil
	env    *celenv.Env
}

// NewLanguage makes the language of a schema, which is completed with the
// built-in event types first. Fields and properties are read by the store's
// stable numbers. A schema without them, as it is declared, is good for
// compiling alone, where there is no store: evaluating what reads a field or a
// property without a number is [audience.ErrInvalid]. With a store use
// [LanguageOf]. The error is an [audience.FieldError] about the schema or a
// function.
func NewLanguage(schema audience.Schema, opts Options) (*Language, error) {
	schema = schema.Complete()
	if err := schema.Check(audience.Limits{}); err != nil {
		return nil, err
	}
	zone := opts.Zone
	if zone == nil {
		zone = time.UTC
	}
	functions := make([]celenv.Function, len(opts.Functions))
	for i, f := range opts.Functions {
		functions[i] = celenv.Function(f)
	}
	env, err := celenv.New(schema, celenv.Options{Zone: zone, Limits: celenv.Limits(opts.Limits.withDefaults()), Functions: functions})
	if err != nil {
		return nil, err
	}
	return &Language{schema: schema, zone: zone, env: env}, nil
}

// Compile parses and checks an expression that stands alone: inSegment is an
// error in it, because only a set knows other segments. The error is a
// [*CompileError], the first one; its More holds further ones.
func (l *Language) Compile(source string) (*Expression, error) { return l.compile(source, nil) }

// compile is [Language.Compile] within a set. For the author of sets:
//
//   - segments are the names that inSegment may name, ascending, the compiled
//     expression's own among them: cycles are for the set to refuse. nil means no set. The
//     slice is kept and must not change.
//   - The error, if any, is a *CompileError without Segment and File: the set
//     fills them in, also in More.
//   - [Expression.segments] tells which ones the expression names.
func (l *Language) compile(source string, segments []string) (*Expression, error) {
	if l == nil || l.env == nil {
		return nil, &CompileError{Line: 1, Column: 1, Rule: "language", Message: "the language was not made by NewLanguage"}
	}
	program, errs := l.env.Compile(source, segments)
	if len(errs) > 0 {
		return nil, compileError(errs)
	}
	return &Expression{language: l, source: source, names: segments, program: program, parts: program.Parts()}, nil
}
