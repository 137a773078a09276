package audiencetest

import "strings"

// Text is a text for tests with what it is called.
type Text struct{ Name, Text string }

// Hostile gives texts that every part of the library has to keep as they
// are, byte for byte: they are valid UTF-8 without NUL and within the default
// limits of a string value. Not all are names that CheckName takes.
func Hostile() []Text {
	return []Text{
		{"empty", ""},
		{"space", " "},
		{"spaces at the ends", "  x\t"},
		{"line breaks", "a\nb\rc\r\nd\u0085e\u2028f\u2029g"},
		{"controls", "\x01\x07\x08\x1b[31m\x7f"},
		{"latin-1 controls", "\u0080\u009f"},

		{"composed", "Zürich é"},
		{"decomposed", "Zu\u0308rich e\u0301"},
		{"sharp s", "Straße STRASSE ẞ"},
		{"dotless and dotted i", "ıİiI"},
		{"kelvin sign", "\u212aelvin"},
		{"final sigma", "ΟΔΟΣ οδος"},
		{"ligature", "ﬁﬀ"},
		{"full width", "ＤＥ＝１"},
		{"homoglyphs", "pаypal"},
		{"han", "漢字かな交じり文"},
		{"emoji", "👩🏽‍🚀👨‍👩‍👧‍👦🇩🇪"},
		{"many marks", "Z" + strings.Repeat("\u0301\u0316", 200)},
		{"beyond the first plane", "\U00010348\U0001f600\U0010fffd"},
		{"last code point", "\U0010ffff"},
		{"non-characters", "\ufdd0\uffff"},
		{"replacement", "\ufffd"},
		{"byte order mark", "\ufeffid"},

		{"right to left", "שלום עולם مرحبا"},
		{"right-to-left override", "invoice\u202egpj.exe"},
		{"isolates left open", "a\u2066\u2067b"},
		{"invisible", "a\u200b\u200c\u200d\u2060\u00adb"},
		{"only invisible", "\u200b\u2063"},
		{"odd spaces", "a\u00a0b\u2003c\u3000d"},

		{"formula", `=HYPERLINK("https://example.com/?"&A1,"click")`},
		{"formula command", "=cmd|' /C calc'!A0"},
		{"formula plus", "+1+1"},
		{"formula minus", "-2+3"},
		{"formula at", "@SUM(1+1)"},
		{"formula after a tab", "\t=1+1"},
		{"formula after a line break", "\r=1+1"},
		{"formula in full width", "＝1+1"},
		{"formula behind a quote", `"=1+1`},

		{"separators", `a,b;c|d"e'f` + "`g"},
		{"quotes", `"""`},
		{"backslashes", `\\n\"\`},
		{"sql", `'; DROP TABLE contacts; --`},
		{"like pattern", `100%_\%`},
		{"html", `<script>alert(1)</script><img src=x onerror=alert(1)>`},
		{"entities", "&amp;&#0;&nbsp;"},
		{"template", "{{.Email}} ${7*7} {%x%} %s%n"},
		{"path", "../../etc/passwd"},
		{"header", "a\r\nBcc: x@example.com"},
		{"expression", `x" || true || "`},

		{"null word", "NULL"},
		{"none word", "None"},
		{"true word", "true"},
		{"number", "0123"},
		{"big number", "9007199254740993"},
		{"not a number", "NaN"},
		{"infinity", "-Infinity"},
		{"exponent", "1e309"},
		{"date", "2026-02-30"},

		{"long", strings.Repeat("x", 65_536)},
		{"long of four bytes each", strings.Repeat("😀", 16_384)},
		{"long line of spaces", strings.Repeat(" ", 10_000) + "x"},
	}
}

// Refused gives texts that no value may have: they are not valid UTF-8, have
// a NUL, or are longer than the default limit.
func Refused() []Text {
	return []Text{
		{"nul", "\x00"},
		{"nul inside", "a\x00b"},
		{"nul at the end", "ab\x00"},
		{"lone continuation", "a\x80b"},
		{"cut off", "Z\xc3"},
		{"latin-1", "Z\xfcrich"},
		{"overlong slash", "\xc0\xaf"},
		{"overlong nul", "\xc0\x80"},
		{"surrogate half", "\xed\xa0\x80"},
		{"surrogate pair", "\xed\xa0\xbd\xed\xb8\x80"},
		{"beyond unicode", "\xf4\x90\x80\x80"},
		{"five bytes", "\xf8\x88\x80\x80\x80"},
		{"utf-16", "\xff\xfea\x00"},
		{"too long", strings.Repeat("x", 65_537)},
		{"too long in bytes", strings.Repeat("é", 32_769)},
	}
}
