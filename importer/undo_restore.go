package importer

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// restore restores some of the contacts who were there before the import.
func (s *step) restore(ctx context.Context) error {
	place := &s.head.Undoing
	records, more, err := s.nextRecords(ctx, place.After)
	if err != nil {
		return err
	}
	var all []*restoring
	for i := range records {
		rec := &records[i]
		place.After = rec.Key
		var u undoRecord
		if json.Unmarshal(rec.Value, &u) != nil {
			return errDamaged
		}
		if len(all) == 0 || all[len(all)-1].id != rec.Contact {
			all = append(all, &restoring{step: s, id: rec.Contact})
		}
		last := all[len(all)-1]
		last.records = append(last.records, u)
	}
	if !more {
		place.Made = true
	}
	return s.restoreAll(ctx, all)
}

// nextRecords reads what the import changed about the next contacts, of each
// of them everything; more reports that there are others.
func (s *step) nextRecords(ctx context.Context, after string) (records []store.Record, more bool, err error) {
	for {
		page, err := s.tx.Records(ctx, namespace, contactsPrefix(s.job), after, s.rows)
		if err != nil {
			return nil, false, err
		}
		records = append(records, page...)
		if len(page) < s.rows {
			return records, false, nil
		}
		last := records[len(records)-1].Contact
		if first := slices.IndexFunc(records, func(r store.Record) bool { return r.Contact == last }); first > 0 {
			return records[:first], true, nil
		}
		after = records[len(records)-1].Key
	}
}

// restoring is one contact who is being restored.
type restoring struct {
	*step
	id      audience.ContactID
	records []undoRecord // in order of the batches
	gone    bool         // she was deleted
	now     audience.Contact
	lists   []string // that she is on
	ours    []string // of these: on which the import has put her
	fields  *fields
	writes  []audience.ContactWrite
	leave   []string // lists to take her off
	what    []string // that stays
}

func (s *step) restoreAll(ctx context.Context, all []*restoring) error {
	present, err := s.present(ctx, all)
	if err != nil {
		return err
	}
	f := newFields(s.tx.Schema())
	for _, c := range present {
		c.fields = f
		for _, u := range slices.Backward(c.records) {
			c.restoreOne(&u)
		}
	}
	if err := s.put(ctx, present); err != nil {
		return err
	}
	if err := s.leaveLists(ctx, present); err != nil {
		return err
	}
	for _, c := range present {
		if len(c.what) == 0 {
			s.head.Undone.Restored++
			continue
		}
		slices.Sort(c.what)
		s.keeps(c.id, slices.Compact(c.what)...)
	}
	var retractions []retraction
	for _, c := range all {
		if c.gone {
			continue
		}
		for _, u := range c.records {
			for _, made := range u.Consents {
				retractions = s.takeBack(retractions, c.id, made)
			}
		}
	}
	return s.retract(ctx, retractions)
}

