package dbtest

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// everything is one of each kind of write about some contacts.
func everything(name, other string) []struct {
	what  string
	write func(ctx context.Context, tx *store.Tx) error
} {
	ref, marketing := audience.Key(name), audience.Scope{Channel: audience.ChannelEmail}
	version := uint64(0)
	return []struct {
		what  string
		write func(ctx context.Context, tx *store.Tx) error
	}{
		{"make", func(ctx context.Context, tx *store.Tx) error {
			w := person(name)
			w.AddTags = []string{"a", "b"}
			_, err := tx.Put(ctx, w, person(other), person(other+"2"))
			return err
		}},
		{"tag", func(ctx context.Context, tx *store.Tx) error {
			w := person(name)
			w.AddTags, w.RemoveTags = []string{"c"}, []string{"a"}
			_, err := tx.Put(ctx, w)
			return err
		}},
		{"append", func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Append(ctx, visit(name, "e1", 1), visit(other, "e1", 1))
			return err
		}},
		{"revise", func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Append(ctx, visit(name, "e1", 2))
			return err
		}},
		{"record", func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Record(ctx, audience.ConsentWrite{Contact: ref, Kind: audience.ConsentBounced, Scope: marketing})
			return err
		}},
		{"record again", func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Record(ctx, audience.ConsentWrite{Contact: ref, Kind: audience.ConsentComplained})
			return err
		}},
		{"suppress", func(ctx context.Context, tx *store.Tx) error {
			return tx.Suppress(ctx, store.SuppressionWrite{Address: person(name + "3").Email, Reason: audience.SuppressedManually})
		}},
		{"save", func(ctx context.Context, tx *store.Tx) (err error) {
			version, err = tx.SaveRecord(ctx, store.Record{Namespace: "test", Key: name, Value: []byte("x")})
			return err
		}},
		{"save again", func(ctx context.Context, tx *store.Tx) (err error) {
			version, err = tx.SaveRecord(ctx, store.Record{Namespace: "test", Key: name, Value: []byte("y"), Version: version})
			return err
		}},
		{"forget", func(ctx context.Context, tx *store.Tx) error { return tx.DeleteRecord(ctx, "test", name, version) }},
		{"add to list", func(ctx context.Context, tx *store.Tx) error {
			return tx.AddToList(ctx, "vip", audience.Source{}, ref, audience.Key(other))
		}},
		{"remove from list", func(ctx context.Context, tx *store.Tx) error {
			return tx.RemoveFromList(ctx, "vip", audience.Source{}, ref)
		}},
		{"merge", func(ctx context.Context, tx *store.Tx) error {
			return tx.Merge(ctx, ref, audience.Key(other), audience.Source{})
		}},
		{"delete", func(ctx context.Context, tx *store.Tx) error {
			return tx.Delete(ctx, audience.Source{}, audience.Key(other+"2"))
		}},
		{"erase", func(ctx context.Context, tx *store.Tx) error { return tx.Erase(ctx, audience.Source{}, ref) }},
	}
}

// TestEverythingBesideEverything: while a host's transaction with every kind of
// write is open, others write everything about others, and the feed is trimmed:
// also in small tables, which databases like to go through as a whole.
func TestEverythingBesideEverything(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		if d.Engine == SQLite {
			t.Skip("SQLite has one writer at a time")
		}
		s := newShop(t, d)
		_, err := s.aud.Update(s.ctx, func(tx *store.Tx) error {
			return tx.Declare(s.ctx, audience.Schema{Lists: []audience.List{{Name: "vip", Kind: audience.ListStatic}}})
		})
		require.NoError(t, err)
		s.put("ann")
		tx := s.begin(sql.LevelReadCommitted)
		for _, c := range everything("host", "hosts") {
			_, err := sqlstore.Join(s.ctx, s.aud, tx, func(tx *store.Tx) error { return c.write(s.ctx, tx) })
			require.NoError(t, err, c.what)
		}
		for _, c := range everything("guest", "guests") {
			ctx, cancel := context.WithTimeout(s.ctx, 3*time.Second)
			_, err := s.aud.Update(ctx, func(tx *store.Tx) error { return c.write(ctx, tx) })
			cancel()
			assertNoWait(t, err, c.what)
			ctx, cancel = context.WithTimeout(s.ctx, 3*time.Second)
			head, err := s.aud.Head(ctx)
			assertNoWait(t, err, c.what+": head")
			assertNoWait(t, s.aud.Trim(ctx, head), c.what+": trim")
			cancel()
		}
		require.NoError(t, tx.Commit())
	})
}

func assertNoWait(t *testing.T, err error, what string) {
	t.Helper()
	if err != nil {
		t.Errorf("%s waits: %v", what, err)
	}
}

// TestRemovesByBytes: identities that differ in case or accents are removed
// together, each.
func TestRemovesByBytes(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		s := newShop(t, d)
		ids := []string{"case", "CASE", "cäse", "case "}
		var refs []audience.Ref
		for _, id := range ids {
			_, err := s.aud.Put(s.ctx, audience.ContactWrite{External: []audience.ExternalID{audience.External(audience.HostSystem, id)}})
			require.NoError(t, err)
			refs = append(refs, audience.Key(id))
		}
		require.Equal(t, 4, s.count("SELECT COUNT(*) FROM ak_identities"))
		_, err := s.aud.Update(s.ctx, func(tx *store.Tx) error { return tx.Delete(s.ctx, audience.Source{}, refs...) })
		require.NoError(t, err)
		require.Zero(t, s.count("SELECT COUNT(*) FROM ak_identities"))
	})
}
