// Package sqlstore keeps audiences in the host's own SQL database, through
// the host's own *sql.DB and driver, and inside the host's own transactions
// when it likes.
//
// # Drivers
//
// Statements that are used again stay prepared on the connections of the pool
// of SQLite, MySQL and MariaDB, at most 192 on each; so the server's
// max_prepared_stmt_count has to be at least 192 times as large as all pools on
// it together. What runs once, and what runs in [Join], is left to the driver:
// go-sql-driver/mysql prepares, runs and closes it, three messages for one,
// unless the DSN has interpolateParams=true, which is safe with utf8mb4. pgx
// keeps statements itself, and with package pgxcopy it brings in large batches
// by COPY.
package sqlstore
