package web

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// Holder gives what the pages keep about addresses beyond what belongs to a
// contact, as something that answers requests: signups and messages that wait,
// and that a signup was rejected. A host puts it into
// [compliance.RightsOptions]: without it a signup that she began would outlive
// her erasure (GDPR Art. 17), and be missing in the answer to a request for
// access (Art. 15).
func (p *Pages) Holder() compliance.Holder { return holder{p} }

type holder struct{ pages *Pages }

func (h holder) Name() string { return "pages" }

// Collect emits what waits for her addresses.
func (h holder) Collect(ctx context.Context, s compliance.Subject, emit func(compliance.Item) error) error {
	var items []compliance.Item
	err := h.pages.aud.View(ctx, func(r *store.Reader) (err error) {
		items, err = h.pages.keptOf(ctx, r, s.Addresses)
		return err
	})
	for i := 0; err == nil && i < len(items); i++ {
		err = emit(items[i])
	}
	return err
}

// Erase removes it, in one transaction, but for what [Pages.Forget] leaves.
func (h holder) Erase(ctx context.Context, s compliance.Subject) (out compliance.ErasedItems, err error) {
	_, err = h.pages.aud.Update(ctx, func(tx *store.Tx) error {
		items, err := h.pages.keptOf(ctx, &tx.Reader, s.Addresses)
		if err != nil {
			return err
		}
		out = compliance.ErasedItems{}
		for i := range items {
			if keep := items[i].Keep; keep != (compliance.Retention{}) {
				out.Kept = append(out.Kept, keep)
			} else {
				out.Removed++
			}
		}
		return h.pages.Forget(ctx, tx, s.Addresses...)
	})
	if err != nil {
		return compliance.ErasedItems{}, err
	}
	return out, nil
}

// keptOf gives what is kept about addresses.
func (p *Pages) keptOf(ctx context.Context, r *store.Reader, addresses []audience.Address) (out []compliance.Item, err error) {
	for _, a := range addresses {
		for _, key := range p.addressKeys(a) {
			if out, err = p.signupOf(ctx, r, key, out); err != nil {
				return nil, err
			}
			switch rec, err := r.LoadRecord(ctx, namespaceNotMe, key); {
			case err == nil:
				out = appendItem(out, "signups", "rejected", a.Reveal(), time.Time{})
				out[len(out)-1].Keep = compliance.Retention{
					What: "that signups were rejected, as a keyed hash of the address", Basis: "GDPR Art. 21(3): no further confirmation mails", Until: rec.Expires,
				}
			case !errors.Is(err, audience.ErrNotFound):
				return nil, err
			}
		}
	}
	if len(addresses) == 0 {
		return out, nil
	}
	err = p.eachQueued(ctx, r, addresses, func(_ *store.Record, m *message) error {
		if !m.Drop {
			out = appendItem(out, "messages", m.Kind, m.Address, m.Requested)
		}
		return nil
	})
	return out, err
}

// signupOf adds the signup that waits for an address.
func (p *Pages) signupOf(ctx context.Context, r *store.Reader, key string, out []compliance.Item) ([]compliance.Item, error) {
	index, err := r.LoadRecord(ctx, namespaceByHash, key)
	if errors.Is(err, audience.ErrNotFound) || err == nil && len(index.Value) != subjectBytes {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := p.loadPending(ctx, r, [subjectBytes]byte(index.Value))
	if errors.Is(err, audience.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	add := func(field, text string) { out = appendItem(out, "signups", field, text, s.Requested) }
	add("email", s.Address)
	add("form", s.Form)
	add("statement", s.Statement)
	add("purposes", strings.Join(s.Purposes, ", "))
	add("lists", strings.Join(s.Lists, ", "))
	add("ip", s.IP)
	add("user_agent", s.UserAgent)
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		add(name, s.Fields[name])
	}
	return out, nil
}

func appendItem(out []compliance.Item, category, field, text string, at time.Time) []compliance.Item {
	if text == "" {
		return out
	}
	return append(out, compliance.Item{
		Category: category, Field: field, Value: audience.NewPrivate(text), At: at, Origin: compliance.OriginProvided,
	})
}

// forgetQueued removes messages to addresses that wait.
func (p *Pages) forgetQueued(ctx context.Context, tx *store.Tx, addresses []audience.Address) error {
	return p.eachQueued(ctx, &tx.Reader, addresses, func(rec *store.Record, _ *message) error {
		return retryable(tx.DeleteRecord(ctx, rec.Namespace, rec.Key, rec.Version))
	})
}

// eachQueued goes through the messages to addresses that wait.
func (p *Pages) eachQueued(ctx context.Context, r *store.Reader, addresses []audience.Address, visit func(*store.Record, *message) error) error {
	for after := ""; ; {
		page, err := r.Records(ctx, namespaceQueue, "", after, purgePage)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			rec := &page[i]
			after = rec.Key
			var m message
			if !p.secrets.open(rec.Value, rec.Namespace, rec.Key, &m) {
				continue
			}
			a, err := audience.ParseAddress(m.Address)
			if err != nil || !slices.ContainsFunc(addresses, a.Equal) {
				continue
			}
			if err := visit(rec, &m); err != nil {
				return err
			}
		}
	}
}
