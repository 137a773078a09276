package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// fromVendor maps a column that the vendor's exports have, as far as its cells
// agree.
func (in *inspection) fromVendor(c Column, k *known) Column {
	f := &in.facts[c.Index]
	c.Name, c.Type, c.Format, c.Words = k.Name, k.Type, k.Format, k.Words
	c = c.as(k.Target, 0.95, "a column of "+in.vendor.name)
	ok := true
	switch k.Target {
	case TargetField:
		return in.vendorField(c)
	case TargetFirstName, TargetLastName, TargetFullName:
		c.Format = in.textFormat()
	case TargetPhone:
		c.Format = in.phoneFormat()
	case TargetTags:
		if c.Format == "" {
			c.Format = in.itemFormat(f)
		}
	case TargetCreatedAt, TargetActed:
		ok = f.cells == 0
		if !ok {
			c, ok = in.instant(c)
		}
	case TargetStatus:
		if f.cells > 0 && !f.wordsAmong(c.Words) {
			all := commonWords()
			for w, s := range c.Words {
				all[strings.ToLower(w)] = s
			}
			c.Words = all
			c, ok = in.statusColumn(c)
		}
	case TargetConsented:
		if f.cells > 0 {
			c, ok = in.consented(c)
		}
	case TargetRefused, TargetBounced:
		if f.cells > 0 {
			c, ok = in.refused(c)
		}
	default:
	}
	if !ok {
		return in.field(Column{Header: c.Header, Index: c.Index})
	}
	if c.Target == k.Target && !in.asked(c.Index) {
		c = c.as(c.Target, 0.95, "a column of "+in.vendor.name)
	}
	return c
}

func (in *inspection) vendorField(c Column) Column {
	f := &in.facts[c.Index]
	if c.Format == formatJSON && c.Type == 0 {
		if f.members != nil && len(f.members.names) > 0 && !f.members.more {
			return c
		}
		return in.field(Column{Header: c.Header, Index: c.Index})
	}
	fits := false
	switch c.Type {
	case audience.TypeString, audience.TypeStringList:
		fits = true
	case audience.TypeBool:
		fits = f.isYesNo(true)
	case audience.TypeTimestamp:
		d, ok := f.dates.of(f.cells, true)
		if fits = ok && d.whole; fits {
			in.dated(&c, d, formatText)
		}
	default:
		fits = f.plain.Fit(c.Type) && f.plain.Type() != audience.TypeString
	}
	if f.cells == 0 || !fits {
		return in.field(Column{Header: c.Header, Index: c.Index})
	}
	c.Name = audience.FoldFieldName(in.heads[c.Index].text)
	if field, ok := in.schema.FieldNamed(c.Name); ok && field.Type != c.Type {
		return in.declared(c)
	}
	return c
}

// field proposes a custom field: one that the schema has, or one of the type
// that all cells fit.
func (in *inspection) field(c Column) Column {
	f := &in.facts[c.Index]
	c.Name = audience.FoldFieldName(in.heads[c.Index].text)
	if in.hasField(in.heads[c.Index].text) {
		return in.declared(c.as(TargetField, 0.9, ""))
	}
	if f.cells == 0 {
		return c.as(TargetIgnore, 0.9, "every cell is empty")
	}
	c = c.as(TargetField, 0.6, "no other use is known")
	if f.isObjects() && len(f.members.names) > 0 && !f.members.more {
		c.Format, c.Why = formatJSON, "its cells are JSON objects"
		return c
	}
	in.infer(&c)
	return c
}

// infer sets type and form of a field by all of its cells.
func (in *inspection) infer(c *Column) {
	f, h := &in.facts[c.Index], in.heads[c.Index]
	c.Type, c.Format = audience.TypeString, in.textFormat()
	if f.guarded > 0 && f.apostrophe == 0 && !in.own {
		c.Format = formatGuarded
	}
	if isTextual(h.words) {
		c.Why = "numbers of its name are texts"
		return
	}
	if d, ok := f.dates.of(f.cells, isDated(h.words)); ok && (d.whole || isDated(h.words) && 2*f.dates.cells >= f.cells) {
		c.Type, c.Why = audience.TypeDate, "its cells are dates"
		if d.timed {
			c.Type, c.Why = audience.TypeTimestamp, "its cells are instants"
		}
		in.dated(c, d, formatText)
		return
	}
	switch t := f.plain.Type(); {
	case f.longs > 0:
	case t != audience.TypeString && f.cells > 0:
		c.Type, c.Format, c.Why = t, "", "all of its cells are of the type"
		return
	case f.isYesNo(false):
		c.Type, c.Format, c.Why = audience.TypeBool, formatWords, "its cells are yes and no"
		return
	default:
		if in.decimal(c, formatText) {
			return
		}
	}
	if s, ok := in.separated(f); ok {
		c.Type, c.Format, c.Why = audience.TypeStringList, s, "its cells hold several items"
	}
}

