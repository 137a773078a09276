package importer

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// FuzzMoment: what is read as an instant is one, and our own form of it reads as
// the same one.
func FuzzMoment(f *testing.F) {
	for _, s := range []string{"2026-01-31 09:30:00 +0000 UTC", "1/31/2026 2:30 PM", "31.01.2026", "Apr 3, 2021", "3-Apr-2021", "20260131", "2026-01-31T09:30:00.5-05:30"} {
		f.Add(s, "dmy")
		f.Add(s, "mdy")
	}
	f.Fuzz(func(t *testing.T, cell, order string) {
		for _, parse := range []func(string) (moment, bool){
			func(s string) (moment, bool) { return parseMoment(s, order) }, parseUnix, parseExcel,
		} {
			m, ok := parse(cell)
			if !ok {
				continue
			}
			at, ok := m.at(audience.Calendar{}, nil)
			if !ok { // an offset led out of the years
				continue
			}
			again, ok := parseMoment(at.Format(time.RFC3339Nano), "")
			require.True(t, ok)
			same, ok := again.at(audience.Calendar{}, nil)
			require.True(t, ok)
			require.True(t, at.Equal(same))
		}
	})
}

// FuzzItems: items that hold nothing special come back from every separator.
func FuzzItems(f *testing.F) {
	f.Add("a", "b c", `x "y"`)
	f.Add(`"`, "||", " ::: ")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, sep := range separators() {
			_, _ = itemsOf(a+sep+b, sep)
			items := []string{a, b, c}
			for i, it := range items {
				if items[i] = strings.Trim(it, " \t"); strings.ContainsAny(items[i], `"|;:,*`) || items[i] == "" {
					return
				}
			}
			got, ok := itemsOf(strings.Join(items, sep), sep)
			require.True(t, ok)
			require.Equal(t, items, got)
		}
		_, _ = jsonItems(a)
		if members, ok := jsonMembers(a); ok {
			for _, m := range members {
				_, _ = jsonText(m)
			}
		}
	})
}

// FuzzParseAddresses: what is taken out of a cell stands in it, and is an
// address by itself.
func FuzzParseAddresses(f *testing.F) {
	for _, s := range []string{"a@example.com", "Doe, Jane <j@example.com>; b@example.org", "mailto:a@b.cd?x=y", "\u200ba@b.cd ::: c@d.ef", "<<a@b.cd>", "a@b.cd,,;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		first, further, err := parseAddresses(cell)
		if err != nil {
			return
		}
		for _, a := range append(further, first) {
			if a.IsZero() {
				require.Empty(t, further)
				continue
			}
			require.Contains(t, cell, a.Reveal())
			_, err := audience.ParseAddress(a.Reveal())
			require.NoError(t, err)
		}
	})
}

// FuzzDecimal: a number is read by one form, or by both where it is open.
func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"1,234.50", "1.234,50", "$5", "-1 234", "1'234", "EUR 5,-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		point, isPoint := parseDecimal(cell, formatPoint)
		comma, isComma := parseDecimal(cell, formatComma)
		var d decimalFacts
		d.add(cell)
		form, settled, found := d.form()
		switch {
		case !found || !settled:
		case form == formatPoint:
			require.True(t, isPoint)
			require.True(t, !isComma || comma == point)
		default:
			t.Fatal("a comma alone is asked about")
		}
	})
}
