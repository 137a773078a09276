package importer_test

import (
	"bytes"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is an audience with keys, fields and lists, whose clock a test moves.
type world struct {
	*store.Audience
	t   testing.TB
	now time.Time
}

func newWorld(t testing.TB, change ...func(*store.Options)) *world {
	t.Helper()
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, 32)})
	require.NoError(t, err)
	w := &world{t: t, now: now}
	opts := store.Options{
		Keys: keys, Clock: func() time.Time { return w.now },
		Schema: audience.Schema{
			Fields: []audience.Field{{Name: "city", Type: audience.TypeString}, {Name: "score", Type: audience.TypeInt}},
			Lists:  []audience.List{{Name: "vip", Kind: audience.ListStatic}, {Name: "pals", Kind: audience.ListStatic}, {Name: "news", Kind: audience.ListTopic}},
		},
	}
	for _, c := range change {
		c(&opts)
	}
	w.Audience, err = store.Open(t.Context(), memstore.New(), "main", opts)
	require.NoError(t, err)
	return w
}

func (w *world) update(fn func(tx *store.Tx) error) {
	w.t.Helper()
	_, err := w.Update(w.t.Context(), fn)
	require.NoError(w.t, err)
}

func (w *world) view(fn func(r *store.Reader) error) {
	w.t.Helper()
	require.NoError(w.t, w.View(w.t.Context(), fn))
}

func (w *world) put(writes ...audience.ContactWrite) {
	w.t.Helper()
	w.update(func(tx *store.Tx) error { _, err := tx.Put(w.t.Context(), writes...); return err })
}

func (w *world) contact(ref audience.Ref) audience.Contact {
	w.t.Helper()
	c, err := w.Contact(w.t.Context(), ref)
	require.NoError(w.t, err)
	return c
}

func (w *world) status(ref audience.Ref) string {
	w.t.Helper()
	p, err := w.Profile(w.t.Context(), ref, audience.ProfileParts{Ledger: true})
	require.NoError(w.t, err)
	return p.Status(w.now).Status.String()
}

// run imports rows of the host's and holds that the counts add up.
func (w *world) run(plan *importer.Plan, opts importer.Options, rows ...*importer.Contact) *importer.Report {
	w.t.Helper()
	report, err := importer.Contacts(w.t.Context(), w.Audience, sequence(rows), plan, opts)
	require.NoError(w.t, err)
	require.NoError(w.t, report.Check())
	return report
}

// sequence numbers rows as lines of a file with a header; nil rows are bad.
func sequence(rows []*importer.Contact) iter.Seq2[*importer.Contact, error] {
	return func(yield func(*importer.Contact, error) bool) {
		for i, c := range rows {
			if c == nil {
				bad := &importer.RowError{Line: i + 2, Column: 3, Err: &audience.FieldError{Path: "row", Rule: "cells", Hint: "fewer"}}
				if !yield(nil, bad) {
					return
				}
				continue
			}
			same := *c
			same.Line, same.Bytes = i+2, 10
			if !yield(&same, nil) {
				return
			}
		}
	}
}

// row makes a row from "name=value" parts: key, shop (an id of another
// system), email, further, first, last, phone, city, score, tags, status, acted,
// list, born, blank.
func row(parts ...string) *importer.Contact {
	c := &importer.Contact{}
	w := &c.Write
	for _, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "key":
			w.External = append(w.External, audience.External(audience.HostSystem, value))
		case "shop":
			w.External = append(w.External, audience.External("shop", value))
		case "email":
			w.Email = audience.MustAddress(value + "@example.com")
		case "further":
			w.Addresses = append(w.Addresses, audience.MustAddress(value+"@example.com"))
		case "first":
			w.FirstName = audience.NewPrivate(value)
		case "last":
			w.LastName = audience.NewPrivate(value)
		case "phone":
			w.Phone = audience.NewPrivate(value)
		case "city":
			set(w, "city", audience.StringValue(value))
		case "score":
			var n int64
			_, _ = fmt.Sscan(value, &n)
			set(w, "score", audience.IntValue(n))
		case "tags":
			w.SetTags = strings.Split(value, ",")
		case "status":
			c.Status, _ = audience.ParseStatus(value)
		case "acted":
			c.Acted, _ = time.Parse(time.DateOnly, value)
		case "born":
			w.CreatedAt, _ = time.Parse(time.DateOnly, value)
		case "list":
			c.Lists = append(c.Lists, value)
		case "blank":
			c.Blank = append(c.Blank, value)
		case "fact":
			c.Evidence = append(c.Evidence, importer.Fact{Name: "signup_ip", Text: value})
		default:
			panic(name)
		}
	}
	return c
}

func set(w *audience.ContactWrite, name string, v audience.Value) {
	if w.Set == nil {
		w.Set = make(map[string]audience.Value)
	}
	w.Set[name] = v
}

