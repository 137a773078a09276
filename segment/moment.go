package segment

import (
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

// Moment evaluates an [Expression] at one instant. It is immutable and safe
// for concurrent use.
type Moment struct {
	expression *Expression
	moment     *celenv.Moment
}

// Now gives the instant of evaluation.
func (m *Moment) Now() time.Time { return m.moment.Now() }

// Match reports whether the contact is a member: the expression is true. When
// there is an error the answer is false and means nothing. The error
//
//   - is [audience.ErrInvalid] when the profile was read without one of the
//     expression's Parts, and when the expression reads a field or a property
//     that has no number in the schema of its [Language];
//   - is [audience.ErrLimit] when evaluating costs more steps or makes more
//     text than [Limits] allows;
//   - is [audience.ErrUnsupported] when the expression asks for other segments
//     and so belongs to a set;
//   - or says that a function of the host panicked.
func (m *Moment) Match(p *audience.Profile) (bool, error) {
	t, err := m.Truth(p)
	return t == True, err
}

// Truth gives the outcome, which tells false from unknown. Errors are those
// of [Moment.Match].
func (m *Moment) Truth(p *audience.Profile) (Truth, error) {
	if len(m.expression.program.Segments()) > 0 {
		return Unknown, errNeedsSet
	}
	return m.truth(p, nil)
}

var (
	errNeedsSet  = fmt.Errorf("segment: the expression names other segments: evaluate its set: %w", audience.ErrUnsupported)
	errNoProfile = fmt.Errorf("segment: no profile: %w", audience.ErrInvalid)
	errParts     = fmt.Errorf("segment: the profile was read without parts that the expression needs: ask for its Parts: %w", audience.ErrInvalid)
)

// check refuses what would answer for something that nobody looked at: parts
// that were not read, and values that cannot be found without a number.
func (m *Moment) check(p *audience.Profile) error {
	switch {
	case p == nil:
		return errNoProfile
	case m.expression.program.Unnumbered() != "":
		return fmt.Errorf("segment: %s has no number of a store: make the language with LanguageOf: %w",
			m.expression.program.Unnumbered(), audience.ErrInvalid)
	case !p.Parts.Covers(m.expression.parts):
		return errParts
	}
	return nil
}

// truth is [Moment.Truth] within a set. For the author of sets: members says
// for each of the names given to [Language.compile] whether the contact is a
// member; only those of [Expression.segments] are read, and during the call
// only.
func (m *Moment) truth(p *audience.Profile, members []bool) (Truth, error) {
	if err := m.check(p); err != nil {
		return Unknown, err
	}
	t, err := m.moment.Truth(profileRow{p}, members)
	return Truth(t), err
}
