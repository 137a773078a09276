package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Reader reads one snapshot of an audience. It is valid within the call that
// gave it and not safe for concurrent use. What it returns may be kept but
// not changed.
type Reader struct {
	audience *Audience
	roles    ReadRoles
	settings *settings
	now      time.Time // see instant; zero until it is needed
	changing bool      // the transaction writes
	ahead    *ahead    // of the query read last, nil for none
}

// Audience gives the handle the reader belongs to.
func (r *Reader) Audience() *Audience { return r.audience }

// Schema gives a copy of the schema as of the snapshot.
func (r *Reader) Schema() audience.Schema { return r.settings.Schema.Clone() }

// Zone gives the audience's zone as of the snapshot.
func (r *Reader) Zone() *time.Location { return r.settings.zone }

// instant gives the one instant of everything that this reader reads without
// being given one: that of the transaction or, in a snapshot, the clock's at
// the first such read, but never before the last commit. So a clock that was
// put back revives no record that has expired and no consent that was
// withdrawn, and the pages of one iteration agree.
func (r *Reader) instant(ctx context.Context) (time.Time, error) {
	if !r.now.IsZero() {
		return r.now, nil
	}
	last, err := r.roles.LastCommit(ctx)
	if err != nil {
		return time.Time{}, err
	}
	r.now = r.audience.Now()
	if last.After(r.now) {
		r.now = last
	}
	return r.now, nil
}

// Instant gives the instant of the snapshot: that of the clock, or that of the
// last commit in it when the clock lies behind it. Whoever decides by what is
// known takes this one: by an instant before a refusal that is read nobody has
// refused yet.
func (r *Reader) Instant(ctx context.Context) (time.Time, error) { return r.instant(ctx) }

// Origins gives a contact and everybody who was merged into her, at any depth;
// of somebody whom nobody has now it is she alone.
func (r *Reader) Origins(ctx context.Context, id audience.ContactID) ([]audience.ContactID, error) {
	l, err := r.lineages(ctx, []audience.ContactID{id})
	if err != nil {
		return nil, err
	}
	return slices.Clone(l.originsOf(id)), nil
}

// Position gives the feed position of the snapshot.
func (r *Reader) Position(ctx context.Context) (Position, error) { return r.roles.Position(ctx) }

// Unwrap gives the adapter's roles, for capabilities.
func (r *Reader) Unwrap() any { return r.roles }

// Resolve gives for each Ref the contact it names now, following merges, and
// 0 where it names nobody.
func (r *Reader) Resolve(ctx context.Context, refs ...audience.Ref) ([]audience.ContactID, error) {
	out := make([]audience.ContactID, len(refs))
	identities, identityAt := make([]audience.Identity, 0, len(refs)), make([]int, 0, len(refs))
	var ids []audience.ContactID
	var idAt []int
	for i, ref := range refs {
		if id, ok := ref.ContactID(); ok {
			ids, idAt = append(ids, id), append(idAt, i)
		} else if identity, ok := ref.Identity(); ok {
			identities, identityAt = append(identities, identity), append(identityAt, i)
		}
	}
	if len(identities) > 0 {
		found, err := r.roles.Resolve(ctx, identities)
		if err != nil {
			return nil, err
		}
		for k, id := range found {
			out[identityAt[k]] = id
		}
	}
	if len(ids) > 0 {
		found, err := r.roles.Redirect(ctx, ids)
		if err != nil {
			return nil, err
		}
		for k, id := range found {
			out[idAt[k]] = id
		}
	}
	return out, nil
}

// resolveOne is Resolve for one Ref that must name somebody.
func (r *Reader) resolveOne(ctx context.Context, ref audience.Ref) (audience.ContactID, error) {
	ids, err := r.Resolve(ctx, ref)
	if err != nil {
		return 0, err
	}
	if ids[0] == 0 {
		return 0, notFound(ref)
	}
	return ids[0], nil
}

func notFound(ref audience.Ref) error {
	id, _ := ref.ContactID()
	if id == 0 {
		return &audience.NotFoundError{Kind: "contact"}
	}
	return &audience.NotFoundError{Kind: "contact", Name: id.String()}
}

