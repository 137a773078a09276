package exporter_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/exporter"
)

func TestWriteFile(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "contacts.csv")
	write := func(text string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, writeErr := io.WriteString(w, text)
			return errors.Join(writeErr, err)
		}
	}
	holds := func(want string) {
		t.Helper()
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, want, string(content))
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Len(t, entries, 1, "nothing else stays")
	}
	require.NoError(t, os.WriteFile(name, []byte("before"), 0o644)) //nolint:gosec // the mode is what is tested
	failed := errors.New("failed")
	err := exporter.WriteFile(name, write("half", failed))
	require.ErrorIs(t, err, failed)
	require.Equal(t, "failed", err.Error())
	holds("before")
	require.PanicsWithValue(t, "broken", func() {
		_ = exporter.WriteFile(name, func(io.Writer) error { panic("broken") })
	})
	holds("before")
	require.NoError(t, exporter.WriteFile(name, write("after", nil)))
	holds("after")
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.ErrorIs(t, exporter.WriteFile(filepath.Join(folder, "nowhere", "x"), write("", nil)), os.ErrNotExist)
	require.Error(t, exporter.WriteFile(folder, write("", nil)), "a folder is not replaced")
	holds("after")
}
