package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicRecords = "records"

func recordChecks() []Check {
	return []Check{
		{
			Topic: topicRecords, Name: "round-trip", run: recordRoundTrip,
			Reason: "Checkpoints and evidence lie here as bytes: cut at a NUL, read as text or rounded they are lost, and cannot be made again.",
		},
		{
			Topic: topicRecords, Name: "compare-and-swap", run: recordCAS,
			Reason: "Leases, import journals and frequency caps rest on it: when two writers of one version both win, mail goes out twice.",
		},
		{
			Topic: topicRecords, Name: "refused-batch-stores-nothing", run: recordAtomic,
			Reason: "Two records that belong together and are in by half say something that was never true.",
		},
		{
			Topic: topicRecords, Name: "versions-never-come-again", run: recordVersions,
			Reason: "Who read a record that was deleted and made again must not pass for a reader of the new one.",
		},
		{
			Topic: topicRecords, Name: "expiry", run: recordExpiry,
			Reason: "A confirmation link that is over must not confirm, and a lease that is over must be free, to the microsecond.",
		},
		{
			Topic: topicRecords, Name: "range", run: recordRange,
			Reason: "Prefixes are text, not patterns: a percent sign in a key must not open other people's records.",
		},
		{
			Topic: topicRecords, Name: "pages", run: recordPages,
			Reason: "Features clean up page by page: a record that is skipped stays for ever, one that is repeated is done twice.",
		},
		{
			Topic: topicRecords, Name: "names", run: recordNames,
			Reason: "A record without a key is below every page and never found again; namespaces are what keeps features apart.",
		},
		{
			Topic: topicRecords, Name: "delete", run: recordDelete,
			Reason: "Deleting a version that was replaced meanwhile would delete what somebody else has just written.",
		},
		{
			Topic: topicRecords, Name: "delete-of-a-contact", run: recordDeleteOf,
			Reason: "Erasing a person takes what every feature keeps about her, and nothing of anybody else.",
		},
	}
}

// save stores records and gives their versions.
func (k *kit) save(p store.Partition, at time.Time, records ...store.Record) (versions []uint64) {
	k.Helper()
	k.update(p, func(w store.WriteRoles) (err error) {
		versions, err = w.PutRecords(k.ctx, records, at)
		return err
	})
	require.Len(k, versions, len(records))
	return versions
}

// load reads the record n/k.
func (k *kit) load(p store.Partition, at time.Time) (rec store.Record, err error) {
	k.Helper()
	k.view(p, func(r store.ReadRoles) { rec, err = r.Record(k.ctx, "n", "k", at) })
	return rec, err
}

func (k *kit) recordKeys(p store.Partition, namespace, prefix, after string, limit int, at time.Time) (keys []string) {
	k.Helper()
	k.view(p, func(r store.ReadRoles) {
		rows, err := r.RecordsAfter(k.ctx, namespace, prefix, after, limit, at)
		require.NoError(k, err)
		for _, rec := range rows {
			keys = append(keys, rec.Key)
		}
	})
	return keys
}

func recordRoundTrip(k *kit) {
	p := k.rows()
	id := k.contacts(p, 1)[0]
	everyByte := make([]byte, 256)
	for i := range everyByte {
		everyByte[i] = byte(255 - i)
	}
	rows := []store.Record{
		{Namespace: "n", Key: "bytes", Value: everyByte, Contact: id, Expires: audience.MaxInstant()},
		{Namespace: "n", Key: "empty"},
		{Namespace: "n", Key: "large", Value: bytes.Repeat([]byte{0, 0xff, '\''}, 1<<20/3)},
		{Namespace: "n", Key: "soon", Value: []byte{0}, Expires: at(1).Add(time.Microsecond)},
	}
	for _, text := range hostile() {
		rows = append(rows, store.Record{Namespace: "n", Key: text, Value: []byte(text)})
	}
	for _, name := range names() {
		rows = append(rows, store.Record{Namespace: name, Key: "k", Value: []byte(name)})
	}
	given := slices.Clone(rows)
	for i, version := range k.save(p, start(), given...) {
		rows[i].Version = version
	}
	k.view(p, func(r store.ReadRoles) {
		for i := range rows {
			got, err := r.Record(k.ctx, rows[i].Namespace, rows[i].Key, start())
			require.NoError(k, err, recordText(&rows[i]))
			require.Equal(k, recordText(&rows[i]), recordText(&got))
		}
	})
}

