package compliance_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// world is an audience, its ledger and a clock that a test moves.
type world struct {
	*compliance.Ledger
	t       *testing.T
	adapter store.Adapter
	tamper  *tampering // with what the ledger of the store says
	now     time.Time
	notice  compliance.Notice
}

func day(month time.Month, d int) time.Time { return time.Date(2026, month, d, 12, 0, 0, 0, time.UTC) }

func keysOf(t testing.TB, primary string, more ...string) audience.Keys {
	t.Helper()
	secrets := make(map[string][]byte)
	for _, id := range append(more, primary) {
		secrets[id] = bytes.Repeat([]byte(id[len(id)-1:]), 32)
	}
	keys, err := audience.NewKeys(primary, secrets)
	require.NoError(t, err)
	return keys
}

func newWorld(t *testing.T, change ...func(*compliance.LedgerOptions)) *world {
	t.Helper()
	w := &world{t: t, now: day(time.January, 1), tamper: &tampering{}}
	w.adapter = tamperedAdapter{memstore.New(), w.tamper}
	w.open(keysOf(t, "k1"), change...)
	n, err := w.PutNotice(t.Context(), notice("v3", "We send you news. You may stop it at any time."))
	require.NoError(t, err)
	w.notice = n
	return w
}

func notice(version, text string) compliance.Notice {
	return compliance.Notice{
		Version: version, Text: text, Language: "en", URL: "https://shop.example.com/notices/news", Purposes: []string{"marketing"},
		ValidFrom: time.Date(2020, 5, 1, 0, 0, 0, 0, time.UTC),
	}
}

// keyless is the ledger of an audience without keys.
func keyless(t *testing.T) *compliance.Ledger {
	t.Helper()
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{})
	require.NoError(t, err)
	l, err := compliance.NewLedger(aud, compliance.LedgerOptions{})
	require.NoError(t, err)
	return l
}

// open opens the audience with keys, again.
func (w *world) open(keys audience.Keys, change ...func(*compliance.LedgerOptions)) {
	w.t.Helper()
	aud, err := store.Open(w.t.Context(), w.adapter, "main", store.Options{
		Keys: keys, Clock: func() time.Time { return w.now },
		Schema: audience.Schema{
			Purposes: []audience.Purpose{{Name: "research"}, {Name: "tracking"}, {Name: "receipts"}},
			Lists:    []audience.List{{Name: "news", Kind: audience.ListTopic}},
		},
	})
	require.NoError(w.t, err)
	opts := compliance.LedgerOptions{
		Controller: compliance.Party{
			ID: "shop", Name: "Example Shop", PostalAddress: "1 Market Street, Springfield", Email: "privacy@shop.example.com",
			URL: "https://shop.example.com/preferences", Country: "DE",
		},
		Purposes: []compliance.Purpose{
			{ID: "research"},
			{ID: "tracking", Class: compliance.ClassTracking},
			{ID: "receipts", Class: compliance.ClassTransactional},
		},
	}
	for _, c := range change {
		c(&opts)
	}
	w.Ledger, err = compliance.NewLedger(aud, opts)
	require.NoError(w.t, err)
}

func (w *world) at(t time.Time) *world {
	w.now = t
	return w
}

func (w *world) later(d time.Duration) { w.now = w.now.Add(d) }

func (w *world) put(key, address string) audience.ContactID {
	w.t.Helper()
	res, err := w.Audience().Put(w.t.Context(), audience.ContactWrite{Match: audience.Key(key), Email: audience.MustAddress(address)})
	require.NoError(w.t, err)
	return res.ID
}

func (w *world) record(d compliance.Declaration) audience.ConsentRecord {
	w.t.Helper()
	out, err := w.Record(w.t.Context(), d)
	require.NoError(w.t, err)
	return out[0]
}

// grant is consent to marketing by a form.
func (w *world) grant(id audience.ContactID) compliance.Declaration {
	return compliance.Declaration{
		Contact: audience.ID(id), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismSingleOptIn,
		Notice: w.notice.ID, Source: audience.Source{Kind: audience.SourcePerson}, Evidence: compliance.Evidence{Form: "footer", IP: "192.0.2.7"},
	}
}

func withdrawal(id audience.ContactID) compliance.Declaration {
	return compliance.Declaration{Contact: audience.ID(id), Kind: audience.ConsentWithdrawn}
}

func (w *world) state(id audience.ContactID, at time.Time) string {
	w.t.Helper()
	s, err := w.StateAt(w.t.Context(), audience.ID(id), audience.MarketingScope(), at)
	require.NoError(w.t, err)
	return s.Standing.Status.String()
}

func (w *world) update(fn func(*store.Tx) error) {
	w.t.Helper()
	_, err := w.Audience().Update(w.t.Context(), fn)
	require.NoError(w.t, err)
}

// tampering changes what the store says of chains, as somebody would who can
// write to its tables.
type tampering struct {
	change func(chain []audience.ConsentRecord) []audience.ConsentRecord // of one contact
	of     audience.ContactID                                            // 0: of everybody
	broken audience.ContactID                                            // whose rows cannot be decoded
	end    bool                                                          // the last of them among these
}

func (x *tampering) chain(id audience.ContactID, chain []audience.ConsentRecord) []audience.ConsentRecord {
	if x.change == nil || x.of != 0 && x.of != id {
		return chain
	}
	return x.change(slices.Clone(chain))
}

type tamperedAdapter struct {
	store.Adapter
	x *tampering
}

func (a tamperedAdapter) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := a.Adapter.Partition(ctx, name)
	return tamperedPartition{p, a.x}, err
}

type tamperedPartition struct {
	store.Partition
	x *tampering
}

func (p tamperedPartition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	return p.Partition.View(ctx, func(r store.ReadRoles) error { return fn(tamperedRoles{r, p.x}) })
}

type tamperedRoles struct {
	store.ReadRoles
	x *tampering
}

var errDamaged = errors.New("damaged row")

func (r tamperedRoles) Ledger(ctx context.Context, ids []audience.ContactID) (out []audience.ConsentRecord, err error) {
	if slices.Contains(ids, r.x.broken) && r.x.broken != 0 {
		return nil, errDamaged
	}
	sorted := slices.Clone(ids)
	slices.Sort(sorted)
	for _, id := range sorted {
		chain, err := r.ReadRoles.Ledger(ctx, []audience.ContactID{id})
		if err != nil {
			return nil, err
		}
		out = append(out, r.x.chain(id, chain)...)
	}
	return out, nil
}

func (r tamperedRoles) LedgerHeadsAfter(ctx context.Context, after audience.ContactID, limit int) (out []audience.ConsentRecord, err error) {
	heads, err := r.ReadRoles.LedgerHeadsAfter(ctx, after, limit)
	if r.x.end && slices.ContainsFunc(heads, func(h audience.ConsentRecord) bool { return h.Contact == r.x.broken }) {
		return nil, errDamaged
	}
	if err != nil || r.x.change == nil {
		return heads, err
	}
	for i := range heads {
		chain, err := r.ReadRoles.Ledger(ctx, []audience.ContactID{heads[i].Contact})
		if err != nil {
			return nil, err
		}
		if chain = r.x.chain(heads[i].Contact, chain); len(chain) > 0 {
			out = append(out, chain[len(chain)-1])
		}
	}
	return out, nil
}
