package importer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/store"
)

func csvOptions() importer.Options {
	return importer.Options{Formats: []importer.Format{csvimport.Format()}}
}

// kept is a file of rejected rows in memory.
type kept struct {
	bytes.Buffer
	opened int
}

func (k *kept) Close() error { return nil }

func (k *kept) open() (io.WriteCloser, error) {
	k.opened++
	k.Reset()
	return k, nil
}

// TestSamplesImport: every sample of a vendor's export is previewed, imported,
// counted, and undone.
func TestSamplesImport(t *testing.T) {
	folder := os.Getenv("AUDIENCEKIT_CORPORA")
	if folder == "" {
		t.Skip("AUDIENCEKIT_CORPORA names no folder of samples")
	}
	files, err := filepath.Glob(filepath.Join(folder, "import-samples", "*.csv"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			w := newWorld(t)
			p, err := importer.Inspect(t.Context(), importer.File(file), w.Schema(), importer.InspectOptions{Formats: csvOptions().Formats})
			if err != nil {
				t.Log("not a file of contacts:", err)
				return
			}
			plan := planOf(p, make(map[string]string))
			for _, q := range p.Questions {
				plan.Answers[q.ID] = q.Assumed
			}
			plan.Job = "sample"
			var rejected kept
			opts := csvOptions()
			preview, err := importer.Preview(t.Context(), w.Audience, importer.File(file), plan, opts)
			if err != nil {
				require.ErrorIs(t, err, audience.ErrInvalid)
				t.Log(err)
				return
			}
			opts.Rejects = rejected.open
			report, err := importer.Run(t.Context(), w.Audience, importer.File(file), plan, opts)
			require.NoError(t, err)
			require.NoError(t, report.Check())
			require.Equal(t, preview.String(), report.String())
			require.Equal(t, p.Rows, report.Rows, "no row is lost")
			require.Equal(t, min(report.Rejected, 1), rejected.opened)
			if report.Rejected > 0 {
				again, err := importer.Inspect(t.Context(), importer.Bytes("rejects.csv", rejected.Bytes()), w.Schema(), importer.InspectOptions{Formats: opts.Formats})
				require.NoError(t, err)
				require.Equal(t, report.Rejected, again.Rows, "the rejects are a file with as many rows")
			}
			undone, err := importer.Undo(t.Context(), w.Audience, "sample", importer.UndoOptions{})
			require.NoError(t, err)
			require.Equal(t, report.Created, undone.Deleted)
			require.Empty(t, w.dump(true))
			t.Logf("%d rows: %d created, %d updated, %d rejected %v", report.Rows, report.Created, report.Updated, report.Rejected, report.Codes)
		})
	}
}

const mixedFile = `Email,First Name,Score,Status,password_hash
ann@example.com,Ann,1,subscribed,$2y$10$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0
bob@example,Bob,2,subscribed,$2y$10$bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb0
cid@example.com,Cid,3,unsubscribed,$2y$10$cccccccccccccccccccccccccccccccccccccccccccccccccccc0
,Dot,4,,
eve@example.com,Eve,5,subscribed,
`

