package importer

import (
	"slices"
	"strconv"
	"strings"
)

// cardCell is what a property says of one column.
type cardCell struct {
	header   string
	kind     CellKind
	text     string
	mention  bool // nothing but that it is there: a list without items
	property int
}

// ownProperty is with what our exports write what vCard does not know.
const ownProperty = "X-AUDIENCEKIT"

// cardCells gives the cells of a card. Media that are passed over are counted.
func cardCells(properties []property, media *int) []cardCell {
	c := &cardReader{properties: properties}
	exact := slices.ContainsFunc(properties, func(p property) bool { return p.name == ownProperty })
	for i, p := range properties {
		switch p.name {
		case "UID":
			c.put(i, "external_id", CellString, unescapeText(p.value))
		case "EMAIL", "TEL", "ADR", "FN": // in order of preference, below
		case "N":
			c.parts(i, "last_name", "first_name", "additional_names", "prefix", "suffix")
		case "ORG":
			c.parts(i, "company", "department", "unit")
		case "CATEGORIES":
			for _, tag := range splitText(p.value, ',') {
				if !exact {
					tag = strings.TrimSpace(tag)
				}
				c.put(i, "tags", CellList, tag)
			}
		case "BDAY":
			c.day(i, "birthday")
		case "ANNIVERSARY":
			c.day(i, "anniversary")
		case ownProperty:
			c.own(i)
		case "PHOTO", "LOGO", "SOUND", "KEY":
			*media++
		case "PRODID", "X-ABLABEL":
		default:
			c.put(i, strings.ToLower(strings.ReplaceAll(p.name, "-", "_")), CellText, unescapeText(p.value))
		}
	}
	c.preferred("EMAIL", "email", "other_emails", "mailto:")
	c.preferred("TEL", "phone", "other_phones", "tel:")
	c.addresses()
	c.formatted()
	return c.cells
}

type cardReader struct {
	properties []property
	cells      []cardCell
}

// put gives a column a value; an empty one says nothing.
func (c *cardReader) put(property int, header string, kind CellKind, text string) {
	if text != "" {
		c.cells = append(c.cells, cardCell{header: header, kind: kind, text: text, property: property})
	}
}

// parts gives columns the parts of a structured value.
func (c *cardReader) parts(property int, headers ...string) {
	for i, part := range splitText(c.properties[property].value, ';') {
		if i < len(headers) {
			c.put(property, headers[i], CellString, part)
		}
	}
}

// day reads a day. What is not a whole one stays as it is.
func (c *cardReader) day(property int, header string) {
	text := unescapeText(c.properties[property].value)
	day, _, _ := strings.Cut(text, "T")
	if d, ok := parseDay(day); ok {
		c.put(property, header, CellTime, d.String())
		return
	}
	if digits, ok := strings.CutPrefix(text, "--"); ok && len(digits) == len("0415") && isDigits(digits) {
		text = "--" + digits[:2] + "-" + digits[2:]
	}
	c.put(property, header, CellText, text)
}

// own reads what our exports write beside what vCard knows.
func (c *cardReader) own(property int) {
	p := c.properties[property]
	name, text := p.params["NAME"], unescapeText(p.value)
	kind := p.params["KIND"]
	switch {
	case kind == "" && name == "lists":
		kind = "list"
	case kind == "" && strings.HasSuffix(name, "_at"):
		kind = "timestamp"
	case kind != "":
		name += ":" + kind
	}
	cell := cardCell{header: name, kind: ownKind(kind), text: text, property: property}
	items, ok := ParseList(text)
	if !ok || cell.kind != CellList {
		items = []string{text}
	}
	if cell.mention = len(items) == 0; cell.mention {
		c.cells = append(c.cells, cell)
	}
	for _, item := range items {
		cell.text = item
		c.cells = append(c.cells, cell)
	}
}

// inOrder gives the properties of a name, the preferred ones first.
func (c *cardReader) inOrder(name string) []int {
	var out []int
	for i, p := range c.properties {
		if p.name == name {
			out = append(out, i)
		}
	}
	rank := func(i int) int {
		const last = 101 // RFC 6350: from 1 to 100
		if n, err := strconv.Atoi(c.properties[i].params["PREF"]); err == nil {
			return n
		}
		if slices.Contains(c.properties[i].types, "PREF") {
			return 1
		}
		return last
	}
	slices.SortStableFunc(out, func(a, b int) int { return rank(a) - rank(b) })
	return out
}

// preferred gives the first of several values to one column and the others to
// another one.
func (c *cardReader) preferred(name, first, others, scheme string) {
	seen := map[string]bool{}
	for _, i := range c.inOrder(name) {
		text := unescapeText(c.properties[i].value)
		if len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
			text = text[len(scheme):]
		}
		switch {
		case text == "" || seen[text]:
		case len(seen) == 0:
			c.put(i, first, CellString, text)
		default:
			c.put(i, others, CellList, text)
		}
		seen[text] = text != ""
	}
}

func (c *cardReader) addresses() {
	for n, i := range c.inOrder("ADR") {
		parts := splitText(c.properties[i].value, ';') // box, extended, street, city, region, zip, country
		if n > 0 {
			parts = slices.DeleteFunc(parts, func(s string) bool { return strings.TrimSpace(s) == "" })
			c.put(i, "other_addresses", CellList, strings.Join(parts, ", "))
			continue
		}
		for at, header := range []string{"post_office_box", "address_2", "street", "city", "region", "zip", "country"} {
			if at < len(parts) {
				c.put(i, header, CellString, strings.TrimSpace(parts[at]))
			}
		}
	}
}

// formatted gives the name that is to be shown, unless it was made of others.
func (c *cardReader) formatted() {
	said := make(map[string]string)
	for _, cell := range c.cells {
		said[cell.header] = cell.text
	}
	first, last := said["first_name"], said["last_name"]
	known := []string{said["email"], said["external_id"], strings.TrimSpace(first + " " + last), strings.TrimSpace(last + " " + first)}
	names := c.inOrder("FN")
	if len(names) == 0 {
		return
	}
	text := unescapeText(c.properties[names[0]].value)
	if !slices.Contains(known, strings.TrimSpace(text)) {
		c.put(names[0], "full_name", CellString, text)
	}
}
