package csvimport

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/importer"
)

// TestWindowsRunes holds the table against the code page: 27 characters that
// are not those of Latin-1, and five bytes that mean nothing.
func TestWindowsRunes(t *testing.T) {
	const page = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ" // 0x80 to 0x9f without the five
	var got []rune
	for b := 0x80; b < 0xa0; b++ {
		if r := windowsRune(byte(b)); r != 0 {
			got = append(got, r)
		} else {
			require.Contains(t, []int{0x81, 0x8d, 0x8f, 0x90, 0x9d}, b)
		}
	}
	require.Equal(t, []rune(page), got)
	require.Len(t, got, 27)
	for b := 0xa0; b < 0x100; b++ {
		require.Equal(t, rune(b), windowsRune(byte(b)))
	}
}

// FuzzDecoder: however the bytes come, the text is the same, and it is that of
// the standard library.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("a\x00b\x00=\xd8\x00\xde"), true)
	f.Add([]byte("\xd8=\xde\x00\xd8"), false)
	f.Add([]byte("\xdc\x00\xd8"), true)
	f.Add(bytes.Repeat([]byte("=\xd8\x00\xde\xe9\x80"), 10), true)
	f.Fuzz(func(t *testing.T, content []byte, little bool) {
		encoding, order := encUTF16BE, binary.ByteOrder(binary.BigEndian)
		if little {
			encoding, order = encUTF16LE, binary.LittleEndian
		}
		for _, name := range []string{encoding, encWindows, encUTF8} {
			whole := text(content, name)
			for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
				d := newDecoder(wrap(bytes.NewReader(content)), name, importer.Limits{}.WithDefaults())
				got, err := io.ReadAll(iotest.OneByteReader(d))
				require.NoError(t, err)
				require.True(t, bytes.Equal(whole, got), name)
				require.Equal(t, int64(len(content)), d.read)
			}
			if len(content)%2 == 0 || name == encWindows {
				require.Equal(t, int64(len(content)), fileBytes(whole, name), name)
			}
		}
		var units []uint16
		for at := 0; at+1 < len(content); at += 2 {
			units = append(units, order.Uint16(content[at:]))
		}
		want := string(utf16.Decode(units))
		if len(content)%2 != 0 {
			want += "\ufffd"
		}
		require.Equal(t, want, string(bytes.ReplaceAll(text(content, encoding), []byte{damaged}, []byte("\ufffd"))))
	})
}
