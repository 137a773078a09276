package importer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// FuzzParseList: what is written as a list is read as the same list.
func FuzzParseList(f *testing.F) {
	for _, s := range []string{"", "a|b", "a,b|\"c\"", " x |\t|", "\"|\"\"", "a\nb|,", "\u00a0|\u2003x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = importer.ParseList(text)
		list := audience.StringListValue(strings.Split(text, "|")...)
		items, ok := importer.ParseList(list.Reveal())
		require.True(t, ok)
		require.True(t, list.Equal(audience.StringListValue(items...)), "%q", list.Reveal())
	})
}

// TestItemsDoNotPrint: what rows hold does not show in logs.
func TestItemsDoNotPrint(t *testing.T) {
	c := importer.Contact{Write: audience.ContactWrite{
		External: []audience.ExternalID{audience.External(audience.HostSystem, "secret")}, Email: audience.MustAddress("secret@secret.example"),
		FirstName: audience.NewPrivate("secret"), Set: map[string]audience.Value{"a": audience.StringValue("secret")},
	}}
	e := importer.Event{
		ExternalID: audience.NewPrivate("secret"), Email: audience.MustAddress("secret@secret.example"),
		Write: audience.EventWrite{Contact: audience.Key("secret"), Props: map[string]audience.Value{"a": audience.StringValue("secret")}},
	}
	for _, v := range []any{c, &c, e, &e} {
		requireHidden(t, v)
	}
}

func requireHidden(t *testing.T, v any) {
	t.Helper()
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, strings.ReplaceAll(fmt.Sprintf(format, v), "example", ""), "secret")
	}
}
