package columns

import (
	"iter"
	"math"

	"github.com/audiencekit/audiencekit/audience"
)

// ledger holds the chains of consent, each under the contact it was written
// under, with what the fold looks at.
type ledger struct {
	scopes  []audience.Scope
	numbers map[audience.Scope]uint32
	pages   []*ledgerPage
}

// ledgerPage has the chains of 65,536 contacts.
type ledgerPage struct {
	blocks
	records []ledgerRecord
}

// ledgerRecord is one record in 24 bytes.
type ledgerRecord struct {
	acted   int64
	expires int64 // never is none; of a retraction, which does not expire, the number of the record it takes back
	seq     uint32
	what    uint32 // the kind, what speaks for it, and the number of the scope
}

const (
	never = math.MaxInt64

	kindBits    = 0xf
	affirms     = 1 << 4
	confirms    = 1 << 5
	hasEvidence = 1 << 6
	scopeShift  = 8
)

func (l *ledger) number(s audience.Scope) uint32 {
	if n, ok := l.numbers[s]; ok {
		return n
	}
	if l.numbers == nil {
		l.numbers = make(map[audience.Scope]uint32)
	}
	n := uint32(len(l.scopes))
	l.scopes = append(l.scopes, s)
	l.numbers[s] = n
	return n
}

func (l *ledger) compact(r *audience.ConsentRecord) ledgerRecord {
	out := ledgerRecord{
		acted: audience.Micros(r.Acted), expires: never,
		seq: uint32(min(r.Seq, math.MaxUint32)), what: uint32(r.Kind)&kindBits | l.number(r.Scope)<<scopeShift,
	}
	switch {
	case r.Kind == audience.ConsentRetracted:
		out.expires = int64(min(r.Retracts, math.MaxUint32))
	case !r.Expires.IsZero():
		out.expires = audience.Micros(r.Expires)
	}
	for _, flag := range []struct {
		is  bool
		bit uint32
	}{{r.Mechanism.Affirms(), affirms}, {r.Mechanism.Confirms(), confirms}, {r.HasEvidence(), hasEvidence}} {
		if flag.is {
			out.what |= flag.bit
		}
	}
	return out
}

// record gives one that folds as the one it was made of.
func (l *ledger) record(contact uint32, r ledgerRecord) audience.ConsentRecord {
	out := audience.ConsentRecord{
		Contact: audience.ContactID(contact), Seq: uint64(r.seq), Kind: audience.ConsentKind(r.what & kindBits),
		Scope: l.scopes[r.what>>scopeShift], Acted: audience.FromMicros(r.acted),
	}
	switch {
	case out.Kind == audience.ConsentRetracted:
		out.Retracts = uint64(r.expires)
	case r.expires != never:
		out.Expires = audience.FromMicros(r.expires)
	}
	switch {
	case r.what&confirms != 0:
		out.Mechanism = audience.MechanismDoubleOptIn
	case r.what&affirms != 0:
		out.Mechanism = audience.MechanismAttested
	}
	if r.what&hasEvidence != 0 {
		out.Evidence[0] = 1
	}
	return out
}

func (l *ledger) chain(id uint32) []ledgerRecord {
	i := int(id >> pageBits)
	if i >= len(l.pages) || l.pages[i] == nil {
		return nil
	}
	start, n := l.pages[i].at(id & (pageSize - 1))
	return l.pages[i].records[start : start+n : start+n]
}

func (l *ledger) own(id uint32) *ledgerPage {
	i := int(id >> pageBits)
	for len(l.pages) <= i {
		l.pages = append(l.pages, nil)
	}
	if l.pages[i] == nil {
		l.pages[i] = &ledgerPage{}
	}
	return l.pages[i]
}

func (l *ledger) append(id uint32, records ...audience.ConsentRecord) error {
	if len(records) == 0 {
		return nil
	}
	p := l.own(id)
	low := id & (pageSize - 1)
	_, n := p.at(low)
	start, err := p.resize(p, low, n+uint32(len(records)))
	if err != nil {
		return err
	}
	for i := range records {
		p.records[start+n+uint32(i)] = l.compact(&records[i])
	}
	return nil
}

func (l *ledger) forget(id uint32) {
	if len(l.chain(id)) > 0 {
		p := l.own(id)
		_, _ = p.resize(p, id&(pageSize-1), 0)
	}
}

func (l *ledger) trim() {
	for _, p := range l.pages {
		if p != nil {
			p.trim(p)
		}
	}
}

func (p *ledgerPage) renew(size uint32, each func(move func(from, to, n uint32))) {
	records := make([]ledgerRecord, size)
	each(func(from, to, n uint32) { copy(records[to:to+n], p.records[from:from+n]) })
	p.records = records
}

func (p *ledgerPage) move(from, to, n uint32) { copy(p.records[to:to+n], p.records[from:from+n]) }

func (l *ledger) bytes() int {
	n := 8*cap(l.pages) + 100*len(l.scopes)
	for _, p := range l.pages {
		if p != nil {
			n += p.bytes() + 24*cap(p.records)
		}
	}
	return n
}

// History gives the ledger of a contact and of those merged into her, with
// what a fold looks at: it folds as the store's own does. It is empty when
// the ledger is not kept.
func (t *Table) History(id uint32) audience.History {
	var h audience.History
	t.history(id, &h, len(t.lineages.winner))
	return h
}

// Histories gives [Table.History] of every contact of whom something is
// recorded, in ascending order. A history is valid until the next one.
func (t *Table) Histories() iter.Seq2[uint32, *audience.History] {
	return func(yield func(uint32, *audience.History) bool) {
		if t.ledger == nil {
			return
		}
		var h audience.History
		depth := len(t.lineages.winner)
		for id := range t.presence.All {
			if len(t.ledger.chain(id)) == 0 && (depth == 0 || len(t.lineages.merges[id]) == 0) {
				continue
			}
			t.history(id, &h, depth)
			if !yield(id, &h) {
				return
			}
		}
	}
}

// history fills a history, using its memory again.
func (t *Table) history(id uint32, h *audience.History, depth int) {
	h.Records, h.Merged = h.Records[:0], h.Merged[:0]
	if t.ledger == nil {
		return
	}
	for _, r := range t.ledger.chain(id) {
		h.Records = append(h.Records, t.ledger.record(id, r))
	}
	if depth == 0 {
		return
	}
	for _, m := range t.lineages.merges[id] {
		merged := audience.MergedHistory{At: audience.FromMicros(m.at), Seq: m.seq}
		t.history(m.loser, &merged.History, depth-1)
		h.Merged = append(h.Merged, merged)
	}
}