// Contact gives the contact a Ref names, [audience.ErrNotFound] when it
// names nobody.
func (r *Reader) Contact(ctx context.Context, ref audience.Ref) (audience.Contact, error) {
	id, err := r.resolveOne(ctx, ref)
	if err != nil {
		return audience.Contact{}, err
	}
	rows, err := r.roles.Contacts(ctx, []audience.ContactID{id})
	if err != nil {
		return audience.Contact{}, err
	}
	if len(rows) == 0 {
		return audience.Contact{}, notFound(ref)
	}
	return rows[0], nil
}

// Profile gives the profile of the contact a Ref names, with the parts asked
// for; [audience.ErrNotFound] when it names nobody.
func (r *Reader) Profile(ctx context.Context, ref audience.Ref, parts audience.ProfileParts) (audience.Profile, error) {
	c, err := r.Contact(ctx, ref)
	if err != nil {
		return audience.Profile{}, err
	}
	profiles, err := r.profilesOf(ctx, []audience.Contact{c}, parts)
	if err != nil {
		return audience.Profile{}, err
	}
	return profiles[0], nil
}

// Events gives a contact's events of the types, of every type without any,
// ordered by time and id; those taken back are left out.
func (r *Reader) Events(ctx context.Context, ref audience.Ref, types ...string) ([]audience.Event, error) {
	id, err := r.resolveOne(ctx, ref)
	if err != nil {
		return nil, err
	}
	l, err := r.lineages(ctx, []audience.ContactID{id})
	if err != nil {
		return nil, err
	}
	byContact, err := r.eventsOf(ctx, l, types)
	if err != nil {
		return nil, err
	}
	events := slices.Clone(byContact[id])
	slices.SortFunc(events, audience.CompareEvents)
	return events, nil
}

// History gives a contact's ledger and those of the contacts merged into
// her. The ledger outlives the contact: one who was deleted is still found by
// her id.
func (r *Reader) History(ctx context.Context, ref audience.Ref) (audience.History, error) {
	id, err := r.resolveOne(ctx, ref)
	if named, ok := ref.ContactID(); ok && errors.Is(err, audience.ErrNotFound) {
		heads, headErr := r.roles.LedgerHeads(ctx, []audience.ContactID{named})
		switch {
		case headErr != nil:
			return audience.History{}, headErr
		case len(heads) == 0:
			return audience.History{}, err
		}
		id, err = named, nil
	}
	if err != nil {
		return audience.History{}, err
	}
	l, err := r.lineages(ctx, []audience.ContactID{id})
	if err != nil {
		return audience.History{}, err
	}
	histories, err := r.historiesOf(ctx, l)
	if err != nil {
		return audience.History{}, err
	}
	return histories[id], nil
}

// Suppressions gives what is held about an address under any key, lifted
// ones too. Without keys it is [audience.ErrDenied].
func (r *Reader) Suppressions(ctx context.Context, a audience.Address) ([]audience.Suppression, error) {
	hashes := r.audience.keys.AddressHashes(r.audience.name, a)
	if len(hashes) == 0 {
		return nil, &audience.DeniedError{Rule: "key", Hint: "suppressions need Options.Keys and an address"}
	}
	return r.roles.Suppressions(ctx, hashes)
}

// LoadRecord gives one record of a feature's own state,
// [audience.ErrNotFound] when there is none or it has expired.
func (r *Reader) LoadRecord(ctx context.Context, namespace, key string) (Record, error) {
	at, err := r.instant(ctx)
	if err != nil {
		return Record{}, err
	}
	return r.roles.Record(ctx, namespace, key, at)
}

// Records gives up to limit records of a namespace whose key starts with
// prefix and is above after, in order of key bytes.
func (r *Reader) Records(ctx context.Context, namespace, prefix, after string, limit int) ([]Record, error) {
	at, err := r.instant(ctx)
	if err != nil {
		return nil, err
	}
	return r.roles.RecordsAfter(ctx, namespace, prefix, after, pageSize(limit, maxPage), at)
}

// checkHandPicked reports why a list is none whose members are written by
// hand, or nil.
func (r *Reader) checkHandPicked(name string) error {
	list, ok := r.settings.Schema.ListNamed(name)
	switch {
	case !ok:
		return &audience.NotFoundError{Kind: "list", Name: name}
	case list.Kind == audience.ListTopic:
		return unsupportedTopic(name)
	}
	return nil
}

