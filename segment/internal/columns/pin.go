package columns

// Pin gives the code of a text and keeps it, whoever has the text, until the
// table goes: for constants that are compared with codes.
func (t *Table) Pin(text string) uint32 {
	if t.pinned == nil {
		t.pinned = map[string]uint32{}
	}
	code, ok := t.pinned[text]
	if !ok {
		code = t.texts.hold(text)
		t.pinned[text] = code
	}
	return code
}
