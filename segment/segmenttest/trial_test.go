package segmenttest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
)

// shopTrial is a trial with something of everything that a host may have.
func shopTrial(t testing.TB) segmenttest.Trial {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	prop := func(name string, of audience.Type) audience.Prop { return audience.Prop{Name: name, Type: of} }
	return segmenttest.Trial{
		Schema: audience.Schema{
			Fields: []audience.Field{
				{Name: "country", Type: audience.TypeString},
				{Name: "age", Type: audience.TypeInt},
				{Name: "score", Type: audience.TypeDouble},
				{Name: "vip", Type: audience.TypeBool},
				{Name: "renews_at", Type: audience.TypeTimestamp},
				{Name: "birthday", Type: audience.TypeDate},
				{Name: "interests", Type: audience.TypeStringList},
			},
			Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{
				prop("page", audience.TypeString), prop("secs", audience.TypeInt), prop("utm-source", audience.TypeString),
			}}},
			Purposes: []audience.Purpose{{Name: "offers"}},
			Lists: []audience.List{
				{Name: "news", Kind: audience.ListTopic},
				{Name: "deals", Kind: audience.ListTopic, Purpose: "offers"},
				{Name: "by hand", Kind: audience.ListStatic},
			},
		},
		Zone:  zone,
		Start: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
		Segments: []segment.Definition{
			{Name: "engaged", Source: `contact.status == "subscribed"
  && events("email.opened").within("30d").any()
  && events("email.clicked").within("60d").any()`},
			{Name: "high-value", Source: `events("purchase").sum("value") > 100 && events("purchase").within("1y").count() >= 2`},
			{Name: "young", Source: `contact.age < 30 || !has(contact.age)`},
			{Name: "german", Source: `contact.country == "DE" && "shoes" in contact.interests`},
			{Name: "cart", Source: `events("visit").where(e, e.page == "cart").without(events("purchase"), "4h").within("2d").any()`},
			{Name: "birthday", Source: `anniversary(contact.birthday) == startOf("d")`},
			{Name: "renewal", Source: `contact.renews_at > now && contact.renews_at <= ahead("14d")`},
			{Name: "quiet", Source: `events("email.opened", "visit").within("1mo").none() && inSegment("young")`},
			{Name: "best", Source: `inSegment("engaged") || inSegment("high-value") && !inSegment("quiet")`},
			{Name: "deals", Source: `onList("deals") && !onList("by hand") && consent("marketing") || suppressed()`},
			{Name: "ratio", Source: `rate(events("email.clicked").within("7d"), events("email.opened").within("7d")) >= 0.5`},
			{Name: "mailable", Source: `contact.status == "subscribed" && !suppressed()`},
			{Name: "refusing", Source: `contact.status in ["unsubscribed", "complained", "bounced"]`},
			{Name: "readers", Source: `onList("news") || onList("by hand")`},
			{Name: "browsing", Source: `events("visit").within("7d").count() >= 2`},
			{Name: "tagged", Source: `"vip" in contact.tags && contact.?vip.orValue(true)`},
		},
	}
}

// TestTrialOfReference: the reference is right by the reference, whatever happens.
func TestTrialOfReference(t *testing.T) {
	report := segmenttest.RunTrials(t, shopTrial(t), 6, segmenttest.Memory)
	t.Log(report)
	require.Equal(t, 6*60, report.Steps)
	require.Greater(t, report.Comparisons, 6*60*16*40)
	require.Greater(t, report.Members, report.Comparisons/20)
	require.Less(t, report.Members, report.Comparisons*19/20)
	require.Greater(t, report.Flips, 200)
}

// TestTrialIsRepeatable: a trial with the same members does the same everywhere, another seed something else.
func TestTrialIsRepeatable(t *testing.T) {
	tr := shopTrial(t)
	tr.Contacts, tr.Steps = 10, 40
	first, again := segmenttest.ScriptOf(t, tr, segmenttest.Memory), segmenttest.ScriptOf(t, tr, segmenttest.Memory)
	require.Equal(t, first.String(), again.String())
	tr.Seed++
	require.NotEqual(t, first.String(), segmenttest.ScriptOf(t, tr, segmenttest.Memory).String())
}

// TestTrialOfAudience: the schema and zone of an audience, with the numbers of a store, make a trial.
func TestTrialOfAudience(t *testing.T) {
	tr := shopTrial(t)
	aud, _ := segmenttest.Memory(t, store.Options{Schema: tr.Schema, Zone: tr.Zone})
	of := segmenttest.TrialOf(aud, tr.Segments...)
	of.Contacts, of.Steps = 10, 20
	report := segmenttest.RunTrials(t, of, 2, segmenttest.Memory)
	require.Equal(t, 2, report.Trials)
	require.Equal(t, 40, report.Steps)
	require.Contains(t, report.String(), "2 trials, 40 steps, ")
}

