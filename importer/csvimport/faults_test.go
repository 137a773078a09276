package csvimport_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// opened is a source that is read as a test wants.
type opened func() io.Reader

func (o opened) Name() string { return "test.csv" }

func (o opened) Open(context.Context) (io.ReadCloser, error) { return io.NopCloser(o()), nil }

func faultFile() string {
	var b strings.Builder
	b.WriteString("\ufeffemail;name;note\r\n")
	for i := range 300 {
		fmt.Fprintf(&b, "a%d@example.com;\"Zoë; 😀\r\n\";\"x\"\"y\"\r\n", i)
	}
	b.WriteString("c@example.com;\"open\r\nd@example.com;D;\r\n")
	return b.String()
}

// TestShortReads: however a source gives its bytes, the rows are the same.
func TestShortReads(t *testing.T) {
	for _, content := range []string{faultFile(), encoded(faultFile(), binary.LittleEndian), strings.ReplaceAll(strings.ReplaceAll(faultFile()[3:], "ë", "\xeb"), "😀", "\x80")} {
		layout, want := read(t, csvimport.Format(), content)
		require.Len(t, want, 302)
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with the end": iotest.DataErrReader,
		} {
			src := opened(func() io.Reader { return wrap(strings.NewReader(content)) })
			again, err := csvimport.Format().Detect(t.Context(), src, importer.Limits{})
			require.NoError(t, err)
			require.Equal(t, layout, again, name)
			rows, bad, err := rowsOf(t, src, layout, importer.Limits{})
			require.NoError(t, err)
			require.Equal(t, want, shown(t, rows, bad), name)
		}
	}
}

// TestReadErrors: a source that fails is an error, never the end of the file.
func TestReadErrors(t *testing.T) {
	broken := errors.New("broken disk")
	content := faultFile()
	layout := detect(t, csvimport.Format(), content)
	for at := 0; at < len(content); at += 97 {
		src := opened(func() io.Reader { return io.MultiReader(strings.NewReader(content[:at]), iotest.ErrReader(broken)) })
		_, err := csvimport.Format().Detect(t.Context(), src, importer.Limits{})
		require.ErrorIs(t, err, broken)
		_, _, err = rowsOf(t, src, layout, importer.Limits{})
		require.ErrorIs(t, err, broken)
	}
	long := content + strings.Repeat("a@example.com;A;\r\n", 10_000)
	src := opened(func() io.Reader { return iotest.TimeoutReader(strings.NewReader(long)) })
	_, _, err := rowsOf(t, src, layout, importer.Limits{})
	require.ErrorIs(t, err, iotest.ErrTimeout)
}

// TestCancel: reading stops at any row, and within runs of empty lines too.
func TestCancel(t *testing.T) {
	layout := detect(t, csvimport.Format(), "email,name\na@example.com,A\n")
	file := "email,name\n" + strings.Repeat("a@example.com,A\n", 2000) + strings.Repeat("\n", 200_000) + "b@example.com,B\n"
	for _, at := range []int{0, 1, 1023, 2000} {
		ctx, cancel := context.WithCancel(t.Context())
		table, err := csvimport.Format().Open(ctx, importer.Bytes("t.csv", []byte(file)), layout, importer.Limits{})
		require.NoError(t, err)
		rows, last := 0, error(nil)
		if at == 0 {
			cancel()
		}
		for _, err := range table.Rows(ctx) {
			if last = err; err != nil {
				break
			}
			if rows++; rows == at {
				cancel()
			}
		}
		require.ErrorIs(t, last, context.Canceled)
		require.Less(t, rows, at+512)
		require.NoError(t, table.Close())
		cancel()
		_, err = csvimport.Format().Detect(ctx, importer.Bytes("t.csv", []byte(file)), importer.Limits{})
		require.ErrorIs(t, err, context.Canceled)
	}
}

// endless repeats text until it has given as many bytes.
type endless struct {
	text string
	left int
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && e.left > 0 {
		c := copy(p[n:min(len(p), n+e.left)], e.text[e.at:])
		n, e.left, e.at = n+c, e.left-c, (e.at+c)%len(e.text)
	}
	return n, nil
}

