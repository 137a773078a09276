package importer

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// formatJSON is the form of cells that hold JSON: an array of items or, with a
// colon and its name behind, the member of an object.
const formatJSON = "json"

// separators are what stands between several items in one cell, the least
// likely to be part of an item first.
func separators() []string { return []string{" ::: ", "||", "|", ";", ","} }

// itemFacts finds out what stands between the items of a column.
type itemFacts struct {
	hits [5]int // of the separators, in cells without quotes
	json int    // cells that begin and end as a JSON array
}

func (f *itemFacts) add(cell string) {
	switch cell[0] {
	case '"':
		f.hits[4]++ // items in quotes have commas between them
		return
	case '[':
		if strings.HasSuffix(cell, "]") {
			f.json++
			return
		}
	}
	if strings.IndexByte(cell, '|') >= 0 {
		double := strings.Count(cell, "||")
		f.hits[1] += double
		f.hits[2] += strings.Count(cell, "|") - 2*double
	}
	if strings.IndexByte(cell, ':') >= 0 {
		f.hits[0] += strings.Count(cell, " ::: ")
	}
	f.hits[3] += strings.Count(cell, ";")
	f.hits[4] += strings.Count(cell, ",")
}

// separator gives the one with the most hits, "" for none.
func (f *itemFacts) separator() string {
	most, found := f.json, formatJSON
	if most == 0 {
		found = ""
	}
	for i, s := range separators() {
		if f.hits[i] > most {
			most, found = f.hits[i], s
		}
	}
	return found
}

// myContacts is the group that Google puts everybody in.
const myContacts = "* myContacts"

// itemsOf reads the items of a cell: between separators, or as JSON.
func itemsOf(cell, format string) ([]string, bool) {
	switch format {
	case "":
		return ParseList(cell)
	case formatJSON:
		return jsonItems(cell)
	}
	items, ok := parseItems(cell, format)
	if format == " ::: " {
		kept := items[:0]
		for _, it := range items {
			if it != myContacts {
				kept = append(kept, it)
			}
		}
		items = kept
	}
	return items, ok
}

func jsonItems(cell string) ([]string, bool) {
	var raw []json.RawMessage
	if json.Unmarshal([]byte(cell), &raw) != nil {
		return nil, false
	}
	items := make([]string, 0, len(raw))
	for _, r := range raw {
		text, _ := jsonText(r)
		if text = strings.TrimSpace(text); text != "" {
			items = append(items, text)
		}
	}
	return items, true
}

// jsonText gives a JSON value as a format with types would give it as a cell.
func jsonText(raw json.RawMessage) (string, CellKind) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "", CellAbsent
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return "", CellAbsent
		}
		return s, CellString
	case 'n':
		return "", CellString
	case 't', 'f':
		return string(raw), CellBool
	case '[':
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) != nil {
			return "", CellAbsent
		}
		texts := make([]string, 0, len(items))
		for _, it := range items {
			text, kind := jsonText(it)
			if kind == CellList || strings.HasPrefix(text, "{") && kind == CellText {
				return string(raw), CellText // no list of plain values
			}
			texts = append(texts, text)
		}
		return audience.StringListValue(texts...).Reveal(), CellList
	case '{':
		return string(raw), CellText
	}
	return string(raw), CellNumber
}

// jsonMembers reads the members of a JSON object.
func jsonMembers(cell string) (map[string]json.RawMessage, bool) {
	var out map[string]json.RawMessage
	if !strings.HasPrefix(strings.TrimSpace(cell), "{") || json.Unmarshal([]byte(cell), &out) != nil {
		return nil, false
	}
	return out, true
}

// maxMembers bounds the members of JSON objects that become fields.
const maxMembers = 100

// memberFacts are what is known of the members of a column of JSON objects.
type memberFacts struct {
	objects, others int
	names           []string // in order of their first appearance
	facts           map[string]*columnFacts
	more            bool // there are more names than are kept
}

func (m *memberFacts) add(cell string) {
	members, ok := jsonMembers(cell)
	if !ok {
		m.others++
		return
	}
	m.objects++
	for _, name := range sortedNames(members) {
		if m.facts[name] == nil {
			if len(m.names) == maxMembers {
				m.more = true
				continue
			}
			if m.facts == nil {
				m.facts = make(map[string]*columnFacts)
			}
			m.facts[name] = &columnFacts{}
			m.names = append(m.names, name)
		}
		text, kind := jsonText(members[name])
		m.facts[name].add(text, kind)
	}
}

// memberOf gives the name of the member that a format is about.
func memberOf(format string) (string, bool) {
	return strings.CutPrefix(format, formatJSON+":")
}

// columnName is the name of a column whose header makes none.
func columnName(index int) string { return "column_" + strconv.Itoa(index+1) }
