package dbtest_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// TestExports: an export from a database is that from memory to the byte,
// whoever is chosen and whatever the gate.
func TestExports(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		want := exportsOf(t, memstore.New())
		got := exportsOf(t, d.Fresh(t).Store(t, d.Engine))
		require.Equal(t, want, got)
		require.Len(t, want, 12)
	})
}

// exportsOf fills a store and exports it in every way.
func exportsOf(t *testing.T, adapter store.Adapter) map[string]string {
	t.Helper()
	keys, err := audience.NewKeys("k", map[string][]byte{"k": []byte("an example key, and no secret at all")})
	require.NoError(t, err)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	aud, err := store.Open(t.Context(), adapter, "main", store.Options{
		Keys: keys, Clock: func() time.Time { return at },
		Schema: audience.Schema{
			Lists:    []audience.List{{Name: "beta", Kind: audience.ListStatic}, {Name: "news", Kind: audience.ListTopic}},
			Purposes: []audience.Purpose{{Name: "research"}},
		},
	})
	require.NoError(t, err)
	const people = 1_500
	_, err = aud.Update(t.Context(), func(tx *store.Tx) error {
		var writes []audience.ContactWrite
		var beta []audience.Ref
		var consents []audience.ConsentWrite
		for i := range people {
			key := audience.Key(fmt.Sprint("u", i))
			writes = append(writes, audience.ContactWrite{
				Match: key, Email: audience.MustAddress(fmt.Sprintf("name%d@example.com", i)), FirstName: audience.NewPrivate("Zoë 😀"),
				External: []audience.ExternalID{audience.External("crm", strconv.Itoa(i))}, SetTags: []string{"b", "a, c"},
				Set: map[string]audience.Value{"n": audience.IntValue(int64(i)), "f": audience.DoubleValue(float64(i) / 7), "at": audience.TimestampValue(at)},
			})
			if i%7 == 0 {
				beta = append(beta, key)
			}
			if scope := (audience.Scope{Channel: "email", Purpose: []string{"marketing", "research"}[i%2]}); i%3 == 0 {
				consents = append(consents, audience.ConsentWrite{Contact: key, Kind: audience.ConsentGranted, Scope: scope, Mechanism: audience.MechanismAttested, Evidence: []byte("attested")})
			}
		}
		if _, err := tx.Put(t.Context(), writes...); err != nil {
			return err
		}
		if _, err := tx.Record(t.Context(), consents...); err != nil {
			return err
		}
		if err := tx.AddToList(t.Context(), "beta", audience.Source{}, beta...); err != nil {
			return err
		}
		if err := tx.Suppress(t.Context(), store.SuppressionWrite{Address: audience.MustAddress("name6@example.com"), Reason: audience.SuppressedManually}); err != nil {
			return err
		}
		if err := tx.Delete(t.Context(), audience.Source{}, audience.Key("u3")); err != nil {
			return err
		}
		return tx.Merge(t.Context(), audience.Key("u5"), audience.Key("u7"), audience.Source{})
	})
	require.NoError(t, err)

	var refs []audience.Ref // ids are given by the store
	for i := 0; i < people; i += 5 {
		refs = append(refs, audience.Key(fmt.Sprint("u", i)))
	}
	var members []audience.ContactID
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) (err error) {
		members, err = r.Resolve(t.Context(), refs...)
		return err
	}))
	slices.Sort(members)
	columns := []string{"external_id", "external:crm", "email", "other_emails", "first_name", "tags", "status", "consent:research", "lists", "created_at", "n", "f", "at"}
	out := make(map[string]string)
	for gateName, gate := range map[string]exporter.Gate{
		"everything": exporter.Everything("a test"), "mailable": exporter.OnlyMailable(),
		"research": exporter.Redact(exporter.Purpose("research"), map[string]exporter.Redaction{"email": exporter.Hash}),
	} {
		for name, opts := range map[string]exporter.Options{
			"all": {}, "list": {List: "beta"}, "members": {Members: slices.Values(members)}, "members on list": {Members: slices.Values(members), List: "beta"},
		} {
			opts.Columns = columns
			var file strings.Builder
			require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
				_, err := exporter.Contacts(t.Context(), r, exporter.NDJSON(&file), gate, opts)
				return err
			}))
			require.NotEmpty(t, file.String(), gateName+", "+name)
			out[gateName+", "+name] = file.String()
		}
	}
	return out
}
