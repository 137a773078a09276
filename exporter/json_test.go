package exporter_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/store"
)

// jane has everything that leaves, bob next to nothing.
func janeAndBob(t *testing.T) *store.Audience {
	t.Helper()
	aud := open(t)
	day, err := audience.ParseDate("2026-01-31")
	require.NoError(t, err)
	_, err = aud.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.Declare(t.Context(), audience.Schema{
			Lists:    []audience.List{{Name: "beta", Kind: audience.ListStatic}, {Name: "news", Kind: audience.ListTopic}},
			Purposes: []audience.Purpose{{Name: "research"}},
		}); err != nil {
			return err
		}
		_, err := tx.Put(t.Context(), audience.ContactWrite{
			Match: audience.Key("u1"), Email: audience.MustAddress("Jane@Example.com"),
			External:  []audience.ExternalID{audience.External("crm", "7")},
			FirstName: audience.NewPrivate("Jane <&>"), LastName: audience.NewPrivate("Dö\"e"), Phone: audience.NewPrivate("+15005550006"),
			SetTags: []string{"b", "a, c"}, CreatedAt: time.Date(2025, 1, 2, 3, 4, 5, 600_000, time.UTC),
			Set: map[string]audience.Value{
				"zip": audience.StringValue("007"), "age": audience.IntValue(30), "score": audience.DoubleValue(2), "vip": audience.BoolValue(true),
				"seen": audience.TimestampValue(now), "birthday": audience.DateValue(day), "likes": audience.StringListValue("x", "y,z"),
			},
		}, audience.ContactWrite{Match: audience.Email("bob@example.com")})
		if err != nil {
			return err
		}
		if _, err := tx.Record(t.Context(), audience.ConsentWrite{
			Contact: audience.Key("u1"), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
			Mechanism: audience.MechanismAttested, Evidence: []byte("attested"),
		}, audience.ConsentWrite{
			Contact: audience.Key("u1"), Kind: audience.ConsentGranted, Scope: audience.Scope{Channel: "email", Purpose: "marketing", List: "news"},
			Mechanism: audience.MechanismAttested, Evidence: []byte("attested"),
		}); err != nil {
			return err
		}
		return tx.AddToList(t.Context(), "beta", audience.Source{}, audience.Key("u1"))
	})
	require.NoError(t, err)
	return aud
}

func TestNDJSON(t *testing.T) {
	aud := janeAndBob(t)
	var out strings.Builder
	result, err := export(t, aud, exporter.NDJSON(&out), exporter.Options{})
	require.NoError(t, err)
	require.Equal(t, 2, result.Written)
	want := []string{
		`{"external_id":"u1","email":"Jane@Example.com","first_name":"Jane <&>","last_name":"Dö\"e","phone":"+15005550006",` +
			`"tags":["a, c","b"],"status":"subscribed","created_at":"2025-01-02T03:04:05.0006Z",` +
			`"fields":{"age":30,"birthday":"2026-01-31","likes":["x","y,z"],"score":2.0,"seen":"2026-03-01T12:00:00Z","vip":true,"zip":"007"}}`,
		`{"email":"bob@example.com","status":"none","created_at":"2026-03-01T12:00:00Z"}`,
		"",
	}
	require.Equal(t, want, strings.Split(out.String(), "\n"))

	out.Reset()
	_, err = export(t, aud, exporter.NDJSON(&out), exporter.Options{At: now.Add(-time.Hour), Members: ids(1)})
	require.NoError(t, err)
	require.Contains(t, out.String(), `"status":"none"`, "an hour earlier she had not consented")
}

func TestNDJSONColumns(t *testing.T) {
	var out strings.Builder
	_, err := export(t, janeAndBob(t), exporter.NDJSON(&out), exporter.Options{Columns: []string{
		"zip", "id", "external:crm", "consent:research", "consent:marketing", "lists", "other_emails", "external:erp", "vip", "updated_at", "frequency",
	}})
	require.NoError(t, err)
	requireText(t, `{"fields":{"zip":"007","vip":true},"id":1,"external":{"crm":"7"},"consent":{"research":"none","marketing":"subscribed"},`+
		`"lists":["beta","news"],"updated_at":"2026-03-01T12:00:00Z"}`+"\n"+
		`{"id":2,"consent":{"research":"none","marketing":"none"},"updated_at":"2026-03-01T12:00:00Z"}`+"\n", out.String())
}

func TestJSON(t *testing.T) {
	var out strings.Builder
	_, err := export(t, janeAndBob(t), exporter.JSON(&out), exporter.Options{Columns: []string{"email", "zip", "seen"}})
	require.NoError(t, err)
	requireText(t, `{"audiencekit":1,"fields":{"zip":"string","seen":"timestamp"},"contacts":[
{"email":"Jane@Example.com","fields":{"zip":"007","seen":"2026-03-01T12:00:00Z"}},
{"email":"bob@example.com"}
]}
`, out.String())
	require.True(t, json.Valid([]byte(out.String())))

	out.Reset()
	_, err = export(t, open(t), exporter.JSON(&out), exporter.Options{})
	require.NoError(t, err)
	require.JSONEq(t, `{"audiencekit":1,"fields":{},"contacts":[]}`, out.String())
}

// FuzzJSONText: any text is valid JSON and comes back; what is no UTF-8 as
// encoding/json has it.
func FuzzJSONText(f *testing.F) {
	for _, s := range []string{"", "\x00\x1f\x7f", "\"\\/<>&", "\u2028😀", "\xff\xc3", "\ufffd", "\r\n\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var out strings.Builder
		enc := exporter.NDJSON(&out)
		require.NoError(t, enc.Begin([]exporter.Column{{Name: "email", Type: audience.TypeString}}))
		require.NoError(t, enc.Encode([]audience.Value{audience.StringValue(s)}))
		_, err := enc.End()
		require.NoError(t, err)
		var got struct{ Email string }
		require.NoError(t, json.Unmarshal([]byte(out.String()), &got))
		require.Equal(t, string([]rune(s)), got.Email)
		require.Equal(t, 1, strings.Count(out.String(), "\n"))
	})
}
