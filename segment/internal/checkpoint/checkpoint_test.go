package checkpoint_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
)

func key() []byte { return bytes.Repeat([]byte("k"), 32) }

func keyOf(id string) ([]byte, bool) { return key(), id == "main" }

// sealed gives what an encoder writes, sealed with the key.
func sealed(t testing.TB, say func(e *checkpoint.Encoder)) []byte {
	t.Helper()
	var e checkpoint.Encoder
	say(&e)
	var out bytes.Buffer
	require.NoError(t, e.Seal(&out, "main", key()))
	return out.Bytes()
}

func small(e *checkpoint.Encoder) {
	e.Uint(300)
	e.Int(-5)
	e.Bool(true)
	e.Text("a text")
	e.Int64s([]int64{1, -1, math.MaxInt64})
}

// readSmall gives the first error, and wants no wrong value without one.
func readSmall(t testing.TB, file []byte) error {
	t.Helper()
	d, err := checkpoint.NewDecoder(bytes.NewReader(file), keyOf)
	if err != nil {
		return err
	}
	n, i, b, s := d.Uint(1000), d.Int(), d.Bool(), d.Text(100)
	v := d.Int64s(nil, 3)
	if err := d.Close(); err != nil {
		return err
	}
	require.Equal(t, []any{uint64(300), int64(-5), true, "a text", []int64{1, -1, math.MaxInt64}}, []any{n, i, b, s, v})
	return nil
}

// TestRoundTrip writes more than some chunks, with numbers that lie in two.
func TestRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	long := strings.Repeat("long ", 500_000)
	var ints []int64
	var words []uint64
	var floats []float64
	var halves []uint32
	var bools []bool
	for range 300_000 {
		ints, words = append(ints, random.Int64()), append(words, random.Uint64())
		floats, halves = append(floats, random.NormFloat64()), append(halves, random.Uint32())
		bools = append(bools, random.IntN(2) == 0)
	}
	file := sealed(t, func(e *checkpoint.Encoder) {
		for range 3 {
			e.Text(long)
			e.Int64s(ints)
			e.Uint64s(words)
			e.Bool(true)
			e.Float64s(floats)
			e.Uint32s(halves)
			e.Bools(bools)
			for _, n := range ints {
				e.Int(n)
			}
			_, err := e.Write([]byte(long))
			require.NoError(t, err)
		}
	})
	behind := strings.NewReader("what comes behind")
	src := io.MultiReader(iotest.HalfReader(bytes.NewReader(file)), behind)
	d, err := checkpoint.NewDecoder(src, keyOf)
	require.NoError(t, err)
	for range 3 {
		require.Equal(t, long, d.Text(len(long)))
		require.Equal(t, ints, d.Int64s(nil, len(ints)))
		require.Equal(t, words, d.Uint64s(nil, len(words)))
		require.True(t, d.Bool())
		require.Equal(t, floats, d.Float64s(nil, len(floats)))
		require.Equal(t, halves, d.Uint32s(nil, len(halves)))
		require.Equal(t, bools, d.Bools(nil, len(bools)))
		for _, n := range ints {
			require.Equal(t, n, d.Int())
		}
		got := make([]byte, len(long))
		_, err := io.ReadFull(d, got)
		require.NoError(t, err)
		require.Equal(t, long, string(got))
	}
	require.NoError(t, d.Close())
	require.Equal(t, len("what comes behind"), behind.Len(), "no byte beyond the end is read")
}

func TestEmpty(t *testing.T) {
	d, err := checkpoint.NewDecoder(bytes.NewReader(sealed(t, func(*checkpoint.Encoder) {})), keyOf)
	require.NoError(t, err)
	require.NoError(t, d.Close())
}

// TestEveryDamage flips every bit and cuts at every length.
func TestEveryDamage(t *testing.T) {
	file := sealed(t, small)
	require.NoError(t, readSmall(t, file))
	for i := range file {
		require.ErrorIs(t, readSmall(t, file[:i]), checkpoint.ErrTruncated)
		for bit := range 8 {
			damaged := bytes.Clone(file)
			damaged[i] ^= 1 << bit
			require.Error(t, readSmall(t, damaged), "bit %d of byte %d", bit, i)
		}
	}
}

