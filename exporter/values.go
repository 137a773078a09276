package exporter

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// reader gives the values of columns. Most of them it does not copy.
type reader struct {
	sources  []source
	lists    []audience.List
	at       time.Time
	statuses []audience.Value // by status: the same few for everybody
}

func newReader(sources []source, lists []audience.List, at time.Time) *reader {
	v := &reader{sources: sources, lists: lists, at: at}
	for s := audience.StatusNone; s <= audience.StatusComplained; s++ {
		v.statuses = append(v.statuses, audience.StringValue(s.String()))
	}
	return v
}

// row fills in the row of a contact.
func (v *reader) row(row []audience.Value, p *audience.Profile) {
	for i := range v.sources {
		row[i] = v.value(&v.sources[i], p)
	}
}

func (v *reader) value(s *source, p *audience.Profile) audience.Value {
	c := &p.Contact
	switch s.kind {
	case kindField:
		return c.Value(s.field)
	case kindExternal:
		for i := range c.External {
			if c.External[i].System == s.name {
				return c.External[i].ID.Value()
			}
		}
		return audience.Value{}
	case kindEmail:
		return c.Email().Value()
	case kindFirstName:
		return c.FirstName.Value()
	case kindLastName:
		return c.LastName.Value()
	case kindPhone:
		return c.Phone.Value()
	case kindTags:
		return c.TagList()
	case kindStatus:
		return v.statuses[p.Status(v.at).Status]
	case kindConsent:
		return v.statuses[p.Consent(s.name, v.at).Status]
	case kindCreatedAt:
		return audience.TimestampValue(c.CreatedAt)
	case kindUpdatedAt:
		return audience.TimestampValue(c.UpdatedAt)
	case kindID:
		return audience.IntValue(int64(c.ID))
	case kindFrequency:
		return audience.NewPrivate(c.Frequency).Value()
	case kindOtherEmails:
		return c.OtherEmails()
	case kindLists:
		return v.onLists(p)
	default:
		return audience.Value{}
	}
}

func (v *reader) onLists(p *audience.Profile) audience.Value {
	var out []string
	for i := range v.lists {
		if p.OnList(v.lists[i], v.at) {
			out = append(out, v.lists[i].Name)
		}
	}
	if len(out) == 0 {
		return audience.Value{}
	}
	return audience.StringListValue(out...)
}
