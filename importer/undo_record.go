package importer

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
)

// undoRecord is what a batch changed about a contact who was there: what was
// before, and what the batch made of it, so that a later edit is told from the
// import's. It is a record of hers and goes when she is erased.
type undoRecord struct {
	TooLarge bool                 `json:"too_large,omitempty"` // it could not be kept
	Texts    map[string][2]string `json:"texts,omitempty"`     // first_name, last_name, phone
	Fields   map[string][2]*value `json:"fields,omitempty"`    // custom fields; null: absent
	Tags     map[string]bool      `json:"tags,omitempty"`      // true: it was added
	Mail     *[2][][2]string      `json:"mail,omitempty"`      // all addresses, as spelled and as compared
	External [][2]string          `json:"external,omitempty"`  // ids that were added, with their systems
	Lists    []string             `json:"lists,omitempty"`     // that she was put on
	Consents []consentMade        `json:"consents,omitempty"`
}

// consentMade is a ledger record that the import made.
type consentMade struct {
	Seq  uint64               `json:"seq"`
	Kind audience.ConsentKind `json:"kind"`
}

// undo gives the record of what the batch changed about somebody.
func (who *person) undo(f *fields, most int) []byte {
	k := who.know()
	before, after := &k.stored, &k.now
	u := undoRecord{Lists: who.lists, Consents: who.consents}
	for name, texts := range map[string][2]audience.Private{
		"first_name": {before.FirstName, after.FirstName},
		"last_name":  {before.LastName, after.LastName},
		"phone":      {before.Phone, after.Phone},
	} {
		if !texts[0].Equal(texts[1]) {
			if u.Texts == nil {
				u.Texts = make(map[string][2]string)
			}
			u.Texts[name] = [2]string{texts[0].Reveal(), texts[1].Reveal()}
		}
	}
	u.addFields(before, after, f)
	u.addTags(before, after)
	u.addIdentities(before, after)
	text, _ := json.Marshal(u) // it holds nothing that cannot be
	if len(text) > most {
		text, _ = json.Marshal(undoRecord{TooLarge: true, Consents: who.consents})
	}
	return text
}

func (u *undoRecord) addFields(before, after *audience.Contact, f *fields) {
	set := func(id audience.FieldID, b, a audience.Value) {
		if b.Equal(a) {
			return
		}
		if u.Fields == nil {
			u.Fields = make(map[string][2]*value)
		}
		u.Fields[f.name(id)] = [2]*value{encodeValue(b), encodeValue(a)}
	}
	for _, field := range before.Fields {
		set(field.ID, field.Value, after.Value(field.ID))
	}
	for _, field := range after.Fields {
		if before.Value(field.ID).IsZero() {
			set(field.ID, audience.Value{}, field.Value)
		}
	}
}

func (u *undoRecord) addTags(before, after *audience.Contact) {
	set := func(tags []audience.Tag, others *audience.Contact, added bool) {
		for _, t := range tags {
			if others.HasTag(t.Name) {
				continue
			}
			if u.Tags == nil {
				u.Tags = make(map[string]bool)
			}
			u.Tags[t.Name] = added
		}
	}
	set(before.Tags, after, false)
	set(after.Tags, before, true)
}

func (u *undoRecord) addIdentities(before, after *audience.Contact) {
	b, a := spellings(before), spellings(after)
	if !slices.Equal(b, a) {
		u.Mail = &[2][][2]string{b, a}
	}
	for _, x := range after.External {
		if !slices.ContainsFunc(before.External, x.Equal) {
			u.External = append(u.External, [2]string{x.System, x.ID.Reveal()})
		}
	}
}

// spellings gives all addresses in order.
func spellings(c *audience.Contact) [][2]string {
	var out [][2]string
	for _, a := range c.Addresses {
		out = append(out, [2]string{a.Reveal(), a.Canonical()})
	}
	return out
}

// value is a field's value as the journal keeps it, exactly.
type value struct {
	Type  audience.Type `json:"type"`
	Text  string        `json:"text,omitempty"`
	Items []string      `json:"items,omitempty"`
}

// encodeValue gives nil for an absent value.
func encodeValue(v audience.Value) *value {
	out := &value{Type: v.Type()}
	if v.IsZero() {
		return nil
	}
	if s, ok := v.Str(); ok {
		out.Text = s
	}
	if n, ok := v.Int(); ok {
		out.Text = strconv.FormatInt(n, 10)
	}
	if f, ok := v.Double(); ok {
		out.Text = strconv.FormatUint(math.Float64bits(f), 16)
	}
	if b, ok := v.Bool(); ok {
		out.Text = strconv.FormatBool(b)
	}
	if t, ok := v.Timestamp(); ok {
		out.Text = strconv.FormatInt(audience.Micros(t), 10)
	}
	if d, ok := v.Date(); ok {
		out.Text = strconv.FormatInt(int64(d), 10)
	}
	if items, ok := v.StringList(); ok {
		out.Items = items
	}
	return out
}

// decode gives the value back.
func (v *value) decode() (audience.Value, error) {
	if v == nil {
		return audience.Value{}, nil
	}
	switch v.Type {
	case audience.TypeString:
		return audience.StringValue(v.Text), nil
	case audience.TypeDouble:
		bits, err := strconv.ParseUint(v.Text, 16, 64)
		if err != nil {
			return audience.Value{}, errDamaged
		}
		return audience.DoubleValue(math.Float64frombits(bits)), nil
	case audience.TypeBool:
		return audience.BoolValue(v.Text == "true"), nil
	case audience.TypeStringList:
		return audience.StringListValue(v.Items...), nil
	case audience.TypeInt, audience.TypeTimestamp, audience.TypeDate:
	default:
		return audience.Value{}, errDamaged
	}
	n, err := strconv.ParseInt(v.Text, 10, 64)
	switch {
	case err != nil:
		return audience.Value{}, errDamaged
	case v.Type == audience.TypeTimestamp:
		return audience.TimestampValue(audience.FromMicros(n)), nil
	case v.Type == audience.TypeDate:
		return audience.DateValue(audience.Date(n)), nil
	}
	return audience.IntValue(n), nil
}
