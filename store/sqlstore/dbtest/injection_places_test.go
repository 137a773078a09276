package dbtest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// errElsewhere is a text that was looked for and led to somebody else.
var errElsewhere = errors.New("found at another contact, or nowhere")

// sourceTag is the tag whose source is looked at.
const sourceTag = "from somewhere"

func places() []place {
	return slices.Concat(contactPlaces(), eventPlaces(), namePlaces(), recordPlaces())
}

// onContact is a place in a contact's row.
func onContact(name string, write func(w *audience.ContactWrite, text string), read func(c *audience.Contact, schema audience.Schema) (string, error)) place {
	return place{
		name: name,
		write: func(ctx context.Context, tx *store.Tx, key, text string) error {
			w := audience.ContactWrite{Match: audience.Key(key)}
			write(&w, text)
			_, err := tx.Put(ctx, w)
			return err
		},
		read: func(ctx context.Context, r *store.Reader, key, _ string) (string, error) {
			c, err := r.Contact(ctx, audience.Key(key))
			if err != nil {
				return "", err
			}
			return read(&c, r.Schema())
		},
	}
}

func contactPlaces() []place {
	fieldOf := func(name string) func(c *audience.Contact, schema audience.Schema) (string, error) {
		return func(c *audience.Contact, schema audience.Schema) (string, error) {
			f, _ := schema.FieldNamed(name)
			v := c.Value(f.ID)
			if items, ok := v.StringList(); ok && len(items) == 1 {
				return items[0], nil
			}
			return v.Reveal(), nil
		}
	}
	return []place{
		onContact("first name", func(w *audience.ContactWrite, text string) { w.FirstName = audience.NewPrivate(text) },
			func(c *audience.Contact, _ audience.Schema) (string, error) { return c.FirstName.Reveal(), nil }),
		onContact("field", func(w *audience.ContactWrite, text string) {
			w.Set = map[string]audience.Value{"bio": audience.StringValue(text)}
		}, fieldOf("bio")),
		onContact("item", func(w *audience.ContactWrite, text string) {
			w.Set = map[string]audience.Value{"likes": audience.StringListValue(text)}
		}, fieldOf("likes")),
		onContact("tag", func(w *audience.ContactWrite, text string) { w.AddTags = []string{text} },
			func(c *audience.Contact, _ audience.Schema) (string, error) {
				for _, tag := range c.Tags {
					if tag.Name != sourceTag {
						return tag.Name, nil
					}
				}
				return "", errElsewhere
			}),
		onContact("source", func(w *audience.ContactWrite, text string) {
			w.AddTags = []string{sourceTag}
			w.Source = audience.Source{Kind: audience.SourceImport, Name: text}
		}, func(c *audience.Contact, _ audience.Schema) (string, error) {
			for _, tag := range c.Tags {
				if tag.Name == sourceTag && tag.Origin != nil {
					return tag.Origin.Name, nil
				}
			}
			return "", errElsewhere
		}),
		identityPlace("external id", func(text string) audience.ExternalID { return audience.External("crm", text) },
			func(x audience.ExternalID) string { return x.ID.Reveal() }),
		identityPlace("system", func(text string) audience.ExternalID { return audience.External(text, "in system") },
			func(x audience.ExternalID) string { return x.System }),
	}
}

// identityPlace is a place by which a contact is found.
func identityPlace(name string, identity func(text string) audience.ExternalID, textOf func(audience.ExternalID) string) place {
	return place{
		name: name,
		write: func(ctx context.Context, tx *store.Tx, key, text string) error {
			_, err := tx.Put(ctx, audience.ContactWrite{Match: audience.Key(key), External: []audience.ExternalID{identity(text)}})
			return err
		},
		read: func(ctx context.Context, r *store.Reader, key, text string) (string, error) {
			c, err := r.Contact(ctx, audience.ExternalRef(identity(text)))
			if err != nil {
				return "", err
			}
			want, err := r.Contact(ctx, audience.Key(key))
			if err != nil || want.ID != c.ID {
				return "", errors.Join(err, errElsewhere)
			}
			for _, x := range c.External {
				if audience.ExternalIdentity(x).Equal(audience.ExternalIdentity(identity(text))) {
					return textOf(x), nil
				}
			}
			return "", errElsewhere
		},
	}
}

// onEvent is a place in an event.
func onEvent(name string, write func(e *audience.EventWrite, text string), read func(e *audience.Event, schema audience.Schema) string) place {
	return place{
		name: name,
		write: func(ctx context.Context, tx *store.Tx, key, text string) error {
			e := audience.EventWrite{Contact: audience.Key(key), ID: "in " + name, Type: "visit", Time: eventTime(0)}
			write(&e, text)
			_, err := tx.Append(ctx, e)
			return err
		},
		read: func(ctx context.Context, r *store.Reader, key, text string) (string, error) {
			want := audience.EventWrite{ID: "in " + name, Type: "visit"}
			write(&want, text)
			events, err := r.Events(ctx, audience.Key(key), want.Type)
			if err != nil {
				return "", err
			}
			for i := range events {
				if events[i].ID == want.ID {
					return read(&events[i], r.Schema()), nil
				}
			}
			return "", errElsewhere
		},
	}
}

