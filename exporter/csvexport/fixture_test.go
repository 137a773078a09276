package csvexport_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB) *store.Audience {
	t.Helper()
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, 32)})
	require.NoError(t, err)
	aud, err := store.Open(context.Background(), memstore.New(), "main", store.Options{Keys: keys, Clock: func() time.Time { return now }})
	require.NoError(t, err)
	return aud
}

func export(t testing.TB, aud *store.Audience, p csvexport.Profile) string {
	t.Helper()
	out, err := exportWith(t, aud, csvexport.Options{Profile: p})
	require.NoError(t, err)
	return out
}

func exportWith(t testing.TB, aud *store.Audience, opts csvexport.Options, columns ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := aud.View(t.Context(), func(r *store.Reader) error {
		_, err := exporter.Contacts(t.Context(), r, csvexport.New(&out, opts), exporter.Everything("a test"), exporter.Options{Columns: columns})
		return err
	})
	return out.String(), err
}

// texts are hostile: quotes, line ends of all kinds, formulas, apostrophes,
// numbers that are none, blanks at the ends, scripts and emoji.
func texts() []string {
	return []string{
		"plain", `say "hi"`, `"`, `""`, "a,b", "line\nline", "line\r\nline", "line\rline", "\n", " x ", "\t", "'", "''", "'t Hooft", "'=1", "''=1", " '=1",
		"=1+1", "+48 500", "-5", "@SUM(A1)", "\t=1", " =1", "＝1", "007", "1.50", "-0", "1e3", "true", "2026-01-31", "null", ",", ";", "\u00a0x\u00a0",
		"Łódź", "日本", "مرحبا", "😀", "\ufeff", "\u2028", "name:string", "#", "\\", "\\n",
	}
}
