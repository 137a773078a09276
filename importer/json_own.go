package importer

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// Objects within the records of our own exports.
const (
	ownFields   = "fields."
	ownExternal = "external."
	ownConsent  = "consent."
)

// isOwnRecord reports whether records with these names look like ours: they
// have no other ones.
func isOwnRecord(headers []string) bool {
	known := []string{
		"external_id", "email", "first_name", "last_name", "phone", "tags", "status", "created_at", "updated_at", "other_emails", "lists",
		"frequency", "id", ReasonColumn,
	}
	return !slices.ContainsFunc(headers, func(h string) bool {
		return !slices.Contains(known, h) && !strings.HasPrefix(h, ownFields) && !strings.HasPrefix(h, ownExternal) && !strings.HasPrefix(h, ownConsent)
	})
}

// ownHeaders names the columns of our own exports as in our CSV exports:
// "score:double" for fields.score if its type is known, "external:crm". A name
// that another column has stays as it is.
func ownHeaders(headers []string, types map[string]string) []string {
	if types == nil && !isOwnRecord(headers) {
		return headers
	}
	out := slices.Clone(headers)
	for i, h := range headers {
		name := h
		if field, ok := strings.CutPrefix(h, ownFields); ok {
			if name = field; types[field] != "" {
				name += ":" + types[field]
			}
		} else if system, ok := strings.CutPrefix(h, ownExternal); ok {
			name = "external:" + system
		} else if purpose, ok := strings.CutPrefix(h, ownConsent); ok {
			name = "consent:" + purpose
		}
		if !slices.Contains(out, name) && !slices.Contains(headers, name) {
			out[i] = name
		}
	}
	return out
}

// alias makes columns that ownHeaders named found under their paths.
func (p *paths) alias() {
	for i, h := range p.headers {
		name := h
		if at := strings.LastIndexByte(h, ':'); at >= 0 {
			if _, err := audience.ParseType(h[at+1:]); err == nil {
				name = h[:at]
			}
		}
		path := ownFields + name
		if system, ok := strings.CutPrefix(h, "external:"); ok {
			path = ownExternal + system
		} else if purpose, ok := strings.CutPrefix(h, "consent:"); ok {
			path = ownConsent + purpose
		}
		if _, taken := p.columns[path]; !taken {
			p.columns[path] = i
		}
	}
}

// ownTypes reads the types of custom fields from the envelope of our exports.
func ownTypes(text []byte) map[string]string {
	types := make(map[string]string)
	if json.Unmarshal(text, &types) != nil {
		return nil
	}
	for name, t := range types {
		if _, err := audience.ParseType(t); err != nil {
			delete(types, name)
		}
	}
	return types
}
