package importer

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"io"
	"slices"
	"strings"
)

// xmlRejects writes records with the names that they had.
type xmlRejects struct {
	out    *bufio.Writer
	layout *Layout
	secret []int
	own    bool
	record string
	end    string
}

func newXMLRejects(w io.Writer, layout *Layout, secret []int) (*xmlRejects, error) {
	names := strings.Split(layout.Settings[settingRecord], "/")
	r := &xmlRejects{out: bufio.NewWriter(w), layout: layout, secret: secret, record: names[len(names)-1]}
	namespace := layout.Settings[settingNamespace]
	r.own = namespace == ownNamespace
	var begin strings.Builder
	begin.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
	for i, name := range names[:len(names)-1] {
		begin.WriteString("<" + name)
		if i == 0 && namespace != "" {
			begin.WriteString(` xmlns="` + escapeXML(namespace) + `"`)
		}
		begin.WriteString(">\n")
		r.end = "</" + name + ">\n" + r.end
	}
	_, err := r.out.WriteString(begin.String())
	return r, err
}

func escapeXML(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer takes everything
	return b.String()
}

// Reject writes a record from its cells.
func (r *xmlRejects) Reject(row *Row, reason string) error {
	var attributes, elements strings.Builder
	for i, header := range r.layout.Columns {
		kind := row.Kind(i)
		if kind == CellAbsent || header == ReasonColumn || slices.Contains(r.secret, i) {
			continue
		}
		items := []string{row.Cells[i]}
		if kind == CellList {
			items, _ = ParseList(row.Cells[i])
		}
		if r.own {
			name, with := ownElementOf(header)
			writeOwn(&elements, name, with, items, kind == CellList)
			continue
		}
		for _, item := range items {
			if name, ok := strings.CutPrefix(header, "@"); ok {
				attributes.WriteString(" " + name + `="` + escapeXML(item) + `"`)
				continue
			}
			writeNested(&elements, strings.Split(header, "."), escapeXML(item))
		}
	}
	name, with := ReasonColumn, [][2]string(nil)
	if r.own {
		name, with = "field", [][2]string{{"name", ReasonColumn}, {"type", "string"}}
	}
	writeOwn(&elements, name, with, []string{reason}, false)
	_, err := r.out.WriteString("<" + r.record + attributes.String() + ">" + elements.String() + "</" + r.record + ">\n")
	return err
}

// writeNested writes elements within each other; the last name may be that of
// an attribute.
func writeNested(b *strings.Builder, names []string, text string) {
	last := len(names) - 1
	attribute := ""
	if name, ok := strings.CutPrefix(names[last], "@"); ok && last > 0 {
		attribute, text = " "+name+`="`+text+`"`, ""
		last--
	}
	for i, name := range names[:last+1] {
		b.WriteString("<" + name)
		if i == last {
			b.WriteString(attribute)
		}
		b.WriteString(">")
	}
	b.WriteString(text)
	for i := last; i >= 0; i-- {
		b.WriteString("</" + names[i] + ">")
	}
}

func writeOwn(b *strings.Builder, name string, attributes [][2]string, items []string, list bool) {
	b.WriteString("<" + name)
	for _, a := range attributes {
		b.WriteString(" " + a[0] + `="` + escapeXML(a[1]) + `"`)
	}
	b.WriteString(">")
	for _, item := range items {
		if list {
			b.WriteString("<item>" + escapeXML(item) + "</item>")
		} else {
			b.WriteString(escapeXML(item))
		}
	}
	b.WriteString("</" + name + ">")
}

// Close ends the file.
func (r *xmlRejects) Close() error {
	if _, err := r.out.WriteString(r.end); err != nil {
		return err
	}
	return r.out.Flush()
}
