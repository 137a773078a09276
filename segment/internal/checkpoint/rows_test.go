package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
)

// TestRows reads numbers of several lengths, and rows that lie in two chunks.
func TestRows(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var numbers, halves []uint32
	var words []uint64
	for range 300_000 {
		numbers = append(numbers, random.Uint32()>>random.IntN(32))
		words, halves = append(words, random.Uint64()), append(halves, random.Uint32())
	}
	long := strings.Repeat("long ", 300_000)
	file := sealed(t, func(e *checkpoint.Encoder) {
		for _, n := range numbers {
			e.Uint(uint64(n))
		}
		e.Text(long)
		e.Text("")
		for i := range words {
			e.Uint64s(words[i : i+1])
			e.Uint32s(halves[i : i+1])
		}
	})
	d, err := checkpoint.NewDecoder(bytes.NewReader(file), keyOf)
	require.NoError(t, err)
	require.Equal(t, numbers, d.Uints(nil, len(numbers), 1<<32-1))
	require.Equal(t, "a "+long, string(d.AppendText([]byte("a "), len(long))))
	require.Equal(t, "b", string(d.AppendText([]byte("b"), 0)))
	i := 0
	d.Rows(len(words), 12, func(b []byte) {
		if binary.LittleEndian.Uint64(b) != words[i] || binary.LittleEndian.Uint32(b[8:]) != halves[i] {
			require.Fail(t, "wrong", "row %d", i)
		}
		i++
	})
	require.Len(t, words, i)
	require.NoError(t, d.Close())
}

func TestRowsDamaged(t *testing.T) {
	tests := []struct {
		name string
		read func(d *checkpoint.Decoder) int
	}{
		{"a small number too high", func(d *checkpoint.Decoder) int { return len(d.Uints(nil, 2, 6)) }},
		{"a long number too high", func(d *checkpoint.Decoder) int { return len(d.Uints(nil, 3, 200)) }},
		{"too few numbers", func(d *checkpoint.Decoder) int { return len(d.Uints(nil, 1<<31, 1<<31)) }},
		{"a text too long", func(d *checkpoint.Decoder) int { return len(d.AppendText(nil, 4)) }},
		{"a text cut off", func(d *checkpoint.Decoder) int { return len(d.AppendText(nil, 5)) }},
		{"rows cut off", func(d *checkpoint.Decoder) (rows int) {
			d.Rows(1<<31, 5, func([]byte) { rows++ })
			return rows
		}},
		{"nothing after a failure", func(d *checkpoint.Decoder) (rows int) {
			d.Rows(2, 1, func([]byte) { d.Fail("x") })
			d.Rows(1, 1, func([]byte) { rows++ })
			return rows + len(d.Uints(nil, 1, 9))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := sealed(t, func(e *checkpoint.Encoder) {
				e.Uint(5)
				e.Uint(7)
				e.Uint(300)
			})
			d, err := checkpoint.NewDecoder(bytes.NewReader(file), keyOf)
			require.NoError(t, err)
			require.Zero(t, tt.read(d))
			require.ErrorIs(t, d.Err(), checkpoint.ErrDamaged)
		})
	}
}
