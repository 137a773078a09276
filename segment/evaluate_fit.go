package segment

import (
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// fits reports why expressions of the language must not read an audience, or
// nil. They read fields and properties by their stable numbers and calendars
// in a zone: with those of another audience the answers would look right and
// be wrong. A schema that has grown since fits.
func (l *Language) fits(schema audience.Schema, zone *time.Location) error {
	if l == nil { // of the zero Set, which reads nothing
		return nil
	}
	if l.zone.String() != zone.String() {
		return &audience.ConflictError{
			Kind: "zone", Hint: fmt.Sprintf("the set was compiled for the zone %s and the audience's is %s: give Options.Zone", l.zone, zone),
		}
	}
	if at, same := sameOffsets(l.zone, zone); !same {
		return &audience.ConflictError{
			Kind: "zone", Hint: fmt.Sprintf("the set was compiled for a zone called %s that differs from the audience's, such as at %s: give Options.Zone",
				l.zone, at.Format(time.RFC3339)),
		}
	}
	for _, f := range l.schema.Fields {
		if stored, ok := schema.FieldNamed(f.Name); !ok || stored.ID != f.ID || stored.Type != f.Type {
			return misfit("field", f.Name)
		}
	}
	for _, e := range l.schema.Events {
		stored, ok := schema.EventNamed(e.Name)
		if !ok {
			return misfit("event type", e.Name)
		}
		for _, p := range e.Props {
			if have, ok := stored.PropNamed(p.Name); !ok || have.ID != p.ID || have.Type != p.Type {
				return misfit("property", e.Name+"."+p.Name)
			}
		}
	}
	for _, p := range l.schema.Purposes {
		if !schema.HasPurpose(p.Name) {
			return misfit("purpose", p.Name)
		}
	}
	for _, list := range l.schema.Lists {
		if stored, ok := schema.ListNamed(list.Name); !ok || stored.Kind != list.Kind || stored.Purpose != list.Purpose {
			return misfit("list", list.Name)
		}
	}
	return nil
}

// sameOffsets reports whether the clocks of two zones agree in 1900 to 2100,
// as far as every fortnight tells, and if not, when they do not: anything can
// have the name of a zone.
func sameOffsets(a, b *time.Location) (time.Time, bool) {
	if a == b {
		return time.Time{}, true
	}
	const fortnight = 14 * 24 * time.Hour
	for t := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC); t.Year() <= 2100; t = t.Add(fortnight) {
		_, x := t.In(a).Zone()
		_, y := t.In(b).Zone()
		if x != y {
			return t, false
		}
	}
	return time.Time{}, true
}

func misfit(kind, name string) error {
	return &audience.ConflictError{
		Kind: "schema", Hint: fmt.Sprintf("%s %q is not the audience's: compile the set with the schema of the store's handle", kind, name),
	}
}
