package audience_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/audiencekit/audiencekit/audience"
)

func BenchmarkParseAddress(b *testing.B) {
	for _, bb := range []struct{ name, in string }{
		{"plain", "jane.doe@example.com"},
		{"upper", "Jane.Doe@Example.COM"},
		{"local beyond ASCII", "jürgen@example.de"},
		{"domain beyond ASCII", "jane@straße.de"},
		{"refused", "jane.doe@example"},
		{"longest", strings.Repeat("a", 64) + "@" + strings.Repeat("b.", 92) + "names"},
		{"one long label", "a@" + strings.Repeat("\u00fc\u6771", 120) + ".de"},
		{"many labels", "a@" + strings.Repeat("ü.", 126) + "de"},
		{"hostile punycode", "a@xn--" + strings.Repeat("z", 59) + ".de"},
		{"many marks", strings.Repeat("a\u0323\u0301", 204) + "@x.de"},
		{"hostile", strings.Repeat("ü.", 400) + "@" + strings.Repeat("İ", 100)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = audience.ParseAddress(bb.in)
			}
		})
	}
}

func BenchmarkAddressEqual(b *testing.B) {
	x, y := audience.MustAddress("Jane.Doe@example.com"), audience.MustAddress("jane.doe@EXAMPLE.com")
	b.ReportAllocs()
	for b.Loop() {
		if !x.Equal(y) {
			b.Fatal("not equal")
		}
	}
}

func BenchmarkAddressMasked(b *testing.B) {
	a := audience.MustAddress("jane.doe@example.com")
	b.ReportAllocs()
	for b.Loop() {
		_ = a.Masked()
	}
}

func BenchmarkPrivateFormat(b *testing.B) {
	p := audience.NewPrivate("Zenobia Quarto")
	b.ReportAllocs()
	for b.Loop() {
		_ = fmt.Sprint(p)
	}
}