// separated finds columns of several items in a cell, where what stands
// between them is no part of a text.
func (in *inspection) separated(f *columnFacts) (string, bool) {
	if f.kinds == 1<<CellList {
		return "", true
	}
	switch s := f.items.separator(); s {
	case "||", " ::: ":
		return s, true
	case formatJSON:
		return s, f.items.json == f.cells
	case ";":
		return s, in.vendor != nil && in.vendor.separator == s && f.longs == 0
	}
	return "", false
}

// decimal finds numbers with a comma or a currency, and asks where they could
// be something else. other is the answer beside the two forms.
func (in *inspection) decimal(c *Column, other string) bool {
	form, settled, found := in.facts[c.Index].decimals.form()
	if !found {
		return false
	}
	c.Type, c.Format, c.Why = audience.TypeDouble, form, "its cells are numbers"
	if settled {
		return true
	}
	d := &in.facts[c.Index].decimals
	var options []string
	if !d.notPoint {
		options = append(options, formatPoint)
	}
	if !d.notComma {
		options = append(options, formatComma)
	}
	q := Question{
		ID: columnQuestion(c.Index, "numbers"), Options: options, Assumed: form,
		Text: "Are the cells of column " + strconv.Itoa(c.Index+1) + " numbers, and do their decimals stand behind a point or a comma?",
	}
	if other == "" && len(options) == 1 { // it is a number, so that the form is all that was open
		return true
	}
	if other != "" {
		q.Options, q.Assumed, c.Format = append(q.Options, other), other, other
	}
	in.mapping.Questions = append(in.mapping.Questions, q)
	return true
}

// declared reads a column as a field of the schema, or as the type that its
// header names: what is declared counts, and the cells say how it is written.
func (in *inspection) declared(c Column) Column {
	f := &in.facts[c.Index]
	if field, ok := in.schema.FieldNamed(c.Name); ok {
		if field.Owner != "" {
			in.notes = append(in.notes, Note{
				Code: "owner", Column: c.Index + 1, Text: "field " + c.Name + " is written by " + field.Owner + " only; the column is not read",
			})
			return c.as(TargetIgnore, 1, "the field is written by its owner only")
		}
		c.Type = field.Type
		c.Why = "the audience has a field of that name"
	}
	c.Format = ""
	_, _, typed := typedHeader(in.heads[c.Index].text)
	own := in.own || typed
	if own && (c.Type == audience.TypeString || f.kinds&^(1<<CellText) == 0 && in.fitsPlain(f, c.Type)) {
		return c // as our own exports write it, unless they are for people who write numbers and times otherwise
	}
	switch c.Type {
	case audience.TypeString:
		c.Format = formatTrim
		if f.guarded > 0 && f.apostrophe == 0 {
			c.Format = formatGuarded
		}
	case audience.TypeBool:
		if f.cells > 0 && f.plain.Type() != audience.TypeBool {
			c.Format = formatWords
		}
	case audience.TypeDouble:
		if f.plain.Type() == audience.TypeString {
			t := c.Type
			in.decimal(&c, "")
			c.Type = t
		}
	case audience.TypeDate, audience.TypeTimestamp:
		if d, ok := f.dates.of(f.cells, true); ok {
			in.dated(&c, d, formatIgnore)
		}
	case audience.TypeStringList:
		c.Format = in.itemFormat(f)
	default:
	}
	return c
}

// fitsPlain reports whether cells are written as our own exports write them.
func (in *inspection) fitsPlain(f *columnFacts, t audience.Type) bool {
	return t == audience.TypeStringList || t == audience.TypeString || f.plain.Fit(t) || f.cells == 0
}

// members makes a column for each member of JSON objects.
func (in *inspection) members(c Column) []Column {
	m := in.facts[c.Index].members
	var out []Column
	for _, name := range m.names {
		facts := m.facts[name]
		field := Column{Header: c.Header, Index: c.Index, Name: audience.FoldFieldName(name), Format: formatJSON + ":" + name}
		field = field.as(TargetField, 0.8, "a member of its JSON objects")
		field.Type = facts.plain.Type()
		if facts.kinds == 1<<CellList {
			field.Type = audience.TypeStringList
		}
		if declared, ok := in.schema.FieldNamed(field.Name); ok {
			field.Type = declared.Type
			if declared.Owner != "" {
				field = field.as(TargetIgnore, 1, "the field is written by its owner only")
			}
		}
		out = append(out, field)
	}
	return out
}

// settleNames lets a full name be one where the file has no better columns.
func (in *inspection) settleNames() {
	find := func(t Target) int {
		return slices.IndexFunc(in.mapping.Columns, func(c Column) bool { return c.Target == t })
	}
	first, last, full := find(TargetFirstName), find(TargetLastName), find(TargetFullName)
	if full < 0 || first < 0 {
		return
	}
	c := &in.mapping.Columns[full]
	english := slices.Contains([]string{"firstname", "first", "givenname", "forename"}, foldHeader(in.mapping.Columns[first].Header))
	if last < 0 && !english { // Vorname and Name, prénom and nom
		*c = c.as(TargetLastName, 0.7, "its name, beside a first name")
	}
}

