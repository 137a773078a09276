package segmenttest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
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
