package sqlstore

// Dialect is a kind of database.
type Dialect uint8

// The dialects.
const (
	Postgres Dialect = iota + 1 // PostgreSQL 13 or later
	MySQL                       // MySQL 8.0.17 or later, and MariaDB 10.6 or later
	SQLite                      // SQLite 3.51.3 or later
)

// String gives "postgres", "mysql" or "sqlite"; "none" for any other.
func (d Dialect) String() string {
	switch d {
	case Postgres:
		return "postgres"
	case MySQL:
		return "mysql"
	case SQLite:
		return "sqlite"
	default:
		return "none"
	}
}

// dialect is what differs from one kind of database to another: text of SQL
// and how transactions begin, nothing else.
type dialect struct {
	kind Dialect
	// arrays: a list is one parameter, an array; else it is written out, a
	// parameter for each item.
	arrays bool
	// mostParameters is how many parameters a statement may have.
	mostParameters int
	// lock ends a SELECT that locks what it reads.
	lock string
	// oneWriter: one transaction writes at a time, so that commits are numbered
	// in the order of their transactions by these themselves.
	oneWriter bool
	// keyBytes is how long an indexed text may be, 0 for no limit of its own.
	keyBytes int
	// doNothing and upsert end an INSERT of rows that may exist.
	doNothing func(keys []string) string
	upsert    func(keys, columns []string) string
}

// force names the index of a table that a query has to go by. MySQL may
// otherwise go through all rows of the audience, or through a small table as a
// whole, where a statement that locks waits for rows that host transactions
// have open.
func (d *dialect) force(index string) string {
	if d.kind != MySQL {
		return ""
	}
	return " FORCE INDEX (" + index + ")"
}

// dialectOf gives the dialect; false for an unknown one.
func dialectOf(d Dialect) (*dialect, bool) {
	switch d {
	case Postgres:
		return postgres(), true
	case MySQL:
		return mysql(), true
	case SQLite:
		return sqlite(), true
	default:
		return nil, false
	}
}
