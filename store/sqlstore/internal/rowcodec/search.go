package rowcodec

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
)

// Texts in the search copy.
const (
	// SearchOrderBytes is how long a constant may be that search texts are
	// ordered against, or looked for at their beginning.
	SearchOrderBytes = 160
	// SearchTextBytes is how long a search text is at most: a prefix whose last
	// character begins before SearchOrderBytes, a mark and a hash.
	SearchTextBytes = SearchOrderBytes + utf8.UTFMax - 1 + 1 + 2*sha256.Size

	plainTextBytes = 200    // up to which a text stands for itself
	longTextMark   = "\x01" // between prefix and hash
)

// SearchText gives the form in which the search copy has a text: itself up to
// 200 bytes; of a longer one the first 160 bytes with the whole of their last
// character, the byte 1, and the SHA-256 of the text in lower-case hex.
//
// Two texts are equal when their forms are. A text compares with another one
// of up to [SearchOrderBytes] by bytes as their forms do, and begins with it
// when its form does; both must be valid UTF-8. Beyond that the order of forms
// says nothing.
func SearchText(s string) string {
	if len(s) <= plainTextBytes {
		return s
	}
	end := SearchOrderBytes
	for end < SearchOrderBytes+utf8.UTFMax-1 && !utf8.RuneStart(s[end]) {
		end++
	}
	sum := sha256.Sum256([]byte(s))
	return s[:end] + longTextMark + hex.EncodeToString(sum[:])
}

// SortableDouble gives the number that stands for a double in the search copy:
// numbers compare as audience.Value.Compare compares the doubles. 0 and -0 are
// one number, and NaN is below all others.
func SortableDouble(f float64) int64 {
	if math.IsNaN(f) {
		return math.MinInt64
	}
	bits := int64(math.Float64bits(f + 0)) // -0 + 0 is 0
	if bits < 0 {
		bits ^= math.MaxInt64
	}
	return bits
}

// Attributes gives the search copy of a contact: a JSON object of what she
// has, in one order. Equal contacts give equal bytes.
//
//	"e"       the compare form of the primary address
//	"fn" "ln" first and last name
//	"fr"      the wish about frequency
//	"ph"      phone
//	"s<id>"   a string field
//	"i<id>"   an int field
//	"d<id>"   a double field, as SortableDouble
//	"b<id>"   a bool field, as 0 or 1
//	"t<id>"   a timestamp field, in microseconds
//	"y<id>"   a date field, in days from 1970
//	"l<id>"   a list field, as an array
//
// The letter says the type, so that a value is never compared with a constant
// of another one, whatever the field is declared to be: see [SearchKey].
//
// Texts are in the form of [SearchText]. What is absent or empty has no key,
// but for fields: an empty string or list is a value. Every database reads the
// text in the same way: it is valid UTF-8, numbers are integers of 64 bits,
// only quotes, backslashes and control characters are escaped, and U+0000, of
// which PostgreSQL wants nothing to know, becomes U+FFFD as broken UTF-8 does.
// Neither gets past the checks of the library.
func Attributes(c *audience.Contact) []byte {
	o := object{b: append(make([]byte, 0, 256), '{')}
	email := c.Email()
	o.builtIn("e", email.Canonical())
	o.builtIn("fn", c.FirstName.Reveal())
	o.builtIn("ln", c.LastName.Reveal())
	o.builtIn("fr", c.Frequency)
	o.builtIn("ph", c.Phone.Reveal())
	for i := range c.Fields {
		o.field(&c.Fields[i])
	}
	return append(o.b, '}')
}

// object is a JSON object that grows.
type object struct{ b []byte }

func (o *object) builtIn(key, s string) {
	if s != "" {
		o.key(key)
		o.text(s)
	}
}

func (o *object) key(key string) {
	o.comma()
	o.b = append(o.b, '"')
	o.b = append(o.b, key...)
	o.b = append(o.b, '"', ':')
}

func (o *object) fieldKey(t audience.Type, id audience.FieldID) {
	o.comma()
	o.b = append(o.b, '"', searchLetter(t))
	o.b = strconv.AppendUint(o.b, uint64(id), 10)
	o.b = append(o.b, '"', ':')
}

// SearchKey gives the key under which the search copy has the values of a type
// of a custom field.
func SearchKey(t audience.Type, id audience.FieldID) string {
	return string(searchLetter(t)) + strconv.FormatUint(uint64(id), 10)
}

func searchLetter(t audience.Type) byte {
	switch t {
	case audience.TypeString:
		return 's'
	case audience.TypeInt:
		return 'i'
	case audience.TypeDouble:
		return 'd'
	case audience.TypeBool:
		return 'b'
	case audience.TypeTimestamp:
		return 't'
	case audience.TypeDate:
		return 'y'
	default:
		return 'l'
	}
}

// SearchJSON gives the JSON of a text as the search copy has it: some databases
// compare JSON without undoing its escapes.
func SearchJSON(s string) string {
	var o object
	o.text(s)
	return string(o.b)
}

func (o *object) comma() {
	if last := o.b[len(o.b)-1]; last != '{' && last != '[' {
		o.b = append(o.b, ',')
	}
}

func (o *object) field(f *audience.FieldValue) {
	if s, ok := f.Value.Str(); ok {
		o.fieldKey(audience.TypeString, f.ID)
		o.text(s)
		return
	}
	if list, ok := f.Value.StringList(); ok {
		o.fieldKey(audience.TypeStringList, f.ID)
		o.b = append(o.b, '[')
		for _, s := range list {
			o.comma()
			o.text(s)
		}
		o.b = append(o.b, ']')
		return
	}
	if n, ok := SearchNumber(f.Value); ok {
		o.fieldKey(f.Value.Type(), f.ID)
		o.b = strconv.AppendInt(o.b, n, 10)
	}
}

// SearchNumber gives the number that stands for a value in the search copy,
// false for texts, lists and what is absent. Numbers of one type compare as
// audience.Value.Compare compares the values.
func SearchNumber(v audience.Value) (int64, bool) {
	switch v.Type() {
	case audience.TypeInt:
		return v.Int()
	case audience.TypeDouble:
		f, _ := v.Double()
		return SortableDouble(f), true
	case audience.TypeBool:
		if b, _ := v.Bool(); b {
			return 1, true
		}
		return 0, true
	case audience.TypeTimestamp:
		at, _ := v.Timestamp()
		return audience.Micros(at), true
	case audience.TypeDate:
		day, _ := v.Date()
		return int64(day), true
	default:
		return 0, false
	}
}

func (o *object) text(s string) {
	s = SearchText(s)
	o.b = append(o.b, '"')
	sound := 0 // up to here it is written
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == '"' || c == '\\' {
				o.b = append(o.b, s[sound:i]...)
				o.escape(c)
				sound = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			o.b = append(o.b, s[sound:i]...)
			o.b = utf8.AppendRune(o.b, utf8.RuneError)
			sound = i + 1
		}
		i += size
	}
	o.b = append(o.b, s[sound:]...)
	o.b = append(o.b, '"')
}

func (o *object) escape(c byte) {
	switch c {
	case 0:
		o.b = utf8.AppendRune(o.b, utf8.RuneError)
	case '"', '\\':
		o.b = append(o.b, '\\', c)
	default:
		const digits = "0123456789abcdef"
		o.b = append(o.b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	}
}
