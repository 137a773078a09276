package store

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
)

// Declare adds fields, event types, properties, purposes and lists to the
// schema, as [Open] does; what is there already stays. Importers fix the types
// of whole columns with it before the first row comes.
//
// Errors: [audience.ErrInvalid] for a bad schema, also for one that would
// exceed the limits; [audience.ErrConflict] for another type of something that
// exists.
func (tx *Tx) Declare(_ context.Context, schema audience.Schema) error {
	if err := schema.Check(tx.audience.limits); err != nil {
		return err
	}
	next, changed, err := mergeSchema(tx.settings.Schema, schema)
	if err != nil || !changed {
		return err
	}
	if err := next.Check(tx.audience.limits); err != nil {
		return err
	}
	tx.change().Schema = next
	return nil
}

// SchemaWith gives what the schema will be once another one is declared, with
// [Open] or [Tx.Declare], for checks beforehand. It changes nothing. What is
// new has the numbers that it would get if it were declared now.
//
// Errors are those of [Tx.Declare].
func (a *Audience) SchemaWith(schema audience.Schema) (audience.Schema, error) {
	if err := schema.Check(a.limits); err != nil {
		return audience.Schema{}, err
	}
	next, _, err := mergeSchema(a.settings.Load().Schema, schema)
	if err != nil {
		return audience.Schema{}, err
	}
	return next, next.Check(a.limits)
}
