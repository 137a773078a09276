package audience

import "slices"

// Complete gives the schema with what every audience has: the purpose
// "marketing" and the event vocabulary below. A declared type of the same
// name keeps its own properties and gets the missing ones.
//
//	email.sent email.delivered email.opened email.clicked email.bounced
//	email.complained email.unsubscribed   campaign, message, url: string; machine: bool
//	purchase purchase.item refund         value: double (net); currency, order: string; items: int
func (s *Schema) Complete() Schema {
	out := s.Clone()
	if !out.HasPurpose(PurposeMarketing) {
		out.Purposes = append(out.Purposes, Purpose{Name: PurposeMarketing})
	}
	for _, e := range builtInEvents() {
		i := slices.IndexFunc(out.Events, func(o EventType) bool { return o.Name == e.Name })
		if i < 0 {
			out.Events = append(out.Events, e)
			continue
		}
		for _, p := range e.Props {
			if _, ok := out.Events[i].PropNamed(p.Name); !ok {
				out.Events[i].Props = append(out.Events[i].Props, p)
			}
		}
	}
	return out
}

func builtInEvents() []EventType {
	email := []Prop{
		{Name: "campaign", Type: TypeString},
		{Name: "message", Type: TypeString},
		{Name: "url", Type: TypeString},
		{Name: "machine", Type: TypeBool},
	}
	order := []Prop{
		{Name: "value", Type: TypeDouble},
		{Name: "currency", Type: TypeString},
		{Name: "order", Type: TypeString},
		{Name: "items", Type: TypeInt},
	}
	var out []EventType
	for _, name := range []string{"sent", "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed"} {
		out = append(out, EventType{Name: "email." + name, Props: slices.Clone(email)})
	}
	for _, name := range []string{"purchase", "purchase.item", "refund"} {
		out = append(out, EventType{Name: name, Props: slices.Clone(order)})
	}
	return out
}