// TestHugeRowsTakeLittleMemory reads rows that are as long as the file: a
// typed error, and memory that does not follow the file.
func TestHugeRowsTakeLittleMemory(t *testing.T) {
	size := 16 << 20
	if mb, err := strconv.Atoi(os.Getenv("AUDIENCEKIT_HUGE_MB")); err == nil {
		size = mb << 20
	}
	const head = "email,name\na@example.com,A\n"
	layout := detect(t, csvimport.Format(), head)
	for name, text := range map[string]string{"one line": "xxxxxxxxxxxxxxxx", "in quotes": "\"xxxxxxxxxxxxxxx", "cells": "x,", "quotes": "\"", "empty lines": "\n", "returns": "\r", "lines in quotes": "\"\n"} {
		t.Run(name, func(t *testing.T) {
			src := opened(func() io.Reader {
				return io.MultiReader(strings.NewReader(head), &endless{text: strings.Repeat(text, 4096/len(text)), left: size}, strings.NewReader("\nb@example.com,B\n"))
			})
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			table, err := csvimport.Format().Open(t.Context(), src, layout, importer.Limits{Rows: 1000})
			require.NoError(t, err)
			most, rows, bad := uint64(0), 0, 0
			for row, err := range table.Rows(t.Context()) {
				if runtime.ReadMemStats(&after); after.HeapInuse > before.HeapInuse {
					most = max(most, after.HeapInuse-before.HeapInuse)
				}
				if err == nil {
					rows++
					continue
				}
				require.ErrorIs(t, err, audience.ErrInvalid)
				if bad++; row != nil {
					require.LessOrEqual(t, len(row.Raw), 1<<20)
				}
			}
			require.NoError(t, table.Close())
			require.Less(t, most, uint64(48<<20))
			require.GreaterOrEqual(t, rows, 1)
			t.Logf("%d rows, %d bad, at most %.1f MB in use", rows, bad, float64(most)/(1<<20))
			_, err = csvimport.Format().Detect(t.Context(), src, importer.Limits{})
			require.NoError(t, err)
		})
	}
}

func TestLimits(t *testing.T) {
	file := "email,name\n" + strings.Repeat("a@example.com,A\n", 10)
	src := importer.Bytes("t.csv", []byte(file))
	layout := detect(t, csvimport.Format(), file)
	rows, _, err := rowsOf(t, src, layout, importer.Limits{Rows: 9})
	require.ErrorIs(t, err, audience.ErrLimit)
	require.Len(t, rows, 9)
	_, _, err = rowsOf(t, src, layout, importer.Limits{Bytes: int64(len(file) - 1)})
	require.ErrorIs(t, err, audience.ErrLimit)
	rows, _, err = rowsOf(t, src, layout, importer.Limits{Rows: 10, Bytes: int64(len(file))})
	require.NoError(t, err)
	require.Len(t, rows, 10)
	wide := strings.Repeat("x,", 100_000)
	got, bad, err := rowsOf(t, importer.Bytes("t.csv", []byte("email,name\n"+wide+"\na@example.com,A\n")), layout, importer.Limits{})
	require.NoError(t, err)
	require.Equal(t, []string{"2!max-columns@0", "3:a@example.com|A"}, shown(t, got, bad))
}

// TestBytesOfRows: rows, blank lines and header make up the file.
func TestBytesOfRows(t *testing.T) {
	const text = "email;name\r\na@example.com;Zoë 😀\r\nb@example.com;\"B\r\nB\"\r\nc@example.com;€\r\n"
	for name, content := range map[string]string{
		"utf-8": text, "utf-16le": encoded(text, binary.LittleEndian), "utf-16be": encoded("\ufeff"+text, binary.BigEndian),
		"windows-1252": strings.NewReplacer("ë", "\xeb", "😀", "-", "€", "\x80").Replace(text),
	} {
		layout := detect(t, csvimport.Format(), content)
		require.Equal(t, name, layout.Settings["encoding"])
		table, err := csvimport.Format().Open(t.Context(), importer.Bytes("t.csv", []byte(content)), layout, importer.Limits{})
		require.NoError(t, err)
		rows, _, err := collect(t.Context(), table)
		require.NoError(t, err)
		require.Equal(t, int64(len(content)), table.Read())
		unit := int64(1)
		head := int64(len("email;name\r\n"))
		if strings.HasPrefix(name, "utf-16") {
			unit, head = 2, 2*head
		}
		if layout.Settings["bom"] == "yes" {
			head += unit
		}
		for _, row := range rows {
			head += row.Bytes
		}
		require.Equal(t, int64(len(content)), head, name)
		require.NoError(t, table.Close())
	}
}

// TestLargeFile: what lies across the edges of buffers is read like anything
// else, and rows that were given stay as they are.
func TestLargeFile(t *testing.T) {
	for shift := range 4 {
		var b strings.Builder
		b.WriteString("email,name" + strings.Repeat("x", shift) + "\n")
		for i := range 20_000 {
			fmt.Fprintf(&b, "a%d@example.com,Zoë€😀\n", i)
		}
		src := importer.Bytes("t.csv", []byte(b.String()))
		layout := detect(t, csvimport.Format(), b.String())
		require.Equal(t, "header 1", brief(layout))
		rows, bad, err := rowsOf(t, src, layout, importer.Limits{})
		require.NoError(t, err)
		require.Len(t, rows, 20_000)
		for i, row := range rows {
			require.NoError(t, bad[i])
			if want := fmt.Sprintf("a%d@example.com,Zoë€😀", i); string(row.Raw) != want || strings.Join(row.Cells, ",") != want {
				require.Equal(t, want, string(row.Raw), "row %d", i)
			}
		}
	}
}
