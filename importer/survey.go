package importer

import (
	"context"
	"hash/maphash"
	"iter"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// survey is what a pass over all rows finds of who they are about: which of
// several rows about one contact counts, and when she was created. A store takes
// that instant only when it creates the contact, which the first of her rows
// does, maybe many batches before the one that says it.
//
// Rows are about the same contact when they share an external id or an address,
// or the store knows both of them as hers. It keeps 4 bytes a row and 32 a
// contact of the file; while it is made some 60 bytes a row more.
type survey struct {
	duplicates DuplicateMode
	group      []int32 // of each row; -1: none
	groups     []fileGroup
}

// fileGroup are the rows about one contact.
type fileGroup struct {
	born        int64 // what the last of them says, in microseconds; 0: nothing
	first, last int32 // numbers of rows
	line        int32 // of the first
	identities  int32
	refusal     audience.Status // the worst that they say, none if none does
}

// skips reports whether another row counts in place of one, with the line of
// the first about the same contact. The nil survey skips nothing.
func (s *survey) skips(n int) (line int, skips bool) {
	g := s.of(n)
	if g == nil {
		return 0, false
	}
	switch s.duplicates {
	case DuplicatesFirst:
		return int(g.line), n != int(g.first)
	case DuplicatesLast:
		return int(g.line), n != int(g.last)
	default:
		return 0, false
	}
}

// says gives the status that counts of a row: a refusal is one, whichever row
// about the contact says it.
func (s *survey) says(n int, status audience.Status) audience.Status {
	if g := s.of(n); g != nil && s.duplicates != DuplicatesMerge && rank(g.refusal) > rank(status) {
		return g.refusal
	}
	return status
}

// birth gives when the contact of a row was created, as the file says last.
func (s *survey) birth(n int) (time.Time, bool) {
	g := s.of(n)
	if g == nil || g.born == 0 {
		return time.Time{}, false
	}
	return audience.FromMicros(g.born), true
}

func (s *survey) of(n int) *fileGroup {
	if s == nil || n >= len(s.group) || s.group[n] < 0 {
		return nil
	}
	return &s.groups[s.group[n]]
}

// surveyor makes a survey.
type surveyor struct {
	survey
	seed    maphash.Seed
	most    int32            // identities that one contact may have
	byName  map[uint64]int32 // the group, by keyed hashes
	byID    map[audience.ContactID]int32
	systems map[string]uint // a bit each, of the first 64
	has     []uint64        // of each group: the systems of which it has an id
}

// makeSurvey goes through all rows. With aud it asks who they are about.
func makeSurvey(ctx context.Context, rows iter.Seq2[*Contact, error], duplicates DuplicateMode, aud *store.Audience, limits Limits) (*survey, error) {
	s := &surveyor{
		survey: survey{duplicates: duplicates}, seed: maphash.MakeSeed(), most: int32(min(aud.Limits().Identities, 1<<20)),
		byName: make(map[uint64]int32), byID: make(map[audience.ContactID]int32), systems: make(map[string]uint),
	}
	var some []*Contact // in a row
	flush := func() error {
		if duplicates == DuplicatesMerge {
			return nil
		}
		defer func() { some = some[:0] }()
		return aud.View(ctx, func(r *store.Reader) error { return s.resolve(ctx, r, some) })
	}
	for c, err := range rows {
		switch {
		case len(s.group)+len(some) > limits.Rows:
			return nil, tooManyRows(limits)
		case err != nil && !isRowError(err):
			return nil, err
		case err != nil:
			c = nil
		}
		if duplicates == DuplicatesMerge {
			s.add(c, nil)
			continue
		}
		if some = append(some, c); len(some) >= limits.BatchRows {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	return &s.survey, flush()
}

// resolve adds rows with who the store knows by their names.
func (s *surveyor) resolve(ctx context.Context, r *store.Reader, rows []*Contact) error {
	var labels []label
	var refs []audience.Ref
	for _, c := range rows {
		if c != nil {
			labels = appendLabels(labels, &c.Write)
		}
	}
	for i := range labels {
		refs = append(refs, labels[i].ref)
	}
	ids, err := r.Resolve(ctx, refs...)
	if err != nil {
		return err
	}
	for _, c := range rows {
		n := 0
		if c != nil {
			n = len(appendLabels(nil, &c.Write))
		}
		s.add(c, ids[:n])
		ids = ids[n:]
	}
	return nil
}

// add adds the next row, nil for one that cannot be read. Like the import it
// leaves out those whose names clash, and those that would give somebody more
// identities than she may have.
func (s *surveyor) add(c *Contact, ids []audience.ContactID) {
	n := int32(len(s.group))
	s.group = append(s.group, -1)
	if c == nil {
		return
	}
	labels := appendLabels(nil, &c.Write)
	hashes := make([]uint64, len(labels))
	who, byAddress := int32(-1), false
	var fresh int32
	var systems uint64
	for i := range labels {
		hashes[i] = s.hash(labels[i].name)
		g, known := s.byName[hashes[i]]
		if !known && len(ids) > 0 && ids[i] != 0 {
			g, known = s.byID[ids[i]]
		}
		switch {
		case !known:
			fresh++
			systems |= s.bit(labels[i].name)
		case who < 0:
			who, byAddress = g, labels[i].isAddress()
		case g != who:
			return
		}
	}
	if who >= 0 && (byAddress && s.has[who]&systems != 0 || s.groups[who].identities+fresh > s.most) {
		return
	}
	if who < 0 {
		who = int32(len(s.groups))
		s.groups = append(s.groups, fileGroup{first: n, line: int32(c.Line)})
		s.has = append(s.has, 0)
	}
	s.group[n] = who
	s.has[who] |= systems
	g := &s.groups[who]
	g.last = n
	g.identities += fresh
	if rank(c.Status) > rank(g.refusal) {
		g.refusal = c.Status
	}
	if !c.Write.CreatedAt.IsZero() {
		g.born = audience.Micros(c.Write.CreatedAt)
	}
	for i := range hashes {
		s.byName[hashes[i]] = who
		if len(ids) > 0 && ids[i] != 0 {
			s.byID[ids[i]] = who
		}
	}
}

func (s *surveyor) hash(n name) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	_, _ = h.WriteString(n.system) // it never fails
	_ = h.WriteByte(0)
	_, _ = h.WriteString(n.id)
	return h.Sum64()
}

// bit stands for the system of an external id, 0 for an address.
func (s *surveyor) bit(n name) uint64 {
	if n.isAddress() {
		return 0
	}
	i, ok := s.systems[n.system]
	if !ok {
		i = uint(len(s.systems))
		s.systems[n.system] = i
	}
	return 1 << i // none beyond the 64th
}
