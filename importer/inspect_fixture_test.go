package importer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// inspect inspects a CSV file for an audience with the schema.
func inspect(t testing.TB, src importer.Source, schema audience.Schema) *importer.Proposal {
	t.Helper()
	p, err := importer.Inspect(t.Context(), src, schema, importer.InspectOptions{Formats: []importer.Format{csvimport.Format()}})
	require.NoError(t, err)
	return p
}

// planOf makes a plan of a proposal and answers.
func planOf(p *importer.Proposal, answers map[string]string) *importer.Plan {
	return &importer.Plan{Layout: p.Layout, Mapping: p.Mapping, Answers: answers}
}

// readAs reads a file by a plan.
func readAs(t testing.TB, src importer.Source, plan *importer.Plan, schema audience.Schema, zone *time.Location) (good []*importer.Contact, bad []string) {
	t.Helper()
	table, err := csvimport.Format().Open(t.Context(), src, plan.Layout, importer.Limits{}.WithDefaults())
	require.NoError(t, err)
	defer func() { require.NoError(t, table.Close()) }()
	for c, err := range importer.ContactsOf(t.Context(), table, plan, schema, zone) {
		if err != nil {
			var row *importer.RowError
			require.ErrorAs(t, err, &row)
			require.NotNil(t, c.Row, "what the file of rejected rows needs")
			bad = append(bad, err.Error())
			continue
		}
		good = append(good, c)
	}
	return good, bad
}

// rowsOf makes a file of lines.
func rowsOf(lines ...string) importer.Source {
	return importer.Bytes("test.csv", []byte(strings.Join(lines, "\n")+"\n"))
}

// shape writes what a row says on one line, for tests: addresses and external
// ids first, then what everybody has, then fields.
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
	add("acted", instantText(c.Acted))
	add("created", instantText(w.CreatedAt))
	return strings.Join(parts, " | ")
}

func instantText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05")
}

// fieldOf gives a custom field as "type:text", "" if the row does not say it.
func fieldOf(c *importer.Contact, name string) string {
	v := c.Write.Set[name]
	if v.IsZero() {
		return ""
	}
	return v.Type().String() + ":" + v.Reveal()
}
