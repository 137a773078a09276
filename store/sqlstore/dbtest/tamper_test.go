package dbtest

import (
	"bytes"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
)

// TestLedgerTampering changes the ledger as somebody does who can write to its
// table: every flipped byte, every removed row, every tail that was cut off and
// every chain that is gone is found by Verify with a seal, and named.
func TestLedgerTampering(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		if d.Engine != SQLite {
			t.Skip("its rows are the same everywhere")
		}
		source := d.Fresh(t)
		db := source.Open(t)
		h := newHost(t, source.Store(t, d.Engine))
		ctx := t.Context()
		const people, records = 3, 4
		for _, key := range []string{"ann", "bob", "cleo"} {
			id := h.put(audience.ContactWrite{Match: audience.Key(key)})
			for n := range records {
				kind := []audience.ConsentKind{audience.ConsentGranted, audience.ConsentWithdrawn}[n%2]
				h.record(compliance.Declaration{
					Contact: audience.ID(id), Kind: kind, Scope: audience.MarketingScope(), Mechanism: audience.MechanismPaper,
					Evidence: compliance.Evidence{AttestedBy: "op7", Text: "Yes."},
				})
			}
		}
		var heads bytes.Buffer
		seal, err := h.ledger.Seal(ctx, &heads)
		require.NoError(t, err)
		verify := func(opts compliance.VerifyOptions) compliance.Report {
			report, err := h.ledger.Verify(ctx, opts)
			require.NoError(t, err)
			return report
		}
		withHeads := func() compliance.Report {
			return verify(compliance.VerifyOptions{Seal: &seal, Heads: bytes.NewReader(heads.Bytes())})
		}
		clean := func() {
			report := withHeads()
			require.True(t, report.OK(), report.Findings)
			require.Equal(t, uint64(people*records), report.Records)
		}
		exec := func(statement string, args ...any) {
			result, err := db.ExecContext(ctx, statement, args...)
			require.NoError(t, err)
			n, err := result.RowsAffected()
			require.NoError(t, err)
			require.Positive(t, n)
		}
		clean()

		ids, bodies := ledgerRows(t, db)
		require.Len(t, bodies, people*records)

		one := func(i int, report compliance.Report, kinds ...compliance.FindingKind) {
			t.Helper()
			require.Len(t, report.Findings, 1)
			require.Equal(t, ids[i], report.Findings[0].Contact)
			require.Contains(t, kinds, report.Findings[0].Kind)
		}
		for i := range bodies {
			id, seq := ids[i], i%records+1
			if i%people == 1 { // of rows at every place in their chains
				for at := range bodies[i] {
					damaged := bytes.Clone(bodies[i])
					damaged[at] ^= 1 << (at % 8)
					exec("UPDATE ak_ledger SET body = ? WHERE contact = ? AND seq = ?", damaged, id, seq)
					report := withHeads()
					require.False(t, report.OK(), "byte %d of row %d", at, i)
					require.Equal(t, id, report.Findings[0].Contact)
				}
				exec("UPDATE ak_ledger SET body = ? WHERE contact = ? AND seq = ?", bodies[i], id, seq)
			}
			exec("DELETE FROM ak_ledger WHERE contact = ? AND seq = ?", id, seq)
			kind := compliance.FindingMissing
			if seq == records {
				kind = compliance.FindingTruncated
			}
			one(i, withHeads(), kind)
			report := verify(compliance.VerifyOptions{Seal: &seal})
			require.False(t, report.OK(), "a seal alone tells that something is missing")
			exec("INSERT INTO ak_ledger (audience, contact, seq, body) SELECT audience, ?, ?, ? FROM ak_ledger LIMIT 1", id, seq, bodies[i])
			clean()
			exec("DELETE FROM ak_ledger WHERE contact = ? AND seq >= ?", id, seq)
			kind = compliance.FindingTruncated
			if seq == 1 {
				kind = compliance.FindingMissing
			}
			one(i, withHeads(), kind)
			for k := i; k < i-seq+1+records; k++ {
				exec("INSERT INTO ak_ledger (audience, contact, seq, body) SELECT audience, ?, ?, ? FROM ak_ledger LIMIT 1", id, k%records+1, bodies[k])
			}
			clean()
		}
	})
}

// ledgerRows gives whose each row of the ledger is, and its bytes.
func ledgerRows(t *testing.T, db *sql.DB) (ids []audience.ContactID, bodies [][]byte) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT contact, body FROM ak_ledger ORDER BY contact, seq")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var id audience.ContactID
		var body []byte
		require.NoError(t, rows.Scan(&id, &body))
		ids, bodies = append(ids, id), append(bodies, body)
	}
	require.NoError(t, rows.Err())
	return ids, bodies
}