// settleDoubles gives each thing that a contact has once to one column: the
// surest that is not empty.
func (in *inspection) settleDoubles() {
	best := make(map[Target]*Column)
	for i := range in.mapping.Columns {
		c := &in.mapping.Columns[i]
		if b := best[c.Target]; c.Target.isSingle() && in.facts[c.Index].cells > 0 && (b == nil || b.Confidence < c.Confidence) {
			best[c.Target] = c
		}
	}
	for i := range in.mapping.Columns {
		c := &in.mapping.Columns[i]
		b := best[c.Target]
		if b == nil || b == c {
			continue
		}
		in.mapping.Questions = slices.DeleteFunc(in.mapping.Questions, func(q Question) bool {
			return strings.HasPrefix(q.ID, columnChoice(c.Index)+":")
		})
		*c = in.field(Column{Header: c.Header, Index: c.Index})
		if c.Target == TargetField {
			c.Why = fmt.Sprintf("column %d is what its name says", b.Index+1)
		}
	}
}

// isSingle reports the targets that a contact has once.
func (t Target) isSingle() bool {
	switch t {
	case TargetFirstName, TargetLastName, TargetFullName, TargetPhone, TargetCreatedAt:
		return true
	default:
		return false
	}
}

// nameFields gives every field a name of its own.
func (in *inspection) nameFields() {
	const longest = 60
	for i := range in.mapping.Columns {
		c := &in.mapping.Columns[i]
		if c.Target != TargetField && (c.Target != TargetStatus && c.Target != TargetRefused && c.Target != TargetBounced || !in.asked(c.Index)) {
			continue
		}
		name := c.Name
		if name == "" {
			name = audience.FoldFieldName(in.heads[c.Index].text)
		}
		if len(name) > longest {
			name = strings.TrimRight(name[:longest], "_")
		}
		if name == "" {
			name = columnName(c.Index)
		}
		if audience.CheckFieldName(name, audience.Limits{}) != nil {
			name = "imported_" + name
		}
		c.Name = name
		for n := 2; in.used[c.Name]; n++ {
			c.Name = name + "_" + strconv.Itoa(n)
		}
		in.used[c.Name] = true
	}
}

// asked reports whether there is a question about a column.
func (in *inspection) asked(index int) bool {
	return slices.ContainsFunc(in.mapping.Questions, func(q Question) bool { return strings.HasPrefix(q.ID, columnChoice(index)+":") })
}

// askForWhole asks what the file as a whole leaves open.
func (in *inspection) askForWhole() {
	has := func(t Target) bool {
		return slices.ContainsFunc(in.mapping.Columns, func(c Column) bool { return c.Target == t })
	}
	if !has(TargetEmail) && !has(TargetExternalID) {
		q := Question{ID: questionMail, Text: "Which column holds the e-mail addresses?"}
		for i := range in.heads {
			q.Options = append(q.Options, columnChoice(i))
		}
		in.mapping.Questions = append(in.mapping.Questions, q)
	}
	if in.vendor == nil || in.vendor.standing == nil {
		return
	}
	headers := make(map[string]bool, len(in.heads))
	for _, h := range in.heads {
		headers[h.folded] = true
	}
	standing, ask := in.vendor.standing(headers, in.file)
	in.mapping.Status = standing
	if ask {
		in.mapping.Questions = append(in.mapping.Questions, Question{
			ID: questionAll, Options: []string{"subscribed", "unsubscribed", "bounced", "none"}, Assumed: "none",
			Text: "Exports of " + in.vendor.name + " say by the name of their file whose they are. Which is it?",
		})
	}
}

// note tells what people should know of the columns.
func (in *inspection) note(mail int) {
	add := func(code string, index int, text string) {
		in.notes = append(in.notes, Note{Code: code, Column: index + 1, Text: text})
	}
	if mail >= 0 && in.facts[mail].addresses.cleaned > 0 {
		add("addresses-cleaned", mail, fmt.Sprintf(
			"%d cells hold more than an address (a name, a link, invisible characters, a second address), from which the addresses are taken", in.facts[mail].addresses.cleaned))
	}
	for _, c := range in.mapping.Columns {
		f := &in.facts[c.Index]
		switch {
		case c.Target == TargetSecret:
			add("secret-column", c.Index, "it is not read, shown or written anywhere, because "+c.Why)
		case c.Target == TargetPhone && !in.own && f.items.hits[0]+f.items.hits[3] > 0:
			add("more-phones", c.Index, "of several numbers in one cell the first is kept")
		case c.Target == TargetLists:
			if text := in.listsNote(c.Index); text != "" {
				add("unknown-lists", c.Index, text)
			}
		case c.Target == TargetCreatedAt || c.Target == TargetActed || c.Target == TargetField && c.Type == audience.TypeTimestamp:
			if f.dates.timed > f.dates.zoned {
				add("local-times", c.Index, "its times name no zone; they are read in the zone of the audience")
			}
		}
	}
}
