package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store"
)

// preparing is a driver that prepares whatever it runs, and counts it.
type preparing struct{ prepared atomic.Int32 }

func (d *preparing) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *preparing) Driver() driver.Driver                        { return nil }
func (d *preparing) Close() error                                 { return nil }
func (d *preparing) Begin() (driver.Tx, error)                    { return d, nil }
func (d *preparing) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	return d, nil
}
func (d *preparing) Commit() error   { return nil }
func (d *preparing) Rollback() error { return nil }

func (d *preparing) Prepare(string) (driver.Stmt, error) {
	d.prepared.Add(1)
	return d, nil
}
func (d *preparing) NumInput() int                              { return -1 }
func (d *preparing) Exec([]driver.Value) (driver.Result, error) { return driver.ResultNoRows, nil }
func (d *preparing) Query([]driver.Value) (driver.Rows, error)  { return d, nil }
func (d *preparing) Columns() []string                          { return nil }
func (d *preparing) Next([]driver.Value) error                  { return io.EOF }

// TestSnapshotsPrepare: what snapshots read again and again is prepared once,
// after one of them, when its connection is free again; a snapshot within
// another one has the second connection for it and no third.
func TestSnapshotsPrepare(t *testing.T) {
	d := &preparing{}
	db := sql.OpenDB(d)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(2)
	s, err := newStore(db, MySQL, Options{})
	require.NoError(t, err)
	p := newPartition(s, "main")
	ask := func(roles store.ReadRoles) error {
		r, ok := roles.(*reader)
		require.True(t, ok)
		return r.ask(t.Context(), "anything", "SELECT 1", []any{1}, nil)
	}
	require.NoError(t, p.View(t.Context(), func(store.ReadRoles) error {
		for range usesToPrepare {
			require.NoError(t, p.View(t.Context(), ask))
		}
		return nil
	}))
	require.EqualValues(t, usesToPrepare+1, d.prepared.Load(), "each for itself, and then once for all")
	for range 10 {
		require.NoError(t, p.View(t.Context(), ask))
	}
	require.LessOrEqual(t, d.prepared.Load(), int32(usesToPrepare+2), "once on each connection")
}
