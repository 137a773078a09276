package dbtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/store"
)

// attacks are texts that mean something to a database, a driver, or a maker
// of statements who puts texts together.
func attacks() []audiencetest.Text {
	var out []audiencetest.Text
	for _, text := range []string{
		`'; DROP TABLE ak_contacts; --`, `"; DROP TABLE ak_contacts; --`, "`; DROP TABLE ak_contacts; --", `\'; DROP TABLE ak_contacts; --`,
		`' OR '1'='1`, `" OR ""="`, `') OR 1=1 --`, `1; DELETE FROM ak_contacts`, `$$; DROP TABLE ak_contacts; $$`, `E'\x27'`, `U&'\0027'`,
		`$1`, `$0`, `?`, `??`, `:name`, `@name`, `%s%d%v`, `{contacts}`, `{}`, `{{`, `ak_contacts`, `/* x`, `-- x`, `# x`, `/*!50000 x */`,
		`$.a`, `$."a"`, `$[0]`, `a"b`, `a.b`, `a[0]`, `a\`, `\`, `\\`, `'`, `''`, `"`, `""`, "`", "``", `{"a":1}`, `[1]`, `null`, `NULL`,
		`100%`, `_`, `%`, `\%`, `a,b`, `{a,b}`, `(a)`, ` `, "\t", "a\x1ab", "\x08", "a\u0001b",
	} {
		out = append(out, audiencetest.Text{Name: text, Text: text})
	}
	out = append(append(out, audiencetest.Hostile()...), audiencetest.Refused()...)
	known := map[string]bool{"": true} // which means in many places that there is no text
	return slices.DeleteFunc(out, func(text audiencetest.Text) bool {
		twice := known[text.Text]
		known[text.Text] = true
		return twice
	})
}

// place is somewhere a text goes to and comes back from. Each text has a
// contact of its own, and everything of a place is in one audience, so that
// two texts which the database takes for the same are found out.
type place struct {
	name  string
	write func(ctx context.Context, tx *store.Tx, key, text string) error
	read  func(ctx context.Context, r *store.Reader, key, text string) (string, error)
}

// TestInjection holds that a text is stored and given back exactly or refused
// by validation, whatever it is and wherever it stands.
func TestInjection(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		source := d.Fresh(t)
		ctx := t.Context()
		texts := attacks()
		stored := make(map[string]bool) // by place and text
		_, err := openInjected(ctx, source.Store(t, d.Engine)).Put(ctx, hostilePerson(0))
		require.NoError(t, err)
		tables := tablesOf(t, d, source)

		aud := openInjected(ctx, source.Store(t, d.Engine))
		for _, p := range places() {
			for i, text := range texts {
				_, err := aud.Update(ctx, func(tx *store.Tx) error {
					if _, err := tx.Put(ctx, hostilePerson(i)); err != nil {
						return err
					}
					return p.write(ctx, tx, keyOf(i), text.Text)
				})
				if err != nil {
					require.ErrorIs(t, err, audience.ErrInvalid, "%s: %q", p.name, text.Name)
				}
				stored[p.name+"\x00"+text.Text] = err == nil
			}
		}

		aud = openInjected(ctx, source.Store(t, d.Engine))
		for _, p := range places() {
			kept := 0
			for i, text := range texts {
				if !stored[p.name+"\x00"+text.Text] {
					continue
				}
				kept++
				require.NoError(t, aud.View(ctx, func(r *store.Reader) error {
					got, err := p.read(ctx, r, keyOf(i), text.Text)
					require.NoError(t, err, "%s: %q", p.name, text.Name)
					require.Equal(t, text.Text, got, "%s: %q", p.name, text.Name)
					return nil
				}))
			}
			require.Greater(t, kept, 20, "%s refuses nearly everything", p.name)
			t.Logf("%s: %d texts kept, %d refused", p.name, kept, len(texts)-kept)
		}
		require.Equal(t, tables, tablesOf(t, d, source))
		requireSound(t, aud)
	})
}

