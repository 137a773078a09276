package importer_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

func card(lines ...string) string {
	return "BEGIN:VCARD\r\n" + strings.Join(lines, "\r\n") + "\r\nEND:VCARD\r\n"
}

func TestVCards(t *testing.T) {
	tests := []struct {
		name    string
		content string
		want    []string // header=cell, in order of the columns
	}{
		{
			"3.0", card("VERSION:3.0", "N:Doe;Jane;Q.;Dr.;", "FN:Dr. Jane Doe", "item1.EMAIL;TYPE=INTERNET:jane@example.com", "item1.X-ABLabel:Work",
				"EMAIL;type=INTERNET;type=pref:main@example.com", "EMAIL:main@example.com", "TEL;TYPE=CELL,VOICE:+1 500 555 0001", "TEL;TYPE=HOME:+1 500 555 0002",
				"CATEGORIES:a\\, b, c", "BDAY:1980-04-15", "UID:u1", "ORG:Acme\\; Inc.;Sales", "ADR;TYPE=WORK:;;1 Main St.;Springfield;IL;01002;US", "NOTE:one\\ntwo", "X-Skype:js"),
			[]string{
				"last_name=s:Doe", "first_name=s:Jane", "additional_names=s:Q.", "prefix=s:Dr.", "tags=l:\"a, b\",c", "birthday=@1980-04-15", "external_id=s:u1",
				"company=s:Acme; Inc.", "department=s:Sales", "note=t:one\ntwo", "x_skype=t:js", "email=s:main@example.com", "other_emails=l:jane@example.com",
				"phone=s:+1 500 555 0001", "other_phones=l:+1 500 555 0002", "street=s:1 Main St.", "city=s:Springfield", "region=s:IL", "zip=s:01002", "country=s:US",
				"full_name=s:Dr. Jane Doe",
			},
		},
		{
			"4.0 folded", card("VERSION:4.0", "FN:Jane Do", " e", "N:Doe;Ja", "\tne;;;", "EMAIL;PREF=2:b@example.com", "EMAIL;PREF=1:a@example.com", "TEL;VALUE=uri;PREF=1;TYPE=\"voice,home\":tel:+15005550001", "BDAY:--0415"),
			[]string{"last_name=s:Doe", "first_name=s:Jane", "birthday=t:--04-15", "email=s:a@example.com", "other_emails=l:b@example.com", "phone=s:+15005550001"},
		},
		{
			"2.1", card("VERSION:2.1", "N;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:M=C3=BCl=", "ler;J=C3=B6rg", "TEL;CELL;PREF:1", "PHOTO;JPEG;ENCODING=BASE64:", " AAAA", "", "NOTE;QUOTED-PRINTABLE:a=0D=0Ab"),
			[]string{"last_name=s:Müller", "first_name=s:Jörg", "note=t:a\r\nb", "phone=s:1"},
		},
		{"a name alone", card("VERSION:3.0", "FN:Jane Doe"), []string{"full_name=s:Jane Doe"}},
		{"a name made of the address", card("VERSION:4.0", "FN:a@example.com", "EMAIL:a@example.com"), []string{"email=s:a@example.com"}},
		{"lower case, other line ends", "begin:vcard\nfn:x\nend:vcard\n", []string{"full_name=s:x"}},
		{
			"ours", card("VERSION:4.0", "FN:u1", "UID;VALUE=text:u1", "CATEGORIES: a,b\\,c", "X-AUDIENCEKIT;NAME=status:none", "X-AUDIENCEKIT;NAME=created_at:2026-03-01T12:00:00Z", `X-AUDIENCEKIT;NAME="external:c^'m":7`,
				"X-AUDIENCEKIT;NAME=likes;KIND=list:tea\\,coffee", "X-AUDIENCEKIT;NAME=none;KIND=list:", "X-AUDIENCEKIT;NAME=n;KIND=double:1.5", "X-AUDIENCEKIT;NAME=zip;KIND=string:", "X-AUDIENCEKIT;NAME=lists:x\\,y"),
			[]string{"external_id=s:u1", `tags=l:" a","b,c"`, "status=s:none", "created_at=@2026-03-01T12:00:00Z", `external:c"m=s:7`, "likes:list=l:tea,coffee", "none:list=l:", "n:double=n:1.5", "zip:string=s:", "lists=l:x,y"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layout, rows := rowsIn(t, importer.VCard(), text(tt.content))
			require.Len(t, rows, 1)
			_, cells, _ := strings.Cut(rows[0], " ")
			var got []string
			for i, c := range strings.Split(cells, " | ") {
				got = append(got, layout.Columns[i]+"="+c)
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestVCardBad(t *testing.T) {
	good := card("VERSION:3.0", "FN:x") // 4 lines
	tests := []struct{ name, content, want string }{
		{"no end", "BEGIN:VCARD\r\nFN:secret\r\n\r\n\r\n", "row: vcard: a line END:VCARD at the end of the card"},
		{"no colon", card("secret", "FN:x"), "row: vcard: lines of a name, a colon and a value"},
		{"outside", "secret\r\nsecret\r\n\r\n\r\n", "row: vcard: a line BEGIN:VCARD"},
		{"Latin-1", card("FN:J\xfcrgen", ""), "row: utf8: valid UTF-8; save the file as UTF-8 and import it again"},
		{"charset", card("FN;CHARSET=ISO-8859-1:x", ""), "row: utf8: valid UTF-8; save the file as UTF-8 and import it again"},
		{"quoted-printable", card("FN;ENCODING=QUOTED-PRINTABLE:a\x01", ""), "row: vcard: quoted-printable as it is written: = and two hexadecimal digits"},
		{"long", card("FN:"+strings.Repeat("x", 2<<20), ""), "row: max-bytes: at most 1048576 bytes"},
		{"long cell", card("NOTE:"+strings.Repeat("x", 70_000), ""), "column 2: row: max-cell: at most 65536 bytes in one value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layout := &importer.Layout{Columns: []string{"full_name", "note"}}
			rows := rowsAs(t, importer.VCard(), text(good+tt.content+good), layout)
			sep := ": "
			if strings.HasPrefix(tt.want, "column") {
				sep = ", "
			}
			require.Equal(t, []string{"1 s:x | -", "line 5" + sep + tt.want, "9 s:x | -"}, rows)
		})
	}
	for name, content := range map[string]string{"CSV": "email\n", "empty": "", "BSV": "BX\n"} {
		_, err := importer.VCard().Detect(t.Context(), text(content), importer.Limits{})
		require.ErrorIs(t, err, audience.ErrUnsupported, name)
	}
	var many strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&many, "X-A%d:1\r\n", i)
	}
	_, err := importer.VCard().Detect(t.Context(), text(card(many.String())), importer.Limits{})
	require.ErrorIs(t, err, audience.ErrLimit)
}

func TestVCardFaultySources(t *testing.T) {
	content := card("FN:x", "CATEGORIES:a,b") + "\r\nnothing\r\n" + card("FN:y", "N:a", " b") + "BEGIN:VCARD\r\nFN:z\r\n"
	layout, want := rowsIn(t, importer.VCard(), text(content))
	require.Len(t, want, 4)
	for name, wrap := range map[string]func(io.Reader) io.Reader{"bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "end with data": iotest.DataErrReader} {
		again, rows := rowsIn(t, importer.VCard(), wrapped{text(content), wrap})
		require.Equal(t, layout, again, name)
		require.Equal(t, want, rows, name)
	}
	for at := 3; at < len(content); at++ {
		src := wrapped{text(content), func(r io.Reader) io.Reader {
			return io.MultiReader(io.LimitReader(r, int64(at)), iotest.ErrReader(io.ErrUnexpectedEOF))
		}}
		rows := rowsAs(t, importer.VCard(), src, layout)
		require.Equal(t, "end: unexpected EOF", rows[len(rows)-1])
	}
}

func TestVCardRejects(t *testing.T) {
	latin := card("N;LANGUAGE=" + strings.Repeat("\xdd\xb3", 20) + ":x") // in upper case it is longer
	latin1, _ := rejectAll(t, importer.VCard(), text(card("FN:x")+latin), nil)
	require.Contains(t, latin1, strings.TrimSuffix(latin, "END:VCARD\r\n"))
	content := card("VERSION:3.0", "FN:x", "NOTE:s", " ecret", "TEL:1", "X-AUDIENCEKIT;NAME=import_reason:before") + "BEGIN:VCARD\r\nFN:y\r\n" + card("broken")
	out, layout := rejectAll(t, importer.VCard(), text(content), nil)
	why := "X-AUDIENCEKIT;NAME=import_reason:why"
	want := card("VERSION:3.0", "FN:x", "NOTE:s", " ecret", "TEL:1", why) + card("FN:y", why) + card("broken", why)
	require.Equal(t, want, out)
	again, _ := rejectAll(t, importer.VCard(), text(out), nil)
	require.Equal(t, card("VERSION:3.0", "FN:x", "NOTE:s", " ecret", "TEL:1", why)+card("FN:y", why)+card("broken", why, why), again)

	out, _ = rejectAll(t, importer.VCard(), text(content), []int{indexOf(layout.Columns, "note")})
	require.Equal(t, card("VERSION:3.0", "FN:x", "TEL:1", why)+card("FN:y", why)+card("VERSION:4.0", why), out)
}