func TestRefused(t *testing.T) {
	file := sealed(t, small)
	chunks := func(fill byte, n int) []byte {
		return sealed(t, func(e *checkpoint.Encoder) { _, _ = e.Write(bytes.Repeat([]byte{fill}, n<<20)) })
	}
	const preamble, chunk = 8 + 2 + 1 + 4 + 16, 5 + 1<<20 + 32
	three, other := chunks(1, 3), chunks(1, 3)
	swapped := bytes.Clone(three)
	copy(swapped[preamble:], three[preamble+chunk:preamble+2*chunk])
	copy(swapped[preamble+chunk:], three[preamble:preamble+chunk])
	spliced := bytes.Clone(three)
	copy(spliced[preamble+chunk:], other[preamble+chunk:preamble+2*chunk])
	without := append(bytes.Clone(three[:preamble]), three[preamble+chunk:]...)
	newer := bytes.Clone(file)
	newer[8]++
	forgedLength := bytes.Clone(file)
	copy(forgedLength[preamble+1:], []byte{0xff, 0xff, 0xff, 0xff})
	tests := []struct {
		name string
		file []byte
		keys func(string) ([]byte, bool)
		want error
	}{
		{"nothing", nil, keyOf, checkpoint.ErrTruncated},
		{"something else", []byte("a page of text that is no checkpoint"), keyOf, checkpoint.ErrFormat},
		{"a newer format", newer, keyOf, checkpoint.ErrFormat},
		{"no such key", file, func(string) ([]byte, bool) { return nil, false }, checkpoint.ErrKey},
		{"another key", file, func(string) ([]byte, bool) { return bytes.Repeat([]byte("x"), 32), true }, checkpoint.ErrDamaged},
		{"chunks in another order", swapped, keyOf, checkpoint.ErrDamaged},
		{"a chunk of another file", spliced, keyOf, checkpoint.ErrDamaged},
		{"a chunk is missing", without, keyOf, checkpoint.ErrDamaged},
		{"the last chunk is missing", three[:preamble+2*chunk], keyOf, checkpoint.ErrTruncated},
		{"a forged length", forgedLength, keyOf, checkpoint.ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := checkpoint.NewDecoder(bytes.NewReader(tt.file), tt.keys)
			if err == nil {
				_, err = io.Copy(io.Discard, d)
				if d.OK() {
					err = d.Close()
				}
			}
			require.ErrorIs(t, err, tt.want)
		})
	}
}

// TestLengths wants lengths that lie to fail, without memory for them.
func TestLengths(t *testing.T) {
	tests := []struct {
		name string
		read func(d *checkpoint.Decoder)
	}{
		{"a text", func(d *checkpoint.Decoder) { d.Text(math.MaxInt) }},
		{"a text above the limit", func(d *checkpoint.Decoder) { d.Text(10) }},
		{"numbers", func(d *checkpoint.Decoder) { d.Int64s(nil, int(d.Uint(math.MaxUint64))) }},
		{"yes and no", func(d *checkpoint.Decoder) { d.Bools(nil, int(d.Uint(math.MaxUint64))) }},
		{"a number above the limit", func(d *checkpoint.Decoder) { d.Uint(7) }},
		{"less than there is", func(*checkpoint.Decoder) {}},
	}
	file := sealed(t, func(e *checkpoint.Encoder) { e.Uint(1 << 60) })
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := checkpoint.NewDecoder(bytes.NewReader(file), keyOf)
			require.NoError(t, err)
			tt.read(d)
			require.ErrorIs(t, d.Close(), checkpoint.ErrDamaged)
		})
	}
}

type failingWriter struct{ after int }

var errDisk = errors.New("the disk is full")

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.after--; w.after < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestWriterFails(t *testing.T) {
	for after := range 4 {
		var e checkpoint.Encoder
		small(&e)
		require.ErrorIs(t, e.Seal(&failingWriter{after}, "main", key()), errDisk)
	}
}

func TestReaderFails(t *testing.T) {
	file := sealed(t, small)
	for i := range file {
		d, err := checkpoint.NewDecoder(io.MultiReader(bytes.NewReader(file[:i]), iotest.ErrReader(errDisk)), keyOf)
		if err == nil {
			d.Uint(1000)
			err = d.Err()
		}
		require.ErrorIs(t, err, errDisk)
	}
}

// FuzzDecoder: nothing that is not sealed gets through.
func FuzzDecoder(f *testing.F) {
	f.Add(sealed(f, small))
	f.Add([]byte("akcheck\n\x01\x00\x04main"))
	f.Fuzz(func(t *testing.T, file []byte) { _ = readSmall(t, file) })
}
