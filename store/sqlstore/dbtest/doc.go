// Package dbtest runs the SQL store on real databases: SQLite through three
// drivers, PostgreSQL and MariaDB. It is a module of its own, since the
// drivers must not reach the hosts of the library, and is never released.
//
// # Which databases
//
// SQLite needs nothing. Servers are looked for where AUDIENCEKIT_POSTGRES and
// AUDIENCEKIT_MYSQL say (data source names as pgx and go-sql-driver/mysql
// take them; the user has to be allowed to create schemas and databases), else
// at the default sockets and ports of this machine. A variable that names no
// server fails the tests. AUDIENCEKIT_DATABASES chooses:
//
//   - empty: those that are there; tests on others are skipped, with the reason;
//   - "all": every one, and one that is missing fails;
//   - names such as "postgres,sqlite-modernc": these alone, and they have to
//     be there;
//   - a name with a minus takes one away: "all,-mariadb", or "-sqlite-ncruces".
//
// Two of the SQLite drivers register the same name and cannot be in one
// program. The build tag mattn puts github.com/mattn/go-sqlite3, which needs
// a C compiler, in the place of github.com/ncruces/go-sqlite3.
//
// # More of everything
//
// AUDIENCEKIT_PUSHDOWN_PAIRS is how many pairs of a contact and a predicate the
// databases are asked about, AUDIENCEKIT_PUSHDOWN_SEED with which seed that begins.
// AUDIENCEKIT_FIND_COMPARISONS and AUDIENCEKIT_FIND_SEED are the same for segments
// that a database finds the members of.
// AUDIENCEKIT_ENGINE_SCALE multiplies how much the tests of the segment engine
// do. AUDIENCEKIT_SCALE_CONTACTS makes TestEngineScale load a shop of so many
// contacts and measure engines over it.
//
// # Servers that may die
//
// [NewPostgres] and [NewMariaDB] make servers of a test's own, which it may
// kill. They need the programs of the servers and Linux, and touch no other
// server of the machine.
package dbtest
