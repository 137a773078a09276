package segmenttest_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
)

// steps parses a script and gives what its steps do.
func steps(t *testing.T, text string) []segmenttest.Action {
	t.Helper()
	s, err := segmenttest.Parse("a.txt", text)
	require.NoError(t, err)
	out := make([]segmenttest.Action, len(s.Steps))
	for i := range s.Steps {
		out[i] = s.Steps[i].Do
	}
	return out
}

func TestParseDeclarations(t *testing.T) {
	s, err := segmenttest.Parse("a.txt", `
# A comment.
zone Europe/Berlin
now 2026-03-01                # midnight in Berlin
field score int
event-type visit seconds:int "utm source":string
  at:timestamp
purpose offers
list news topic offers
list "by hand" static
list staff test
`)
	require.NoError(t, err)
	require.Equal(t, "a.txt", s.File)
	require.Equal(t, "Europe/Berlin", s.Zone.String())
	require.Equal(t, time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC), s.Start)
	require.Empty(t, s.Steps)
	require.Equal(t, audience.Schema{
		Fields: []audience.Field{{Name: "score", Type: audience.TypeInt}},
		Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{
			{Name: "seconds", Type: audience.TypeInt}, {Name: "utm source", Type: audience.TypeString}, {Name: "at", Type: audience.TypeTimestamp},
		}}},
		Purposes: []audience.Purpose{{Name: "offers"}},
		Lists: []audience.List{
			{Name: "news", Kind: audience.ListTopic, Purpose: "offers"},
			{Name: "by hand", Kind: audience.ListStatic},
			{Name: "staff", Kind: audience.ListTest},
		},
	}, s.Schema)
}

func TestParseDefaults(t *testing.T) {
	s, err := segmenttest.Parse("a.txt", "")
	require.NoError(t, err)
	require.Equal(t, time.UTC, s.Zone)
	require.Equal(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), s.Start)
	require.Empty(t, s.Steps)
}

func TestParseContact(t *testing.T) {
	got := steps(t, `field city string
field age int
field langs list
field seen timestamp
contact ann email=Ann@example.com email+=b@example.com email-=c@example.com
  first_name="Ann Lee" last_name= tags+=x,"a, b" tags-=y external:crm=17
  created_at=2025-01-02T03:04:05.000006Z city="say \"hi\"" age= langs=b,a,b
contact bob returning tags= city="" seen=now-1d
`)
	w := got[0].(segmenttest.Put).Write
	require.Equal(t, "ann", got[0].(segmenttest.Put).Name)
	require.Equal(t, audience.Key("ann"), w.Match)
	require.Equal(t, "Ann@example.com", w.Email.Reveal())
	require.Equal(t, "b@example.com", w.Addresses[0].Reveal())
	require.Equal(t, []audience.Identity{audience.AddressIdentity(audience.MustAddress("c@example.com"))}, w.Detach)
	require.Equal(t, "Ann Lee", w.FirstName.Reveal())
	require.Equal(t, []string{"last_name", "age"}, w.Clear)
	require.Equal(t, []string{"x", "a, b"}, w.AddTags)
	require.Equal(t, []string{"y"}, w.RemoveTags)
	require.Nil(t, w.SetTags)
	require.True(t, w.External[0].Equal(audience.External("crm", "17")))
	require.Equal(t, time.Date(2025, 1, 2, 3, 4, 5, 6000, time.UTC), w.CreatedAt)
	require.Len(t, w.Set, 2)
	require.Equal(t, `say "hi"`, w.Set["city"].Reveal())
	require.Equal(t, "a,b", w.Set["langs"].Reveal())

	w = got[1].(segmenttest.Put).Write
	require.True(t, w.Returning)
	require.Equal(t, []string{}, w.SetTags)
	require.Equal(t, audience.StringValue(""), w.Set["city"])
	require.Equal(t, audience.TimestampValue(time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)), w.Set["seen"])
}

