package csvimport_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/store"
)

// fuzzLimits are small, so that a short file can reach them.
func fuzzLimits() importer.Limits {
	return importer.Limits{Bytes: 1 << 16, Rows: 200, Columns: 12, CellBytes: 100, RecordBytes: 1000, RecordLines: 6, BatchRows: 4, Errors: 50}
}

// requireSound wants of any file what holds for every file: counts add up, the
// same file again changes nothing, errors are typed and lines are in order.
func requireSound(t *testing.T, run func() (*importer.Report, error)) {
	t.Helper()
	report, err := run()
	requireTyped(t, err)
	requireSum(t, report)
	last := 0
	for _, e := range report.Errors {
		require.GreaterOrEqual(t, e.Line, last)
		last = e.Line
		require.GreaterOrEqual(t, e.Column, 0)
		requireTyped(t, e)
	}
	require.Len(t, report.Errors, min(report.Rejected, 50))
	again, err2 := run()
	require.Equal(t, err == nil, err2 == nil)
	requireSum(t, again)
	if err == nil {
		require.Equal(t, report.Rows, again.Rows)
		require.Zero(t, again.Created)
	}
}

func requireTyped(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, category := range []error{audience.ErrInvalid, audience.ErrConflict, audience.ErrNotFound, audience.ErrDenied, audience.ErrLimit} {
		if errors.Is(err, category) {
			return
		}
	}
	require.Fail(t, "an error without a category", "%v", err)
}

func FuzzReadContacts(f *testing.F) {
	for _, file := range []string{
		"", "email\n", "email,external_id,first_name,last_name,phone,tags,created_at,status,x\na@example.com,u1,A,B,'+1,\"a,\"\"b,c\"\"\",2026-01-01,subscribed,1\n",
		"\xef\xbb\xbfexternal_id,x:int,y:list,z:bool\r\nu1,1,\"a,b\",true\r\nu2,x,\"\"\"\",maybe\r\n",
		"external_id,email\nu1,a@example.com\nu2,a@example.com\nu1,b@example.com\nu2,b@example.com\n",
		"email,x\na@example.com,\"unclosed\nb@example.com,1\nc@example.com,\"\n",
		"email,\x00\na@example.com,\xff\n", "email;x\na;b\n", "\xff\xfee", "email,email,EMAIL,,:,a:b\nx@example.com,,,,,,,,\n",
		"external_id,created_at\nu1,20260101\nu1,2026-01-02T00:00:00Z\n,\n,,\n", "id,status\n1,none", "email,status\na@b.example,subscribed\na@b.example,unsubscribed\na@b.example,subscribed\r\r",
	} {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		aud := open(t, audience.Schema{})
		opts, plan, job := importer.Options{Limits: fuzzLimits()}, attested(), 0
		requireSound(t, func() (*importer.Report, error) {
			job++
			plan.Job = strconv.Itoa(job)
			report, err := runContacts(t.Context(), aud, importer.Bytes("x.csv", file), plan, opts)
			for _, e := range append(report.Errors, report.Columns...) {
				requireSilent(t, file, e)
			}
			return report, err
		})
	})
}

func FuzzReadEvents(f *testing.F) {
	for _, file := range []string{
		"", "external_id,email,type,time,id,value,note:list\nu1,,purchase,2026-01-01,o1,1.50,\"a,b\"\nu1,,purchase,2026-01-01,o1,1.50,\"a,b\"\nu1,,purchase,2026-01-01,o1,2,\n",
		"email,type,time\na@example.com,visit,20260101\na@example.com,visit,20260101\nb@example.com,visit,2026-01-01T00:00:00.123456789Z\nz@example.com,visit,20260101\n",
		"external_id,email,type,time\nu1,b@example.com,x,20260101\nu9,a@example.com,x,20260101\nu9,b@example.com,x,20260101\n",
		"email,type,time,type,value:string\na@example.com,purchase,0001-01-01,,\"x\n",
	} {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		aud := shop(t)
		opts := importer.Options{Limits: fuzzLimits()}
		requireSound(t, func() (*importer.Report, error) {
			report, err := csvimport.Events(t.Context(), aud, importer.Bytes("x.csv", file), opts)
			stored := 0
			require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
				for c, err := range r.AllContacts(t.Context(), store.ContactQuery{}) {
					require.NoError(t, err)
					all, err := r.Events(t.Context(), audience.ID(c.ID))
					require.NoError(t, err)
					stored += len(all)
				}
				return nil
			}))
			require.GreaterOrEqual(t, stored, report.Created)
			return report, err
		})
	})
}

// requireSilent wants that no error shows an address of the file (G7).
func requireSilent(t *testing.T, file []byte, err error) {
	t.Helper()
	for _, word := range strings.FieldsFunc(string(file), func(r rune) bool { return strings.ContainsRune(",\"\r\n", r) }) {
		if at := strings.IndexByte(word, '@'); at > 0 && at < len(word)-1 && word != "name@example.com" {
			require.NotContains(t, strings.ReplaceAll(err.Error(), "name@example.com", ""), word)
		}
	}
}
