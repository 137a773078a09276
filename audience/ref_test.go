package audience_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestRef(t *testing.T) {
	jane := audience.MustAddress("Jane@Example.com")
	tests := []struct {
		name     string
		ref      audience.Ref
		id       audience.ContactID
		identity string
	}{
		{"zero", audience.Ref{}, 0, ""},
		{"id", audience.ID(7), 7, ""},
		{"id of nobody", audience.ID(0), 0, ""},
		{"key", audience.Key("u1"), 0, "external:host\x00u1"},
		{"empty key", audience.Key(""), 0, ""},
		{"external id", audience.ExternalRef(audience.External("crm", "A-1")), 0, "external:crm\x00A-1"},
		{"empty external id", audience.ExternalRef(audience.External("crm", "")), 0, ""},
		{"address", audience.AddressRef(jane), 0, "address\x00jane@example.com"},
		{"no address", audience.AddressRef(audience.Address{}), 0, ""},
		{"e-mail", audience.Email(" Jane@Example.com "), 0, "address\x00jane@example.com"},
		{"no e-mail", audience.Email("jane@@example"), 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, byID := tt.ref.ContactID()
			require.Equal(t, tt.id, id)
			require.Equal(t, tt.id != 0, byID)
			identity, ok := tt.ref.Identity()
			require.Equal(t, tt.identity != "", ok)
			if ok {
				require.Equal(t, tt.identity, identity.Index())
				require.Equal(t, tt.identity, identity.Kind()+"\x00"+identity.Key())
			}
			require.Equal(t, !ok && !byID, tt.ref.IsZero())
			address, isAddress := tt.ref.Address()
			require.Equal(t, strings.HasPrefix(tt.identity, "address"), isAddress)
			if isAddress {
				require.Equal(t, "Jane@Example.com", address.Reveal(), "the spelling stays")
			}
		})
	}
	require.False(t, reflect.TypeFor[audience.Ref]().Comparable(), "== would compare pointers")
}

func TestIdentityEqual(t *testing.T) {
	all := []audience.Identity{
		{},
		audience.AddressIdentity(audience.MustAddress("jane@example.com")),
		audience.AddressIdentity(audience.MustAddress("jane@example.org")),
		audience.ExternalIdentity(audience.External("host", "jane@example.com")),
		audience.ExternalIdentity(audience.External("host", "Jane@example.com")),
		audience.ExternalIdentity(audience.External("crm", "jane@example.com")),
		audience.ExternalIdentity(audience.External("address", "jane@example.com")),
	}
	for i, a := range all {
		for k, b := range all {
			require.Equal(t, i == k, a.Equal(b), "%d %d", i, k)
			require.Equal(t, i == k, a.Index() == b.Index(), "%d %d", i, k)
		}
	}
	require.True(t, audience.AddressIdentity(audience.MustAddress("JANE@EXAMPLE.COM")).Equal(all[1]), "spellings are one identity")
}

func TestExternalID(t *testing.T) {
	x := audience.External("crm", "1")
	require.True(t, x.Equal(audience.External("crm", "1")))
	require.False(t, x.Equal(audience.External("crm", "01")))
	require.False(t, x.Equal(audience.External("shop", "1")))

	limits := audience.Limits{NameBytes: 5, KeyBytes: 3}
	tests := []struct {
		name, system, id string
		path, rule       string
	}{
		{"good", "crm", "1", "", ""},
		{"longest", "abcde", "abc", "", ""},
		{"spaces within the id", "crm", " 1 ", "", ""},
		{"no system", "", "1", "p", "empty"},
		{"no id", "crm", "", "p", "empty"},
		{"long system", "abcdef", "1", "p.system", "max-length"},
		{"long id", "crm", "abcd", "p.id", "max-length"},
		{"space around the system", "crm ", "1", "p.system", "space"},
		{"control in the system", "c\nm", "1", "p.system", "control"},
		{"NUL in the id", "crm", "\x00", "p.id", "nul"},
		{"no UTF-8", "crm", "\xff", "p.id", "utf8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := audience.External(tt.system, tt.id).Check("p", limits)
			if tt.rule == "" {
				require.NoError(t, err)
				return
			}
			requireField(t, err, tt.path, tt.rule)
		})
	}
}

func TestCompareExternal(t *testing.T) {
	sorted := []audience.ExternalID{
		audience.External("", ""), audience.External("a", "2"), audience.External("ab", "1"), audience.External("b", "10"), audience.External("b", "9"),
	}
	for i, a := range sorted {
		for k, b := range sorted {
			got := audience.CompareExternal(a, b)
			require.Equal(t, i < k, got < 0)
			require.Equal(t, i == k, got == 0)
		}
	}
}

func TestSourceKinds(t *testing.T) {
	want := []string{"host", "import", "connection", "person", "computed", "none", "none"}
	for i, name := range want {
		require.Equal(t, name, audience.SourceKind(i).String())
	}
}

func TestSourceCheck(t *testing.T) {
	limits := audience.Limits{NameBytes: 4}
	require.NoError(t, audience.Source{}.Check("source", limits))
	require.NoError(t, audience.Source{Kind: audience.SourceComputed, Name: "job1", Actor: "op 7"}.Check("source", limits))
	requireField(t, audience.Source{Kind: audience.SourceComputed + 1}.Check("source", limits), "source.kind", "unknown")
	requireField(t, audience.Source{Name: "job 1"}.Check("source", limits), "source.name", "max-length")
	requireField(t, audience.Source{Actor: "\xff"}.Check("source", limits), "source.actor", "utf8")
}

func TestLimits(t *testing.T) {
	want := audience.Limits{
		StringBytes: 65_536, ListItems: 1_000, NameBytes: 200, KeyBytes: 512, Tags: 1_000, Fields: 1_000, Lists: 1_000, Identities: 100,
		EventTypes: 500, EventProps: 200, EventsPerType: 100_000, EvidenceBytes: 65_536, LedgerRecords: 1_000, BatchItems: 10_000, RecordBytes: 1 << 20,
	}
	require.Equal(t, want, audience.Limits{}.WithDefaults())
	require.Equal(t, want, want.WithDefaults())

	one, negative := reflect.New(reflect.TypeFor[audience.Limits]()).Elem(), reflect.New(reflect.TypeFor[audience.Limits]()).Elem()
	for i := range one.NumField() {
		require.Positive(t, reflect.ValueOf(want).Field(i).Int(), "every limit has a default")
		one.Field(i).SetInt(1)
		negative.Field(i).SetInt(-1)
	}
	require.Equal(t, one.Interface(), one.Interface().(audience.Limits).WithDefaults(), "what is set stays")
	require.Equal(t, want, negative.Interface().(audience.Limits).WithDefaults(), "no limit is ever off")
}

func ExampleRef() {
	refs := []audience.Ref{
		audience.Key("u42"), // by the host's own id
		audience.Email("Jane@example.com"),
		audience.ExternalRef(audience.External("crm", "C-7")), // by her id elsewhere
		audience.ID(12),                                       // by the number the store gave her
		audience.Email("not an address at all"),               // names nobody
	}
	for _, ref := range refs {
		fmt.Println(ref, ref.IsZero()) // safe to log
	}
	// Output:
	// contact by id of host false
	// contact by address false
	// contact by id of crm false
	// contact 12 false
	// nobody true
}
