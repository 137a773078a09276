package exporter

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// WriteFile writes a file, whole or not at all, which only its owner may read
// and write (mode 0600). What write gives goes into a new file beside it, which
// takes its place once write has returned nil and all of it is on the disk; a
// file that was there before is replaced, and stays as it was after an error or
// a panic. A name that is a symbolic link becomes a file.
func WriteFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*") // 0600
	if err != nil {
		return err
	}
	closed, done := false, false
	defer func() { // also in a panic
		if !closed {
			err = errors.Join(err, f.Close())
		}
		if !done {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	closed = true
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	done = true
	return nil
}
