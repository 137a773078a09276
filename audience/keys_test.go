package audience_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func secretOf(t *testing.T, text string) []byte {
	t.Helper()
	secret, err := hex.DecodeString(text)
	require.NoError(t, err)
	return secret
}

// twoKeys are a fixed pair; "old" is the primary.
func twoKeys(t *testing.T) audience.Keys {
	t.Helper()
	keys, err := audience.NewKeys("old", map[string][]byte{
		"old": secretOf(t, "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"),
		"new": bytes.Repeat([]byte("k"), 40),
	})
	require.NoError(t, err)
	return keys
}

// TestKeyVectors: the numbers come from an independent computation (HKDF and
// HMAC of Python). They must never change: stored suppressions would no longer
// be found.
func TestKeyVectors(t *testing.T) {
	keys := twoKeys(t)
	zoe := address("Zoë@BÜCHER.example")
	zenobia := address("Zenobia@Example.com")
	tests := []struct {
		audience string
		address  audience.Address
		key, sum string
	}{
		{"main", zenobia, "old", "51b0eb059594c953d852983d982476382f4254d85f0eebf083639f5b090d3bab"},
		{"main", zoe, "old", "0a39b0745a6ee98844bd6f44ce9293d523b30744c456a00c9dff4cae51932b3f"},
		{"shop", zenobia, "old", "abe328481b6d858fca1b649bfe6a517a0fc1d40199b07b035eccc5442be462ee"},
		{"main", zenobia, "new", "27aedebc600314cca266afe5055a9d876a7ef9378f73cbbb14f9e2e8e991dd31"},
		{"main", zoe, "new", "f20b374fc917ee17100a6b218babfa1a5e75f76c0bd7e54cbe0c1cc075cbbc5d"},
		{"shop", zenobia, "new", "54fbfa91e5376e91afd52f5b7a97f8e4bf01b64ae85ac5289d874c2f869e554d"},
	}
	for _, tt := range tests {
		hashes := keys.AddressHashes(tt.audience, tt.address)
		require.Len(t, hashes, 2)
		require.Equal(t, "old", hashes[0].Key, "the primary first")
		first, ok := keys.AddressHash(tt.audience, tt.address)
		require.True(t, ok)
		require.Equal(t, hashes[0], first)
		hash := hashes[0]
		if tt.key == "new" {
			hash = hashes[1]
		}
		require.Equal(t, tt.key, hash.Key)
		require.Equal(t, tt.sum, hex.EncodeToString(hash.Sum[:]))
	}
	for key, want := range map[string]string{
		"old": "05cde4537784581ce64dc66538de735da93be57e7fb41324f6191e05760c7b91",
		"new": "8675342f985db626dddb84e105570bc5617e7fb357c1ee5a448570338c631ac5",
	} {
		derived, ok := keys.Derive(key, "checkpoint/v1")
		require.True(t, ok)
		require.Equal(t, want, hex.EncodeToString(derived))
	}
}

// TestSuppressionHashVectors runs the vectors of the compliance corpus.
func TestSuppressionHashVectors(t *testing.T) {
	type vectors struct {
		Key1    string `json:"key1_hex"`
		Key2    string `json:"key2_hex"`
		Vectors []struct {
			Input string
			Key1A string `json:"key1_tenantA"`
			Key2A string `json:"key2_tenantA"`
			Key1B string `json:"key1_tenantB"`
		}
	}
	v := corpus[vectors](t, "compliance/vectors/suppression-hash.json")
	keys, err := audience.NewKeys("1", map[string][]byte{"1": secretOf(t, v.Key1), "2": secretOf(t, v.Key2)})
	require.NoError(t, err)
	n := 0
	for _, x := range v.Vectors {
		a, err := audience.ParseAddress(x.Input)
		if err != nil {
			continue // refused, see TestAddressSuppressionVectors: never hashed at all
		}
		n++
		inA, inB := keys.AddressHashes("tenantA", a), keys.AddressHashes("tenantB", a)
		require.Equal(t, x.Key1A, hex.EncodeToString(inA[0].Sum[:]))
		require.Equal(t, x.Key2A, hex.EncodeToString(inA[1].Sum[:]))
		require.Equal(t, x.Key1B, hex.EncodeToString(inB[0].Sum[:]))
	}
	require.Equal(t, 10, n)
}

