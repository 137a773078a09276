package importer

import (
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// compile makes the readers of the columns. An error is of the mapping.
func compile(m *Mapping, plan *Plan, env readEnv) (*rowReader, error) {
	r := &rowReader{mapping: m, status: m.Status, limits: env.limits, blanks: plan.Blanks == BlanksClear, room: &contactRoom{}}
	var objects []Column // members of JSON objects
	for _, c := range m.Columns {
		c = c.effective()
		if c.Index < 0 {
			return nil, &audience.FieldError{Path: "mapping", Rule: "index", Hint: "the position of a column, from 0"}
		}
		if _, ok := memberOf(c.Format); ok && c.Target == TargetField {
			if err := audience.CheckFieldName(c.Name, env.limits); err != nil {
				return nil, err
			}
			objects = append(objects, c)
			r.fields++
			continue
		}
		read, err := env.cell(c)
		if err != nil {
			return nil, err
		}
		if m.Vendor == nameOwn && c.Target == TargetPhone { // our own exports give it as it is
			read = readPrivate(c.Format, func(d *draft) *audience.Private { return &d.Write.Phone })
		}
		if m.Vendor == nameOwn && c.Target == TargetExternalID { // an apostrophe is part of it
			read = readExternal(c.Name, false)
		}
		if m.Vendor == nameOwn && c.Target == TargetLists {
			read = readItems("lists", c.Format, func(d *draft, items []string) { d.Lists = append(d.Lists, env.withoutTopics(items)...) })
		}
		if read == nil {
			continue
		}
		if c.Target == TargetField {
			r.fields++
		}
		r.columns = append(r.columns, cellReader{index: c.Index, blank: c.blank(), read: read})
	}
	for len(objects) > 0 {
		index := objects[0].Index
		of := func(c Column) bool { return c.Index == index }
		r.columns = append(r.columns, cellReader{index: index, read: env.object(slices.DeleteFunc(slices.Clone(objects), func(c Column) bool { return !of(c) }))})
		objects = slices.DeleteFunc(objects, of)
	}
	return r, nil
}

// blank names the field that an empty cell of the column is about.
func (c *Column) blank() string {
	switch c.Target {
	case TargetField:
		return c.Name
	case TargetFirstName:
		return "first_name"
	case TargetLastName:
		return "last_name"
	case TargetPhone:
		return "phone"
	case TargetTags:
		return "tags"
	default:
		return ""
	}
}

type readCell = func(d *draft, cell string, kind CellKind) error

// cell gives the reader of a column, nil for one that is passed over.
func (env *readEnv) cell(c Column) (readCell, error) {
	switch c.Target {
	case TargetIgnore, TargetSecret:
		return nil, nil
	case TargetEmail, TargetAddress:
		return readAddress(c.Target == TargetEmail), nil
	case TargetExternalID:
		return readExternal(c.Name, true), nil
	case TargetFirstName:
		return readPrivate(c.Format, func(d *draft) *audience.Private { return &d.Write.FirstName }), nil
	case TargetLastName:
		return readPrivate(c.Format, func(d *draft) *audience.Private { return &d.Write.LastName }), nil
	case TargetFullName:
		return func(d *draft, cell string, _ CellKind) error {
			d.full = textOf(cell, formatTrim)
			return nil
		}, nil
	case TargetPhone:
		return readPhone(c.Format), nil
	case TargetTags:
		return readItems("tags", c.Format, func(d *draft, items []string) { d.Write.SetTags = append(d.Write.SetTags, items...) }), nil
	case TargetLists:
		return readItems("lists", c.Format, func(d *draft, items []string) { d.Lists = append(d.Lists, items...) }), nil
	case TargetTag:
		return readTag(c.Name), nil
	case TargetStatus:
		return readStatus(c.Words), nil
	case TargetConsented, TargetRefused, TargetBounced:
		return env.standing(c), nil
	case TargetActed:
		return env.acted(c), nil
	case TargetEvidence:
		return readEvidence(c), nil
	case TargetCreatedAt:
		at := env.instant("created_at", c.Format)
		return func(d *draft, cell string, kind CellKind) error {
			t, err := at(cell, kind)
			if d.Write.CreatedAt.IsZero() {
				d.Write.CreatedAt = t
			}
			return err
		}, nil
	case TargetField:
		return env.field(c)
	}
	return nil, &audience.FieldError{Path: "mapping", Rule: "target", Hint: "a known target"}
}

func setOnce(p *audience.Private, s string) {
	if p.IsZero() {
		*p = audience.NewPrivate(s)
	}
}

// readPrivate reads a text of which the first one counts.
func readPrivate(format string, field func(d *draft) *audience.Private) readCell {
	private := remember(func(cell string, _ CellKind) (audience.Private, error) {
		return audience.NewPrivate(textOf(cell, format)), nil
	})
	return func(d *draft, cell string, kind CellKind) error {
		p := field(d)
		if !p.IsZero() {
			return nil
		}
		var err error
		*p, err = private(cell, kind)
		return err
	}
}

func textOf(cell, format string) string {
	switch format {
	case formatTrim:
		return strings.TrimSpace(cell)
	case formatGuarded:
		return unguarded(strings.TrimSpace(cell))
	}
	return cell
}

func readPhone(format string) readCell {
	return func(d *draft, cell string, _ CellKind) error {
		if format == "" {
			setOnce(&d.Write.Phone, cell)
			return nil
		}
		if format != formatTrim && format != formatGuarded {
			cell, _, _ = strings.Cut(cell, format)
		} else if at := strings.Index(cell, " ::: "); at >= 0 {
			cell = cell[:at]
		} else if at := strings.IndexByte(cell, ';'); at >= 0 && strings.HasPrefix(strings.TrimLeft(cell[at+1:], " "), "+") {
			cell = cell[:at]
		}
		setOnce(&d.Write.Phone, unguarded(strings.TrimSpace(cell)))
		return nil
	}
}

func readAddress(primary bool) readCell {
	return func(d *draft, cell string, _ CellKind) error {
		first, further, err := parseAddresses(cell)
		if err != nil || first.IsZero() {
			return err
		}
		w := &d.Write
		if primary && w.Email.IsZero() {
			w.Email = first
		} else {
			w.Addresses = appendAddress(w, first)
		}
		for _, a := range further {
			w.Addresses = appendAddress(w, a)
		}
		return nil
	}
}

// appendAddress adds a further address that is not there yet.
func appendAddress(w *audience.ContactWrite, a audience.Address) []audience.Address {
	if a.Equal(w.Email) || slices.ContainsFunc(w.Addresses, a.Equal) {
		return w.Addresses
	}
	return append(w.Addresses, a)
}

func readExternal(system string, guarded bool) readCell {
	if system == "" {
		system = audience.HostSystem
	}
	var free []audience.ExternalID // room for those to come
	return func(d *draft, cell string, _ CellKind) error {
		id := trimBlanks(cell)
		if guarded {
			id = unguarded(id)
		}
		if id == "" {
			return nil
		}
		if cap(d.Write.External) == 0 {
			if len(free) == 0 {
				free = make([]audience.ExternalID, contactBlock)
			}
			d.Write.External, free = free[:0:1], free[1:]
		}
		d.Write.External = append(d.Write.External, audience.External(system, id))
		return nil
	}
}

// readItems reads several items, which add may not change.
func readItems(path, format string, add func(d *draft, items []string)) readCell {
	read := remember(func(cell string, kind CellKind) ([]string, error) {
		form := format
		if kind == CellList {
			form = ""
		}
		items, ok := itemsOf(cell, form)
		if !ok {
			return nil, &audience.FieldError{Path: path, Rule: "type", Hint: listHintOf(form)}
		}
		return items, nil
	})
	return func(d *draft, cell string, kind CellKind) error {
		items, err := read(cell, kind)
		if len(items) > 0 {
			add(d, items)
		}
		return err
	}
}

func listHintOf(format string) string {
	switch format {
	case "":
		return listHint
	case formatJSON:
		return "a JSON array of texts"
	}
	return "items with " + format + " between them; quotes around an item are closed and doubled inside"
}

// withoutTopics passes over the topics among the lists of our own exports:
// who is on one has consented, which comes back by evidence alone.
func (env *readEnv) withoutTopics(lists []string) []string {
	return slices.DeleteFunc(slices.Clone(lists), func(name string) bool {
		list, ok := env.schema.ListNamed(name)
		return ok && list.Kind == audience.ListTopic
	})
}

func readTag(name string) readCell {
	return func(d *draft, cell string, _ CellKind) error {
		yes, ok, err := yesOrNo("tags", cell)
		if ok && yes {
			d.Write.SetTags = append(d.Write.SetTags, name)
		}
		return err
	}
}

// yesOrNo reads a word; ok is false for a blank one.
func yesOrNo(path, cell string) (yes, ok bool, err error) {
	if cell = trimBlanks(cell); cell == "" {
		return false, false, nil
	}
	yes, ok = parseYes(cell)
	if !ok {
		return false, false, &audience.FieldError{Path: path, Rule: "type", Hint: "yes or no"}
	}
	return yes, true, nil
}

func readStatus(words map[string]audience.Status) readCell {
	words = foldWords(words)
	return func(d *draft, cell string, _ CellKind) error {
		s, ok, err := statusOfWord(cell, words)
		if ok {
			d.said = stricter(d.said, s)
		}
		return err
	}
}

// statusOfWord finds a word among folded ones; ok is false for a blank cell.
func statusOfWord(cell string, words map[string]audience.Status) (audience.Status, bool, error) {
	if cell = strings.TrimSpace(cell); cell == "" {
		return audience.StatusNone, false, nil
	}
	s, ok := words[cell] // most are lower case already
	if !ok {
		s, ok = words[strings.ToLower(cell)]
	}
	if !ok {
		return audience.StatusNone, false, &audience.FieldError{Path: "status", Rule: "unknown", Hint: "one of the words of the mapping: " + strings.Join(sortedNames(words), ", ")}
	}
	return s, true, nil
}

// standing reads columns that say yes or no to mail.
func (env *readEnv) standing(c Column) readCell {
	yesMeans := audience.StatusUnsubscribed
	switch c.Target {
	case TargetConsented:
		yesMeans = audience.StatusSubscribed
	case TargetBounced:
		yesMeans = audience.StatusBounced
	default:
	}
	when := env.instant("status", c.Format)
	return func(d *draft, cell string, kind CellKind) error {
		cell = trimBlanks(cell)
		yes, ok := parseYes(cell)
		switch {
		case cell == "", c.Format != formatAny && noDay(cell):
			return nil
		case ok && yes, !ok && c.Format == formatAny:
			d.said = stricter(d.said, yesMeans)
			return nil
		case ok && c.Target == TargetConsented:
			d.said = stricter(d.said, audience.StatusUnsubscribed)
			return nil
		case ok:
			return nil
		case c.Target == TargetConsented:
			return &audience.FieldError{Path: "status", Rule: "type", Hint: "yes or no"}
		}
		at, err := when(cell, kind)
		if err != nil {
			return &audience.FieldError{Path: "status", Rule: "type", Hint: "yes, no, or " + instantHintOf(c.Format)}
		}
		d.said = stricter(d.said, yesMeans)
		d.refusedAt = later(d.refusedAt, at)
		return nil
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (env *readEnv) acted(c Column) readCell {
	when := env.instant("acted", c.Format)
	name := strings.TrimSpace(c.Header)
	return func(d *draft, cell string, kind CellKind) error {
		at, err := when(cell, kind)
		if err != nil || at.IsZero() {
			return err
		}
		d.grantedAt = later(d.grantedAt, at)
		d.facts = append(d.facts, Fact{Name: name, Text: strings.TrimSpace(cell)})
		return nil
	}
}

func readEvidence(c Column) readCell {
	words := foldWords(c.Words)
	name := strings.TrimSpace(c.Header)
	return func(d *draft, cell string, _ CellKind) error {
		text := strings.TrimSpace(cell)
		if text == "" {
			return nil
		}
		d.facts = append(d.facts, Fact{Name: name, Text: text})
		if len(words) == 0 {
			return nil
		}
		s, ok, err := statusOfWord(text, words)
		if ok {
			d.bound, d.bounded = stricter(d.bound, s), true
		}
		return err
	}
}
