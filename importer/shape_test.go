package importer_test

import (
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// shape writes what a row says on one line, for tests.
func shape(c *importer.Contact) string {
	var parts []string
	add := func(name, text string) {
		if text != "" {
			parts = append(parts, name+"="+text)
		}
	}
	w := &c.Write
	add("email", w.Email.Reveal())
	for _, a := range w.Addresses {
		add("also", a.Reveal())
	}
	for _, x := range w.External {
		add(x.System, x.ID.Reveal())
	}
	add("first", w.FirstName.Reveal())
	add("last", w.LastName.Reveal())
	add("phone", w.Phone.Reveal())
	add("tags", audience.StringListValue(w.SetTags...).Reveal())
	add("lists", strings.Join(c.Lists, ","))
	if c.Status != audience.StatusNone {
		add("status", c.Status.String())
	}
	if !c.Acted.IsZero() {
		add("acted", c.Acted.Format(time.RFC3339))
	}
	if !w.CreatedAt.IsZero() {
		add("created", w.CreatedAt.Format(time.RFC3339))
	}
	for _, f := range c.Evidence {
		add("evidence "+f.Name, f.Text)
	}
	for _, name := range sortedKeys(w.Set) {
		v := w.Set[name]
		add(name, v.Type().String()+":"+v.Reveal())
	}
	return strings.Join(parts, " | ")
}

func sortedKeys(m map[string]audience.Value) []string {
	var out []string
	for name := range m {
		out = append(out, name)
	}
	for i := range out {
		for j := i + 1; j < len(out); j++ {
			if out[j] < out[i] {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	return out
}
