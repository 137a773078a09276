package exporter

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Gate decides who may leave, and what of them. Every export passes one, which
// the caller names: [Everything], [OnlyMailable] and [Purpose] are here, and
// [Redact] makes another one stricter.
type Gate interface {
	// Judge calls release for those of the people who may leave, by index. Who
	// is not released stays: a gate that does nothing lets nobody out. The
	// columns named with release leave empty; to call it again for the same
	// person adds to them. An error ends the export.
	//
	// The people are read from r; at is Options.At or the clock's instant,
	// whichever is later: a refusal counts, whatever instant an export is about.
	// They hold their ledger, static lists and suppressions, or what a
	// [PartsGate] asks for. Judge is called for batches of people, one after the
	// other, and first once for nobody, before anything is written. release is for
	// one goroutine at a time; once Judge has returned it does nothing.
	Judge(ctx context.Context, r *store.Reader, at time.Time, people []audience.Profile, release func(i int, without ...string)) error
}

// PartsGate is a [Gate] that says what it has to know of people, where that is
// less than their ledger, lists and suppressions, or more: events.
type PartsGate interface {
	Gate
	Parts() audience.ProfileParts
}

// partsOf gives what a gate has to know.
func partsOf(g Gate) audience.ProfileParts {
	if p, ok := g.(PartsGate); ok {
		return p.Parts()
	}
	return audience.ProfileParts{Ledger: true, Lists: true, Suppressed: true}
}

// Everything lets everybody out, whole, also those who refused and those who
// are suppressed. The caller says why: in a few words, for the log, without
// personal data. Without a reason it is [audience.ErrDenied].
func Everything(why string) Gate { return everything{why: strings.TrimSpace(why)} }

type everything struct{ why string }

func (g everything) String() string { return "everything: " + g.why }

func (g everything) Parts() audience.ProfileParts { return audience.ProfileParts{} }

func (g everything) Judge(_ context.Context, _ *store.Reader, _ time.Time, people []audience.Profile, release func(int, ...string)) error {
	if g.why == "" {
		return &audience.DeniedError{Rule: "reason", Hint: "a reason to export everything"}
	}
	for i := range people {
		release(i)
	}
	return nil
}

// OnlyMailable lets out whom marketing e-mail may go to: those who are
// subscribed, not suppressed and have an address.
func OnlyMailable() Gate { return onlyMailable{} }

type onlyMailable struct{}

func (onlyMailable) String() string { return "only mailable" }

func (onlyMailable) Parts() audience.ProfileParts {
	return audience.ProfileParts{Ledger: true, Suppressed: true}
}

func (onlyMailable) Judge(_ context.Context, _ *store.Reader, at time.Time, people []audience.Profile, release func(int, ...string)) error {
	for i := range people {
		if people[i].Mailable(at) {
			release(i)
		}
	}
	return nil
}

// Purpose lets out whose consent to the purpose stands, for e-mail, and who are
// not suppressed. A purpose that the audience has not declared is
// [audience.ErrNotFound].
func Purpose(name string) Gate { return purpose{name: name} }

type purpose struct{ name string }

func (g purpose) String() string { return "purpose " + g.name }

func (g purpose) Parts() audience.ProfileParts {
	return audience.ProfileParts{Ledger: true, Suppressed: true}
}

func (g purpose) Judge(_ context.Context, r *store.Reader, at time.Time, people []audience.Profile, release func(int, ...string)) error {
	if schema := r.Schema(); !schema.HasPurpose(g.name) {
		return &audience.NotFoundError{Kind: "purpose", Name: g.name}
	}
	for i := range people {
		p := &people[i]
		known := p.Parts.Ledger && p.Parts.Suppressed // another gate around this one may have asked for less
		if known && !p.IsSuppressed(at) && p.Consent(g.name, at).Status == audience.StatusSubscribed {
			release(i)
		}
	}
	return nil
}

// verdict is what a gate said of one person.
type verdict struct {
	released bool
	without  []int // columns
}

// hearing collects what a gate says of a batch.
type hearing struct {
	verdicts []verdict
	columns  map[string][]int // where the columns stand that a gate named; none where they are not exported
	find     func(name string) ([]int, error)
	err      error // the first mistake of the gate
}

func (h *hearing) begin(people int) {
	h.verdicts = slices.Grow(h.verdicts[:0], people)[:people]
	for i := range h.verdicts {
		h.verdicts[i] = verdict{without: h.verdicts[i].without[:0]}
	}
}

// release gives what a gate calls for those of the batch that has begun. It
// does nothing when that is over, lest it lets somebody of the next one out.
func (h *hearing) release() (release func(i int, without ...string), over func()) {
	open := true
	return func(i int, without ...string) {
		if open {
			h.let(i, without)
		}
	}, func() { open = false }
}

func (h *hearing) let(i int, without []string) {
	if i < 0 || i >= len(h.verdicts) {
		h.mistake(&audience.FieldError{Path: "gate", Rule: "range", Hint: "the index of one of the people who are judged"})
		return
	}
	v := &h.verdicts[i]
	v.released = true
	for _, name := range without {
		columns, known := h.columns[name]
		if !known {
			var err error
			if columns, err = h.find(name); err != nil {
				h.mistake(err)
				return
			}
			h.columns[name] = columns
		}
		v.without = append(v.without, columns...)
	}
}

func (h *hearing) mistake(err error) {
	if h.err == nil {
		h.err = err
	}
}
