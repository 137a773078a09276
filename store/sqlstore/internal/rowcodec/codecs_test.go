package rowcodec_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

// codec is one kind of blob.
type codec struct {
	name string
	// random gives a row and its blob behind a prefix.
	random func(r random, prefix []byte) (row any, blob []byte)
	// again reads a blob as the row it was made of, or of anything.
	again func(like any, b []byte) (any, error)
	// encode makes the blob of a row that again gave.
	encode func(row any) []byte
}

func codecs() []codec {
	return []codec{
		{
			name:   "contact",
			random: func(r random, p []byte) (any, []byte) { c := r.contact(); return c, rowcodec.AppendContact(p, &c) },
			again: func(like any, b []byte) (any, error) {
				c, _ := like.(audience.Contact)
				return anything(rowcodec.Contact(b, c.ID, c.Version))
			},
			encode: func(row any) []byte { c := row.(audience.Contact); return rowcodec.AppendContact(nil, &c) },
		},
		{
			name: "event",
			random: func(r random, p []byte) (any, []byte) {
				e := r.event()
				return e.Props, rowcodec.AppendProps(p, e.Props)
			},
			again:  func(_ any, b []byte) (any, error) { return anything(rowcodec.Props(b)) },
			encode: func(row any) []byte { return rowcodec.AppendProps(nil, row.([]audience.EventProp)) },
		},
		{
			name: "membership",
			random: func(r random, p []byte) (any, []byte) {
				m := r.membership()
				return m, rowcodec.AppendMembership(p, &m)
			},
			again: func(like any, b []byte) (any, error) {
				m, _ := like.(store.Membership)
				return anything(rowcodec.Membership(b, m.List, m.Origin, m.At))
			},
			encode: func(row any) []byte { m := row.(store.Membership); return rowcodec.AppendMembership(nil, &m) },
		},
		{
			name:   "merge",
			random: func(r random, p []byte) (any, []byte) { m := r.merge(); return m, rowcodec.AppendMerge(p, &m) },
			again: func(like any, b []byte) (any, error) {
				m, _ := like.(store.Merge)
				return anything(rowcodec.Merge(b, m.Loser, m.Winner, m.Number))
			},
			encode: func(row any) []byte { m := row.(store.Merge); return rowcodec.AppendMerge(nil, &m) },
		},
		{
			name:   "ledger record",
			random: func(r random, p []byte) (any, []byte) { c := r.record(); return c, rowcodec.AppendRecord(p, &c) },
			again:  func(_ any, b []byte) (any, error) { return anything(rowcodec.Record(b)) },
			encode: func(row any) []byte { c := row.(audience.ConsentRecord); return rowcodec.AppendRecord(nil, &c) },
		},
		{
			name: "suppression",
			random: func(r random, p []byte) (any, []byte) {
				s := r.suppression()
				return s, rowcodec.AppendSuppression(p, &s)
			},
			again: func(like any, b []byte) (any, error) {
				s, _ := like.(audience.Suppression)
				return anything(rowcodec.Suppression(b, s.Hash, s.Reason))
			},
			encode: func(row any) []byte { s := row.(audience.Suppression); return rowcodec.AppendSuppression(nil, &s) },
		},
		{
			name: "changes",
			random: func(r random, p []byte) (any, []byte) {
				c := r.changes()
				return c, append(p, rowcodec.AppendChanges(nil, c)...)
			},
			again:  func(_ any, b []byte) (any, error) { return anything(rowcodec.Changes(b)) },
			encode: func(row any) []byte { return rowcodec.AppendChanges(nil, row.([]store.Change)) },
		},
	}
}

func anything[T any](row T, err error) (any, error) { return row, err }

// requireRoundTrip checks what holds for every row.
func requireRoundTrip(t *testing.T, seed uint64) {
	t.Helper()
	for _, c := range codecs() {
		row, blob := c.random(newRandom(seed), []byte("prefix"))
		require.True(t, bytes.HasPrefix(blob, []byte("prefix")), c.name)
		blob = blob[len("prefix"):]
		given := bytes.Clone(blob)
		got, err := c.again(row, blob)
		require.NoError(t, err, "%s of seed %d", c.name, seed)
		clear(blob) // a buffer that is used again
		require.Equal(t, row, got, "%s of seed %d", c.name, seed)
		require.Equal(t, given, c.encode(got), "%s of seed %d: equal rows give equal bytes", c.name, seed)
	}
}