// TestRejectsComeBack: rejected rows are a file that goes in when it is mended,
// whole also when the import was stopped, and without secrets.
func TestRejectsComeBack(t *testing.T) {
	src := importer.Bytes("people.csv", []byte(mixedFile))
	var whole, resumed kept
	w := newWorld(t)
	opts := csvOptions()
	opts.Rejects, opts.Limits.BatchRows = whole.open, 1
	report, err := importer.Run(t.Context(), w.Audience, src, attested("spring"), opts)
	require.NoError(t, err)
	require.Equal(t, []int{5, 3, 2}, []int{report.Rows, report.Created, report.Rejected})
	require.NotContains(t, whole.String(), "$2y$")
	require.Equal(t, []string{
		"Email,First Name,Score,Status,password_hash,import_reason",
		"bob@example,Bob,2,subscribed,,", ",Dot,4,,,",
	}, cutReasons(whole.String()))

	w2 := newWorld(t)
	opts.Rejects = resumed.open
	for stop := 1; ; stop++ {
		ctx, cancel := context.WithCancel(t.Context())
		rows := 0
		opts.OnRow = func(importer.RowResult) {
			if rows++; rows == 1 {
				cancel()
			}
		}
		again, err := importer.Run(ctx, w2.Audience, src, attested("spring"), opts)
		cancel()
		if err == nil {
			require.Equal(t, report.Errors, again.Errors)
			break
		}
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, stop, again.Rows, "nothing is lost")
	}
	require.Equal(t, whole.String(), resumed.String())
	require.Equal(t, w.dump(false), w2.dump(false))

	mended := strings.NewReplacer("bob@example,", "bob@example.com,", ",Dot", "dot@example.com,Dot").Replace(whole.String())
	opts.OnRow, opts.Rejects = nil, nil
	last, err := importer.Run(t.Context(), w.Audience, importer.Bytes("mended.csv", []byte(mended)), attested(""), opts)
	require.NoError(t, err)
	require.Equal(t, []int{2, 2}, []int{last.Rows, last.Created}, last.String())
	require.Equal(t, "subscribed", w.status(audience.Email("bob@example.com")))
}

// cutReasons leaves out what stands in the last column.
func cutReasons(file string) []string {
	lines := strings.Split(strings.TrimSpace(file), "\n")
	for i, line := range lines[1:] {
		lines[i+1] = line[:strings.LastIndex(line, ",\"")+1]
		if !strings.Contains(line, ",\"") {
			lines[i+1] = line[:strings.LastIndex(line, ",")+1]
		}
	}
	return lines
}

func TestRejectsFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "rejects.csv")
	require.NoError(t, os.WriteFile(name, []byte("of others"), 0o644))
	opts := csvOptions()
	opts.Rejects = importer.RejectsFile(name)
	_, err := importer.Run(t.Context(), newWorld(t).Audience, importer.Bytes("people.csv", []byte(mixedFile)), attested(""), opts)
	require.NoError(t, err)
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NotContains(t, string(text), "of others")
	require.Contains(t, string(text), "bob@example,")

	opts.Rejects = func() (io.WriteCloser, error) { return nil, io.ErrClosedPipe }
	_, err = importer.Run(t.Context(), newWorld(t).Audience, importer.Bytes("people.csv", []byte(mixedFile)), attested(""), opts)
	require.ErrorIs(t, err, io.ErrClosedPipe, "rejected rows are not lost silently")
}

// faulty is a file that is read in another way each time.
type faulty struct {
	importer.Source
	wrap func(opened int, r io.Reader) io.Reader
	n    int
}

func (f *faulty) Open(ctx context.Context) (io.ReadCloser, error) {
	r, err := f.Source.Open(ctx)
	if err != nil {
		return nil, err
	}
	f.n++
	return struct {
		io.Reader
		io.Closer
	}{f.wrap(f.n, r), r}, nil
}

// TestFaultySources: however a file is read, the same comes in, or an error.
func TestFaultySources(t *testing.T) {
	var file strings.Builder
	file.WriteString("email,score\n")
	for i := range 5_000 {
		fmt.Fprintf(&file, "name%d@example.com,%d\n", i, i)
	}
	src := importer.Bytes("people.csv", []byte(file.String()))
	for name, wrap := range map[string]func(int, io.Reader) io.Reader{
		"one byte":   func(_ int, r io.Reader) io.Reader { return iotest.OneByteReader(r) },
		"halves":     func(_ int, r io.Reader) io.Reader { return iotest.HalfReader(r) },
		"data error": func(_ int, r io.Reader) io.Reader { return iotest.DataErrReader(r) },
	} {
		w := newWorld(t)
		report, err := importer.Run(t.Context(), w.Audience, &faulty{Source: src, wrap: wrap}, &importer.Plan{}, csvOptions())
		require.NoError(t, err, name)
		require.Equal(t, 5_000, report.Created, name)
	}
	for failing := 1; failing <= 4; failing++ {
		w := newWorld(t)
		opts := csvOptions()
		opts.Limits.BatchRows = 100
		wrap := func(opened int, r io.Reader) io.Reader {
			if opened != failing {
				return r
			}
			return io.MultiReader(io.LimitReader(r, int64(file.Len())/2), iotest.ErrReader(io.ErrUnexpectedEOF))
		}
		report, err := importer.Run(t.Context(), w.Audience, &faulty{Source: src, wrap: wrap}, &importer.Plan{Job: "spring"}, opts)
		if err == nil {
			require.Equal(t, 5_000, report.Created, "it is opened less often")
			continue
		}
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.NoError(t, report.Check())
		n := 0
		w.view(func(r *store.Reader) (err error) { n, err = r.CountContacts(t.Context()); return err })
		require.Equal(t, n, report.Created)
		report, err = importer.Run(t.Context(), w.Audience, src, &importer.Plan{Job: "spring"}, opts)
		require.NoError(t, err)
		require.Equal(t, 5_000, report.Created)
	}
}

