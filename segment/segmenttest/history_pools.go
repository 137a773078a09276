package segmenttest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// pools is what a history draws from: mostly what the expressions of the segments mention.
type pools struct {
	periods   []audience.Period
	spans     []time.Duration
	instants  []time.Time
	values                       // of anything
	near      map[string]*values // of one field or property, by its name
	addresses []audience.Address
	fields    []audience.Field     // those that are mentioned, several times
	types     []audience.EventType // those that are mentioned, several times
}

// favour is how many times what is mentioned is in a pool for once that it is there anyway.
const favour = 5

// token is a part of an expression as far as a history has to understand one.
type token struct {
	text string
	kind tokenKind
}

type tokenKind uint8

const (
	wordToken tokenKind = iota + 1
	textToken           // a literal text, without its quotes
	numberToken
)

// tokensOf cuts an expression into words, texts and numbers; what it takes wrongly for one does no harm.
func tokensOf(source string) []token {
	var out []token
	cuts := regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?`)
	for _, s := range cuts.FindAllString(source, -1) {
		switch {
		case s[0] == '"' || s[0] == '\'':
			if text, err := strconv.Unquote(`"` + strings.ReplaceAll(s[1:len(s)-1], `\'`, `'`) + `"`); err == nil {
				out = append(out, token{text, textToken})
			}
		case s[0] >= '0' && s[0] <= '9':
			out = append(out, token{s, numberToken})
		default:
			out = append(out, token{s, wordToken})
		}
	}
	return out
}

// reach is how many tokens away from a name a value of it may stand.
const reach = 6

// newPools reads the expressions as far as it takes.
func newPools(schema audience.Schema, zone *time.Location, sources []string) pools {
	p := pools{near: make(map[string]*values)}
	names := namesOf(schema)
	mentioned := make(map[string]bool)
	for _, source := range sources {
		tokens := tokensOf(source)
		for i, t := range tokens {
			mentioned[t.text] = true
			if t.kind == textToken {
				p.takeTime(t.text, zone)
			}
			if names[t.text] == namesNothing || t.kind == numberToken {
				p.takeValue(t)
				continue
			}
			if names[t.text] == namesValues {
				p.takeNear(t.text, names, tokens[max(0, i-reach):min(len(tokens), i+reach+1)])
			}
		}
	}
	for _, f := range schema.Fields {
		p.fields = append(p.fields, f)
		if mentioned[f.Name] {
			p.fields = append(p.fields, slices.Repeat([]audience.Field{f}, favour)...)
		}
	}
	for _, e := range schema.Events {
		p.types = append(p.types, e)
		if mentioned[e.Name] {
			p.types = append(p.types, slices.Repeat([]audience.EventType{e}, 4*favour)...)
		}
	}
	p.complete()
	return p
}

// nameKind is what a text is the name of.
type nameKind uint8

const (
	namesNothing nameKind = iota
	namesValues           // a field or a property
	namesOther            // an event type, a list, a purpose
)

// namesOf gives what texts name in a schema.
func namesOf(s audience.Schema) map[string]nameKind {
	out := map[string]nameKind{"tags": namesValues, "first_name": namesValues, "last_name": namesValues, "phone": namesValues}
	for _, p := range s.Purposes {
		out[p.Name] = namesOther
	}
	for _, l := range s.Lists {
		out[l.Name] = namesOther
	}
	for _, e := range s.Events {
		out[e.Name] = namesOther
		for _, p := range e.Props {
			out[p.Name] = namesValues
		}
	}
	for _, f := range s.Fields {
		out[f.Name] = namesValues
	}
	return out
}

// takeNear takes the texts and numbers around a name for values of it.
func (p *pools) takeNear(name string, names map[string]nameKind, around []token) {
	to := p.near[name]
	if to == nil {
		to = &values{}
		p.near[name] = to
	}
	for _, t := range around {
		if t.kind == numberToken {
			to.takeNumber(t.text)
		} else if t.kind == textToken && names[t.text] != namesOther && t.text != name {
			to.takeText(t.text)
		}
	}
}

// takeValue sorts a text or number into the pools.
func (p *pools) takeValue(t token) {
	switch t.kind {
	case numberToken:
		p.takeNumber(t.text)
	case textToken:
		p.takeText(t.text)
		if a, err := audience.ParseAddress(t.text); err == nil {
			p.addresses = append(p.addresses, a, a)
		}
	case wordToken:
	}
}

// takeTime takes a text for a period, a duration, an instant or a date if it can be one.
func (p *pools) takeTime(s string, zone *time.Location) {
	if period, err := audience.ParsePeriod(s); err == nil {
		p.periods = append(p.periods, period)
		if fixed, ok := period.Fixed(); ok {
			p.spans = append(p.spans, fixed)
		}
	} else if span, err := time.ParseDuration(s); err == nil {
		p.spans = append(p.spans, span.Truncate(time.Microsecond))
	} else if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		p.instants = append(p.instants, audience.FromMicros(audience.Micros(t)))
	} else if d, err := audience.ParseDate(s); err == nil {
		p.instants = append(p.instants, d.In(zone))
	}
}

// values are values of the types that have literals.
type values struct {
	strings []string
	ints    []int64
	doubles []float64
}

func (v *values) takeText(s string) {
	x := audience.StringValue(s)
	if len(s) <= 200 && x.Check("", audience.Limits{}) == nil {
		v.strings = append(v.strings, s)
	}
}

// takeNumber takes a number and its neighbours.
func (v *values) takeNumber(s string) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		v.ints = append(v.ints, n, n, n+1, n-1, -n)
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		v.doubles = append(v.doubles, f, f, f+0.1, f/2, -f)
	}
}

// complete adds what is worth trying everywhere.
func (p *pools) complete() {
	p.strings = append(p.strings, "", "a", "b", "ab", "A", "é", "e\u0301", "12", "1.5", " b", "a\"b\\c", "x\ny", "\U0001F600")
	p.ints = append(p.ints, 0, 1, 2, 3, 5, -1, 1<<63-1, -1<<63)
	p.doubles = append(p.doubles, 0, 1, 2.5, 0.1, 0.7, 33.3, 33.4, -1.5, 100, 1e300, 5e-324)
	for _, s := range []string{"shared@example.com", "Two@Example.org", "x.y+z@example.net", "zoë@bücher.example"} {
		p.addresses = append(p.addresses, audience.MustAddress(s))
	}
	if len(p.periods) == 0 {
		for _, s := range []string{"1d", "30d", "1mo"} {
			period, _ := audience.ParsePeriod(s)
			p.periods = append(p.periods, period)
		}
	}
}

// scopesOf gives what consent can be about, the usual more often.
func scopesOf(s audience.Schema) []audience.Scope {
	marketing := audience.MarketingScope()
	out := append(slices.Repeat([]audience.Scope{marketing}, 2*favour),
		audience.Scope{}, audience.Scope{Channel: audience.ChannelEmail}, audience.Scope{Purpose: audience.PurposeMarketing}, audience.Scope{Channel: "post"})
	for _, p := range s.Purposes {
		out = append(out, audience.Scope{Channel: audience.ChannelEmail, Purpose: p.Name}, audience.Scope{Purpose: p.Name})
	}
	for _, l := range s.Lists {
		if l.Kind == audience.ListTopic {
			purpose := l.Purpose
			if purpose == "" {
				purpose = audience.PurposeMarketing
			}
			topic := audience.Scope{Channel: audience.ChannelEmail, Purpose: purpose, List: l.Name}
			out = append(out, topic, topic, topic, topic)
		}
	}
	return out
}

// indented puts the lines of an expression after the first one off the margin.
func indented(source string) string {
	lines := strings.Split(source, "\n")
	for i := 1; i < len(lines); i++ {
		if lines[i] != "" && lines[i][0] != ' ' && lines[i][0] != '\t' {
			lines[i] = "  " + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}
