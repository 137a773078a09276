package celenv

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// badSource is a source that does not compile, and its errors as line:column
// rule: message (hint).
type badSource struct {
	source string
	want   []string
}

// badSources gives sources by the rule that they break.
func badSources() map[string][]badSource {
	return map[string][]badSource{
		"syntax": {
			{``, []string{`1:1 syntax: the expression is empty (such as contact.status == "subscribed")`}},
			{`  `, []string{`1:1 syntax: the expression is empty (such as contact.status == "subscribed")`}},
			{`contact.status ==`, []string{`1:18 syntax: the expression ends too early (a value, a name or an opening parenthesis)`}},
			{`contact.status == "subscribed" contact.vip`, []string{
				`1:32 syntax: nothing was expected after the end of the expression (combine conditions with && or ||)`,
			}},
			{`(contact.vip`, []string{`1:13 syntax: something else was expected here (expected ')')`}},
			{`contact.vip)`, []string{`1:12 syntax: nothing was expected after the end of the expression (combine conditions with && or ||)`}},
			{`contact.vip & true`, []string{`1:13 syntax: a single & or | (&& or ||)`}},
			{`contact.vip @`, []string{`1:13 syntax: this character means nothing here (a value, a name or an opening parenthesis)`}},
			{`contact.city == "abc`, []string{`1:17 syntax: the string is not closed (the same quote at its end)`}},
			{"contact.city == \"a\\q\"", []string{"1:17 syntax: the string has an escape that does not exist (\\\\ for a backslash)"}},
			{`contact.age == 99999999999999999999`, []string{
				`1:16 syntax: the number is no int (from -9223372036854775808 to 9223372036854775807)`,
			}},
			{`if`, []string{`1:1 syntax: this word is reserved (another name)`}},
			{`contact.in`, []string{`1:9 syntax: something else was expected here (expected identifier after '.')`}},
			{"contact.`x`", []string{`1:9 syntax: names in backticks are not part of the language (e["a-name"] for a property)`}},
			{`!-contact.age`, []string{`1:2 syntax: a minus cannot follow a ! (parentheses between them)`}},
			{`f(1,)`, []string{`1:5 syntax: something else was expected here (a value, a name or an opening parenthesis)`}},
			{`[1,2`, []string{`1:5 syntax: something else was expected here (expected ']')`}},
			{`a ? b`, []string{`1:6 syntax: something else was expected here (expected ':' in conditional expression)`}},
		},
		"type": {
			{`1.e`, []string{`1:3 type: int has no "e"`}},
			{`contact.age > "x"`, []string{`1:13 type: int cannot be compared with string`}},
			{`contact.age > 1.5`, []string{`1:13 type: int cannot be compared with double (double(...) around the int)`}},
			{`contact.score > contact.age`, []string{`1:15 type: double cannot be compared with int (double(...) around the int)`}},
			{`contact.city`, []string{`1:1 type: the whole expression must be bool, not string`}},
			{`contact`, []string{`1:1 type: the contact is not a value by itself (read one of its fields: contact.status)`}},
			{`events("purchase").sum("currency") > 1`, []string{`1:24 type: there is no sum of string (a number)`}},
			{`events("visit", "quiz").sum("secs") > 1`, []string{
				`1:29 type: "secs" is int in "visit" and double in "quiz" (ask for each type of events by itself)`,
			}},
			{`events("purchase")`, []string{
				`1:1 type: events are not a value by themselves (end them with an aggregate such as .any() or .count())`,
			}},
			{`events("purchase").count(1) > 1`, []string{`1:20 type: count takes no argument, not 1 (such as count())`}},
			{`events("purchase").where(e, e.value).any()`, []string{`1:29 type: the condition of where must be bool, not double`}},
			{`events("purchase").since(contact.city).any()`, []string{
				`1:26 type: the argument of since must be timestamp, not string (date("2026-01-31") or timestamp("2026-01-31T09:30:00Z") for a constant)`,
			}},
			{`contact.?city.orValue(1) == "x"`, []string{`1:23 type: the default is int, not string`}},
			{`contact.tags[0] == "a"`, []string{
				`1:13 type: elements of a list have no place (such as "vip" in contact.tags, or contact.tags.exists(t, t == "vip"))`,
			}},
			{`contact.tags == ["a"]`, []string{`1:14 type: lists cannot be compared (in, exists or all)`}},
			{`contact["city"] == "x"`, []string{`1:8 type: fields of the contact are read with a dot (such as contact.city)`}},
			{`contact.age.startsWith("B")`, []string{`1:1 type: what startsWith is called on must be string, not int`}},
			{`size(1) == 1`, []string{`1:6 type: int has no size (a string or a list)`}},
			{`contact.tags.exists(t, t == 1)`, []string{`1:26 type: string cannot be compared with int`}},
			{`contact.city.exists(t, true)`, []string{`1:14 type: exists is called on a list, not string`}},
			{`events("visit").exists(e, true)`, []string{
				`1:17 type: exists is called on a list, not events (events have .where(e, ...) and .any())`,
			}},
			{`[1, "a"] == [1]`, []string{`1:5 type: the list holds int and string (elements of one type)`}},
			{`[[1]].size() == 1`, []string{`1:2 type: a list of lists is not part of the language (one list of values)`}},
			{`contact.vip < true`, []string{`1:13 type: bool has no order (== or !=)`}},
			{`contact.vip && contact.age`, []string{`1:16 type: what stands beside && must be bool, not int`}},
			{`!contact.age`, []string{`1:2 type: what stands beside ! must be bool, not int`}},
			{`-contact.city == "x"`, []string{`1:1 type: there is no - of string`}},
			{`contact.age ? true : false`, []string{`1:1 type: the condition before ? must be bool, not int`}},
			{`contact.vip ? 1 : "x"`, []string{`1:13 type: the two sides of : are int and string`}},
			{`contact.age in contact.tags`, []string{`1:13 type: int cannot be in list of string`}},
			{`"x" in contact.city`, []string{`1:8 type: what stands after in must be a list, not string`}},
			{`contact.age + contact.score > 1.0`, []string{`1:13 type: there is no int + double (double(...) around the int)`}},
			{`contact.city + 1 == "x"`, []string{`1:14 type: there is no string + int`}},
			{`contact.seen + contact.seen < now`, []string{
				`1:14 type: there is no timestamp + timestamp (a timestamp plus or minus a duration, or a difference)`,
			}},
			{`contact.seen * 2 < now`, []string{
				`1:14 type: there is no timestamp * int (a timestamp plus or minus a duration, or a difference)`,
			}},
			{`anniversary(contact.city) < now`, []string{
				`1:13 type: the argument of anniversary must be timestamp, not string (date("2026-01-31") or timestamp("2026-01-31T09:30:00Z") for a constant)`,
			}},
			{`ratio(contact.age, contact.city) > 1.0`, []string{`1:1 type: there is no ratio of int and string`}},
			{`rate(events("visit"), contact.age) > 1.0`, []string{
				`1:23 type: the second argument of rate must be events, not int (such as events("purchase"))`,
			}},
			{`contact.email.domain == "x"`, []string{`1:15 type: string has no "domain"`}},
			{`int(contact.vip) == 1`, []string{`1:5 type: bool cannot become int`}},
			{`contact.birthday == "1990-01-01"`, []string{
				`1:18 type: timestamp cannot be compared with string (date("2026-01-31") or timestamp("2026-01-31T09:30:00Z") for a constant)`,
			}},
			{`contact.id == 1.5`, []string{`1:12 type: int cannot be compared with double (double(...) around the int)`}},
			{`events("visit").distinct("labels") == 1`, []string{`1:26 type: there is no distinct of list (a property with one value)`}},
			{`events("visit").max("page") == "x"`, []string{`1:21 type: there is no max of string (a number or a time)`}},
		},
		"unknown-field": {
			{`contact.agee > 3`, []string{`1:9 unknown-field: the contact has no field "agee" (did you mean "age"?)`}},
			{`has(contact.nope)`, []string{`1:13 unknown-field: the contact has no field "nope" (declare it in the schema)`}},
			{"contact.vip\n  && contact.agee > 3\n  || contact.cit == \"x\"", []string{
				`2:14 unknown-field: the contact has no field "agee" (did you mean "age"?)`,
				`3:14 unknown-field: the contact has no field "cit" (did you mean "city"?)`,
			}},
		},
		"now": {
			{`now`, []string{
				`1:1 now: now cannot be used here (only in comparisons of timestamps, in differences compared with a constant duration, and in getters down to hours)`,
			}},
			{`events("purchase").since(now).any()`, []string{
				`1:26 now: this cannot be the edge of a window (a constant, ago, ahead or startOf, a field of the contact, or first or last of other events)`,
			}},
			{`events("purchase").since(contact.seen + duration("1h")).any()`, []string{
				`1:26 now: this cannot be the edge of a window (a constant, ago, ahead or startOf, a field of the contact, or first or last of other events)`,
			}},
			{`now.getMinutes() == 1`, []string{`1:5 now: getMinutes cannot be read of what moves with now (getters of now go down to hours)`}},
			{`string(now) == "x"`, []string{
				`1:8 now: now cannot be used here (only in comparisons of timestamps, in differences compared with a constant duration, and in getters down to hours)`,
			}},
			{`now - contact.seen > now - contact.created_at`, []string{
				`1:22 now: a difference with now can only be compared with a constant duration (such as now - contact.created_at > duration("720h"))`,
			}},
			{`(now - contact.seen) + contact.seen < now`, []string{
				`1:2 now: what moves with now can only be shifted by a constant duration (such as now - duration("1h"))`,
			}},
			{`[now] == [now]`, []string{
				`1:2 now: now cannot be used here (only in comparisons of timestamps, in differences compared with a constant duration, and in getters down to hours)`,
				`1:11 now: now cannot be used here (only in comparisons of timestamps, in differences compared with a constant duration, and in getters down to hours)`,
			}},
			{`anniversary(now) < now`, []string{
				`1:13 now: now cannot be used here (only in comparisons of timestamps, in differences compared with a constant duration, and in getters down to hours)`,
			}},
		},
		"unknown-name": {
			{`staus == "x"`, []string{`1:1 unknown-name: there is no name "staus" (did you mean contact.status?)`}},
			{`status == "x"`, []string{`1:1 unknown-name: there is no name "status" (write contact.status)`}},
			{`e.value > 1`, []string{`1:1 unknown-name: there is no name "e" (contact.<field>, now or a function)`}},
			{`optional.of(1).orValue(2) == 1`, []string{`1:1 unknown-name: there is no name "optional" (contact.<field>, now or a function)`}},
			{`cel.bind(x, 1, x) == 1`, []string{
				`1:1 unknown-name: there is no name "cel" (contact.<field>, now or a function)`,
				`1:10 unknown-name: there is no name "x" (contact.<field>, now or a function)`,
				`1:16 unknown-name: there is no name "x" (contact.<field>, now or a function)`,
			}},
			{`.contact.vip`, []string{`1:1 unknown-name: there is no name ".contact" (did you mean "contact"?)`}},
		},
		"unknown-function": {
			{`agoo("1d") < now`, []string{`1:1 unknown-function: there is no function "agoo" (did you mean "ago"?)`}},
			{`events("purchase").coun() > 1`, []string{`1:20 unknown-function: events have no function "coun" (did you mean "count"?)`}},
			{`events("purchase").count > 1`, []string{`1:20 unknown-function: events have no "count" (it is called: .count(...))`}},
			{`contact.city.startWith("B")`, []string{`1:14 unknown-function: string has no function "startWith" (did you mean "startsWith"?)`}},
			{`startsWith("a")`, []string{
				`1:1 unknown-function: there is no function "startsWith" (it is called on something: x.startsWith(...))`,
			}},
			{`type(contact.age) == int`, []string{
				`1:1 unknown-function: there is no function "type"`,
				`1:22 unknown-name: there is no name "int" (it is a function: int(...))`,
			}},
			{`dyn(1) == 1`, []string{`1:1 unknown-function: there is no function "dyn"`}},
		},
		"status": {
			{`contact.status == "subscibed"`, []string{`1:19 status: there is no status "subscibed" (did you mean "subscribed"?)`}},
			{`contact.status in ["pending", "actve"]`, []string{
				`1:31 status: there is no status "actve" (none, pending, subscribed, unsubscribed, bounced or complained)`,
			}},
		},
		"email": {
			{`contact.email == "Jane@Example.com"`, []string{
				`1:18 email: contact.email never equals this: it is not in the form in which addresses are compared ("jane@example.com")`,
			}},
			{`contact.email == ""`, []string{
				`1:18 email: contact.email is never empty (!has(contact.email) for contacts without an address)`,
			}},
			{`contact.email in ["jane@example.com", "x"]`, []string{
				`1:39 email: contact.email never equals this: it is no address (an address such as jane@example.com)`,
			}},
		},
		"event-type": {
			{`events("purchse").any()`, []string{`1:8 event-type: there are no events of type "purchse" (did you mean "purchase"?)`}},
			{`events().any()`, []string{`1:1 event-type: events takes one or more types (such as events("purchase"))`}},
			{`events("purchase").where(e, e.type == "visit").any()`, []string{
				`1:39 event-type: no event here is of type "visit" (one of the types given to events)`,
			}},
		},
		"unknown-property": {
			{`events("purchase").sum("valu") > 1`, []string{
				`1:24 unknown-property: the events "purchase" have no property "valu" (did you mean "value"?)`,
			}},
			{`events("purchase").where(e, e.valu > 1).any()`, []string{
				`1:31 unknown-property: the events "purchase" have no property "valu" (did you mean "value"?)`,
			}},
			{`events("visit").where(e, e["utm-sorce"] == "x").any()`, []string{
				`1:27 unknown-property: the events "visit" have no property "utm-sorce" (did you mean "utm-source"?)`,
			}},
		},
		"period": {
			{`events("purchase").within("30x").any()`, []string{`1:27 period: this is no period (at offset 2: one of y mo w d h m s)`}},
			{`events("purchase").within("1mo").then(events("visit"), "1mo").any()`, []string{
				`1:56 period: this period has no fixed length (days instead of months and years)`,
			}},
			{`events("purchase").within(contact.city).any()`, []string{
				`1:27 period: the period must be a string that is written out (such as within("30d"))`,
			}},
			{`startOf("q") < now`, []string{`1:9 period: there is no unit "q" (one of d, w, mo, y)`}},
		},
		"where": {
			{`events("purchase").where(e, events("visit").any()).any()`, []string{
				`1:29 where: events cannot be used inside where (then, without, or another condition outside)`,
			}},
			{`events("purchase").where(e, suppressed()).any()`, []string{
				`1:29 where: suppressed cannot be used inside where (ask for it outside of where)`,
			}},
		},
		"macro": {
			{`events("purchase").where(1, true).any()`, []string{
				`1:26 macro: the first argument is the name of a variable (such as contact.tags.exists(t, t == "vip"))`,
			}},
			{`has(contact)`, []string{`1:5 macro: has asks for a field or a property (such as has(contact.city))`}},
			{`has(1)`, []string{`1:5 macro: has asks for a field or a property (such as has(contact.city))`}},
			{`contact.?city == "x"`, []string{`1:1 macro: an optional read needs a default (such as contact.?city.orValue(""))`}},
			{`contact.city.orValue("x") == "x"`, []string{`1:14 macro: orValue follows an optional read (such as contact.?city.orValue(""))`}},
			{`contact.tags.exists(t)`, []string{
				`1:14 macro: exists takes a variable and an expression (such as contact.tags.exists(t, t.startsWith("a")))`,
			}},
			{`contact.tags.exists(contact, true)`, []string{`1:21 macro: a variable cannot be called "contact" (another name)`}},
		},
		"zone": {
			{`now.getHours("Europe/Berln") == 1`, []string{
				`1:14 zone: there is no zone "Europe/Berln" (a name of the tz database, such as Europe/Berlin or UTC)`,
			}},
		},
		"literal": {
			{`{"a": 1}`, []string{`1:1 literal: maps and messages are not part of the language (a list: [1, 2])`}},
			{`b"x" == b"x"`, []string{
				`1:1 literal: constants of this kind are not part of the language (true, 1, 1.5 or "text")`,
				`1:9 literal: constants of this kind are not part of the language (true, 1, 1.5 or "text")`,
			}},
			{`1u == 1u`, []string{
				`1:1 literal: constants of this kind are not part of the language (true, 1, 1.5 or "text")`,
				`1:7 literal: constants of this kind are not part of the language (true, 1, 1.5 or "text")`,
			}},
			{`null == null`, []string{
				`1:1 literal: constants of this kind are not part of the language (true, 1, 1.5 or "text")`,
				`1:9 literal: constants of this kind are not part of the language (true, 1, 1.5 or "text")`,
			}},
			{`contact.city == null`, []string{`1:17 literal: constants of this kind are not part of the language (true, 1, 1.5 or "text")`}},
			{`bucket("x", 0) == 1`, []string{
				`1:13 literal: the number of buckets is an int from 1 to 1000000 that is written out (such as bucket("holdout", 100))`,
			}},
			{`bucket("x", contact.age) == 1`, []string{
				`1:13 literal: the number of buckets is an int from 1 to 1000000 that is written out (such as bucket("holdout", 100))`,
			}},
			{`Msg{a: 1}.a == 1`, []string{`1:4 literal: maps and messages are not part of the language (a list: [1, 2])`}},
			{`[?contact.city].size() == 1`, []string{
				`1:1 literal: optional elements are not part of the language (a value, or contact.?x.orValue(y))`,
			}},
		},
		"date": {
			{`date("2026-02-30") < now`, []string{`1:6 date: this is no date (a day of that month, 1 to 28)`}},
		},
		"timestamp": {
			{`timestamp("2026-01-01") < now`, []string{`1:11 timestamp: this is no timestamp (date("2026-01-01"))`}},
			{`timestamp("2026-01-01T00:00:00.0000001Z") < now`, []string{`1:11 timestamp: a timestamp has at most six decimals of a second`}},
		},
		"duration": {
			{`duration("30d") > duration("1h")`, []string{`1:10 duration: this is no duration (duration("720h0m0s"))`}},
			{`duration("1ns") > duration("1h")`, []string{`1:10 duration: a duration is of whole microseconds`}},
		},
		"regex": {
			{`contact.city.matches("(")`, []string{`1:22 regex: the regular expression is not valid (RE2 syntax: missing closing ))`}},
			{`contact.city.matches(contact.city)`, []string{
				`1:22 regex: the regular expression must be a string that is written out (such as contact.city.matches("^B"))`,
			}},
		},
		"list": {
			{`onList("nws")`, []string{`1:8 list: there is no list "nws" (did you mean "news"?)`}},
			{`onList(contact.city)`, []string{`1:8 list: the name must be a string that is written out (such as onList("name"))`}},
		},
		"purpose": {
			{`consent("ofers")`, []string{`1:9 purpose: there is no purpose "ofers" (did you mean "offers"?)`}},
		},
		"segment": {
			{`inSegment("x")`, []string{`1:1 segment: inSegment needs a set of segments (compile the expression as part of a set)`}},
		},
	}
}

func TestCompileErrors(t *testing.T) {
	e := testEnv(t)
	for _, all := range []map[string][]badSource{badSources(), badArguments()} {
		for rule, sources := range all {
			for _, tt := range sources {
				t.Run(rule+" "+tt.source, func(t *testing.T) {
					program, errs := e.Compile(tt.source, nil)
					require.Nil(t, program)
					require.Equal(t, tt.want, shown(errs))
				})
			}
		}
	}
}

func shown(errs []*Error) []string {
	var out []string
	for _, e := range errs {
		line := fmt.Sprintf("%d:%d %s: %s", e.Line, e.Column, e.Rule, e.Message)
		if e.Hint != "" {
			line += " (" + e.Hint + ")"
		}
		out = append(out, line)
	}
	return out
}
