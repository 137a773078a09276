package segment_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// setNow is the instant that tests of sets stand at.
func setNow() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func setSchema() audience.Schema {
	return audience.Schema{
		Fields: []audience.Field{
			{Name: "age", Type: audience.TypeInt},
			{Name: "city", Type: audience.TypeString},
			{Name: "seen", Type: audience.TypeTimestamp},
		},
		Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{
			{Name: "page", Type: audience.TypeString}, {Name: "utm", Type: audience.TypeString},
		}}},
		Purposes: []audience.Purpose{{Name: "offers"}},
		Lists: []audience.List{
			{Name: "never", Kind: audience.ListStatic},
			{Name: "news", Kind: audience.ListTopic},
			{Name: "deals", Kind: audience.ListTopic, Purpose: "offers"},
		},
	}
}

// setAudience opens a new audience in a new store.
func setAudience(t testing.TB, change ...func(*store.Options)) *store.Audience {
	t.Helper()
	keys, err := audience.NewKeys("k", map[string][]byte{"k": bytes.Repeat([]byte("k"), 32)})
	require.NoError(t, err)
	opts := store.Options{Schema: setSchema(), Keys: keys, Clock: setNow}
	for _, c := range change {
		c(&opts)
	}
	aud, err := store.Open(t.Context(), memstore.New(), "main", opts)
	require.NoError(t, err)
	return aud
}

// setLanguage makes the language of an audience.
func setLanguage(t testing.TB, aud *store.Audience, functions ...segment.Function) *segment.Language {
	t.Helper()
	l, err := segment.LanguageOf(aud, segment.Options{Functions: functions})
	require.NoError(t, err)
	return l
}

// compileSet compiles definitions that are all good: name, source, name,
// source and so on.
func compileSet(t testing.TB, l *segment.Language, namesAndSources ...string) *segment.Set {
	t.Helper()
	set, err := l.CompileSet(define(namesAndSources...)...)
	require.NoError(t, err)
	return set
}

func define(namesAndSources ...string) []segment.Definition {
	var defs []segment.Definition
	for i := 0; i < len(namesAndSources); i += 2 {
		name := namesAndSources[i]
		defs = append(defs, segment.Definition{Name: name, Source: namesAndSources[i+1], File: name + ".cel"})
	}
	return defs
}

// putAges makes contacts u0, u1, ... of the given ages; a negative age is
// unknown.
func putAges(t testing.TB, aud *store.Audience, ages ...int64) []audience.ContactID {
	t.Helper()
	var ids []audience.ContactID
	for start := 0; start < len(ages); start += 5_000 {
		var writes []audience.ContactWrite
		for i, age := range ages[start:min(start+5_000, len(ages))] {
			w := audience.ContactWrite{Match: audience.Key(fmt.Sprintf("u%d", start+i))}
			if age >= 0 {
				w.Set = map[string]audience.Value{"age": audience.IntValue(age)}
			}
			writes = append(writes, w)
		}
		_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
			results, err := tx.Put(t.Context(), writes...)
			for _, r := range results {
				ids = append(ids, r.ID)
			}
			return err
		})
		require.NoError(t, err)
	}
	return ids
}

// profileOf gives a contact's profile with the parts that a set reads.
func profileOf(t testing.TB, aud *store.Audience, ref audience.Ref, parts audience.ProfileParts) *audience.Profile {
	t.Helper()
	var p audience.Profile
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) (err error) {
		p, err = r.Profile(t.Context(), ref, parts)
		return err
	}))
	return &p
}

// allParts names every part that a profile can have.
func allParts(schema audience.Schema) audience.ProfileParts {
	parts := audience.ProfileParts{Lists: true, Ledger: true, Suppressed: true}
	for _, t := range schema.Complete().Events {
		parts.Events = append(parts.Events, t.Name)
	}
	return parts
}

// aged is a profile of somebody of whom an age is known and no more.
func aged(t testing.TB, aud *store.Audience, age int64) *audience.Profile {
	t.Helper()
	ref := audience.Key(fmt.Sprintf("aged %d", age))
	w := audience.ContactWrite{Match: ref}
	if age >= 0 {
		w.Set = map[string]audience.Value{"age": audience.IntValue(age)}
	}
	_, err := aud.Put(t.Context(), w)
	require.NoError(t, err)
	return profileOf(t, aud, ref, allParts(aud.Schema()))
}
