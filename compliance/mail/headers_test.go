package mail_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance/mail"
)

func lines(headers []mail.Header) []string {
	var out []string
	for _, h := range headers {
		out = append(out, h.Name+": "+h.Value)
	}
	return out
}

func TestListHeadersVectors(t *testing.T) {
	var vectors struct {
		Build []struct {
			HTTPS, Mailto, Error string
			Want                 []string
		}
		Parse []struct {
			In   string
			URIs []string
		}
		ListID []struct{ Phrase, Label, NS, Want, Error string } `json:"list_id"`
	}
	readVectors(t, "list-headers.json", &vectors)
	require.NotEmpty(t, vectors.Build)
	require.NotEmpty(t, vectors.Parse)
	require.NotEmpty(t, vectors.ListID)
	for _, tt := range vectors.Build {
		t.Run("build "+tt.Error, func(t *testing.T) {
			got, err := mail.ListHeaders(mail.List{URL: tt.HTTPS, Mailto: tt.Mailto})
			if tt.Error != "" {
				require.ErrorIs(t, err, audience.ErrInvalid)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.Want, lines(got))
		})
	}
	for _, tt := range vectors.Parse {
		t.Run("parse "+tt.In, func(t *testing.T) {
			require.ElementsMatch(t, tt.URIs, mail.ParseListUnsubscribe(tt.In))
		})
	}
	for _, tt := range vectors.ListID {
		t.Run("list id "+tt.Want, func(t *testing.T) {
			got, err := mail.ListHeaders(mail.List{URL: "https://a.example/u", ID: tt.Label + "." + tt.NS, Name: tt.Phrase})
			if tt.Error != "" {
				require.ErrorIs(t, err, audience.ErrInvalid)
				return
			}
			require.NoError(t, err)
			require.Contains(t, lines(got), tt.Want)
		})
	}
}

func TestListHeaders(t *testing.T) {
	const u = "https://u.example.com/u/T"
	long := "https://u.example.com/" + strings.Repeat("a", 998-len("List-Unsubscribe: <https://u.example.com/>"))
	tests := []struct {
		name string
		list mail.List
		want []string
		rule string
	}{
		{name: "all", list: mail.List{URL: u, Mailto: "u+t@u.example.com", ID: "news.example.com", Name: "News", FeedbackTo: "fbl@example.com", FeedbackID: "abc"}, want: []string{
			"List-Unsubscribe: <" + u + ">, <mailto:u+t@u.example.com?subject=unsubscribe>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
			"List-Id: News <news.example.com>", "CFBL-Address: fbl@example.com; report=arf", "CFBL-Feedback-ID: abc",
		}},
		{name: "longest line", list: mail.List{URL: long}, want: []string{"List-Unsubscribe: <" + long + ">", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"}},
		{name: "mailto alone", list: mail.List{Mailto: "a&b%c?d@example.com"}, want: []string{"List-Unsubscribe: <mailto:a%26b%25c%3Fd@example.com?subject=unsubscribe>"}},
		{name: "specials in the name", list: mail.List{URL: u, ID: "a.example", Name: `A "B" <c>`}, want: []string{
			"List-Unsubscribe: <" + u + ">", "List-Unsubscribe-Post: List-Unsubscribe=One-Click", `List-Id: "A \"B\" <c>" <a.example>`,
		}},

		{name: "nothing", rule: "empty"},
		{name: "one octet too long", list: mail.List{URL: long + "a"}, rule: "max-length"},
		{name: "http", list: mail.List{URL: "http://u.example.com/u/T"}, rule: "https"},
		{name: "user in the URL", list: mail.List{URL: "https://a@u.example.com/"}, rule: "https"},
		{name: "no host", list: mail.List{URL: "https:///u"}, rule: "https"},
		{name: "line break", list: mail.List{URL: u + "\r\nBcc: a@b.c"}, rule: "control"},
		{name: "bracket", list: mail.List{URL: u + "<"}, rule: "bracket"},
		{name: "space", list: mail.List{URL: u + " "}, rule: "character"},
		{name: "not ASCII", list: mail.List{URL: u + "é"}, rule: "character"},
		{name: "bad mailto", list: mail.List{URL: u, Mailto: "a@b.example\r\nBcc: x@y.example"}, rule: "address"},
		{name: "name without id", list: mail.List{URL: u, Name: "News"}, rule: "list-id"},
		{name: "line break in the name", list: mail.List{URL: u, ID: "a.example", Name: "News\nBcc: a"}, rule: "control"},
		{name: "bad id", list: mail.List{URL: u, ID: "a b.example"}, rule: "list-id"},
		{name: "bad feedback address", list: mail.List{URL: u, FeedbackTo: "a; report=x"}, rule: "address"},
		{name: "feedback id with space", list: mail.List{URL: u, FeedbackTo: "a@b.example", FeedbackID: "a b"}, rule: "control"},
		{name: "feedback id alone", list: mail.List{URL: u, FeedbackID: "a"}, rule: "control"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mail.ListHeaders(tt.list)
			if tt.rule != "" {
				var field *audience.FieldError
				require.ErrorAs(t, err, &field)
				require.Equal(t, tt.rule, field.Rule)
				require.NotContains(t, err.Error(), "u.example")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, lines(got))
			findings, err := mail.CheckHeaders(append(got,
				mail.Header{Name: "From", Value: "a@b.example"}, mail.Header{Name: "Subject", Value: "a"},
				mail.Header{Name: "DKIM-Signature", Value: "d=b.example; h=List-Unsubscribe : List-Unsubscribe-Post"}), mail.Profile{Domains: []string{"b.example"}})
			require.NoError(t, err)
			for _, f := range findings {
				require.Equal(t, "no-one-click", f.Code, "what is made here passes the check")
			}
		})
	}
}

func TestParseListUnsubscribe(t *testing.T) {
	tests := []struct {
		name, value string
		want        []string
	}{
		{name: "both", value: "<https://a.example/u>, <mailto:x@a.example?subject=u>", want: []string{"https://a.example/u", "mailto:x@a.example?subject=u"}},
		{name: "comments that nest", value: `(a (b) \) c) <mailto:x@a.example> (d) , (e)<http://a.example/u>`, want: []string{"mailto:x@a.example", "http://a.example/u"}},
		{name: "folded inside", value: "<https://a.example/\r\n u>", want: []string{"https://a.example/u"}},
		{name: "comma in the address", value: "<https://a.example/u,v>", want: []string{"https://a.example/u,v"}},
		{name: "stops at what it does not know", value: "<https://a.example/u>; <https://b.example/>", want: []string{"https://a.example/u"}},
		{name: "stops at bare text", value: "x <https://a.example/u>"},
		{name: "open bracket", value: "<https://a.example/u"},
		{name: "open comment", value: "(((((("},
		{name: "empty brackets", value: "< >"},
		{name: "bracket within", value: "<<https://a.example/u>>"},
		{name: "not ASCII", value: "<https://a.example/ü>"},
		{name: "too long", value: "<https://a.example/" + strings.Repeat("u", 8<<10) + ">"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, mail.ParseListUnsubscribe(tt.value))
		})
	}
}
