package exporter

import (
	"bufio"
	"encoding/json"
	"io"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// NDJSON encodes one JSON object per line, with what is known of
//
//	external_id email first_name last_name phone tags status created_at fields
//
// in this order; what is absent is left out. Fields is an object of the custom
// fields in order of their names: numbers and booleans as such, instants as
// RFC 3339, dates as YYYY-MM-DD, lists as arrays. Nothing is escaped but what
// JSON demands.
func NDJSON(w io.Writer) Encoder {
	buffered := bufio.NewWriter(w)
	e := &ndjson{out: buffered, json: json.NewEncoder(buffered)}
	e.json.SetEscapeHTML(false)
	return e
}

type ndjson struct {
	out    *bufio.Writer
	json   *json.Encoder
	schema audience.Schema
}

// line is a contact in NDJSON. Maps are written in order of their keys.
type line struct {
	ExternalID string         `json:"external_id,omitempty"`
	Email      string         `json:"email,omitempty"`
	FirstName  string         `json:"first_name,omitempty"`
	LastName   string         `json:"last_name,omitempty"`
	Phone      string         `json:"phone,omitempty"`
	Tags       []string       `json:"tags,omitempty"`
	Status     string         `json:"status"`
	CreatedAt  string         `json:"created_at"`
	Fields     map[string]any `json:"fields,omitempty"`
}

func (e *ndjson) Begin(schema audience.Schema) error {
	e.schema = schema
	return nil
}

func (e *ndjson) Encode(batch []Contact) error {
	for i := range batch {
		c := &batch[i]
		email := c.Email()
		l := line{
			ExternalID: c.Key(), Email: email.Reveal(),
			FirstName: c.FirstName.Reveal(), LastName: c.LastName.Reveal(), Phone: c.Phone.Reveal(),
			Tags: c.TagNames(), Status: c.Status.String(), CreatedAt: c.CreatedAt.UTC().Format(time.RFC3339Nano),
		}
		for _, f := range c.Fields {
			field, ok := e.schema.FieldByID(f.ID)
			if !ok {
				continue
			}
			if l.Fields == nil {
				l.Fields = make(map[string]any, len(c.Fields))
			}
			l.Fields[field.Name] = jsonValue(f.Value)
		}
		if err := e.json.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

func (e *ndjson) End() error { return e.out.Flush() }

func jsonValue(v audience.Value) any {
	switch v.Type() {
	case audience.TypeInt:
		n, _ := v.Int()
		return n
	case audience.TypeDouble:
		f, _ := v.Double()
		return f
	case audience.TypeBool:
		b, _ := v.Bool()
		return b
	case audience.TypeStringList:
		items, _ := v.StringList()
		return items
	default:
		return v.Reveal()
	}
}
