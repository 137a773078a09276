package segment

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func TestBatchRoundTrip(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		p := newBatchPlan(1+r.Uint64N(1<<40), 1+r.Uint64N(1<<60))
		var want []Transition
		at := r.Int64N(1<<50) - 1<<49
		for range 1 + r.IntN(60) {
			newTick := len(want) == 0 || r.IntN(3) == 0
			if newTick && len(want) > 0 {
				at += r.Int64N(1 << 30)
			}
			m := move{
				segment: string(rune('a' + r.IntN(5))), contact: 1 + r.Uint32N(1+r.Uint32N(math.MaxUint32-1)), entered: r.IntN(2) == 0,
				causes: Causes(1 + r.IntN(int(causesAll))),
			}
			require.True(t, p.fits(&m))
			p.add(at, newTick, &m)
			want = append(want, Transition{
				Number: p.header.first + uint64(len(want)), Segment: m.segment, Contact: audience.ContactID(m.contact),
				Entered: m.entered, At: audience.FromMicros(at), Causes: m.causes,
			})
		}
		records := p.records()
		require.Equal(t, numberKey(p.header.batch), records[0].Key)
		h, err := decodeBatchHeader(p.header.batch, records[0].Value)
		require.NoError(t, err)
		require.Equal(t, &p.header, h)
		got, err := h.decodeBatch(records[1:])
		require.NoError(t, err)
		require.Equal(t, want, got)

		// Whatever byte is missing or too many, it is noticed.
		for _, rec := range records {
			for end := range rec.Value {
				require.Error(t, decodeAny(h, &rec, rec.Value[:end]))
			}
			require.Error(t, decodeAny(h, &rec, append(slices.Clone(rec.Value), 0)))
		}
	}
}

func decodeAny(h *batchHeader, rec *store.Record, value []byte) error {
	if rec.Namespace == spaceBatches {
		return second(decodeBatchHeader(h.batch, value))
	}
	return second(h.decodeEntries(value, uint32(rec.Contact), nil))
}

func TestDamagedBatches(t *testing.T) {
	p := newBatchPlan(3, 1)
	for i := range uint32(2) {
		m := in("vip", 7+i)
		p.add(5, i == 0, &m)
	}
	records := p.records()[1:]
	change := func(by func(r *store.Record)) []store.Record {
		out := slices.Clone(records)
		by(&out[1])
		return out
	}
	for name, damaged := range map[string][]store.Record{
		"of nobody":         change(func(r *store.Record) { r.Contact, r.Key = 0, moveKey(3, 0) }),
		"of somebody else":  change(func(r *store.Record) { r.Contact = 9 }),
		"of another batch":  change(func(r *store.Record) { r.Key = moveKey(4, 8) }),
		"a number twice":    change(func(r *store.Record) { r.Value = records[0].Value }),
		"beyond the count":  change(func(r *store.Record) { r.Value = []byte{1, 1, 2, 0, 1, 1} }),
		"an unknown tick":   change(func(r *store.Record) { r.Value = []byte{1, 1, 1, 1, 1, 1} }),
		"an unknown name":   change(func(r *store.Record) { r.Value = []byte{1, 1, 1, 0, 2, 1} }),
		"an offset twice":   change(func(r *store.Record) { r.Value = []byte{1, 2, 1, 0, 1, 1, 0, 0, 1, 1} }),
		"a long number":     change(func(r *store.Record) { r.Value = []byte{1, 1, 0x81, 0, 0, 1, 1} }),
		"too many of a few": change(func(r *store.Record) { r.Value = []byte{1, 3, 1, 0, 1, 1} }),
		"empty":             change(func(r *store.Record) { r.Value = nil }),
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, second(p.header.decodeBatch(damaged)), audience.ErrInvalid)
		})
	}
	require.NoError(t, second(p.header.decodeBatch(records)))
}

func TestPageRoundTrip(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 8))
		var p memberPage
		want := map[uint16]bool{}
		for range r.IntN(1 << r.IntN(18)) {
			bit, in := uint16(r.Uint32()), r.IntN(4) > 0
			p.set(bit, in)
			if in {
				want[bit] = true
			} else {
				delete(want, bit)
			}
		}
		if seed%10 == 0 {
			p.set(0, true)
			p.set(65_535, true)
			want[0], want[65_535] = true, true
		}
		b := p.encode()
		require.LessOrEqual(t, len(b), 2+8*pageWords)
		got, err := decodePage(b)
		require.NoError(t, err)
		require.Equal(t, &p, got)
		require.Equal(t, len(want), p.len())
		n := 0
		for bit := range p.all() {
			require.True(t, want[bit])
			n++
		}
		require.Equal(t, len(want), n)
	}
	for name, b := range map[string][]byte{
		"empty": nil, "form": {1, 2, 0}, "short": {1, 1, 0}, "beyond": {1, 0, 2, 0xff, 0xff, 3, 0}, "rest": {1, 0, 0, 0}, "fewer": {1, 0, 2, 5},
	} {
		require.ErrorIs(t, second(decodePage(b)), audience.ErrInvalid, name)
	}
	require.ErrorIs(t, second(decodePage([]byte{2, 0, 0})), audience.ErrUnsupported)
}

// What can be decoded is what is encoded again; nothing panics, and nothing
// is made that is larger than what was given allows.
func FuzzLogCodecs(f *testing.F) {
	p := newBatchPlan(3, 1)
	for i := range uint32(9) {
		m := in(string(rune('a'+i%3)), 7+i%2)
		p.add(int64(i), true, &m)
	}
	for _, rec := range p.records() {
		f.Add(rec.Value)
	}
	var page memberPage
	f.Add(page.encode())
	for i := range uint16(20_000) {
		page.set(3*i, true)
	}
	f.Add(page.encode())
	f.Add([]byte(`{"v":1,"number":3,"batch":2,"firstNumber":1,"firstBatch":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeBatchHeader(3, b); err == nil {
			require.Equal(t, b, h.encode())
			require.LessOrEqual(t, len(h.ats)+len(h.names), 2*batchMoves)
		}
		if moves, err := p.header.decodeEntries(b, 7, nil); err == nil {
			require.LessOrEqual(t, len(moves), len(b))
			var entries []batchEntry
			for _, m := range moves {
				tick := slices.IndexFunc(p.header.ats, func(at int64) bool { return at == audience.Micros(m.At) })
				entries = append(entries, batchEntry{
					offset: m.Number - 1, tick: uint64(tick), segment: uint64(slices.Index(p.header.names, m.Segment)), entered: m.Entered, causes: m.Causes,
				})
			}
			require.Equal(t, b, encodeEntries(entries))
		}
		if p, err := decodePage(b); err == nil {
			again, err := decodePage(p.encode())
			require.NoError(t, err)
			require.Equal(t, p, again)
		}
		var h logHead
		if decodeState(b, "head", &h) == nil {
			require.Equal(t, headFormat, h.Format)
		}
	})
}
