package quickstart

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// printReport prints what a person wants to see, and exports.
func (r *runner) printReport(ctx context.Context, reader *store.Reader, found *findings) error {
	seen, err := r.look(ctx, reader, found)
	if err != nil {
		return err
	}
	r.printf("As of %s\n", r.opts.now.Format("2006-01-02 15:04:05 MST"))
	r.printImports()
	r.printAudience(seen)
	if err := r.printSegments(ctx, reader, found, seen.contacts); err != nil {
		return err
	}
	if err := r.printChanges(ctx, reader, found); err != nil {
		return err
	}
	r.printReasons(found.set, seen)
	return r.export(ctx, reader, found)
}

// printf prints to stdout, which keeps its first error.
func (r *runner) printf(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format, args...) }

// heading begins a part of the report.
func (r *runner) heading(title string) {
	r.printf("\n%s\n%s\n", title, strings.Repeat("─", utf8.RuneCountInString(title)))
}

// table prints rows whose cells end with a tab each, in columns.
func (r *runner) table(rows []string) {
	w := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = io.WriteString(w, "  "+row+"\n")
	}
	_ = w.Flush()
}

func (r *runner) printImports() {
	if len(r.files) == 0 {
		return
	}
	r.heading("Imported")
	rows := make([]string, len(r.files))
	for i, f := range r.files {
		if f.useless {
			rows[i] = shown(f.name) + "\tnothing was used"
			continue
		}
		if f.report.Already {
			rows[i] = fmt.Sprintf("%s\t%s of %s\timported before", shown(f.name), plural(f.report.Rows, "row"), f.kind)
			continue
		}
		rows[i] = fmt.Sprintf("%s\t%s of %s\t%d new\t%d updated\t%d known already\t%d bad",
			shown(f.name), plural(f.report.Rows, "row"), f.kind, f.report.Created, f.report.Updated, f.report.Skips.Unchanged, f.report.Rejected)
		if f.report.Suppressed > 0 {
			rows[i] += fmt.Sprintf("\t%d suppressed", f.report.Suppressed)
		}
	}
	r.table(rows)
}

// printAudience draws who is there and what happened.
func (r *runner) printAudience(seen *overview) {
	r.heading(fmt.Sprintf("Audience of %s by status", plural(seen.contacts, "contact")))
	r.chart(seen.statuses, seen.contacts)
	total := 0
	for _, n := range seen.events {
		total += n.count
	}
	if total > 0 {
		r.heading(plural(total, "event") + " by type")
		r.chart(seen.events, slices.MaxFunc(seen.events, func(a, b tally) int { return a.count - b.count }).count)
	}
}

// chart draws one bar per tally; a bar of full length is most.
func (r *runner) chart(tallies []tally, most int) {
	var rows []string
	for _, t := range tallies {
		if t.count > 0 {
			rows = append(rows, fmt.Sprintf("%s\t%6d\t%s", shown(t.name), t.count, bar(t.count, most)))
		}
	}
	r.table(rows)
}

// bar draws n of most in eighths of a character.
func bar(n, most int) string {
	const width = 40
	eighths := (n*width*8 + most - 1) / max(most, 1)
	s := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		s += string([]rune(" ▏▎▍▌▋▊▉")[rest])
	}
	return s
}

// printSegments prints each segment with its size and a few members.
func (r *runner) printSegments(ctx context.Context, reader *store.Reader, found *findings, contacts int) error {
	const few = 5
	r.heading("Segments")
	for _, name := range found.set.Names() {
		members := found.members(name)
		r.printf("  %s: %d of %s\n  %s\n", titleOf(found.set, name), members.Len(), plural(contacts, "contact"), gauge(members.Len(), contacts))
		shown := 0
		for id := range members.All() {
			if shown++; shown > few {
				r.printf("    and %d more\n", members.Len()-few)
				break
			}
			c, err := reader.Contact(ctx, audience.ID(id))
			if err != nil {
				return err
			}
			r.printf("    %s\n", r.mask.contact(&c))
		}
	}
	return nil
}

