package audience_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// The secrets stand in every personal place of a value. secretNumber is in
// the numbers and dates.
const (
	secretText   = "zenobiaquarto"
	secretNumber = 7_316_055
)

func secretAddress() audience.Address {
	return audience.MustAddress(secretText + "@" + secretText + ".com")
}

func secretValues() map[string]audience.Value {
	return map[string]audience.Value{
		"string": audience.StringValue(secretText),
		"list":   audience.StringListValue(secretText, "other"),
		"int":    audience.IntValue(secretNumber),
		"double": audience.DoubleValue(secretNumber),
	}
}

func secretContact() audience.Contact {
	c := audience.Contact{
		ID: 4, Version: 2,
		Addresses: []audience.Address{secretAddress()},
		External:  []audience.ExternalID{audience.External("crm", secretText)},
		FirstName: audience.NewPrivate(secretText), LastName: audience.NewPrivate(secretText), Phone: audience.NewPrivate(secretText),
		CreatedAt: at(1), UpdatedAt: at(1),
	}
	for _, v := range secretValues() {
		c.Fields = append(c.Fields, audience.FieldValue{ID: audience.FieldID(len(c.Fields) + 1), Value: v, Origin: &audience.Provenance{At: at(1)}})
	}
	return c
}

func secretEvent() audience.Event {
	e := audience.Event{Contact: 4, Origin: 4, ID: "e1", Type: "purchase", Time: at(1)}
	for _, v := range secretValues() {
		e.Props = append(e.Props, audience.EventProp{ID: audience.PropID(len(e.Props) + 1), Value: v})
	}
	return e
}

func secretWrite() audience.ContactWrite {
	often := "weekly"
	return audience.ContactWrite{
		Match: audience.Key(secretText), Email: secretAddress(), Addresses: []audience.Address{secretAddress()},
		External:  []audience.ExternalID{audience.External("crm", secretText)},
		Detach:    []audience.Identity{audience.AddressIdentity(secretAddress())},
		FirstName: audience.NewPrivate(secretText), LastName: audience.NewPrivate(secretText), Phone: audience.NewPrivate(secretText),
		Set: secretValues(), Frequency: &often,
	}
}

// requireSilent prints a value in every way there is, within structs, slices,
// maps and errors, in exported and unexported fields.
func requireSilent[T any](t *testing.T, v T) {
	t.Helper()
	requireHiddenFrom(t, fewVerbs, v, secretText, strconv.Itoa(secretNumber), strconv.FormatInt(secretNumber, 16))
}

func TestNothingPersonalPrints(t *testing.T) {
	t.Run("Ref by key", func(t *testing.T) { requireSilent(t, audience.Key(secretText)) })
	t.Run("Ref by external id", func(t *testing.T) { requireSilent(t, audience.ExternalRef(audience.External("crm", secretText))) })
	t.Run("Ref by address", func(t *testing.T) { requireSilent(t, audience.AddressRef(secretAddress())) })
	t.Run("ExternalID", func(t *testing.T) { requireSilent(t, audience.External("crm", secretText)) })
	t.Run("Identity of an address", func(t *testing.T) { requireSilent(t, audience.AddressIdentity(secretAddress())) })
	t.Run("Identity of an id", func(t *testing.T) { requireSilent(t, audience.ExternalIdentity(audience.External("crm", secretText))) })
	for name, v := range secretValues() {
		t.Run("Value "+name, func(t *testing.T) { requireSilent(t, v) })
	}
	t.Run("FieldValue", func(t *testing.T) { requireSilent(t, secretContact().Fields[0]) })
	t.Run("EventProp", func(t *testing.T) { requireSilent(t, secretEvent().Props[0]) })
	t.Run("Contact", func(t *testing.T) { requireSilent(t, secretContact()) })
	t.Run("Event", func(t *testing.T) { requireSilent(t, secretEvent()) })
	t.Run("Profile", func(t *testing.T) {
		requireSilent(t, audience.Profile{
			Contact: secretContact(),
			Streams: []audience.EventStream{{Type: "purchase", Events: []audience.Event{secretEvent()}}},
		})
	})
	t.Run("ContactWrite", func(t *testing.T) { requireSilent(t, secretWrite()) })
	t.Run("EventWrite", func(t *testing.T) {
		requireSilent(t, audience.EventWrite{Contact: audience.Key(secretText), Type: "purchase", Time: at(1), Props: secretValues()})
	})
	t.Run("ConsentWrite", func(t *testing.T) {
		requireSilent(t, audience.ConsentWrite{Contact: audience.AddressRef(secretAddress()), Kind: audience.ConsentGranted})
	})
	t.Run("ConsentWrite with evidence", func(t *testing.T) {
		w := audience.ConsentWrite{Contact: audience.Key("u1"), Kind: audience.ConsentGranted, Evidence: []byte(secretText)}
		for shape, x := range map[string]any{
			"value": w, "pointer": &w, "slice": []audience.ConsentWrite{w}, "map": map[string]audience.ConsentWrite{"k": w},
			"struct": struct{ W audience.ConsentWrite }{w},
		} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				requireAbsent(t, []string{secretText}, fmt.Sprintf(verb, x), shape+" "+verb)
			}
			out, err := json.Marshal(x)
			require.NoError(t, err)
			requireAbsent(t, []string{secretText}, string(out), shape)
			require.NotContains(t, string(out), "Evidence", shape)
			var b strings.Builder
			logTo(slog.NewJSONHandler(&b, nil), x)
			require.NotContains(t, b.String(), "Evidence", shape)
		}
	})
}

