package dbtest

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
)

const mysqlDriver = "mysql"

// openMySQL is sql.Open without the driver's log, which tells at length of
// every connection to a server that was killed.
func openMySQL(_, dsn string) (*sql.DB, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// findMySQL looks for a server where dsn says, else on this machine.
func findMySQL(ctx context.Context, dsn string) Database {
	const timeout = "?timeout=5s"
	dsns := []string{"root@unix(/run/mysqld/mysqld.sock)/" + timeout, "root@unix(/tmp/mysql.sock)/" + timeout, "root@tcp(127.0.0.1:3306)/" + timeout}
	if dsn != "" {
		dsns = []string{dsn}
	}
	server, version, err := reach(ctx, mysqlDriver, "SELECT VERSION()", dsns)
	d := mariadb(server, server.during)
	d.Version = version
	if err != nil {
		d.Missing, d.required = err.Error(), dsn != ""
	} else if !strings.Contains(version, "MariaDB") {
		d.Name = "mysql"
	}
	return d
}

// mariadb is a server, on which provide makes things. The character set of a fresh database is one that
// servers had by default for decades and that cannot hold most texts: tables
// have to name their own.
func mariadb(server Source, provide func(t testing.TB, create, drop string)) Database {
	return Database{Name: "mariadb", Engine: MySQL, fresh: func(t testing.TB) Source {
		t.Helper()
		config, err := mysql.ParseDSN(server.DSN)
		require.NoError(t, err)
		config.DBName = freshName()
		provide(t, "CREATE DATABASE "+config.DBName+" CHARACTER SET latin1 COLLATE latin1_swedish_ci", "DROP DATABASE "+config.DBName)
		return Source{Driver: server.Driver, DSN: config.FormatDSN()}
	}}
}
