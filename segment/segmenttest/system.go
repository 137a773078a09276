package segmenttest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// System is what scripts hold to the language: an evaluator or an engine over one audience. Its calls come one at a
// time.
type System interface {
	// Define makes these definitions the live segments in place of all earlier ones. When some do not compile the error
	// holds a [*segment.SetError] that names each of them; whether the others are live then does not matter, because
	// they are defined once more by themselves.
	Define(ctx context.Context, defs ...segment.Definition) error
	// Members gives the members of a live segment in ascending order, each once, as of everything that was committed and
	// of the instant now, which is what the audience's clock shows.
	Members(ctx context.Context, name string, now time.Time) ([]audience.ContactID, error)
}

// Explainer is what a [System] may be besides: it says why a contact is a member of a live segment or not. Failures
// show it.
type Explainer interface {
	Explain(ctx context.Context, name string, contact audience.ContactID, now time.Time) (string, error)
}

// Restarter is what a [System] may be besides: it can lose what it has in memory and come up as after a restart of its
// process, over the same audience and with the same live segments.
type Restarter interface {
	Restart(ctx context.Context) error
}

// Reference gives the reference evaluator over the contacts of an audience, row by row: the system that says what is
// right, and the one to hold a store to the scripts with. The functions are the host's own in expressions.
func Reference(aud *store.Audience, functions ...segment.Function) System {
	return &reference{aud: aud, functions: functions}
}

type reference struct {
	aud       *store.Audience
	functions []segment.Function
	set       *segment.Set

	// The last evaluation, nil before the first.
	last *segment.Result
	head store.Position
}

func (r *reference) Define(_ context.Context, defs ...segment.Definition) error {
	language, err := segment.LanguageOf(r.aud, segment.Options{Functions: r.functions})
	if err != nil {
		return err
	}
	r.last = nil
	r.set, err = language.CompileSet(defs...)
	return err
}

func (r *reference) Members(ctx context.Context, name string, now time.Time) ([]audience.ContactID, error) {
	if err := r.evaluate(ctx, now); err != nil {
		return nil, err
	}
	members, ok := r.last.Members(name)
	if !ok {
		return nil, noSegment(name)
	}
	return slices.Collect(members.All()), nil
}

// evaluate evaluates the whole set, unless nothing has changed since.
func (r *reference) evaluate(ctx context.Context, now time.Time) error {
	if r.set == nil {
		return noSegment("")
	}
	head, err := r.aud.Head(ctx)
	if err != nil || r.last != nil && r.head == head && r.last.At.Equal(now) {
		return err
	}
	return r.aud.View(ctx, func(reader *store.Reader) error {
		r.last, err = r.set.Evaluate(ctx, reader, now, nil)
		r.head = head
		return err
	})
}

func (r *reference) Explain(ctx context.Context, name string, contact audience.ContactID, now time.Time) (string, error) {
	if r.set == nil {
		return "", noSegment(name)
	}
	profile, err := r.aud.Profile(ctx, audience.ID(contact), r.set.Parts())
	if err != nil {
		return "", err
	}
	atoms, err := r.set.At(now).Explain(name, &profile)
	lines := make([]string, len(atoms))
	for i, atom := range atoms {
		lines[i] = "  " + atom.Reveal()
	}
	return strings.Join(lines, "\n"), err
}

func noSegment(name string) error { return &audience.NotFoundError{Kind: "segment", Name: name} }