func TestRoundTrip(t *testing.T) {
	for seed := range uint64(600) {
		requireRoundTrip(t, seed)
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(requireRoundTrip)
}

// requireSound checks what holds for whatever bytes.
func requireSound(t *testing.T, c codec, b []byte) {
	t.Helper()
	row, err := c.again(nil, b)
	if err != nil {
		var damage *rowcodec.DamageError
		require.ErrorAs(t, err, &damage, c.name)
		require.Equal(t, c.name, damage.Row)
		require.LessOrEqual(t, damage.Offset, len(b))
		require.Zero(t, row, "no half rows")
		return
	}
	if rows, ok := row.([]store.Change); ok && rows == nil {
		require.Len(t, b, 1, "a version alone has no changes")
	}
	once := c.encode(row)
	require.LessOrEqual(t, len(once), len(b), "%s: no form is shorter than the encoder's", c.name)
	again, err := c.again(nil, once)
	require.NoError(t, err, c.name)
	require.Equal(t, once, c.encode(again), c.name)
}

func fuzzCodec(f *testing.F, name string) {
	f.Helper()
	for _, c := range codecs() {
		if c.name != name {
			continue
		}
		f.Add(c.encode(pinned()[c.name]))
		for seed := range uint64(100) {
			if _, blob := c.random(newRandom(seed), nil); len(blob) < 2000 {
				f.Add(blob)
			}
		}
		f.Fuzz(func(t *testing.T, b []byte) { requireSound(t, c, b) })
	}
}

func FuzzContact(f *testing.F)     { fuzzCodec(f, "contact") }
func FuzzProps(f *testing.F)       { fuzzCodec(f, "event") }
func FuzzMembership(f *testing.F)  { fuzzCodec(f, "membership") }
func FuzzMerge(f *testing.F)       { fuzzCodec(f, "merge") }
func FuzzRecord(f *testing.F)      { fuzzCodec(f, "ledger record") }
func FuzzSuppression(f *testing.F) { fuzzCodec(f, "suppression") }
func FuzzChanges(f *testing.F)     { fuzzCodec(f, "changes") }

// TestDamage cuts blobs at every length, flips bits and adds bytes.
func TestDamage(t *testing.T) {
	for _, c := range codecs() {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(60) {
				_, blob := c.random(newRandom(seed), nil)
				if len(blob) > 1500 {
					continue
				}
				for i := range blob {
					if c.name == "changes" { // which may end after any of them
						requireSound(t, c, blob[:i])
					} else {
						_, err := c.again(nil, blob[:i])
						require.Error(t, err, "%d of %d bytes", i, len(blob))
					}
					damaged := bytes.Clone(blob)
					damaged[i] ^= 1 << (seed % 8)
					requireSound(t, c, damaged)
				}
				_, err := c.again(nil, append(blob, 0))
				require.Error(t, err, "a byte too many")
			}
		})
	}
}

func TestVersions(t *testing.T) {
	for _, c := range codecs() {
		_, blob := c.random(newRandom(1), nil)
		require.EqualValues(t, 1, blob[0], c.name)
		for _, version := range []byte{2, 255} {
			blob[0] = version
			_, err := c.again(nil, blob)
			require.Equal(t, &rowcodec.DamageError{Row: c.name, Version: version}, err)
			require.ErrorContains(t, err, "run the version that wrote it")
		}
		for _, b := range [][]byte{nil, {}, {0}} {
			_, err := c.again(nil, b)
			require.Error(t, err, "%s of % x", c.name, b)
			require.ErrorContains(t, err, "is damaged at byte 0")
		}
	}
}

// TestErrorsSayNothing wants no content in an error.
func TestErrorsSayNothing(t *testing.T) {
	c := audience.Contact{
		Addresses: []audience.Address{audience.MustAddress("jane@example.com")}, FirstName: audience.NewPrivate("Jane"),
		Fields: []audience.FieldValue{{ID: 1, Value: audience.StringValue("jane's secret")}},
	}
	blob := rowcodec.AppendContact(nil, &c)
	for i := 1; i < len(blob); i++ {
		_, err := rowcodec.Contact(blob[:i], 77_123, 1)
		require.Error(t, err)
		require.NotContains(t, strings.ToLower(err.Error()), "jane")
		require.NotContains(t, err.Error(), "77")
	}
}

