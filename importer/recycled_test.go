package importer_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
)

// randomFile is a file about few people, whose rows have more or fewer values.
func randomFile(r *rand.Rand, rows int) importer.Source {
	var b strings.Builder
	b.WriteString("external_id,email,email,first_name,tags,city,score,size:list\n")
	cell := func(values ...string) string {
		if r.IntN(3) == 0 {
			return ""
		}
		return values[r.IntN(len(values))]
	}
	for range rows {
		n := r.IntN(rows / 2)
		fmt.Fprintf(&b, "%s,%s,%s,%s,%s,%s,%s,%s\n",
			cell(fmt.Sprint("u", n)), fmt.Sprintf("name%d@example.com", n), cell(fmt.Sprintf("other%d@example.com", n), "bad@"),
			cell("Ann", "Bea"), cell(`"a,b"`, "c", `"a,c,d"`), cell("Oslo", "Rome"), cell("1", "2", "no number"), cell(`"l,m"`, "n"))
	}
	return importer.Bytes("people.csv", []byte(b.String()))
}

// TestRecycledRowsDoNotShow: what rows are read into is used again for the rows
// of later batches. That changes neither what becomes of these nor anything
// that the store has given out, whatever is done in between.
func TestRecycledRowsDoNotShow(t *testing.T) {
	for seed := range uint64(seeds) {
		src := randomFile(rand.New(rand.NewPCG(seed, 3)), 60)
		plan := randomPlan(rand.New(rand.NewPCG(seed, 4)))
		run := func(size int) outcome {
			w := newWorld(t)
			p, err := importer.Inspect(t.Context(), src, w.Schema(), importer.InspectOptions{Formats: csvOptions().Formats})
			require.NoError(t, err)
			same := *plan
			same.Layout, same.Mapping = p.Layout, p.Mapping
			same.Job = "job"
			var out outcome
			given := map[string]*audience.Contact{} // what was read behind each batch, by what it was then
			opts := csvOptions()
			var rejected kept
			opts.Diffs, opts.Limits.BatchRows, opts.Rejects = true, size, rejected.open
			opts.OnRow = func(r importer.RowResult) { out.rows = append(out.rows, rowText(r)) }
			opts.OnProgress = func(importer.Progress) {
				w.view(func(r *store.Reader) error {
					schema := r.Schema()
					for p, err := range r.AllProfiles(t.Context(), store.ProfileQuery{}) {
						require.NoError(t, err)
						given[dumpProfile(&schema, &p, w.now, true)] = &p.Contact
					}
					return nil
				})
			}
			report, err := importer.Run(t.Context(), w.Audience, src, &same, opts)
			require.NoError(t, err)
			require.NoError(t, report.Check())
			schema := w.Schema()
			for was, c := range given {
				require.Equal(t, was, dumpProfile(&schema, &audience.Profile{Contact: *c}, w.now, true), "seed %d, batches of %d", seed, size)
			}
			out.report, out.dump = report.String()+rejected.String(), w.dump(false)
			return out
		}
		want := run(1000) // one batch: nothing is used again
		for _, size := range []int{1, 2, 7} {
			require.Equal(t, want, run(size), "seed %d, batches of %d", seed, size)
		}
	}
}
