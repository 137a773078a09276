package compliance_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// remove deletes a contact, as hosts do without asking anybody.
func (d *desk) remove(ids ...audience.ContactID) {
	d.t.Helper()
	_, err := d.aud.Update(d.t.Context(), func(tx *store.Tx) error {
		for _, id := range ids {
			if err := tx.Delete(d.t.Context(), audience.Source{}, audience.ID(id)); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(d.t, err)
}

func (d *desk) merge(winner, loser audience.ContactID) {
	d.t.Helper()
	_, err := d.aud.Update(d.t.Context(), func(tx *store.Tx) error {
		return tx.Merge(d.t.Context(), audience.ID(winner), audience.ID(loser), audience.Source{})
	})
	require.NoError(d.t, err)
}

// access answers a request for access.
func (d *desk) access(r *compliance.Rights, who audience.Ref) (answer, string) {
	d.t.Helper()
	q := d.open(r, compliance.RequestAccess, who)
	var out bytes.Buffer
	require.NoError(d.t, r.Access(d.t.Context(), q.ID, &out))
	var a answer
	require.NoError(d.t, json.Unmarshal(out.Bytes(), &a))
	return a, out.String()
}

// suppressed gives what is held against an address.
func (d *desk) suppressed(address string) (out []string) {
	d.t.Helper()
	require.NoError(d.t, d.aud.View(d.t.Context(), func(r *store.Reader) error {
		held, err := r.Suppressions(d.t.Context(), audience.MustAddress(address))
		for _, s := range held {
			out = append(out, s.Reason.String())
		}
		return err
	}))
	return out
}

// evidence counts the evidence that is still there.
func (d *desk) evidence(id audience.ContactID) (n int) {
	d.t.Helper()
	require.NoError(d.t, d.aud.View(d.t.Context(), func(r *store.Reader) error {
		chain, err := r.Chains(d.t.Context(), id)
		for _, rec := range chain {
			if _, err := r.Evidence(d.t.Context(), rec); err == nil {
				n++
			}
		}
		return err
	}))
	return n
}

// TestRightsOfTheDeleted: who was deleted, or merged away and deleted, is told
// what is still held, and can have it erased, by her id and by her address.
func TestRightsOfTheDeleted(t *testing.T) {
	for _, tt := range []struct {
		name string
		gone func(d *desk, jane audience.ContactID) audience.Ref
	}{
		{"by id", func(d *desk, jane audience.ContactID) audience.Ref {
			d.remove(jane)
			return audience.ID(jane)
		}},
		{"by address", func(d *desk, jane audience.ContactID) audience.Ref {
			d.remove(jane)
			return audience.Email("Jane@example.com")
		}},
		{"by the id she had before she was merged", func(d *desk, jane audience.ContactID) audience.Ref {
			winner := d.put("winner", "winner@example.com")
			d.merge(winner, jane)
			d.remove(winner)
			return audience.ID(jane)
		}},
		{"by her address before she was merged", func(d *desk, jane audience.ContactID) audience.Ref {
			winner := d.put("winner", "winner@example.com")
			d.merge(winner, jane)
			d.remove(winner)
			return audience.Email("jane@example.com")
		}},
		{"by address, deleted twice", func(d *desk, jane audience.ContactID) audience.Ref {
			d.remove(jane)
			again := d.put("jane", "jane@example.com")
			d.grant(again, audience.PurposeMarketing)
			d.remove(again)
			return audience.Email("jane@example.com")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			jane := d.jane()
			r := d.rights()
			who := tt.gone(d, jane)
			last := audience.ContactID(2)
			require.Positive(t, d.evidence(jane), "deleting keeps it")

			got, text := d.access(r, who)
			require.Subset(t, got.fields(), []string{"consent/granted", "consent/evidence", "requests/access", "traces/deleted contact"})
			require.NotContains(t, got.fields(), "profile/email")
			require.NotContains(t, got.fields(), "events/purchase")
			require.Contains(t, text, "operator 7")

			q := d.open(r, compliance.RequestErasure, who)
			b, err := json.Marshal(q)
			require.NoError(t, err)
			require.NotContains(t, string(b), "jane@")
			done, err := r.Erase(t.Context(), q.ID)
			require.NoError(t, err)
			require.True(t, done.Complete)
			require.Positive(t, done.Holders[0].Removed)
			require.Zero(t, d.evidence(jane)+d.evidence(last), "the evidence is destroyed")
			if _, byAddress := who.Address(); byAddress {
				require.Contains(t, d.suppressed("jane@example.com"), "erased")
				_, err = d.aud.Put(t.Context(), audience.ContactWrite{Match: audience.Key("new"), Email: audience.MustAddress("jane@example.com")})
				require.ErrorIs(t, err, audience.ErrDenied, "no import brings her back")
				got, _ = d.access(r, who)
				require.Equal(t, []string{"requests/access", "suppressions/erased"}, got.fields(), "what stays is said")
				return
			}
			_, err = r.Open(t.Context(), compliance.RequestAccess, "gdpr", who, time.Time{})
			require.ErrorIs(t, err, audience.ErrNotFound, "what stays of the ledger names nobody")
		})
	}
}

// TestRightsByAddressAlone: of somebody who never was a contact only what holds
// her address is known.
func TestRightsByAddressAlone(t *testing.T) {
	d := newDesk(t)
	address := audience.MustAddress("joe@example.com")
	_, err := d.rights().Open(t.Context(), compliance.RequestAccess, "gdpr", audience.AddressRef(address), time.Time{})
	require.ErrorIs(t, err, audience.ErrNotFound, "nobody has anything of him")
	_, err = d.aud.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Suppress(t.Context(), store.SuppressionWrite{Address: address, Reason: audience.SuppressedManually})
	})
	require.NoError(t, err)
	got, _ := d.access(d.rights(), audience.AddressRef(address))
	require.Equal(t, []string{"requests/access", "suppressions/manual"}, got.fields())

	table := &orders{rows: map[string]string{"guest": "a hat"}}
	r := d.rights(table)
	q := d.open(r, compliance.RequestErasure, audience.Key("guest"))
	done, err := r.Erase(t.Context(), q.ID)
	require.NoError(t, err)
	require.Equal(t, 1, done.Holders[0].Removed, "a holder of the host's knows whom the audience never had")
	require.Empty(t, table.rows)
	for _, kind := range []compliance.RequestKind{compliance.RequestRectification, compliance.RequestRestriction, compliance.RequestOptOutSale} {
		_, err = r.Open(t.Context(), kind, "gdpr", audience.AddressRef(address), time.Time{})
		require.ErrorIs(t, err, audience.ErrNotFound, kind)
	}

	q, err = r.Open(t.Context(), compliance.RequestObjection, "gdpr", audience.AddressRef(address), time.Time{})
	require.NoError(t, err)
	require.NoError(t, r.Object(t.Context(), q.ID))
	require.Equal(t, []string{"withdrawn", "manual"}, d.suppressed("joe@example.com"))
}

// TestDeletedWhileItIsOpen: who is deleted before her request is answered is
// answered all the same.
func TestDeletedWhileItIsOpen(t *testing.T) {
	d := newDesk(t)
	jane := d.jane()
	table := &orders{rows: map[string]string{"jane": "a coat"}}
	r := d.rights(table)
	q := d.open(r, compliance.RequestErasure, audience.ID(jane))
	d.remove(jane)
	done, err := r.Erase(t.Context(), q.ID)
	require.NoError(t, err)
	require.Positive(t, done.Holders[1].Removed)
	require.Empty(t, table.rows, "who she was in the host's tables was sealed with the request")
	require.Zero(t, d.evidence(jane))
	require.Contains(t, d.suppressed("jane@example.com"), "erased")
}

// TestAddressOfSomebodyNow: a request that was opened by an address is not
// answered about whoever has that address since.
func TestAddressOfSomebodyNow(t *testing.T) {
	d := newDesk(t)
	jane := d.jane()
	d.remove(jane)
	r := d.rights()
	q := d.open(r, compliance.RequestErasure, audience.Email("jane@example.com"))
	heir := d.put("heir", "jane@example.com")
	_, err := r.Erase(t.Context(), q.ID)
	require.ErrorIs(t, err, audience.ErrConflict)
	_, err = d.aud.Contact(t.Context(), audience.ID(heir))
	require.NoError(t, err)
	require.Empty(t, d.suppressed("jane@example.com"))
}

// TestAddressGivenUpBefore: whoever has an address that somebody gave up before
// she was deleted is told nothing of her.
func TestAddressGivenUpBefore(t *testing.T) {
	d := newDesk(t)
	jane := d.jane()
	require.NoError(t, d.ChangeAddress(t.Context(), audience.ID(jane), audience.MustAddress("new@example.com"), audience.Source{}))
	d.remove(jane)
	r := d.rights()
	for _, kind := range []compliance.RequestKind{compliance.RequestAccess, compliance.RequestErasure} {
		_, err := r.Open(t.Context(), kind, compliance.RegimeGDPR, audience.Email("jane@example.com"), time.Time{})
		require.ErrorIs(t, err, audience.ErrNotFound)
	}
	require.Equal(t, jane, d.open(r, compliance.RequestErasure, audience.Email("new@example.com")).Contact)
}

// TestReplayOfTheDeleted: who was erased after she was deleted is erased again
// in a backup from before both.
func TestReplayOfTheDeleted(t *testing.T) {
	d := newDesk(t)
	jane := d.jane()
	d.remove(jane)
	r := d.rights()
	q := d.open(r, compliance.RequestErasure, audience.ID(jane))
	_, err := r.Erase(t.Context(), q.ID)
	require.NoError(t, err)
	var register bytes.Buffer
	_, err = r.WriteRegister(t.Context(), &register)
	require.NoError(t, err)

	backup := newDesk(t)
	backup.jane()
	got, err := backup.rights().Replay(t.Context(), bytes.NewReader(register.Bytes()))
	require.NoError(t, err)
	require.Equal(t, 1, got.Erased)
	_, err = backup.aud.Contact(t.Context(), audience.Key("jane"))
	require.ErrorIs(t, err, audience.ErrNotFound)
}

// TestRekeyKeepsRequests: who a request is about is known also when the key it
// was sealed under was given up.
func TestRekeyKeepsRequests(t *testing.T) {
	w := newWorld(t)
	jane := w.put("jane", "jane@example.com")
	w.record(w.grant(jane))
	rights := func() *compliance.Rights {
		r, err := compliance.NewRights(w.Ledger, compliance.RightsOptions{})
		require.NoError(t, err)
		return r
	}
	q, err := rights().Open(t.Context(), compliance.RequestErasure, compliance.RegimeGDPR, audience.ID(jane), time.Time{})
	require.NoError(t, err)
	_, err = rights().Attest(t.Context(), q.ID, audience.Source{Actor: "op7"})
	require.NoError(t, err)
	w.update(func(tx *store.Tx) error { return tx.Delete(t.Context(), audience.Source{}, audience.ID(jane)) })
	w.open(keysOf(t, "k2", "k1"))
	got, err := w.Rekey(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, 1, got.Requests)
	got, err = w.Rekey(t.Context(), nil)
	require.NoError(t, err)
	require.Zero(t, got.Requests, "once is enough")
	w.open(keysOf(t, "k2"))
	report, err := rights().Erase(t.Context(), q.ID)
	require.NoError(t, err)
	require.True(t, report.Complete)
}
