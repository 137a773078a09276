// Package segment compiles segment definitions and keeps their members: who is
// in "opened in the last 30 days and subscribed", at every instant.
//
// An [Engine] holds the live segments of an audience and follows what happens
// to it. [OpenEngine] opens it, [Engine.Apply] makes definitions live,
// [Engine.Segment] gives one to ask:
//
//	eng, err := segment.OpenEngine(ctx, aud, segment.EngineOptions{})
//	defs, err := segment.Load(os.DirFS("segments")) // NAME.cel each
//	_, err = eng.Apply(ctx, defs...)
//	go eng.Run(ctx)
//
//	vip, err := eng.Segment("vip")
//	if vip.Has(audience.Key("u42")) { ... }
//
// Without an engine, a [Language], made for an audience ([LanguageOf]) or from
// a schema ([NewLanguage]), compiles single expressions ([Language.Compile])
// and sets of segments that may name each other ([Language.CompileSet]). An
// [Expression] or a [Set] is evaluated at an instant ([Expression.At],
// [Set.At]) for one contact, or for all contacts of a store ([Set.Evaluate]).
// The members of one segment alone are found without going through everybody
// where the store can look for them ([Set.Find], [Set.Count]).
// This is the reference that the engine is held to. The same contact at the
// same instant always gives the same answer, in any order of events and on any
// machine.
//
// # The engine
//
// An Engine stands at a position of the store's feed and at an instant. A
// contact is in a segment exactly when the expression is true of her record as
// of that position, with now being that instant. This holds after every change
// in any order: late and repeated events, revisions, merges and their undoing,
// erasures, new definitions, restarts.
//
// Time. Every read moves the engine to the clock's instant first and lets
// happen what is due until then, so a contact leaves "opened in the last 30
// days" at the microsecond the 30 days are over, and enters "not opened in 30
// days" at that instant, whether anybody looks or not. The instant never goes
// back.
//
// Changes. [Engine.Sync] moves on to what was committed: with the position
// that Update gave, a caller reads its own writes. [Engine.Run] does it all
// the time, some 200 ms behind at most when nothing fails.
//
// Reads. [Live.Has], [Live.Contains] and [Live.Len] take no context and give
// no error. When nothing is due they take no lock but that of the index of
// keys, and never wait for a writer; else they are over when what is due has
// happened. An [Engine.Snapshot] is several segments at one position and
// instant, which belong together whatever happens meanwhile. Its [Members] are
// sets with And, Or, AndNot and Overlap.
//
// Ticks. What one commit changes, or what is due at one instant, is one tick:
// segments change together, after it and not within, and only net differences
// are told. Nobody enters and leaves because a transaction wrote two things.
//
// Transitions. Everybody who enters or leaves is in a numbered log in the
// store, with instant and [Causes]. [Engine.Follow] delivers it in order, at
// least once, and keeps its place under a name; [Engine.AsOf],
// [Engine.Growth] and [Engine.GrowthByDay] look back, as was believed then.
// The log is written by Run, [Engine.Advance] and [Engine.Close], in one
// process: the one that holds the lease. A change is dated by its commit and
// something due by its instant, so an engine that was behind writes what it
// would have written in time; one that is opened anew continues the log with
// the difference between it and the members as they are, with [CauseRebuild].
// A failing store delays the log and never a read. Erasing a contact takes her
// out of the log; that she left by it is told, so that whoever copied members
// learns it, as a number that belongs to nobody any more.
//
// Definitions. Apply makes the live segments exactly those given and stores
// them as a new version; [Engine.Diff] tells before what it would do, and the
// old segments serve until the new ones are ready. An engine that opens goes
// on with the version that was applied last. Renaming a field harms no live
// segment: see [Engine.CheckSchema].
//
// Processes. Any number of engines may follow one audience, each in its own
// process and memory. They adopt what another one applied when they have read
// the feed to its end after that, not at the very position of Apply; until then
// each is exact for the definitions that it tells ([Engine.LatestVersion]).
// When the writer of the log is gone another one takes over, after 30 s at
// most, and goes on where the log ends.
//
// Checkpoints. Opening an engine reads all contacts. [Engine.Checkpoint] writes
// what the engine holds to a file of the host, and [LoadEngine] starts from it
// and from what was committed since. A file that was changed, cut off, written
// for another audience, schema or zone, or before a backup was restored is not
// used: the engine is built anew and [EngineOptions.Rebuilt] is told why. Write
// to a new file and rename it when it is whole; each process needs one of its
// own, or may start from that of another one. Keep the feed for longer than
// between two checkpoints. A checkpoint is as confidential as the contacts, and
// those from before somebody was erased have to go.
//
// Questions. [Engine.Explain] says why somebody is in or not and when that
// changes by itself; [Engine.Preview] who an expression is true for;
// [Engine.Forecast] who enters and leaves by time alone; [Engine.WhatIf] what a
// transaction would change; [Engine.Plan] how a segment is decided.
//
// Failures. An expression that exceeds a limit for some contact, or a function
// of the host that panics, stops the engine: [Engine.Err] says why, the
// members stay as they were, nothing is guessed. Applying other definitions
// starts it anew.
//
// # Costs
//
// An engine keeps in memory, by column, what its segments read of contacts,
// and one bit, compressed, for each member. Opening it reads all contacts once;
// so does Apply when it needs columns that are not there, and it says so.
// Besides, Apply goes through the contacts in memory for segments that are new
// or changed, and those that name them.
//
// A change costs by what it touches, not by how many segments there are: the
// values that read what changed are computed before and after, and only
// conditions between the two are looked at. What a condition costs:
//
//	contact.country == "FR", has, in, a number <  found by value
//	"vip" in contact.tags, onList("by-hand")      a set of contacts
//	contact.status, consent, onList("topic")      kept for each contact, a byte for each purpose or topic
//	events(...).count(), last(), first()          by value, from the times of her events
//	sum, avg, min, max, distinct, rate            by value; computed from all her events of the type at each of them
//	any, none, count .within("30d")               one order of contacts, shared by windows of every length
//	contact.created_at < ago("6mo")               the same; so is events(...).last() < ago("6mo")
//	inSegment("x")                                when the members of x change
//	everything else                               row by row
//
// Row by row is: where, then, without, latest, ratio; sum and its like within a
// window; windows with two edges, or one that is no ago; texts looked into or
// compared by <; fields compared with each other, calculations, defaults, list
// macros, bucket, startOf, anniversary, getters, functions of the host. Such a
// condition is evaluated for a contact, in some microseconds, when something
// that it reads of her changes, and at the instant at which time may change it,
// which is kept for each such contact in some 20 bytes. It is as exact as the
// others.
//
// A change looks at every segment that has the condition which flipped, unless
// another condition of the same && tells segments apart: an equality, a tag, a
// list, consent. Of ten thousand segments events("email.opened").within("30d").any()
// && contact.country == X, an event looks at those of her own country. Ten
// thousand that have one condition in common and nothing that tells them apart
// are looked at one by one, each time: [Engine.Plan] warns of that. Linear too
// are: deleting, erasing or merging a contact (in the segments), a condition
// under inSegment (in the segments that name it), Apply (in the contacts), an
// instant at which many contacts are due (in these), and startOf or
// now.getHours() (everybody is looked at when the unit begins).
//
// # The language
//
// Expressions are CEL (https://cel.dev), checked against the schema when
// compiled. A wrong field, property, type, period, date or constant is a
// [CompileError] with line, column and the nearest known name.
//
//	contact.status == "subscribed"
//	  && events("email.opened").within("30d").any()
//	  && events("email.clicked").within("60d").any()
//
//	events("purchase").sum("value") > 100
//	  && events("purchase").within("1y").count() > 3
//	  && rate(events("email.opened"), events("email.sent")) > 0.5
//	  && contact.created_at < ago("6mo")
//
// Comments begin with //. Strings, numbers and operators are CEL's:
//
//	&& || !   == != < <= > >=   in   + - * / %   c ? a : b   [1, 2]
//
// # The contact
//
//	contact.id           int
//	contact.email        string: the form in which addresses are compared
//	contact.first_name   string; so are last_name, phone and frequency
//	contact.status       string: none, pending, subscribed, unsubscribed, bounced, complained
//	contact.tags         list of string
//	contact.created_at   timestamp; so is updated_at
//	contact.<field>      a custom field of the schema
//
// Types are string, int, double, bool, timestamp, duration and list. A field
// declared as date is a timestamp here, the first instant of its day in the
// audience's zone. Tags and list fields are sorted sets and never absent: ask
// with in, exists, all, size. Any other field may be absent:
//
//	has(contact.city)                   whether it is there
//	contact.?city.orValue("unknown")    its value, or a default
//
// A literal compared with contact.email must have its form, "jane@example.com"
// and not "Jane@Example.com"; one compared with contact.status must be a
// status.
//
// # Time
//
//	now                      the instant of evaluation, the only clock
//	ago("6mo")               now minus a period
//	ahead("7d")              now plus a period
//	startOf("d")             start of the current day; w (Monday), mo, y
//	date("2026-01-31")       the first instant of a day
//	timestamp("2026-01-31T09:30:00Z")
//	duration("36h")          for differences: now - contact.created_at > duration("36h")
//	anniversary(d)           first instant of the yearly day of d that is not over yet
//
// All calendars are in the audience's zone. A period is written out: whole
// numbers with the units y mo w d h m s in this order, such as 30d or
// 1y6mo10d. A d is exactly 24 hours and a w 7 d. Years and months are calendar
// steps: a day which the month lacks becomes the first instant of the next
// month, so 31 March minus 1mo is 1 March 00:00. A calendar step never runs
// backwards while now goes forward, whatever the clocks of the zone do
// ([audience.Calendar]).
//
// On the birthday itself anniversary is today 00:00; 29 February is
// 28 February in other years.
//
// now can be compared with timestamps, shifted by a constant duration and
// subtracted from a timestamp, when the difference is compared with a
// constant duration. The same holds for ago and ahead, which can also be the
// edge of a window, a default, or a branch of a condition. Getters read
// timestamps in the audience's zone or in a named one, and now no finer than
// hours:
//
//	now.getHours() >= 9      getFullYear, getMonth (from 0), getDate (from 1), getDayOfMonth (from 0),
//	                         getDayOfWeek (Sunday is 0), getDayOfYear (from 0), getHours,
//	                         getMinutes, getSeconds, getMilliseconds
//	t.getHours("Europe/Berlin")
//
// Timestamps are whole microseconds in the years 1 to 9999.
//
// # Events
//
// events("type", ...) are the contact's events of any of the types, none
// later than now. Calls on it choose among them, and an aggregate ends it:
//
//	.within("30d")           (now-30d, now]
//	.since(t)                [t, now]
//	.before(t)               (.., t)
//	.between(t, u)           [t, u)
//	.where(e, p)             those for which p is true
//	a.then(b, "7d")          the events of b, each once, for which an event of a has a.time < b.time <= a.time + 7d
//	a.without(b, "4h")       the events of a whose 4h are over with no b in (a.time, a.time + 4h]
//
//	.any() .none() .count()  bool, bool, int
//	.sum("p") .avg("p")      double, over a number
//	.min("p") .max("p")      the property's type, a number or a time
//	.distinct("p")           int: how many different values
//	.first() .last()         timestamp
//	.latest("p")             p of the latest event that has it
//	rate(a, b)               a.count() / b.count()
//	ratio(x, y)              x / y of numbers, a double
//
// Windows that are chained intersect. A t is a constant, ago, ahead, startOf,
// a field of the contact, or first() or last() of other events; when it is
// absent every aggregate of the window is unknown. Windows and conditions on a
// and b of then and without choose before events are paired; after it they
// filter the outcome. Periods of pairs have no months or years.
//
// Within where, e.type, e.time and the properties are read: e.value, or
// e["utm-source"] where the name is no identifier; has(e.value) and
// e.?value.orValue(0) as for fields. It also reads contact.<field>, constants
// and now; no other events, lists, segments or consent. Of several types
// the properties are those of any; one that differs in type cannot be read.
//
// Events without the property are skipped. sum adds the numbers as they are
// written, exactly, and rounds once in the end: 33.30 + 33.30 + 33.40 is 100.
// avg is that sum over the count. Neither depends on the order of events.
// Events are ordered by time, then by the bytes of their ids.
//
// # Lists, consent and other segments
//
//	onList("vip")            she is on a declared list; of a topic: subscribed to it
//	consent("marketing")     consent for a declared purpose stands
//	suppressed()             one of her addresses is suppressed
//	inSegment("engaged")     she is a member of another segment of the set
//	bucket("salt", 100)      a number from 0 to 99 that stays hers, for holdouts
//
// These are always known. bucket is the first 8 bytes of SHA-256 over the
// salt, a zero byte and the decimal id, as a big-endian number, modulo n.
//
// # Functions
//
//	s.startsWith("a") s.endsWith("a") s.contains("a")
//	s.matches("^a")          RE2, written out
//	s.lowerAscii() s.upperAscii() s.trim()
//	size(s) size(list)       characters of a string, elements of a list; also s.size()
//	int(x) double(x) string(x)
//	list.exists(x, p) list.all(x, p) list.exists_one(x, p)
//	list.filter(x, p) list.map(x, f) list.map(x, p, f)
//
// A host adds functions of its own with [Options]. Strings compare
// by their UTF-8 bytes. An int literal beside a double is that double
// (contact.score > 5); other mixes of int and double need double(x).
//
// # Unknown
//
// What is absent is unknown, not false. Reading an absent field, an aggregate
// that has no value (avg, min, max, first, last, latest of nothing, rate by
// zero), division by zero, overflow, a double that is not finite and a failed
// conversion are unknown. count, sum, any and none of nothing are 0, 0, false
// and true.
//
// Only && || ! exists and all absorb unknown: false && unknown is false,
// true || unknown is true. Everything else that meets an unknown is unknown:
// comparisons, in with an unknown element, lists, a condition before ?. Within
// where, unknown drops the event. A contact is a member only when the whole
// is true. So
//
//	!(contact.age >= 30)
//
// does not match people whose age nobody knows; this does:
//
//	!has(contact.age) || contact.age < 30
//
// # Limits
//
// Expressions are untrusted input. [Limits] bounds what is compiled, how long
// evaluating takes and how much text it may make; exceeding it is
// [audience.ErrLimit], never an answer.
package segment
