package segmenttest_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
)

// bare gives a script without what says where its statements stand.
func bare(s *segmenttest.Script) *segmenttest.Script {
	out := *s
	out.Steps = make([]segmenttest.Step, len(s.Steps))
	for i, step := range s.Steps {
		step.Line, step.Text = 0, ""
		out.Steps[i] = step
	}
	return &out
}

// requireRoundTrip prints a script and wants the same one back.
func requireRoundTrip(t *testing.T, s *segmenttest.Script) {
	t.Helper()
	again, err := segmenttest.Parse(s.File, s.String())
	require.NoError(t, err, "%s", s)
	require.Equal(t, s.String(), again.String())
	for i := range s.Steps {
		require.Equal(t, bare(s).Steps[i], bare(again).Steps[i], "%s", s.Steps[i].Text)
	}
	require.True(t, reflect.DeepEqual(bare(s), bare(again)), "%s", s)
}

// TestScriptsPrint: every script that this library is held to comes back from its text, and still holds.
func TestScriptsPrint(t *testing.T) {
	for _, file := range scriptFiles(t) {
		t.Run(file, func(t *testing.T) {
			s, err := segmenttest.Parse(file, scriptText(t, file))
			require.NoError(t, err)
			requireRoundTrip(t, s)
			require.NoError(t, play(t, s.String(), nil))
		})
	}
}

func TestPrint(t *testing.T) {
	const text = `zone Asia/Kathmandu
now 2026-03-01T08:00:00.000001Z
field langs list
field plan string
event-type "page view" "utm source":string "secs-":int
purpose offers
list "by hand" static
list news topic offers
segment s1 = contact.plan == "a # b"
segment s2 =
    true
  || false
contact ann email="x+y@example.com" external:crm=7 "external:my crm"="a b" langs=[] plan="" created_at=0001-01-01T00:00:00.000001Z
contact bob langs="","[]","a, b" plan="a\"b\nc\\" tags=
contact bob email+=b@example.com email-=b@example.com first_name= plan= tags+=vip frequency=""
event ann "page view" 2026-03-01T07:00:00Z id="a b" revision=2 "secs-"=-3 "utm source"=x
retract ann "a b" revision=3
event ann purchase 2026-03-01T08:00:00.000001Z value=1e+300
subscribe ann by=single-opt-in evidence=script
subscribe ann scope=everything by=paper evidence=none acted=2026-02-01T00:00:00Z
request ann scope=email expires=2026-04-01T00:00:00Z
withdraw ann channel=post purpose=marketing
withdraw ann list=news purpose=offers
bounce ann scope=everything list=news purpose=offers
complain ann purpose=offers
suppress "#a@example.com" reason=bounced
refused denied: lift "#a@example.com" reason=bounced
add-to-list "by hand" ann bob
restart
together
  contact ann plan=x
  event ann purchase 2026-03-01T08:00:00.000001Z id=o1 value=3
  retract ann o1 revision=1
merge bob into ann
unmerge bob
expect s1 lacks ann bob
match ann, unknown nobody: contact.plan == ""
error at 1:9 unknown-field "near \"x\"": contact.pla
delete bob
at 9999-12-31T23:59:59.999999Z
`
	s, err := segmenttest.Parse("a.txt", text)
	require.NoError(t, err)
	requireRoundTrip(t, s)
	require.Equal(t, text, s.String())
}

// TestPrintGiven: what a script was given, and what cannot stand in one as it is.
func TestPrintGiven(t *testing.T) {
	s, err := segmenttest.Parse("a.txt", "contact ann\n", segment.Definition{Name: "a", Source: "true\n\n&& // first\nfalse \n"})
	require.NoError(t, err)
	again, err := segmenttest.Parse("a.txt", s.String())
	require.NoError(t, err)
	require.Equal(t, segmenttest.Define{Definition: segment.Definition{Name: "a", Source: "  true\n\n  && // first\n  false"}}, again.Steps[0].Do)

	require.NotContains(t, (&segmenttest.Script{Steps: []segmenttest.Step{{Do: nil}}}).String(), "nil")
}

// TestPrintScopes: every scope that a statement can name comes back.
func TestPrintScopes(t *testing.T) {
	head := "purpose offers\nlist news topic\nlist deals topic offers\ncontact ann\n"
	for _, scope := range []audience.Scope{
		{},
		{Channel: "email"},
		{Channel: "post"},
		{Purpose: "marketing"},
		{Purpose: "offers"},
		{Channel: "email", Purpose: "marketing"},
		{Channel: "post", Purpose: "marketing"},
		{Channel: "email", Purpose: "offers"},
		{Channel: "email", Purpose: "offers", List: "deals"},
		{Channel: "email", Purpose: "marketing", List: "news"},
		{Purpose: "offers", List: "deals"},
	} {
		s, err := segmenttest.Parse("a.txt", head)
		require.NoError(t, err)
		s.Steps = append(s.Steps, segmenttest.Step{Do: segmenttest.Record{Write: audience.ConsentWrite{
			Contact: audience.Key("ann"), Kind: audience.ConsentWithdrawn, Scope: scope,
		}}})
		requireRoundTrip(t, s)
	}
}

// TestPrintHistories: what a trial makes up comes back from its text, too, and can be played.
func TestPrintHistories(t *testing.T) {
	for seed := range uint64(4) {
		tr := shopTrial(t)
		tr.Seed, tr.Contacts, tr.Steps = seed, 15, 100
		s := segmenttest.ScriptOf(t, tr, segmenttest.Memory)
		requireRoundTrip(t, s)
		require.NoError(t, play(t, s.String(), nil))
	}
}
