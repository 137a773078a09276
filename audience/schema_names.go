package audience

import (
	"fmt"
	"strings"
	"unicode"
)

// CheckName reports why a name of an event type, tag, list, purpose or
// system cannot be used, or nil: not empty, valid text without control
// characters, without space at the ends, within the limit.
func CheckName(path, name string, l Limits) error {
	if l.NameBytes > 0 && len(name) <= l.NameBytes && isPlainName(name) {
		return nil
	}
	l = l.withDefaults()
	return checkName(path, name, &l)
}

// checkName is CheckName with limits in force.
func checkName(path, name string, l *Limits) error {
	if len(name) <= l.NameBytes && isPlainName(name) {
		return nil
	}
	if name == "" {
		return &FieldError{Path: path, Rule: "empty", Hint: "a name"}
	}
	if err := checkText(path, name, l.NameBytes); err != nil {
		return err
	}
	if strings.TrimSpace(name) != name {
		return &FieldError{Path: path, Rule: "space", Hint: "no space at the ends"}
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return &FieldError{Path: path, Rule: "control", Hint: "no control characters"}
	}
	return nil
}

// isPlainName reports names of printable ASCII, which most are, with no space
// at the ends.
func isPlainName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' && (c != ' ' || i == 0 || i == len(name)-1) || c > '~' {
			return false
		}
	}
	return name != ""
}

// CheckFieldName reports why a custom field cannot have the name, or nil:
// [a-z][a-z0-9_]*, neither a built-in field nor a reserved word of the
// segment language.
func CheckFieldName(name string, l Limits) error {
	l = l.withDefaults()
	return checkFieldName(name, &l)
}

// checkFieldName is CheckFieldName with limits in force.
func checkFieldName(name string, l *Limits) error {
	const path = "schema.fields"
	switch {
	case name == "":
		return &FieldError{Path: path, Rule: "empty", Hint: "a name"}
	case len(name) > l.NameBytes:
		return &FieldError{Path: path, Rule: "max-length", Hint: fmt.Sprintf("a name of at most %d bytes", l.NameBytes), Limit: true}
	case !isFieldName(name):
		return &FieldError{Path: path, Rule: "name", Hint: "a name like loyalty_tier: [a-z][a-z0-9_]*"}
	case isBuiltInField(name):
		return &FieldError{Path: path + "." + name, Rule: "built-in", Hint: "a name that no built-in field has"}
	case isReservedWord(name):
		return &FieldError{Path: path + "." + name, Rule: "reserved", Hint: "a name that is no word of the segment language"}
	}
	return nil
}

// CheckPropName reports why a property cannot have the name, or nil: a name
// as CheckName wants it, other than type, time and id. The path is that of
// its event type.
func CheckPropName(path, name string, l Limits) error {
	if err := CheckName(path+".props", name, l); err != nil {
		return err
	}
	switch name {
	case "type", "time", "id":
		return &FieldError{Path: path + "." + name, Rule: "reserved", Hint: "a name other than type, time and id"}
	}
	return nil
}

func isFieldName(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '_'):
		default:
			return false
		}
	}
	return name != ""
}

// FoldFieldName turns any text, such as the header of a column, into a field
// name. A text that can name a field, built-in or custom, stays as it is.
// Any other is lower-cased, every run of other characters than a to z and 0
// to 9 becomes one underscore, none at the ends. The result is empty when
// nothing is left, gets a leading "f_" when it would start with a digit, and
// a trailing underscore when it would be a reserved word. It may be longer
// than a name can be.
func FoldFieldName(text string) string {
	if isFieldName(text) && !isReservedWord(text) {
		return text
	}
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(text) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			if gap && b.Len() > 0 {
				b.WriteByte('_')
			}
			gap = false
			b.WriteRune(r)
			continue
		}
		gap = true
	}
	name := b.String()
	switch {
	case name == "":
		return ""
	case name[0] >= '0' && name[0] <= '9':
		return "f_" + name
	case isReservedWord(name):
		return name + "_"
	}
	return name
}

func isBuiltInField(name string) bool {
	switch name {
	case "id", "email", "first_name", "last_name", "phone", "status", "tags", "created_at", "updated_at", "frequency",
		"external_id":
		return true
	}
	return false
}

// isReservedWord reports the reserved words of CEL and the names that
// expressions of the segment language use for something else.
func isReservedWord(name string) bool {
	switch name {
	case "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
		"let", "loop", "package", "namespace", "return", "var", "void", "while":
		return true
	}
	return false
}