func TestParseEvents(t *testing.T) {
	got := steps(t, `now 2026-03-01
event-type hit v:int "utm-source":string day:date ok:bool x:double
contact ann
event ann hit v=-3 "utm-source"=mail day=2024-02-29 ok=true x=2.50
event ann hit 2026-02-01T00:00:00+01:00 id="a b" v=1
revise ann "a b" v= x=1e3 time=now
retract ann "a b"
revise ann "a b" revision=7
event ann hit 2026-02-01 id="a b" revision=2
retract ann "a b" revision=9
`)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC)
	x := map[string]audience.Value{"x": audience.DoubleValue(1000)}
	ann := audience.Key("ann")
	day, err := audience.ParseDate("2024-02-29")
	require.NoError(t, err)
	want := []audience.EventWrite{
		{Contact: ann, Type: "hit", Time: now, Props: map[string]audience.Value{
			"v": audience.IntValue(-3), "utm-source": audience.StringValue("mail"), "day": audience.DateValue(day),
			"ok": audience.BoolValue(true), "x": audience.DoubleValue(2.5),
		}},
		{Contact: ann, ID: "a b", Type: "hit", Time: at, Props: map[string]audience.Value{"v": audience.IntValue(1)}},
		{Contact: ann, ID: "a b", Type: "hit", Time: now, Revision: 1, Props: x},
		{Contact: ann, ID: "a b", Type: "hit", Time: now, Revision: 2, Retract: true, Props: x},
		{Contact: ann, ID: "a b", Type: "hit", Time: now, Revision: 7, Props: x},
		{Contact: ann, ID: "a b", Type: "hit", Time: at.Add(time.Hour), Revision: 2, Props: map[string]audience.Value{}},
		{Contact: ann, ID: "a b", Type: "hit", Time: now, Revision: 9, Retract: true, Props: x},
	}
	for i, w := range want {
		require.Equal(t, segmenttest.Append{Write: w}, got[i+1], "event %d", i)
	}
}

func TestParseConsent(t *testing.T) {
	got := steps(t, `now 2026-03-01
purpose offers
list news topic
list deals topic offers
contact ann
subscribe ann
subscribe ann by=double-opt-in evidence="she said so" acted=2026-01-01 expires=now+30d
request ann list=news
withdraw ann list=deals
bounce ann scope=everything
complain ann scope=email
refused denied: subscribe ann evidence=none purpose=offers channel=post
suppress a@example.com
lift a@example.com reason=bounced
take-back ann 2
take-back ann 18446744073709551615 acted=now-1h
`)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	ann, marketing := audience.Key("ann"), audience.MarketingScope()
	want := []audience.ConsentWrite{
		{Kind: audience.ConsentGranted, Scope: marketing, Mechanism: "single-opt-in", Evidence: []byte("script")},
		{
			Kind: audience.ConsentGranted, Scope: marketing, Mechanism: "double-opt-in", Evidence: []byte("she said so"),
			Acted: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Expires: now.Add(30 * 24 * time.Hour),
		},
		{Kind: audience.ConsentRequested, Scope: audience.Scope{Channel: "email", Purpose: "marketing", List: "news"}},
		{Kind: audience.ConsentWithdrawn, Scope: audience.Scope{Channel: "email", Purpose: "offers", List: "deals"}},
		{Kind: audience.ConsentBounced},
		{Kind: audience.ConsentComplained, Scope: audience.Scope{Channel: "email"}},
		{Kind: audience.ConsentGranted, Scope: audience.Scope{Channel: "post", Purpose: "offers"}, Mechanism: "single-opt-in"},
	}
	for i, w := range want {
		w.Contact = ann
		require.Equal(t, segmenttest.Record{Write: w}, got[i+1], "record %d", i)
	}
	address := audience.MustAddress("a@example.com")
	require.Equal(t, segmenttest.Suppress{Write: store.SuppressionWrite{Address: address, Reason: audience.SuppressedManually}}, got[8])
	require.Equal(t, segmenttest.Suppress{Write: store.SuppressionWrite{Address: address, Reason: audience.SuppressedBounced, Lift: true}}, got[9])
	wrong := audience.ConsentWrite{Contact: ann, Kind: audience.ConsentRetracted, Retracts: 2}
	require.Equal(t, segmenttest.Record{Write: wrong}, got[10])
	wrong.Retracts, wrong.Acted = 1<<64-1, now.Add(-time.Hour)
	require.Equal(t, segmenttest.Record{Write: wrong}, got[11])
}