// profilesOf assembles profiles of contact rows, in their order.
func (r *Reader) profilesOf(ctx context.Context, rows []audience.Contact, parts audience.ProfileParts) ([]audience.Profile, error) {
	out := make([]audience.Profile, len(rows))
	ids := make([]audience.ContactID, len(rows))
	for i, c := range rows {
		out[i].Contact = c
		out[i].Parts = parts
		ids[i] = c.ID
	}
	if len(rows) == 0 || len(parts.Events) == 0 && !parts.Lists && !parts.Ledger && !parts.Suppressed {
		return out, nil
	}
	l, err := r.lineages(ctx, ids)
	if err != nil {
		return nil, err
	}
	if len(parts.Events) > 0 {
		if err := r.addStreams(ctx, out, l, parts.Events); err != nil {
			return nil, err
		}
	}
	if parts.Lists {
		if err := r.addLists(ctx, out, l); err != nil {
			return nil, err
		}
	}
	if parts.Ledger {
		histories, err := r.historiesOf(ctx, l)
		if err != nil {
			return nil, err
		}
		for i := range out {
			out[i].History = histories[out[i].Contact.ID]
		}
	}
	if parts.Suppressed {
		suppressed, err := r.suppressedOf(ctx, rows, r.addressHashes)
		if err != nil {
			return nil, err
		}
		for i := range out {
			out[i].SuppressedFrom = suppressed[i]
		}
	}
	return out, nil
}

func (r *Reader) addStreams(ctx context.Context, out []audience.Profile, l *lineages, types []string) error {
	byContact, err := r.eventsOf(ctx, l, types)
	if err != nil {
		return err
	}
	for i := range out {
		out[i].Streams = streams(byContact[out[i].Contact.ID])
	}
	return nil
}

// streams splits events that are in order of type, time and id.
func streams(events []audience.Event) []audience.EventStream {
	var out []audience.EventStream
	for start := 0; start < len(events); {
		end := start + 1
		for end < len(events) && events[end].Type == events[start].Type {
			end++
		}
		out = append(out, audience.EventStream{Type: events[start].Type, Events: events[start:end:end]})
		start = end
	}
	return out
}

func (r *Reader) addLists(ctx context.Context, out []audience.Profile, l *lineages) error {
	rows, err := r.roles.Memberships(ctx, l.origins)
	if err != nil {
		return err
	}
	byContact := make(map[audience.ContactID][]string)
	for _, m := range rows {
		root := l.root[m.Origin]
		byContact[root] = append(byContact[root], m.List)
	}
	for i := range out {
		lists := byContact[out[i].Contact.ID]
		slices.SortFunc(lists, strings.Compare)
		out[i].Lists = slices.Compact(lists)
	}
	return nil
}

// addressHashes gives the hashes of an address under all keys.
func (r *Reader) addressHashes(a audience.Address) []audience.AddressHash {
	return r.audience.keys.AddressHashes(r.audience.name, a)
}

// suppressedOf gives for each contact the instant from which a suppression of
// one of her addresses stands, zero when none does.
func (r *Reader) suppressedOf(ctx context.Context, rows []audience.Contact, hashesOf func(audience.Address) []audience.AddressHash) ([]time.Time, error) {
	out := make([]time.Time, len(rows))
	owner := make(map[audience.AddressHash][]int, len(rows))
	hashes := make([]audience.AddressHash, 0, len(rows))
	for i := range rows {
		for _, a := range rows[i].Addresses {
			for _, h := range hashesOf(a) {
				owner[h] = append(owner[h], i)
				hashes = append(hashes, h)
			}
		}
	}
	if len(hashes) == 0 {
		return out, nil
	}
	found, err := r.roles.Suppressions(ctx, hashes)
	if err != nil {
		return nil, err
	}
	for _, s := range found {
		from, stands := s.StandsFrom()
		if !stands {
			continue
		}
		for _, i := range owner[s.Hash] {
			if out[i].IsZero() || from.Before(out[i]) {
				out[i] = from
			}
		}
	}
	return out, nil
}

// CountContacts gives how many contacts there are: at once where the adapter
// can count ([ContactCounter]), else by reading them all.
func (r *Reader) CountContacts(ctx context.Context) (int, error) {
	if c, ok := As[ContactCounter](r.roles); ok {
		return c.CountContacts(ctx)
	}
	n := 0
	for after := audience.ContactID(0); ; {
		rows, err := r.roles.ContactsAfter(ctx, after, maxPage)
		if err != nil {
			return 0, err
		}
		n += len(rows)
		if len(rows) < maxPage {
			return n, nil
		}
		after = rows[len(rows)-1].ID
	}
}