// TestKeysNeverPrint: neither the secrets nor what is derived from them.
func TestKeysNeverPrint(t *testing.T) {
	secret := strings.Repeat("secretsecret", 3)
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": []byte(secret)})
	require.NoError(t, err)
	requireHidden(t, keys, "secretsecret")
	derived, ok := keys.Derive("k1", "audience/compliance/suppression/v1")
	require.True(t, ok)
	requireHidden(t, keys, string(derived))
}

// TestAddressHashMask: the hash of a person does not get into text logs.
func TestAddressHashMask(t *testing.T) {
	h := audience.AddressHash{Key: "k1", Sum: [32]byte{0xab, 0xcd, 0xef}}
	s := audience.Suppression{Hash: h, Reason: audience.SuppressedManually, At: at(1)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, x := range []any{h, s, &s, []audience.Suppression{s}, map[audience.AddressHash]bool{h: true}} {
			out := strings.ToLower(fmt.Sprintf(verb, x))
			require.Contains(t, out, "address hash under key k1")
			for _, bytes := range []string{"abcdef", "171", "0xab"} {
				require.NotContains(t, out, bytes, verb)
			}
		}
	}
	require.Equal(t, "address hash under key k1", h.LogValue().String())
}

// TestMasks is what logs show instead.
func TestMasks(t *testing.T) {
	c := secretContact()
	e := secretEvent()
	keys, err := audience.NewKeys("a", map[string][]byte{"a": make([]byte, 32), "b": make([]byte, 32)})
	require.NoError(t, err)
	tests := []struct {
		v    any
		want string
	}{
		{audience.Ref{}, "nobody"},
		{audience.Email("not an address"), "nobody"},
		{audience.ID(12), "contact 12"},
		{audience.Key("u1"), "contact by id of host"},
		{audience.ExternalRef(audience.External("crm", "1")), "contact by id of crm"},
		{audience.Email("a@example.com"), "contact by address"},
		{audience.AddressIdentity(secretAddress()), "address"},
		{audience.ExternalIdentity(audience.External("crm", "1")), "external:crm"},
		{audience.Value{}, "<none>"},
		{audience.DateValue(0), "<date>"},
		{c, "contact 4 v2"},
		{&c, "contact 4 v2"},
		{audience.Profile{Contact: c}, "contact 4 v2"},
		{e, "purchase of contact 4 at 2026-01-01T12:00:00Z"},
		{audience.Event{Type: "a\u0001\U000e0001"}, "a\u0001\U000e0001 of contact 0 at 0001-01-01T00:00:00Z"},
		{audience.EventWrite{Contact: audience.Key("u1"), Type: "purchase", Time: at(1)}, "purchase of contact by id of host at 2026-01-01T12:00:00Z"},
		{secretWrite(), "write of contact by id of host"},
		{audience.ContactWrite{Email: secretAddress()}, "write of contact by address"},
		{audience.ContactWrite{External: []audience.ExternalID{audience.External("crm", "1")}}, "write of contact by id of crm"},
		{audience.ContactWrite{Addresses: []audience.Address{secretAddress()}}, "write of contact by address"},
		{audience.ContactWrite{}, "write of nobody"},
		{
			audience.ConsentWrite{Contact: audience.ID(3), Kind: audience.ConsentWithdrawn, Scope: audience.MarketingScope()},
			"withdrawn by contact 3 for email/marketing/*",
		},
		{keys, "2 keys"},
		{audience.Keys{}, "0 keys"},
	}
	for _, tt := range tests {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%40s"} {
			require.Equal(t, tt.want, fmt.Sprintf(verb, tt.v), verb)
		}
		require.Equal(t, tt.want, slog.AnyValue(tt.v).Resolve().String())
		out, err := json.Marshal(tt.v)
		require.NoError(t, err)
		var text string
		require.NoError(t, json.Unmarshal(out, &text), "%s", out)
		require.Equal(t, tt.want, text)
	}
}