func TestParsePeopleAndTime(t *testing.T) {
	got := steps(t, `list vip static
contact ann
contact bob
add-to-list vip ann bob
remove-from-list vip bob
merge bob into ann
unmerge bob
delete bob
erase ann
at 2026-02-01T00:00:00.000001Z
advance 1w2d3h4m5s6ms7us
`)
	require.Equal(t, []segmenttest.Action{
		segmenttest.AddToList{List: "vip", Names: []string{"ann", "bob"}},
		segmenttest.RemoveFromList{List: "vip", Names: []string{"bob"}},
		segmenttest.Merge{Winner: "ann", Loser: "bob"},
		segmenttest.Unmerge{Loser: "bob"},
		segmenttest.Delete{Name: "bob"},
		segmenttest.Erase{Name: "ann"},
		segmenttest.Advance{To: time.Date(2026, 2, 1, 0, 0, 0, 1000, time.UTC)},
		segmenttest.Advance{To: time.Date(2026, 2, 10, 3, 4, 5, 6008000, time.UTC)},
	}, got[2:])
}

func TestParseSegments(t *testing.T) {
	s, err := segmenttest.Parse("a.txt", `contact ann
contact bob
segment one = contact.id > 0 # no comment
segment two =
  contact.id > 0 &&
  # a comment
    !("a: b" in contact.tags)   

expect one = ann bob
expect two has ann
expect two lacks
  bob
match everybody: true
match nobody, unknown ann bob: "x: y" == contact.email
match ann:
  true
error one
error two at 2:5 unknown-field "near"
error at 1:9 "a: b": contact.x
error type: 1 + 2.0
`)
	require.NoError(t, err)
	two := "  contact.id > 0 &&\n\n    !(\"a: b\" in contact.tags)"
	require.Equal(t, []segmenttest.Step{
		{Line: 3, Text: "segment one = contact.id > 0 # no comment", Do: segmenttest.Define{Definition: segment.Definition{Name: "one", Source: "contact.id > 0 # no comment"}}},
		{Line: 4, Text: "segment two =", Do: segmenttest.Define{Definition: segment.Definition{Name: "two", Source: two}}},
		{Line: 9, Text: "expect one = ann bob", Do: segmenttest.Expect{Segment: "one", How: segmenttest.Equals, People: people("ann", "bob")}},
		{Line: 10, Text: "expect two has ann", Do: segmenttest.Expect{Segment: "two", How: segmenttest.Has, People: people("ann")}},
		{Line: 11, Text: "expect two lacks", Do: segmenttest.Expect{Segment: "two", How: segmenttest.Lacks, People: people("bob")}},
		{Line: 13, Text: "match everybody: true", Do: segmenttest.Match{Source: "true", True: segmenttest.People{Everybody: true}}},
		{
			Line: 14, Text: `match nobody, unknown ann bob: "x: y" == contact.email`,
			Do: segmenttest.Match{Source: `"x: y" == contact.email`, Unknown: &segmenttest.People{Names: []string{"ann", "bob"}}},
		},
		{Line: 15, Text: "match ann:", Do: segmenttest.Match{Source: "  true", True: people("ann")}},
		{Line: 17, Text: "error one", Do: segmenttest.Reject{Segment: "one"}},
		{Line: 18, Text: `error two at 2:5 unknown-field "near"`, Do: segmenttest.Reject{Segment: "two", Line: 2, Column: 5, Rule: "unknown-field", Says: "near"}},
		{Line: 19, Text: `error at 1:9 "a: b": contact.x`, Do: segmenttest.Reject{Source: "contact.x", Line: 1, Column: 9, Says: "a: b"}},
		{Line: 20, Text: "error type: 1 + 2.0", Do: segmenttest.Reject{Source: "1 + 2.0", Rule: "type"}},
	}, s.Steps[2:])
}

