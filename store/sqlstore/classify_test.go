package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// Errors in the shapes of the drivers: a method, members, other integer types.
type (
	stateError  struct{ state string }
	mysqlError  struct{ Number uint16 }
	codeError   struct{ code int }
	shortError  struct{ code uint16 }
	memberError struct{ Code, ExtendedCode codeNumber }
	codeNumber  int
	shortCode   uint16
)

const secret = "ann@example.com"

func (e *stateError) Error() string { return "duplicate key: (" + secret + ")" }

func (e *stateError) SQLState() string { return e.state }

func (e *mysqlError) Error() string { return "Duplicate entry '" + secret + "'" }

func (e *codeError) Error() string { return secret }

func (e *codeError) Code() int { return e.code }

func (e *shortError) Error() string { return secret }

func (e *shortError) Code() uint8 { return uint8(e.code) }

func (e *shortError) ExtendedCode() shortCode { return shortCode(e.code) }

func (e memberError) Error() string { return secret }

func TestClassify(t *testing.T) {
	tests := []struct {
		name    string
		dialect Dialect
		err     error
		code    string
		trouble trouble
	}{
		{"serialization", Postgres, &stateError{"40001"}, "40001", conflicting},
		{"deadlock, wrapped", Postgres, fmt.Errorf("x: %w", &stateError{"40P01"}), "40P01", conflicting},
		{"deadlock, joined", Postgres, errors.Join(io.ErrShortWrite, &stateError{"40P01"}), "40P01", conflicting},
		{"lock timeout", Postgres, &stateError{"55P03"}, "55P03", conflicting},
		{"duplicate", Postgres, &stateError{"23505"}, "23505", duplicate},
		{"check", Postgres, &stateError{"23514"}, "23514", final},
		{"shutdown", Postgres, &stateError{"57P01"}, "57P01", disconnected},
		{"connection", Postgres, &stateError{"08006"}, "08006", disconnected},
		{"timeout of the server", Postgres, &stateError{"57014"}, "57014", final},
		{"MySQL deadlock", MySQL, &mysqlError{1213}, "1213", conflicting},
		{"MySQL lock timeout, wrapped", MySQL, fmt.Errorf("x: %w", &mysqlError{1205}), "1205", conflicting},
		{"MySQL changed", MySQL, &mysqlError{1020}, "1020", conflicting},
		{"MySQL duplicate", MySQL, &mysqlError{1062}, "1062", duplicate},
		{"MySQL killed", MySQL, &mysqlError{1927}, "1927", disconnected},
		{"MySQL syntax", MySQL, &mysqlError{1064}, "1064", final},
		{"the code of another dialect", MySQL, &stateError{"40001"}, "", final},
		{"SQLite busy", SQLite, &codeError{5}, "5", conflicting},
		{"SQLite old snapshot", SQLite, &codeError{517}, "517", conflicting},
		{"SQLite locked by the cache", SQLite, &codeError{262}, "262", conflicting},
		{"SQLite primary key", SQLite, &codeError{1555}, "1555", duplicate},
		{"SQLite not null", SQLite, &codeError{1299}, "1299", final},
		{"SQLite, extended code of 16 bits", SQLite, &shortError{2067}, "2067", duplicate},
		{"SQLite, members", SQLite, memberError{5, 517}, "517", conflicting},
		{"bad connection", SQLite, driver.ErrBadConn, "", disconnected},
		{"closed connection", Postgres, sql.ErrConnDone, "", disconnected},
		{"end of the stream", Postgres, fmt.Errorf("read: %w", io.ErrUnexpectedEOF), "", disconnected},
		{"refused", MySQL, &net.OpError{Op: "dial", Err: errors.New("refused")}, "", disconnected},
		{"MySQL's own word", MySQL, errors.New("invalid connection"), "", disconnected},
		{"anything", MySQL, errors.New(secret), "", final},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, what := classify(tt.dialect, tt.err)
			require.Equal(t, tt.code, code)
			require.Equal(t, tt.trouble, what)
		})
	}
}

// TestErrorsHoldNoValues is G7: what the driver says of values stays in its
// own error.
func TestErrorsHoldNoValues(t *testing.T) {
	for name, tt := range map[string]struct {
		dialect   Dialect
		err       error
		text      string
		retryable bool
	}{
		"PostgreSQL":    {Postgres, &stateError{"23505"}, "sqlstore: add identities: database error 23505", false},
		"MySQL":         {MySQL, &mysqlError{1062}, "sqlstore: add identities: database error 1062", false},
		"SQLite":        {SQLite, &codeError{2067}, "sqlstore: add identities: database error 2067", false},
		"deadlock":      {MySQL, &mysqlError{1213}, "sqlstore: add identities: database error 1213: deadlock", true},
		"without code":  {Postgres, errors.New("cannot encode " + secret), "sqlstore: add identities: database error: *errors.errorString", false},
		"conversion":    {Postgres, fmt.Errorf("sql: Scan error: converting %q", secret), "sqlstore: add identities: database error: *errors.errorString", false},
		"disconnection": {Postgres, fmt.Errorf("write %s: %w", secret, io.EOF), "sqlstore: add identities: database error: the connection is lost", true},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := dialectOf(tt.dialect)
			s := &Store{dialect: d}
			err := s.failed(t.Context(), "add identities", tt.err, true)
			require.Equal(t, tt.text, err.Error())
			require.ErrorIs(t, err, tt.err, "hosts that may look find it")
			require.Equal(t, tt.retryable, errors.Is(err, audience.ErrRetryable))
			unknown := &CommitUnknownError{Err: err}
			require.NotContains(t, unknown.Error(), secret)
			require.NotErrorIs(t, unknown, audience.ErrRetryable, "nobody knows whether it happened")
			require.ErrorIs(t, wrap(unknown), &CommitUnknownError{})
		})
	}
	d, _ := dialectOf(Postgres)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := (&Store{dialect: d}).failed(ctx, "find", &stateError{"57014"}, true)
	require.ErrorIs(t, err, context.Canceled, "drivers have many words for it")
	require.NotContains(t, err.Error(), secret)
}