// gauge draws a share.
func gauge(n, of int) string {
	const width = 40
	filled := n * width / max(of, 1)
	if n > 0 {
		filled = max(filled, 1)
	}
	return strings.Repeat("█", filled) + strings.Repeat("░", width-filled)
}

// titleOf is a segment's title with its name.
func titleOf(set *segment.Set, name string) string {
	if def, _ := set.Definition(name); def.Title != "" {
		return shown(def.Title) + " (" + name + ")"
	}
	return name
}

// printReasons prints for each segment why one contact is in and another is
// not.
func (r *runner) printReasons(set *segment.Set, seen *overview) {
	for i, name := range set.Names() {
		r.heading("Why " + titleOf(set, name))
		for _, e := range []struct {
			who  *example
			text string
		}{{seen.in[i], "is in"}, {seen.out[i], "is not"}} {
			if e.who == nil {
				r.printf("  Nobody %s.\n", e.text)
				continue
			}
			r.printf("  %s %s:\n", r.mask.contact(&e.who.contact), e.text)
			for _, atom := range e.who.atoms {
				r.printf("    %s\n", r.mask.atom(atom))
			}
		}
	}
}

// plural is a number with its noun.
func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// tally is how often something is there.
type tally struct {
	name  string
	count int
}

// example is a contact with the reasons of one segment.
type example struct {
	contact audience.Contact
	atoms   []segment.Atom
	missed  int // conditions that speak against her
}

// overview is what one pass over the audience finds.
type overview struct {
	contacts int
	statuses []tally
	events   []tally
	in, out  []*example // of each segment
}

// look goes through the audience once. Of those who are not in a segment the
// one who is nearest is kept, of the first thousand.
func (r *runner) look(ctx context.Context, reader *store.Reader, found *findings) (*overview, error) {
	set := found.set
	names := set.Names()
	seen := &overview{in: make([]*example, len(names)), out: make([]*example, len(names))}
	parts := set.Parts().Union(audience.ProfileParts{Ledger: true})
	for s := audience.StatusNone; s <= audience.StatusComplained; s++ {
		seen.statuses = append(seen.statuses, tally{name: s.String()})
	}
	schema := reader.Schema()
	for _, t := range schema.Events {
		parts = parts.Union(audience.ProfileParts{Events: []string{t.Name}})
		seen.events = append(seen.events, tally{name: t.Name})
	}
	moment := set.At(r.opts.now)
	rest := 1000
	for p, err := range reader.AllProfiles(ctx, store.ProfileQuery{ContactQuery: store.ContactQuery{At: r.opts.now}, Parts: parts}) {
		if err != nil {
			return nil, err
		}
		seen.contacts++
		seen.statuses[p.Status(r.opts.now).Status].count++
		for i := range seen.events {
			seen.events[i].count += len(p.Events(seen.events[i].name))
		}
		for i, name := range names {
			in := found.snapshot.Contains(name, p.Contact.ID)
			if err := seen.weigh(i, name, moment, &p, in, rest > 0); err != nil {
				return nil, err
			}
		}
		rest--
	}
	slices.SortStableFunc(seen.events, func(a, b tally) int { return cmp.Or(cmp.Compare(b.count, a.count), strings.Compare(a.name, b.name)) })
	return seen, nil
}

// weigh keeps the contact as an example of a segment if she is the first
// member, or nearer than the one that is kept.
func (o *overview) weigh(i int, name string, moment *segment.SetMoment, p *audience.Profile, in, compare bool) error {
	if in && o.in[i] != nil || !in && o.out[i] != nil && !compare {
		return nil
	}
	atoms, err := moment.Explain(name, p)
	if err != nil {
		return err
	}
	e := &example{contact: p.Contact, atoms: atoms}
	for _, a := range atoms {
		if a.Negated && a.Truth != segment.False || !a.Negated && a.Truth != segment.True {
			e.missed++
		}
	}
	switch {
	case in:
		o.in[i] = e
	case o.out[i] == nil || e.missed < o.out[i].missed:
		o.out[i] = e
	}
	return nil
}
