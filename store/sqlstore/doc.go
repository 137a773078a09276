// Package sqlstore keeps audiences in the host's own SQL database, through
// the host's own *sql.DB and driver, and inside the host's own transactions
// when it likes. It knows SQLite, PostgreSQL, and MySQL with MariaDB.
//
//	db, err := sql.Open("sqlite", "file:shop.db?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)")
//	err = sqlstore.Migrate(ctx, db, sqlstore.SQLite, sqlstore.Options{}) // when the host deploys
//	adapter, err := sqlstore.New(ctx, db, sqlstore.SQLite, sqlstore.Options{})
//	aud, err := store.Open(ctx, adapter, "shop", store.Options{Keys: keys})
//
// # Setting up
//
// [Migrate] makes the tables, and brings those of an earlier version up to
// date, when the host says so and never by itself; several processes may call
// it at once. [New] refuses a database that would not keep what package store
// promises, with what to do about it:
//
//   - SQLite: 3.51.3 or later (before, a write-ahead log could be corrupted), a
//     file with journal_mode WAL, UTF-8, a busy timeout, and transactions that
//     begin with BEGIN IMMEDIATE (`_txlock=immediate` with most drivers): one
//     that reads first and writes later fails as soon as somebody else wrote
//     between.
//   - PostgreSQL: 13 or later, with the encoding UTF8.
//   - MySQL 8.0.17 or MariaDB 10.6 or later, with InnoDB and a strict sql_mode.
//     max_allowed_packet bounds what one commit may hold.
//   - All: at least two open connections, better four or more: what reads the
//     feed inside a snapshot takes a second one, and a listener keeps one.
//
// Tables begin with ak_, or with [Options.Prefix]. Any number of audiences, of
// processes, and of stores with other prefixes share a database.
//
// # Drivers
//
// Statements that are used again stay prepared on the connections of the pool
// of SQLite, MySQL and MariaDB, at most 192 on each, and others until the end of
// a transaction that uses them again; so the server's
// max_prepared_stmt_count has to be at least 192 times as large as all pools on
// it together. What runs once, and what runs in [Join], is left to the driver:
// go-sql-driver/mysql prepares, runs and closes it, three messages for one,
// unless the DSN has interpolateParams=true, which is safe with utf8mb4. pgx
// keeps statements itself, and with package pgxcopy it brings in large batches
// by COPY.
//
// # The host's own transactions
//
// [Join] runs a transaction of an audience inside one of the host's: contacts,
// events and consent are committed or rolled back together with the host's own
// rows. It works under a savepoint, so that after an error the host may go on
// and commit, and nothing of the call that failed is there. What a retry would
// cure is audience.ErrRetryable, and the host's to retry. [Token] gives the
// position of the commit afterwards.
//
// # Transactions and the feed
//
// An Update locks the contacts that it is about, in order, and is tried again
// when others were in the way. Under PostgreSQL and MySQL any number of them run
// at once, and one that stays open, such as a host's, delays those alone that
// are about the same contacts; but for erasures in MySQL above READ COMMITTED,
// whose locks on the gaps between rows delay others too. SQLite has one writer
// at a time. The function of an Update is called again also when it is the first
// of its process that merges, or makes more contacts than numbers are in stock.
//
// A commit writes one more row than the data, that of the feed: the outbox in
// the same transaction. Its position is given after the commit, by whoever
// reads first. The feed grows until it is trimmed: see store.Audience.Trim.
// Followers ask again and again, and are woken at once by commits of their own
// process, and with package pgxcopy by those of every process.
//
// # Queries
//
// What store.ContactQuery asks for with Where, and what segments ask for with
// Set.Find and Set.Count, is looked for in the database, as far as it can be
// said exactly there; the rest is decided by the library, contact by contact.
// [IndexFields] makes an index for each custom field of an audience.
//
// # Backups
//
// A backup is one of the whole database. After restoring one, call Restored
// (store.Restorer) on each audience before anything else: positions and
// checkpoints from before are refused from then on, and contact ids are not
// given twice. [Check] looks for what a backup that was put together from parts,
// or a commit that was half done on several databases, leaves behind, and
// mends it.
//
// # Costs
//
// With n contacts and e events of a contact: reading or writing one contact,
// identity, record or suppression is O(log n) and a constant number of round
// trips for a batch, whatever its size up to some thousand rows a statement. A
// page of contacts is one statement for each kind of row. Appending events goes
// through the keys of those of the same contact. Redirects follow merges a
// statement for each level. Trimming is linear in what it removes, erasing in
// the commits that mention the person.
package sqlstore
