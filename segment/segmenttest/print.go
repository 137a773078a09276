package segmenttest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// String gives the text of the script. [Parse] reads the same script back, apart from lines, if it came from Parse or a
// [Trial]: instants are written in full and every event write with its revision. Segments that were given with the
// script become statements of it. The lines of an expression that stand at the margin are indented.
func (s *Script) String() string {
	var b strings.Builder
	for _, line := range declarationLines(s) {
		b.WriteString(line + "\n")
	}
	for _, d := range s.Given {
		b.WriteString(statementText(&Step{Do: Define{Definition: d}}) + "\n")
	}
	for i := range s.Steps {
		b.WriteString(statementText(&s.Steps[i]) + "\n")
	}
	return b.String()
}

// declarationLines gives the statements that come first.
func declarationLines(s *Script) []string {
	var out []string
	say := func(words ...string) { out = append(out, strings.Join(words, " ")) }
	if s.Zone != nil && s.Zone.String() != "UTC" {
		say("zone", s.Zone.String())
	}
	say("now", instantText(s.Start))
	for _, f := range s.Schema.Fields {
		say("field", f.Name, f.Type.String())
	}
	for _, e := range s.Schema.Events {
		words := []string{"event-type", quoteWord(e.Name)}
		for _, p := range e.Props {
			words = append(words, quoteWord(p.Name)+":"+p.Type.String())
		}
		say(words...)
	}
	for _, p := range s.Schema.Purposes {
		say("purpose", quoteWord(p.Name))
	}
	for _, l := range s.Schema.Lists {
		words := []string{"list", quoteWord(l.Name), l.Kind.String()}
		if l.Purpose != "" {
			words = append(words, quoteWord(l.Purpose))
		}
		say(words...)
	}
	return out
}

// statementText gives the statement of a step.
func statementText(step *Step) string {
	switch do := step.Do.(type) {
	case Define:
		return withExpression("segment "+do.Definition.Name+" =", do.Definition.Source)
	case Expect:
		return strings.Join([]string{"expect", do.Segment, do.How.String(), peopleText(do.People)}, " ")
	case Match:
		head := "match " + peopleText(do.True)
		if do.Unknown != nil {
			head += ", unknown " + peopleText(*do.Unknown)
		}
		return withExpression(head+":", do.Source)
	case Reject:
		return rejectText(do)
	case Together:
		lines := []string{togetherVerb}
		for _, a := range do.Do {
			lines = append(lines, strings.Join(actionWords(a), " "))
		}
		return strings.Join(lines, "\n  ")
	}
	words := actionWords(step.Do)
	for category, err := range refusals() {
		if step.Refused == err { //nolint:errorlint // the category itself, as Parse gives it
			words = slices.Insert(words, 0, "refused", category+":")
		}
	}
	return strings.Join(words, " ")
}

// withExpression puts an expression behind the head of its statement, its lines as they are if they can stand there.
func withExpression(head, source string) string {
	lines := strings.Split(source, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\r")
	}
	atMargin := func(line string) bool { return line != "" && line[0] != ' ' && line[0] != '\t' }
	first, rest := lines[0], lines[1:]
	switch {
	case slices.ContainsFunc(rest, atMargin):
		return head + "\n  " + strings.Join(lines, "\n  ")
	case atMargin(first):
		return strings.Join(append([]string{head + " " + first}, rest...), "\n")
	}
	return strings.Join(append([]string{head}, lines...), "\n")
}

func peopleText(p People) string {
	if p.Everybody {
		return "everybody"
	}
	return orNobody(p.Names)
}

func rejectText(r Reject) string {
	words := []string{"error"}
	if r.Segment != "" {
		words = append(words, r.Segment)
	}
	if r.Line > 0 {
		words = append(words, "at", strconv.Itoa(r.Line)+":"+strconv.Itoa(r.Column))
	}
	if r.Rule != "" {
		words = append(words, r.Rule)
	}
	if r.Says != "" {
		words = append(words, strconv.Quote(r.Says))
	}
	head := strings.Join(words, " ")
	if r.Segment != "" {
		return head
	}
	return withExpression(head+":", r.Source)
}

// actionWords gives the words of a statement that changes the audience or the clock.
func actionWords(a Action) []string {
	switch do := a.(type) {
	case Advance:
		return []string{"at", instantText(do.To)}
	case Put:
		return putWords(do)
	case Append:
		return eventWords(do.Write)
	case Record:
		return consentWords(do.Write)
	case Suppress:
		verb := "suppress"
		if do.Write.Lift {
			verb = "lift"
		}
		return []string{verb, quoteWord(do.Write.Address.Reveal()), "reason=" + do.Write.Reason.String()}
	case AddToList:
		return append([]string{"add-to-list", quoteWord(do.List)}, do.Names...)
	case RemoveFromList:
		return append([]string{"remove-from-list", quoteWord(do.List)}, do.Names...)
	case Merge:
		return []string{"merge", do.Loser, "into", do.Winner}
	case Unmerge:
		return []string{"unmerge", do.Loser}
	case Delete:
		return []string{"delete", do.Name}
	case Erase:
		return []string{"erase", do.Name}
	case Restart:
		return []string{"restart"}
	}
	return []string{"#", "no statement"}
}

