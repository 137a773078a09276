package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// propose fills the mapping, its questions and the notes.
func (in *inspection) propose() {
	in.used = make(map[string]bool)
	in.readHeads()
	in.findVendor()
	aliases := aliases()
	mail := in.mailColumn(aliases)
	for i := range in.heads {
		c := in.column(i, mail, aliases)
		if c.Target == TargetField && c.Format == formatJSON {
			in.mapping.Columns = append(in.mapping.Columns, in.members(c)...)
			continue
		}
		in.mapping.Columns = append(in.mapping.Columns, c)
	}
	in.settleNames()
	in.settleDoubles()
	in.nameFields()
	in.askForWhole()
	in.note(mail)
}

func (in *inspection) readHeads() {
	for _, text := range in.layout.Columns {
		h := head{text: strings.TrimSpace(text)}
		if strings.IndexByte(text, '@') >= 0 { // somebody's address in the place of a header
			h.text = ""
		}
		h.folded, h.words = foldHeader(h.text), headerWords(h.text)
		in.heads = append(in.heads, h)
	}
}

func (in *inspection) findVendor() {
	heads := make([]head, 0, len(in.heads))
	for _, h := range in.heads {
		if _, _, typed := typedHeader(h.text); typed {
			h.folded = headerTyped
		}
		if h.text != ReasonColumn {
			heads = append(heads, h)
		}
	}
	if in.layout.HeaderLine == 0 {
		return
	}
	r := recognise(heads)
	if r.vendor == nil {
		return
	}
	in.vendor, in.own = r.vendor, r.vendor.name == nameOwn
	in.mapping.Vendor, in.mapping.Confidence, in.mapping.Why = r.vendor.name, r.confidence, r.why
}

// known gives what the vendor knows of a column, nil if nothing.
func (in *inspection) known(i int) *known {
	if in.vendor == nil {
		return nil
	}
	return in.vendor.column(in.heads[i].folded)
}

// typedHeader splits a header like score:double.
func typedHeader(header string) (name string, t audience.Type, ok bool) {
	at := strings.LastIndexByte(header, ':')
	if at < 0 {
		return "", 0, false
	}
	t, err := audience.ParseType(strings.ToLower(strings.TrimSpace(header[at+1:])))
	return header[:at], t, err == nil
}

// mailColumn finds the column whose cells are addresses: by what stands there,
// and only among several such columns by their names. It gives -1 when there
// is none.
func (in *inspection) mailColumn(aliases map[string]Target) int {
	best, bestRank := -1, 0
	for i := range in.heads {
		if rank := in.mailRank(i, aliases[in.heads[i].folded] == TargetEmail); rank > bestRank {
			best, bestRank = i, rank
		}
	}
	return best
}

func (in *inspection) mailRank(i int, alias bool) int {
	h, f := in.heads[i], &in.facts[i]
	rank := 1
	k := in.known(i)
	switch {
	case k != nil && !k.plain && k.Target == TargetEmail:
		rank += 4
	case alias:
		rank += 3
	case k != nil && !k.plain && k.Target == TargetAddress, isMail(h.folded) && !somebodyElse(h.words):
		rank += 2
	case !somebodyElse(h.words):
		rank++
	}
	const named, some, most = 4, 5, 10 // cells that are addresses come before names
	switch {
	case 2*f.addresses.cells >= f.cells && f.cells > 0:
		return rank + most
	case rank >= named && f.addresses.cells > 0:
		return rank + some
	case rank >= named:
		return rank
	}
	return 0
}

// column proposes what one column becomes. Fields have no name yet.
func (in *inspection) column(i, mail int, aliases map[string]Target) Column {
	h, f, k := in.heads[i], &in.facts[i], in.known(i)
	c := Column{Header: in.layout.Columns[i], Index: i}
	name, t, isTyped := typedHeader(h.text)
	switch {
	case strings.EqualFold(h.text, ReasonColumn):
		return c.as(TargetIgnore, 1, "it says why rows were rejected")
	case isSecret(h.words, h.folded):
		return c.as(TargetSecret, 1, "its name is that of a secret")
	case f.hashes > 0:
		return c.as(TargetSecret, 0.9, "its cells look like hashes or tokens")
	case i == mail:
		return in.mailTarget(c)
	case in.external(&c, h.text):
		return c
	case isTyped:
		c.Name, c.Type = audience.FoldFieldName(name), t
		return in.declared(c.as(TargetField, 1, "its header names the type"))
	case in.isFurther(i):
		return c.as(TargetAddress, 0.8, "its cells are addresses")
	case k != nil && !k.plain && k.Target != TargetEmail:
		return in.fromVendor(c, k)
	}
	if target, ok := aliases[h.folded]; ok && !in.hasField(h.text) {
		if c, ok := in.fromAlias(c, target); ok {
			return c
		}
	}
	return in.field(c)
}

