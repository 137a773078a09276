package segmenttest

import (
	"maps"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// command reads the words behind a verb into the current step. The effect is what is known from the next line on.
type command func(p *parser, verb word, args []word) (effect func(), err error)

// commands are the statements that change the audience or the clock.
func commands() map[string]command {
	return map[string]command{
		"at":               (*parser).at,
		"advance":          (*parser).advance,
		"contact":          (*parser).contact,
		"event":            (*parser).event,
		"revise":           (*parser).revise,
		"retract":          (*parser).retract,
		"request":          consent(audience.ConsentRequested),
		"subscribe":        consent(audience.ConsentGranted),
		"withdraw":         consent(audience.ConsentWithdrawn),
		"bounce":           consent(audience.ConsentBounced),
		"complain":         consent(audience.ConsentComplained),
		"take-back":        (*parser).takeBack,
		"suppress":         suppress(false),
		"lift":             suppress(true),
		"add-to-list":      (*parser).addToList,
		"remove-from-list": (*parser).removeFromList,
		"merge":            (*parser).merge,
		"unmerge":          (*parser).unmerge,
		"delete":           (*parser).remove,
		"erase":            (*parser).remove,
		"restart":          (*parser).restart,
	}
}

func (p *parser) at(verb word, args []word) (func(), error) {
	if len(args) != 1 {
		return nil, p.fail(verb.place(), "at INSTANT")
	}
	t, err := p.instant(args[0].text, args[0].place())
	if err != nil {
		return nil, err
	}
	return p.moveTo(t, args[0].place())
}

func (p *parser) advance(verb word, args []word) (func(), error) {
	if len(args) != 1 {
		return nil, p.fail(verb.place(), "advance SPAN, such as 30d, 1h30m or 1us")
	}
	span, ok := parseSpan(args[0].text)
	if !ok {
		return nil, p.fail(args[0].place(), "a span of w d h m s ms us, from largest to smallest, such as 30d, 1h30m or 1us")
	}
	t, err := p.inRange(p.now.Add(span), args[0].place())
	if err != nil {
		return nil, err
	}
	return p.moveTo(t, args[0].place())
}

func (p *parser) moveTo(t time.Time, at place) (func(), error) {
	if t.Before(p.now) {
		return nil, p.fail(at, "the clock never goes back")
	}
	p.current.Do = Advance{To: t}
	return func() { p.now = t }, nil
}

// person reads the name of a contact that there is, or that was merged into one.
func (p *parser) person(w word) (string, error) {
	if !isName(w.text) || isReservedName(w.text) {
		return "", p.fail(w.place(), "a contact: a to z, then also digits, _ and -, at most 64")
	}
	if !p.lenient && !p.cast.known(w.text) {
		return "", p.fail(w.place(), "there is no contact %s here", w.text)
	}
	return w.text, nil
}

func isReservedName(s string) bool { return s == "nobody" || s == "everybody" || s == "unknown" }

// own reads the name of a contact that is one of its own.
func (p *parser) own(w word) (string, error) {
	name, err := p.person(w)
	if err == nil && !p.lenient && !p.cast.lives(name) {
		return "", p.fail(w.place(), "%s was merged into another contact", name)
	}
	return name, err
}

// persons reads one name or more.
func (p *parser) persons(verb word, args []word) ([]string, error) {
	if len(args) == 0 {
		return nil, p.fail(verb.place(), "names of contacts are missing")
	}
	out := make([]string, 0, len(args))
	for _, w := range args {
		name, err := p.person(w)
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, nil
}

func (p *parser) addToList(verb word, args []word) (func(), error) {
	list, names, err := p.listAndNames(verb, args)
	p.current.Do = AddToList{List: list, Names: names}
	return nil, err
}

func (p *parser) removeFromList(verb word, args []word) (func(), error) {
	list, names, err := p.listAndNames(verb, args)
	p.current.Do = RemoveFromList{List: list, Names: names}
	return nil, err
}

func (p *parser) listAndNames(verb word, args []word) (string, []string, error) {
	if len(args) < 2 {
		return "", nil, p.fail(verb.place(), "%s LIST NAME ...", verb.text)
	}
	list, err := p.name(args[0], "a list")
	if err != nil {
		return "", nil, err
	}
	if _, ok := p.schema.ListNamed(list); !ok && !p.lenient {
		return "", nil, p.fail(args[0].place(), "a list that is declared")
	}
	names, err := p.persons(verb, args[1:])
	return list, names, err
}

func (p *parser) merge(verb word, args []word) (func(), error) {
	if len(args) != 3 || args[1].text != "into" {
		return nil, p.fail(verb.place(), "merge LOSER into WINNER")
	}
	loser, err := p.own(args[0])
	if err != nil {
		return nil, err
	}
	winner, err := p.own(args[2])
	if err != nil {
		return nil, err
	}
	if loser == winner && !p.lenient {
		return nil, p.fail(args[2].place(), "another contact")
	}
	if p.merges++; p.merges > maxMerges {
		return nil, tooMany(p.file, verb.place(), "merges", maxMerges)
	}
	p.current.Do = Merge{Winner: winner, Loser: loser}
	return func() { p.cast.merge(loser, winner) }, nil
}

func (p *parser) unmerge(verb word, args []word) (func(), error) {
	if len(args) != 1 {
		return nil, p.fail(verb.place(), "unmerge LOSER")
	}
	loser, err := p.person(args[0])
	if err != nil {
		return nil, err
	}
	if !p.lenient && p.cast.lives(loser) {
		return nil, p.fail(args[0].place(), "%s is not merged", loser)
	}
	p.current.Do = Unmerge{Loser: loser}
	return func() { p.cast.unmerge(loser) }, nil
}

// remove reads delete and erase.
func (p *parser) remove(verb word, args []word) (func(), error) {
	if len(args) != 1 {
		return nil, p.fail(verb.place(), "%s NAME", verb.text)
	}
	name, err := p.own(args[0])
	if err != nil {
		return nil, err
	}
	p.current.Do = Delete{Name: name}
	if verb.text == "erase" {
		p.current.Do = Erase{Name: name}
	}
	return func() { p.cast.remove(name) }, nil
}

func (p *parser) restart(verb word, args []word) (func(), error) {
	if len(args) > 0 {
		return nil, p.fail(verb.place(), "restart alone")
	}
	p.current.Do = Restart{}
	return nil, nil
}

// suppress reads suppress and lift.
func suppress(lift bool) command {
	return func(p *parser, verb word, args []word) (func(), error) {
		w := store.SuppressionWrite{Reason: audience.SuppressedManually, Lift: lift}
		if len(args) == 0 {
			return nil, p.fail(verb.place(), "%s ADDRESS [reason=manual]", verb.text)
		}
		address, _ := unquote(args[0].text)
		var err error
		if w.Address, err = audience.ParseAddress(address); err != nil {
			return nil, p.fail(args[0].place(), "an address: %v", err)
		}
		pairs, err := p.pairs(args[1:])
		if err != nil {
			return nil, err
		}
		for _, x := range pairs {
			reason, ok := reasons()[x.value]
			if x.key != "reason" || x.op != '=' || !ok {
				return nil, p.fail(x.place, "reason= withdrawn bounced complained or manual")
			}
			w.Reason = reason
		}
		p.current.Do = Suppress{Write: w}
		return nil, nil
	}
}

func reasons() map[string]audience.SuppressionReason {
	out := make(map[string]audience.SuppressionReason)
	for _, r := range []audience.SuppressionReason{
		audience.SuppressedWithdrawn, audience.SuppressedBounced, audience.SuppressedComplained, audience.SuppressedManually,
	} {
		out[r.String()] = r
	}
	return out
}

// consent reads the statements that write to the ledger.
func consent(kind audience.ConsentKind) command {
	return func(p *parser, verb word, args []word) (func(), error) {
		if len(args) == 0 {
			return nil, p.fail(verb.place(), "%s NAME [by= purpose= list= channel= scope= acted= expires= evidence=]", verb.text)
		}
		name, err := p.person(args[0])
		if err != nil {
			return nil, err
		}
		w := audience.ConsentWrite{Contact: audience.Key(name), Kind: kind, Scope: audience.MarketingScope()}
		if kind == audience.ConsentGranted {
			w.Mechanism, w.Evidence = audience.MechanismSingleOptIn, []byte("script")
		}
		pairs, err := p.pairs(args[1:])
		if err != nil {
			return nil, err
		}
		for _, x := range pairs {
			if err := p.plain(x); err != nil {
				return nil, err
			}
			if err := p.consentPair(&w, x); err != nil {
				return nil, err
			}
		}
		p.current.Do = Record{Write: w}
		return nil, nil
	}
}

// takeBack reads the statement that a record of the ledger was an error.
func (p *parser) takeBack(verb word, args []word) (func(), error) {
	if len(args) < 2 || len(args) > 3 {
		return nil, p.fail(verb.place(), "take-back NAME NUMBER [acted=]")
	}
	name, err := p.person(args[0])
	if err != nil {
		return nil, err
	}
	w := audience.ConsentWrite{Contact: audience.Key(name), Kind: audience.ConsentRetracted}
	if w.Retracts, err = strconv.ParseUint(args[1].text, 10, 64); err != nil || w.Retracts == 0 {
		return nil, p.fail(args[1].place(), "the number of a record, from 1")
	}
	pairs, err := p.pairs(args[2:])
	if err != nil {
		return nil, err
	}
	for _, x := range pairs {
		if x.key != "acted" || x.op != '=' {
			return nil, p.fail(x.place, "acted=")
		}
		if w.Acted, err = p.instant(x.value, x.at); err != nil {
			return nil, err
		}
	}
	p.current.Do = Record{Write: w}
	return nil, nil
}

func (p *parser) consentPair(w *audience.ConsentWrite, x pair) (err error) {
	if x.key == "acted" {
		w.Acted, err = p.instant(x.value, x.at)
		return err
	}
	if x.key == "expires" {
		w.Expires, err = p.instant(x.value, x.at)
		return err
	}
	text, err := p.text(x)
	if err != nil {
		return err
	}
	switch x.key {
	case "by":
		w.Mechanism = audience.Mechanism(text)
	case "evidence":
		w.Evidence = []byte(text)
		if text == "none" {
			w.Evidence = nil
		}
	case "channel":
		w.Scope.Channel = text
	case "scope":
		w.Scope, err = p.scope(text, x)
	case "purpose":
		if !p.schema.HasPurpose(text) && !p.lenient {
			return p.fail(x.at, "a purpose that is declared")
		}
		w.Scope.Purpose = text
	case "list":
		l, ok := p.schema.ListNamed(text)
		if !ok && !p.lenient {
			return p.fail(x.at, "a list that is declared")
		}
		w.Scope.List = text
		if l.Purpose != "" {
			w.Scope.Purpose = l.Purpose
		}
	default:
		return p.fail(x.place, "by= purpose= list= channel= scope= acted= expires= evidence=")
	}
	return err
}

// scope reads the scopes that are wider than one purpose.
func (p *parser) scope(text string, x pair) (audience.Scope, error) {
	switch text {
	case "everything":
		return audience.Scope{}, nil
	case "email":
		return audience.Scope{Channel: audience.ChannelEmail}, nil
	}
	return audience.Scope{}, p.fail(x.at, "everything or email; a narrower scope is said by purpose= or list=")
}

// cloneProps gives a copy that can be changed.
func cloneProps(props map[string]audience.Value) map[string]audience.Value {
	if props == nil {
		return make(map[string]audience.Value)
	}
	return maps.Clone(props)
}