// TestLengthsThatLie wants no memory for what is only said to come.
func TestLengthsThatLie(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	for _, c := range codecs() {
		_, blob := c.random(newRandom(3), nil)
		for i := 1; i < min(len(blob), 200); i++ {
			lie := append(bytes.Clone(blob[:i]), huge...)
			lie = append(lie, make([]byte, 2000)...)
			allocated := bytesOf(func() { _, _ = c.again(nil, lie) })
			most := 100_000
			if c.name == "changes" { // three bytes may be a whole change
				most = 250 * len(lie)
			}
			require.Less(t, allocated, uint64(most), "%s with a lie at byte %d", c.name, i)
		}
	}
}

// TestManyThatDoNotCome says that as many events come as there is room for.
func TestManyThatDoNotCome(t *testing.T) {
	const room = 60_000
	blob := []byte{1, byte(store.ChangeUnmerge), 0x80, 0x08, 9}
	blob = binary.AppendUvarint(blob, room/6+1)
	blob = append(blob, bytes.Repeat([]byte{0xff}, room)...)
	require.Less(t, bytesOf(func() {
		_, err := rowcodec.Changes(blob)
		require.ErrorContains(t, err, "the stored changes is damaged")
	}), uint64(room))
}

// TestOtherForms wants no form but the encoder's for the same content.
func TestOtherForms(t *testing.T) {
	tests := []struct {
		name, codec string
		sound, bad  []byte
	}{
		{"a number longer than it has to be", "suppression", []byte{1, 0, 0, 0, 0, 0, 0}, []byte{1, 0x80, 0, 0, 0, 0, 0, 0}},
		{"a number of more than 64 bits", "event", []byte{1, 2, 1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, []byte{1, 2, 1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}},
		{"an id of more than 32 bits", "event", []byte{1, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}, []byte{1, 2, 0xff, 0xff, 0xff, 0xff, 0x1f, 0}},
		{"a third truth", "event", []byte{1, 2, 1, 4, 1}, []byte{1, 2, 1, 4, 2}},
		{"an unknown type of value", "event", []byte{1, 2, 1, 7, 0}, []byte{1, 2, 1, 8, 0}},
		{"a day beyond 32 bits", "event", []byte{1, 2, 1, 6, 0xfe, 0xff, 0xff, 0xff, 0x0f}, []byte{1, 2, 1, 6, 0x80, 0x80, 0x80, 0x80, 0x10}},
		{"a day before 32 bits", "event", []byte{1, 2, 1, 6, 0xff, 0xff, 0xff, 0xff, 0x0f}, []byte{1, 2, 1, 6, 0x81, 0x80, 0x80, 0x80, 0x10}},
		{"an unknown member of a change", "changes", []byte{1, 1, 0x80, 0x10, 9}, []byte{1, 1, 0x80, 0x20, 9}},
		{"an unknown member of an event", "changes", []byte{1, 2, 4, 9, 1, 9, 0, 0, 0, 0}, []byte{1, 2, 4, 9, 9, 9, 0, 0, 0, 0}},
		{"an origin that did not come before", "contact", []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0}, []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 0}},
		{"an address without a domain", "contact", append([]byte{1, 0, 0, 2, 5}, "a@b.c\x00\x00\x00\x00\x00\x00\x00\x00"...), append([]byte{1, 0, 0, 2, 5}, "a@bcd\x00\x00\x00\x00\x00\x00\x00\x00"...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, c := range codecs() {
				if c.name != tt.codec {
					continue
				}
				row, err := c.again(nil, tt.sound)
				require.NoError(t, err)
				require.Equal(t, tt.sound, c.encode(row))
				_, err = c.again(nil, tt.bad)
				require.Error(t, err)
			}
		})
	}
}

