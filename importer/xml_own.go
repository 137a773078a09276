package importer

import (
	"encoding/xml"
	"slices"
	"strings"
)

// ownHeader gives the column of an element of our own exports, named as in our
// CSV exports, and what its text is.
func ownHeader(e xml.StartElement) (string, CellKind) {
	attribute := func(name string) string {
		i := slices.IndexFunc(e.Attr, func(a xml.Attr) bool { return a.Name.Local == name })
		if i < 0 {
			return ""
		}
		return e.Attr[i].Value
	}
	switch e.Name.Local {
	case "external":
		return "external:" + attribute("system"), CellString
	case "consent":
		return "consent:" + attribute("purpose"), CellString
	case "field":
		if name := attribute("name"); name == ReasonColumn {
			return name, CellString
		}
		return attribute("name") + ":" + attribute("type"), ownKind(attribute("type"))
	case "tags", "lists", "other_emails":
		return e.Name.Local, CellList
	case "created_at", "updated_at":
		return e.Name.Local, CellTime
	case "id":
		return e.Name.Local, CellNumber
	}
	return e.Name.Local, CellString
}

// ownKind gives the kind of a custom field's type.
func ownKind(name string) CellKind {
	switch name {
	case "int", "double":
		return CellNumber
	case "bool":
		return CellBool
	case "timestamp", "date":
		return CellTime
	case "list":
		return CellList
	}
	return CellString
}

// ownElement goes into an element of one of our own records.
func (t *xmlTable) ownElement(of *element, e xml.StartElement) (element, error) {
	if of.path != t.paths.root { // an item of a list
		return element{path: of.path, kind: of.kind}, nil
	}
	header, kind := ownHeader(e)
	path, err := t.paths.child(of.path, []byte(header), &of.next)
	if err != nil {
		return element{}, err
	}
	column, err := t.paths.column(path)
	if err == nil {
		t.gather.mention(column, kind)
	}
	return element{path: path, kind: kind}, err
}

// ownClose gives the column its text, or one item.
func (t *xmlTable) ownClose(e, of *element) error {
	column, err := t.paths.column(e.path)
	if err == nil && (e.kind != CellList || of.path == e.path) {
		t.gather.add(column, e.kind, string(e.text))
	}
	return err
}

// ownElementOf gives the element of a column of our own exports.
func ownElementOf(header string) (name string, attributes [][2]string) {
	if system, ok := strings.CutPrefix(header, "external:"); ok {
		return "external", [][2]string{{"system", system}}
	}
	if purpose, ok := strings.CutPrefix(header, "consent:"); ok {
		return "consent", [][2]string{{"purpose", purpose}}
	}
	if at := strings.LastIndexByte(header, ':'); at >= 0 {
		return "field", [][2]string{{"name", header[:at]}, {"type", header[at+1:]}}
	}
	return header, nil
}
