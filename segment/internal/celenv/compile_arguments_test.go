package celenv

// badArguments gives more sources that do not compile, by the rule that they
// break: most of them call something with what it does not take.
func badArguments() map[string][]badSource {
	return map[string][]badSource{
		"type": {
			{`events("visit").where(e, e).any()`, []string{
				`1:26 type: an event is not a value by itself (read one of its properties: e.value)`,
			}},
			{`contact.seen - contact.created_at > 5`, []string{
				`1:35 type: duration cannot be compared with int (duration("36h") for a constant)`,
			}},
			{`contact.vip && events("visit")`, []string{
				`1:16 type: events are not a value by themselves (end them with an aggregate such as .any() or .count())`,
			}},
			{`now - contact.seen > "1h"`, []string{`1:20 type: duration cannot be compared with string (duration("36h") for a constant)`}},
			{`[1, 2] == [1.5]`, []string{`1:8 type: lists cannot be compared (in, exists or all)`}},
			{`[1, contact.age] == contact.score`, []string{`1:18 type: list of int cannot be compared with double`}},
			{`1.5 in [1, contact.age]`, []string{`1:5 type: double cannot be in list of int (double(...) around the int)`}},
			{`size() == 1`, []string{`1:1 type: size takes one argument, not 0 (such as size(contact.tags))`}},
			{`ratio(1) == 1.0`, []string{`1:1 type: ratio takes 2 arguments, not 1 (such as ratio(contact.won, contact.played))`}},
			{`has(contact.city, 1)`, []string{`1:1 type: has takes one argument, not 2 (such as has(contact.city))`}},
			{`contact.?city.orValue() == "x"`, []string{`1:15 type: orValue takes one argument, not 0 (such as contact.?city.orValue(""))`}},
			{`suppressed(1)`, []string{`1:1 type: suppressed takes no argument, not 1 (such as suppressed())`}},
			{`onList()`, []string{`1:1 type: onList takes one argument, not 0 (such as onList("name"))`}},
			{`bucket("x") == 1`, []string{`1:1 type: bucket takes 2 arguments, not 1 (such as bucket("holdout", 100))`}},
			{`[[1]].all(t, true)`, []string{`1:2 type: a list of lists is not part of the language (one list of values)`}},
			{`contact.tags.map(t, [t]).size() == 1`, []string{
				`1:21 type: a list of lists is not part of the language (one value for each element)`,
			}},
			{`contact.tags.map(t, t, t).size() == 1`, []string{`1:21 type: the condition of map must be bool, not string`}},
			{`contact.startsWith("a")`, []string{`1:1 type: the contact is not a value by itself (read one of its fields: contact.status)`}},
			{`events("visit").where(e, e.startsWith("a")).any()`, []string{
				`1:26 type: an event is not a value by itself (read one of its properties: e.value)`,
			}},
			{`contact.tags.size(1) == 1`, []string{`1:14 type: size takes no argument, not 1 (such as contact.tags.size())`}},
			{`contact.city.trim(1) == ""`, []string{`1:14 type: trim takes no argument, not 1 (such as contact.city.trim())`}},
			{`contact.city.matches()`, []string{`1:14 type: matches takes one argument, not 0 (such as contact.city.matches("^B"))`}},
			{`contact.city.contains()`, []string{`1:14 type: contains takes one argument, not 0 (such as contact.city.contains("B"))`}},
			{`contact.city.contains(1)`, []string{`1:23 type: the argument of contains must be string, not int`}},
			{`int() == 1`, []string{`1:1 type: int takes one argument, not 0 (such as int(contact.score))`}},
			{`contact.age[0] == 1`, []string{`1:12 type: int has no elements`}},
			{`contact.city.x == 1`, []string{`1:14 type: string has no "x"`}},
			{`1.0 % 2.0 == 1.0`, []string{`1:5 type: there is no double % double`}},
			{`now + now > now`, []string{`1:5 type: there is no timestamp + timestamp (a timestamp plus or minus a duration, or a difference)`}},
			{`now * 2 > now`, []string{`1:5 type: there is no timestamp * int (a timestamp plus or minus a duration, or a difference)`}},
			{`(now - contact.seen) * 2 > duration("1h")`, []string{
				`1:22 type: there is no duration * int (a timestamp plus or minus a duration, or a difference)`,
			}},
			{`events("visit").within().any()`, []string{`1:17 type: within takes one argument, not 0 (such as within("30d"))`}},
			{`events("visit").between(now).any()`, []string{
				`1:17 type: between takes 2 arguments, not 1 (such as between(ago("60d"), ago("30d")))`,
			}},
			{`events("visit").then(events("visit")).any()`, []string{
				`1:17 type: then takes 2 arguments, not 1 (such as then(events("purchase"), "7d"))`,
			}},
			{`events("visit").then(contact.age, "1d").any()`, []string{
				`1:22 type: the first argument of then must be events, not int (such as events("purchase"))`,
			}},
			{`rate(events("visit")) > 1.0`, []string{
				`1:1 type: rate takes 2 arguments, not 1 (such as rate(events("email.opened"), events("email.sent")))`,
			}},
			{`events("visit").sum() > 1.0`, []string{`1:17 type: sum takes one argument, not 0 (such as sum("value"))`}},
			{`timestamp() < now`, []string{`1:1 type: timestamp takes one argument, not 0 (such as timestamp("2026-01-31T00:00:00Z"))`}},
			{`ago() < now`, []string{`1:1 type: ago takes one argument, not 0 (such as ago("30d"))`}},
			{`ago("1d", "2d") < now`, []string{`1:1 type: ago takes one argument, not 2 (such as ago("30d"))`}},
			{`startOf() < now`, []string{`1:1 type: startOf takes one argument, not 0 (such as startOf("mo"))`}},
			{`anniversary() < now`, []string{`1:1 type: anniversary takes one argument, not 0 (such as anniversary(contact.birthday))`}},
			{`now.getHours("UTC", "UTC") == 1`, []string{`1:5 type: getHours takes at most one argument (the name of a zone, or nothing)`}},
			{`contact.city.getHours() == 1`, []string{
				`1:1 type: what getHours is called on must be timestamp, not string (date("2026-01-31") or timestamp("2026-01-31T09:30:00Z") for a constant)`,
			}},
			{`contact.tags.all(t, t)`, []string{`1:21 type: the condition of all must be bool, not string`}},
			{`"a" + 1 == "a1"`, []string{`1:5 type: there is no string + int`}},
			{`contact.age == "18"`, []string{`1:13 type: int cannot be compared with string`}},
		},
		"now": {
			{`string(ago("1d")) == "x"`, []string{
				`1:8 now: what moves with now cannot be used here (only as the edge of a window, in comparisons of timestamps, in differences compared with a constant duration, and in getters down to hours)`,
			}},
			{`size(now - contact.seen) == 1`, []string{
				`1:6 now: a difference with now can only be compared with a constant duration (such as now - contact.created_at > duration("720h"))`,
			}},
			{`contact.vip ? now : now`, []string{
				`1:15 now: now cannot be used here (only in comparisons of timestamps, in differences compared with a constant duration, and in getters down to hours)`,
				`1:21 now: now cannot be used here (only in comparisons of timestamps, in differences compared with a constant duration, and in getters down to hours)`,
			}},
			{`contact.?seen.orValue(now) < ago("1d")`, []string{
				`1:23 now: now cannot be used here (only in comparisons of timestamps, in differences compared with a constant duration, and in getters down to hours)`,
			}},
			{`contact.?city.orValue(now) == "x"`, []string{
				`1:23 now: now cannot be used here (only in comparisons of timestamps, in differences compared with a constant duration, and in getters down to hours)`,
			}},
			{`ago("1d").getSeconds() == 1`, []string{
				`1:11 now: getSeconds cannot be read of what moves with now (getters of now go down to hours)`,
			}},
		},
		"unknown-name": {
			{`events(agee).any()`, []string{`1:8 unknown-name: there is no name "agee" (did you mean contact.age?)`}},
			{`contact.?city.orValue(agee) == "x"`, []string{`1:23 unknown-name: there is no name "agee" (did you mean contact.age?)`}},
			{`bucket(x, 1) == 1`, []string{`1:8 unknown-name: there is no name "x" (contact.<field>, now or a function)`}},
			{`agee.exists(t, true)`, []string{`1:1 unknown-name: there is no name "agee" (did you mean contact.age?)`}},
			{`contact.city.contains(agee)`, []string{`1:23 unknown-name: there is no name "agee" (did you mean contact.age?)`}},
			{`size(agee) == 1`, []string{`1:6 unknown-name: there is no name "agee" (did you mean contact.age?)`}},
			{`int(agee) == 1`, []string{`1:5 unknown-name: there is no name "agee" (did you mean contact.age?)`}},
			{`has == 1`, []string{`1:1 unknown-name: there is no name "has" (it is a function: has(...))`}},
			{`agee["x"] == 1`, []string{`1:1 unknown-name: there is no name "agee" (did you mean contact.age?)`}},
			{`-agee == 1`, []string{`1:2 unknown-name: there is no name "agee" (did you mean contact.age?)`}},
			{`ratio(agee, 1) > 1.0`, []string{`1:7 unknown-name: there is no name "agee" (did you mean contact.age?)`}},
			{`contact.tags.exists(t, nope)`, []string{`1:24 unknown-name: there is no name "nope" (did you mean "now"?)`}},
			{`contact.tags.exists(t, t2 == "x")`, []string{`1:24 unknown-name: there is no name "t2" (did you mean "t"?)`}},
		},
		"unknown-function": {
			{`contact.tags.where(e, true).any()`, []string{
				`1:14 unknown-function: where is called on events, not list of string (events("purchase").where(e, e.value > 10))`,
			}},
			{`contact.age.within("1d")`, []string{
				`1:13 unknown-function: int has no function "within" (it is called on events: events("purchase").within)`,
			}},
			{`contact.city.onList("x")`, []string{
				`1:14 unknown-function: string has no function "onList" (it is called by itself: onList(...))`,
			}},
		},
		"macro": {
			{`events("visit").where(e).any()`, []string{
				`1:17 macro: where takes a variable and a condition (such as events("purchase").where(e, e.value > 10))`,
			}},
			{`contact.?tags.exists(t, true)`, []string{`1:1 macro: an optional read needs a default (such as contact.?city.orValue(""))`}},
			{`contact.?city.startsWith("a")`, []string{`1:1 macro: an optional read needs a default (such as contact.?city.orValue(""))`}},
			{`contact.?city.x == 1`, []string{`1:15 macro: an optional read is followed by its default (such as contact.?city.orValue(""))`}},
			{`contact.tags.exists(now, true)`, []string{`1:21 macro: a variable cannot be called "now" (another name)`}},
			{`contact.tags.exists("x", true)`, []string{
				`1:21 macro: the first argument is the name of a variable (such as contact.tags.exists(t, t == "vip"))`,
			}},
			{`events("visit").where(contact, true).any()`, []string{`1:23 macro: a variable cannot be called "contact" (another name)`}},
		},
		"unknown-field": {
			{`contact.now`, []string{`1:9 unknown-field: the contact has no field "now" (declare it in the schema)`}},
			{"contact.city ==\n\t\"a\" &&\n\n  contact.agee == 1", []string{
				`4:11 unknown-field: the contact has no field "agee" (did you mean "age"?)`,
			}},
			{`contact.city == "ä" && contact.agee == 1`, []string{`1:32 unknown-field: the contact has no field "agee" (did you mean "age"?)`}},
		},
		"unknown-property": {
			{`events("visit").where(e, e[0] == 1).any()`, []string{
				`1:28 unknown-property: the name of a property is a string that is written out (such as e["utm-source"])`,
			}},
			{`events("quiz").where(e, e.foo == 1).any()`, []string{
				`1:27 unknown-property: the events "quiz" have no property "foo" (declare it in the schema)`,
			}},
			{`events("visit").sum(contact.city) > 1.0`, []string{
				`1:21 unknown-property: the property must be a string that is written out (such as sum("value"))`,
			}},
		},
		"date": {
			{`date("x") < now`, []string{`1:6 date: this is no date (YYYY-MM-DD, such as 2026-01-31)`}},
		},
		"timestamp": {
			{`timestamp(contact.city) < now`, []string{
				`1:11 timestamp: the argument of timestamp must be a string that is written out (such as timestamp("2026-01-31T00:00:00Z"))`,
			}},
			{`timestamp("0000-01-01T00:00:00Z") < now`, []string{`1:11 timestamp: the timestamp is out of range (the years 1 to 9999)`}},
			{`timestamp("2026-01-01T00:00:00,5Z") < now`, []string{
				`1:11 timestamp: this is no timestamp (RFC 3339, such as 2026-01-31T09:30:00Z)`,
			}},
		},
		"duration": {
			{`duration("xyz") > duration("1h")`, []string{
				`1:10 duration: this is no duration (hours, minutes and seconds, such as 36h or 1h30m)`,
			}},
			{`duration("1mo") > duration("1h")`, []string{
				`1:10 duration: this is no duration (hours, minutes and seconds, such as 36h or 1h30m)`,
			}},
		},
		"period": {
			{`ago("") < now`, []string{`1:5 period: this is no period (at offset 0: a number with a unit, such as 30d or 1y6mo)`}},
			{`ago("1d1y") < now`, []string{`1:5 period: this is no period (at offset 3: each of y mo w d h m s at most once, in this order)`}},
			{`ago("99999999999y") < now`, []string{`1:5 period: this is no period (at offset 0: a number of at most 10 digits)`}},
			{`ago(1) < now`, []string{`1:5 period: the period must be a string that is written out (such as ago("30d"))`}},
			{`startOf(1) < now`, []string{`1:9 period: the unit must be a string that is written out (such as startOf("mo"))`}},
		},
		"zone": {
			{`now.getHours(1) == 1`, []string{`1:14 zone: the zone must be a string that is written out (such as "Europe/Berlin")`}},
			{`now.getHours("Local") == 1`, []string{
				`1:14 zone: there is no zone "Local" (a name of the tz database, such as Europe/Berlin or UTC)`,
			}},
		},
		"where": {
			{`events("visit").where(e, inSegment("x")).any()`, []string{
				`1:26 where: inSegment cannot be used inside where (ask for it outside of where)`,
			}},
			{`events("visit").where(e, rate(events("visit"), events("visit")) > 1.0).any()`, []string{
				`1:31 where: events cannot be used inside where (then, without, or another condition outside)`,
				`1:48 where: events cannot be used inside where (then, without, or another condition outside)`,
			}},
			{`contact.tags.exists(t, events("visit").where(e, e.page == t).any())`, []string{
				`1:59 where: t cannot be used inside where (the event, fields of the contact, constants and now)`,
			}},
		},
		"email": {
			{`contact.email == "a@b"`, []string{
				`1:18 email: contact.email never equals this: it is no address (an address such as jane@example.com)`,
			}},
			{`contact.email != ""`, []string{`1:18 email: contact.email is never empty (!has(contact.email) for contacts without an address)`}},
		},
		"status": {
			{`"x" == contact.status`, []string{
				`1:1 status: there is no status "x" (none, pending, subscribed, unsubscribed, bounced or complained)`,
			}},
			{`contact.status == "Subscribed"`, []string{`1:19 status: there is no status "Subscribed" (did you mean "subscribed"?)`}},
		},
		"syntax": {
			{`/* x */ true`, []string{`1:1 syntax: something else was expected here (a value, a name or an opening parenthesis)`}},
			{`# x`, []string{`1:1 syntax: this character means nothing here (a value, a name or an opening parenthesis)`}},
			{`contact.age = 1`, []string{`1:13 syntax: a single = compares nothing (==)`}},
			{`contact.age == 1;`, []string{`1:17 syntax: this character means nothing here (a value, a name or an opening parenthesis)`}},
			{`contact.vip and true`, []string{`1:13 syntax: there is no and (&&)`}},
			{`not contact.vip`, []string{`1:5 syntax: there is no not (!)`}},
			{`contact.age === 1`, []string{`1:15 syntax: something else was expected here (a value, a name or an opening parenthesis)`}},
			{`contact.city == 'x`, []string{`1:17 syntax: the string is not closed (the same quote at its end)`}},
		},
	}
}
