package sqlstore

import (
	"context"
	"database/sql"
	"iter"
)

// Runner runs a statement in a transaction: *sql.Tx, or *sql.Conn.
type Runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Checker is a capability of [Options.Driver]: to find out whether a database
// is of this driver.
type Checker interface {
	// Check says what is wrong with the database, or what opened it. [New]
	// refuses it with that error.
	Check(ctx context.Context, db *sql.DB) error
}

// SliceTaker is a capability of [Options.Driver]: to take []int64, []*int64,
// []string and [][]byte as parameters for arrays of bigint, text and bytea.
// That spares both sides to write and read them as text. Package pgxcopy has
// it for pgx.
type SliceTaker interface {
	TakesSlices()
}

// Copier is a capability of [Options.Driver]: to bring rows into a table by
// other means than INSERT, such as COPY of PostgreSQL. Package pgxcopy has it
// for pgx.
type Copier interface {
	// Copy inserts rows into a table in the transaction of tx, and gives how
	// many there were. The table is a name without a schema. Values are int64,
	// string, []byte and nil; a row is read before the next one is asked for.
	//
	// When tx is not of this driver the error is errors.ErrUnsupported, no row
	// was asked for and the transaction is as it was. After any other error the
	// transaction can only be rolled back.
	Copy(ctx context.Context, tx Runner, table string, columns []string, rows iter.Seq[[]any]) (int64, error)
}

// checkDriver refuses a database that is not of the driver of the options.
func (s *Store) checkDriver(ctx context.Context) error {
	c, ok := s.driver.(Checker)
	if !ok {
		return nil
	}
	return wrap(c.Check(ctx, s.db))
}

// takesSlices reports whether arrays may be slices.
func (s *Store) takesSlices() bool {
	_, ok := s.driver.(SliceTaker)
	return ok
}