// TestCreatedAt: the last that the file says of each contact counts, however
// late it says it.
func TestCreatedAt(t *testing.T) {
	w := newWorld(t)
	opts := csvOptions()
	opts.Limits.BatchRows = 1
	file := "external_id,email,created_at\nu1,a@example.com,2020-01-01\nu2,b@example.com,2021-01-01\nu1,b@example.com,2022-01-01\n,a@example.com,2019-05-05\n"
	report, err := importer.Run(t.Context(), w.Audience, importer.Bytes("x.csv", []byte(file)), &importer.Plan{}, opts)
	require.NoError(t, err)
	require.Equal(t, 1, report.Rejected)
	require.Equal(t, "2019-05-05", w.contact(audience.Key("u1")).CreatedAt.Format(time.DateOnly))
	require.Equal(t, "2021-01-01", w.contact(audience.Key("u2")).CreatedAt.Format(time.DateOnly))
}

// TestProgress: bytes grow up to those of the file, and what is left shrinks to
// nothing.
func TestProgress(t *testing.T) {
	w := newWorld(t)
	var file strings.Builder
	file.WriteString("email\n")
	for i := range 1_000 {
		fmt.Fprintf(&file, "name%d@example.com\n", i)
	}
	opts := csvOptions()
	opts.Limits.BatchRows = 100
	clock := now
	opts.Clock = func() time.Time { clock = clock.Add(time.Second); return clock }
	var seen []importer.Progress
	opts.OnProgress = func(p importer.Progress) { seen = append(seen, p) }
	_, err := importer.Run(t.Context(), w.Audience, importer.Bytes("x.csv", []byte(file.String())), &importer.Plan{}, opts)
	require.NoError(t, err)
	require.Len(t, seen, 10)
	for i, p := range seen {
		require.Equal(t, (i+1)*100, p.Rows)
		require.Equal(t, int64(file.Len()), p.Total)
		require.LessOrEqual(t, p.Bytes, p.Total)
	}
	require.Equal(t, seen[9].Total, seen[9].Bytes)
	require.Zero(t, seen[9].Left)
}

// TestQuestionsAreAsked: an import does not guess, a preview does.
func TestQuestionsAreAsked(t *testing.T) {
	w := newWorld(t)
	src := importer.Bytes("x.csv", []byte("email,seen date\nann@example.com,03/04/2021\n"))
	_, err := importer.Run(t.Context(), w.Audience, src, &importer.Plan{}, csvOptions())
	var open *importer.QuestionsError
	require.ErrorAs(t, err, &open)
	require.Len(t, open.Questions, 1)
	require.ErrorIs(t, err, audience.ErrInvalid)
	preview, err := importer.Preview(t.Context(), w.Audience, src, &importer.Plan{}, csvOptions())
	require.NoError(t, err)
	require.Equal(t, 1, preview.Created)
	require.Empty(t, w.dump(true))
	_, known := func() (audience.Field, bool) { s := w.Schema(); return s.FieldNamed("seen_date") }()
	require.False(t, known, "a preview declares nothing")
}