// TestNoPlainTextFields walks the types by reflection: a personal member that
// is a plain string would print within somebody else's struct.
func TestNoPlainTextFields(t *testing.T) {
	// What these hold is not personal, and documented so.
	known := map[string]bool{
		"Contact.Frequency": true, "Tag.Name": true, "Source.Name": true, "Source.Actor": true, "ExternalID.System": true, "Identity.kind": true,
		"Event.ID": true, "Event.Type": true, "EventWrite.ID": true, "EventWrite.Type": true, "ContactWrite.Clear": true,
		"ContactWrite.AddTags": true, "ContactWrite.RemoveTags": true, "ContactWrite.SetTags": true, "ContactWrite.Owner": true,
		"ContactWrite.Set": true, "EventWrite.Props": true, // their keys: names of the schema
		"ConsentWrite.Mechanism": true, "ConsentWrite.Notice": true, "Scope.Channel": true, "Scope.Purpose": true, "Scope.List": true,
		"ConsentRecord.Mechanism": true, "ConsentRecord.Notice": true, "AddressHash.Key": true,
	}
	handed := map[string]bool{"FieldValue.Origin": true, "Tag.Origin": true}
	seen := map[reflect.Type]bool{}
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		if seen[typ] || typ == reflect.TypeFor[time.Time]() || typ.Kind() != reflect.Struct {
			return
		}
		seen[typ] = true
		for f := range typ.Fields() {
			name := typ.Name() + "." + f.Name
			inner := f.Type
			plain := false
			for {
				plain = plain || inner.Kind() == reflect.String || inner.Kind() == reflect.Map && inner.Key().Kind() == reflect.String
				k := inner.Kind()
				if k != reflect.Slice && k != reflect.Map && k != reflect.Array {
					break
				}
				inner = inner.Elem()
			}
			require.Equal(t, known[name], plain, name)
			walk(inner)
			if inner.Kind() == reflect.Pointer { // fmt shows what these point to when the verb is not for pointers
				kinds := []reflect.Kind{reflect.Struct, reflect.Slice, reflect.Map, reflect.Array}
				require.Equal(t, handed[name], slices.Contains(kinds, inner.Elem().Kind()), name)
				if handed[name] {
					walk(inner.Elem())
				}
			}
		}
	}
	for _, v := range []any{
		audience.Contact{},
		audience.Event{},
		audience.ContactWrite{},
		audience.EventWrite{},
		audience.ConsentWrite{},
		audience.ConsentRecord{},
		audience.Suppression{},
		audience.Value{},
		audience.Ref{},
		audience.Keys{},
	} {
		walk(reflect.TypeOf(v))
	}
	require.Greater(t, len(seen), 15)
}
