package segmenttest

import (
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// contact reads the statement that creates or changes a contact.
func (p *parser) contact(verb word, args []word) (func(), error) {
	if len(args) == 0 {
		return nil, p.fail(verb.place(), "contact NAME KEY=VALUE ...")
	}
	name := args[0].text
	if !isName(name) || isReservedName(name) {
		return nil, p.fail(args[0].place(), "a contact: a to z, then also digits, _ and -, at most 64")
	}
	if len(p.cast.people) >= maxContacts && p.cast.people[name] == nil {
		return nil, tooMany(p.file, args[0].place(), "contacts", maxContacts)
	}
	w := audience.ContactWrite{Match: audience.Key(name)}
	args = args[1:]
	if len(args) > 0 && args[0].text == "returning" {
		w.Returning = true
		args = args[1:]
	}
	pairs, err := p.pairs(args)
	if err != nil {
		return nil, err
	}
	for _, x := range pairs {
		if err := p.contactPair(&w, x); err != nil {
			return nil, err
		}
	}
	p.current.Do = Put{Name: name, Write: w}
	return func() { p.cast.add(name) }, nil
}

func (p *parser) contactPair(w *audience.ContactWrite, x pair) (err error) {
	switch x.key {
	case "email":
		return p.email(w, x)
	case "tags":
		return p.tags(w, x)
	}
	if err := p.plain(x); err != nil {
		return err
	}
	if system, ok := strings.CutPrefix(x.key, "external:"); ok {
		id, err := p.text(x)
		w.External = append(w.External, audience.External(system, id))
		return err
	}
	switch x.key {
	case "first_name":
		return p.private(&w.FirstName, w, x)
	case "last_name":
		return p.private(&w.LastName, w, x)
	case "phone":
		return p.private(&w.Phone, w, x)
	case "created_at":
		w.CreatedAt, err = p.instant(x.value, x.at)
		return err
	case "frequency":
		text, ok := unquote(x.value)
		if !ok {
			return p.fail(x.at, `a word or "text in quotes" for frequency`)
		}
		w.Frequency = &text
		return nil
	}
	return p.field(w, x)
}

func (p *parser) email(w *audience.ContactWrite, x pair) error {
	text, err := p.text(x)
	if err != nil {
		return err
	}
	a, err := audience.ParseAddress(text)
	if err != nil {
		return p.fail(x.at, "an address: %v", err)
	}
	switch x.op {
	case '+':
		w.Addresses = append(w.Addresses, a)
	case '-':
		w.Detach = append(w.Detach, audience.AddressIdentity(a))
	default:
		w.Email = a
	}
	return nil
}

func (p *parser) tags(w *audience.ContactWrite, x pair) error {
	items, err := p.items(x)
	if err != nil {
		return err
	}
	switch x.op {
	case '+':
		w.AddTags = items
	case '-':
		w.RemoveTags = items
	default:
		w.SetTags = append([]string{}, items...) // not nil: no tags at all
	}
	return nil
}

// private reads a name or phone; nothing behind the = makes it absent.
func (p *parser) private(to *audience.Private, w *audience.ContactWrite, x pair) error {
	if x.value == "" {
		w.Clear = append(w.Clear, x.key)
		return nil
	}
	text, err := p.text(x)
	*to = audience.NewPrivate(text)
	return err
}

// field reads a custom field; nothing behind the = makes it absent.
func (p *parser) field(w *audience.ContactWrite, x pair) error {
	f, ok := p.schema.FieldNamed(x.key)
	if !ok {
		return p.fail(x.place, "a field that is declared, or: email tags first_name last_name phone created_at frequency external:SYSTEM")
	}
	if x.value == "" {
		w.Clear = append(w.Clear, x.key)
		return nil
	}
	v, err := p.value(x, f.Type)
	if w.Set == nil {
		w.Set = make(map[string]audience.Value)
	}
	w.Set[x.key] = v
	return err
}

// event reads the statement that stores an event, or that writes any revision of one in full.
func (p *parser) event(verb word, args []word) (func(), error) {
	if len(args) < 2 {
		return nil, p.fail(verb.place(), "event NAME TYPE [INSTANT] KEY=VALUE ...")
	}
	name, err := p.person(args[0])
	if err != nil {
		return nil, err
	}
	w := audience.EventWrite{Contact: audience.Key(name), Time: p.now, Props: make(map[string]audience.Value)}
	if w.Type, err = p.name(args[1], "an event type"); err != nil {
		return nil, err
	}
	if _, ok := p.schema.EventNamed(w.Type); !ok {
		return nil, p.fail(args[1].place(), "an event type that is declared")
	}
	rest := args[2:]
	if len(rest) > 0 && !strings.Contains(rest[0].text, "=") {
		if w.Time, err = p.instant(rest[0].text, rest[0].place()); err != nil {
			return nil, err
		}
		rest = rest[1:]
	}
	if err := p.eventPairs(&w, rest); err != nil {
		return nil, err
	}
	if last := p.knownEvent(name, w.ID); last != nil && w.Revision == last.Revision && !p.lenient && !sameEvent(last, &w) {
		return nil, p.fail(verb.place(), "the event was given before with other content: revise it, or say refused conflict:")
	}
	return p.append(name, w), nil
}

func (p *parser) knownEvent(name, id string) *audience.EventWrite {
	if id == "" || !p.cast.known(name) {
		return nil
	}
	return p.cast.event(name, id)
}

func sameEvent(a, b *audience.EventWrite) bool {
	if a.Type != b.Type || !a.Time.Equal(b.Time) || a.Retract != b.Retract || len(a.Props) != len(b.Props) {
		return false
	}
	for name, v := range a.Props {
		if !v.Equal(b.Props[name]) {
			return false
		}
	}
	return true
}

// append makes the step of an event write and gives its effect.
func (p *parser) append(name string, w audience.EventWrite) func() {
	p.current.Do = Append{Write: w}
	return func() { p.cast.keep(name, w) }
}

// revise reads the next revision of an event: what is not mentioned stays.
func (p *parser) revise(verb word, args []word) (func(), error) {
	if len(args) < 2 {
		return nil, p.fail(verb.place(), "revise NAME ID KEY=VALUE ...")
	}
	name, w, err := p.nextRevision(args[0], args[1])
	if err != nil {
		return nil, err
	}
	w.Retract = false
	if err := p.eventPairs(&w, args[2:]); err != nil {
		return nil, err
	}
	return p.append(name, w), nil
}

// retract reads the revision that takes an event back.
func (p *parser) retract(verb word, args []word) (func(), error) {
	if len(args) < 2 || len(args) > 3 {
		return nil, p.fail(verb.place(), "retract NAME ID [revision=N]")
	}
	name, w, err := p.nextRevision(args[0], args[1])
	if err != nil {
		return nil, err
	}
	for _, arg := range args[2:] {
		if !strings.HasPrefix(arg.text, "revision=") {
			return nil, p.fail(arg.place(), "revision=N or nothing")
		}
	}
	if err := p.eventPairs(&w, args[2:]); err != nil {
		return nil, err
	}
	w.Retract = true
	return p.append(name, w), nil
}

// nextRevision gives the last word on an event with the next revision.
func (p *parser) nextRevision(who, which word) (string, audience.EventWrite, error) {
	var none audience.EventWrite
	name, err := p.person(who)
	if err != nil {
		return "", none, err
	}
	id, err := p.name(which, "an event id")
	if err != nil {
		return "", none, err
	}
	last := p.knownEvent(name, id)
	if last == nil {
		return "", none, p.fail(which.place(), "%s has no event with this id", name)
	}
	w := *last
	w.Contact = audience.Key(name)
	w.Revision++
	w.Props = cloneProps(last.Props)
	return name, w, nil
}

// eventPairs reads what is said about an event. Keys that no property can have are those of the event itself.
func (p *parser) eventPairs(w *audience.EventWrite, args []word) error {
	pairs, err := p.pairs(args)
	if err != nil {
		return err
	}
	for _, x := range pairs {
		if err := p.plain(x); err != nil {
			return err
		}
		if err := p.eventPair(w, x); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) eventPair(w *audience.EventWrite, x pair) (err error) {
	switch x.key {
	case "id":
		w.ID, err = p.text(x)
		return err
	case "time":
		w.Time, err = p.instant(x.value, x.at)
		return err
	case "type":
		if w.Type, err = p.text(x); err != nil {
			return err
		}
		if _, ok := p.schema.EventNamed(w.Type); !ok {
			return p.fail(x.at, "an event type that is declared")
		}
		return nil
	case "revision":
		if w.Revision, err = strconv.ParseUint(x.value, 10, 63); err != nil {
			return p.fail(x.at, "a whole number")
		}
		return nil
	}
	t, _ := p.schema.EventNamed(w.Type)
	prop, ok := t.PropNamed(x.key)
	if !ok {
		return p.fail(x.place, "a property that is declared for the event type, or: id time type revision")
	}
	if x.value == "" {
		delete(w.Props, x.key)
		return nil
	}
	w.Props[x.key], err = p.value(x, prop.Type)
	return err
}