func people(names ...string) segmenttest.People { return segmenttest.People{Names: names} }

func TestParseRefused(t *testing.T) {
	s, err := segmenttest.Parse("a.txt", "contact ann\nrefused not-found: event ghost purchase value=1\nrefused conflict: contact bob\ncontact bob\n")
	require.NoError(t, err)
	require.NoError(t, s.Steps[0].Refused)
	require.ErrorIs(t, s.Steps[1].Refused, audience.ErrNotFound)
	require.ErrorIs(t, s.Steps[2].Refused, audience.ErrConflict)

	_, err = segmenttest.Parse("a.txt", "refused conflict: contact bob\nsubscribe bob\n")
	require.ErrorContains(t, err, "a.txt:2:11: there is no contact bob here")
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown statement", "contact ann\ncontakt bob", "2:1: a statement begins with one of"},
		{"no statement", "= x", "1:1: a statement begins"},
		{"indented first", "  contact ann", "1:1: a statement begins at the margin"},
		{"control character", "contact ann first_name=a\x01b", "1:25: text must be UTF-8"},
		{"bad encoding", "contact ann\ncontact b\xff", "2:10: text must be UTF-8"},
		{"open quote", `contact ann first_name="Ann`, "1:13: a quote that is opened"},
		{"half a quote", `contact ann first_name=A"n"n`, "1:24: a word or"},
		{"bad escape", `contact ann first_name="\q"`, "1:24: a word or"},
		{"late declaration", "contact ann\nfield age int", "2:1: declarations come before"},
		{"zone after an instant", "now 2026-01-01\nzone Europe/Berlin", "2:1: the zone comes before"},
		{"unknown zone", "zone Europe/Berlln", "1:6: a zone"},
		{"local zone", "zone Local", "1:6: a zone"},
		{"zone of a file", "zone ../../etc/passwd", "1:6: a zone"},
		{"field without type", "field age", "1:1: field NAME TYPE"},
		{"field of no type", "field age number", "1:11: a type"},
		{"built-in field", "field email string", "1:7:"},
		{"field twice", "field age int\nfield age int\ncontact ann", "3:1: the declarations above"},
		{"double event property", "event-type a b:int b:int\n", "the declarations above"},
		{"property called revision", "event-type a revision:int", "1:14: a property"},
		{"property without type", "event-type a b", "1:14: PROPERTY:TYPE"},
		{"list of no kind", "list a dynamic", "1:8: a kind of list"},
		{"purpose of a static list", "list a static offers", "1:15: only a topic"},
		{"bad now", "now yesterday", "1:5: an instant"},
		{"too fine", "now 2026-01-01T00:00:00.0000001Z", "1:5: an instant"},
		{"no such day", "now 2026-02-29", "1:5: an instant"},
		{"year 0", "now 0000-12-31T00:00:00Z", "1:5: an instant"},
		{"year 10000", "now 9999-12-31T23:59:59.999999-00:01", "1:5: an instant"},
		{"no offset", "now 2026-01-01T00:00:00", "1:5: an instant"},
		{"months ahead", "now now+1mo", "1:5: an instant"},
		{"clock goes back", "now 2026-01-02\nat 2026-01-01", "2:4: the clock never goes back"},
		{"advance by months", "advance 1mo", "1:9: a span"},
		{"advance by nothing", "advance d", "1:9: a span"},
		{"advance in disorder", "advance 1h1d", "1:9: a span"},
		{"advance too far", "advance 99999999w", "1:9: a span"},
		{"advance beyond all", strings.Repeat("advance 50000d\n", 60), "59:9: an instant"},
		{"name with a capital", "contact Ann", "1:9: a contact"},
		{"reserved name", "contact nobody", "1:9: a contact"},
		{"stranger", "subscribe ann", "1:11: there is no contact ann here"},
		{"bare word", "contact ann vip", "1:13: key=value"},
		{"unknown field", "contact ann agee=3", "1:13: a field that is declared"},
		{"key twice", "contact ann tags=a tags=b", "1:20: a key stands once"},
		{"no key", "contact ann =3", "1:13: a key"},
		{"int", "field age int\ncontact ann age=3.5", "2:17: a value of the type int for age"},
		{"double", "field x double\ncontact ann x=NaN", "2:15: a value of the type double"},
		{"hexadecimal double", "field x double\ncontact ann x=0x1p4", "2:15: a value"},
		{"infinite double", "field x double\ncontact ann x=1e999", "2:15: a value"},
		{"bool", "field x bool\ncontact ann x=yes", "2:15: a value"},
		{"date", "field x date\ncontact ann x=2026-02-30", "2:15: a value"},
		{"timestamp", "field x timestamp\ncontact ann x=soon", "2:15: an instant"},
		{"empty item", "contact ann tags=a,,b", "1:18: items"},
		{"item after the last comma", "contact ann tags=a,", "1:18: items"},
		{"adding to a field", "field x int\ncontact ann x+=1", "2:13: x takes = only"},
		{"address", "contact ann email=ann", "1:19: an address"},
		{"event type", "contact ann\nevent ann purchas", "2:11: an event type"},
		{"property", "contact ann\nevent ann purchase price=3", "2:20: a property"},
		{"event again", "contact ann\nevent ann purchase id=a value=1\nevent ann purchase id=a value=2", "3:1: the event was given before"},
		{"revising nothing", "contact ann\nrevise ann o1 value=2", "2:12: ann has no event"},
		{"retracting with more", "contact ann\nevent ann purchase id=a\nretract ann a value=2", "3:15: revision=N"},
		{"negative revision", "contact ann\nevent ann purchase id=a revision=-1", "2:34: a whole number"},
		{"consent key", "contact ann\nsubscribe ann mechanism=paper", "2:15: by= purpose="},
		{"take-back without a number", "contact ann\ntake-back ann", "2:1: take-back NAME NUMBER"},
		{"take-back of record 0", "contact ann\ntake-back ann 0", "2:15: the number of a record"},
		{"take-back key", "contact ann\ntake-back ann 1 by=paper", "2:17: acted="},
		{"unknown purpose", "contact ann\nsubscribe ann purpose=offers", "2:23: a purpose"},
		{"unknown topic", "contact ann\nsubscribe ann list=news", "2:20: a list"},
		{"unknown scope", "contact ann\nwithdraw ann scope=all", "2:20: everything or email"},
		{"suppression of a name", "contact ann\nsuppress ann", "2:10: an address"},
		{"unknown reason", "suppress a@example.com reason=erased", "1:24: reason="},
		{"unknown list", "contact ann\nadd-to-list vip ann", "2:13: a list"},
		{"merge with itself", "contact ann\nmerge ann into ann", "2:16: another contact"},
		{"merge of the merged", "contact ann\ncontact bob\nmerge ann into bob\nmerge ann into bob", "4:7: ann was merged"},
		{"unmerge of nobody", "contact ann\nunmerge ann", "2:9: ann is not merged"},
		{"delete twice", "contact ann\ndelete ann\ndelete ann", "3:8: there is no contact ann"},
		{"refused what", "refused contact ann", "1:1: refused CATEGORY"},
		{"refused why", "refused badly: contact ann", "1:9: conflict, denied"},
		{"refused expectation", "refused denied: expect a = b", "1:17: a statement begins"},
		{"segment without expression", "segment a =", "1:1: an expression is missing"},
		{"segment without name", "segment = true", "1:1: segment NAME"},
		{"segment name", "segment A = true", "1:9: a segment"},
		{"segment of a check", "segment segmenttest-1 = true", "1:9: a segment"},
		{"expect of nothing", "contact ann\nexpect a = ann", "2:8: a segment that is defined above"},
		{"expect how", "contact ann\nsegment a = true\nexpect a is ann", "3:10: = has or lacks"},
		{"expect whom", "segment a = true\nexpect a =", "2:1: expect SEGMENT"},
		{"expect a stranger", "segment a = true\nexpect a = ann", "2:12: there is no contact ann here"},
		{"expect the merged", "contact a\ncontact b\nsegment s = true\nmerge a into b\nexpect s = a", "5:12: a was merged"},
		{"match without colon", "match nobody true", "1:1: match NAMES"},
		{"match whom", "match : true", "1:1: match NAMES"},
		{"match not known", "contact ann\nmatch nobody, ann: true", "2:1: match NAMES"},
		{"error where", "error at 1: true", "1:10: LINE:COLUMN"},
		{"error at nothing", "error at 0:1 type: true", "1:10: LINE:COLUMN"},
		{"error how", "error type 3: true", "1:12: error SEGMENT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := segmenttest.Parse("a.txt", tt.text)
			require.ErrorContains(t, err, tt.want)
			require.Nil(t, s)
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.NotErrorIs(t, err, audience.ErrLimit)
			var parse *segmenttest.ParseError
			require.ErrorAs(t, err, &parse)
			require.Equal(t, "a.txt", parse.File)
		})
	}
}

