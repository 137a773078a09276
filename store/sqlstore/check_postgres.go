package sqlstore

import (
	"context"
	"database/sql"
)

func (s *Store) checkPostgres(ctx context.Context, conn *sql.Conn) error {
	var version, encoding, commits string
	var number int
	var standby bool
	const query = "SELECT current_setting('server_version'), current_setting('server_version_num')::int, " +
		"current_setting('server_encoding'), current_setting('synchronous_commit'), pg_is_in_recovery()"
	if _, err := s.ask(ctx, conn, "look at the server", query, nil, &version, &number, &encoding, &commits, &standby); err != nil {
		return err
	}
	switch {
	case number < 130_000:
		return setupError("server-version", "PostgreSQL %s is too old: use 13 or later", version)
	case encoding != "UTF8":
		return setupError("server-setting", "the database has the encoding %s, which cannot hold every name: make one with ENCODING 'UTF8'", encoding)
	case standby:
		return setupError("server-setting", "the server is a standby, which takes no writes: connect to the primary")
	}
	if commits == "off" {
		s.logger.WarnContext(ctx, "sqlstore: synchronous_commit is off: a crash of the server may lose the last commits that were acknowledged")
	}
	return nil
}