func TestNewKeys(t *testing.T) {
	good := bytes.Repeat([]byte{1}, 32)
	tests := []struct {
		name       string
		primary    string
		secrets    map[string][]byte
		path, rule string
	}{
		{"none", "", nil, "keys", "primary"},
		{"primary is missing", "b", map[string][]byte{"a": good}, "keys", "primary"},
		{"no primary", "", map[string][]byte{"a": good}, "keys", "primary"},
		{"short", "a", map[string][]byte{"a": good[:31]}, "keys.a", "min-length"},
		{"no secret", "a", map[string][]byte{"a": nil}, "keys.a", "min-length"},
		{"no id", "", map[string][]byte{"": good}, "keys", "empty"},
		{"bad id", "a\n", map[string][]byte{"a\n": good}, "keys", "space"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := audience.NewKeys(tt.primary, tt.secrets)
			requireField(t, err, tt.path, tt.rule)
			require.True(t, keys.IsZero())
		})
	}
}

func TestKeys(t *testing.T) {
	keys := twoKeys(t)
	require.False(t, keys.IsZero())
	require.Equal(t, "old", keys.Primary())
	require.Equal(t, []string{"new", "old"}, keys.IDs())
	require.True(t, keys.Has("new"))
	require.False(t, keys.Has("other"))

	one, _ := keys.Derive("old", "a")
	two, _ := keys.Derive("old", "b")
	other, _ := keys.Derive("new", "a")
	again, _ := keys.Derive("old", "a")
	require.Len(t, one, 32)
	require.NotEqual(t, one, two)
	require.NotEqual(t, one, other)
	require.Equal(t, one, again)
	again[0]++
	fresh, _ := keys.Derive("old", "a")
	require.Equal(t, one, fresh, "the caller owns what is given")
	_, ok := keys.Derive("other", "a")
	require.False(t, ok)
}

func TestZeroKeys(t *testing.T) {
	var keys audience.Keys
	require.True(t, keys.IsZero())
	require.Empty(t, keys.Primary())
	require.Empty(t, keys.IDs())
	require.False(t, keys.Has(""))
	_, ok := keys.AddressHash("main", address("a@example.com"))
	require.False(t, ok)
	require.Empty(t, keys.AddressHashes("main", address("a@example.com")))
	_, ok = keys.Derive("", "a")
	require.False(t, ok)
}

// TestKeysCopySecrets: wiping the given secrets changes nothing.
func TestKeysCopySecrets(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	keys, err := audience.NewKeys("a", map[string][]byte{"a": secret})
	require.NoError(t, err)
	before, _ := keys.Derive("a", "x")
	clear(secret)
	after, _ := keys.Derive("a", "x")
	require.Equal(t, before, after)
}

func TestAddressHashes(t *testing.T) {
	keys := twoKeys(t)
	hash := func(audienceName, s string) audience.AddressHash {
		h, ok := keys.AddressHash(audienceName, address(s))
		require.True(t, ok)
		return h
	}
	jane := hash("main", "jane@example.com")
	require.Equal(t, jane, hash("main", " JANE@Example.COM\t"), "spellings are one address")
	different := map[audience.AddressHash]bool{jane: true}
	for _, h := range []audience.AddressHash{
		hash("shop", "jane@example.com"), hash("main", "jane+x@example.com"), hash("main", "j.ane@example.com"), hash("main", "jane@example.org"),
	} {
		require.False(t, different[h])
		different[h] = true
	}
	_, ok := keys.AddressHash("main", audience.Address{})
	require.False(t, ok, "no address has no hash")
	require.Empty(t, keys.AddressHashes("main", audience.Address{}))
	require.True(t, reflect.TypeFor[audience.AddressHash]().Comparable(), "it is a map key")
}

func ExampleKeys() {
	// Secrets come from the host's secret store: 32 random bytes or more.
	keys, err := audience.NewKeys("2026", map[string][]byte{
		"2025": []byte(strings.Repeat("old secret ", 3)), // still finds what was hashed under it
		"2026": []byte(strings.Repeat("new secret ", 3)), // new hashes are made under this one
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(keys, keys.IDs()) // never a secret

	jane := audience.MustAddress("jane@example.com")
	for _, hash := range keys.AddressHashes("main", jane) { // what a look-up has to try
		fmt.Println(hash, len(hash.Sum))
	}
	// Output:
	// 2 keys [2025 2026]
	// address hash under key 2026 32
	// address hash under key 2025 32
}
