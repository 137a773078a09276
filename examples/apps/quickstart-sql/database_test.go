package main

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store/sqlstore"
)

func TestMySQLURL(t *testing.T) {
	tests := []struct {
		name, url string
		want      func(*mysql.Config)
	}{
		{"plain", "mysql://ann@db.example:3307/shop", func(c *mysql.Config) { c.User, c.Addr = "ann", "db.example:3307" }},
		{"default port", "mysql://ann@db.example/shop", func(c *mysql.Config) { c.User, c.Addr = "ann", "db.example:3306" }},
		{"nobody, nowhere", "mariadb:///shop", func(c *mysql.Config) { c.Addr = "localhost:3306" }},
		{"address in brackets", "mysql://[::1]:3307/shop", func(c *mysql.Config) { c.Addr = "[::1]:3307" }},
		{"password with everything", "mysql://ann:p%40s%2Fs%3A%3F%23%25@h/shop", func(c *mysql.Config) {
			c.User, c.Passwd, c.Addr = "ann", "p@s/s:?#%", "h:3306"
		}},
		{"database with a slash", "mysql://h/a%2Fb", nil},
		{"socket", "mysql://root@localhost/shop?socket=/run/mysqld/mysqld.sock", func(c *mysql.Config) {
			c.User, c.Net, c.Addr = "root", "unix", "/run/mysqld/mysqld.sock"
		}},
		{"parameters", "mysql://h/shop?timeout=5s&socket=/s&tls=skip-verify", func(c *mysql.Config) {
			c.Net, c.Addr, c.Timeout, c.TLSConfig = "unix", "/s", 5*time.Second, "skip-verify"
		}},
		{"no database", "mysql://h/", nil},
		{"two databases", "mysql://h/a/b", nil},
		{"unknown value", "mysql://h/a?tls=secret", nil},
		{"no URL", "mysql:h/a", nil},
		{"broken", "mysql://ann:secret%zz@h/a", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mysqlConfig(tt.url)
			if tt.want == nil {
				require.Error(t, err)
				require.NotContains(t, err.Error(), "secret")
				return
			}
			require.NoError(t, err)
			want := mysql.NewConfig()
			want.InterpolateParams = true
			want.Net, want.DBName = "tcp", "shop"
			tt.want(want)
			want, err = mysql.ParseDSN(want.FormatDSN())
			require.NoError(t, err)
			require.Equal(t, want.FormatDSN(), got.FormatDSN())
		})
	}
}

func TestParseStore(t *testing.T) {
	d, err := parseStore("sqlite:some.db")
	require.NoError(t, err)
	require.Equal(t, sqlstore.SQLite, d.dialect)
	require.Equal(t, "some.db.key", d.keyFile)
	d, err = parseStore("postgres://ann:secret@db.example/shop?sslmode=disable")
	require.NoError(t, err)
	require.Equal(t, sqlstore.Postgres, d.dialect)
	require.NotNil(t, d.driver)
	require.EqualError(t, d.hide(errors.New("no secret here")), "no *** here")
	d, err = parseStore("mysql://ann:s%26t@db.example/shop")
	require.NoError(t, err)
	require.Equal(t, sqlstore.MySQL, d.dialect)
	require.EqualError(t, d.hide(errors.New("no s&t, s%26t here")), "no ***, *** here")
	same := errors.New("another")
	require.Same(t, same, d.hide(same))

	for _, text := range []string{"", "sqlite", "sqlite:", "sqlite::memory:", "secret", "oracle://ann:secret@h/x", "postgres://ann:secret@h:x/y", "mysql://ann:secret@h"} {
		_, err := parseStore(text)
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "secret")
	}
}

// TestSQLiteFileNames: a file is called as it was said, whatever that means in
// a URL.
func TestSQLiteFileNames(t *testing.T) {
	for _, name := range []string{"a b.db", "50%41.db", "what?x=1#y.db", "ä&.db"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), name)
			db, err := sqliteFile(file).open()
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), "CREATE TABLE x (id INT)")
			require.NoError(t, err)
			var mode string
			require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode))
			require.Equal(t, "wal", mode)
			require.NoError(t, db.Close())
			require.FileExists(t, file)
		})
	}
}
