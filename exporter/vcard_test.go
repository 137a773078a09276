package exporter_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
)

func TestVCard(t *testing.T) {
	var out strings.Builder
	result, err := export(t, janeAndBob(t), exporter.VCard(&out), exporter.Options{Columns: everyColumn()})
	require.NoError(t, err)
	require.Zero(t, result.Loss)
	require.Equal(t, `BEGIN:VCARD
VERSION:4.0
FN:Jane <&> Dö"e
N:Dö"e;Jane <&>;;;
X-AUDIENCEKIT;NAME=id:1
UID;VALUE=text:u1
X-AUDIENCEKIT;NAME="external:crm":7
EMAIL;PREF=1:Jane@Example.com
TEL;VALUE=text:+15005550006
CATEGORIES:a\, c,b
X-AUDIENCEKIT;NAME=status:subscribed
X-AUDIENCEKIT;NAME="consent:research":none
X-AUDIENCEKIT;NAME=lists:beta\,news
X-AUDIENCEKIT;NAME=created_at:2025-01-02T03:04:05.0006Z
X-AUDIENCEKIT;NAME=updated_at:2026-03-01T12:00:00Z
X-AUDIENCEKIT;NAME=age;KIND=int:30
X-AUDIENCEKIT;NAME=birthday;KIND=date:2026-01-31
X-AUDIENCEKIT;NAME=likes;KIND=list:x\,"y\,z"
X-AUDIENCEKIT;NAME=score;KIND=double:2
X-AUDIENCEKIT;NAME=seen;KIND=timestamp:2026-03-01T12:00:00Z
X-AUDIENCEKIT;NAME=vip;KIND=bool:true
X-AUDIENCEKIT;NAME=zip;KIND=string:007
END:VCARD
BEGIN:VCARD
VERSION:4.0
FN:bob@example.com
X-AUDIENCEKIT;NAME=id:2
EMAIL;PREF=1:bob@example.com
X-AUDIENCEKIT;NAME=status:none
X-AUDIENCEKIT;NAME="consent:research":none
X-AUDIENCEKIT;NAME=created_at:2026-03-01T12:00:00Z
X-AUDIENCEKIT;NAME=updated_at:2026-03-01T12:00:00Z
END:VCARD
`, strings.ReplaceAll(out.String(), "\r\n", "\n"))
}

// TestVCardName: every card has the FN that it must have.
func TestVCardName(t *testing.T) {
	for columns, want := range map[string]string{
		"first_name last_name email": "Jane <&> Dö\"e", "last_name": "Dö\"e", "first_name external_id": "Jane <&>", "external_id": "u1", "age": "",
	} {
		var out strings.Builder
		_, err := export(t, janeAndBob(t), exporter.VCard(&out), exporter.Options{Columns: strings.Fields(columns), Members: ids(1)})
		require.NoError(t, err)
		require.Contains(t, out.String(), "\r\nFN:"+want+"\r\n")
	}
}

// card reads one card as RFC 6350 says: unfolded, split at the colon that is
// not in quotes, unescaped.
func card(t *testing.T, text string) map[string]string {
	t.Helper()
	require.True(t, strings.HasSuffix(text, "END:VCARD\r\n"))
	for line := range strings.SplitSeq(text, "\r\n") {
		require.LessOrEqual(t, len(line), 75)
		require.True(t, utf8.ValidString(line), "no character is parted")
		require.NotContains(t, line, "\n")
		require.NotContains(t, line, "\r")
	}
	out := make(map[string]string)
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n ", ""), "\r\n") {
		quoted := false
		i := strings.IndexFunc(line, func(r rune) bool {
			if r == '"' {
				quoted = !quoted
			}
			return r == ':' && !quoted
		})
		if i < 0 {
			require.Empty(t, line)
			continue
		}
		value := strings.NewReplacer(`\\`, `\`, `\,`, ",", `\;`, ";", `\n`, "\n").Replace(line[i+1:])
		out[line[:i]] = value
	}
	return out
}

// FuzzVCardText: any text comes back, but for line breaks, of which there is
// one kind, and characters that are counted.
func FuzzVCardText(f *testing.F) {
	for _, s := range []string{"", "a\r\nb\rc\n\t", "\x00\x01\x1f\x7f", `\n\,;:"`, strings.Repeat("日本", 60), "x" + strings.Repeat("😀", 60), "\xff\xc3", "\ufffd"} {
		f.Add(s, "crm")
	}
	f.Add("x", `a:b"^;`)
	f.Fuzz(func(t *testing.T, s, system string) {
		if audience.CheckName("x", system, audience.Limits{}) != nil {
			t.Skip("not the name of a system")
		}
		var out strings.Builder
		enc := exporter.VCard(&out)
		require.NoError(t, enc.Begin([]exporter.Column{
			{Name: "phone", Type: audience.TypeString}, {Name: "a", Type: audience.TypeString, Custom: true}, {Name: "external:" + system, Type: audience.TypeString},
		}))
		require.NoError(t, enc.Encode([]audience.Value{audience.StringValue(s), audience.StringValue(s), audience.StringValue(s)}))
		loss, err := enc.End()
		require.NoError(t, err)
		want, replaced := strings.Builder{}, 0
		for i, r := range s {
			switch {
			case r == '\r':
				replaced++
				if strings.HasPrefix(s[i:], "\r\n") {
					continue
				}
				r = '\n'
			case r < ' ' && r != '\t' && r != '\n', r == 0x7f, r == 0xFFFD && !strings.HasPrefix(s[i:], "\ufffd"):
				replaced++
				r = 0xFFFD
			}
			want.WriteRune(r)
		}
		got := card(t, out.String())
		require.Len(t, got, 7, "no property is made of a value")
		require.Equal(t, want.String(), got["TEL;VALUE=text"])
		require.Equal(t, want.String(), got["X-AUDIENCEKIT;NAME=a;KIND=string"])
		require.Equal(t, exporter.Loss{Replaced: 3 * replaced}, loss)
	})
}

func TestVCardFoldsBetweenCharacters(t *testing.T) {
	for n := range 80 {
		var out strings.Builder
		enc := exporter.VCard(&out)
		require.NoError(t, enc.Begin([]exporter.Column{{Name: "phone", Type: audience.TypeString}}))
		text := strings.Repeat("x", n) + strings.Repeat("😀", 40)
		require.NoError(t, enc.Encode([]audience.Value{audience.StringValue(text)}))
		_, err := enc.End()
		require.NoError(t, err)
		require.Equal(t, text, card(t, out.String())["TEL;VALUE=text"], n)
	}
}