// as sets what a column becomes, and why.
func (c Column) as(target Target, confidence float64, why string) Column {
	c.Target, c.Confidence, c.Why = target, confidence, why
	return c
}

func (in *inspection) mailTarget(c Column) Column {
	f := &in.facts[c.Index]
	if f.cells == 0 {
		return c.as(TargetEmail, 0.5, "its name is that of an address")
	}
	share := float64(f.addresses.cells) / float64(f.cells)
	return c.as(TargetEmail, share, fmt.Sprintf("%d of its %d cells are addresses", f.addresses.cells, f.cells))
}

// isFurther reports columns of further addresses of the contact.
func (in *inspection) isFurther(i int) bool {
	f, h := &in.facts[i], in.heads[i]
	if f.addresses.cells == 0 || 2*f.addresses.cells < f.cells || in.hasField(h.text) {
		return false
	}
	if k := in.known(i); k != nil && !k.plain {
		return k.Target == TargetEmail || k.Target == TargetAddress
	}
	return isMail(h.folded) && !somebodyElse(h.words)
}

// external finds columns of ids in named systems.
func (in *inspection) external(c *Column, header string) bool {
	const prefix = "external:"
	if in.own && strings.HasPrefix(header, "consent:") {
		*c = c.as(TargetIgnore, 1, "consent comes back by evidence alone")
		return true
	}
	system, ok := strings.CutPrefix(header, prefix)
	if ok && audience.CheckName("system", system, audience.Limits{}) == nil {
		*c = c.as(TargetExternalID, 1, "its header names the system")
		c.Name = system
		return true
	}
	if audience.FoldFieldName(header) == "external_id" {
		*c = c.as(TargetExternalID, 1, "its name")
		return true
	}
	return false
}

func (in *inspection) hasField(header string) bool {
	_, ok := in.schema.FieldNamed(audience.FoldFieldName(header))
	return ok
}

// fromAlias maps a column by its name, as far as its cells agree.
func (in *inspection) fromAlias(c Column, target Target) (Column, bool) {
	f, h := &in.facts[c.Index], in.heads[c.Index]
	if f.cells == 0 {
		return c, false
	}
	named := c.as(target, 0.8, "its name")
	switch target {
	case TargetFirstName, TargetLastName, TargetFullName:
		named.Format = in.textFormat()
		return named, true
	case TargetPhone:
		named.Format = in.phoneFormat()
		return named, !f.isYesNo(false)
	case TargetTags:
		named.Format = in.itemFormat(f)
		return named, true
	case TargetCreatedAt:
		return in.instant(named)
	case TargetStatus:
		return in.statusColumn(named)
	case TargetConsented:
		return in.consented(named)
	case TargetRefused, TargetBounced:
		return in.refused(named)
	case TargetActed:
		if f.isYesNo(true) && !isDated(h.words) {
			return in.consented(named)
		}
		return in.instant(named)
	case TargetEvidence:
		return named, true
	default:
		return c, false
	}
}

// textFormat is how names and texts are read: those of our own exports as
// they are.
func (in *inspection) textFormat() string {
	if in.own {
		return ""
	}
	return formatTrim
}

func (in *inspection) phoneFormat() string {
	if in.own {
		return ""
	}
	return formatGuarded
}

func (in *inspection) itemFormat(f *columnFacts) string {
	separator := f.items.separator()
	if in.own || separator == "," {
		return ""
	}
	return separator
}

