package segment

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

// Instants evaluates an expression for one contact at many instants, in the
// memory of one moment.
type Instants struct {
	expression *Expression
	moment     celenv.Moment
	profile    *audience.Profile
	members    []bool
}

// CompileWithin compiles an expression that may name segments.
func (l *Language) CompileWithin(source string, segments []string) (*Expression, error) {
	return l.compile(source, segments)
}

// Timed reports whether the outcome can change by time alone.
func (e *Expression) Timed() bool { return e.program.Timed() }

// Instants makes one for a contact; members says which of the segments that
// may be named she is in.
func (e *Expression) Instants(p *audience.Profile, members []bool) *Instants {
	return &Instants{expression: e, profile: p, members: members}
}

// Truth gives the outcome at an instant.
func (i *Instants) Truth(us int64) (Truth, error) {
	i.expression.program.AtInto(&i.moment, audience.FromMicros(us))
	t, err := i.moment.Truth(profileRow{i.profile}, i.members)
	return Truth(t), err
}

// TruthUntil gives the outcome at an instant and up to when it stays.
func (i *Instants) TruthUntil(us int64) (Truth, int64, error) {
	i.expression.program.AtInto(&i.moment, audience.FromMicros(us))
	t, until, err := i.moment.TruthUntil(profileRow{i.profile}, i.members)
	return Truth(t), until, err
}

// At gives the outcome at an instant in the ordinary way.
func (i *Instants) At(now time.Time) (Truth, error) {
	t, err := i.expression.program.At(now).Truth(profileRow{i.profile}, i.members)
	return Truth(t), err
}
