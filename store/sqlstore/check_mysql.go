package sqlstore

import (
	"context"
	"database/sql"
	"strings"
)

// smallestPacket is what one statement of ours may need, with room for large
// rows.
const smallestPacket = 8 << 20

func (s *Store) checkMySQL(ctx context.Context, conn *sql.Conn) error {
	var version, modes, charset, binlog string
	var logs, packet, flush int64
	var database sql.NullString
	const query = "SELECT VERSION(), @@SESSION.sql_mode, @@SESSION.character_set_client, @@SESSION.binlog_format, @@GLOBAL.log_bin, " +
		"@@GLOBAL.max_allowed_packet, @@GLOBAL.innodb_flush_log_at_trx_commit, DATABASE()"
	if _, err := s.ask(ctx, conn, "look at the server", query, nil, &version, &modes, &charset, &binlog, &logs, &packet, &flush, &database); err != nil {
		return err
	}
	if err := checkMySQLVersion(version); err != nil {
		return err
	}
	switch {
	case !database.Valid:
		return setupError("server-setting", "no database is selected: name one in the data source name")
	case !strings.Contains(modes, "STRICT_TRANS_TABLES") && !strings.Contains(modes, "STRICT_ALL_TABLES"):
		return setupError("server-setting", "sql_mode %q would cut off what is too long without a word: add STRICT_TRANS_TABLES", modes)
	case charset != "utf8mb4":
		return setupError("server-setting", "the connection speaks %s, which cannot say every name: leave out charset and collation in the data source name, or say utf8mb4", charset)
	case logs != 0 && binlog == "STATEMENT":
		return setupError("server-setting", "binlog_format is STATEMENT, which InnoDB refuses for READ COMMITTED: set ROW or MIXED")
	case packet < smallestPacket:
		return setupError("server-setting", "max_allowed_packet is %d: set at least %d", packet, smallestPacket)
	}
	if flush != 1 {
		s.logger.WarnContext(ctx, "sqlstore: innodb_flush_log_at_trx_commit is not 1: a crash of the server may lose the last commits that were acknowledged")
	}
	return nil
}

func checkMySQLVersion(version string) error {
	if strings.Contains(version, "MariaDB") {
		if !atLeast(strings.TrimPrefix(version, "5.5.5-"), 10, 6) { // old clients were told 5.5.5 first
			return setupError("server-version", "MariaDB %s is too old: use 10.6 or later", version)
		}
		return nil
	}
	if !atLeast(version, 8, 0, 17) {
		return setupError("server-version", "MySQL %s is too old: use 8.0.17 or later", version)
	}
	return nil
}

// checkEngines looks whether a server without InnoDB, or somebody's ALTER
// TABLE, has put tables elsewhere.
func (s *Store) checkEngines(ctx context.Context, conn *sql.Conn) error {
	const query = "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND LEFT(TABLE_NAME, ?) = ? AND ENGINE <> 'InnoDB' LIMIT 1"
	var table, engine string
	found, err := s.ask(ctx, conn, "look at the tables", query, []any{len(s.prefix), s.prefix}, &table, &engine)
	if err == nil && found {
		err = setupError("server-setting", "the table %s is kept by %s, which has no transactions: ALTER TABLE %s ENGINE=InnoDB", table, engine, table)
	}
	return err
}
