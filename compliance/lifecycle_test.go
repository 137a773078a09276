package compliance_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// segmentOf evaluates an expression in the store, as a host without an engine
// does.
func (d *desk) segmentOf(text string) func(context.Context) iter.Seq2[audience.ContactID, error] {
	d.t.Helper()
	lang, err := segment.NewLanguage(d.aud.Schema(), segment.Options{})
	require.NoError(d.t, err)
	set, err := lang.CompileSet(segment.Definition{Name: "who", Source: text})
	require.NoError(d.t, err)
	return func(ctx context.Context) iter.Seq2[audience.ContactID, error] {
		return func(yield func(audience.ContactID, error) bool) {
			var members segment.Members
			err := d.aud.View(ctx, func(r *store.Reader) (err error) {
				members, err = set.Find(ctx, r, "who", time.Time{}, nil)
				return err
			})
			for id := range members.All() {
				if !yield(id, nil) {
					return
				}
			}
			if err != nil {
				yield(0, err)
			}
		}
	}
}

func only(ids ...audience.ContactID) func(context.Context) iter.Seq2[audience.ContactID, error] {
	return func(context.Context) iter.Seq2[audience.ContactID, error] {
		return func(yield func(audience.ContactID, error) bool) {
			for _, id := range ids {
				if !yield(id, nil) {
					return
				}
			}
		}
	}
}

func (d *desk) lifeCycle(holders ...compliance.Holder) *compliance.LifeCycle {
	d.t.Helper()
	l, err := compliance.NewLifeCycle(d.gate(compliance.Policy{}), d.rights(holders...))
	require.NoError(d.t, err)
	return l
}

func preview(t *testing.T, l *compliance.LifeCycle, rule compliance.LifeCycleRule) (done []audience.ContactID) {
	t.Helper()
	for a, err := range l.Preview(t.Context(), rule) {
		require.NoError(t, err)
		if a.Skipped == "" {
			done = append(done, a.Contact)
		}
	}
	return done
}

// O38: opens are no engagement, who refused is never asked to come back, and
// asking comes before the end.
func TestSunset(t *testing.T) {
	d := newDesk(t)
	start := d.now
	people := make(map[string]audience.ContactID)
	for _, name := range []string{"opens", "clicks", "buys", "refused", "silent"} {
		people[name] = d.put(name, name+"@example.com")
		d.grant(people[name], audience.PurposeMarketing)
	}
	d.now = start.AddDate(0, 0, 100)
	for name, event := range map[string]string{"opens": "email.opened", "clicks": "email.clicked", "buys": "purchase"} {
		_, err := d.aud.Append(t.Context(), audience.EventWrite{Contact: audience.ID(people[name]), Type: event, ID: "1", Time: d.now})
		require.NoError(t, err)
	}
	d.write(people["refused"], audience.ConsentWithdrawn, emailScope(audience.PurposeMarketing), "link")
	reengage, sunset, err := compliance.SunsetPolicy{}.Segments()
	require.NoError(t, err)
	l := d.lifeCycle()
	ask := compliance.LifeCycleRule{Name: "come-back", Who: d.segmentOf(reengage), Do: compliance.ActionReengage, Tag: "come-back", Why: "silent for 180 days", Next: "sunset after 270 days"}
	end := compliance.LifeCycleRule{Name: "sunset", Who: d.segmentOf(sunset), Do: compliance.ActionSunset, Why: "silent for 270 days"}

	d.now = start.AddDate(0, 0, 181)
	done := preview(t, l, ask)
	require.Equal(t, []audience.ContactID{people["opens"], people["silent"]}, done)
	done = preview(t, l, end)
	require.Empty(t, done)
	var told []int
	got, err := l.Run(t.Context(), ask, func(r compliance.LifeCycleReport) { told = append(told, r.Done) })
	require.NoError(t, err)
	require.Equal(t, compliance.LifeCycleReport{Rule: "come-back", Read: 2, Done: 2}, got)
	require.Equal(t, []int{2}, told)
	got, err = l.Run(t.Context(), ask, nil)
	require.NoError(t, err)
	require.Equal(t, 2, got.Skipped, "nobody is asked twice")

	d.now = start.AddDate(0, 0, 271)
	_, err = l.Run(t.Context(), end, nil)
	require.NoError(t, err)
	for name, want := range map[string]audience.Status{
		"opens": audience.StatusUnsubscribed, "silent": audience.StatusUnsubscribed, "refused": audience.StatusUnsubscribed,
		"clicks": audience.StatusSubscribed, "buys": audience.StatusSubscribed,
	} {
		p, err := d.aud.Profile(t.Context(), audience.ID(people[name]), audience.ProfileParts{Ledger: true})
		require.NoError(t, err)
		require.Equal(t, want, p.Status(d.now).Status, name)
	}
	_, _, err = compliance.SunsetPolicy{Signals: []string{"email.opened"}}.Segments()
	require.ErrorIs(t, err, audience.ErrInvalid)
}

