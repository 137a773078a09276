package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"

	"github.com/audiencekit/audiencekit/examples/internal/quickstart"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// home keeps the audience in a database.
type home struct {
	store      string
	audience   string
	prefix     string
	key        string
	checkpoint string

	database database // of store
}

// Flags adds what says where the audience is.
func (h *home) Flags(flags *flag.FlagSet) {
	flags.StringVar(&h.store, "store", "", "`database`: sqlite:FILE, postgres://USER:PASSWORD@HOST/DATABASE or mysql://USER:PASSWORD@HOST/DATABASE; what is missing in it is made")
	flags.StringVar(&h.audience, "audience", "quickstart", "`name` of the audience; a database holds many")
	flags.StringVar(&h.prefix, "prefix", "", "`text` that the names of the tables begin with (default ak_)")
	flags.StringVar(&h.key, "key", "", "`file` of the secret that hashes addresses, made when it is missing (default FILE.key for sqlite:FILE, else quickstart-sql.key)")
	flags.StringVar(&h.checkpoint, "checkpoint", "", "`file` that the engine starts from when it fits, and that is written in the end")
}

// Check reads -store.
func (h *home) Check() (err error) {
	if h.store == "" {
		return fmt.Errorf("%w: -store is missing, such as sqlite:FILE", quickstart.ErrUsage)
	}
	if h.database, err = parseStore(h.store); err != nil {
		return fmt.Errorf("%w: -store: %w", quickstart.ErrUsage, err)
	}
	if h.key == "" {
		h.key = h.database.keyFile
	}
	return nil
}

// Open opens the database, and brings its tables up to date.
func (h *home) Open(ctx context.Context, say func(string)) (*quickstart.Place, error) {
	db, err := h.database.open()
	if err != nil {
		return nil, fmt.Errorf("-store: %w", h.database.hide(err))
	}
	place, err := h.place(ctx, db, say)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return place, nil
}

func (h *home) place(ctx context.Context, db *sql.DB, say func(string)) (*quickstart.Place, error) {
	if err := db.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("-store: %w", h.database.hide(err))
	}
	opts := sqlstore.Options{Prefix: h.prefix, Driver: h.database.driver}
	if err := sqlstore.Migrate(ctx, db, h.database.dialect, opts); err != nil {
		return nil, fmt.Errorf("-store: %w", h.database.hide(err))
	}
	adapter, err := sqlstore.New(ctx, db, h.database.dialect, opts)
	if err != nil {
		return nil, fmt.Errorf("-store: %w", h.database.hide(err))
	}
	keys, made, err := readKeys(h.key)
	if err != nil {
		return nil, fmt.Errorf("-key: %w", err)
	}
	if made {
		say(h.key + ": a new secret, without which this audience cannot be opened once an address is suppressed: keep it")
	}
	return &quickstart.Place{
		Adapter: adapter, Audience: h.audience, Keys: keys, Checkpoint: h.checkpoint,
		Denied: func(err error) error { return denied(err, h.key, made) },
		Close:  func() error { return errors.Join(adapter.Close(), db.Close()) },
	}, nil
}
