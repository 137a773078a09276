package importer

import (
	"context"
	"iter"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// ContactsOf reads a table as an import does, for an audience that has the
// fields of the schema and those that the mapping brings.
func ContactsOf(ctx context.Context, table Table, plan *Plan, schema audience.Schema, zone *time.Location) iter.Seq2[*Contact, error] {
	answered := plan.Mapping.answered(plan.Answers)
	brings := answered.brings(schema)
	schema.Fields = append(schema.Clone().Fields, brings.Fields...)
	return contactsOf(ctx, table, plan, newReadEnv(schema, zone, audience.Limits{}), &contactRoom{})
}

// ContactRoom is what an import reads contacts into.
type ContactRoom struct{ contactRoom }

// GiveBack lets a contact be read into again.
func (r *ContactRoom) GiveBack(c *Contact) { r.giveBack(c) }

// ContactsIn is ContactsOf with contacts that were given back.
func ContactsIn(ctx context.Context, table Table, plan *Plan, schema audience.Schema, room *ContactRoom) iter.Seq2[*Contact, error] {
	answered := plan.Mapping.answered(plan.Answers)
	brings := answered.brings(schema)
	schema.Fields = append(schema.Clone().Fields, brings.Fields...)
	return contactsOf(ctx, table, plan, newReadEnv(schema, nil, audience.Limits{}), &room.contactRoom)
}

// Brings gives the fields that a plan's file adds.
func Brings(plan *Plan, schema audience.Schema) audience.Schema {
	answered := plan.Mapping.answered(plan.Answers)
	return answered.brings(schema)
}

// Open gives the questions that a plan leaves open.
func Open(plan *Plan) []Question { return plan.open() }