func recordCAS(k *kit) {
	p := k.rows()
	record := func(version uint64, value string) store.Record {
		return store.Record{Namespace: "n", Key: "k", Version: version, Value: []byte(value)}
	}
	refused := func(r store.Record) {
		_, err := p.Update(k.ctx, func(w store.WriteRoles) error {
			versions, err := w.PutRecords(k.ctx, []store.Record{r}, start())
			require.Empty(k, versions)
			return err
		})
		require.ErrorIs(k, err, audience.ErrConflict)
	}
	refused(record(1, "changing what is not there"))
	first := k.save(p, start(), record(0, "a"))[0]
	require.NotZero(k, first, "0 says that there is none")
	refused(record(0, "creating what is there"))
	second := k.save(p, start(), record(first, "b"))[0]
	require.Greater(k, second, first)
	refused(record(first, "the version before"))
	refused(record(second+1, "the version to come"))
	got, err := k.load(p, start())
	require.NoError(k, err)
	require.Equal(k, "b", string(got.Value))
	require.Equal(k, second, got.Version)
}

func recordAtomic(k *kit) {
	p := k.rows()
	k.save(p, start(), store.Record{Namespace: "n", Key: "m", Value: []byte("stays")})
	batch := func(version uint64) []store.Record {
		return []store.Record{{Namespace: "n", Key: "a"}, {Namespace: "n", Key: "m", Version: version}, {Namespace: "n", Key: "z"}}
	}
	k.update(p, func(w store.WriteRoles) error { // and the transaction goes on and commits
		_, err := w.PutRecords(k.ctx, batch(0), start())
		require.ErrorIs(k, err, audience.ErrConflict)
		_, err = w.PutRecords(k.ctx, []store.Record{{Namespace: "n", Key: "later"}}, start())
		return err
	})
	require.Equal(k, []string{"later", "m"}, k.recordKeys(p, "n", "", "", 10, start()))
}

func recordVersions(k *kit) {
	p := k.rows()
	seen := make(map[uint64]bool)
	note := func(versions []uint64) {
		for _, v := range versions {
			require.NotZero(k, v)
			require.False(k, seen[v], "version %d was given before", v)
			seen[v] = true
		}
	}
	for range 3 {
		versions := k.save(p, start(), store.Record{Namespace: "n", Key: "a"}, store.Record{Namespace: "m", Key: "a"}, store.Record{Namespace: "n", Key: "b"})
		note(versions)
		k.update(p, func(w store.WriteRoles) error { return w.DeleteRecord(k.ctx, "n", "a", versions[0]) })
		again := k.save(p, start(), store.Record{Namespace: "n", Key: "a"}, store.Record{Namespace: "m", Key: "a", Version: versions[1]})
		note(again)
		k.update(p, func(w store.WriteRoles) error {
			if err := w.DeleteRecord(k.ctx, "n", "a", again[0]); err != nil {
				return err
			}
			if err := w.DeleteRecord(k.ctx, "n", "b", versions[2]); err != nil {
				return err
			}
			return w.DeleteRecord(k.ctx, "m", "a", again[1])
		})
	}
}

func recordExpiry(k *kit) {
	p := k.rows()
	over := at(10)
	version := k.save(p, start(), store.Record{Namespace: "n", Key: "k", Expires: over}, store.Record{Namespace: "n", Key: "stays"})[0]
	_, err := k.load(p, over.Add(-time.Microsecond))
	require.NoError(k, err)
	require.Len(k, k.recordKeys(p, "n", "", "", 10, over.Add(-time.Microsecond)), 2)
	_, err = k.load(p, over)
	require.ErrorIs(k, err, audience.ErrNotFound)
	require.Equal(k, []string{"stays"}, k.recordKeys(p, "n", "", "", 1, over), "an expired one takes no place in a page")

	put := func(version uint64, at time.Time) error {
		_, err := p.Update(k.ctx, func(w store.WriteRoles) error {
			_, err := w.PutRecords(k.ctx, []store.Record{{Namespace: "n", Key: "k", Version: version}}, at)
			return err
		})
		return err
	}
	require.ErrorIs(k, put(version, over), audience.ErrConflict, "there is none any more")
	require.ErrorIs(k, put(0, over.Add(-time.Microsecond)), audience.ErrConflict, "there is one still")
	require.NoError(k, put(0, over))
	_, err = k.load(p, audience.MaxInstant())
	require.NoError(k, err, "the new one does not expire")
}

func recordRange(k *kit) {
	p := k.rows()
	keys := []string{"a", "a%", "a%b", "a_", "a_b", "aXb", "ab", "A", "a/1", "a/10", "a/2", "b", "ä", "a\\", "a\\%"}
	var rows []store.Record
	for _, key := range keys {
		rows = append(rows, store.Record{Namespace: "n", Key: key}, store.Record{Namespace: "n2", Key: key}, store.Record{Namespace: "N", Key: "a" + key})
	}
	k.save(p, start(), rows...)
	slices.Sort(keys)
	for _, prefix := range []string{"", "a", "a%", "a_", "a/", "A", "a\\", "z", "ä"} {
		for _, after := range append([]string{"", "a/0", "zz"}, keys...) {
			var want []string
			for _, key := range keys {
				if strings.HasPrefix(key, prefix) && key > after {
					want = append(want, key)
				}
			}
			require.Equal(k, want, k.recordKeys(p, "n", prefix, after, 100, start()), "prefix %q after %q", prefix, after)
		}
	}
	require.Empty(k, k.recordKeys(p, "n3", "", "", 100, start()))
}