// bytesOf gives how many bytes a call allocates.
func bytesOf(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestOneForm wants equal bytes for rows that are equal, however they are made.
func TestOneForm(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 1000, time.UTC)
	shared := &audience.Provenance{Source: audience.Source{Name: "job"}, At: at}
	copied := *shared
	copied.At = at.In(time.FixedZone("somewhere", 3600)).Add(1) // the same microsecond
	row := func(a, b *audience.Provenance, when time.Time) []byte {
		return rowcodec.AppendContact(nil, &audience.Contact{
			CreatedAt: when, UpdatedAt: when, Tags: []audience.Tag{{Name: "a", Origin: a}, {Name: "b", Origin: b}},
		})
	}
	want := row(shared, shared, at)
	require.Equal(t, want, row(shared, &copied, at))
	require.Equal(t, want, row(&copied, shared, copied.At))
	require.NotEqual(t, want, row(shared, nil, at))
	c, err := rowcodec.Contact(want, 1, 1)
	require.NoError(t, err)
	require.Same(t, c.Tags[0].Origin, c.Tags[1].Origin)
	require.Equal(t, *shared, *c.Tags[0].Origin)
	require.Equal(t, time.UTC, c.CreatedAt.Location())
}

// TestManyOrigins has more than are looked at one by one, each twice.
func TestManyOrigins(t *testing.T) {
	var c audience.Contact
	for i := range 500 {
		p := audience.Provenance{Source: audience.Source{Name: strings.Repeat("n", i%5)}, At: audience.FromMicros(int64(i % 250))}
		c.Fields = append(c.Fields, audience.FieldValue{ID: audience.FieldID(i + 1), Value: audience.IntValue(1), Origin: &p})
	}
	blob := rowcodec.AppendContact(nil, &c)
	got, err := rowcodec.Contact(blob, 0, 0)
	require.NoError(t, err)
	require.Equal(t, c, got)
	distinct := map[*audience.Provenance]bool{}
	for _, f := range got.Fields {
		distinct[f.Origin] = true
	}
	want := map[audience.Provenance]bool{}
	for _, f := range c.Fields {
		want[*f.Origin] = true
	}
	require.Len(t, want, 250)
	require.Len(t, distinct, len(want))
}

// TestLargeRows reads rows whose texts do not share memory.
func TestLargeRows(t *testing.T) {
	c := audience.Contact{
		FirstName: audience.NewPrivate("Jane"),
		Fields:    []audience.FieldValue{{ID: 1, Value: audience.StringValue(strings.Repeat("é", 32_768))}, {ID: 2, Value: audience.DoubleValue(math.Pi)}},
	}
	blob := rowcodec.AppendContact(nil, &c)
	got, err := rowcodec.Contact(blob, 0, 0)
	require.NoError(t, err)
	clear(blob)
	require.Equal(t, c, got)
}

func TestNotANumber(t *testing.T) {
	for _, bits := range []uint64{0x7ff8_0000_0000_0001, 0xfff8_0000_0000_00aa, math.Float64bits(math.NaN())} {
		blob := rowcodec.AppendProps(nil, []audience.EventProp{{ID: 1, Value: audience.DoubleValue(math.Float64frombits(bits))}})
		props, err := rowcodec.Props(blob)
		require.NoError(t, err)
		f, ok := props[0].Value.Double()
		require.True(t, ok)
		require.Equal(t, bits, math.Float64bits(f))
	}
}

// TestInstantsOutOfRange are cut to the edge: nothing above lets them through.
func TestInstantsOutOfRange(t *testing.T) {
	for _, tt := range []struct{ in, out time.Time }{
		{audience.MaxInstant().Add(time.Hour), audience.MaxInstant()},
		{time.Unix(1<<61, 0), audience.MaxInstant()},
		{audience.MinInstant().Add(-time.Hour), time.Time{}},
		{time.Unix(-1<<61, 0), time.Time{}},
	} {
		s := audience.Suppression{At: tt.in}
		got, err := rowcodec.Suppression(rowcodec.AppendSuppression(nil, &s), s.Hash, s.Reason)
		require.NoError(t, err)
		require.Equal(t, tt.out, got.At)
	}
}

// TestChangesGrow appends to a blob call by call.
func TestChangesGrow(t *testing.T) {
	var all []store.Change
	var blob []byte
	for seed := range uint64(30) {
		some := newRandom(seed).changes()
		all, blob = append(all, some...), rowcodec.AppendChanges(blob, some)
		require.Equal(t, rowcodec.AppendChanges(nil, all), blob)
	}
	got, err := rowcodec.Changes(blob)
	require.NoError(t, err)
	require.Equal(t, all, got)
	got, err = rowcodec.Changes(rowcodec.AppendChanges(nil, nil))
	require.NoError(t, err)
	require.Empty(t, got)
}
