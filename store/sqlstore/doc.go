// Package sqlstore keeps audiences in the host's own SQL database, through
// the host's own *sql.DB and driver, and inside the host's own transactions
// when it likes.
package sqlstore
