package importer_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// many gives rows of n people, as a mapping makes them.
func many(n int) []*importer.Contact {
	rows := make([]*importer.Contact, n)
	for i := range rows {
		rows[i] = row(fmt.Sprint("key=u", i), fmt.Sprint("email=name", i), "first=Ann", "last=Lee", "city=Oslo", "tags=a,b", "status=subscribed", fmt.Sprint("score=", i%90))
	}
	return rows
}

func attested(job string) *importer.Plan {
	return &importer.Plan{Job: job, Attestation: importer.Attestation{By: "Olga Host", Text: "They signed up at the counter."}}
}

// withoutStatus gives rows that say nothing of consent.
func withoutStatus(rows []*importer.Contact) iter.Seq2[*importer.Contact, error] {
	return func(yield func(*importer.Contact, error) bool) {
		for c, err := range sequence(rows) {
			c.Status = audience.StatusNone
			if !yield(c, err) {
				return
			}
		}
	}
}

type importFunc = func(context.Context, *world, []*importer.Contact) (*importer.Report, error)

// BenchmarkFile runs a file through everything: format, mapping, plan, journal and
// memory store; and beside it what the store alone takes for the same contacts.
func BenchmarkFile(b *testing.B) {
	const n = 50_000
	var file bytes.Buffer
	file.WriteString("external_id,email,first_name,last_name,city,tags,score\n")
	for i := range n {
		fmt.Fprintf(&file, "u%d,name%d@example.com,Ann,Lee,Oslo,\"a,b\",%d\n", i, i, i%90)
	}
	src, opts := importer.Bytes("people.csv", file.Bytes()), csvOptions()
	w := newWorld(b)
	p, err := importer.Inspect(b.Context(), src, w.Schema(), importer.InspectOptions{Formats: opts.Formats})
	require.NoError(b, err)
	plan := planOf(p, nil)
	plan.Job = "bench"
	for _, bench := range []struct {
		name string
		do   func(w *world) (*importer.Report, error)
	}{
		{"run", func(w *world) (*importer.Report, error) {
			return importer.Run(b.Context(), w.Audience, src, plan, opts)
		}},
		{"preview", func(w *world) (*importer.Report, error) {
			return importer.Preview(b.Context(), w.Audience, src, plan, opts)
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			spent := cpuTime()
			for b.Loop() {
				r, err := bench.do(newWorld(b))
				require.NoError(b, err)
				require.Equal(b, n, r.Created)
			}
			if took := cpuTime() - spent; took > 0 {
				b.ReportMetric(float64(b.N)*n/took.Seconds(), "rows/cpu-s")
			}
		})
	}
}

// BenchmarkStore brings rows into the memory store: into an empty one,
// previewed, with a journal, and once more.
func BenchmarkStore(b *testing.B) {
	const n = 50_000
	rows := many(n)
	seq := func() iter.Seq2[*importer.Contact, error] { return sequence(rows) }
	var spent time.Duration
	begin := func() { spent = cpuTime() }
	report := func(b *testing.B) {
		b.Helper()
		if took := cpuTime() - spent; took > 0 {
			b.ReportMetric(float64(b.N)*n/took.Seconds(), "rows/cpu-s")
		}
	}
	for name, do := range map[string]importFunc{
		"bare store": func(_ context.Context, w *world, rows []*importer.Contact) (*importer.Report, error) {
			for some := range slices.Chunk(rows, 10_000) {
				writes := make([]audience.ContactWrite, len(some))
				for i, c := range some {
					writes[i] = c.Write
				}
				w.put(writes...)
			}
			return &importer.Report{Created: n}, nil
		},
		"without status": func(ctx context.Context, w *world, _ []*importer.Contact) (*importer.Report, error) {
			return importer.Contacts(ctx, w.Audience, withoutStatus(rows), attested(""), importer.Options{})
		},
		"plain": func(ctx context.Context, w *world, _ []*importer.Contact) (*importer.Report, error) {
			return importer.Contacts(ctx, w.Audience, seq(), attested(""), importer.Options{})
		},
		"journaled": func(ctx context.Context, w *world, _ []*importer.Contact) (*importer.Report, error) {
			return importer.Contacts(ctx, w.Audience, seq(), attested("spring"), importer.Options{})
		},
		"preview": func(ctx context.Context, w *world, _ []*importer.Contact) (*importer.Report, error) {
			return importer.PreviewContacts(ctx, w.Audience, seq(), attested("spring"), importer.Options{})
		},
		"preview with diffs": func(ctx context.Context, w *world, _ []*importer.Contact) (*importer.Report, error) {
			return importer.PreviewContacts(ctx, w.Audience, seq(), attested("spring"), importer.Options{Diffs: true})
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			begin()
			for b.Loop() {
				r, err := do(b.Context(), newWorld(b), rows)
				require.NoError(b, err)
				require.Equal(b, n, r.Created)
			}
			report(b)
		})
	}
	b.Run("again", func(b *testing.B) {
		w := newWorld(b)
		_, err := importer.Contacts(b.Context(), w.Audience, seq(), attested(""), importer.Options{})
		require.NoError(b, err)
		b.ReportAllocs()
		begin()
		for b.Loop() {
			r, err := importer.Contacts(b.Context(), w.Audience, seq(), attested(""), importer.Options{})
			require.NoError(b, err)
			require.Equal(b, n, r.Skips.Unchanged)
		}
		report(b)
	})
	b.Run("changes and undo", func(b *testing.B) {
		w := newWorld(b)
		_, err := importer.Contacts(b.Context(), w.Audience, seq(), attested(""), importer.Options{})
		require.NoError(b, err)
		changed := make([]*importer.Contact, n)
		for i, c := range rows {
			same := *c
			same.Write.FirstName = audience.NewPrivate("Bea")
			changed[i] = &same
		}
		b.ReportAllocs()
		begin()
		job := 0
		for b.Loop() {
			job++
			r, err := importer.Contacts(b.Context(), w.Audience, sequence(changed), attested(fmt.Sprint("job", job)), importer.Options{})
			require.NoError(b, err)
			require.Equal(b, n, r.Updated)
			u, err := importer.Undo(b.Context(), w.Audience, fmt.Sprint("job", job), importer.UndoOptions{})
			require.NoError(b, err)
			require.Equal(b, n, u.Restored)
		}
		report(b)
	})
}
