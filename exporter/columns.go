package exporter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/internal/nearest"
)

// The prefixes of columns of which there are several.
const (
	prefixExternal = "external:" // the id in a system
	prefixConsent  = "consent:"  // the standing for a purpose
	prefixField    = "field:"    // a custom field, also one named like a built-in column
)

// source says where the values of a column come from.
type source struct {
	kind  kind
	name  string           // of the system or purpose
	field audience.FieldID // of a custom field
}

// tells gives what a column tells, so that two that tell the same are kept
// back together: the status is the standing for marketing.
func (s source) tells() source {
	if s.kind == kindStatus {
		return source{kind: kindConsent, name: audience.PurposeMarketing}
	}
	return s
}

// positions gives where the columns stand that tell the same as the source.
func positions(sources []source, s source) []int {
	var out []int
	for i := range sources {
		if sources[i].tells() == s.tells() {
			out = append(out, i)
		}
	}
	return out
}

// option gives the name of a column as Options.Columns and gates have it, which
// no other column has.
func (c Column) option() string {
	if c.Custom {
		if _, ok := builtInNamed(c.Name); ok {
			return prefixField + c.Name
		}
	}
	return c.Name
}

type kind uint8

const (
	kindField kind = iota
	kindID
	kindExternal
	kindEmail
	kindOtherEmails
	kindFirstName
	kindLastName
	kindPhone
	kindTags
	kindStatus
	kindFrequency
	kindLists
	kindConsent
	kindCreatedAt
	kindUpdatedAt
)

// builtIn is a column that every audience has.
type builtIn struct {
	name      string
	kind      kind
	typ       audience.Type
	byDefault bool
}

func builtIns() []builtIn {
	return []builtIn{
		{"external_id", kindExternal, audience.TypeString, true},
		{"email", kindEmail, audience.TypeString, true},
		{"first_name", kindFirstName, audience.TypeString, true},
		{"last_name", kindLastName, audience.TypeString, true},
		{"phone", kindPhone, audience.TypeString, true},
		{"tags", kindTags, audience.TypeStringList, true},
		{"status", kindStatus, audience.TypeString, true},
		{"created_at", kindCreatedAt, audience.TypeTimestamp, true},
		{"updated_at", kindUpdatedAt, audience.TypeTimestamp, false},
		{"other_emails", kindOtherEmails, audience.TypeStringList, false},
		{"lists", kindLists, audience.TypeStringList, false},
		{"frequency", kindFrequency, audience.TypeString, false},
		{"id", kindID, audience.TypeInt, false},
	}
}

// DefaultColumns gives the columns that an export has when it is not told
// others, for [Options]: external_id, email, first_name, last_name, phone,
// tags, status, created_at, and the custom fields in order of their names.
func DefaultColumns(schema audience.Schema) []string {
	var out []string
	for _, b := range builtIns() {
		if b.byDefault {
			out = append(out, b.name)
		}
	}
	first := len(out)
	for _, f := range schema.Fields {
		out = append(out, f.Name)
	}
	slices.Sort(out[first:])
	for i, name := range out[first:] {
		out[first+i] = Column{Name: name, Custom: true}.option()
	}
	return out
}

func builtInNamed(name string) (builtIn, bool) {
	all := builtIns()
	i := slices.IndexFunc(all, func(b builtIn) bool { return b.name == name })
	if i < 0 {
		return builtIn{}, false
	}
	return all[i], true
}

// findColumns finds out what the names of columns mean.
func findColumns(schema *audience.Schema, limits audience.Limits, names []string) ([]Column, []source, error) {
	columns, sources := make([]Column, len(names)), make([]source, len(names))
	seen := make(map[Column]int, len(names))
	for i, name := range names {
		path := "columns[" + strconv.Itoa(i) + "]"
		c, s, err := findColumn(schema, limits, path, name)
		if err != nil {
			return nil, nil, err
		}
		if first, ok := seen[c]; ok {
			return nil, nil, &audience.FieldError{Path: path, Rule: "double", Hint: fmt.Sprintf("each column once; this one is that of columns[%d]", first)}
		}
		seen[c] = i
		columns[i], sources[i] = c, s
	}
	return columns, sources, nil
}

// findColumn finds one. Its name is not shown when it is unknown: who types it
// may have typed somebody's data.
func findColumn(schema *audience.Schema, limits audience.Limits, path, name string) (Column, source, error) {
	if b, ok := builtInNamed(name); ok {
		s := source{kind: b.kind}
		if b.kind == kindExternal {
			s.name = audience.HostSystem
		}
		return Column{Name: b.name, Type: b.typ}, s, nil
	}
	if name == prefixExternal+audience.HostSystem { // the same in other words
		return findColumn(schema, limits, path, "external_id")
	}
	if system, ok := strings.CutPrefix(name, prefixExternal); ok {
		if err := audience.CheckName(path, system, limits); err != nil {
			return Column{}, source{}, err
		}
		return Column{Name: name, Type: audience.TypeString}, source{kind: kindExternal, name: system}, nil
	}
	if purpose, ok := strings.CutPrefix(name, prefixConsent); ok && schema.HasPurpose(purpose) {
		return Column{Name: name, Type: audience.TypeString}, source{kind: kindConsent, name: purpose}, nil
	}
	if f, ok := schema.FieldNamed(strings.TrimPrefix(name, prefixField)); ok {
		return Column{Name: f.Name, Type: f.Type, Custom: true}, source{kind: kindField, field: f.ID}, nil
	}
	hint := "a built-in column, a custom field, external:<system> or consent:<purpose>"
	if near := nearest.Of(name, columnNames(schema)); near != "" {
		hint = "did you mean " + strconv.Quote(near) + "?"
	}
	return Column{}, source{}, &audience.FieldError{Path: path, Rule: "unknown", Hint: hint}
}

// columnNames gives the columns that there are, but for external ids.
func columnNames(schema *audience.Schema) []string {
	var out []string
	for _, b := range builtIns() {
		out = append(out, b.name)
	}
	for _, f := range schema.Fields {
		out = append(out, Column{Name: f.Name, Custom: true}.option())
	}
	for _, p := range schema.Purposes {
		out = append(out, prefixConsent+p.Name)
	}
	return out
}

// partsFor gives what has to be read for the columns.
func partsFor(sources []source) audience.ProfileParts {
	var parts audience.ProfileParts
	for _, s := range sources {
		switch s.kind {
		case kindStatus, kindConsent:
			parts.Ledger = true
		case kindLists:
			parts.Ledger, parts.Lists = true, true
		default:
		}
	}
	return parts
}