// present gives those who are still there, as they are now.
func (s *step) present(ctx context.Context, all []*restoring) ([]*restoring, error) {
	refs, ids := make([]audience.Ref, len(all)), make([]audience.ContactID, 0, len(all))
	for i, c := range all {
		refs[i] = audience.ID(c.id)
	}
	now, err := s.tx.Resolve(ctx, refs...)
	if err != nil {
		return nil, err
	}
	byID := make(map[audience.ContactID]*restoring, len(all))
	for i, c := range all {
		switch now[i] {
		case 0:
			c.gone = true
			s.head.Undone.Gone++
		case c.id:
			byID[c.id] = c
			ids = append(ids, c.id)
		default:
			s.keeps(c.id, "merged")
		}
	}
	if _, err := s.tx.Lock(ctx, ids...); err != nil {
		return nil, err
	}
	profiles, err := s.tx.ProfilesOf(ctx, audience.ProfileParts{Lists: true}, ids...)
	if err != nil {
		return nil, err
	}
	members, err := s.memberships(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]*restoring, 0, len(profiles))
	for i := range profiles {
		c := byID[profiles[i].Contact.ID]
		c.now, c.lists = profiles[i].Contact, profiles[i].Lists
		for _, m := range members[c.id] {
			if s.isOurs(&m.Source) {
				c.ours = append(c.ours, m.List)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// put writes what restores contacts; those whom the store does not restore
// keep everything.
func (s *step) put(ctx context.Context, all []*restoring) error {
	for {
		var writes []audience.ContactWrite
		var of []*restoring
		for _, c := range all {
			for _, w := range c.writes {
				writes, of = append(writes, w), append(of, c)
			}
		}
		if len(writes) == 0 {
			return nil
		}
		if most := s.aud.Limits().BatchItems; len(writes) > most && len(all) > 1 {
			half := len(all) / 2
			if err := s.put(ctx, all[:half]); err != nil {
				return err
			}
			return s.put(ctx, all[half:])
		}
		_, err := s.tx.Put(ctx, writes...)
		batch, ok := errors.AsType[*audience.BatchError](err)
		if !ok {
			return err
		}
		for _, it := range batch.Items {
			of[it.Index].writes = nil
			of[it.Index].what = append(of[it.Index].what, "refused")
		}
	}
}

func (s *step) leaveLists(ctx context.Context, all []*restoring) error {
	refs := make(map[string][]audience.Ref)
	for _, c := range all {
		for _, list := range c.leave {
			refs[list] = append(refs[list], audience.ID(c.id))
		}
	}
	for _, list := range slices.Sorted(maps.Keys(refs)) {
		if err := s.tx.RemoveFromList(ctx, list, s.source, refs[list]...); err != nil {
			return err
		}
	}
	return nil
}

// restoreOne plans what takes back the changes of one batch.
func (c *restoring) restoreOne(u *undoRecord) {
	if u.TooLarge {
		c.stays("too-large")
	}
	w := audience.ContactWrite{Match: audience.ID(c.id), Source: c.source}
	c.restoreTexts(u, &w)
	c.restoreFields(u, &w)
	c.restoreTags(u, &w)
	c.restoreExternal(u, &w)
	c.write(w)
	c.restoreMail(u)
	for _, list := range u.Lists {
		switch on := slices.Contains(c.lists, list); {
		case on && !slices.Contains(c.ours, list):
			c.stays("lists") // somebody has put her there again
		case on && !slices.Contains(c.leave, list):
			c.leave = append(c.leave, list)
		}
	}
}

func (c *restoring) stays(what string) { c.what = append(c.what, what) }

// write plans a write and how she is behind it.
func (c *restoring) write(w audience.ContactWrite) {
	next, changed, err := w.Apply(c.now, c.fields.of(&w), c.tx.At(), c.aud.Limits())
	switch {
	case err != nil:
		c.stays("refused")
	case changed:
		c.writes = append(c.writes, w)
		c.now = next
	}
}

func (c *restoring) restoreTexts(u *undoRecord, w *audience.ContactWrite) {
	for name, texts := range u.Texts {
		now, into := c.now.FirstName, &w.FirstName
		switch name {
		case "last_name":
			now, into = c.now.LastName, &w.LastName
		case "phone":
			now, into = c.now.Phone, &w.Phone
		}
		switch now.Reveal() {
		case texts[1]:
			if *into = audience.NewPrivate(texts[0]); texts[0] == "" {
				w.Clear = append(w.Clear, name)
			}
		case texts[0]:
		default:
			c.stays(name)
		}
	}
}

func (c *restoring) restoreFields(u *undoRecord, w *audience.ContactWrite) {
	for name, values := range u.Fields {
		before, err1 := values[0].decode()
		after, err2 := values[1].decode()
		id := c.fields.id(name)
		i, has := slices.BinarySearchFunc(c.now.Fields, id, func(f audience.FieldValue, id audience.FieldID) int { return int(int64(f.ID) - int64(id)) })
		switch now := c.now.Value(id); {
		case err1 != nil || err2 != nil:
			c.stays(name)
		case now.Equal(before):
		case !now.Equal(after), has && !c.wrote(c.now.Fields[i].Origin):
			c.stays(name)
		case before.IsZero():
			w.Clear = append(w.Clear, name)
		default:
			if w.Set == nil {
				w.Set = make(map[string]audience.Value)
			}
			w.Set[name] = before
		}
	}
	slices.Sort(w.Clear)
}

// wrote reports whether it was the import that wrote something.
func (c *restoring) wrote(origin *audience.Provenance) bool {
	return origin != nil && c.isOurs(&origin.Source)
}

func (c *restoring) restoreTags(u *undoRecord, w *audience.ContactWrite) {
	for _, tag := range slices.Sorted(maps.Keys(u.Tags)) {
		i, has := slices.BinarySearchFunc(c.now.Tags, tag, func(t audience.Tag, name string) int { return strings.Compare(t.Name, name) })
		switch added := u.Tags[tag]; {
		case added && has && !c.wrote(c.now.Tags[i].Origin):
			c.stays(tagsField)
		case added && has:
			w.RemoveTags = append(w.RemoveTags, tag)
		case !added && !has:
			w.AddTags = append(w.AddTags, tag)
		}
	}
}

func (c *restoring) restoreExternal(u *undoRecord, w *audience.ContactWrite) {
	for _, id := range u.External {
		x := audience.External(id[0], id[1])
		if slices.ContainsFunc(c.now.External, x.Equal) {
			w.Detach = append(w.Detach, audience.ExternalIdentity(x))
		}
	}
	if len(w.Detach) > 0 && len(w.Detach) == len(c.now.External)+len(c.now.Addresses) {
		w.Detach = nil
		c.stays("external_id")
	}
}

// restoreMail restores the addresses, their spelling and their order: by
// taking away all but the first and adding the others again.
func (c *restoring) restoreMail(u *undoRecord) {
	if u.Mail == nil {
		return
	}
	before, after := u.Mail[0], u.Mail[1]
	switch now := spellings(&c.now); {
	case slices.Equal(now, before):
		return
	case !slices.Equal(now, after):
		c.stays("email")
		return
	}
	addresses := make([]audience.Address, len(before))
	for i, a := range before {
		var err error
		if addresses[i], err = audience.RestoreAddress(a[0], a[1]); err != nil {
			c.stays("email")
			return
		}
	}
	w := audience.ContactWrite{Match: audience.ID(c.id), Source: c.source}
	if len(addresses) > 0 {
		w.Email = addresses[0]
	}
	for _, a := range c.now.Addresses {
		if !a.Equal(w.Email) {
			w.Detach = append(w.Detach, audience.AddressIdentity(a))
		}
	}
	c.write(w)
	if len(addresses) > 1 {
		c.write(audience.ContactWrite{Match: audience.ID(c.id), Source: c.source, Addresses: addresses[1:]})
	}
}
