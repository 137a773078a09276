package sqlstore

import (
	"encoding/hex"
	"math/bits"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// idList is a list of contact ids.
type idList []audience.ContactID

func (l idList) slice() any {
	out := make([]int64, len(l))
	for i, id := range l {
		out[i] = int64(id)
	}
	return out
}

func (l idList) size() int      { return len(l) }
func (l idList) item(i int) any { return int64(l[i]) }
func (l idList) array() string {
	b := make([]byte, 0, 2+8*len(l))
	b = append(b, '{')
	for i, id := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(id), 10)
	}
	return string(append(b, '}'))
}

// numberList is a list of numbers.
type numberList []int64

func (l numberList) slice() any     { return []int64(l) }
func (l numberList) size() int      { return len(l) }
func (l numberList) item(i int) any { return l[i] }
func (l numberList) array() string {
	b := make([]byte, 0, 2+8*len(l))
	b = append(b, '{')
	for i, n := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(append(b, '}'))
}

// textList is a list of texts.
type textList []string

func (l textList) slice() any     { return []string(l) }
func (l textList) size() int      { return len(l) }
func (l textList) item(i int) any { return l[i] }
func (l textList) array() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, s := range l {
		if i > 0 {
			b.WriteByte(',')
		}
		writeElement(&b, s)
	}
	b.WriteByte('}')
	return b.String()
}

// writeElement writes a text as an element of an array of PostgreSQL: always
// quoted, so that neither NULL nor braces mean anything.
func writeElement(b *strings.Builder, s string) {
	b.WriteByte('"')
	for {
		i := strings.IndexAny(s, `"\`)
		if i < 0 {
			break
		}
		b.WriteString(s[:i] + `\` + s[i:i+1])
		s = s[i+1:]
	}
	b.WriteString(s + `"`)
}

// bytesList is a list of byte strings.
type bytesList [][]byte

func (l bytesList) slice() any     { return [][]byte(l) }
func (l bytesList) size() int      { return len(l) }
func (l bytesList) item(i int) any { return l[i] }
func (l bytesList) array() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, s := range l {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"\\x` + hex.EncodeToString(s) + `"`)
	}
	b.WriteByte('}')
	return b.String()
}

// pairList is a list of pairs of a number and a text, for {pairs}.
type pairList struct {
	numbers idList
	texts   textList
}

func (l pairList) size() int { return len(l.numbers) }

// padded is the size at which a list is written out: few sizes, so that few
// statements are prepared. Items beyond the last are the last again.
func padded(n int) int {
	if n <= 1 {
		return 1
	}
	return 1 << bits.Len(uint(n-1))
}
