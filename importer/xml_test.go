package importer_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

func TestXMLRecords(t *testing.T) {
	tests := []struct {
		name, content string
		record        string
		columns       []string
		want          []string
	}{
		{
			"flat", "<people>\n<person><email>a@x</email><n> 1 </n></person>\n<person><n/><z>&lt;&#228;&amp;</z></person>\n</people>",
			"people/person",
			[]string{"email", "n", "z"},
			[]string{"2 t:a@x | t:1 | -", "3 - | t: | t:<ä&"},
		},
		{
			"nested with attributes", `<r><p id="7" xmlns:x="y"><phone type="m">5</phone><phone type="h"/><a><b>1</b><c>2</c></a></p><p/></r>`,
			"r/p",
			[]string{"@id", "phone.@type", "phone", "a.b", "a.c"},
			[]string{"1 t:7 | l:m,h | t:5 | t:1 | t:2", "1 - | - | - | - | -"},
		},
		{
			"repeated", "<r><p><tag>a,b</tag><tag>c</tag></p><p><tag>d</tag></p></r>",
			"r/p",
			[]string{"tag"},
			[]string{`1 l:"a,b",c`, "1 l:d"},
		},
		{
			"within", "<r><status>ok</status><list><p><a>1</a></p><p><a>2</a></p></list></r>",
			"r/list/p",
			[]string{"a"},
			[]string{"1 t:1", "1 t:2"},
		},
		{"one", "<r><p><a>1</a></p></r>", "r/p", []string{"a"}, []string{"1 t:1"}},
		{"mixed text", "<r><p>x<a>1</a>y</p><p><b>x<a>1</a></b></p></r>", "r/p", []string{"a", "b.a", "b"}, []string{"1 t:1 | - | -", "1 - | t:1 | t:x"}},
		{"CDATA and comments", "<?xml version='1.0' encoding='utf-8'?><!-- --><r><p><a><![CDATA[<1>]]><!-- x -->2</a></p></r>\n<!-- -->", "r/p", []string{"a"}, []string{"1 t:<1>2"}},
		{"prefixes", `<x:r xmlns:x="u"><x:p><x:a>1</x:a></x:p></x:r>`, "r/p", []string{"a"}, []string{"1 t:1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layout, rows := rowsIn(t, importer.XML(), text(tt.content))
			require.Equal(t, tt.record, layout.Settings["record"])
			require.Equal(t, tt.columns, layout.Columns)
			require.Equal(t, tt.want, rows)
		})
	}
}

func TestXMLQuestion(t *testing.T) {
	layout, rows := rowsIn(t, importer.XML(), text("<r><p><a>1</a></p><q><b>1</b></q><p/><q/></r>"))
	require.Len(t, layout.Questions, 1)
	require.Equal(t, []string{"r/p", "r/q"}, layout.Questions[0].Options)
	require.Len(t, rows, 2)
}

const ownXML = `<?xml version="1.0" encoding="UTF-8"?>
<contacts xmlns="urn:audiencekit:contacts:1">
<contact><id>7</id><external_id>u1</external_id><external system="crm">x</external><email>a@example.com</email><other_emails><item>b@example.com</item></other_emails>` +
	`<first_name> J&#10;</first_name><tags><item>a, b</item><item>c</item></tags><status>none</status><consent purpose="marketing">none</consent>` +
	`<created_at>2026-03-01T12:00:00Z</created_at><field name="age" type="int">30</field><field name="ok" type="bool">true</field><field name="day" type="date">2026-01-31</field>` +
	`<field name="likes" type="list"></field><field name="zip" type="string"></field></contact>
<contact><email>c@example.com</email></contact>
</contacts>
`

func TestXMLOwn(t *testing.T) {
	layout, rows := rowsIn(t, importer.XML(), text(ownXML))
	require.Equal(t, []string{
		"id", "external_id", "external:crm", "email", "other_emails", "first_name", "tags", "status", "consent:marketing", "created_at",
		"age:int", "ok:bool", "day:date", "likes:list", "zip:string",
	}, layout.Columns)
	require.Equal(t, []string{
		"3 n:7 | s:u1 | s:x | s:a@example.com | l:b@example.com | s: J\n | l:\"a, b\",c | s:none | s:none | @2026-03-01T12:00:00Z | n:30 | b:true | @2026-01-31 | l: | s:",
		"4 - | - | - | s:c@example.com | - | - | - | - | - | - | - | - | - | - | -",
	}, rows)
}

