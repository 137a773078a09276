package checkpoint

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	"math"
	"slices"
)

// Encoder collects what a checkpoint says, in memory. The zero Encoder is
// ready. It never fails.
type Encoder struct {
	full [][]byte
	open []byte
}

// Len gives how many bytes were collected.
func (e *Encoder) Len() int {
	n := len(e.open)
	for _, c := range e.full {
		n += len(c)
	}
	return n
}

// room makes room for n bytes, fewer than a chunk has, in one chunk.
func (e *Encoder) room(n int) {
	if len(e.open)+n > chunkSize {
		e.full = append(e.full, e.open)
		e.open = make([]byte, 0, chunkSize)
	}
}

// Uint adds a number.
func (e *Encoder) Uint(n uint64) {
	e.room(binary.MaxVarintLen64)
	e.open = binary.AppendUvarint(e.open, n)
}

// Int adds a signed number.
func (e *Encoder) Int(n int64) {
	e.room(binary.MaxVarintLen64)
	e.open = binary.AppendVarint(e.open, n)
}

// Bool adds a yes or no.
func (e *Encoder) Bool(b bool) {
	e.room(1)
	if b {
		e.open = append(e.open, 1)
	} else {
		e.open = append(e.open, 0)
	}
}

// Text adds a text.
func (e *Encoder) Text(s string) {
	e.Uint(uint64(len(s)))
	for len(s) > 0 {
		e.room(1)
		n := min(len(s), chunkSize-len(e.open))
		e.open = append(e.open, s[:n]...)
		s = s[n:]
	}
}

// Write adds bytes as they are; the error is always nil.
func (e *Encoder) Write(p []byte) (int, error) {
	size := len(p)
	for len(p) > 0 {
		e.room(1)
		n := min(len(p), chunkSize-len(e.open))
		e.open = append(e.open, p[:n]...)
		p = p[n:]
	}
	return size, nil
}

// pieces gives as many numbers as fit into the open chunk at a time.
func pieces[T any](e *Encoder, v []T, size int, put func(into []byte, v []T) []byte) {
	for len(v) > 0 {
		e.room(size)
		n := min(len(v), (chunkSize-len(e.open))/size)
		e.open = put(e.open, v[:n])
		v = v[n:]
	}
}

// Int64s adds numbers without their count, eight bytes each.
func (e *Encoder) Int64s(v []int64) {
	pieces(e, v, 8, func(into []byte, v []int64) []byte {
		for _, x := range v {
			into = binary.LittleEndian.AppendUint64(into, uint64(x))
		}
		return into
	})
}

// Uint64s adds numbers without their count, eight bytes each.
func (e *Encoder) Uint64s(v []uint64) {
	pieces(e, v, 8, func(into []byte, v []uint64) []byte {
		for _, x := range v {
			into = binary.LittleEndian.AppendUint64(into, x)
		}
		return into
	})
}

// Float64s adds numbers without their count, eight bytes each.
func (e *Encoder) Float64s(v []float64) {
	pieces(e, v, 8, func(into []byte, v []float64) []byte {
		for _, x := range v {
			into = binary.LittleEndian.AppendUint64(into, math.Float64bits(x))
		}
		return into
	})
}

// Uint32s adds numbers without their count, four bytes each.
func (e *Encoder) Uint32s(v []uint32) {
	pieces(e, v, 4, func(into []byte, v []uint32) []byte {
		for _, x := range v {
			into = binary.LittleEndian.AppendUint32(into, x)
		}
		return into
	})
}

// Bools adds yes and no without their count, a byte each.
func (e *Encoder) Bools(v []bool) {
	pieces(e, v, 1, func(into []byte, v []bool) []byte {
		for _, x := range v {
			b := byte(0)
			if x {
				b = 1
			}
			into = append(into, b)
		}
		return into
	})
}

// Seal writes everything, sealed with a key that the host knows by an id of at
// most 255 bytes, and forgets it. The errors are the writer's.
func (e *Encoder) Seal(w io.Writer, keyID string, key []byte) error {
	preamble := append([]byte(magic), 0, 0, byte(len(keyID)))
	binary.LittleEndian.PutUint16(preamble[len(magic):], Format)
	preamble = append(preamble, keyID...)
	var nonce [nonceSize]byte
	rand.Read(nonce[:]) // never fails
	preamble = append(preamble, nonce[:]...)
	if _, err := w.Write(preamble); err != nil {
		return err
	}
	chunks := slices.Concat(e.full, [][]byte{e.open})
	*e = Encoder{}
	s := newSeal(key, preamble)
	for i, payload := range chunks {
		var head [headSize]byte
		if i == len(chunks)-1 {
			head[0] = last
		}
		binary.LittleEndian.PutUint32(head[1:], uint32(len(payload)))
		for _, part := range [][]byte{head[:], payload, s.next(head[:], payload)} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		chunks[i] = nil
	}
	return nil
}