// instant maps a column of instants.
func (in *inspection) instant(c Column) (Column, bool) {
	f, h := &in.facts[c.Index], in.heads[c.Index]
	d, ok := f.dates.of(f.cells, isDated(h.words) || c.Target == TargetCreatedAt || c.Target == TargetActed)
	if !ok || !d.whole && 2*f.dates.cells < f.cells {
		return c, false
	}
	in.dated(&c, d, formatIgnore)
	return c, true
}

// dated sets the form of days, and asks where it is open. other is the answer
// beside the orders.
func (in *inspection) dated(c *Column, d days, other string) {
	preset := c.Format
	c.Format = d.format
	options := d.options
	switch {
	case slices.Contains(options, preset): // the vendor writes them so, and all fit
		c.Format, options = preset, nil
	case !d.whole && options == nil && d.format != "":
		options = []string{d.format}
	case !d.whole && options == nil:
		options = []string{formatYMD}
	}
	if options == nil {
		return
	}
	q := Question{ID: columnQuestion(c.Index, "dates"), Options: append(slices.Clone(options), other), Assumed: options[0]}
	if d.whole {
		q.Text = "Is the day or the month first in the dates of column " + strconv.Itoa(c.Index+1) + "?"
	} else {
		c.Format, q.Assumed = other, other
		q.Text = "Some cells of column " + strconv.Itoa(c.Index+1) + " are dates and some are not. Rows whose cell is not one are rejected if it is read as dates."
	}
	in.mapping.Questions = append(in.mapping.Questions, q)
}

// statusColumn maps a column of status words, or asks.
func (in *inspection) statusColumn(c Column) (Column, bool) {
	f, h := &in.facts[c.Index], in.heads[c.Index]
	if f.isYesNo(true) && h.folded != "status" {
		return in.consented(c)
	}
	bare := !isMail(h.folded) && !strings.Contains(h.folded, "consent") && !strings.Contains(h.folded, "subscri") && !strings.Contains(h.folded, "marketing")
	if c.Words == nil {
		c.Words = commonWords()
		if f.wordsAmong(ownWords()) {
			c.Words, bare = ownWords(), false
		}
	} else {
		bare = false
	}
	fits := f.wordsAmong(c.Words)
	if !fits && f.manyWords {
		return c, false // texts
	}
	if fits && !bare {
		return c, true
	}
	q := Question{
		ID: columnQuestion(c.Index, "status"), Options: []string{answerStatus, formatText, formatIgnore}, Assumed: answerStatus,
		Text: "Does column " + strconv.Itoa(c.Index+1) + " say who may be mailed? Rows with a word that is no known status are rejected then.",
	}
	if !fits && !f.refuses(c.Words) { // whoever takes what is assumed must not lose a refusal
		q.Assumed = formatText
	}
	c.Confidence = 0.4
	in.mapping.Questions = append(in.mapping.Questions, q)
	return c, true
}

// consented maps a column that says yes to mail, or no.
func (in *inspection) consented(c Column) (Column, bool) {
	f := &in.facts[c.Index]
	switch {
	case f.isYesNo(true):
		return c.as(TargetConsented, 0.8, "its name, and its cells are yes and no"), true
	case f.wordsAmong(commonWords()):
		c = c.as(TargetStatus, 0.8, "its name, and its cells are statuses")
		c.Words = commonWords()
		return c, true
	}
	if d, ok := f.dates.of(f.cells, true); ok && d.whole {
		return in.instant(c.as(TargetActed, 0.7, "its name, and its cells are dates"))
	}
	return c, false
}

// refused maps a column that says no to mail. What it means must not be missed,
// so that there is a question where its cells do not tell.
func (in *inspection) refused(c Column) (Column, bool) {
	f := &in.facts[c.Index]
	if f.isYesNo(true) {
		c.Format = ""
		return c, true
	}
	if d, ok := f.dates.of(f.cells, true); ok && d.whole {
		in.dated(&c, d, formatAny)
		return c, true
	}
	c.Format, c.Confidence = formatAny, 0.4
	in.mapping.Questions = append(in.mapping.Questions, Question{
		ID: columnQuestion(c.Index, "refusals"), Options: []string{formatAny, formatText, formatIgnore}, Assumed: formatAny,
		Text: "Does whatever stands in column " + strconv.Itoa(c.Index+1) + " mean that the contact must not be mailed?",
	})
	return c, true
}
