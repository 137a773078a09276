package segmenttest

import (
	"embed"
	"io/fs"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// Opener opens an empty audience with the options and gives it with the system that is to be held to the scripts. It
// fails the test when it cannot, and closes things with t.Cleanup.
type Opener func(t testing.TB, opts store.Options) (*store.Audience, System)

// Memory is the [Opener] of the memory store with the [Reference].
func Memory(t testing.TB, opts store.Options) (*store.Audience, System) {
	t.Helper()
	aud := openMemory(t, opts)
	return aud, Reference(aud)
}

func openMemory(t testing.TB, opts store.Options) *store.Audience {
	t.Helper()
	adapter := memstore.New()
	t.Cleanup(func() { _ = adapter.Close() })
	aud, err := store.Open(t.Context(), adapter, "test", opts)
	require.NoError(t, err)
	return aud
}

// Run plays every script *.txt of a folder, not those in folders below, each in a subtest with an audience of its own.
// It is a failure when there is none. The definitions, such as those of [segment.Load], are segments of every script; what
// of them a script does not ask for need not compile with its declarations.
func Run(t *testing.T, scripts fs.FS, open Opener, defs ...segment.Definition) {
	t.Helper()
	files, err := fs.Glob(scripts, "*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files, "scripts *.txt")
	for _, file := range files {
		t.Run(trimExtension(file), func(t *testing.T) {
			t.Parallel()
			playFile(t, scripts, file, open, defs)
		})
	}
}

// playFile plays one script.
func playFile(t testing.TB, scripts fs.FS, file string, open Opener, defs []segment.Definition) {
	t.Helper()
	text, err := fs.ReadFile(scripts, file)
	require.NoError(t, err)
	s, err := Parse(file, string(text), defs...)
	require.NoError(t, err)
	clock := NewClock(s.Start)
	aud, system := open(t, store.Options{Schema: s.Schema, Zone: s.Zone, Keys: testKeys(t), Clock: clock.Now})
	if err := Play(t.Context(), s, aud, clock, system); err != nil {
		t.Errorf("\n%v", err)
	}
}

func trimExtension(file string) string { return file[:len(file)-len(path.Ext(file))] }

// testKeys are keys that protect nobody.
func testKeys(t testing.TB) audience.Keys {
	t.Helper()
	keys, err := audience.NewKeys("test", map[string][]byte{"test": []byte("this key is public: for tests only")})
	require.NoError(t, err)
	return keys
}

//go:embed scripts
var embedded embed.FS

// Scripts gives the scripts that say what the language means, for [Run].
func Scripts() fs.FS {
	out, err := fs.Sub(embedded, "scripts")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return out
}
