package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func TestChangeKinds(t *testing.T) {
	names := map[store.ChangeKind]string{
		store.ChangeContact: "contact", store.ChangeEvent: "event", store.ChangeLedger: "ledger", store.ChangeList: "list",
		store.ChangeSuppression: "suppression", store.ChangeMerge: "merge", store.ChangeUnmerge: "unmerge",
		store.ChangeDelete: "delete", store.ChangeErase: "erase", store.ChangeSchema: "schema", store.ChangeRecord: "record", 0: "none", 99: "none",
	}
	for kind, name := range names {
		require.Equal(t, name, kind.String())
	}
	for number, name := range []string{"none", "contact", "event", "ledger", "list", "suppression", "merge", "unmerge", "delete", "erase", "schema", "record"} {
		require.Equal(t, name, store.ChangeKind(number).String(), "adapters store the numbers")
	}
	for number, name := range []string{"none", "added", "revised", "repeated", "ignored", "none"} {
		require.Equal(t, name, store.AppendOutcome(number).String())
	}
}

// What is left of a change names nobody but by number.
func TestChangeBlank(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	f.event(audience.Key("ann"), "e1", "purchase", 0)
	f.record(grant(audience.Key("ann"), audience.MechanismVerbal))
	f.join("vip", audience.Key("ann"))
	f.put("bob", "bob@example.com")
	f.merge(audience.Key("ann"), audience.Key("bob"))
	for _, c := range f.changes() {
		require.Equal(t, store.Change{Kind: c.Kind, Contact: c.Contact, Other: c.Other, MergedAt: c.MergedAt, WinnerSeq: c.WinnerSeq}, c.Blank(), "%s", c.Kind)
	}
}

// G7: no error shows an address, a name, a key or a value, and neither does
// what the feed tells when it is printed.
func TestNothingPersonalIsPrinted(t *testing.T) {
	f := newFixture(t)
	secrets := []string{"secret", "Secret", "+1 555 0100", "4711"}
	ref, email := audience.Key("secret-key"), address(t, "secret@secret.example.com")
	f.write(audience.ContactWrite{
		Match: ref, Email: email, FirstName: audience.NewPrivate("Secret"), Phone: audience.NewPrivate("+1 555 0100"),
		Set: map[string]audience.Value{"tier": audience.IntValue(4711)},
	})
	f.put("other", "other@example.com")
	f.record(grant(ref, audience.MechanismVerbal))
	f.append(audience.EventWrite{Contact: ref, ID: "e1", Type: "purchase", Time: f.now, Props: map[string]audience.Value{"value": audience.IntValue(4711)}})
	ctx := t.Context()
	calls := map[string]func(*store.Tx) error{
		"identity": func(tx *store.Tx) error {
			_, err := tx.Put(ctx, audience.ContactWrite{Match: audience.Key("other"), Email: email})
			return err
		},
		"ambiguous": func(tx *store.Tx) error {
			_, err := tx.Put(ctx, audience.ContactWrite{Email: email, Addresses: []audience.Address{address(t, "other@example.com")}})
			return err
		},
		"exists": func(tx *store.Tx) error {
			_, err := tx.Put(ctx, audience.ContactWrite{Match: ref, Mode: audience.CreateOnly})
			return err
		},
		"field": func(tx *store.Tx) error {
			_, err := tx.Put(ctx, audience.ContactWrite{Match: ref, Set: map[string]audience.Value{"tier": audience.StringValue("secret")}})
			return err
		},
		"event": func(tx *store.Tx) error {
			_, err := tx.Append(ctx, audience.EventWrite{Contact: ref, ID: "e1", Type: "purchase", Time: f.now})
			return err
		},
		"property": func(tx *store.Tx) error {
			_, err := tx.Append(ctx, audience.EventWrite{Contact: ref, Type: "purchase", Time: f.now, Props: map[string]audience.Value{"value": audience.StringValue("secret")}})
			return err
		},
		"stranger": func(tx *store.Tx) error {
			_, err := tx.Append(ctx, audience.EventWrite{Contact: audience.Key("secret"), Type: "purchase", Time: f.now})
			return err
		},
		"strange address": func(tx *store.Tx) error {
			return tx.Delete(ctx, audience.Source{}, audience.Email("secret@example.net"))
		},
		"consent": func(tx *store.Tx) error {
			w := grant(ref, audience.MechanismSilence)
			w.Evidence = []byte("secret")
			_, err := tx.Record(ctx, w)
			return err
		},
		"merge": func(tx *store.Tx) error { return tx.Merge(ctx, ref, audience.AddressRef(email), audience.Source{}) },
		"record": func(tx *store.Tx) error {
			_, err := tx.SaveRecord(ctx, store.Record{Namespace: "import", Key: "secret", Value: []byte("secret"), Version: 9})
			return err
		},
		"no record": func(tx *store.Tx) error { _, err := tx.LoadRecord(ctx, "import", "secret"); return err },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			shown := f.refused(call).Error()
			for _, secret := range secrets {
				require.NotContains(t, shown, secret)
			}
		})
	}
	for _, c := range f.changes() {
		for _, part := range []any{c, c.After, c.Event, c.Before, c.Record} {
			shown := fmt.Sprintf("%v %+v %#v", part, part, part)
			for _, secret := range secrets {
				require.NotContains(t, shown, secret)
			}
		}
	}
}
