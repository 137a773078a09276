package compliance_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/store"
)

// importFile imports a file with an attestation, as a host does who is sure of
// its list, and tells what became of each row.
func (d *desk) importFile(text string, change func(*importer.Plan)) (rows []importer.RowResult) {
	d.t.Helper()
	file := importer.Bytes("people.csv", []byte(text))
	formats := []importer.Format{csvimport.Format()}
	p, err := importer.Inspect(d.t.Context(), file, d.aud.Schema(), importer.InspectOptions{Formats: formats})
	require.NoError(d.t, err)
	plan := &importer.Plan{
		Layout: p.Layout, Mapping: p.Mapping, Answers: make(map[string]string),
		Attestation: importer.Attestation{By: "Olga Host", Text: "They signed our list at the fair."},
	}
	for _, q := range p.Questions {
		plan.Answers[q.ID] = q.Assumed
	}
	change(plan)
	_, err = importer.Run(d.t.Context(), d.aud, file, plan, importer.Options{Formats: formats, OnRow: func(r importer.RowResult) { rows = append(rows, r) }})
	require.NoError(d.t, err)
	return rows
}

// O21: no import brings back who refused, whatever its mode, and nothing of
// who was erased.
func TestImportsDoNotRaise(t *testing.T) {
	const address = "jane@example.com"
	erase := func(d *desk, id audience.ContactID) {
		_, err := d.aud.Update(d.t.Context(), func(tx *store.Tx) error { return tx.Erase(d.t.Context(), audience.Source{}, audience.ID(id)) })
		require.NoError(d.t, err)
	}
	for name, refuse := range map[string]func(d *desk, id audience.ContactID){
		"unsubscribed": func(d *desk, id audience.ContactID) {
			d.write(id, audience.ConsentWithdrawn, emailScope(audience.PurposeMarketing), "link")
		},
		"complained": func(d *desk, id audience.ContactID) {
			d.write(id, audience.ConsentComplained, emailScope(audience.PurposeMarketing), "report")
		},
		"erased": erase,
		"unsubscribed, then deleted": func(d *desk, id audience.ContactID) {
			d.write(id, audience.ConsentWithdrawn, emailScope(audience.PurposeMarketing), "link")
			_, err := d.aud.Update(d.t.Context(), func(tx *store.Tx) error { return tx.Delete(d.t.Context(), audience.Source{}, audience.ID(id)) })
			require.NoError(d.t, err)
		},
	} {
		for _, mode := range []importer.Mode{importer.Overwrite, importer.FillBlanks, importer.InsertOnly, importer.UpdateOnly} {
			t.Run("O21 "+name, func(t *testing.T) {
				d := newDesk(t)
				id := d.put("jane", address)
				d.grant(id, audience.PurposeMarketing)
				d.now = d.now.Add(time.Minute)
				refuse(d, id)
				d.now = d.now.Add(time.Minute)
				rows := d.importFile("email,status\n"+address+",subscribed\njoe@example.com,subscribed\n", func(p *importer.Plan) { p.Mode = mode })
				require.Len(t, rows, 2)
				require.Equal(t, 2, rows[0].Line)
				require.NotEqual(t, audience.ConsentGranted, rows[0].Recorded)
				g := d.gate(compliance.Policy{Facts: livesIn("FR", "")})
				require.False(t, d.check(g, compliance.Intent{Contact: audience.Email(address)}).Allow)
				if name == "erased" {
					_, err := d.aud.Contact(t.Context(), audience.Email(address))
					require.ErrorIs(t, err, audience.ErrNotFound, "no profile comes back")
				}
				if mode != importer.UpdateOnly {
					require.True(t, d.check(g, compliance.Intent{Contact: audience.Email("joe@example.com")}).Allow, "others come in")
				}
			})
		}
	}
}

// O23: only the exact word counts as consent.
func TestStatusWordsAreExact(t *testing.T) {
	words := []string{"active", "ACTIVE", " Active ", "inactive", "Inactive ", "not active", "unsubscribed", "cleaned", "bounced", "", "activ", "yes, active"}
	var file strings.Builder
	file.WriteString("email,status\n")
	for i, w := range words {
		file.WriteString("p" + string(rune('a'+i)) + "@example.com,\"" + w + "\"\n")
	}
	d := newDesk(t)
	d.importFile(file.String(), func(*importer.Plan) {})
	g := d.gate(compliance.Policy{Facts: livesIn("FR", "")})
	for i, w := range words {
		got := d.check(g, compliance.Intent{Contact: audience.Email("p" + string(rune('a'+i)) + "@example.com")})
		require.Equal(t, strings.EqualFold(strings.TrimSpace(w), "active"), got.Allow, "%q: %v", w, got.Denied)
	}
}
