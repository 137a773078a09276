package segmenttest

import (
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// declarations are the statements that come first.
func declarations() map[string]func(*parser, word, []word) error {
	return map[string]func(*parser, word, []word) error{
		"zone":       (*parser).declareZone,
		"now":        (*parser).declareNow,
		"field":      (*parser).declareField,
		"event-type": (*parser).declareEventType,
		"list":       (*parser).declareList,
		"purpose":    (*parser).declarePurpose,
	}
}

func (p *parser) declareZone(verb word, args []word) error {
	if len(args) != 1 {
		return p.fail(verb.place(), "zone NAME, such as Europe/Berlin")
	}
	if p.timed {
		return p.fail(verb.place(), "the zone comes before the first instant")
	}
	zone, err := time.LoadLocation(args[0].text)
	if err != nil || args[0].text == "Local" {
		return p.fail(args[0].place(), "a zone of the IANA database, such as Europe/Berlin")
	}
	p.zone = zone
	return nil
}

func (p *parser) declareNow(verb word, args []word) error {
	if len(args) != 1 {
		return p.fail(verb.place(), "now INSTANT")
	}
	t, err := p.instant(args[0].text, args[0].place())
	p.now = t
	return err
}

func (p *parser) declareField(verb word, args []word) error {
	if len(args) != 2 {
		return p.fail(verb.place(), "field NAME TYPE")
	}
	if err := audience.CheckFieldName(args[0].text, audience.Limits{}); err != nil {
		return p.fail(args[0].place(), "%v", err)
	}
	t, err := p.valueType(args[1].text, args[1].place())
	p.declared.Fields = append(p.declared.Fields, audience.Field{Name: args[0].text, Type: t})
	return err
}

func (p *parser) valueType(text string, at place) (audience.Type, error) {
	t, err := audience.ParseType(text)
	if err != nil {
		return 0, p.fail(at, "a type: string int double bool timestamp date list")
	}
	return t, nil
}

func (p *parser) declareEventType(verb word, args []word) error {
	if len(args) == 0 {
		return p.fail(verb.place(), "event-type NAME PROPERTY:TYPE ...")
	}
	name, err := p.name(args[0], "an event type")
	if err != nil {
		return err
	}
	e := audience.EventType{Name: name}
	for _, w := range args[1:] {
		i := strings.LastIndexByte(w.text, ':')
		if i < 0 {
			return p.fail(w.place(), "PROPERTY:TYPE, such as value:double")
		}
		prop, ok := unquote(w.text[:i])
		if !ok || prop == "revision" {
			return p.fail(w.place(), `a property: any name but revision, which scripts use themselves`)
		}
		t, err := p.valueType(w.text[i+1:], w.place())
		if err != nil {
			return err
		}
		e.Props = append(e.Props, audience.Prop{Name: prop, Type: t})
	}
	p.declared.Events = append(p.declared.Events, e)
	return nil
}

func (p *parser) declareList(verb word, args []word) error {
	if len(args) < 2 || len(args) > 3 {
		return p.fail(verb.place(), "list NAME topic [PURPOSE], or list NAME static, or list NAME test")
	}
	name, err := p.name(args[0], "a list")
	if err != nil {
		return err
	}
	l := audience.List{Name: name}
	switch args[1].text {
	case "topic":
		l.Kind = audience.ListTopic
	case "static":
		l.Kind = audience.ListStatic
	case "test":
		l.Kind = audience.ListTest
	default:
		return p.fail(args[1].place(), "a kind of list: topic static test")
	}
	if len(args) == 3 {
		if l.Kind != audience.ListTopic {
			return p.fail(args[2].place(), "only a topic has a purpose")
		}
		if l.Purpose, err = p.name(args[2], "a purpose"); err != nil {
			return err
		}
	}
	p.declared.Lists = append(p.declared.Lists, l)
	return nil
}

func (p *parser) declarePurpose(verb word, args []word) error {
	if len(args) != 1 {
		return p.fail(verb.place(), "purpose NAME")
	}
	name, err := p.name(args[0], "a purpose")
	p.declared.Purposes = append(p.declared.Purposes, audience.Purpose{Name: name})
	return err
}
