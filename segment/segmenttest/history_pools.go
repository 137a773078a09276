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
	strings   []string
	ints      []int64
	doubles   []float64
	addresses []audience.Address
	fields    []audience.Field     // those that are mentioned, several times
	types     []audience.EventType // those that are mentioned, several times
}

// favour is how many times what is mentioned is in a pool for once that it is there anyway.
const favour = 5

// newPools reads the expressions as far as it takes: what looks like a literal is one.
func newPools(schema audience.Schema, zone *time.Location, sources []string) pools {
	var p pools
	literal := regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`)
	number := regexp.MustCompile(`[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?`)
	word := regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
	mentioned := make(map[string]bool)
	for _, source := range sources {
		for _, quoted := range literal.FindAllString(source, -1) {
			if s, err := strconv.Unquote(`"` + strings.ReplaceAll(quoted[1:len(quoted)-1], `\'`, `'`) + `"`); err == nil {
				mentioned[s] = true
				p.take(s, zone)
			}
		}
		rest := literal.ReplaceAllString(source, " ")
		for _, w := range word.FindAllString(rest, -1) {
			mentioned[w] = true
		}
		for _, s := range number.FindAllString(word.ReplaceAllString(rest, " "), -1) {
			p.takeNumber(s)
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

// take sorts a text of an expression into the pools. Most are more than one thing.
func (p *pools) take(s string, zone *time.Location) {
	if period, err := audience.ParsePeriod(s); err == nil {
		p.periods = append(p.periods, period)
		if fixed, ok := period.Fixed(); ok {
			p.spans = append(p.spans, fixed)
		}
		return
	}
	if span, err := time.ParseDuration(s); err == nil {
		p.spans = append(p.spans, span.Truncate(time.Microsecond))
		return
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		p.instants = append(p.instants, audience.FromMicros(audience.Micros(t)))
		return
	}
	if d, err := audience.ParseDate(s); err == nil {
		p.instants = append(p.instants, d.In(zone))
		return
	}
	if a, err := audience.ParseAddress(s); err == nil {
		p.addresses = append(p.addresses, a)
	}
	v := audience.StringValue(s)
	if len(s) <= 200 && v.Check("", audience.Limits{}) == nil {
		p.strings = append(p.strings, s)
	}
}

func (p *pools) takeNumber(s string) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		p.ints = append(p.ints, n, n, n+1, n-1, -n)
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		p.doubles = append(p.doubles, f, f, f+0.1, f/2, -f)
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
	out := []audience.Scope{marketing, marketing, marketing, {}, {Channel: audience.ChannelEmail}, {Purpose: audience.PurposeMarketing}, {Channel: "post"}}
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
			out = append(out, topic, topic, topic)
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
