package compliance_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

func period(t *testing.T, text string) audience.Period {
	t.Helper()
	p, err := audience.ParsePeriod(text)
	require.NoError(t, err)
	return p
}

// parts gives what a preview says would go, by contact, and why of the others
// nothing.
func parts(t *testing.T, l *compliance.LifeCycle, rule compliance.LifeCycleRule) (map[audience.ContactID]int, map[audience.ContactID]string) {
	t.Helper()
	goes, skipped := make(map[audience.ContactID]int), make(map[audience.ContactID]string)
	for a, err := range l.Preview(t.Context(), rule) {
		require.NoError(t, err)
		if a.Skipped != "" {
			skipped[a.Contact] = a.Skipped
			continue
		}
		goes[a.Contact] = a.Parts
	}
	return goes, skipped
}

func (d *desk) events(id audience.ContactID, types ...string) (ids []string) {
	d.t.Helper()
	require.NoError(d.t, d.aud.View(d.t.Context(), func(r *store.Reader) error {
		events, err := r.Events(d.t.Context(), audience.ID(id), types...)
		for i := range events {
			ids = append(ids, events[i].ID)
		}
		return err
	}))
	return ids
}

// TestTrimEvents: old events of one type go and do not come back; those of
// other types, and of whoever is restricted, held or has asked for something,
// stay.
func TestTrimEvents(t *testing.T) {
	d := newDesk(t)
	people := make(map[string]audience.ContactID)
	write := func(name, id, kind string, at time.Time) {
		_, err := d.aud.Append(t.Context(), audience.EventWrite{
			Contact: audience.ID(people[name]), ID: id, Type: kind, Time: at, Props: map[string]audience.Value{"campaign": audience.StringValue("spring")},
		})
		require.NoError(t, err)
	}
	old := d.now.Add(-90 * 24 * time.Hour)
	for _, name := range []string{"jane", "restricted", "asked", "held", "fresh"} {
		people[name] = d.put(name, name+"@example.com")
		if name != "fresh" {
			write(name, "old", "email.opened", old)
		}
		write(name, "new", "email.opened", old.Add(time.Microsecond))
		write(name, "click", "email.clicked", old)
	}
	require.NoError(t, d.Restrict(t.Context(), audience.ID(people["restricted"]), audience.Source{}, "disputed"))
	r := d.rights()
	d.open(r, compliance.RequestAccess, audience.ID(people["asked"]))
	l, err := compliance.NewLifeCycle(d.gate(compliance.Policy{}), r)
	require.NoError(t, err)
	rule := compliance.LifeCycleRule{
		Name: "opens-90d", Do: compliance.ActionTrim, Why: "opens are kept for 90 days",
		Part: compliance.Part{Events: "email.opened", OlderThan: period(t, "90d")},
		Hold: func(c *audience.Contact) string {
			if c.Key() == "held" {
				return "a dispute about mail"
			}
			return ""
		},
	}
	goes, skipped := parts(t, l, rule)
	require.Equal(t, map[audience.ContactID]int{people["jane"]: 1}, goes)
	require.Len(t, skipped, 4)
	require.Contains(t, skipped[people["asked"]], "a request of hers is open")
	require.Equal(t, []string{"old", "new"}, d.events(people["jane"], "email.opened"), "a preview writes nothing")

	got, err := l.Run(t.Context(), rule, nil)
	require.NoError(t, err)
	require.Equal(t, compliance.LifeCycleReport{Rule: "opens-90d", Read: 5, Done: 1, Skipped: 4, Parts: 1}, got)
	require.Equal(t, []string{"new"}, d.events(people["jane"], "email.opened"))
	require.Equal(t, []string{"click"}, d.events(people["jane"], "email.clicked"))
	for _, name := range []string{"restricted", "asked", "held"} {
		require.Equal(t, []string{"old", "new"}, d.events(people[name], "email.opened"), name)
	}
	write("jane", "old", "email.opened", old)
	_, err = d.aud.Append(t.Context(), audience.EventWrite{Contact: audience.ID(people["jane"]), ID: "old", Type: "email.opened", Time: old, Revision: 7})
	require.NoError(t, err)
	require.Equal(t, []string{"new"}, d.events(people["jane"], "email.opened"), "importing it again does not bring it back")
	got, err = l.Run(t.Context(), rule, nil)
	require.NoError(t, err)
	require.Zero(t, got.Done, "run again it does nothing")
}

