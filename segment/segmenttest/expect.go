package segmenttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// members asks the system who is in a segment, by name and sorted.
func (p *player) members(ctx context.Context, name string) ([]string, error) {
	if err := p.publish(ctx); err != nil {
		return nil, err
	}
	if errs := p.errors[name]; len(errs) > 0 {
		return nil, &expectationError{fmt.Sprintf("it does not compile: %d:%d: %s: %s (%s)",
			errs[0].Line, errs[0].Column, errs[0].Rule, errs[0].Message, errs[0].Hint)}
	}
	ids, err := p.system.Members(ctx, name, p.clock.Now())
	if err != nil {
		return nil, fmt.Errorf("members of %s: %w", name, err)
	}
	out := make([]string, len(ids))
	for i, id := range ids {
		if i > 0 && ids[i-1] >= id {
			return nil, fmt.Errorf("members of %s: contact ids must ascend, %s comes after %s", name, id, ids[i-1])
		}
		out[i] = p.nameOf(id)
	}
	slices.Sort(out)
	return out, nil
}

// nameOf gives the name of a contact, or its number when no contact of that number is there now.
func (p *player) nameOf(id audience.ContactID) string {
	name := p.names[id]
	if !p.cast.lives(name) || p.ids[name] != id {
		return "#" + id.String()
	}
	return name
}

// peopleNames gives the contacts that are meant, sorted and each once.
func (p *player) peopleNames(who People) []string {
	if who.Everybody {
		return p.cast.living()
	}
	out := slices.Clone(who.Names)
	slices.Sort(out)
	return slices.Compact(out)
}

func (p *player) expect(ctx context.Context, e Expect) error {
	got, err := p.members(ctx, e.Segment)
	if err != nil {
		return err
	}
	want := p.peopleNames(e.People)
	var missing, surplus []string
	switch e.How {
	case Equals:
		missing, surplus = without(want, got), without(got, want)
	case Has:
		missing = without(want, got)
	case Lacks:
		for _, name := range want {
			if slices.Contains(got, name) {
				surplus = append(surplus, name)
			}
		}
	}
	return p.missed(ctx, e.Segment, got, missing, surplus)
}

// without gives those of a that are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// missed makes the error of people who should be in a segment and are not, or the other way round.
func (p *player) missed(ctx context.Context, name string, got, missing, surplus []string) error {
	if len(missing)+len(surplus) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "at %s the members are: %s", p.clock.Now().Format("2006-01-02T15:04:05.999999Z07:00"), orNobody(got))
	if len(missing) > 0 {
		fmt.Fprintf(&b, "\nnot in it, but should be: %s", strings.Join(missing, " "))
	}
	if len(surplus) > 0 {
		fmt.Fprintf(&b, "\nin it, but should not be: %s", strings.Join(surplus, " "))
	}
	const explained = 3
	for _, who := range slices.Concat(missing, surplus)[:min(explained, len(missing)+len(surplus))] {
		if why := p.explain(ctx, name, who); why != "" {
			fmt.Fprintf(&b, "\n%s:\n%s", who, why)
		}
	}
	return &expectationError{b.String()}
}

func orNobody(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, " ")
}

// explain gives what the system says about a contact and a segment, if it says anything.
func (p *player) explain(ctx context.Context, name, who string) string {
	x, ok := p.system.(Explainer)
	if !ok || !p.cast.lives(who) {
		return ""
	}
	why, err := x.Explain(ctx, name, p.ids[who], p.clock.Now())
	if err != nil {
		return "  no explanation: " + err.Error()
	}
	return why
}

func (p *player) match(ctx context.Context, name string, m Match) error {
	got, err := p.members(ctx, name)
	if err != nil {
		return err
	}
	want := p.peopleNames(m.True)
	if err := p.missed(ctx, name, got, without(want, got), without(got, want)); err != nil || m.Unknown == nil {
		return err
	}
	not, err := p.members(ctx, name+"-not")
	if err != nil {
		return err
	}
	if both := without(got, without(got, not)); len(both) > 0 {
		return &expectationError{"true and false at once: " + strings.Join(both, " ")}
	}
	unknown := without(without(p.cast.living(), got), not)
	want = p.peopleNames(*m.Unknown)
	if slices.Equal(unknown, want) {
		return nil
	}
	return &expectationError{fmt.Sprintf("true: %s\nfalse: %s\nunknown: %s\nwant unknown: %s",
		orNobody(got), orNobody(not), orNobody(unknown), orNobody(want))}
}

func (p *player) reject(ctx context.Context, name string, r Reject) error {
	if err := p.publish(ctx); err != nil {
		return err
	}
	errs := p.errors[name]
	if len(errs) == 0 {
		return &expectationError{"it compiles; want an error"}
	}
	var seen []error
	for _, e := range errs {
		if fits(r, e) {
			return nil
		}
		seen = append(seen, fmt.Errorf("%d:%d %s: %s (%s)", e.Line, e.Column, e.Rule, e.Message, e.Hint))
	}
	return &expectationError{errors.Join(seen...).Error()}
}

func fits(r Reject, e *segment.CompileError) bool {
	if r.Line != 0 && (e.Line != r.Line || e.Column != r.Column) {
		return false
	}
	return (r.Rule == "" || e.Rule == r.Rule) && (strings.Contains(e.Message, r.Says) || strings.Contains(e.Hint, r.Says))
}
