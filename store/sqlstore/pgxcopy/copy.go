package pgxcopy

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/audiencekit/audiencekit/store/sqlstore"
)

var _ sqlstore.Copier = Driver{}

// Copy inserts rows by COPY, in the transaction of tx.
func (Driver) Copy(ctx context.Context, tx sqlstore.Runner, table string, columns []string, rows iter.Seq[[]any]) (copied int64, err error) {
	err = reach(ctx, tx, func(conn *pgx.Conn) (err error) {
		next, stop := iter.Pull(rows)
		defer stop()
		copied, err = conn.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
			row, ok := next()
			if !ok {
				return nil, nil
			}
			return row, nil
		}))
		return err
	})
	return copied, err
}
