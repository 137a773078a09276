package segmenttest

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// oracle is the reference evaluator as a trial needs it: over all contacts after each step. What it found for a contact
// stands as long as her profile, the instant and the definitions are the same.
type oracle struct {
	aud      *store.Audience
	language *segment.Language
	set      *segment.Set
	now      time.Time
	rows     []oracleRow // ascending by contact
	stale    bool        // the definitions are new
}

// oracleRow is one contact.
type oracleRow struct {
	profile audience.Profile
	in      []bool // by segment, in the order of the set's names
}

func newOracle(aud *store.Audience, functions []segment.Function) (*oracle, error) {
	language, err := segment.LanguageOf(aud, segment.Options{Functions: functions})
	if err != nil {
		return nil, err
	}
	return &oracle{aud: aud, language: language}, nil
}

// define compiles the definitions.
func (o *oracle) define(defs []segment.Definition) error {
	set, err := o.language.CompileSet(defs...)
	if err != nil {
		return err
	}
	o.set, o.stale = set, true
	return nil
}

// evaluate brings the rows up to the store and the instant. It gives how many answers of contacts that were there
// before have changed, 0 when the definitions did.
func (o *oracle) evaluate(ctx context.Context, now time.Time) (flips int, err error) {
	moment := o.set.At(now)
	same := !o.stale && now.Equal(o.now)
	old, rows := o.rows, make([]oracleRow, 0, len(o.rows)+1)
	q := store.ProfileQuery{Parts: o.set.Parts(), ContactQuery: store.ContactQuery{At: now}}
	err = o.aud.View(ctx, func(r *store.Reader) error {
		for p, err := range r.AllProfiles(ctx, q) {
			if err != nil {
				return err
			}
			for len(old) > 0 && old[0].profile.Contact.ID < p.Contact.ID {
				old = old[1:]
			}
			row := oracleRow{profile: p}
			known := len(old) > 0 && old[0].profile.Contact.ID == p.Contact.ID
			if known && same && reflect.DeepEqual(&old[0].profile, &p) {
				rows = append(rows, old[0])
				continue
			}
			if row.in, err = moment.Match(&p, nil); err != nil {
				return err
			}
			if known && !o.stale {
				flips += differences(row.in, old[0].in)
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	o.rows, o.now, o.stale = rows, now, false
	return flips, nil
}

func differences(a, b []bool) int {
	n := 0
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// members gives who is in a segment, ascending; false when there is no such segment.
func (o *oracle) members(name string) ([]audience.ContactID, bool) {
	k, ok := slices.BinarySearch(o.set.Names(), name)
	if !ok {
		return nil, false
	}
	var out []audience.ContactID
	for i := range o.rows {
		if o.rows[i].in[k] {
			out = append(out, o.rows[i].profile.Contact.ID)
		}
	}
	return out, true
}

// at says who would be in the segments at another instant, if nothing else happened: by contact of the rows.
func (o *oracle) at(now time.Time) ([][]bool, error) {
	moment := o.set.At(now)
	out := make([][]bool, len(o.rows))
	for i := range o.rows {
		var err error
		if out[i], err = moment.Match(&o.rows[i].profile, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// explain says what the parts of a segment's expression are for a contact, "" if nothing can be said.
func (o *oracle) explain(ctx context.Context, name string, id audience.ContactID) string {
	atoms := o.atoms(ctx, name, id)
	lines := make([]string, len(atoms))
	for i, atom := range atoms {
		lines[i] = "  " + atom.Reveal()
	}
	return strings.Join(lines, "\n")
}

// atoms gives the conditions of a segment's expression for a contact; without a contact, for the first one.
func (o *oracle) atoms(ctx context.Context, name string, id audience.ContactID) []segment.Atom {
	for i := range o.rows {
		p := &o.rows[i].profile
		if ctx.Err() == nil && (id == 0 || p.Contact.ID == id) {
			atoms, _ := o.set.At(o.now).Explain(name, p)
			return atoms
		}
	}
	return nil
}

// missing counts the conditions of a segment's expression that the contact in a row does not meet.
func (o *oracle) missing(name string, row int) int {
	atoms, err := o.set.At(o.now).Explain(name, &o.rows[row].profile)
	if err != nil {
		return len(o.rows)
	}
	n := 0
	for _, atom := range atoms {
		if atom.Truth == segment.Unknown || (atom.Truth == segment.True) == atom.Negated {
			n++
		}
	}
	return n
}