func TestTrimField(t *testing.T) {
	d := newDesk(t)
	jane := d.jane()
	rule := compliance.LifeCycleRule{
		Name: "country", Do: compliance.ActionTrim, Why: "kept for a year", Who: only(jane, jane),
		Part: compliance.Part{Field: "country", OlderThan: period(t, "1y")},
	}
	l := d.lifeCycle()
	d.now = d.now.AddDate(1, 0, 0).Add(-time.Microsecond)
	goes, _ := parts(t, l, rule)
	require.Empty(t, goes)
	d.now = d.now.Add(time.Microsecond)
	got, err := l.Run(t.Context(), rule, nil)
	require.NoError(t, err)
	require.Equal(t, 1, got.Parts)
	c, err := d.aud.Contact(t.Context(), audience.ID(jane))
	require.NoError(t, err)
	require.Empty(t, c.Fields)
	require.Equal(t, "Jane", c.FirstName.Reveal())
	got, err = l.Run(t.Context(), rule, nil)
	require.NoError(t, err)
	require.Zero(t, got.Parts)
}

// TestTrimEvidence: what shows consent that was withdrawn goes after its time,
// while consent that stands, the refusal and the whole chain can be proved.
func TestTrimEvidence(t *testing.T) {
	d := newDesk(t)
	jane, joe := d.jane(), d.put("joe", "joe@example.com")
	d.grant(joe, audience.PurposeMarketing)
	d.now = d.now.AddDate(0, 1, 0)
	d.write(jane, audience.ConsentWithdrawn, emailScope(audience.PurposeMarketing), "link")
	withdrawn := d.now
	rule := compliance.LifeCycleRule{
		Name: "evidence-3y", Do: compliance.ActionTrim, Why: "claims are barred after three years",
		Part: compliance.Part{Evidence: true, OlderThan: period(t, "3y")},
	}
	l := d.lifeCycle()
	d.now = withdrawn.AddDate(3, 0, 0).Add(-time.Microsecond)
	goes, _ := parts(t, l, rule)
	require.Empty(t, goes, "three years from the withdrawal, not from the grant")
	d.now = withdrawn.AddDate(3, 0, 0)
	before, err := d.Verify(t.Context(), compliance.VerifyOptions{})
	require.NoError(t, err)
	got, err := l.Run(t.Context(), rule, nil)
	require.NoError(t, err)
	require.Equal(t, compliance.LifeCycleReport{Rule: "evidence-3y", Read: 2, Done: 1, Skipped: 1, Parts: 1}, got)
	require.Equal(t, 1, d.evidence(jane), "that of the refusal")
	require.Equal(t, 1, d.evidence(joe))
	after, err := d.Verify(t.Context(), compliance.VerifyOptions{})
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.True(t, d.check(d.gate(compliance.Policy{Facts: livesIn("FR", "")}), compliance.Intent{Contact: audience.ID(joe)}).Allow)
}

func TestTrimRules(t *testing.T) {
	d := newDesk(t)
	l := d.lifeCycle()
	year := period(t, "1y")
	for _, tt := range []struct {
		name string
		part compliance.Part
		path string
	}{
		{"nothing", compliance.Part{OlderThan: year}, "rule.part"},
		{"two things", compliance.Part{Evidence: true, Field: "country", OlderThan: year}, "rule.part"},
		{"no time", compliance.Part{Evidence: true}, "rule.part.older_than"},
		{"no such events", compliance.Part{Events: "steps", OlderThan: year}, "rule.part.events"},
		{"no such field", compliance.Part{Field: "shoe_size", OlderThan: year}, "rule.part.field"},
		{"a field of somebody else", compliance.Part{Field: compliance.PauseField, OlderThan: year}, "rule.part.field"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := l.Run(t.Context(), compliance.LifeCycleRule{Name: "r", Do: compliance.ActionTrim, Why: "w", Part: tt.part}, nil)
			var field *audience.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, tt.path, field.Path)
		})
	}
}

// TestTrimEventsInSmallTransactions: the events of few people are in memory at
// once, since each may have very many.
func TestTrimEventsInSmallTransactions(t *testing.T) {
	d := newDesk(t)
	for i := range 120 {
		id := d.put(fmt.Sprint("p", i), fmt.Sprintf("p%d@example.com", i))
		_, err := d.aud.Append(t.Context(), audience.EventWrite{Contact: audience.ID(id), ID: "e", Type: "email.opened", Time: d.now})
		require.NoError(t, err)
	}
	d.now = d.now.Add(48 * time.Hour)
	rule := compliance.LifeCycleRule{Name: "opens", Do: compliance.ActionTrim, Why: "old", Part: compliance.Part{Events: "email.opened", OlderThan: period(t, "1d")}}
	var read []int
	got, err := d.lifeCycle().Run(t.Context(), rule, func(r compliance.LifeCycleReport) { read = append(read, r.Read) })
	require.NoError(t, err)
	require.Equal(t, []int{50, 100, 120}, read)
	require.Equal(t, 120, got.Parts)
}
