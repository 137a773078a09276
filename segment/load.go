package segment

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Definition is a segment as its author wrote it.
type Definition struct {
	Name   string // what inSegment and Members call it: see [Load]
	Title  string // for people, may be empty
	Source string // the expression; comments and line ends count for the places that errors name
	File   string // where it came from, for errors; empty when from no file
}

// Bounds of [Load] and of names.
const (
	extension    = ".cel"
	maxNameBytes = 200
	maxFileBytes = 64 << 10
	maxFiles     = 10_000
)

// Load reads the segments of a folder: every file NAME.cel in it, not those
// in folders below, in order of their names. Files that begin with a dot are
// not looked at.
//
// A name has lower-case ASCII letters, digits, hyphens and underscores, begins
// with a letter or digit, and is at most 200 bytes. A first line "// Some
// title" is the title. A file is UTF-8 text of at most 64 KiB; a byte order
// mark is dropped and CRLF read as LF, so that the same text is the same
// segment on every machine. There may be 10,000 files.
//
// A file that breaks these rules does not stop the others: they are returned
// together with a [*SetError] that names each bad one. Any other error is of
// reading the folder, and then there are no definitions.
func Load(fsys fs.FS) ([]Definition, error) {
	entries, err := fs.ReadDir(fsys, ".") // sorted by name
	if err != nil {
		return nil, fmt.Errorf("segments: %w", err)
	}
	var defs []Definition
	var refused []*CompileError
	for _, entry := range entries {
		file := entry.Name()
		if strings.HasPrefix(file, ".") || !strings.EqualFold(path.Ext(file), extension) {
			continue
		}
		// Not the entry's own type: a mounted folder may hold links to files.
		if info, err := fs.Stat(fsys, file); err != nil {
			return nil, fmt.Errorf("segments: %w", err)
		} else if !info.Mode().IsRegular() {
			continue
		}
		if len(defs)+len(refused) == maxFiles {
			return nil, newSetError([]*CompileError{{
				File: file, Line: 1, Column: 1, Rule: "limit", Message: fmt.Sprintf("the folder has more than %d segments", maxFiles),
			}})
		}
		def, bad, err := loadFile(fsys, file)
		switch {
		case err != nil:
			return nil, err
		case bad != nil:
			refused = append(refused, bad)
		default:
			defs = append(defs, def)
		}
	}
	slices.SortFunc(defs, compareNames)
	return defs, newSetError(refused)
}

// loadFile reads one file. It is refused with the second result.
func loadFile(fsys fs.FS, file string) (Definition, *CompileError, error) {
	name := strings.TrimSuffix(file, extension)
	if rule, hint := checkName(name); rule != "" {
		bad := &CompileError{Rule: rule, Message: "the file's name is not the name of a segment", Hint: hint}
		return Definition{}, placed(Definition{File: printable(file)}, bad), nil
	}
	f, err := fsys.Open(file)
	if err != nil {
		return Definition{}, nil, fmt.Errorf("segments: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return Definition{}, nil, fmt.Errorf("segments: read %s: %w", file, err)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	refuse := func(line int, rule, message, hint string) (Definition, *CompileError, error) {
		bad := &CompileError{Line: line, Rule: rule, Message: message, Hint: hint}
		return Definition{}, placed(Definition{Name: name, File: file}, bad), nil
	}
	if len(text) > maxFileBytes {
		return refuse(0, "limit", "the file is too long", fmt.Sprintf("at most %d bytes", maxFileBytes))
	}
	if bad := firstInvalid(text); bad >= 0 {
		return refuse(1+bytes.Count(text[:bad], []byte("\n")), "utf8", "the file is not UTF-8 text", "save it as UTF-8")
	}
	source := strings.ReplaceAll(string(text), "\r\n", "\n")
	return Definition{Name: name, Title: titleOf(source), Source: source, File: file}, nil, nil
}

// firstInvalid gives the offset of the first byte that is not UTF-8, -1 when
// all is.
func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// checkName gives the rule that a segment's name breaks and what is expected
// instead; nothing when it is good.
func checkName(name string) (rule, hint string) {
	const expected = "lower-case letters a to z, digits, - and _, beginning with a letter or digit"
	if len(name) > maxNameBytes {
		return "name", fmt.Sprintf("at most %d bytes", maxNameBytes)
	}
	for i, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || i > 0 && (c == '-' || c == '_') {
			continue
		}
		return "name", expected
	}
	if name == "" {
		return "name", expected
	}
	return "", ""
}

// titleOf gives the text of a comment that comes before everything else, on
// one line and without control characters.
func titleOf(source string) string {
	line, _, _ := strings.Cut(strings.TrimLeftFunc(source, unicode.IsSpace), "\n")
	comment, ok := strings.CutPrefix(line, "//")
	if !ok {
		return ""
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.TrimLeft(comment, "/")))
}