// TestTrialErrors: what is no history to play is said before anything is compared.
func TestTrialErrors(t *testing.T) {
	field := func(name string) audience.Schema {
		return audience.Schema{Fields: []audience.Field{{Name: name, Type: audience.TypeInt}}}
	}
	broken := segment.Definition{Name: "a", Source: "contact.agee > 3"}
	tests := []struct {
		name  string
		trial segmenttest.Trial
		want  string
	}{
		{"no segments", segmenttest.Trial{}, "segments"},
		{"a segment that does not compile", segmenttest.Trial{Schema: field("age"), Segments: []segment.Definition{broken}}, "agee"},
		{"a name that no script can say", segmenttest.Trial{Segments: []segment.Definition{{Name: "A", Source: "true"}}}, "trial:2:9: a segment"},
		{"a schema that is refused", segmenttest.Trial{Schema: field("email"), Segments: []segment.Definition{{Name: "a", Source: "true"}}}, "trial:2:7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report, err := tt.trial.Run(t, segmenttest.Memory)
			require.ErrorContains(t, err, tt.want)
			require.Zero(t, report.Comparisons)
		})
	}
}

// TestTrialFunctions: functions of the host are known to both.
func TestTrialFunctions(t *testing.T) {
	even := segment.Function{
		Name: "isEven", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeBool,
		Call: func(args []audience.Value) (audience.Value, error) {
			n, _ := args[0].Int()
			return audience.BoolValue(n%2 == 0), nil
		},
	}
	tr := shopTrial(t)
	tr.Contacts, tr.Steps, tr.Functions = 10, 30, []segment.Function{even}
	tr.Segments = []segment.Definition{{Name: "even", Source: "isEven(contact.age)"}}
	open := func(t testing.TB, opts store.Options) (*store.Audience, segmenttest.System) {
		aud, _ := segmenttest.Memory(t, opts)
		return aud, segmenttest.Reference(aud, even)
	}
	report := segmenttest.RunTrials(t, tr, 2, open)
	require.Positive(t, report.Flips)

	// A system that does not know them fails, and the script says so.
	_, err := tr.Run(t, segmenttest.Memory)
	var found *segmenttest.MismatchError
	require.ErrorAs(t, err, &found)
	require.Equal(t, "error", found.Kind)
	require.Contains(t, found.Detail, "isEven")
}

// TestRunTrialsFails: each mismatch fails the test, and the third one is enough.
func TestRunTrialsFails(t *testing.T) {
	tr := shopTrial(t)
	tr.Contacts, tr.Steps = 10, 30
	tr.Segments = []segment.Definition{{Name: "all", Source: "true"}}
	open := plant(faults{members: func(string, []audience.ContactID, []audience.ContactID, bool) []audience.ContactID { return nil }})
	r := &recorder{TB: t}
	var report segmenttest.Report
	r.run(func() { report = segmenttest.RunTrials(r, tr, 10, open) })
	require.Equal(t, 3, report.Trials)
	require.Len(t, r.failed, 3)
	require.Contains(t, r.failed[0], "segment all = true\ncontact c")
	require.Contains(t, r.failed[0], "expect all = c")
}

// TestTrialMembersAscend: members in another order, or twice, are a mismatch.
func TestTrialMembersAscend(t *testing.T) {
	tr := shopTrial(t)
	tr.Contacts, tr.Steps = 10, 20
	tr.Segments = []segment.Definition{{Name: "all", Source: "true"}}
	_, err := tr.Run(t, plant(faults{members: func(_ string, ids, _ []audience.ContactID, _ bool) []audience.ContactID {
		return append(slices.Clone(ids), ids...)
	}}))
	require.ErrorContains(t, err, "members of all must ascend")
}

// TestTrialMismatchOnce: what does not come again is said to be so.
func TestTrialMismatchOnce(t *testing.T) {
	tr := shopTrial(t)
	tr.Contacts, tr.Steps = 10, 20
	systems := 0
	open := func(t testing.TB, opts store.Options) (*store.Audience, segmenttest.System) {
		systems++
		if systems > 1 {
			return segmenttest.Memory(t, opts)
		}
		return plant(faults{members: func(string, []audience.ContactID, []audience.ContactID, bool) []audience.ContactID { return nil }})(t, opts)
	}
	_, err := tr.Run(t, open)
	require.ErrorContains(t, err, "It did not come again")
}
