package quickstart

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// membership is what -json prints of a segment.
type membership struct {
	Segment string   `json:"segment"`
	Count   int      `json:"count"`
	Members []string `json:"members"` // sorted bytewise
	Ahead   *ahead   `json:"ahead,omitempty"`
}

// ahead is what time alone will do to a segment.
type ahead struct {
	Until    time.Time `json:"until"`
	Entering int       `json:"entering"`
	Leaving  int       `json:"leaving"`
	Changes  []change  `json:"changes"` // by instant; of very many the first ones
}

// change is one contact who enters or leaves.
type change struct {
	At      time.Time `json:"at"`
	Contact string    `json:"contact"`
	Change  string    `json:"change"` // "enters" or "leaves"
}

// changeWord says which way somebody goes.
func changeWord(entered bool) string {
	if entered {
		return "enters"
	}
	return "leaves"
}

// printJSON prints one line per segment, in order of the names.
func (r *runner) printJSON(ctx context.Context, reader *store.Reader, found *findings) error {
	names := found.set.Names()
	lines := make([]membership, len(names))
	for i, name := range names {
		n := found.snapshot.Len(name)
		lines[i] = membership{Segment: name, Count: n, Members: make([]string, 0, n)}
	}
	coming := found.coming()
	handles := make(map[audience.ContactID]string, len(coming))
	for c, err := range reader.AllContacts(ctx, store.ContactQuery{}) {
		if err != nil {
			return err
		}
		for i := range lines {
			if found.snapshot.Contains(names[i], c.ID) {
				lines[i].Members = append(lines[i].Members, handle(&c))
			}
		}
		if coming[c.ID] {
			handles[c.ID] = handle(&c)
		}
	}
	enc := json.NewEncoder(r.out)
	enc.SetEscapeHTML(false)
	for i := range lines {
		slices.Sort(lines[i].Members)
		lines[i].Ahead = found.ahead(names[i], handles)
		if err := enc.Encode(lines[i]); err != nil {
			return err
		}
	}
	return nil
}

// coming gives whom the forecast tells of.
func (f *findings) coming() map[audience.ContactID]bool {
	out := make(map[audience.ContactID]bool)
	if f.forecast != nil {
		for _, m := range f.forecast.Moves {
			out[m.Contact] = true
		}
	}
	return out
}

// ahead gives what the forecast says of a segment, nil without one.
func (f *findings) ahead(name string, handles map[audience.ContactID]string) *ahead {
	if f.forecast == nil {
		return nil
	}
	i := slices.IndexFunc(f.forecast.Segments, func(s segment.ForecastCount) bool { return s.Name == name })
	count := f.forecast.Segments[i]
	out := &ahead{Until: f.forecast.To, Entering: count.Entering, Leaving: count.Leaving, Changes: []change{}}
	for _, m := range f.forecast.Moves {
		if m.Segment == name {
			out.Changes = append(out.Changes, change{At: m.At, Contact: handles[m.Contact], Change: changeWord(m.Entered)})
		}
	}
	return out
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
