// Package segmenttest tests segments: with scripts that people read who do not program, and with a [Fixture] for tests
// in Go.
//
// # Scripts
//
// A script says what an audience is, what happens to it, and who is in its segments then:
//
//	# In for 30 days, to the microsecond.
//	zone Europe/Berlin
//	now 2026-03-01T08:00:00Z
//	field score int
//
//	contact ann email=ann@example.com score=3 tags=vip,de
//	contact bob score=1
//	event ann email.opened 2026-03-01T07:30:00Z id=e1 campaign=spring
//
//	segment engaged =
//	  events("email.opened").within("30d").any()
//	    && contact.score > 2
//
//	expect engaged = ann
//	match bob: contact.score == 1
//	at 2026-03-31T07:30:00Z
//	expect engaged = nobody
//
// [Run] plays a folder of scripts, each with an audience of its own, on any store and any evaluator or engine:
//
//	func TestSegments(t *testing.T) {
//		defs, err := segment.Load(os.DirFS("segments")) // what the scripts are about
//		require.NoError(t, err)
//		segmenttest.Run(t, os.DirFS("testdata/segments"), segmenttest.Memory, defs...)
//	}
//
// [Scripts] are those that this library is held to itself, and they say with examples what every part of the language
// means. [Parse] gives a script as values, [Script.String] its text, [Play] plays one.
//
// # Grammar
//
// A statement begins at the margin; indented lines below go on with it. A line whose first character is # is a comment,
// and so is the rest of a line from a word that begins with #, except in an expression. Words are separated by spaces;
// a word or a part of one may stand in double quotes, with the escapes of Go: "two words", tags="a, b",vip.
//
// Declarations come first, zone before the others:
//
//	zone NAME                              of the IANA database; default UTC
//	now INSTANT                            what the clock shows at first; default 2026-01-01T00:00:00Z
//	field NAME TYPE                        string int double bool timestamp date list
//	event-type NAME PROPERTY:TYPE ...      beside the types that every audience has
//	purpose NAME                           beside marketing
//	list NAME topic [PURPOSE]
//	list NAME static
//	list NAME test
//
// Time:
//
//	at INSTANT                             moves the clock there, never back
//	advance SPAN                           30d, 1h30m, 1us: w d h m s ms us
//
// An INSTANT is 2026-03-01T09:30:00Z, with up to six decimals and any offset; 2026-03-01, the first instant of that day
// in the zone; now; now-30d; now+1h.
//
// Contacts. The contact ann has the external id ann of the host. A further statement changes what it mentions.
//
//	contact NAME [returning] KEY=VALUE ...
//
// with email (email+= and email-= for further addresses), tags (tags+=, tags-=), first_name, last_name, phone,
// created_at, frequency, external:SYSTEM and the fields that are declared; KEY= with nothing behind it makes a field
// absent, KEY="" the empty text. A list has commas: langs=de,"a, b"; langs=[] has no items and is not absent.
//
//	add-to-list LIST NAME ...
//	remove-from-list LIST NAME ...
//	merge LOSER into WINNER
//	unmerge LOSER
//	delete NAME
//	erase NAME
//
// Several of these statements can be one commit, each on an indented line of its own:
//
//	together                               nothing behind it, the statements below
//
// Events. Without INSTANT it is now. What is not mentioned in a revision stays; retract takes an event back. The key
// revision gives a number other than the next one, and event writes any revision of an event in full, also late.
//
//	event NAME TYPE [INSTANT] [id=ID] [revision=N] PROPERTY=VALUE ...
//	revise NAME ID [time=INSTANT] [type=TYPE] [revision=N] PROPERTY=VALUE ...
//	retract NAME ID [revision=N]
//
// Consent and refusal, for e-mail and marketing when nothing else is said:
//
//	request NAME KEY=VALUE ...
//	subscribe NAME KEY=VALUE ...           by=single-opt-in and some evidence, when nothing else is said
//	withdraw NAME KEY=VALUE ...
//	bounce NAME KEY=VALUE ...
//	complain NAME KEY=VALUE ...
//	take-back NAME NUMBER [acted=INSTANT]  record NUMBER of her own ledger, from 1, was an error
//	suppress ADDRESS [reason=REASON]       withdrawn bounced complained manual; default manual
//	lift ADDRESS [reason=REASON]
//
// with purpose, channel, list (a topic, with its purpose), scope (everything, or email for every purpose), by (the
// mechanism), acted (when the person acted, default now), expires, and evidence (none: without any).
//
// Any of these statements can be one that must be refused:
//
//	refused CATEGORY: STATEMENT            conflict denied invalid limit not-found
//
// A system that keeps something in memory can be made to start anew; one that cannot is left alone:
//
//	restart                                no commit, nothing changes
//
// Segments. The first definition of a name is in force from the start, a further one from its line on. NAMES are
// contacts, or nobody, or everybody.
//
//	segment NAME = EXPRESSION
//	expect SEGMENT = NAMES                 they and nobody else
//	expect SEGMENT has NAMES
//	expect SEGMENT lacks NAMES
//	match NAMES: EXPRESSION                true for them and nobody else
//	match NAMES, unknown NAMES: EXPRESSION true for the first, unknown for the others, false for the rest
//	error SEGMENT [at LINE:COLUMN] [RULE] ["TEXT"]
//	error [at LINE:COLUMN] [RULE] ["TEXT"]: EXPRESSION
//
// An error says that the expression does not compile, where (from the first line of the expression; columns in the
// lines below count from the margin), by which rule, and what the message or its hint has in it. An expression may begin
// on the line below.
//
// # Trials
//
// A [Trial] holds a system to the reference evaluator on a history that is made up: of an audience with a host's own
// schema, zone and segments. [RunTrials] runs some:
//
//	func TestEngine(t *testing.T) {
//		report := segmenttest.RunTrials(t, segmenttest.TrialOf(aud, defs...), 20, open)
//		t.Log(report)
//	}
//
// A mismatch comes with a script, as short as could be found, that shows it and that [Parse] and [Play] take. A system
// that is also a [Transitioner] has its transitions checked, one that is a [Restarter] is restarted now and then.
//
// [Check] does the same once, with an engine that runs and the data that there is.
//
// # Tests in Go
//
// [New] gives a [Fixture]: an audience in memory, a clock that stands still, keys. A failing expectation says why with
// the parts of the expression and their values.
package segmenttest
