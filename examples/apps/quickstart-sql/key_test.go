package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestReadKeys(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key")
	first, made, err := readKeys(name)
	require.NoError(t, err)
	require.True(t, made)
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077)
	again, made, err := readKeys(name)
	require.NoError(t, err)
	require.False(t, made)
	hash := func(k audience.Keys) audience.AddressHash {
		h, ok := k.AddressHash("main", audience.MustAddress("ann@example.com"))
		require.True(t, ok)
		return h
	}
	require.Equal(t, hash(first), hash(again))
	other, _, err := readKeys(filepath.Join(t.TempDir(), "key"))
	require.NoError(t, err)
	require.NotEqual(t, hash(first), hash(other))

	for _, text := range []string{"", "secret", strings.Repeat("0", 62), strings.Repeat("0", 66), strings.Repeat("x", 64)} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		_, _, err := readKeys(name)
		require.ErrorContains(t, err, "64 hexadecimal digits")
		require.NotContains(t, err.Error(), "secret")
	}
	_, _, err = readKeys(t.TempDir())
	require.Error(t, err)
	_, _, err = readKeys(filepath.Join(t.TempDir(), "no", "key"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
