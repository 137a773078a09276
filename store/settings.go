package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Namespaces that this package keeps in the generic records.
const (
	namespaceAudience = "audience" // settings
	namespaceEvidence = "evidence" // evidence and salts of ledger records
	namespaceDeleted  = "deleted"  // contacts who were deleted and not erased
	namespaceUnmerged = "unmerged" // under whose id rows of a contact once stood
	settingsKey       = "settings"
)

// NamespaceTransitions is the namespace of records that say which segments a
// contact entered and left. Deleting a contact keeps them, so that what the
// segments were stays true; erasing her removes them with the rest. Features
// may write here.
const NamespaceTransitions = "transitions"

// NamespaceEvidenceKeys is the namespace of the keys under which evidence is
// sealed, by contact. Deleting a contact keeps them, as it keeps her evidence;
// erasing her destroys them. Features may write here.
const NamespaceEvidenceKeys = "compliance/keys"

// isReserved reports the namespaces that features must not write.
func isReserved(namespace string) bool {
	switch namespace {
	case namespaceAudience, namespaceEvidence, namespaceDeleted, namespaceUnmerged:
		return true
	}
	return false
}

// settings are what an audience remembers of its options, with the stable
// numbers of its schema.
type settings struct {
	Schema  audience.Schema `json:"schema"`
	Zone    string          `json:"zone"`
	Keyed   bool            `json:"keyed"` // it was opened with keys once
	zone    *time.Location
	version uint64 // of the record; 0: not stored yet
}

// load reads the settings of the snapshot.
func (r *Reader) load(ctx context.Context) error {
	rec, err := r.roles.Record(ctx, namespaceAudience, settingsKey, audience.MinInstant())
	if errors.Is(err, audience.ErrNotFound) {
		var none audience.Schema
		r.settings = &settings{Schema: none.Complete(), Zone: time.UTC.String(), zone: time.UTC}
		return nil
	}
	if err != nil {
		return err
	}
	if cached := r.audience.settings.Load(); cached != nil && cached.version == rec.Version {
		r.settings = cached
		return nil
	}
	s := &settings{version: rec.Version}
	if err := json.Unmarshal(rec.Value, s); err != nil {
		return fmt.Errorf("settings of the audience: %w", err)
	}
	s.zone, err = time.LoadLocation(s.Zone)
	if err != nil {
		return fmt.Errorf("zone %q of the audience: %w", s.Zone, err)
	}
	r.settings = s
	return nil
}

// change gives settings that may be changed; the transaction stores them
// when it ends.
func (tx *Tx) change() *settings {
	if !tx.settingsChanged {
		s := *tx.settings
		s.Schema = s.Schema.Clone()
		tx.settings = &s
		tx.settingsChanged = true
	}
	return tx.settings
}

// finish stores changed settings, unless half a call was written.
func (tx *Tx) finish(ctx context.Context) error {
	if tx.half != nil {
		return tx.half
	}
	if !tx.settingsChanged {
		return nil
	}
	if err := tx.settings.Schema.Check(tx.audience.limits); err != nil {
		return err
	}
	value, err := json.Marshal(tx.settings)
	if err != nil {
		return err
	}
	rec := Record{Namespace: namespaceAudience, Key: settingsKey, Value: value, Version: tx.settings.version}
	versions, err := tx.write.PutRecords(ctx, []Record{rec}, audience.MinInstant())
	if err != nil {
		return overtaken(err) // another host opened the audience or brought a field meanwhile
	}
	tx.settings.version = versions[0]
	tx.settingsChanged = false
	return tx.log(ctx, Change{Kind: ChangeSchema})
}

// declare brings the stored settings in line with the options of [Open].
func (tx *Tx) declare(ctx context.Context, opts Options) error {
	if err := tx.checkKeys(ctx, opts.Keys); err != nil {
		return err
	}
	next, changed, err := mergeSchema(tx.settings.Schema, opts.Schema)
	if err != nil {
		return err
	}
	zone := tx.settings.zone
	if opts.Zone != nil {
		zone = opts.Zone
	}
	keyed := tx.settings.Keyed || !opts.Keys.IsZero()
	if !changed && zone.String() == tx.settings.Zone && keyed == tx.settings.Keyed && tx.settings.version != 0 {
		return nil
	}
	zone, err = loadZone(zone.String())
	if err != nil {
		return err
	}
	s := tx.change()
	s.Schema, s.Zone, s.zone, s.Keyed = next, zone.String(), zone, keyed
	return nil
}

// loadZone gives the zone of that name, which is what is stored: a machine's
// local zone and one with a fixed offset and no name mean nothing elsewhere.
func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, &audience.FieldError{Path: "zone", Rule: "name", Hint: "a zone of the IANA database, such as Europe/Berlin"}
	}
	return zone, nil
}

