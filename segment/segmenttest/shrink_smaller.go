package segmenttest

import (
	"maps"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// namesIn gives the contacts that an action names.
func namesIn(a Action) []string {
	switch do := a.(type) {
	case Put:
		return []string{do.Name}
	case Append:
		return []string{keyOf(do.Write.Contact)}
	case Record:
		return []string{keyOf(do.Write.Contact)}
	case AddToList:
		return do.Names
	case RemoveFromList:
		return do.Names
	case Merge:
		return []string{do.Winner, do.Loser}
	case Unmerge:
		return []string{do.Loser}
	case Delete:
		return []string{do.Name}
	case Erase:
		return []string{do.Name}
	case Together:
		var out []string
		for _, a := range do.Do {
			out = append(out, namesIn(a)...)
		}
		return out
	}
	return nil
}

// withoutNames gives an action that does not name these contacts; false when nothing is left of it.
func withoutNames(a Action, names []string) (Action, bool) {
	rest := func(all []string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(names, name) })
	}
	switch do := a.(type) {
	case AddToList:
		do.Names = rest(do.Names)
		return do, len(do.Names) > 0
	case RemoveFromList:
		do.Names = rest(do.Names)
		return do, len(do.Names) > 0
	case Together:
		var left Together
		for _, a := range do.Do {
			if a, ok := withoutNames(a, names); ok {
				left.Do = append(left.Do, a)
			}
		}
		return left, len(left.Do) > 0
	}
	return a, len(rest(namesIn(a))) == len(namesIn(a))
}

// simpler gives actions that say less than one does.
func (s *shrinker) simpler(a Action) []Action {
	var out []Action
	switch do := a.(type) {
	case Define:
		if do.Definition.Source == "true" || do.Definition.Source == "false" {
			return nil
		}
		for _, source := range s.simplerSources(do.Definition.Name) {
			if len(source) < len(do.Definition.Source) {
				do := do
				do.Definition.Source = source
				out = append(out, do)
			}
		}
	case Together:
		for i, a := range do.Do {
			out = append(out, a)
			if rest := slices.Delete(slices.Clone(do.Do), i, i+1); len(rest) > 0 {
				out = append(out, Together{Do: rest})
			}
			for _, simpler := range s.simpler(a) {
				all := slices.Clone(do.Do)
				all[i] = simpler
				out = append(out, Together{Do: all})
			}
		}
	case Put:
		for _, w := range simplerContacts(do.Write) {
			out = append(out, Put{Name: do.Name, Write: w})
		}
	case Append:
		for _, name := range slices.Sorted(maps.Keys(do.Write.Props)) {
			w := do.Write
			w.Props = maps.Clone(w.Props)
			delete(w.Props, name)
			out = append(out, Append{Write: w})
		}
	case Record:
		if w := do.Write; !w.Expires.IsZero() {
			w.Expires = time.Time{}
			out = append(out, Record{Write: w})
		}
		if w := do.Write; !w.Acted.IsZero() {
			w.Acted = time.Time{}
			out = append(out, Record{Write: w})
		}
		if w := do.Write; w.Scope != audience.MarketingScope() && w.Kind != audience.ConsentRetracted {
			w.Scope = audience.MarketingScope()
			out = append(out, Record{Write: w})
		}
	}
	return out
}

// simplerSources gives the conditions of a segment, each in place of the whole.
func (s *shrinker) simplerSources(name string) []string {
	out := []string{"true", "false"}
	for _, atom := range s.atoms[name] {
		atom = indented(atom)
		out = append(out, atom, "!("+atom+")")
	}
	return out
}

// simplerContacts gives the writes that say one thing less.
func simplerContacts(w audience.ContactWrite) []audience.ContactWrite {
	var out []audience.ContactWrite
	if len(w.Set) > 1 { // all of it at first
		c := w
		c.Set = nil
		out = append(out, c)
	}
	less := func(there bool, change func(*audience.ContactWrite)) {
		if there {
			c := w
			change(&c)
			out = append(out, c)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Set)) {
		less(true, func(c *audience.ContactWrite) {
			c.Set = maps.Clone(w.Set)
			delete(c.Set, name)
		})
	}
	less(!w.Email.IsZero(), func(c *audience.ContactWrite) { c.Email = audience.Address{} })
	less(len(w.Addresses) > 0, func(c *audience.ContactWrite) { c.Addresses = nil })
	less(len(w.Detach) > 0, func(c *audience.ContactWrite) { c.Detach = nil })
	less(len(w.External) > 0, func(c *audience.ContactWrite) { c.External = nil })
	less(!w.FirstName.IsZero(), func(c *audience.ContactWrite) { c.FirstName = audience.Private{} })
	less(!w.LastName.IsZero(), func(c *audience.ContactWrite) { c.LastName = audience.Private{} })
	less(!w.Phone.IsZero(), func(c *audience.ContactWrite) { c.Phone = audience.Private{} })
	less(len(w.Clear) > 0, func(c *audience.ContactWrite) { c.Clear = nil })
	less(w.SetTags != nil, func(c *audience.ContactWrite) { c.SetTags = nil })
	less(len(w.AddTags) > 0, func(c *audience.ContactWrite) { c.AddTags = nil })
	less(len(w.RemoveTags) > 0, func(c *audience.ContactWrite) { c.RemoveTags = nil })
	less(!w.CreatedAt.IsZero(), func(c *audience.ContactWrite) { c.CreatedAt = time.Time{} })
	less(w.Frequency != nil, func(c *audience.ContactWrite) { c.Frequency = nil })
	return out
}