func recordPages(k *kit) {
	p := k.rows()
	var rows []store.Record
	for i := range 7 {
		rows = append(rows, store.Record{Namespace: "n", Key: fmt.Sprintf("p%d", i)}, store.Record{Namespace: "n", Key: fmt.Sprintf("q%d", i)})
	}
	k.save(p, start(), rows...)
	for size := 1; size <= 8; size++ {
		var got []string
		for after := ""; ; after = got[len(got)-1] {
			page := k.recordKeys(p, "n", "p", after, size, start())
			require.LessOrEqual(k, len(page), size)
			require.LessOrEqual(k, len(got), 7, "the pages go round")
			got = append(got, page...)
			if len(page) < size {
				break
			}
		}
		require.Equal(k, []string{"p0", "p1", "p2", "p3", "p4", "p5", "p6"}, got, "pages of %d", size)
	}
	k.view(p, func(r store.ReadRoles) {
		_, err := r.RecordsAfter(k.ctx, "n", "", "", 0, start())
		require.ErrorIs(k, err, audience.ErrInvalid)
	})
}

func recordNames(k *kit) {
	p := k.rows()
	for _, bad := range []store.Record{{Namespace: "n"}, {Key: "k"}, {}} {
		_, err := p.Update(k.ctx, func(w store.WriteRoles) error {
			_, err := w.PutRecords(k.ctx, []store.Record{{Namespace: "n", Key: "good"}, bad}, start())
			return err
		})
		require.ErrorIs(k, err, audience.ErrInvalid)
	}
	require.Empty(k, k.recordKeys(p, "n", "", "", 10, start()))
	k.save(p, start(), store.Record{Namespace: "ab", Key: "c", Value: []byte("1")}, store.Record{Namespace: "a", Key: "bc", Value: []byte("2")})
	require.Equal(k, []string{"c"}, k.recordKeys(p, "ab", "", "", 10, start()))
	require.Equal(k, []string{"bc"}, k.recordKeys(p, "a", "", "", 10, start()))
}

func recordDelete(k *kit) {
	p := k.rows()
	del := func(key string, version uint64) error {
		_, err := p.Update(k.ctx, func(w store.WriteRoles) error { return w.DeleteRecord(k.ctx, "n", key, version) })
		return err
	}
	versions := k.save(p, start(), store.Record{Namespace: "n", Key: "a"}, store.Record{Namespace: "n", Key: "b"})
	require.ErrorIs(k, del("nobody's", 1), audience.ErrNotFound)
	require.ErrorIs(k, del("a", versions[1]), audience.ErrConflict)
	require.ErrorIs(k, del("a", 0), audience.ErrConflict)
	require.Equal(k, []string{"a", "b"}, k.recordKeys(p, "n", "", "", 10, start()))
	require.NoError(k, del("a", versions[0]))
	require.ErrorIs(k, del("a", versions[0]), audience.ErrNotFound)
	require.Equal(k, []string{"b"}, k.recordKeys(p, "n", "", "", 10, start()))
}

func recordDeleteOf(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	moved := k.save(p, start(), store.Record{Namespace: "n", Key: "moved", Contact: ids[0]})[0]
	k.save(
		p, start(),
		store.Record{Namespace: "n", Key: "hers", Contact: ids[0]}, store.Record{Namespace: "n", Key: "hers too", Contact: ids[0], Expires: at(1)},
		store.Record{Namespace: "kept", Key: "hers", Contact: ids[0]}, store.Record{Namespace: "m", Key: "hers", Contact: ids[0]},
		store.Record{Namespace: "n", Key: "another's", Contact: ids[1]}, store.Record{Namespace: "n", Key: "nobody's"},
		store.Record{Namespace: "n", Key: "moved", Contact: ids[1], Version: moved},
	)
	k.update(p, func(w store.WriteRoles) error {
		return w.DeleteRecordsOf(k.ctx, []audience.ContactID{ids[0], 0, ids[1] + 1000}, []string{"kept"})
	})
	require.Equal(k, []string{"another's", "moved", "nobody's"}, k.recordKeys(p, "n", "", "", 10, start()))
	require.Equal(k, []string{"hers"}, k.recordKeys(p, "kept", "", "", 10, start()))
	require.Empty(k, k.recordKeys(p, "m", "", "", 10, start()))
	k.update(p, func(w store.WriteRoles) error { return w.DeleteRecordsOf(k.ctx, ids, nil) })
	require.Equal(k, []string{"nobody's"}, k.recordKeys(p, "n", "", "", 10, start()))
	require.Empty(k, k.recordKeys(p, "kept", "", "", 10, start()))
}