func putWords(do Put) []string {
	w := &do.Write
	out := []string{"contact", do.Name}
	say := func(key, value string) { out = append(out, key+"="+value) }
	if w.Returning {
		out = append(out, "returning")
	}
	if !w.Email.IsZero() {
		say("email", quoteWord(w.Email.Reveal()))
	}
	for _, a := range w.Addresses {
		say("email+", quoteWord(a.Reveal()))
	}
	for _, id := range w.Detach {
		say("email-", quoteWord(id.Key()))
	}
	for _, x := range w.External {
		say(externalKey(x.System), quoteWord(x.ID.Reveal()))
	}
	private := func(key string, p audience.Private) {
		if !p.IsZero() {
			say(key, quoteWord(p.Reveal()))
		}
	}
	private("first_name", w.FirstName)
	private("last_name", w.LastName)
	private("phone", w.Phone)
	for _, name := range slices.Sorted(maps.Keys(w.Set)) {
		say(name, valueText(w.Set[name]))
	}
	for _, name := range w.Clear {
		say(name, "")
	}
	if w.SetTags != nil {
		say("tags", itemsText(w.SetTags))
	}
	if len(w.AddTags) > 0 {
		say("tags+", itemsText(w.AddTags))
	}
	if len(w.RemoveTags) > 0 {
		say("tags-", itemsText(w.RemoveTags))
	}
	if !w.CreatedAt.IsZero() {
		say("created_at", instantText(w.CreatedAt))
	}
	if w.Frequency != nil {
		say("frequency", quoteWord(*w.Frequency))
	}
	return out
}

func eventWords(w audience.EventWrite) []string {
	name := keyOf(w.Contact)
	revision := "revision=" + strconv.FormatUint(w.Revision, 10)
	if w.Retract {
		return []string{"retract", name, quoteWord(w.ID), revision}
	}
	out := []string{"event", name, quoteWord(w.Type), instantText(w.Time)}
	if w.ID != "" {
		out = append(out, "id="+quoteWord(w.ID))
	}
	if w.Revision > 0 {
		out = append(out, revision)
	}
	for _, prop := range slices.Sorted(maps.Keys(w.Props)) {
		out = append(out, quoteWord(prop)+"="+valueText(w.Props[prop]))
	}
	return out
}

func consentWords(w audience.ConsentWrite) []string {
	verbs := map[audience.ConsentKind]string{
		audience.ConsentRequested: "request", audience.ConsentGranted: "subscribe", audience.ConsentWithdrawn: "withdraw",
		audience.ConsentBounced: "bounce", audience.ConsentComplained: "complain",
	}
	out := append([]string{verbs[w.Kind], keyOf(w.Contact)}, scopeWords(w.Scope)...)
	if w.Kind == audience.ConsentRetracted {
		out = []string{"take-back", keyOf(w.Contact), strconv.FormatUint(w.Retracts, 10)}
	}
	say := func(key, value string) { out = append(out, key+"="+value) }
	if w.Mechanism != "" {
		say("by", quoteWord(string(w.Mechanism)))
	}
	switch {
	case len(w.Evidence) > 0:
		say("evidence", quoteWord(string(w.Evidence)))
	case w.Kind == audience.ConsentGranted:
		say("evidence", "none")
	}
	if !w.Acted.IsZero() {
		say("acted", instantText(w.Acted))
	}
	if !w.Expires.IsZero() {
		say("expires", instantText(w.Expires))
	}
	return out
}

// scopeWords says a scope: first the widest that a word names, then what narrows it. A topic brings its purpose along.
func scopeWords(s audience.Scope) []string {
	var out []string
	if s.Purpose == "" && s.Channel == audience.ChannelEmail {
		out = append(out, "scope=email")
	} else if s.Purpose == "" || s.Channel == "" {
		out = append(out, "scope=everything")
	}
	if s.Channel != "" && s.Channel != audience.ChannelEmail {
		out = append(out, "channel="+quoteWord(s.Channel))
	}
	if s.List != "" {
		out = append(out, "list="+quoteWord(s.List))
	}
	if s.Purpose != "" && s != audience.MarketingScope() {
		out = append(out, "purpose="+quoteWord(s.Purpose))
	}
	return out
}

// instantText gives an instant as scripts write it.
func instantText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z07:00") }

// valueText gives a value as scripts write it.
func valueText(v audience.Value) string {
	if items, ok := v.StringList(); ok {
		if len(items) == 0 {
			return emptyList
		}
		return itemsText(items)
	}
	if s, ok := v.Str(); ok {
		return quoteWord(s)
	}
	return v.Reveal()
}

func itemsText(items []string) string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = quoteWord(item)
	}
	return strings.Join(out, ",")
}

// quoteWord gives a text as a word or a part of one, in quotes where it needs them.
func quoteWord(s string) string {
	const plain = letters + "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@/"
	if s == "" || strings.Trim(s, plain) != "" || strings.HasSuffix(s, "-") {
		return strconv.Quote(s)
	}
	return s
}

// keyOf gives the name of the contact that a write is for.
func keyOf(ref audience.Ref) string {
	id, _ := ref.Identity()
	return id.Key()
}

// externalKey gives the key of an external id, all of it in quotes if the system needs them.
func externalKey(system string) string {
	if key := "external:" + system; quoteWord(system) != system {
		return strconv.Quote(key)
	}
	return "external:" + system
}
