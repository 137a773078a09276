package dbtest_test

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
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
				return singleByHand(ctx, d.Engine, t.db, n, n%people+1)
			},
		} {
			t := openJob(b, d, j)
			spent[how] = spent[how].add(measured(b, d, t, func(ctx context.Context, t *target) error {
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

// singleByHand is one transaction of somebody who knows the database.
func singleByHand(ctx context.Context, engine dbtest.Engine, db *sql.DB, n, contact int) error {
	text := func(postgres, other string) string {
		if engine == dbtest.Postgres {
			return postgres
		}
		return other
	}
	lock := text("SELECT body FROM ak_contacts WHERE audience = 1 AND id = $1 FOR UPDATE", "SELECT body FROM ak_contacts WHERE audience = 1 AND id = ?")
	if engine == dbtest.MySQL {
		lock += " FOR UPDATE"
	}
	const event = "INSERT INTO ak_events (audience, contact, id, type, at_us, revision, retracted, amount_prop, amount, more, body)"
	const feed = "INSERT INTO ak_feed (audience, at_us, contact, parts, changes)"
	body := make([]byte, 40)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var held []byte
	if err := tx.QueryRowContext(ctx, lock, contact).Scan(&held); err != nil {
		return err
	}
	insert := text(event+" VALUES (1, $1, $2, 'purchase', $3, 0, 0, 1, 12500000, 0, $4)", event+" VALUES (1, ?, ?, 'purchase', ?, 0, 0, 1, 12500000, 0, ?)")
	if _, err := tx.ExecContext(ctx, insert, contact, fmt.Sprintf("event-%08d", n), int64(n)*1e6, body); err != nil {
		return err
	}
	tell := text(feed+" VALUES (1, $1, $2, 0, $3)", feed+" VALUES (1, ?, ?, 0, ?)")
	if _, err := tx.ExecContext(ctx, tell, int64(n)*1e6, contact, append(body, body...)); err != nil {
		return err
	}
	return tx.Commit()
}
