package dbtest_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// explainer is what the roles of this adapter have besides.
type explainer interface {
	ExplainCandidates(ctx context.Context, p store.Predicate, at time.Time, after audience.ContactID, limit int) ([]string, error)
}

// TestPushdownPlans holds that conditions are written as their indexes are: a
// database that does not see that they are the same reads everything.
func TestPushdownPlans(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		db := d.Open(t)
		w := pushdownIn(t, db, d)
		const n = 3_000
		contacts := make([]audience.Contact, n)
		for i := range contacts {
			contacts[i].Fields = []audience.FieldValue{
				{ID: 1, Value: audience.StringValue(fmt.Sprintf("v%d", i))},
				{ID: 2, Value: audience.IntValue(int64(i))},
				{ID: 3, Value: audience.DoubleValue(float64(i) / 10)},
			}
			contacts[i].Tags = []audience.Tag{{Name: fmt.Sprintf("t%d", i%1_000)}}
		}
		ids := w.add(t, contacts...)
		w.update(t, func(roles store.WriteRoles) error {
			var events []audience.Event
			for i, id := range ids {
				events = append(events, audience.Event{Contact: id, Origin: id, ID: "e", Type: fmt.Sprintf("type%d", i%10), Time: pushdownNow().Add(time.Duration(i) * time.Minute)})
			}
			return roles.PutEvents(t.Context(), events)
		})
		aud, err := store.Open(t.Context(), w.store, pushdownAudience, store.Options{Schema: audience.Schema{Fields: []audience.Field{
			{Name: "a", Type: audience.TypeString}, {Name: "b", Type: audience.TypeInt}, {Name: "c", Type: audience.TypeDouble}, {Name: "d", Type: audience.TypeStringList},
		}}})
		require.NoError(t, err)
		for range 2 { // those that are there stay
			require.NoError(t, sqlstore.IndexFields(t.Context(), aud))
		}
		analyze(t, db, d.Engine)

		field := func(id audience.FieldID, op store.CompareOp, v audience.Value) store.Predicate {
			return store.Compare{Feature: store.Feature{Kind: store.FeatureField, Field: id}, Op: op, Value: v}
		}
		filter := store.EventFilter{Types: []string{"type3"}, From: pushdownNow().Add(2_900 * time.Minute), Until: pushdownNow().Add(3_000 * time.Minute)}
		tests := map[string]struct {
			predicate store.Predicate
			index     map[dbtest.Engine]string
		}{
			"text":   {field(1, store.Equal, audience.StringValue("v77")), theSame("search_s1")},
			"texts":  {store.And{field(1, store.GreaterOrEqual, audience.StringValue("v299")), field(1, store.Less, audience.StringValue("v2990"))}, theSame("search_s1")},
			"int":    {field(2, store.Equal, audience.IntValue(77)), theSame("search_i2")},
			"ints":   {store.And{field(2, store.Greater, audience.IntValue(77)), field(2, store.LessOrEqual, audience.IntValue(80))}, theSame("search_i2")},
			"double": {field(3, store.Equal, audience.DoubleValue(7.7)), theSame("search_d3")},
			"tag": {store.HasTag{Tag: "t7"}, map[dbtest.Engine]string{
				dbtest.Postgres: "ak_tags_pkey", dbtest.MySQL: "PRIMARY", dbtest.SQLite: "ak_tags USING PRIMARY KEY|r USING PRIMARY KEY",
			}},
			"events": {store.CompareCount{Events: filter, Op: store.Greater, N: 1}, theSame("ak_events_type")},
			"event":  {store.CompareCount{Events: filter, Op: store.Greater, N: 0}, theSame("ak_events_type")},
		}
		require.NoError(t, w.partition.View(t.Context(), func(roles store.ReadRoles) error {
			r, ok := store.As[explainer](roles)
			require.True(t, ok)
			for name, tt := range tests {
				plan, err := r.ExplainCandidates(t.Context(), tt.predicate, pushdownNow(), 0, 100)
				require.NoError(t, err, name)
				require.True(t, mentions(plan, tt.index[d.Engine]), "%s: %s\n%s", name, tt.index[d.Engine], strings.Join(plan, "\n"))
			}
			return nil
		}))
	})
}

func theSame(index string) map[dbtest.Engine]string {
	return map[dbtest.Engine]string{dbtest.Postgres: index, dbtest.MySQL: index, dbtest.SQLite: index}
}

// mentions reports whether a plan has one of some texts.
func mentions(plan []string, texts string) bool {
	all := strings.Join(plan, "\n")
	for text := range strings.SplitSeq(texts, "|") {
		if strings.Contains(all, text) {
			return true
		}
	}
	return false
}

func analyze(t *testing.T, db *sql.DB, e dbtest.Engine) {
	t.Helper()
	statement := map[dbtest.Engine]string{dbtest.Postgres: "ANALYZE ", dbtest.MySQL: "ANALYZE TABLE ", dbtest.SQLite: "ANALYZE "}[e]
	for _, table := range []string{"contacts", "events", "tags"} {
		drain(t, db, statement+"ak_"+table)
	}
}

// drain runs a statement that may give rows.
func drain(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), statement)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
	}
	require.NoError(t, rows.Err())
}
