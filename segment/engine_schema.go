package segment

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// CheckSchema says which live segments would have to be written anew to be
// applied after a schema is declared, and a zone chosen, nil for the one there
// is. It declares nothing.
//
// Renaming a field or a property harms no live segment: segments go on under
// the names that they were applied with, in this engine, in others and after a
// restart, as [Version.Schema] tells. Only their text does not compile in the
// new names. So the order of a rename is: CheckSchema; declare the schema;
// [Engine.Apply] the segments that it named, in the new names, which moves
// nobody.
//
// Errors: a [*SetError] that names the segments; those of
// [store.Audience.SchemaWith] for a schema that cannot be declared at all.
func (e *Engine) CheckSchema(schema audience.Schema, zone *time.Location) error {
	if err := e.opened(); err != nil {
		return err
	}
	next, err := e.aud.SchemaWith(schema)
	if err != nil {
		return err
	}
	if zone == nil {
		zone = e.aud.Zone()
	}
	_, err = e.compileIn(next, zone, e.Definitions())
	return err
}
