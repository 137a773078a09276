package importer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// FuzzInspect: any file is read as proposed without a panic, every row is read
// or rejected, a contact that is read is a write that can be accepted, and
// fields are those of the schema that the mapping brings.
func FuzzInspect(f *testing.F) {
	for _, s := range []string{
		"email,name\na@example.com,x\n", "EMAIL;EMAIL_BLACKLISTED;ADDED_TIME\na@b.cd;Yes;12-04-2022 09:30\n", "email,score:double,external:crm\na@b.cd,1,2\n",
		"email,attributes\na@b.cd,\"{\"\"a\"\": [1, {}], \"\"b\"\": null}\"\nb@b.cd,{}\n", "email,status,created\na@b.cd,active,03/04/2021\n",
		"E-Mail,Betrag,Tags\nJane <a@b.cd>,\"1,5\",a;b\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		src := importer.Bytes("fuzz.csv", []byte(content))
		limits := importer.Limits{RecordBytes: 4096, Columns: 50}
		p, err := importer.Inspect(t.Context(), src, audience.Schema{}, importer.InspectOptions{Formats: []importer.Format{csvimport.Format()}, Limits: limits})
		if err != nil {
			return
		}
		_ = p.String()
		for _, answers := range []map[string]string{nil, lastAnswers(p)} {
			plan := planOf(p, answers)
			brings := importer.Brings(plan, audience.Schema{})
			require.NoError(t, brings.Check(audience.Limits{}))
			table, err := csvimport.Format().Open(t.Context(), src, p.Layout, limits)
			require.NoError(t, err)
			rows := 0
			for c, err := range importer.ContactsOf(t.Context(), table, plan, audience.Schema{}, nil) {
				rows++
				if _, bad := errors.AsType[*importer.RowError](err); bad {
					continue
				}
				require.NoError(t, err)
				require.NoError(t, c.Write.Check(audience.Limits{}))
				for name, v := range c.Write.Set {
					field, ok := brings.FieldNamed(name)
					require.True(t, ok, name)
					require.Equal(t, field.Type, v.Type())
				}
			}
			require.Equal(t, p.Rows, rows)
			require.NoError(t, table.Close())
		}
	})
}

// lastAnswers answers every question with its last option.
func lastAnswers(p *importer.Proposal) map[string]string {
	out := make(map[string]string)
	for _, q := range p.Questions {
		if len(q.Options) > 0 && !strings.HasPrefix(q.ID, "encoding") {
			out[q.ID] = q.Options[len(q.Options)-1]
		}
	}
	return out
}
