package exporter_test

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/exporter"
)

func everyColumn() []string {
	return []string{
		"id", "external_id", "external:crm", "email", "other_emails", "first_name", "last_name", "phone", "tags", "status", "consent:research", "lists",
		"frequency", "created_at", "updated_at", "age", "birthday", "likes", "score", "seen", "vip", "zip",
	}
}

func TestXML(t *testing.T) {
	var out strings.Builder
	result, err := export(t, janeAndBob(t), exporter.XML(&out), exporter.Options{Columns: everyColumn()})
	require.NoError(t, err)
	require.Zero(t, result.Loss)
	require.Equal(t, `<?xml version="1.0" encoding="UTF-8"?>
<contacts xmlns="urn:audiencekit:contacts:1">
<contact><id>1</id><external_id>u1</external_id><external system="crm">7</external><email>Jane@Example.com</email>`+
		`<first_name>Jane &lt;&amp;&gt;</first_name><last_name>Dö&#34;e</last_name><phone>+15005550006</phone>`+
		`<tags><item>a, c</item><item>b</item></tags><status>subscribed</status><consent purpose="research">none</consent>`+
		`<lists><item>beta</item><item>news</item></lists><created_at>2025-01-02T03:04:05.0006Z</created_at><updated_at>2026-03-01T12:00:00Z</updated_at>`+
		`<field name="age" type="int">30</field><field name="birthday" type="date">2026-01-31</field>`+
		`<field name="likes" type="list"><item>x</item><item>y,z</item></field><field name="score" type="double">2</field>`+
		`<field name="seen" type="timestamp">2026-03-01T12:00:00Z</field><field name="vip" type="bool">true</field><field name="zip" type="string">007</field></contact>
<contact><id>2</id><email>bob@example.com</email><status>none</status><consent purpose="research">none</consent>`+
		`<created_at>2026-03-01T12:00:00Z</created_at><updated_at>2026-03-01T12:00:00Z</updated_at></contact>
</contacts>
`, out.String())
	validate(t, out.String())
	out.Reset()
	_, err = export(t, open(t), exporter.XML(&out), exporter.Options{})
	require.NoError(t, err)
	validate(t, out.String())
}

// validate checks a document against the schema, where there is a program that
// can.
func validate(t *testing.T, document string) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Log("xmllint is not installed: the document is not validated")
		return
	}
	folder := t.TempDir()
	schema, file := filepath.Join(folder, "contacts.xsd"), filepath.Join(folder, "contacts.xml")
	require.NoError(t, os.WriteFile(schema, []byte(exporter.XMLSchema()), 0o600))
	require.NoError(t, os.WriteFile(file, []byte(document), 0o600))
	said, err := exec.CommandContext(t.Context(), xmllint, "--noout", "--schema", schema, file).CombinedOutput()
	require.NoError(t, err, "%s", said)
}

// TestXMLOfHostileTexts: whatever a store holds, the document is well-formed
// and fits the schema, and what was lost is counted.
func TestXMLOfHostileTexts(t *testing.T) {
	var out strings.Builder
	enc := exporter.XML(&out)
	require.NoError(t, enc.Begin([]exporter.Column{
		{Name: "external:" + `<"&'>`, Type: audience.TypeString}, {Name: "tags", Type: audience.TypeStringList}, {Name: "a", Type: audience.TypeStringList, Custom: true},
	}))
	for _, text := range audiencetest.Hostile() {
		require.NoError(t, enc.Encode([]audience.Value{audience.StringValue(text.Text), audience.StringListValue(text.Text, ""), audience.StringListValue()}))
	}
	_, err := enc.End()
	require.NoError(t, err)
	validate(t, out.String())
}

// FuzzXMLText: any text comes back from a parser as it was, but for the
// characters that are counted.
func FuzzXMLText(f *testing.F) {
	for _, s := range []string{"", "a\r\nb\rc\n\t", "\x00\x01\x1f\x7f", "]]>&<\"'", "\ufffe\uffff\ufffd", "\xff\xc3", "😀"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var out strings.Builder
		enc := exporter.XML(&out)
		require.NoError(t, enc.Begin([]exporter.Column{{Name: "phone", Type: audience.TypeString}}))
		require.NoError(t, enc.Encode([]audience.Value{audience.StringValue(s)}))
		loss, err := enc.End()
		require.NoError(t, err)
		var got struct {
			Phone string `xml:"contact>phone"`
		}
		require.NoError(t, xml.Unmarshal([]byte(out.String()), &got))
		want, replaced := strings.Builder{}, 0
		for i, r := range s {
			bad := r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF || r == 0xFFFD && !strings.HasPrefix(s[i:], "\ufffd")
			if bad {
				r = 0xFFFD
				replaced++
			}
			want.WriteRune(r)
		}
		require.Equal(t, want.String(), got.Phone)
		require.Equal(t, exporter.Loss{Replaced: replaced}, loss)
	})
}
