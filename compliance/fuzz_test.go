package compliance_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// FuzzParseSeal reads anything, and what it takes comes back as it is.
func FuzzParseSeal(f *testing.F) {
	f.Add([]byte(`{"version":1,"audience":"main","at":"2026-01-01T00:00:00Z","position":"","chains":1,"records":2,` +
		`"root":"` + strings.Repeat("ab", 32) + `","key":"k1","mac":"` + strings.Repeat("00", 32) + `"}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"version":1,"root":"` + strings.Repeat("AB", 32) + `"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := compliance.ParseSeal(b)
		if err != nil {
			require.ErrorIs(t, err, audience.ErrInvalid)
			return
		}
		text, err := json.Marshal(s)
		require.NoError(t, err)
		if len(text) > 4<<10 { // escapes may be longer than what they stand for
			return
		}
		back, err := compliance.ParseSeal(text)
		require.NoError(t, err)
		require.True(t, back.At.Equal(s.At))
		back.At = s.At
		require.Equal(t, s, back)
	})
}

// FuzzHeads reads anything as the heads of a seal.
func FuzzHeads(f *testing.F) {
	f.Add([]byte("audiencekit heads 1\n"))
	f.Add(append([]byte("audiencekit heads 1\n"), bytes.Repeat([]byte{1}, 44)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s compliance.Seal
		_, err := s.Inclusion(bytes.NewReader(b), 1)
		require.Error(t, err, "nobody can make heads for a root of zeros")
	})
}

// FuzzImportSuppressions reads anything; nothing is ever lifted by it.
func FuzzImportSuppressions(f *testing.F) {
	file := `{"format":"audiencekit suppressions 1","audience":"main","at":"2026-01-01T00:00:00Z"}
{"key":"k1","hash":"` + strings.Repeat("ab", 32) + `","reason":"manual","at":"2026-01-01T00:00:00Z"}
{"rows":1,"key":"k1","mac":"` + strings.Repeat("00", 32) + `"}
`
	f.Add([]byte(file))
	f.Add([]byte(strings.Replace(file, `"manual"`, `"manual","lifted":"2026-01-02T00:00:00Z","until":"9999-01-01T00:00:00Z"`, 1)))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := newWorld(t)
		w.suppress("u@example.com", audience.SuppressedManually)
		w.suppress("u@example.com", audience.SuppressedComplained)
		_, err := w.ImportSuppressions(t.Context(), bytes.NewReader(b), audience.Source{})
		if err != nil {
			require.NotContains(t, err.Error(), "example.com")
		}
		require.Subset(t, w.held("u@example.com"), []string{"complained", "manual"})
	})
}

// FuzzReceipt: whatever a host writes into texts, receipts stay JSON and proofs
// keep their lines.
func FuzzReceipt(f *testing.F) {
	f.Add("a \"text\"", "x\nStatus: subscribed", "form\u2028")
	f.Fuzz(func(t *testing.T, text, agent, form string) {
		w := newWorld(t)
		n, err := w.PutNotice(t.Context(), compliance.Notice{Text: text, Language: "en", Purposes: []string{"marketing"}})
		if err != nil {
			require.ErrorIs(t, err, audience.ErrInvalid)
			return
		}
		id := w.put("u", "u@example.com")
		d := w.grant(id)
		d.Notice, d.Evidence = n.ID, compliance.Evidence{UserAgent: agent, Form: form, Fields: map[string]string{form: agent}}
		if _, err := w.Record(t.Context(), d); err != nil {
			return
		}
		p, err := w.Proof(t.Context(), audience.ID(id), audience.MarketingScope(), w.now)
		require.NoError(t, err)
		require.Equal(t, text, p.Notice.Text)
		for _, format := range []compliance.ReceiptFormat{compliance.ReceiptDPV, compliance.ReceiptKantara} {
			var out bytes.Buffer
			require.NoError(t, p.WriteReceipt(&out, format))
			require.True(t, json.Valid(out.Bytes()))
		}
		var out bytes.Buffer
		require.NoError(t, p.WriteText(&out))
		head, _, _ := strings.Cut(out.String(), "--- the text shown ---")
		require.Equal(t, 1, strings.Count(head, "\nStatus:"))
	})
}

// TestImportOfHashesTellsNobody of a row whose address nobody has.
func TestImportOfHashesTellsNobody(t *testing.T) {
	w := newWorld(t)
	w.suppress("x@example.com", audience.SuppressedManually)
	other := newWorld(t)
	other.put("u", "u@example.com")
	before, err := other.Audience().Head(t.Context())
	require.NoError(t, err)
	_, err = other.ImportSuppressions(t.Context(), bytes.NewReader(w.export()), audience.Source{})
	require.NoError(t, err)
	commits, err := other.Audience().Commits(t.Context(), before, 5)
	require.NoError(t, err)
	require.Empty(t, commits)
	require.NoError(t, other.Audience().View(t.Context(), func(r *store.Reader) error {
		use, err := r.SuppressionKeyUse(t.Context())
		require.Equal(t, map[string]int{"k1": 1}, use)
		return err
	}))
}