func TestNobodyWhoRefusedIsAskedBack(t *testing.T) {
	d := newDesk(t)
	id := d.put("jane", "jane@example.com")
	d.grant(id, audience.PurposeMarketing)
	rule := compliance.LifeCycleRule{Name: "back", Who: only(id), Do: compliance.ActionReengage, Tag: "back", Why: "silent"}
	done := preview(t, d.lifeCycle(), rule)
	require.Len(t, done, 1)
	d.now = d.now.Add(time.Minute)
	d.write(id, audience.ConsentWithdrawn, emailScope(audience.PurposeMarketing), "link")
	got, err := d.lifeCycle().Run(t.Context(), rule, nil)
	require.NoError(t, err)
	require.Equal(t, 1, got.Skipped, "what she did since the preview counts")
}

func TestDeleteAndErase(t *testing.T) {
	for _, do := range []compliance.ActionKind{compliance.ActionDelete, compliance.ActionErase} {
		t.Run(string(do), func(t *testing.T) {
			d := newDesk(t)
			table := &orders{rows: map[string]string{"jane": "a coat"}}
			l := d.lifeCycle(table)
			jane, joe, ann := d.put("jane", "jane@example.com"), d.put("joe", "joe@example.com"), d.put("ann", "ann@example.com")
			d.write(jane, audience.ConsentWithdrawn, audience.Scope{}, "objection")
			require.NoError(t, d.Restrict(t.Context(), audience.ID(ann), audience.Source{}, "disputed"))
			rule := compliance.LifeCycleRule{
				Name: "gone", Who: only(jane, joe, ann, jane, 77), Do: do, Why: "inactive for three years",
				Hold: func(c *audience.Contact) string {
					if c.Key() == "joe" {
						return "open invoice"
					}
					return ""
				},
			}
			got, err := l.Run(t.Context(), rule, nil)
			require.NoError(t, err)
			require.Equal(t, 5, got.Read)
			require.Equal(t, 3, got.Skipped)
			_, err = d.aud.Contact(t.Context(), audience.ID(jane))
			require.ErrorIs(t, err, audience.ErrNotFound)
			for _, id := range []audience.ContactID{joe, ann} {
				_, err = d.aud.Contact(t.Context(), audience.ID(id))
				require.NoError(t, err)
			}
			require.Equal(t, do == compliance.ActionErase, len(table.rows) == 0, "every holder forgets who is erased")
			require.NoError(t, d.aud.View(t.Context(), func(r *store.Reader) error {
				held, err := r.Suppressions(t.Context(), audience.MustAddress("jane@example.com"))
				require.NotEmpty(t, held, "her refusal stays")
				return err
			}))
			var actions []string
			for e, err := range d.Audit(t.Context(), time.Time{}, time.Time{}) {
				require.NoError(t, err)
				if strings.HasPrefix(e.Action, "lifecycle.") {
					actions = append(actions, fmt.Sprint(e.Action, " ", e.Contact))
				}
			}
			require.Equal(t, []string{"lifecycle." + string(do) + " 1"}, actions)
		})
	}
}

func TestLifeCycleRules(t *testing.T) {
	d := newDesk(t)
	l := d.lifeCycle()
	good := compliance.LifeCycleRule{Name: "typo", Who: only(), Do: compliance.ActionTag, Tag: "typo", Why: "mistyped"}
	_, err := l.Run(t.Context(), good, nil)
	require.NoError(t, err)
	for name, spoil := range map[string]func(*compliance.LifeCycleRule){
		"name": func(r *compliance.LifeCycleRule) { r.Name = "" }, "who": func(r *compliance.LifeCycleRule) { r.Who = nil },
		"why": func(r *compliance.LifeCycleRule) { r.Why = "" }, "tag": func(r *compliance.LifeCycleRule) { r.Tag = "" },
		"do": func(r *compliance.LifeCycleRule) { r.Do = "purge-refusals" },
	} {
		rule := good
		spoil(&rule)
		_, err := l.Run(t.Context(), rule, nil)
		var field *audience.FieldError
		require.ErrorAs(t, err, &field)
		require.Equal(t, "rule."+name, field.Path)
		for _, err := range l.Preview(t.Context(), rule) {
			require.ErrorIs(t, err, audience.ErrInvalid)
		}
	}
	broken := good
	broken.Who = func(context.Context) iter.Seq2[audience.ContactID, error] {
		return func(yield func(audience.ContactID, error) bool) { yield(0, errors.New("the segment is gone")) }
	}
	_, err = l.Run(t.Context(), broken, nil)
	require.ErrorContains(t, err, "the segment is gone")
	without, err := compliance.NewLifeCycle(d.gate(compliance.Policy{}), nil)
	require.NoError(t, err)
	erase := good
	erase.Do = compliance.ActionErase
	_, err = without.Run(t.Context(), erase, nil)
	require.ErrorIs(t, err, audience.ErrInvalid, "nobody could ask the other holders")
	_, err = compliance.NewLifeCycle(nil, nil)
	require.ErrorIs(t, err, audience.ErrInvalid)
	_, sunset, err := compliance.SunsetPolicy{Signals: []string{"login"}}.Segments()
	require.NoError(t, err)
	require.Contains(t, sunset, `events("login").within("270d").none()`)
}
