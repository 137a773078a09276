package quickstart

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// printChanges prints for each segment who enters and leaves next by time
// alone.
func (r *runner) printChanges(ctx context.Context, reader *store.Reader, found *findings) error {
	if found.forecast == nil {
		return nil
	}
	const few = 5
	r.heading("If nothing else happens within " + plural(r.opts.days, "day"))
	for _, s := range found.forecast.Segments {
		r.printf("  %s: %d enter, %d leave\n", titleOf(found.set, s.Name), s.Entering, s.Leaving)
		next := found.next(s.Name, few)
		for _, m := range next {
			c, err := reader.Contact(ctx, audience.ID(m.Contact))
			if err != nil {
				return err
			}
			r.printf("    %s  %s  %s\n", m.At.UTC().Format("2006-01-02 15:04:05.999999"), changeWord(m.Entered), r.mask.contact(&c))
		}
		if rest := s.Entering + s.Leaving - len(next); rest > 0 {
			r.printf("    and %d more\n", rest)
		}
	}
	return nil
}

// next gives the first few changes of a segment that the forecast lists.
func (f *findings) next(name string, few int) (out []segment.Forecasted) {
	for _, m := range f.forecast.Moves {
		if len(out) == few {
			return out
		}
		if m.Segment == name {
			out = append(out, m)
		}
	}
	if first, ok := f.forecast.Next(name); ok && len(out) == 0 { // beyond what is listed
		out = append(out, first)
	}
	return out
}
