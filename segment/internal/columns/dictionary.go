package columns

import (
	"encoding/binary"
	"strings"
)

// dictionary numbers texts from 1 and counts who holds them: a text that
// nobody holds any more is forgotten, and its number given again.
type dictionary struct {
	codes   map[string]uint32
	entries []entry // by number; the first is nobody's
	free    []uint32
	bytes   int // of texts
}

type entry struct {
	text string
	refs uint32
}

// hold gives the number of a text to one more holder.
func (d *dictionary) hold(text string) uint32 {
	if code, ok := d.codes[text]; ok {
		d.entries[code].refs++
		return code
	}
	if d.codes == nil {
		d.codes, d.entries = make(map[string]uint32), make([]entry, 1)
	}
	text = strings.Clone(text) // it may be a piece of something bigger
	var code uint32
	if n := len(d.free); n > 0 {
		code, d.free = d.free[n-1], d.free[:n-1]
	} else {
		code = uint32(len(d.entries))
		d.entries = append(d.entries, entry{})
	}
	d.entries[code] = entry{text: text, refs: 1}
	d.codes[text] = code
	d.bytes += len(text)
	return code
}

// release takes a number from one of its holders; 0 is nobody's.
func (d *dictionary) release(code uint32) {
	if code == 0 {
		return
	}
	e := &d.entries[code]
	if e.refs--; e.refs > 0 {
		return
	}
	delete(d.codes, e.text)
	d.bytes -= len(e.text)
	*e = entry{}
	d.free = append(d.free, code)
}

func (d *dictionary) find(text string) (uint32, bool) {
	code, ok := d.codes[text]
	return code, ok
}

func (d *dictionary) text(code uint32) string {
	if int(code) >= len(d.entries) {
		return ""
	}
	return d.entries[code].text
}

func (d *dictionary) size() int {
	const mapEntry = 28 // text header, number and what the map adds
	return d.bytes + 24*cap(d.entries) + mapEntry*len(d.codes) + 4*cap(d.free)
}

// encodeSet gives sorted texts as one, each behind its length.
func encodeSet(items []string) string {
	n := 0
	for _, item := range items {
		n += binary.MaxVarintLen32 + len(item)
	}
	out := make([]byte, 0, n)
	for _, item := range items {
		out = append(binary.AppendUvarint(out, uint64(len(item))), item...)
	}
	return string(out)
}

// decodeSet is the inverse of encodeSet; the texts share the memory of the
// one.
func decodeSet(text string, into []string) []string {
	for len(text) > 0 {
		n, size := uint64(0), 0
		for shift := 0; ; shift += 7 {
			b := text[size]
			n |= uint64(b&0x7f) << shift
			size++
			if b < 0x80 {
				break
			}
		}
		into = append(into, text[size:size+int(n)])
		text = text[size+int(n):]
	}
	return into
}

// names holds texts that are rarely equal, by number, without finding them
// again.
type names struct {
	texts []string
	free  []uint32
	bytes int
}

func (n *names) add(text string) uint32 {
	n.bytes += len(text)
	text = strings.Clone(text)
	if k := len(n.free); k > 0 {
		at := n.free[k-1]
		n.free = n.free[:k-1]
		n.texts[at] = text
		return at
	}
	n.texts = append(n.texts, text)
	return uint32(len(n.texts) - 1)
}

func (n *names) remove(at uint32) {
	n.bytes -= len(n.texts[at])
	n.texts[at] = ""
	n.free = append(n.free, at)
}

func (n *names) size() int { return n.bytes + 16*cap(n.texts) + 4*cap(n.free) }
