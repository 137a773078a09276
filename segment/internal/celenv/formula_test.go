package celenv

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shape writes a formula: the form of each atom and where it was written.
func shape(f *Formula) string {
	var parts []string
	for _, p := range f.Parts {
		parts = append(parts, shape(p))
	}
	switch f.Op {
	case All:
		return "(" + strings.Join(parts, " & ") + ")"
	case Some:
		return "(" + strings.Join(parts, " | ") + ")"
	case Not:
		return "!" + parts[0]
	case Choice:
		return "(" + parts[0] + " ? " + parts[1] + " : " + parts[2] + ")"
	default:
		form := "row"
		if f.Atom.Test != nil {
			form = strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", f.Atom.Test), "celenv."), "Test")
		}
		return fmt.Sprintf("%s@%d:%d<%s>", form, f.Atom.Line, f.Atom.Column, f.Atom.Source)
	}
}

func TestFormula(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{
			"reference", `contact.status == "subscribed" && events("email.opened").within("30d").any()`,
			`(Compare@1:1<contact.status == "subscribed"> & Compare@1:35<events("email.opened").within("30d").any()>)`,
		},
		{"negation", `!(contact.age >= 30 || contact.vip)`, `!(Compare@1:3<contact.age >= 30> | Compare@1:24<contact.vip>)`},
		{"none", `events("visit").none() || false`, `(!Compare@1:1<events("visit").none()> | Constant@1:27<false>)`},
		{"sides changed", `5 < contact.age`, `Compare@1:1<5 < contact.age>`},
		{
			"sets", `"vip" in contact.tags && "a" in contact.interests && contact.city in ["a", "b"]`,
			`(Contains@1:1<"vip" in contact.tags> & Contains@1:26<"a" in contact.interests> & In@1:54<contact.city in ["a", "b"]>)`,
		},
		{
			"moving", `contact.created_at < ago("6mo") && contact.seen > now - duration("36h")`,
			`(Moving@1:1<contact.created_at < ago("6mo")> & Moving@1:36<contact.seen > now - duration("36h")>)`,
		},
		{
			"choice", `contact.vip ? contact.age > 3 : has(contact.city)`,
			`(Compare@1:1<contact.vip> ? Compare@1:15<contact.age > 3> : Has@1:33<has(contact.city)>)`,
		},
		{
			"aggregates", `events("purchase").sum("value") > 100 && rate(events("email.opened"), events("email.sent")) > 0.5`,
			`(Compare@1:1<events("purchase").sum("value") > 100> & Compare@1:42<rate(events("email.opened"), events("email.sent")) > 0.5>)`,
		},
		{
			"row by row", `events("purchase").where(e, e.value > 5 && e.items > 1).count() > 2 && contact.city.startsWith("(")`,
			`(row@1:1<events("purchase").where(e, e.value > 5 && e.items > 1).count() > 2> & row@1:72<contact.city.startsWith("(")>)`,
		},
		{
			"ledger", `onList("news") && onList("never") && consent("offers") && !suppressed()`,
			`(List@1:1<onList("news")> & List@1:19<onList("never")> & Consent@1:38<consent("offers")> & !Suppressed@1:60<suppressed()>)`,
		},
		{"windowed sums have no form", `events("purchase").within("30d").sum("value") > 5.0`, `row@1:1<events("purchase").within("30d").sum("value") > 5.0>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, errs := testEnv(t).Compile(tt.source, nil)
			require.Empty(t, errs)
			require.Equal(t, tt.want, shape(p.Formula()))
		})
	}
}

// TestFormulaOfNestedChoices: what an engine would have to double at each level is left to row-by-row evaluation.
func TestFormulaOfNestedChoices(t *testing.T) {
	nested := func(depth int) string {
		source := "contact.vip"
		for range depth {
			source = "(" + source + " ? contact.age > 1 : has(contact.city))"
		}
		return source
	}
	for depth, want := range map[int]FormulaOp{1: Choice, 4: Choice, 5: Condition, 6: Choice, 9: Choice, 10: Condition, 12: Choice, 15: Condition} {
		p, errs := testEnv(t).Compile(nested(depth), nil)
		require.Empty(t, errs)
		require.Equal(t, want, p.Formula().Op, "%d", depth)
		require.LessOrEqual(t, p.Formula().choices(), maxChoices)
	}
}
