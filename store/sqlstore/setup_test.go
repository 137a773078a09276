package sqlstore

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersions(t *testing.T) {
	tests := []struct {
		found string
		want  []int
		ok    bool
	}{
		{"3.51.3", []int{3, 51, 3}, true},
		{"3.51.2", []int{3, 51, 3}, false},
		{"3.54.1", []int{3, 51, 3}, true},
		{"3.9.9", []int{3, 51, 3}, false},
		{"4.0.0", []int{3, 51, 3}, true},
		{"8.0.17-log", []int{8, 0, 17}, true},
		{"8.0.9", []int{8, 0, 17}, false},
		{"8.4", []int{8, 0, 17}, true},
		{"8.0", []int{8, 0, 17}, false},
		{"", []int{8, 0, 17}, false},
		{"nonsense", []int{8}, false},
		{"99999999999999999999", []int{8}, true},
	}
	for _, tt := range tests {
		require.Equal(t, tt.ok, atLeast(tt.found, tt.want...), tt.found)
	}
	for version, ok := range map[string]bool{
		"8.0.36":                        true,
		"8.0.16":                        false,
		"5.7.44-log":                    false,
		"10.11.19-MariaDB-0+deb12u1":    true,
		"5.5.5-10.6.22-MariaDB-1":       true,
		"5.5.5-10.5.1-MariaDB":          false,
		"10.3.39-MariaDB-1:10.3.39+x~1": false,
		"11.8.2-MariaDB":                true,
	} {
		err := checkMySQLVersion(version)
		require.Equal(t, ok, err == nil, "%s: %v", version, err)
	}
}

func TestPrefixes(t *testing.T) {
	for prefix, ok := range map[string]bool{
		"ak_": true, "a": true, "_": true, "shop2_": true, "abcdefghijklmno_": true,
		"abcdefghijklmnop_": false, "": false, "2a": false, "Ak_": false, "a-b": false, "a b": false, "a;": false, "ä": false, `a"`: false, "a.b": false,
	} {
		require.Equal(t, ok, validPrefix(prefix), "%q", prefix)
	}
}
