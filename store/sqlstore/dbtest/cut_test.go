package dbtest_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// scissors cut connections to a server.
type scissors struct {
	word  atomic.Pointer[string] // the next packet with it is cut
	after atomic.Bool            // it has arrived: the answer is cut
	cuts  atomic.Int32
}

func (s *scissors) cut(word string, after bool) {
	s.after.Store(after)
	s.word.Store(&word)
}

// cable is a connection that scissors may cut.
type cable struct {
	net.Conn
	scissors *scissors
}

func (c *cable) Write(b []byte) (int, error) {
	word := c.scissors.word.Load()
	if word == nil || !matches(b, *word) || !c.scissors.word.CompareAndSwap(word, nil) {
		return c.Conn.Write(b)
	}
	c.scissors.cuts.Add(1)
	if !c.scissors.after.Load() {
		return 0, errors.Join(net.ErrClosed, c.Close())
	}
	n, err := c.Conn.Write(b)
	if err == nil { // the server has answered, so it has done it
		_, err = c.Read(make([]byte, 1))
	}
	return n, errors.Join(err, c.Close())
}

// matches reports whether a packet has a word; COMMIT has to be all of it,
// since READ COMMITTED is in others.
func matches(packet []byte, word string) bool {
	text := bytes.ToUpper(packet)
	if word == "COMMIT" {
		return bytes.HasSuffix(bytes.TrimRight(text, "\x00"), []byte(word))
	}
	return bytes.Contains(text, []byte(word))
}

// openCuttable opens a database through cables.
func openCuttable(t testing.TB, d dbtest.Database) (*sql.DB, *scissors) {
	t.Helper()
	source, s := d.Fresh(t), &scissors{}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &cable{conn, s}, nil
	}
	var db *sql.DB
	switch d.Engine {
	case dbtest.Postgres:
		config, err := pgx.ParseConfig(source.DSN)
		require.NoError(t, err)
		config.DialFunc = dial
		db = stdlib.OpenDB(*config)
	case dbtest.MySQL:
		config, err := mysql.ParseDSN(source.DSN)
		require.NoError(t, err)
		config.DialFunc, config.Logger = dial, &mysql.NopLogger{} // it is about what we cut
		connector, err := mysql.NewConnector(config)
		require.NoError(t, err)
		db = sql.OpenDB(connector)
	default:
		t.Skip("no network")
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, s
}

// TestLostConnection cuts the connection before and during the commit. Before
// it, the transaction begins again and nobody hears of it; what nobody knows is
// said, and is not done twice.
func TestLostConnection(t *testing.T) {
	tests := []struct {
		name    string
		word    string
		after   bool
		unknown bool
		rows    int64
	}{
		{"at the beginning", "START TRANSACTION", false, false, 1},
		{"at a statement", "INSERT INTO AK_CONTACTS", false, false, 1},
		{"after a statement", "INSERT INTO AK_CONTACTS", true, false, 1},
		{"before the commit arrives", "COMMIT", false, true, 0},
		{"after the commit arrived", "COMMIT", true, true, 1},
	}
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				db, s := openCuttable(t, d)
				p := partition(t, openStore(t, db, d.Engine))
				_, err := p.Update(t.Context(), func(store.WriteRoles) error { return nil }) // which takes numbers
				require.NoError(t, err)
				calls := 0
				word := tt.word
				if d.Engine == dbtest.Postgres && word == "START TRANSACTION" {
					word = "BEGIN"
				}
				s.cut(word, tt.after)
				_, err = p.Update(t.Context(), func(w store.WriteRoles) error {
					calls++
					_, err := add(t.Context(), w, 1)
					return err
				})
				require.EqualValues(t, 1, s.cuts.Load(), "it was cut")
				if tt.unknown {
					require.ErrorIs(t, err, &sqlstore.CommitUnknownError{})
					require.NotErrorIs(t, err, audience.ErrRetryable)
					require.Equal(t, 1, calls)
				} else {
					require.NoError(t, err)
				}
				var n int64
				require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM ak_contacts").Scan(&n))
				require.Equal(t, tt.rows, n)
				draw(t, p, 1)
				require.Zero(t, db.Stats().InUse)
			})
		}
	})
}

// TestLostConnectionOfOurOwn cuts the commit of what the library writes by
// itself, which it does again.
func TestLostConnectionOfOurOwn(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		for _, after := range []bool{false, true} {
			db, s := openCuttable(t, d)
			a := openStore(t, db, d.Engine)
			s.cut("COMMIT", after)
			p := partition(t, a)
			require.EqualValues(t, 1, s.cuts.Load())
			s.cut("COMMIT", after) // when numbers are taken
			ids := draw(t, p, 3)
			require.EqualValues(t, 2, s.cuts.Load())
			require.Len(t, ids, 3)
			var n int
			require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM ak_audiences").Scan(&n))
			require.Equal(t, 1, n)
		}
	})
}