func (tx *Tx) checkKeys(ctx context.Context, keys audience.Keys) error {
	if tx.settings.Keyed && keys.IsZero() {
		return &audience.DeniedError{Rule: "key", Hint: "this audience was opened with keys; give them in Options.Keys"}
	}
	used, err := tx.roles.SuppressionKeys(ctx)
	if err != nil {
		return err
	}
	for _, id := range used {
		if !keys.Has(id) {
			return &audience.DeniedError{Rule: "key", Hint: "suppressions name the key " + fmt.Sprintf("%q", id) + "; give it in Options.Keys"}
		}
	}
	return nil
}

// mergeSchema adds a declaration to what is stored. Nothing is taken away; a
// type that changes is a conflict.
func mergeSchema(stored, declared audience.Schema) (audience.Schema, bool, error) {
	out := stored.Clone()
	declared = declared.Complete()
	m := schemaMerger{out: &out}
	for _, f := range declared.Fields {
		m.field(f)
	}
	for _, e := range declared.Events {
		m.event(e)
	}
	for _, p := range declared.Purposes {
		if !out.HasPurpose(p.Name) {
			out.Purposes = append(out.Purposes, p)
			m.changed = true
		}
	}
	for _, l := range declared.Lists {
		m.list(l)
	}
	m.number()
	return out, m.changed, m.err
}

type schemaMerger struct {
	out     *audience.Schema
	changed bool
	err     error
}

func (m *schemaMerger) conflict(what, name string) {
	if m.err == nil {
		m.err = &audience.ConflictError{Kind: "schema", Hint: what + " " + name + " is stored with another type; declare that type or use another name"}
	}
}

func (m *schemaMerger) field(f audience.Field) {
	at := func(name string) int {
		return slices.IndexFunc(m.out.Fields, func(o audience.Field) bool { return o.Name == name })
	}
	i := at(f.Name)
	if i < 0 && f.Renamed != "" {
		i = at(f.Renamed)
	}
	if i < 0 {
		m.out.Fields = append(m.out.Fields, audience.Field{Name: f.Name, Type: f.Type, Owner: f.Owner})
		m.changed = true
		return
	}
	o := &m.out.Fields[i]
	if o.Type != f.Type {
		m.conflict("field", f.Name)
		return
	}
	if o.Name != f.Name || o.Owner != f.Owner {
		o.Name, o.Owner = f.Name, f.Owner
		m.changed = true
	}
}

func (m *schemaMerger) event(e audience.EventType) {
	i := slices.IndexFunc(m.out.Events, func(o audience.EventType) bool { return o.Name == e.Name })
	if i < 0 {
		m.out.Events = append(m.out.Events, audience.EventType{Name: e.Name})
		m.changed = true
		i = len(m.out.Events) - 1
	}
	o := &m.out.Events[i]
	for _, p := range e.Props {
		m.prop(o, p)
	}
}

func (m *schemaMerger) prop(e *audience.EventType, p audience.Prop) {
	at := func(name string) int {
		return slices.IndexFunc(e.Props, func(o audience.Prop) bool { return o.Name == name })
	}
	i := at(p.Name)
	if i < 0 && p.Renamed != "" {
		i = at(p.Renamed)
	}
	if i < 0 {
		e.Props = append(e.Props, audience.Prop{Name: p.Name, Type: p.Type})
		m.changed = true
		return
	}
	o := &e.Props[i]
	if o.Type != p.Type {
		m.conflict("property", e.Name+"."+p.Name)
		return
	}
	if o.Name != p.Name {
		o.Name = p.Name
		m.changed = true
	}
}

func (m *schemaMerger) list(l audience.List) {
	i := slices.IndexFunc(m.out.Lists, func(o audience.List) bool { return o.Name == l.Name })
	switch {
	case i < 0:
		m.out.Lists = append(m.out.Lists, l)
		m.changed = true
	case m.out.Lists[i].Kind != l.Kind || purposeOf(m.out.Lists[i]) != purposeOf(l):
		m.conflict("list", l.Name)
	case m.out.Lists[i] != l:
		m.out.Lists[i] = l
		m.changed = true
	}
}

// purposeOf gives the purpose a topic serves.
func purposeOf(l audience.List) string { return cmp.Or(l.Purpose, audience.PurposeMarketing) }

// number gives what is new the next stable numbers.
func (m *schemaMerger) number() {
	var field audience.FieldID
	for _, f := range m.out.Fields {
		field = max(field, f.ID)
	}
	for i := range m.out.Fields {
		if m.out.Fields[i].ID == 0 {
			field++
			m.out.Fields[i].ID = field
		}
	}
	var event audience.EventTypeID
	for _, e := range m.out.Events {
		event = max(event, e.ID)
	}
	for i := range m.out.Events {
		e := &m.out.Events[i]
		if e.ID == 0 {
			event++
			e.ID = event
		}
		numberProps(e)
	}
}

func numberProps(e *audience.EventType) {
	var prop audience.PropID
	for _, p := range e.Props {
		prop = max(prop, p.ID)
	}
	for i := range e.Props {
		if e.Props[i].ID == 0 {
			prop++
			e.Props[i].ID = prop
		}
	}
}