func TestParseLimits(t *testing.T) {
	tests := []struct{ name, text string }{
		{"bytes", strings.Repeat("# x\n", 1<<18) + "contact ann"},
		{"statements", strings.Repeat("advance 1us\n", 10_001)},
		{"contacts", manyContacts(1_001)},
		{"merges", manyContacts(102) + manyMerges(101)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := segmenttest.Parse("a.txt", tt.text)
			require.ErrorIs(t, err, audience.ErrLimit)
			require.ErrorIs(t, err, audience.ErrInvalid)
		})
	}
}

func manyContacts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "contact c%d\n", i)
	}
	return b.String()
}

func manyMerges(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "merge c%d into c%d\n", i, i+1)
	}
	return b.String()
}

// FuzzParse: nothing panics, an error says where, and what is accepted is well-formed.
func FuzzParse(f *testing.F) {
	for _, name := range scriptFiles(f) {
		f.Add(scriptText(f, name))
	}
	f.Add("segment a =\n\n  # x\n true\nexpect a = nobody\n")
	f.Add("contact a tags=\"\\\"\",b\nevent a purchase now-1us id=\"\" value=\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := segmenttest.Parse("a.txt", text)
		if err != nil {
			var parse *segmenttest.ParseError
			if !errors.As(err, &parse) || parse.Line < 1 || parse.Column < 1 || parse.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("%v", err)
			}
			return
		}
		now, line := s.Start, 0
		for _, step := range s.Steps {
			if step.Line <= line || step.Do == nil {
				t.Fatalf("step in line %d after line %d: %T", step.Line, line, step.Do)
			}
			line = step.Line
			if a, ok := step.Do.(segmenttest.Advance); ok && step.Refused == nil {
				if a.To.Before(now) {
					t.Fatalf("line %d: the clock goes back", line)
				}
				now = a.To
			}
		}
		if _, err := audience.Instant(now); err != nil {
			t.Fatal(err)
		}
		again, err := segmenttest.Parse("a.txt", s.String())
		if err != nil || s.String() != again.String() || !reflect.DeepEqual(bare(s), bare(again)) {
			t.Fatalf("printed it is\n%s\nand then\n%s\n%v", s, again, err)
		}
	})
}