func eventPlaces() []place {
	return []place{
		onEvent("event id", func(e *audience.EventWrite, text string) { e.ID = text },
			func(e *audience.Event, _ audience.Schema) string { return e.ID }),
		onEvent("event type", func(e *audience.EventWrite, text string) { e.Type = text },
			func(e *audience.Event, _ audience.Schema) string { return e.Type }),
		onEvent("property", func(e *audience.EventWrite, text string) {
			e.Type, e.Props = "with property", map[string]audience.Value{text: audience.BoolValue(true)}
		}, func(e *audience.Event, schema audience.Schema) string {
			kind, _ := schema.EventNamed(e.Type)
			for _, p := range kind.Props {
				if len(e.Props) == 1 && p.ID == e.Props[0].ID {
					return p.Name
				}
			}
			return errElsewhere.Error()
		}),
		onEvent("property's value", func(e *audience.EventWrite, text string) {
			e.Props = map[string]audience.Value{"url": audience.StringValue(text)}
		}, func(e *audience.Event, _ audience.Schema) string {
			if len(e.Props) != 1 {
				return errElsewhere.Error()
			}
			return e.Props[0].Value.Reveal()
		}),
	}
}

// namePlaces are names of lists and purposes, and who is on them.
func namePlaces() []place {
	return []place{
		{
			name: "list",
			write: func(ctx context.Context, tx *store.Tx, key, text string) error {
				if err := tx.Declare(ctx, audience.Schema{Lists: []audience.List{{Name: text, Kind: audience.ListStatic}}}); err != nil {
					return err
				}
				return tx.AddToList(ctx, text, audience.Source{}, audience.Key(key))
			},
			read: func(ctx context.Context, r *store.Reader, key, text string) (string, error) {
				members, err := r.Members(ctx, text, "", 10)
				if err != nil {
					return "", err
				}
				profile, err := r.Profile(ctx, audience.Key(key), audience.ProfileParts{Lists: true})
				if err != nil {
					return "", err
				}
				if len(members.Items) != 1 || members.Items[0] != profile.Contact.ID || len(profile.Lists) != 1 {
					return "", errElsewhere
				}
				return profile.Lists[0], nil
			},
		},
		{
			name: "purpose",
			write: func(ctx context.Context, tx *store.Tx, key, text string) error {
				if err := tx.Declare(ctx, audience.Schema{Purposes: []audience.Purpose{{Name: text}}}); err != nil {
					return err
				}
				_, err := tx.Record(ctx, audience.ConsentWrite{
					Contact: audience.Key(key), Kind: audience.ConsentWithdrawn, Notice: "about a purpose",
					Scope: audience.Scope{Channel: audience.ChannelEmail, Purpose: text},
				})
				return err
			},
			read: func(ctx context.Context, r *store.Reader, key, _ string) (string, error) {
				return ledgerMember(ctx, r, key, func(c *audience.ConsentRecord) (string, bool) {
					return c.Scope.Purpose, c.Notice == "about a purpose"
				})
			},
		},
		{
			name: "notice",
			write: func(ctx context.Context, tx *store.Tx, key, text string) error {
				_, err := tx.Record(ctx, audience.ConsentWrite{
					Contact: audience.Key(key), Kind: audience.ConsentRequested, Scope: audience.MarketingScope(), Notice: text,
				})
				return err
			},
			read: func(ctx context.Context, r *store.Reader, key, _ string) (string, error) {
				return ledgerMember(ctx, r, key, func(c *audience.ConsentRecord) (string, bool) {
					return c.Notice, c.Kind == audience.ConsentRequested
				})
			},
		},
	}
}

// ledgerMember reads from the first record that is meant.
func ledgerMember(ctx context.Context, r *store.Reader, key string, member func(*audience.ConsentRecord) (string, bool)) (string, error) {
	roles, _ := store.As[store.ReadRoles](r)
	ids, err := r.Resolve(ctx, audience.Key(key))
	if err != nil {
		return "", err
	}
	records, err := roles.Ledger(ctx, ids)
	if err != nil {
		return "", err
	}
	for i := range records {
		if text, meant := member(&records[i]); meant {
			return text, nil
		}
	}
	return "", errElsewhere
}

func recordPlaces() []place {
	inRecord := func(name string, record func(key, text string) store.Record, textOf func(store.Record) string) place {
		return place{
			name: name,
			write: func(ctx context.Context, tx *store.Tx, key, text string) error {
				_, err := tx.SaveRecord(ctx, record(key, text))
				return err
			},
			read: func(ctx context.Context, r *store.Reader, key, text string) (string, error) {
				want := record(key, text)
				rec, err := r.LoadRecord(ctx, want.Namespace, want.Key)
				if err != nil {
					return "", err
				}
				if name == "record value" {
					return textOf(rec), nil
				}
				if string(rec.Value) != key {
					return "", errElsewhere
				}
				under, err := r.Records(ctx, want.Namespace, want.Key, "", 1) // the text as a pattern
				if err != nil || len(under) != 1 {
					return "", errors.Join(err, fmt.Errorf("as a prefix: %w", errElsewhere))
				}
				return textOf(under[0]), nil
			},
		}
	}
	return []place{
		inRecord("record key", func(key, text string) store.Record {
			return store.Record{Namespace: "texts", Key: text, Value: []byte(key)}
		}, func(r store.Record) string { return r.Key }),
		inRecord("namespace", func(key, text string) store.Record {
			return store.Record{Namespace: text, Key: "k", Value: []byte(key)}
		}, func(r store.Record) string { return r.Namespace }),
		inRecord("record value", func(key, text string) store.Record {
			return store.Record{Namespace: "values", Key: key, Value: []byte(text)}
		}, func(r store.Record) string { return string(r.Value) }),
	}
}
