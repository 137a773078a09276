package store_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// fixture is an audience with a clock that a test moves.
type fixture struct {
	*store.Audience
	t       *testing.T
	adapter store.Adapter
	now     time.Time
}

func testKeys(t *testing.T, primary string, ids ...string) audience.Keys {
	t.Helper()
	secrets := map[string][]byte{primary: bytes.Repeat([]byte(primary[:1]), 32)}
	for _, id := range ids {
		secrets[id] = bytes.Repeat([]byte(id[:1]), 32)
	}
	keys, err := audience.NewKeys(primary, secrets)
	require.NoError(t, err)
	return keys
}

func newFixture(t *testing.T, change ...func(*store.Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, adapter: memstore.New(), now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	opts := store.Options{
		Keys:  testKeys(t, "a"),
		Clock: func() time.Time { return f.now },
		Schema: audience.Schema{
			Purposes: []audience.Purpose{{Name: "research"}},
			Lists: []audience.List{
				{Name: "news", Kind: audience.ListTopic},
				{Name: "vip", Kind: audience.ListStatic},
			},
		},
	}
	for _, c := range change {
		c(&opts)
	}
	aud, err := store.Open(t.Context(), f.adapter, "main", opts)
	require.NoError(t, err)
	f.Audience = aud
	return f
}

func withoutKeys(o *store.Options) { o.Keys = audience.Keys{} }

// later moves the clock.
func (f *fixture) later(d time.Duration) { f.now = f.now.Add(d) }

func (f *fixture) update(fn func(*store.Tx) error) store.Position {
	f.t.Helper()
	pos, err := f.Update(f.t.Context(), fn)
	require.NoError(f.t, err)
	return pos
}

// refused runs a transaction that must fail.
func (f *fixture) refused(fn func(*store.Tx) error) error {
	f.t.Helper()
	_, err := f.Update(f.t.Context(), fn)
	require.Error(f.t, err)
	return err
}

func (f *fixture) view(fn func(*store.Reader) error) {
	f.t.Helper()
	require.NoError(f.t, f.View(f.t.Context(), fn))
}

// put makes a contact with a key of the host's and its addresses.
func (f *fixture) put(key string, addresses ...string) audience.ContactID {
	f.t.Helper()
	w := audience.ContactWrite{Match: audience.Key(key)}
	for i, text := range addresses {
		a, err := audience.ParseAddress(text)
		require.NoError(f.t, err)
		if i == 0 {
			w.Email = a
		} else {
			w.Addresses = append(w.Addresses, a)
		}
	}
	res, err := f.Put(f.t.Context(), w)
	require.NoError(f.t, err)
	return res.ID
}

func address(t *testing.T, text string) audience.Address {
	t.Helper()
	a, err := audience.ParseAddress(text)
	require.NoError(t, err)
	return a
}

func grant(ref audience.Ref, mechanism audience.Mechanism) audience.ConsentWrite {
	return audience.ConsentWrite{
		Contact: ref, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
		Mechanism: mechanism, Evidence: []byte("she ticked the box of the form"),
	}
}

func refusal(ref audience.Ref, kind audience.ConsentKind) audience.ConsentWrite {
	return audience.ConsentWrite{Contact: ref, Kind: kind}
}

func (f *fixture) record(w audience.ConsentWrite) audience.ConsentRecord {
	f.t.Helper()
	r, err := f.Record(f.t.Context(), w)
	require.NoError(f.t, err)
	return r
}

func (f *fixture) profile(ref audience.Ref) audience.Profile {
	f.t.Helper()
	p, err := f.Profile(f.t.Context(), ref, audience.ProfileParts{
		Ledger: true, Lists: true, Suppressed: true, Events: []string{"purchase", "email.opened"},
	})
	require.NoError(f.t, err)
	return p
}

func (f *fixture) status(ref audience.Ref) string {
	f.t.Helper()
	p := f.profile(ref)
	return p.Status(f.now).Status.String()
}

func (f *fixture) mailable(ref audience.Ref) bool {
	f.t.Helper()
	p := f.profile(ref)
	return p.Mailable(f.now)
}

// held gives the suppressions of an address that stand, by reason.
func (f *fixture) held(text string) []string {
	f.t.Helper()
	var out []string
	f.view(func(r *store.Reader) error {
		all, err := r.Suppressions(f.t.Context(), address(f.t, text))
		for _, s := range all {
			if s.Stands(f.now) {
				out = append(out, s.Reason.String())
			}
		}
		return err
	})
	return out
}

// changes gives every change of the feed.
func (f *fixture) changes() []store.Change {
	f.t.Helper()
	var out []store.Change
	for after := (store.Position{}); ; {
		commits, err := f.Commits(f.t.Context(), after, 100)
		require.NoError(f.t, err)
		if len(commits) == 0 {
			return out
		}
		for _, c := range commits {
			out = append(out, c.Changes...)
			after = c.Position
		}
	}
}

func (f *fixture) last() store.Change {
	f.t.Helper()
	all := f.changes()
	require.NotEmpty(f.t, all)
	return all[len(all)-1]
}

func (f *fixture) event(ref audience.Ref, id, kind string, revision uint64) {
	f.t.Helper()
	_, err := f.Append(f.t.Context(), audience.EventWrite{Contact: ref, ID: id, Type: kind, Time: f.now, Revision: revision})
	require.NoError(f.t, err)
}