// TestInjectionOfConstants holds that a search for any text finds what the
// reference finds.
func TestInjectionOfConstants(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		ctx := t.Context()
		aud := openInjected(ctx, d.Fresh(t).Store(t, d.Engine))
		texts := attacks()
		for i, text := range texts {
			_, err := aud.Put(ctx, hostilePerson(i))
			require.NoError(t, err)
			for _, p := range places() {
				if p.name != "field" && p.name != "item" && p.name != "tag" && p.name != "first name" {
					continue
				}
				_, err := aud.Update(ctx, func(tx *store.Tx) error { return p.write(ctx, tx, keyOf(i), text.Text) })
				if err != nil {
					require.ErrorIs(t, err, audience.ErrInvalid)
				}
			}
		}
		var all []audience.Profile
		require.NoError(t, aud.View(ctx, func(r *store.Reader) error {
			for profile, err := range r.AllProfiles(ctx, store.ProfileQuery{Parts: audience.ProfileParts{Lists: true, Ledger: true}}) {
				require.NoError(t, err)
				all = append(all, profile)
			}
			return nil
		}))
		require.Len(t, all, len(texts))
		for _, text := range texts {
			for what, where := range searches(aud, text.Text) {
				var want, got []audience.ContactID
				for i := range all {
					if store.Match(where, &all[i], aud.Now()) {
						want = append(want, all[i].Contact.ID)
					}
				}
				err := aud.View(ctx, func(r *store.Reader) error {
					for c, err := range r.AllContacts(ctx, store.ContactQuery{Where: where}) {
						if err != nil {
							return err
						}
						got = append(got, c.ID)
					}
					return nil
				})
				if errors.Is(err, audience.ErrInvalid) {
					continue
				}
				require.NoError(t, err, "%s: %q", what, text.Name)
				require.Equal(t, want, got, "%s: %q", what, text.Name)
			}
		}
	})
}

// searches are predicates with a text in every place where one can stand.
func searches(aud *store.Audience, text string) map[string]store.Predicate {
	schema := aud.Schema()
	bio, _ := schema.FieldNamed("bio")
	likes, _ := schema.FieldNamed("likes")
	feature := store.Feature{Kind: store.FeatureField, Field: bio.ID}
	value := audience.StringValue(text)
	return map[string]store.Predicate{
		"equal":       store.Compare{Feature: feature, Op: store.Equal, Value: value},
		"not equal":   store.Compare{Feature: feature, Op: store.NotEqual, Value: value},
		"less":        store.Compare{Feature: feature, Op: store.Less, Value: value},
		"greater":     store.Compare{Feature: feature, Op: store.GreaterOrEqual, Value: value},
		"first name":  store.Compare{Feature: store.Feature{Kind: store.FeatureFirstName}, Op: store.Equal, Value: value},
		"email":       store.Compare{Feature: store.Feature{Kind: store.FeatureEmail}, Op: store.LessOrEqual, Value: value},
		"one of":      store.OneOf{Feature: feature, Values: []audience.Value{value, audience.StringValue("x"), value}},
		"tag":         store.HasTag{Tag: text},
		"no tag":      store.Not{Part: store.HasTag{Tag: text}},
		"item":        store.ListContains{Field: likes.ID, Item: text},
		"static list": store.OnList{List: audience.List{Name: text, Kind: audience.ListStatic}},
		"topic":       store.OnList{List: audience.List{Name: text, Kind: audience.ListTopic, Purpose: text}},
		"purpose":     store.Not{Part: store.Consents{Purpose: text}},
	}
}

func keyOf(i int) string { return fmt.Sprintf("k%d", i) }

func hostilePerson(i int) audience.ContactWrite {
	return audience.ContactWrite{Match: audience.Key(keyOf(i))}
}

// openInjected opens the audience that texts are put into.
func openInjected(ctx context.Context, a store.Adapter) *store.Audience {
	aud, err := store.Open(ctx, a, "main", store.Options{Schema: audience.Schema{
		Fields: []audience.Field{{Name: "bio", Type: audience.TypeString}, {Name: "likes", Type: audience.TypeStringList}},
	}})
	if err != nil {
		panic(err) // of a test
	}
	return aud
}

// tablesOf gives the names of the tables.
func tablesOf(t *testing.T, d Database, s Source) (tables []string) {
	t.Helper()
	query := map[Engine]string{
		Postgres: "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1",
		MySQL:    "SELECT table_name FROM information_schema.tables WHERE table_schema = database() ORDER BY 1",
		SQLite:   "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1",
	}[d.Engine]
	rows, err := s.Open(t).QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	require.NoError(t, rows.Err())
	require.True(t, len(tables) > 10 && strings.HasPrefix(tables[0], "ak_"), "%q", tables)
	return tables
}