func TestXMLBroken(t *testing.T) {
	good := "<r>\n<p><a>1</a></p>\n"
	deep := "<p>" + strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40) + "</p>"
	tests := []struct{ name, content, want string }{
		{"end", good + "<p><a>1", "end: file: xml: more: the file ends too early, at line 3, byte 28 of the file"},
		{"tags", good + "<p><a>1</p></r>", "end: file: xml: well-formed XML, with an end tag for every start tag, at line 3, byte 32 of the file"},
		{"entity", good + "<p><a>M&uuml;ller</a></p></r>", "end: file: xml: & written as &amp;, and no entities but &lt; &gt; &amp; &apos; &quot; and numbers, at line 3, byte 34 of the file"},
		{"Latin-1", good + "<p><a>M\xfcller</a></p></r>", "end: file: xml: valid UTF-8; save the file as UTF-8, at line 3, byte 34 of the file"},
		{"long", good + "<p><a>" + strings.Repeat("x", 2<<20) + "</a></p></r>", "end: file: max-bytes: records of at most 1048576 bytes, at line 3"},
		{"deep", good + deep + "</r>", "line 3: row: max-depth: at most 32 levels within each other"},
		{"second", good + "</r><r/>", "end: file: xml: one outermost element, at line 3, byte 29 of the file"},
		{"behind", good + "</r>x", "end: file: xml: no text outside of elements, at line 3, byte 26 of the file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layout := &importer.Layout{Columns: []string{"a"}, Settings: map[string]string{"record": "r/p"}}
			rows := rowsAs(t, importer.XML(), text(tt.content), layout)
			require.Equal(t, []string{"2 t:1", tt.want}, rows)
			found, err := importer.XML().Detect(t.Context(), text(tt.content), importer.Limits{})
			if tt.name == "long" {
				require.ErrorIs(t, err, audience.ErrLimit)
				return
			}
			require.NoError(t, err)
			require.Contains(t, found.Columns, "a")
		})
	}
}

func TestXMLRefused(t *testing.T) {
	laughs := `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><r><p><a>&b;</a></p></r>`
	tests := []struct {
		name, content string
		want          error
	}{
		{"no XML", "email\n", audience.ErrUnsupported},
		{"JSON", "[{}]", audience.ErrUnsupported},
		{"empty", "", audience.ErrUnsupported},
		{"no records", "<r>text</r>", audience.ErrUnsupported},
		{"plain elements", "<r><a>1</a><b>2</b></r>", audience.ErrUnsupported},
		{"HTML", "<!DOCTYPE html><html></html>", audience.ErrInvalid},
		{"entities", laughs, audience.ErrInvalid},
		{"encoding", `<?xml version="1.0" encoding="ISO-8859-1"?><r><p><a>1</a></p></r>`, audience.ErrInvalid},
		{"columns", "<r><p>" + manyElements(2000) + "</p></r>", audience.ErrLimit},
		{"bottomless", strings.Repeat("<a>", 1<<20), audience.ErrLimit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := importer.XML().Detect(t.Context(), text(tt.content), importer.Limits{})
			require.ErrorIs(t, err, tt.want)
		})
	}
}

func manyElements(n int) string {
	var b strings.Builder
	for range n {
		name := "e" + strings.Repeat("x", b.Len()%997) + strings.Repeat("y", b.Len()%13)
		b.WriteString("<" + name + ">1</" + name + ">")
	}
	return b.String()
}

func TestXMLFaultySources(t *testing.T) {
	layout, want := rowsIn(t, importer.XML(), text(ownXML))
	for name, wrap := range map[string]func(io.Reader) io.Reader{"bytes": iotest.OneByteReader, "end with data": iotest.DataErrReader} {
		again, rows := rowsIn(t, importer.XML(), wrapped{text(ownXML), wrap})
		require.Equal(t, layout, again, name)
		require.Equal(t, want, rows, name)
	}
	for at := 3; at < len(ownXML); at++ {
		src := wrapped{text(ownXML), func(r io.Reader) io.Reader {
			return io.MultiReader(io.LimitReader(r, int64(at)), iotest.ErrReader(io.ErrUnexpectedEOF))
		}}
		rows := rowsAs(t, importer.XML(), src, layout)
		require.Equal(t, "end: unexpected EOF", rows[len(rows)-1])
		_, err := importer.XML().Detect(t.Context(), src, importer.Limits{})
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "at %d", at)
	}
}

func TestXMLRejects(t *testing.T) {
	tests := []struct {
		name, content, want string
		secret              []int
	}{
		{
			"nested", `<r xmlns="u"><l><p id="7"><phone type="m">5 &lt;</phone><a><b>1</b><c>2</c></a><t>x</t><t>y</t></p><p/></l></r>`,
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<r xmlns=\"u\">\n<l>\n" +
				`<p id="7"><phone type="m"></phone><phone>5 &lt;</phone><a><b>1</b></a><t>x</t><t>y</t><import_reason>why</import_reason></p>` + "\n" +
				"<p><import_reason>why</import_reason></p>\n</l>\n</r>\n",
			[]int{4},
		},
		{
			"own", strings.Split(ownXML, "<contact><id>")[0] + `<contact><external system="crm">x</external><tags><item>a</item></tags><field name="age" type="int">30</field></contact></contacts>`,
			strings.Split(ownXML, "<contact><id>")[0] + `<contact><external system="crm">x</external><tags><item>a</item></tags><field name="age" type="int">30</field><field name="import_reason" type="string">why</field></contact>` + "\n</contacts>\n", nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, _ := rejectAll(t, importer.XML(), text(tt.content), tt.secret)
			require.Equal(t, tt.want, out)
			again, _ := rejectAll(t, importer.XML(), text(out), nil)
			require.Equal(t, out, again, "rejected again it is the same")
		})
	}
}
