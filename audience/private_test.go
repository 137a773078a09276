package audience_test

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// holder has what can go wrong in one struct: fmt cannot call methods on what
// unexported fields hold.
type holder[T any] struct {
	Open    T
	closed  T
	Pointer *T
	hidden  *T
	slice   []T
	table   map[string]T
	face    any
	nested  struct{ deeper [1]T }
}

func (h *holder[T]) Error() string { return fmt.Sprintf("cannot take %v", *h) }

func hold[T any](v T) *holder[T] {
	h := &holder[T]{
		Open: v, closed: v, Pointer: &v, hidden: &v, slice: []T{v}, table: map[string]T{"k": v}, face: v,
	}
	h.nested.deeper[0] = v
	return h
}

// shapes are the ways a value reaches a printer.
func shapes[T any](v T) map[string]any {
	h := hold(v)
	return map[string]any{
		"value":             v,
		"pointer":           &v,
		"struct":            *h,
		"pointer to struct": h,
		"unexported only":   struct{ v T }{v},
		"slice":             []T{v},
		"array":             [2]T{v, v},
		"map":               map[string]T{"k": v},
		"list of anything":  []any{v, &v, h},
		"slice of structs":  []holder[T]{*h},
		"map of structs":    map[string]*holder[T]{"k": h},
		"wrapped error":     fmt.Errorf("row 3: %w", error(h)),
		"joined error":      errors.Join(h, h),
	}
}

// fewVerbs are the verbs of fmt and one that it does not have.
const fewVerbs = "vTtbcdoOqxXUeEfFgGspwA"

// requireHidden prints v in every way there is and looks for the secrets.
func requireHidden[T any](t *testing.T, v T, secrets ...string) {
	t.Helper()
	var verbs []rune
	for verb := 'A'; verb <= 'z'; verb++ {
		verbs = append(verbs, verb)
	}
	requireHiddenFrom(t, string(verbs), v, secrets...)
}

func requireHiddenFrom[T any](t *testing.T, verbs string, v T, secrets ...string) {
	t.Helper()
	requireNotFormatted(t, verbs, reflect.ValueOf(*hold(v)).FieldByName("closed"), secrets)
	for shape, x := range shapes(v) {
		t.Run(shape, func(t *testing.T) {
			requireNotFormatted(t, verbs, x, secrets)
			for how, encode := range encoders() {
				var out bytes.Buffer
				encode(&out, x)
				requireAbsent(t, secrets, out.String(), how)
			}
		})
	}
}

func requireNotFormatted(t *testing.T, verbs string, x any, secrets []string) {
	t.Helper()
	for _, verb := range verbs { // %w of what is no error calls no methods
		for _, flags := range []string{"", "+", "#", " ", "-", "0", "40", "-40", ".2", "#40.2"} {
			format := "%" + flags + string(verb)
			requireAbsent(t, secrets, fmt.Errorf(format, x).Error(), format)
		}
	}
	requireAbsent(t, secrets, fmt.Sprintln(x), "Sprintln")
}

func requireAbsent(t *testing.T, secrets []string, out, how string) {
	t.Helper()
	out = strings.ToLower(out)
	for _, secret := range secrets {
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), fmt.Sprintf("%d", []byte(secret))} {
			if strings.Contains(out, strings.ToLower(form)) { // a message is made for what fails only
				require.NotContains(t, out, strings.ToLower(form), how)
			}
		}
	}
}

func encoders() map[string]func(*bytes.Buffer, any) {
	note := func(b *bytes.Buffer, err error) {
		if err != nil {
			b.WriteString(err.Error()) // a refusal must not quote either
		}
	}
	return map[string]func(*bytes.Buffer, any){
		"json": func(b *bytes.Buffer, x any) { note(b, json.NewEncoder(b).Encode(x)) },
		"xml":  func(b *bytes.Buffer, x any) { note(b, xml.NewEncoder(b).Encode(x)) },
		"gob":  func(b *bytes.Buffer, x any) { note(b, gob.NewEncoder(b).Encode(x)) },
		"template": func(b *bytes.Buffer, x any) {
			note(b, template.Must(template.New("").Parse("{{.}} {{printf `%q` .}}")).Execute(b, x))
		},
		"slog text": func(b *bytes.Buffer, x any) { logTo(slog.NewTextHandler(b, nil), x) },
		"slog json": func(b *bytes.Buffer, x any) { logTo(slog.NewJSONHandler(b, nil), x) },
	}
}

func logTo(h slog.Handler, x any) {
	slog.New(h).With("bound", x).Info("message", "any", x, slog.Group("group", "in", x))
}

func TestPrivateNeverPrints(t *testing.T) {
	const secret = "Zenobia Quarto"
	requireHidden(t, audience.NewPrivate(secret), secret)
}

func TestPrivatePrintsAMask(t *testing.T) {
	p := audience.NewPrivate("Zenobia Quarto")
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%20s"} {
		require.Contains(t, fmt.Sprintf(format, p), "***", format)
	}
	out, err := json.Marshal(map[string]any{"name": p, "none": audience.Private{}})
	require.NoError(t, err)
	require.JSONEq(t, `{"name": "***", "none": ""}`, string(out))
	text, err := p.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "***", string(text))
	require.Equal(t, "***", p.LogValue().String())
	require.Empty(t, fmt.Sprint(audience.Private{}))
}

func TestPrivateKeepsItsText(t *testing.T) {
	for _, s := range []string{"", "a", "Zoë", "\xff\x00", strings.Repeat("x", 1000)} {
		p := audience.NewPrivate(s)
		require.Equal(t, s, p.Reveal())
		require.Equal(t, s == "", p.IsZero())
		text, ok := p.Value().Str()
		require.Equal(t, s, text)
		require.Equal(t, s != "", ok)
	}
	require.True(t, audience.Private{}.IsZero())
	require.Empty(t, audience.Private{}.Reveal())
}

func TestPrivateCompares(t *testing.T) {
	one, same, other := audience.NewPrivate("one"), audience.NewPrivate(strings.Clone("one")), audience.NewPrivate("two")
	none, empty := audience.Private{}, audience.NewPrivate("")

	require.True(t, one.Equal(same))
	require.False(t, one.Equal(other))
	require.False(t, one.Equal(none))
	require.True(t, none.Equal(empty))

	require.True(t, reflect.DeepEqual(one, same))
	require.False(t, reflect.DeepEqual(one, other))
	require.False(t, reflect.DeepEqual(one, none))
	require.True(t, reflect.DeepEqual(none, empty))
	require.True(t, reflect.DeepEqual([]audience.Private{one}, []audience.Private{same}))

	require.False(t, reflect.TypeFor[audience.Private]().Comparable(), "== would compare pointers")
}

func TestPrivateCannotBeUnmarshalled(t *testing.T) {
	var row struct{ Name audience.Private }
	require.Error(t, json.Unmarshal([]byte(`{"Name": "***"}`), &row), "a mask must not become a name")
	require.True(t, row.Name.IsZero())
}
