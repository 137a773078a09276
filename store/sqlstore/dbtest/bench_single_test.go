package dbtest_test

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// BenchmarkSingle appends one event in each transaction, by one writer and by
// 16 at once, through store.Audience and by hand: a transaction that locks the
// contact, inserts the event and tells the feed. Reported is what
// BenchmarkWrites reports, per transaction.
func BenchmarkSingle(b *testing.B) {
	for _, d := range dbtest.Databases(b) {
		b.Run(d.Name, func(b *testing.B) {
			d.Need(b)
			for _, writers := range []int{1, 16} {
				b.Run(strconv.Itoa(writers), func(b *testing.B) { compareSingle(b, d, writers) })
			}
		})
	}
}

func compareSingle(b *testing.B, d dbtest.Database, writers int) {
	const people, each = 1_000, 200
	var before []audience.ContactWrite
	for w := range (audiencetest.Shop{Contacts: people}).ContactWrites() {
		before = append(before, w)
	}
	j := job{before: []commit{{contacts: before}}}
	spent := map[string]cost{}
	transactions := 0
	for b.Loop() {
		for how, do := range map[string]func(ctx context.Context, t *target, n int) error{
			"audience": func(ctx context.Context, t *target, n int) error {
				_, err := t.aud.Append(ctx, singleEvent(n, n%people))
				return err
			},
			"hand": func(ctx context.Context, t *target, n int) error {
				return t.single.append(ctx, t.db, n, n%people)
			},
		} {
			t := openJob(b, d, j)
			t.single = prepareSingle(b, d.Engine, t.db)
			spent[how] = spent[how].add(measured(b, d, t, how, func(ctx context.Context, t *target) error {
				all, ctx := errgroup.WithContext(ctx)
				for w := range writers {
					all.Go(func() error {
						for i := range each {
							if err := do(ctx, t, w*each+i); err != nil {
								return err
							}
						}
						return nil
					})
				}
				return all.Wait()
			}))
			require.Equal(b, [][]any{{int64(writers * each)}}, query(b, t.db, "i", "SELECT COUNT(*) FROM ak_events"))
			require.NoError(b, t.db.Close())
		}
		transactions += writers * each
	}
	b.ReportMetric(0, "ns/op") // it is of both together
	report(b, spent, transactions)
}

func singleEvent(n, contact int) audience.EventWrite {
	return audience.EventWrite{
		Contact: audience.Key(audiencetest.Key(contact)), ID: fmt.Sprintf("event-%08d", n), Type: "purchase",
		Time:  time.Date(2026, 2, 1, 0, 0, n, 0, time.UTC),
		Props: map[string]audience.Value{"value": audience.DoubleValue(12.5), "currency": audience.StringValue("EUR")},
	}
}

// single is a program written by hand: a transaction looks up whom an event is
// about and locks her, inserts the event and tells the feed. As byHand does it
// writes bytes that it is given, and looks for nothing else.
type single struct{ find, lock, insert, number, tell *sql.Stmt }

func prepareSingle(b *testing.B, engine dbtest.Engine, db *sql.DB) *single {
	b.Helper()
	prepare := func(text string) *sql.Stmt {
		parts := strings.Split(text, "?")
		for i := range parts[1:] {
			if engine == dbtest.Postgres {
				parts[i] += "$" + strconv.Itoa(i+1)
			} else {
				parts[i] += "?"
			}
		}
		s, err := db.PrepareContext(b.Context(), strings.Join(parts, ""))
		require.NoError(b, err)
		return s
	}
	var kind, ident string
	id := singleEvent(0, 0).Contact
	identity, ok := id.Identity()
	require.True(b, ok)
	kind, ident = identity.Kind(), identity.Key()
	require.NotEmpty(b, ident)
	lock := "SELECT version FROM ak_contacts WHERE audience = 1 AND id = ?"
	if engine != dbtest.SQLite {
		lock += " FOR UPDATE"
	}
	const event = "INSERT INTO ak_events (audience, contact, id, type, at_us, revision, retracted, amount_prop, amount, more, body)" +
		" VALUES (1, ?, ?, 'purchase', ?, 0, 0, 1, 12500000, 0, ?)"
	out := &single{
		find:   prepare("SELECT contact FROM ak_identities WHERE audience = 1 AND kind = '" + kind + "' AND ident = ?"),
		lock:   prepare(lock),
		insert: prepare(event),
	}
	if engine == dbtest.SQLite {
		out.number = prepare("UPDATE ak_heads SET number = number + 1, last_us = ? WHERE audience = 1 RETURNING number")
		out.tell = prepare("INSERT INTO ak_feed (audience, at_us, contact, parts, changes, number) VALUES (1, ?, ?, 0, ?, ?)")
	} else {
		out.tell = prepare("INSERT INTO ak_feed (audience, at_us, contact, parts, changes) VALUES (1, ?, ?, 0, ?)")
	}
	return out
}

func (s *single) append(ctx context.Context, db *sql.DB, n, contact int) error {
	at, body := int64(n)*1e6, make([]byte, 40)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	identity, _ := singleEvent(n, contact).Contact.Identity()
	ask := func(stmt *sql.Stmt, into *int64, args ...any) error {
		own := tx.StmtContext(ctx, stmt)
		defer func() { _ = own.Close() }()
		return own.QueryRowContext(ctx, args...).Scan(into)
	}
	tell := func(stmt *sql.Stmt, args ...any) error {
		own := tx.StmtContext(ctx, stmt)
		defer func() { _ = own.Close() }()
		_, err := own.ExecContext(ctx, args...)
		return err
	}
	var id, version, number int64
	if err := ask(s.find, &id, identity.Key()); err != nil {
		return err
	}
	if err := ask(s.lock, &version, id); err != nil {
		return err
	}
	if err := tell(s.insert, id, fmt.Sprintf("event-%08d", n), at, body); err != nil {
		return err
	}
	args := []any{at, id, append(body, body...)}
	if s.number != nil {
		if err := ask(s.number, &number, at); err != nil {
			return err
		}
		args = append(args, number)
	}
	if err := tell(s.tell, args...); err != nil {
		return err
	}
	return tx.Commit()
}
