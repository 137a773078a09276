package main

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// membership is what -json prints of a segment.
type membership struct {
	Segment string   `json:"segment"`
	Count   int      `json:"count"`
	Members []string `json:"members"` // sorted bytewise
}

// printJSON prints one line per segment, in order of the names.
func (r *runner) printJSON(ctx context.Context, reader *store.Reader, result *segment.Result) error {
	names := result.Names()
	lines := make([]membership, len(names))
	members := make([]segment.Members, len(names))
	for i, name := range names {
		members[i], _ = result.Members(name)
		lines[i] = membership{Segment: name, Count: members[i].Len(), Members: make([]string, 0, members[i].Len())}
	}
	for c, err := range reader.AllContacts(ctx, store.ContactQuery{}) {
		if err != nil {
			return err
		}
		for i := range lines {
			if members[i].Contains(c.ID) {
				lines[i].Members = append(lines[i].Members, handle(&c))
			}
		}
	}
	enc := json.NewEncoder(r.out)
	enc.SetEscapeHTML(false)
	for i := range lines {
		slices.Sort(lines[i].Members)
		if err := enc.Encode(lines[i]); err != nil {
			return err
		}
	}
	return nil
}

// handle is how a program knows a contact: by external id, else by address in
// its compare form.
func handle(c *audience.Contact) string {
	if key := c.Key(); key != "" {
		return key
	}
	email := c.Email()
	return email.Canonical()
}
