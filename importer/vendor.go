package importer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// vendor is a program whose exports are known by their headers.
type vendor struct {
	name    string
	columns []known
	// whole asks for every column that weighs nothing special: its exports are
	// too small to be known by a part of them.
	whole bool
	// telling, if any, are headers of which one must be there.
	telling []string
	// separator is what stands between the values of a field with several, where
	// it is no part of texts.
	separator string
	// standing gives what the file as a whole says of everybody in it, for
	// vendors that have no column for it. ask says that it cannot be told.
	standing func(headers map[string]bool, file string) (status audience.Status, ask bool)
}

// known is one column of a vendor.
type known struct {
	header string // folded
	weight int    // how much it tells: 1 for a header that anybody may use, 3 for one that only this vendor has
	plain  bool   // nothing but the header is known: the column is mapped by its name and cells
	Column        // Target, Name, Type, Format and Words
}

// to is a column whose target is known. Headers are separated by |.
func to(weight int, target Target, headers string) []known {
	var out []known
	for h := range strings.SplitSeq(headers, "|") {
		out = append(out, known{header: foldHeader(h), weight: weight, Column: Column{Target: target}})
	}
	return out
}

// plain are columns of which only the headers are known.
func plain(weight int, headers string) []known {
	out := to(weight, TargetField, headers)
	for i := range out {
		out[i].plain = true
	}
	return out
}

// typed are fields of a type.
func typed(weight int, t audience.Type, format, headers string) []known {
	out := to(weight, TargetField, headers)
	for i := range out {
		out[i].Type, out[i].Format = t, format
	}
	return out
}

// texts are fields that are text whatever their cells look like.
func texts(weight int, headers string) []known {
	return typed(weight, audience.TypeString, formatTrim, headers)
}

// system are ids in the vendor's system.
func system(weight int, name, headers string) []known {
	out := to(weight, TargetExternalID, headers)
	for i := range out {
		out[i].Name = name
	}
	return out
}

// formatted gives columns a form.
func formatted(format string, columns []known) []known {
	for i := range columns {
		columns[i].Format = format
	}
	return columns
}

// acted are when she consented or refused.
func acted(weight int, headers string) []known { return to(weight, TargetActed, headers) }

// status is a column of status words.
func status(weight int, header string, words map[string]audience.Status) []known {
	out := to(weight, TargetStatus, header)
	out[0].Words = words
	return out
}

func vendors() []vendor {
	return slices.Concat(mailVendors(), newsletterVendors(), shopVendors(), peopleVendors())
}

func (v *vendor) column(folded string) *known {
	for i := range v.columns {
		if v.columns[i].header == folded {
			return &v.columns[i]
		}
	}
	return nil
}

// recognition is how well headers fit a vendor.
type recognition struct {
	vendor     *vendor
	points     int
	confidence float64
	why        string
}

// Weights of a header that is missing and of one that the vendor does not
// have. Columns are chosen, added and dropped, so both say little.
const (
	missingWeight = 0.25
	extraWeight   = 0.15
	extraWhole    = 0.5 // where nothing but the whole is telling

	leastPoints     = 5    // of the headers that are there
	leastConfidence = 0.45 // below, nobody is recognised
	leastLead       = 0.03 // of the best over the next
)

// fits compares headers with those of the vendor.
func (v *vendor) fits(heads []head) recognition {
	r := recognition{vendor: v}
	there := make(map[string]bool, len(heads))
	extra, matched, telling := 0, 0, []string{}
	for _, h := range heads {
		if h.folded == "" || there[h.folded] {
			continue
		}
		there[h.folded] = true
		c := v.column(h.folded)
		switch {
		case c == nil:
			extra++
			continue
		case c.weight > 1 && len(telling) < 3:
			telling = append(telling, h.text)
		}
		matched++
	}
	missing := 0
	for _, c := range v.columns {
		switch {
		case there[c.header]:
			r.points += c.weight
		case v.whole && c.weight == 1:
			return recognition{}
		default:
			missing += c.weight
		}
	}
	if r.points < leastPoints && !v.whole || v.telling != nil && !slices.ContainsFunc(v.telling, func(h string) bool { return there[h] }) {
		return recognition{}
	}
	perExtra := extraWeight
	if v.whole {
		perExtra = extraWhole
	}
	known := float64(r.points)
	r.confidence = known / (known + missingWeight*float64(missing) + perExtra*float64(extra))
	if len(telling) == 0 {
		r.why = fmt.Sprintf("its %d columns", matched)
	} else {
		r.why = fmt.Sprintf("%s among %d of its columns", strings.Join(telling, ", "), matched)
	}
	return r
}

// recognise finds the vendor whose export has the headers; nil if none or more
// than one does.
func recognise(heads []head) recognition {
	var all []recognition
	for _, v := range vendors() {
		if r := v.fits(heads); r.vendor != nil && r.confidence >= leastConfidence {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return recognition{}
	}
	slices.SortStableFunc(all, func(a, b recognition) int {
		return cmp.Or(cmp.Compare(b.confidence, a.confidence), cmp.Compare(b.points, a.points))
	})
	best := all[0]
	for _, r := range all[1:] {
		if best.confidence-r.confidence < leastLead && best.points <= r.points {
			return recognition{}
		}
	}
	return best
}
