package orders_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// A shop writes an order, the purchase event and the consent that the customer
// gave with it in one transaction of its own: they commit together, and a
// rollback leaves nothing of either.
func Example() {
	folder, err := os.MkdirTemp("", "")
	check(err)
	defer func() { check(os.RemoveAll(folder)) }()
	ctx := context.Background()
	// Transactions that write say so from the beginning.
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(folder, "shop.db"))+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)")
	check(err)
	defer func() { check(db.Close()) }()
	_, err = db.ExecContext(ctx, "CREATE TABLE orders (id TEXT PRIMARY KEY, customer TEXT NOT NULL, cents INTEGER NOT NULL)")
	check(err)
	shop, err := open(ctx, db)
	check(err)

	check(shop.order(ctx, order{id: "o-1", customer: "u42", email: "ann@example.com", cents: 12990, consent: "ticked 'news' at checkout"}))
	shop.show(ctx, "after the order:")

	// The payment of the second order fails: the shop rolls back.
	shop.pay = func(order) error { return errors.New("the card was declined") }
	err = shop.order(ctx, order{id: "o-2", customer: "u42", email: "ann@example.com", cents: 500})
	fmt.Println("second order:", err)
	shop.show(ctx, "after the rollback:")
	// Output:
	// after the order: 1 orders, 1 purchases, subscribed
	// second order: the card was declined
	// after the rollback: 1 orders, 1 purchases, subscribed
}

// shop is the host.
type shop struct {
	db  *sql.DB
	aud *store.Audience
	pay func(order) error
}

// order is what a customer orders.
type order struct {
	id, customer, email string
	cents               int64
	consent             string // evidence of the consent to mail; "": none
}

func open(ctx context.Context, db *sql.DB) (*shop, error) {
	if err := sqlstore.Migrate(ctx, db, sqlstore.SQLite, sqlstore.Options{}); err != nil {
		return nil, err
	}
	adapter, err := sqlstore.New(ctx, db, sqlstore.SQLite, sqlstore.Options{})
	if err != nil {
		return nil, err
	}
	// In production: 32 random bytes, kept with the host's other secrets.
	keys, err := audience.NewKeys("2026", map[string][]byte{"2026": []byte("an example key, and no secret at all")})
	if err != nil {
		return nil, err
	}
	aud, err := store.Open(ctx, adapter, "shop", store.Options{Keys: keys})
	return &shop{db: db, aud: aud, pay: func(order) error { return nil }}, err
}

// order takes an order, in one transaction of the shop.
func (s *shop) order(ctx context.Context, o order) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if _, err := tx.ExecContext(ctx, "INSERT INTO orders (id, customer, cents) VALUES (?, ?, ?)", o.id, o.customer, o.cents); err != nil {
		return err
	}
	token, err := sqlstore.Join(ctx, s.aud, tx, func(aud *store.Tx) error { return o.write(ctx, aud) })
	if err != nil {
		return err
	}
	if err := s.pay(o); err != nil {
		return err // and nothing was ordered, nor told to the audience
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	// Whoever has to see what was written waits for this position, as with
	// Engine.Sync.
	_, err = token.Position(ctx)
	return err
}

// write tells the audience of an order.
func (o order) write(ctx context.Context, aud *store.Tx) error {
	email, err := audience.ParseAddress(o.email)
	if err != nil {
		return err
	}
	who := audience.Key(o.customer)
	if _, err := aud.Put(ctx, audience.ContactWrite{Match: who, Email: email}); err != nil {
		return err
	}
	if _, err := aud.Append(ctx, audience.EventWrite{
		Contact: who, ID: o.id, Type: "purchase", Time: aud.At(),
		Props: map[string]audience.Value{"value": audience.DoubleValue(float64(o.cents) / 100), "order": audience.StringValue(o.id)},
	}); err != nil || o.consent == "" {
		return err
	}
	_, err = aud.Record(ctx, audience.ConsentWrite{
		Contact: who, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
		Mechanism: audience.MechanismSingleOptIn, Evidence: []byte(o.consent),
	})
	return err
}

// show prints what the shop and the audience know.
func (s *shop) show(ctx context.Context, when string) {
	var orders int
	check(s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM orders").Scan(&orders))
	ann, err := s.aud.Profile(ctx, audience.Key("u42"), audience.ProfileParts{Ledger: true, Events: []string{"purchase"}})
	check(err)
	fmt.Printf("%s %d orders, %d purchases, %s\n", when, orders, len(ann.Events("purchase")), ann.Status(s.aud.Now()).Status)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