// dump tells everything about everybody that an import may change, with ids or
// without.
func (w *world) dump(ids bool) string {
	w.t.Helper()
	var out []string
	w.view(func(r *store.Reader) error {
		schema := r.Schema()
		parts := audience.ProfileParts{Lists: true, Ledger: true, Suppressed: true}
		for p, err := range r.AllProfiles(w.t.Context(), store.ProfileQuery{Parts: parts}) {
			require.NoError(w.t, err)
			out = append(out, dumpProfile(&schema, &p, w.now, ids))
		}
		return nil
	})
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func dumpProfile(schema *audience.Schema, p *audience.Profile, at time.Time, ids bool) string {
	var b strings.Builder
	c := &p.Contact
	if ids {
		fmt.Fprintf(&b, "%d ", c.ID)
	}
	for _, x := range c.External {
		fmt.Fprintf(&b, "%s:%s ", x.System, x.ID.Reveal())
	}
	for _, a := range c.Addresses {
		fmt.Fprintf(&b, "<%s> ", a.Reveal())
	}
	fmt.Fprintf(&b, "%q %q %q %s", c.FirstName.Reveal(), c.LastName.Reveal(), c.Phone.Reveal(), c.CreatedAt.Format(time.DateOnly))
	for _, f := range schema.Fields {
		if v := c.Value(f.ID); !v.IsZero() {
			fmt.Fprintf(&b, " %s=%s", f.Name, v.Reveal())
		}
	}
	fmt.Fprintf(&b, " tags %v lists %v %s suppressed %t", c.TagNames(), p.Lists, p.Status(at).Status, p.IsSuppressed(at))
	return b.String()
}

// randomRows gives rows about few people, who share names and clash.
func randomRows(r *rand.Rand, n int, statuses []string) []*importer.Contact {
	some := func(parts []string, odds int, name string, values ...string) []string {
		if r.IntN(odds) > 0 {
			return parts
		}
		return append(parts, name+"="+values[r.IntN(len(values))])
	}
	rows := make([]*importer.Contact, n)
	for i := range rows {
		if r.IntN(15) == 0 {
			continue // a bad row
		}
		var parts []string
		parts = some(parts, 2, "key", "u1", "u2", "u3", "u4", "u5", "u6")
		parts = some(parts, 6, "shop", "s1", "s2", "s3")
		if parts = some(parts, 2, "email", "a1", "a2", "A3", "a3", "a4", "a5", "a6", "a7", "a8"); len(parts) == 0 {
			parts = append(parts, fmt.Sprint("email=a", r.IntN(9)))
		}
		parts = some(parts, 8, "further", "a1", "a4", "b1", "b2")
		parts = some(parts, 2, "first", "Ann", "Bob", "Cem")
		parts = some(parts, 5, "last", "Lee", "Ray")
		parts = some(parts, 5, "phone", "1", "2")
		parts = some(parts, 2, "city", "Oslo", "Rome")
		parts = some(parts, 3, "score", "1", "2")
		parts = some(parts, 3, "tags", "x", "x,y", "z")
		parts = some(parts, 4, "list", "vip", "pals")
		parts = some(parts, 5, "blank", "city", "first_name", "tags", "score")
		parts = some(parts, 2, "status", statuses...)
		parts = some(parts, 4, "acted", "2025-01-01", "2025-06-01", "2027-01-01")
		rows[i] = row(parts...)
		if rows[i].Status == audience.StatusNone {
			rows[i].Acted = time.Time{}
		}
		rows[i].Blank = slices.DeleteFunc(rows[i].Blank, func(f string) bool {
			_, isSet := rows[i].Write.Set[f]
			return isSet || f == "first_name" && !rows[i].Write.FirstName.IsZero() || f == "tags" && rows[i].Write.SetTags != nil
		})
	}
	return rows
}

func randomPlan(r *rand.Rand) *importer.Plan {
	p := &importer.Plan{
		Mode: importer.Mode(r.IntN(4)), Tags: importer.TagMode(r.IntN(3)), Blanks: importer.BlankMode(r.IntN(2)),
		Duplicates: importer.DuplicateMode(r.IntN(3)), Suppressed: importer.SuppressedMode(r.IntN(2)),
		Fields: map[string]importer.FieldMode{"city": importer.FieldMode(r.IntN(4)), "last_name": importer.FieldMode(r.IntN(4))},
	}
	if r.IntN(3) == 0 {
		p.AddTags, p.AddLists = []string{"imported"}, []string{"vip"}
	}
	if r.IntN(3) > 0 {
		p.Attestation = importer.Attestation{By: "Olga Host", Text: "They signed up at the counter."}
	}
	return p
}

// populate makes people of whom something is known, some suppressed or erased.
func (w *world) populate(r *rand.Rand) {
	w.t.Helper()
	var writes []audience.ContactWrite
	for i := range 6 {
		c := row(fmt.Sprint("email=a", i), "first=Eve", "city=Bonn", "tags=x,old")
		if r.IntN(2) == 0 {
			c = row(fmt.Sprint("email=A", i), fmt.Sprint("key=u", i), fmt.Sprint("further=b", i), "score=7")
		}
		writes = append(writes, c.Write)
	}
	w.put(writes...)
	w.update(func(tx *store.Tx) error {
		ctx := w.t.Context()
		kinds := []audience.ConsentKind{audience.ConsentRequested, audience.ConsentGranted, audience.ConsentWithdrawn, audience.ConsentBounced}
		for i := range 4 {
			_, err := tx.Record(ctx, audience.ConsentWrite{
				Contact: audience.Email(fmt.Sprintf("a%d@example.com", i)), Kind: kinds[r.IntN(len(kinds))], Scope: audience.MarketingScope(),
				Acted: now.AddDate(0, -r.IntN(20), 0), Mechanism: audience.MechanismSingleOptIn, Evidence: []byte("a form"),
			})
			require.NoError(w.t, err)
		}
		require.NoError(w.t, tx.AddToList(ctx, "vip", audience.Source{}, audience.Email("a0@example.com"), audience.Email("a3@example.com")))
		require.NoError(w.t, tx.Suppress(ctx, store.SuppressionWrite{Address: audience.MustAddress("a7@example.com"), Reason: audience.SuppressedManually}))
		_, err := tx.Put(ctx, row("email=a8").Write)
		require.NoError(w.t, err)
		return tx.Erase(ctx, audience.Source{}, audience.Email("a8@example.com"))
	})
}
