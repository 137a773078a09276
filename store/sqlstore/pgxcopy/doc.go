// Package pgxcopy lets package sqlstore use what pgx can do beyond
// database/sql, for hosts whose *sql.DB is one of pgx
// (github.com/jackc/pgx/v5/stdlib):
//
//	db, err := sql.Open("pgx", "postgres://...")
//	adapter, err := sqlstore.New(ctx, db, sqlstore.Postgres, sqlstore.Options{Driver: pgxcopy.Driver{}})
//
// Followers of the feed are woken by LISTEN instead of asking again and again,
// and large batches come in by COPY where that is faster. Nothing else
// changes: the same rows, in the same transactions, also in the host's own.
//
// It is a module of its own, so that who uses another driver does not get
// pgx.
package pgxcopy
