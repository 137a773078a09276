package sqlstore

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// trouble is what an error of the database means for a transaction.
type trouble uint8

const (
	final        trouble = iota // trying again does not help
	conflicting                 // another transaction was in the way
	disconnected                // the connection is lost
	duplicate                   // the row is there already
)

// classify gives the code of an error and what it means. Drivers are not
// imported: codes are found by the methods and members that they have.
func classify(d Dialect, err error) (code string, what trouble) {
	switch d {
	case Postgres:
		var state interface{ SQLState() string }
		if errors.As(err, &state) {
			return state.SQLState(), ofState(state.SQLState())
		}
	case MySQL:
		if n, ok := numberOf(err, "Number"); ok {
			return strconv.FormatInt(n, 10), ofMySQL(n)
		}
	default:
		if n, ok := numberOf(err, "ExtendedCode", "Code"); ok {
			return strconv.FormatInt(n, 10), ofSQLite(n)
		}
	}
	if isDisconnected(err) {
		return "", disconnected
	}
	return "", final
}

func ofState(state string) trouble {
	switch state {
	case "40001", "40P01", "55P03": // serialization, deadlock, lock not available
		return conflicting
	case "57P01", "57P02", "57P03", "25P03", "57P05": // shut down, crashed, starting, idle for too long
		return disconnected
	case "23505":
		return duplicate
	}
	if strings.HasPrefix(state, "08") {
		return disconnected
	}
	return final
}

func ofMySQL(number int64) trouble {
	switch number {
	case 1213, 1205, 1020, 3572: // deadlock, lock wait timeout, changed since last read, lock not waited for
		return conflicting
	case 1053, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 4031: // shut down, killed, the network
		return disconnected
	case 1062, 1586:
		return duplicate
	}
	return final
}

// ofSQLite reads primary and extended codes, which have the primary one in
// their lowest byte.
func ofSQLite(code int64) trouble {
	switch code {
	case 1555, 2067, 2579: // primary key, unique, rowid
		return duplicate
	}
	switch code & 0xff {
	case 5, 6: // busy, also with a snapshot that is too old (517), and locked
		return conflicting
	}
	return final
}

// isDisconnected recognises lost connections by what the network and
// database/sql say of them.
func isDisconnected(err error) bool {
	for _, known := range []error{
		driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	var safe interface{ SafeToRetry() bool } // pgx: nothing was sent
	if errors.As(err, &safe) && safe.SafeToRetry() {
		return true
	}
	found := false
	walk(err, func(e error) bool {
		found = e.Error() == "invalid connection" || e.Error() == "conn closed" // go-sql-driver/mysql and pgx
		return found
	})
	return found
}

// numberOf gives the first integer that an error or one that it wraps has as a
// method or member of one of the names.
func numberOf(err error, names ...string) (n int64, ok bool) {
	walk(err, func(e error) bool {
		for _, name := range names {
			if n, ok = numberIn(reflect.ValueOf(e), name); ok {
				return true
			}
		}
		return false
	})
	return n, ok
}

func numberIn(v reflect.Value, name string) (int64, bool) {
	var method reflect.Value
	switch name { // constants, so that linkers may still leave out other methods
	case "ExtendedCode":
		method = v.MethodByName("ExtendedCode")
	case "Code":
		method = v.MethodByName("Code")
	}
	if method.IsValid() && method.Type().NumIn() == 0 && method.Type().NumOut() == 1 {
		return integer(method.Call(nil)[0])
	}
	v = reflect.Indirect(v)
	if v.Kind() != reflect.Struct {
		return 0, false
	}
	return integer(v.FieldByName(name))
}

func integer(v reflect.Value) (int64, bool) {
	switch {
	case v.IsValid() && v.CanInt():
		return v.Int(), true
	case v.IsValid() && v.CanUint():
		return int64(v.Uint()), true
	default:
		return 0, false
	}
}

// walk calls visit for an error and all that it wraps until that gives true.
func walk(err error, visit func(error) bool) bool {
	if err == nil {
		return false
	}
	if visit(err) {
		return true
	}
	switch e := err.(type) { //nolint:errorlint // this is what unwraps
	case interface{ Unwrap() error }:
		return walk(e.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), func(one error) bool { return walk(one, visit) })
	default:
		return false
	}
}

// databaseError finds ours in an error.
func databaseError(err error) (*DatabaseError, bool) {
	var e *DatabaseError
	return e, errors.As(err, &e)
}

// harmlessText says of an error what cannot hold a value: the whole of it when
// the statement had no values, what its code means; without a code what the
// network and database/sql say, else its type alone.
func (d Dialect) harmlessText(code string, err error, hasValues bool) string {
	if text := d.meaning(code); text != "" {
		return text
	}
	var network *net.OpError
	switch {
	case !hasValues:
		return err.Error()
	case code != "":
		return ""
	case errors.As(err, &network):
		return network.Error()
	case isDisconnected(err), errors.Is(err, sql.ErrTxDone):
		return "the connection is lost"
	default:
		return fmt.Sprintf("%T", err)
	}
}

// meaning explains the codes that a host has to do something about.
func (d Dialect) meaning(code string) string {
	switch d {
	case Postgres:
		return map[string]string{
			"25006": "the server is read-only", "40001": "another transaction was in the way", "40P01": "deadlock",
			"42501": "permission denied", "42P01": "a table is missing", "42703": "a column is missing", "53100": "the disk is full",
			"53200": "out of memory", "53300": "too many connections", "55P03": "a lock was not available in time",
			"57014": "cancelled, by a timeout of the server or by somebody", "57P01": "the server is shutting down",
		}[code]
	case MySQL:
		return map[string]string{
			"1021": "the disk is full", "1040": "too many connections", "1054": "a column is missing", "1114": "a table is full",
			"1142": "permission denied", "1146": "a table is missing", "1153": "a packet is larger than max_allowed_packet",
			"1205": "a lock was not available in time", "1213": "deadlock", "1290": "the server is read-only",
			"1317": "cancelled by somebody", "1665": "binlog_format has to be ROW or MIXED", "1836": "the server is read-only",
		}[code]
	default:
		n, _ := strconv.Atoi(code)
		return map[int]string{
			5: "the database is busy", 6: "the database is locked", 8: "the database is read-only", 9: "interrupted",
			10: "reading or writing the file failed", 11: "the file is damaged", 13: "the disk is full", 14: "the file cannot be opened",
			18: "a value is too large", 26: "the file is no database",
		}[n&0xff]
	}
}
