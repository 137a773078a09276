package sqlstore

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// listed is a statement as it is written, before names and lists are filled in.
type listed struct {
	key        shardKey
	name, text string
}

func listing(d *dialect) []listed {
	all := newStatements(d)
	var out []listed
	for _, st := range all.statements {
		if strings.HasPrefix(st.name, "number commit") && strings.Count(st.text, "WHEN ? THEN ?") > 2 {
			continue // the same for more rows
		}
		out = append(out, listed{st.key, st.name, st.text})
	}
	for _, in := range all.insertions {
		out = append(out, listed{in.key, in.name, in.text(d, 1, false)})
		if d.arrays {
			out = append(out, listed{in.key, in.name, in.text(d, 2, true)})
		}
	}
	return out
}

// TestStatements lists every statement of the adapter with the key by which a
// store that is spread by contact finds its rows, in testdata/statements.txt.
// AUDIENCEKIT_UPDATE=1 writes the file anew.
func TestStatements(t *testing.T) {
	const path = "testdata/statements.txt"
	in := make(map[listed][]string)
	for _, kind := range []Dialect{Postgres, MySQL, SQLite} {
		d, _ := dialectOf(kind)
		for _, l := range listing(d) {
			in[l] = append(in[l], kind.String())
		}
	}
	rows := make([]listed, 0, len(in))
	for l := range in {
		rows = append(rows, l)
	}
	slices.SortFunc(rows, func(a, b listed) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.name, b.name), cmp.Compare(in[a][0], in[b][0]), cmp.Compare(a.text, b.text))
	})
	var b strings.Builder
	for i, l := range rows {
		if i == 0 || rows[i-1].key != l.key {
			fmt.Fprintf(&b, "\n# %s\n", meaning(l.key))
		}
		fmt.Fprintf(&b, "%-12s | %-34s | %-21s | %s\n", l.key, l.name, strings.Join(in[l], " "), l.text)
	}
	got := "shard key    | statement                          | dialects              | text\n" + b.String()
	if os.Getenv("AUDIENCEKIT_UPDATE") != "" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "AUDIENCEKIT_UPDATE=1 writes %s anew", path)
}

func meaning(k shardKey) string {
	switch k {
	case byAudience:
		return "audience: a few rows for each audience, on the shard of the audience"
	case byContact:
		return "contact: rows of the contacts that it is given, on the shards of these"
	case byIdentity:
		return "identity: the rows of the identities that it is given, each on the shard of its own"
	case byHash:
		return "address hash: the rows of the hashes that it is given"
	case byRecord:
		return "record: the rows of the names that it is given"
	case onEachShard:
		return "shard: the feed of one shard, which is written, numbered and read by itself"
	case everywhere:
		return "all: every shard, whose answers are united"
	default:
		return "none"
	}
}

// home is what rows of a table are spread by, and the columns of that.
type home struct {
	key     shardKey
	columns []string
}

func homes() map[string]home {
	contact := home{byContact, []string{"contact"}}
	feed := home{onEachShard, nil}
	return map[string]home{
		"audiences":    {byAudience, []string{"name"}},
		"counters":     {byAudience, []string{"audience"}},
		"contacts":     {byContact, []string{"id"}},
		"tags":         contact,
		"events":       contact,
		"members":      contact,
		"ledger":       contact,
		"standings":    contact,
		"merges":       {byContact, []string{"loser"}},
		"identities":   {byIdentity, []string{"kind", "ident"}},
		"suppressions": {byHash, []string{"key_id", "sum"}},
		"records":      {byRecord, []string{"namespace", "name"}},
		"heads":        feed,
		"feed":         feed,
		"feed_parts":   feed,
		"mentions":     feed,
	}
}

func tablesOf(text string) (out []string) {
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(text, -1) {
		if m[1] != "joined" {
			out = append(out, m[1])
		}
	}
	return out
}

// TestStatementsOfShards holds that no statement does what a store spread by
// contact could not: each reads and writes tables that are spread alike, and is
// given values of what they are spread by unless it asks all shards.
func TestStatementsOfShards(t *testing.T) {
	for _, kind := range []Dialect{Postgres, MySQL, SQLite} {
		d, _ := dialectOf(kind)
		for _, l := range listing(d) {
			require.NoError(t, onShards(l), kind)
		}
	}
	contact := "SELECT id FROM {contacts} WHERE audience = ? AND id = ?"
	require.NoError(t, onShards(listed{byContact, "x", contact}))
	for name, l := range map[string]listed{
		"without the key":     {byContact, "x", "SELECT id FROM {contacts} WHERE audience = ?"},
		"another key":         {byRecord, "x", contact},
		"tables spread apart": {everywhere, "x", "SELECT 1 FROM {contacts} c JOIN {identities} i ON i.contact = c.id"},
		"a part of the key":   {byIdentity, "x", "SELECT 1 FROM {identities} WHERE audience = ? AND kind = ?"},
		"an insert elsewhere": {byContact, "x", "INSERT INTO {records} (audience, contact) VALUES (?, ?)"},
	} {
		require.Error(t, onShards(l), name)
	}
}

