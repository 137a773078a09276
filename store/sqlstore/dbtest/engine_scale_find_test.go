package dbtest

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// envFindContacts says of how many contacts the shop of TestFindBesideHand is.
const envFindContacts = "AUDIENCEKIT_FIND_CONTACTS"

// TestFindBesideHand shows what the database's own search for members costs
// beside SQL by hand, without an engine:
//
//	AUDIENCEKIT_FIND_CONTACTS=30000 go test -run TestFindBesideHand -v -timeout 1h .
func TestFindBesideHand(t *testing.T) {
	contacts, err := strconv.Atoi(os.Getenv(envFindContacts))
	if err != nil || contacts < 1 {
		t.Skipf("%s is not set to a number", envFindContacts)
	}
	Run(t, func(t *testing.T, d Database) {
		s := openScale(t, d, contacts)
		s.load()
		s.find(d)
	})
}

// find asks the database for the members of Q1 to Q3, beside SQL that somebody
// would write by hand over the same tables and indexes, who knows what is in
// them: no merged contacts, one property of purchases. Of Q3 there are two, one
// that groups and one that goes through the events of every buyer.
func (s *scale) find(d Database) {
	ctx := s.Context()
	s.measure("index for every field", func() { require.NoError(s, sqlstore.IndexFields(ctx, s.aud)) })
	if d.Engine != SQLite { // what they do by themselves, sooner or later
		analyze := map[Engine]string{Postgres: "ANALYZE", MySQL: "ANALYZE TABLE ak_contacts, ak_tags, ak_events, ak_standings"}[d.Engine]
		_, err := s.db.ExecContext(ctx, analyze)
		require.NoError(s, err)
	}
	language, err := segment.LanguageOf(s.aud, segment.Options{})
	require.NoError(s, err)
	set, err := language.CompileSet(scaleQueries()...)
	require.NoError(s, err)
	for _, name := range []string{"fields", "engaged", "high-value"} {
		s.compare(name, s.byHand(d.Engine)[name], func() (ids []audience.ContactID) {
			require.NoError(s, s.aud.View(ctx, func(r *store.Reader) error {
				members, err := set.Find(ctx, r, name, instant(0), nil)
				ids = slices.Collect(members.All())
				return err
			}))
			return ids
		})
	}
}

// compare measures a query beside statements by hand, which have to find the
// same. They take turns, at least five and the more the shorter they are, and the
// least time of each counts: whatever else runs on the machine only adds.
func (s *scale) compare(name string, byHand []string, find func() []audience.ContactID) {
	least := make([]time.Duration, 1+len(byHand))
	var ids []audience.ContactID
	for turn, start := 0, time.Now(); turn < 5 || time.Since(start) < 3*time.Second; turn++ {
		for i := range least {
			begun := time.Now()
			if i == 0 {
				ids = find()
			} else {
				require.Equal(s, ids, s.idsOf(byHand[i-1]))
			}
			if took := time.Since(begun); turn == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	var line strings.Builder
	fmt.Fprintf(&line, "%-10s %7d members, ours %s", name, len(ids), least[0].Round(time.Millisecond))
	for _, took := range least[1:] {
		fmt.Fprintf(&line, ", by hand %s (%.2f)", took.Round(time.Millisecond), least[0].Seconds()/took.Seconds())
	}
	s.Log(line.String())
}

func (s *scale) idsOf(text string) (ids []audience.ContactID) {
	rows, err := s.db.QueryContext(s.Context(), text)
	require.NoError(s, err)
	defer rows.Close()
	for rows.Next() {
		var id audience.ContactID
		require.NoError(s, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(s, rows.Err())
	slices.Sort(ids)
	return ids
}

// byHand gives the statements for each query.
func (s *scale) byHand(engine Engine) map[string][]string {
	now := instant(0)
	micros := func(at time.Time) string { return strconv.FormatInt(audience.Micros(at), 10) }
	schema := s.aud.Schema()
	value := func(name, letter string) string {
		f, ok := schema.FieldNamed(name)
		require.True(s, ok)
		key := fmt.Sprintf("%s%d", letter, f.ID)
		switch {
		case engine == Postgres && letter == "s":
			return `((c.attrs ->> '` + key + `') COLLATE "C")`
		case engine == Postgres:
			return "((c.attrs -> '" + key + "')::bigint)"
		case engine == MySQL:
			return "c.search_" + key
		}
		return "(c.attrs ->> '" + key + "')"
	}
	fill := strings.NewReplacer(
		"{country}", value("country", "s"), "{age}", value("age", "i"), "{now}", micros(now),
		"{30d}", micros(now.AddDate(0, 0, -30)), "{60d}", micros(now.AddDate(0, 0, -60)),
		"{1y}", micros(now.AddDate(-1, 0, 0)), "{6mo}", micros(now.AddDate(0, -6, 0)),
	).Replace
	const buyers = `SELECT e.contact FROM ak_events e WHERE e.audience = 1 AND e.type = 'purchase' AND e.at_us <= {now} AND e.retracted = 0
		GROUP BY e.contact HAVING SUM(e.amount) > 100000000 AND SUM(CASE WHEN e.at_us > {1y} THEN 1 ELSE 0 END) > 3`
	const opens = `SUM(CASE WHEN e.type = 'email.opened' THEN 1 ELSE 0 END) > 0.5 * SUM(CASE WHEN e.type = 'email.sent' THEN 1 ELSE 0 END)
		AND SUM(CASE WHEN e.type = 'email.sent' THEN 1 ELSE 0 END) > 0`
	ofType := "e.type"
	if engine == SQLite { // without ANALYZE it would go through all events of the types, for each buyer
		ofType = "+e.type"
	}
	return map[string][]string{
		"fields": {fill(`SELECT c.id FROM ak_contacts c WHERE c.audience = 1 AND {country} = 'DE' AND {age} >= 30
			AND EXISTS (SELECT 1 FROM ak_tags t WHERE t.audience = 1 AND t.tag = 'vip' AND t.contact = c.id)`)},
		"engaged": {fill(`SELECT s.contact FROM ak_standings s WHERE s.audience = 1 AND s.purpose = 'marketing' AND s.list = '' AND s.status = 2
			AND s.contact IN (SELECT e.contact FROM ak_events e WHERE e.audience = 1 AND e.type = 'email.opened' AND e.at_us > {30d} AND e.at_us <= {now} AND e.retracted = 0)
			AND s.contact IN (SELECT e.contact FROM ak_events e WHERE e.audience = 1 AND e.type = 'email.clicked' AND e.at_us > {60d} AND e.at_us <= {now} AND e.retracted = 0)`)},
		"high-value": {
			fill(`SELECT p.contact FROM (` + buyers + `) p JOIN ak_contacts c ON c.audience = 1 AND c.id = p.contact AND c.created_us < {6mo}
				JOIN (SELECT e.contact FROM ak_events e WHERE e.audience = 1 AND e.type IN ('email.opened', 'email.sent') AND e.at_us <= {now} AND e.retracted = 0
					GROUP BY e.contact HAVING ` + opens + `) r ON r.contact = p.contact`),
			fill(`SELECT p.contact FROM (` + buyers + `) p JOIN ak_contacts c ON c.audience = 1 AND c.id = p.contact AND c.created_us < {6mo}
				WHERE EXISTS (SELECT 1 FROM ak_events e WHERE e.audience = 1 AND e.contact = p.contact AND ` + ofType + ` IN ('email.opened', 'email.sent')
					AND e.at_us <= {now} AND e.retracted = 0 GROUP BY e.contact HAVING ` + opens + `)`),
		},
	}
}
