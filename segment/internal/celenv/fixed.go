package celenv

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// TruthAt gives the truth of a condition without a form that reads nothing of
// the row: it depends on now alone. It reports false for any other condition,
// and when evaluating it fails.
func (a *Atom) TruthAt(now int64) (Truth, bool) {
	if a.Program == nil || len(a.Reads) > 0 {
		return Unknown, false
	}
	truth, err := a.Program.At(audience.FromMicros(now)).Truth(emptyRow{&audience.Contact{}}, nil)
	return truth, err == nil
}

// emptyRow is the row for what reads nothing of it.
type emptyRow struct{ contact *audience.Contact }

func (r emptyRow) Contact() *audience.Contact                      { return r.contact }
func (emptyRow) Events(string) []audience.Event                    { return nil }
func (emptyRow) Status(time.Time) audience.Standing                { return audience.Standing{} }
func (emptyRow) Consent(string, time.Time) audience.Standing       { return audience.Standing{} }
func (emptyRow) OnList(audience.List, time.Time) audience.Standing { return audience.Standing{} }
func (emptyRow) SuppressedFrom() time.Time                         { return time.Time{} }