func onShards(l listed) error {
	tables := tablesOf(l.text)
	for _, table := range tables {
		h, ok := homes()[table]
		switch {
		case !ok:
			return fmt.Errorf("%s: table %s has no home", l.name, table)
		case h.key != homes()[tables[0]].key:
			return fmt.Errorf("%s: %s and %s are spread apart", l.name, table, tables[0])
		case l.key == everywhere:
		case h.key != l.key:
			return fmt.Errorf("%s: %s is not spread by %s", l.name, table, l.key)
		}
		if l.key == everywhere {
			continue
		}
		for _, column := range h.columns {
			given := regexp.MustCompile(`\b` + column + ` (= \?|IN \(\?, NULL\)|\{in |= listed\.|= given\.)|\{pairs ` + column + ` |^INSERT INTO \{\w+\} \((\w+, )*` + column + `\b`)
			if !given.MatchString(l.text) {
				return fmt.Errorf("%s: it is not given %s of %s", l.name, column, table)
			}
		}
	}
	return nil
}

// TestPredicatesOfShards holds the same of the statements made for predicates:
// of each contact only what lies with her is read. The one exception is who has
// merged contacts, which is asked for by itself: a set of ids, from all shards.
func TestPredicatesOfShards(t *testing.T) {
	filter := store.EventFilter{Types: []string{"purchase"}}
	p := store.And{
		equals(audience.IntValue(1)),
		store.HasTag{Tag: "a"},
		store.Not{Part: store.HasTag{Tag: "b"}},
		store.OnList{List: audience.List{Name: "gold", Kind: audience.ListStatic}},
		store.OnList{List: audience.List{Name: "news", Kind: audience.ListTopic}},
		store.Consents{Purpose: "service"},
		store.CompareCount{Events: filter, Op: store.Greater, N: 3},
		store.CompareSum{Events: filter, Props: []audience.PropID{1}, Op: store.Greater, Value: 3},
		store.CompareAvg{Events: filter, Props: []audience.PropID{1}, Op: store.Greater, Value: 3},
		store.CompareRate{Of: filter, Over: filter, Op: store.Greater, Value: 3},
		store.CompareEdge{Events: filter, Last: true, Op: store.Less},
	}
	const exception = "c.id IN (SELECT m.winner FROM {merges} m WHERE m.audience = ? UNION ALL " +
		"SELECT s.contact FROM {standings} s WHERE s.audience = ? AND s.purpose = ? AND s.list = ?)"
	for _, kind := range []Dialect{Postgres, MySQL, SQLite} {
		q, err := rendering(t, kind, p)
		require.NoError(t, err)
		require.NoError(t, onShards(listed{everywhere, "candidates", q.regular.text}))
		require.NotContains(t, tablesOf(q.regular.text), "merges")
		require.Contains(t, q.irregular.text, exception)
		require.NoError(t, onShards(listed{everywhere, "candidates", q.irregular.text}))
		require.NotContains(t, tablesOf(strings.Replace(q.irregular.text, exception, "", 1)), "merges")
		// What is joined is joined by the contact.
		joins := regexp.MustCompile(`JOIN`).FindAllString(q.regular.text, -1)
		same := regexp.MustCompile(`j\d+ ON j\d+\.contact = c\.id|c ON c\.id = j\d+\.contact`).FindAllString(q.regular.text, -1)
		require.NotEmpty(t, joins)
		require.Len(t, same, len(joins))

		// Where no contact is read, that she was not merged is: it lies with her.
		const hers = "{merges} m WHERE m.audience = ? AND m.loser = j0.contact"
		q, err = rendering(t, kind, store.And{
			store.Compare{Feature: store.Feature{Kind: store.FeatureStatus}, Op: store.Equal, Value: audience.StringValue("subscribed")},
			store.CompareCount{Events: filter, Op: store.Greater, N: 0},
		})
		require.NoError(t, err)
		require.Contains(t, q.regular.text, hers)
		require.NoError(t, onShards(listed{everywhere, "candidates", q.regular.text}))
		require.NotContains(t, tablesOf(strings.Replace(q.regular.text, hers, "", 1)), "merges")
	}
}

// TestStatementsAreComplete holds that hosts are shown what runs.
func TestStatementsAreComplete(t *testing.T) {
	for _, kind := range []Dialect{Postgres, MySQL, SQLite} {
		d, _ := dialectOf(kind)
		s := &Store{dialect: d, prefix: "x_", sql: newStatements(d)}
		for _, items := range []int{-1, 1, 7, 1 << 20} {
			got := s.Statements(items)
			require.Len(t, got, len(s.sql.statements)+len(s.sql.insertions))
			for _, st := range got {
				require.NotEmpty(t, st.Name)
				require.NotContains(t, []string{"", "none"}, st.Shard)
				require.NotContains(t, st.Text, "{", st.Name)
			}
		}
	}
}
