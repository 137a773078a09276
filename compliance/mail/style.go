package mail

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// change is what declarations change of a look.
type change struct {
	hides         bool
	color, ground *string
}

// and gives both, the later one in front.
func (c change) and(later change) change {
	c.hides = c.hides || later.hides
	if later.color != nil {
		c.color = later.color
	}
	if later.ground != nil {
		c.ground = later.ground
	}
	return c
}

// with gives the look with a change made. What hides once hides all that is
// within: font size and visibility could be set back, which mail that means
// well does not do.
func (l look) with(c change) look {
	l.hidden = l.hidden || c.hides
	if c.color != nil {
		l.color = *c.color
	}
	if c.ground != nil {
		l.ground = *c.ground
	}
	return l
}

// collectRules reads the style elements of a page: simple selectors outside of
// @-rules, which say what holds for some screens only.
func (v *viewer) collectRules(root *html.Node) {
	for n := range root.Descendants() {
		if n.DataAtom != atom.Style || n.FirstChild == nil {
			continue
		}
		depth, css := 0, n.FirstChild.Data
		for len(css) > 0 && len(v.rules) < maxRules {
			i := strings.IndexAny(css, "{}")
			if i < 0 {
				break
			}
			head := strings.TrimSpace(css[:i])
			brace := css[i]
			css = css[i+1:]
			switch {
			case brace == '}':
				depth = max(0, depth-1)
			case strings.HasPrefix(head, "@") || depth > 0:
				depth++
			default:
				style, rest, _ := strings.Cut(css, "}")
				css = rest
				for selector := range strings.SplitSeq(strings.ToLower(head), ",") {
					if s := strings.TrimSpace(selector); s != "" && !strings.ContainsAny(s, " >+~:[*") {
						v.rules[s] = v.rules[s].and(declarations(style))
					}
				}
			}
		}
	}
}

// lookOf gives how an element looks within another.
func (v *viewer) lookOf(n *html.Node, l look) look {
	if hasAttr(n, "hidden") {
		l.hidden = true
	}
	if bg := attr(n, "bgcolor"); bg != "" {
		l.ground = bg
	}
	if attr(n, "background") != "" {
		l.ground = ""
	}
	if c := attr(n, "color"); c != "" && n.DataAtom == atom.Font {
		l.color = c
	}
	if len(v.rules) > 0 {
		l = l.with(v.rules[n.Data])
		for class := range strings.FieldsSeq(strings.ToLower(attr(n, "class"))) {
			l = l.with(v.rules["."+class])
		}
		l = l.with(v.rules["#"+strings.ToLower(attr(n, "id"))])
	}
	return l.with(declarations(attr(n, "style")))
}

// declarations reads the declarations of a rule or of a style attribute.
func declarations(style string) change {
	var out change
	if len(style) > maxStyle {
		style = style[:maxStyle]
	}
	box, clipped := false, false
	for d := range strings.SplitSeq(strings.ToLower(style), ";") {
		name, value, _ := strings.Cut(d, ":")
		name = strings.TrimSpace(name)
		value = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "!important"))
		switch name {
		case "color":
			out.color = &value
		case "background", "background-color", "background-image":
			ground := firstColor(value)
			out.ground = &ground
		case "height", "max-height", "width", "max-width":
			if size, ok := pixels(value); ok && size < 2 {
				box = true
			}
		case "overflow":
			clipped = value == "hidden"
		default:
			out.hides = out.hides || hides(name, value)
		}
	}
	out.hides = out.hides || box && clipped
	return out
}

// hides reports whether a declaration alone makes text unreadable.
func hides(name, value string) bool {
	size, isSize := pixels(value)
	switch name {
	case "display":
		return value == "none"
	case "visibility":
		return value == "hidden" || value == "collapse"
	case "opacity":
		return isSize && size < 0.2
	case "font-size":
		return isSize && size < 5
	case "line-height":
		return isSize && size == 0
	case "text-indent", "left", "top", "margin-left", "margin-top":
		return isSize && size < -500
	case "mso-hide":
		return value == "all"
	case "clip":
		return strings.HasPrefix(value, "rect(0")
	default:
		return false
	}
}

// pixels reads a number with or without a unit, as pixels where it can tell.
func pixels(s string) (float64, bool) {
	for _, u := range []struct {
		suffix string
		factor float64
	}{{"px", 1}, {"pt", 4.0 / 3}, {"rem", 16}, {"em", 16}, {"%", 0.16}, {"", 1}} {
		if number, ok := strings.CutSuffix(s, u.suffix); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			return n * u.factor, err == nil
		}
	}
	return 0, false
}

// firstColor gives the colour in a background; "" where there is an image, or
// none that is known.
func firstColor(s string) string {
	if strings.Contains(s, "url(") || strings.Contains(s, "gradient") {
		return ""
	}
	if strings.HasPrefix(s, "rgb") {
		return s
	}
	for w := range strings.FieldsSeq(s) {
		if _, ok := parseColor(w); ok {
			return w
		}
	}
	return ""
}

// sameColor reports whether text of one colour cannot be read on another:
// transparent text never can.
func sameColor(a, b string) bool {
	if a == "transparent" {
		return true
	}
	x, ok := parseColor(a)
	y, known := parseColor(b)
	if !ok || !known {
		return false
	}
	const near = 24 // of 255, in each of red, green and blue
	for i := range x {
		if d := x[i] - y[i]; d > near || d < -near {
			return false
		}
	}
	return true
}

// parseColor reads #rgb, #rrggbb, rgb(r, g, b) and the names that matter.
func parseColor(s string) (out [3]int, ok bool) {
	switch s = strings.ToLower(strings.TrimSpace(s)); s {
	case "white":
		return [3]int{255, 255, 255}, true
	case "black":
		return out, true
	}
	if inner, ok := strings.CutPrefix(s, "rgb"); ok {
		inner = strings.Trim(strings.TrimPrefix(inner, "a"), "() ")
		parts := strings.FieldsFunc(inner, func(r rune) bool { return r == ',' || r == ' ' || r == '/' })
		if len(parts) < 3 {
			return out, false
		}
		for i := range out {
			n, err := strconv.Atoi(parts[i])
			if err != nil {
				return out, false
			}
			out[i] = n
		}
		return out, true
	}
	hex := strings.TrimPrefix(s, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	if len(hex) != 6 {
		return out, false
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		return out, false
	}
	return [3]int{int(n >> 16), int(n >> 8 & 0xff), int(n & 0xff)}, true
}
