package bitset_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment/internal/bitset"
)

func marshal(t require.TestingT, s bitset.Set) []byte {
	var out bytes.Buffer
	require.NoError(t, s.MarshalTo(&out))
	return out.Bytes()
}

func TestSetsComeBackFromTheirBytes(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		want := draw(r)
		written := marshal(t, bitset.Of(want.sorted()...))

		in := bytes.NewReader(append(written, 1, 2, 3))
		got, err := bitset.ReadSet(in, math.MaxUint32)
		require.NoError(t, err)
		requireSame(t, want, got)
		require.Equal(t, 3, in.Len(), "what follows is not touched")
		require.Equal(t, written, marshal(t, got))

		if ids := want.sorted(); len(ids) > 0 {
			last := ids[len(ids)-1]
			_, err = bitset.ReadSet(bytes.NewReader(written), last)
			require.NoError(t, err)
			if last > 0 {
				_, err = bitset.ReadSet(bytes.NewReader(written), last-1)
				require.ErrorIs(t, err, bitset.ErrMalformed)
			}
		}
	}
}

func TestFrozenSetsHaveTheBytesOfTheirEquals(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 3))
	for range 20 {
		want := draw(r)
		var l bitset.Live
		for id := range want {
			l.Set(id, true)
		}
		require.Equal(t, marshal(t, bitset.Of(want.sorted()...)), marshal(t, l.Freeze().Set()))
	}
}

func TestReadSetRefusesWhatIsCutOff(t *testing.T) {
	written := marshal(t, bitset.Of(1, 2, 3, 70_000))
	for n := range written {
		_, err := bitset.ReadSet(bytes.NewReader(written[:n]), math.MaxUint32)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, n)
	}
	broken := errors.New("disk")
	_, err := bitset.ReadSet(io.MultiReader(bytes.NewReader(written[:9]), iotest.ErrReader(broken)), math.MaxUint32)
	require.ErrorIs(t, err, broken)
}

func TestReadSetRefusesWhatIsNoSet(t *testing.T) {
	const noRuns, runs = 12346, 12347
	u16 := func(values ...uint16) []byte { return must(binary.Append(nil, binary.LittleEndian, values)) }
	u32 := func(values ...uint32) []byte { return must(binary.Append(nil, binary.LittleEndian, values)) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	words := make([]byte, 8_192)
	for i := range 5_000 {
		words[i] = 1
	}
	tests := []struct {
		name    string
		payload []byte
		want    string // empty: fine
	}{
		{name: "fine", payload: join(u32(noRuns, 1), u16(0, 1), u32(16), u16(5, 6))},
		{name: "fine runs", payload: join(u32(runs), []byte{1}, u16(0, 9), u16(1, 5, 9))},
		{name: "fine bitmap", payload: join(u32(noRuns, 1), u16(0, 4_999), u32(16), words)},
		{name: "nothing", want: "too short"},
		{name: "no cookie", payload: u32(7, 0), want: "no cookie"},
		{name: "bytes after the end", payload: append(u32(noRuns, 0), 0), want: "after the end"},
		{name: "more containers than ids", payload: u32(noRuns, 3), want: "too many containers"},
		{name: "containers missing", payload: u32(noRuns, 2), want: "too short"},
		{name: "containers out of order", payload: join(u32(noRuns, 2), u16(1, 0, 0, 0), u32(24, 26), u16(5, 6)), want: "containers out of order"},
		{name: "container twice", payload: join(u32(noRuns, 2), u16(1, 0, 1, 0), u32(24, 26), u16(5, 6)), want: "containers out of order"},
		{name: "wrong offset", payload: join(u32(noRuns, 1), u16(0, 1), u32(17), u16(5, 6)), want: "wrong offset"},
		{name: "ids out of order", payload: join(u32(noRuns, 1), u16(0, 1), u32(16), u16(6, 5)), want: "ids out of order"},
		{name: "id twice", payload: join(u32(noRuns, 1), u16(0, 1), u32(16), u16(6, 6)), want: "ids out of order"},
		{name: "id too high", payload: join(u32(noRuns, 1), u16(1, 0), u32(16), u16(60_001)), want: "id too high"},
		{name: "ids missing", payload: join(u32(noRuns, 1), u16(0, 1), u32(16), u16(6)), want: "too short"},
		{name: "bitmap of another cardinality", payload: join(u32(noRuns, 1), u16(0, 5_000), u32(16), words), want: "wrong cardinality"},
		{name: "no runs", payload: join(u32(runs), []byte{1}, u16(0, 9), u16(0)), want: "number of runs"},
		{name: "runs of another cardinality", payload: join(u32(runs), []byte{1}, u16(0, 8), u16(1, 5, 9)), want: "wrong cardinality"},
		{name: "run over the end", payload: join(u32(runs), []byte{1}, u16(0, 9), u16(1, 65_530, 9)), want: "runs out of order"},
		{name: "runs that touch", payload: join(u32(runs), []byte{1}, u16(0, 3), u16(2, 5, 1, 7, 1)), want: "runs out of order"},
		{name: "runs that overlap", payload: join(u32(runs), []byte{1}, u16(0, 3), u16(2, 5, 1, 6, 1)), want: "runs out of order"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := append(u32(uint32(len(tt.payload))), tt.payload...)
			got, err := bitset.ReadSet(bytes.NewReader(in), 65_536+60_000)
			if tt.want == "" {
				require.NoError(t, err)
				require.Positive(t, got.Len())
				return
			}
			require.ErrorIs(t, err, bitset.ErrMalformed)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestReadSetBelievesNoLength(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0x7f}
	_, err := bitset.ReadSet(bytes.NewReader(huge), 1_000_000)
	require.ErrorIs(t, err, bitset.ErrMalformed)

	within := []byte{0, 0, 0, 0x10} // 256 MiB, which ids up to the last could take
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = bitset.ReadSet(bytes.NewReader(within), math.MaxUint32)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func FuzzReadSet(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 9))
	for range 12 {
		f.Add(marshal(f, bitset.Of(draw(r).sorted()...))[4:])
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		in := append(binary.LittleEndian.AppendUint32(nil, uint32(len(payload))), payload...)
		const last = 1 << 18
		got, err := bitset.ReadSet(bytes.NewReader(in), last)
		if err != nil {
			require.ErrorIs(t, err, bitset.ErrMalformed)
			return
		}
		n := 0
		var before uint32
		for id := range got.All() {
			if n > 0 && id <= before || id > last || !got.Contains(id) {
				t.Fatal("wrong id", id)
			}
			before = id
			n++
		}
		require.Equal(t, got.Len(), n)
		again, err := bitset.ReadSet(bytes.NewReader(marshal(t, got)), last)
		require.NoError(t, err)
		require.True(t, got.Equal(again))
	})
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
