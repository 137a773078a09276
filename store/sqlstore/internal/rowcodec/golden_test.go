package rowcodec_test

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

// pinned has one row of each kind in which every member is set, and every
// type of value.
func pinned() map[string]any {
	at := time.Date(2026, 5, 1, 12, 0, 0, 123_456_000, time.UTC)
	source := audience.Source{Kind: audience.SourcePerson, Name: "form", Actor: "op-1"}
	c := usual()
	c.Addresses = append(c.Addresses, audience.MustAddress("zoë@Bücher.example"))
	c.Frequency = "weekly"
	c.Fields = append(
		c.Fields,
		audience.FieldValue{ID: 300, Value: audience.TimestampValue(at), Origin: c.Tags[0].Origin},
		audience.FieldValue{ID: 301, Value: audience.DateValue(-20_000)},
		audience.FieldValue{ID: 302, Value: audience.IntValue(-1 << 63)},
		audience.FieldValue{ID: 303, Value: audience.StringListValue()},
	)
	e := purchase()
	e.Contact, e.Retracted, e.Revision = 9, true, 300
	r := audience.ConsentRecord{
		Contact: 9, Seq: 2, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Acted: at, Recorded: at.Add(time.Second),
		Expires: at.Add(time.Hour), Mechanism: audience.MechanismPaper, Notice: "n3", Source: source, Evidence: [32]byte{1}, Prev: [32]byte{2},
	}
	r.Hash = r.ComputeHash()
	identities := append(c.Identities(), audience.Identity{})
	return map[string]any{
		"contact": c, "event": e.Props, "ledger record": r,
		"membership": store.Membership{List: "gold", Origin: 9, At: at, Source: source},
		"merge":      store.Merge{Loser: 9, Winner: 8, Number: 3, At: at, WinnerSeq: 200, LoserRow: c, Identities: identities, Source: source},
		"suppression": audience.Suppression{
			Hash: audience.AddressHash{Key: "k", Sum: [32]byte{3}}, Reason: audience.SuppressedManually,
			At: at, Lifted: at.Add(time.Hour), LiftedUntil: at.Add(-time.Hour), Source: source,
		},
		"changes": []store.Change{
			{Kind: store.ChangeContact, Contact: 9, After: &c, SuppressedFrom: &time.Time{}, Source: source},
			{Kind: store.ChangeEvent, Contact: 9, Event: &e, Before: &e},
			{Kind: store.ChangeLedger, Contact: 9, Record: &r, SuppressedFrom: &at},
			{Kind: store.ChangeList, Contact: 9, List: "gold", Left: true},
			{Kind: store.ChangeMerge, Contact: 8, Other: 9, MergedAt: at, WinnerSeq: 200, Events: []audience.Event{e, purchase()}},
			{Kind: store.ChangeUnmerge, Contact: 8, Other: 9, Events: []audience.Event{}},
		},
	}
}

// TestVersion1 pins the bytes that are in databases: they never change. When a
// form has to change, it is version 2, and this test stays as it is.
func TestVersion1(t *testing.T) {
	file, err := os.ReadFile("testdata/version1.txt")
	require.NoError(t, err)
	stored := map[string][]byte{}
	for line := range strings.Lines(string(file)) {
		name, digits, ok := strings.Cut(strings.TrimSpace(line), ": ")
		require.True(t, ok, line)
		stored[name], err = hex.DecodeString(digits)
		require.NoError(t, err, name)
	}
	rows := pinned()
	require.Len(t, stored, len(rows)+1)
	for _, c := range codecs() {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, hex.EncodeToString(stored[c.name]), hex.EncodeToString(c.encode(rows[c.name])))
			got, err := c.again(rows[c.name], stored[c.name])
			require.NoError(t, err)
			require.Equal(t, rows[c.name], got)
		})
	}
	contact := rows["contact"].(audience.Contact)
	require.Equal(t, string(stored["attributes"]), string(rowcodec.Attributes(&contact)))
}
