package csvexport_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
)

func TestEncoderGuard(t *testing.T) {
	tests := []struct{ text, spreadsheet, machine string }{
		{"=1", "'=1", "=1"},
		{"+1", "'+1", "+1"},
		{"-1", "'-1", "-1"},
		{"@x", "'@x", "@x"},
		{"\t=", "'\t=", "\"\t=\""},
		{"\r=", "\"'\r=\"", "\"\r=\""},
		{"\n=", "\"'\n=\"", "\"\n=\""},
		{"＝1", "'＝1", "＝1"},
		{"＋1", "'＋1", "＋1"},
		{"－1", "'－1", "－1"},
		{"＠x", "'＠x", "＠x"},
		{" =1", "' =1", `" =1"`},
		{"'=1", "''=1", "''=1"},
		{"''=1", "'''=1", "'''=1"},
		{"'t Hooft", "'t Hooft", "'t Hooft"},
		{"a=b", "a=b", "a=b"},
		{" x", `" x"`, `" x"`},
		{"x ", `"x "`, `"x "`},
	}
	for _, tt := range tests {
		aud := open(t)
		put(t, aud, audience.ContactWrite{Match: audience.Key("u1"), FirstName: audience.NewPrivate(tt.text)})
		for profile, want := range map[csvexport.Profile]string{csvexport.Spreadsheet: tt.spreadsheet, csvexport.Machine: tt.machine} {
			_, row, found := strings.Cut(export(t, aud, profile), "\nu1,,")
			require.True(t, found)
			require.True(t, strings.HasPrefix(row, want+","), "%q in profile %d is %q", tt.text, profile, row)
		}
	}
}
