package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/compliance/web"
)

// input gives the tag of an input.
func input(t *testing.T, page, name string) string {
	t.Helper()
	tag := regexp.MustCompile(`<input [^>]*name="` + regexp.QuoteMeta(name) + `"[^>]*>`).FindString(page)
	require.NotEmpty(t, tag, name)
	return tag
}

// attribute gives the value of an attribute of a tag, "" when it has none.
func attribute(tag, name string) string {
	if m := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(tag); m != nil {
		return m[1]
	}
	return ""
}

// described gives the text that describes an input.
func described(t *testing.T, page, name string) string {
	t.Helper()
	var out []string
	for id := range strings.FieldsSeq(attribute(input(t, page, name), "aria-describedby")) {
		m := regexp.MustCompile(`id="` + id + `"[^>]*>([^<]*)<`).FindStringSubmatch(page)
		require.NotNil(t, m, "nothing has the id %s", id)
		out = append(out, m[1])
	}
	return strings.Join(out, " ")
}

// TestFieldsSayWhatIsWrongWithThem asks each field that is wrong, and those alone, to say so.
func TestFieldsSayWhatIsWrongWithThem(t *testing.T) {
	for name, tt := range map[string]struct {
		pairs []string
		above string
		wrong map[string]string
	}{
		"address":        {[]string{"email", "ann", "c.offers", "on", "f.company", "Acme"}, "Please enter a complete email address", map[string]string{"email": "Please enter a complete email address"}},
		"nothing chosen": {[]string{"f.company", "Acme"}, "Please choose at least one", map[string]string{"c.marketing": "Please choose at least one", "c.offers": "Please choose at least one"}},
		"empty":          {[]string{"c.offers", "on"}, "Please look at the marked fields", map[string]string{"f.company": "Please fill this in"}},
		"long":           {[]string{"c.offers", "on", "f.company", "Acme", "f.first_name", strings.Repeat("x", 201)}, "Please look at the marked fields", map[string]string{"f.first_name": "at most 200"}},
		"all of them": {[]string{"email", "ann", "f.first_name", strings.Repeat("x", 201)}, "Please look at the marked fields", map[string]string{
			"email": "Please enter a complete email address", "c.marketing": "Please choose at least one", "c.offers": "Please choose at least one",
			"f.company": "Please fill this in", "f.first_name": "at most 200",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, moreForms)
			address := "ann@example.com"
			if tt.wrong["email"] != "" {
				address, tt.pairs = tt.pairs[1], tt.pairs[2:]
			}
			res := s.signupOn("must", address, tt.pairs...)
			require.Equal(t, 422, res.StatusCode)
			page := text(res)
			require.Regexp(t, `role="alert"[^>]*>`+tt.above, page)
			for _, field := range []string{"email", "f.company", "f.first_name", "c.marketing", "c.offers"} {
				says, wrong := tt.wrong[field]
				require.Equal(t, wrong, attribute(input(t, page, field), "aria-invalid") == "true", field)
				if wrong {
					require.Contains(t, described(t, page, field), says)
				}
			}
			requireWhole(t, page)
			require.Empty(t, s.deliver())
		})
	}
	t.Run("the page for links", func(t *testing.T) {
		s := newSite(t)
		page := text(s.post("/mail/u", "email", "ann"))
		require.Contains(t, described(t, page, "email"), "complete email address")
		require.Empty(t, attribute(input(t, s.get("/mail/u"), "email"), "aria-invalid"))
	})
}

// requireWhole asks that ids are there once, and that whatever is referred to is there.
func requireWhole(t *testing.T, page string) {
	t.Helper()
	ids := make(map[string]int)
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		ids[m[1]]++
		require.Equal(t, 1, ids[m[1]], m[1])
	}
	for _, m := range regexp.MustCompile(` (?:for|aria-describedby|aria-labelledby)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		for id := range strings.FieldsSeq(m[1]) {
			require.Equal(t, 1, ids[id], id)
		}
	}
}

// TestSnippetsOnOnePage puts the same form there twice, and another one.
func TestSnippetsOnOnePage(t *testing.T) {
	s := newSite(t)
	var b strings.Builder
	for _, form := range []string{"footer", "footer", "two"} {
		html, err := s.pages.Snippet(form, "en", nil)
		require.NoError(t, err)
		b.WriteString(string(html))
	}
	page := b.String()
	requireWhole(t, page)
	require.Equal(t, 3, strings.Count(page, `type="email"`))
}

// TestTrapIsForProgramsAlone wants it out of sight, of the order of tabs and of what is read out, also where the page that
// the form is on lets no style of ours in; and still there for what reads the markup and fills in every text field.
func TestTrapIsForProgramsAlone(t *testing.T) {
	s := newSite(t)
	html, err := s.pages.Snippet("footer", "en", nil)
	require.NoError(t, err)
	for _, page := range []string{s.get("/mail/s/footer"), string(html)} {
		require.Regexp(t, `<div class="trap" hidden aria-hidden="true"><label[^>]*>[^<]*</label>\s*<input [^>]*name="leave_empty"[^>]*></div>`, page)
		tag := input(t, page, "leave_empty")
		require.Equal(t, "text", attribute(tag, "type"))
		require.Equal(t, "-1", attribute(tag, "tabindex"))
		require.Equal(t, "off", attribute(tag, "autocomplete"))
		require.NotContains(t, tag, "hidden", "a program that leaves out what is hidden looks at the field itself")
	}
	require.Equal(t, 200, s.signup("ann@example.com", "leave_empty", "x").StatusCode)
	require.Empty(t, s.deliver())
}

// TestForeignTextSaysItsLanguage quotes English on pages in German.
func TestForeignTextSaysItsLanguage(t *testing.T) {
	s := newSite(t, moreForms, func(o *web.Options) { o.Forms[1].Topics = []string{"secret"} })
	id := s.subscribe("ann@example.com")
	s.header = http.Header{"Accept-Language": {"en"}}
	s.signupOn("own", "bob@example.com", "c.offers", "on")
	confirm := s.deliver()[0].Data["url"]
	s.header = http.Header{"Accept-Language": {"de"}}
	for target, want := range map[string][]string{
		"/mail/s/own":                  {`<h1 lang="en">Write to me`, `<span lang="en">Yes, do write.`, ` lang="en">Offers of partners<`},
		"/mail/s/must":                 {`<span lang="en">Your firm</span>`, `<span>Vorname</span>`},
		"/mail/s/footer":               {`<h1>Anmelden`, `<span>Ich bin einverstanden`},
		confirm:                        {`<blockquote lang="en">Yes, do write.`},
		s.unsubscribeURL(id, offers()): {`<strong lang="en">Offers of partners`},
	} {
		page := s.get(target)
		require.Contains(t, page, `<html lang="de">`)
		for _, part := range want {
			require.Contains(t, page, part)
		}
		require.NotContains(t, page, ` lang=""`)
	}
	s.header = http.Header{"Accept-Language": {"en"}}
	require.NotContains(t, strings.ReplaceAll(s.get(confirm), `<html lang="en">`, ""), ` lang="en"`)
}
