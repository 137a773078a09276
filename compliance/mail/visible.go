package mail

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	maxShownBytes = 1 << 20 // of text that is looked at
	maxRules      = 1000    // of style sheets
	maxStyle      = 4 << 10 // bytes of one element or rule
)

// shown is what a message shows: links stand in the texts as addresses.
type shown struct {
	visible string
	hidden  string
	images  int
	pixel   bool // an image that nobody can see: it tells the sender that she reads
}

// readShown gives what the reader of a message sees: its HTML, or its text
// where it has none. Attachments are not looked at.
func readShown(top *part) shown {
	var s shown
	var texts, pages []*part
	top.walk(func(p *part) {
		if strings.HasPrefix(strings.ToLower(p.header.get("Content-Disposition")), "attachment") {
			return
		}
		switch p.media {
		case "text/plain":
			texts = append(texts, p)
		case "text/html":
			pages = append(pages, p)
		}
	})
	if len(pages) == 0 {
		for _, p := range texts {
			s.visible += bound(p.text(), maxShownBytes-len(s.visible)) + "\n"
		}
		return s
	}
	v := viewer{rules: map[string]change{}}
	for _, p := range pages {
		v.read(bound(p.text(), maxShownBytes-v.used))
	}
	return shown{visible: v.visible.String(), hidden: v.hidden.String(), images: v.images, pixel: v.pixel}
}

func bound(s string, n int) string { return strings.ToValidUTF8(s[:max(0, min(len(s), n))], "") }

// viewer walks through pages and tells what can be seen.
type viewer struct {
	visible, hidden strings.Builder
	images          int
	pixel           bool
	rules           map[string]change // by selector
	used            int
}

func (v *viewer) read(text string) {
	v.used += len(text)
	root, err := html.Parse(strings.NewReader(text)) // bounds its depth itself
	if err != nil {
		v.hidden.WriteString(text) // nothing of it is sure to be seen
		return
	}
	v.collectRules(root)
	v.walk(root, look{ground: "white", color: "black"})
}

// look is how a part of a page looks: what it inherits and what it changes.
type look struct {
	hidden        bool
	color, ground string // "" where it cannot be told
}

func (v *viewer) walk(n *html.Node, l look) {
	switch n.Type {
	case html.TextNode:
		v.write(n.Data, l)
		return
	case html.ElementNode:
		if isUnseen(n.DataAtom) {
			return
		}
		if n.DataAtom == atom.Img {
			v.image(n, l)
			return
		}
		l = v.lookOf(n, l)
	default:
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		v.walk(c, l)
	}
	if n.Type != html.ElementNode {
		return
	}
	if href := attr(n, "href"); n.DataAtom == atom.A && href != "" && strings.TrimSpace(textOf(n)) != "" {
		v.write(" "+href+" ", l)
	}
	if isBlock(n.DataAtom) {
		v.write("\n", l)
	}
}

// isUnseen reports whether nothing of an element is shown, whatever its style.
func isUnseen(a atom.Atom) bool {
	switch a {
	case atom.Script, atom.Style, atom.Head, atom.Template, atom.Noscript, atom.Iframe, atom.Object:
		return true
	default:
		return false
	}
}

func (v *viewer) write(text string, l look) {
	if l.hidden || l.color != "" && sameColor(l.color, l.ground) {
		v.hidden.WriteString(text)
	} else {
		v.visible.WriteString(text)
	}
}

// textOf gives the text below a node, or of its images: enough to know whether
// a link has any.
func textOf(n *html.Node) string {
	for d := range n.Descendants() {
		if d.Type == html.TextNode && strings.TrimSpace(d.Data) != "" {
			return d.Data
		}
		if d.DataAtom == atom.Img && attr(d, "alt") != "" {
			return attr(d, "alt")
		}
	}
	return ""
}

// image counts an image. What it shows cannot be read; its text instead can,
// by those who do not load images.
func (v *viewer) image(n *html.Node, l look) {
	tiny := isTiny(attr(n, "width")) || isTiny(attr(n, "height")) || v.lookOf(n, l).hidden
	remote := strings.HasPrefix(strings.ToLower(attr(n, "src")), "http")
	v.pixel = v.pixel || tiny && remote
	if !tiny {
		v.images++
	}
}

func isTiny(s string) bool {
	s = strings.TrimSuffix(strings.TrimSpace(s), "px")
	return s == "0" || s == "1" || s == "2"
}

func isBlock(a atom.Atom) bool {
	switch a {
	case atom.P, atom.Div, atom.Br, atom.Tr, atom.Td, atom.Li, atom.H1, atom.H2, atom.H3, atom.H4, atom.Table, atom.Ul, atom.Ol, atom.Blockquote:
		return true
	default:
		return false
	}
}

func attr(n *html.Node, name string) string {
	for i := range n.Attr {
		if n.Attr[i].Key == name {
			return n.Attr[i].Val
		}
	}
	return ""
}

func hasAttr(n *html.Node, name string) bool {
	for i := range n.Attr {
		if n.Attr[i].Key == name {
			return true
		}
	}
	return false
}

// letters gives the letters and digits of a text in lower case, so that texts
// can be compared without regard to spaces, breaks and punctuation.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

func countLetters(s string) int { return len([]rune(letters(s))) }
