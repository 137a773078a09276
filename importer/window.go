package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/audiencekit/audiencekit/audience"
)

// window is the part of a stream that is in memory.
type window struct {
	in     io.ReadCloser
	limit  int64 // bytes of the whole stream
	buf    []byte
	start  int   // of what was not taken yet
	offset int64 // of the stream, at start
	line   int   // of the stream from 1, at start
	err    error // why nothing more comes
}

// openWindow starts at the beginning of a file, behind a byte order mark.
func openWindow(ctx context.Context, src Source, limits Limits) (*window, error) {
	in, err := src.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", src.Name(), err)
	}
	w := &window{in: in, limit: limits.Bytes, line: 1}
	if err := w.skipMark(); err != nil {
		in.Close()
		return nil, err
	}
	return w, nil
}

// skipMark passes over the mark of UTF-8 and refuses UTF-16.
func (w *window) skipMark() error {
	const mark = "\ufeff"
	for more := true; more && len(w.bytes()) < len(mark); {
		more = w.fill()
	}
	b := w.bytes()
	switch {
	case bytes.HasPrefix(b, []byte(mark)):
		w.take(len(mark))
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")), len(b) > 1 && (b[0] == 0) != (b[1] == 0):
		return unsupported("files in UTF-16 are read as CSV only; save this one as UTF-8")
	}
	return nil
}

// unsupported is the error of a file that is not of the format.
func unsupported(why string) error {
	return fmt.Errorf("%w: %s", audience.ErrUnsupported, why)
}

func (w *window) bytes() []byte { return w.buf[w.start:] }

// fill reads on; it reports false when nothing more comes, and err says why.
func (w *window) fill() bool {
	const chunk = 64 << 10
	if w.start > 0 && len(w.buf)+chunk > cap(w.buf) {
		w.buf = w.buf[:copy(w.buf, w.bytes())]
		w.start = 0
	}
	if len(w.buf)+chunk > cap(w.buf) {
		w.buf = append(make([]byte, 0, 2*cap(w.buf)+chunk), w.buf...)
	}
	const patience = 100 // reads that give nothing
	for range patience {
		if w.err != nil {
			return false
		}
		n, err := w.in.Read(w.buf[len(w.buf) : len(w.buf)+chunk])
		w.buf = w.buf[:len(w.buf)+n]
		w.err = err
		if w.offset+int64(len(w.bytes())) > w.limit {
			w.err = &audience.FieldError{Path: "file", Rule: "max-bytes", Hint: fmt.Sprintf("at most %d bytes", w.limit), Limit: true}
			return false
		}
		if n > 0 {
			return true
		}
	}
	if w.err == nil {
		w.err = io.ErrNoProgress
	}
	return false
}

// failure is why nothing more comes, nil at the end of the stream.
func (w *window) failure() error {
	if errors.Is(w.err, io.EOF) {
		return nil
	}
	return w.err
}

// take passes over bytes of the window.
func (w *window) take(n int) {
	w.line += bytes.Count(w.buf[w.start:w.start+n], []byte{'\n'})
	w.start += n
	w.offset += int64(n)
}

// place says where the stream stands, for people.
func (w *window) place() string {
	return fmt.Sprintf("line %d, byte %d of the file", w.line, w.offset+1)
}

// Read tells how many bytes were taken.
func (w *window) Read() int64 { return w.offset }

// Close closes the file.
func (w *window) Close() error { return w.in.Close() }

// ReadByte takes one byte.
func (w *window) ReadByte() (byte, error) {
	if w.start == len(w.buf) && !w.fill() {
		return 0, w.err
	}
	c := w.buf[w.start]
	w.start++
	w.offset++
	if c == '\n' {
		w.line++
	}
	return c, nil
}
