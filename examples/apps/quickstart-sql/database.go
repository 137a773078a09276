package main

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/pgxcopy"
)

// database is what -store says.
type database struct {
	dialect sqlstore.Dialect
	driver  any // of sqlstore.Options
	keyFile string
	open    func() (*sql.DB, error)
	secrets []string // that no error may show
}

// hide gives an error without what is secret.
func (d *database) hide(err error) error {
	text := err.Error()
	for _, secret := range d.secrets {
		if secret != "" && strings.Contains(text, secret) {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// parseStore reads a -store. Its errors show nothing of it, for it may hold a
// password.
func parseStore(text string) (database, error) {
	const defaultKey = "quickstart-sql.key"
	scheme, rest, _ := strings.Cut(text, ":")
	switch scheme {
	case "sqlite":
		if rest == "" || strings.HasPrefix(rest, ":") {
			return database{}, errors.New("sqlite: a FILE is expected, as in sqlite:audience.db")
		}
		return sqliteFile(rest), nil
	case "postgres", "postgresql":
		d, err := postgresURL(text)
		d.keyFile = defaultKey
		return d, err
	case "mysql", "mariadb":
		d, err := mysqlURL(text)
		d.keyFile = defaultKey
		return d, err
	default:
		return database{}, errors.New("sqlite:FILE, postgres://... or mysql://... is expected")
	}
}

// sqliteFile is a database in a file, that waits for other processes for up to
// half a minute.
func sqliteFile(name string) database {
	// Above slashes, a name may hold what means something in a URL.
	u := url.URL{
		Scheme: "file", OmitHost: true, Path: filepath.ToSlash(name),
		RawQuery: url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(30000)", "journal_mode(WAL)"}}.Encode(),
	}
	return database{
		dialect: sqlstore.SQLite,
		keyFile: name + ".key",
		open:    func() (*sql.DB, error) { return sql.Open("sqlite", u.String()) },
	}
}

func postgresURL(text string) (database, error) {
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return database{}, errors.New("postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=... is expected, with what means something in a URL written as %40 and the like")
	}
	return database{
		dialect: sqlstore.Postgres,
		driver:  pgxcopy.Driver{},
		open:    func() (*sql.DB, error) { return stdlib.OpenDB(*config), nil },
		secrets: secretsOf(config.Password),
	}, nil
}

func mysqlURL(text string) (database, error) {
	config, err := mysqlConfig(text)
	if err != nil {
		return database{}, err
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return database{}, fmt.Errorf("mysql: %w", err)
	}
	return database{
		dialect: sqlstore.MySQL,
		open:    func() (*sql.DB, error) { return sql.OpenDB(connector), nil },
		secrets: secretsOf(config.Passwd),
	}, nil
}

// mysqlConfig reads a URL. Its parameters are those of
// github.com/go-sql-driver/mysql, and socket=FILE.
func mysqlConfig(text string) (*mysql.Config, error) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || strings.Trim(u.Path, "/") == "" || strings.Contains(strings.Trim(u.Path, "/"), "/") {
		return nil, errors.New("mysql://USER:PASSWORD@HOST:PORT/DATABASE is expected, with what means something in a URL written as %40 and the like")
	}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("mysql: the parameters behind ? cannot be read")
	}
	config := mysql.NewConfig()
	config.InterpolateParams = true // or every statement is prepared, run and closed, in two round trips
	config.User, config.DBName = u.User.Username(), strings.Trim(u.Path, "/")
	config.Passwd, _ = u.User.Password()
	config.Net, config.Addr = "tcp", net.JoinHostPort(cmp.Or(u.Hostname(), "localhost"), cmp.Or(u.Port(), "3306"))
	if socket := parameters.Get("socket"); socket != "" {
		config.Net, config.Addr = "unix", socket
		parameters.Del("socket")
	}
	// The parameters are read by the driver, in its own form.
	dsn := config.FormatDSN()
	if len(parameters) > 0 {
		separator := "?"
		if strings.Contains(dsn[strings.LastIndexByte(dsn, '/'):], "?") {
			separator = "&"
		}
		dsn += separator + parameters.Encode()
	}
	config, err = mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("mysql: a parameter behind ? is not one of github.com/go-sql-driver/mysql, or has no such value")
	}
	config.Logger = &mysql.NopLogger{} // what matters comes back as an error
	return config, nil
}

// secretsOf gives the forms in which a password may be told.
func secretsOf(password string) []string {
	return []string{password, url.QueryEscape(password), url.PathEscape(password)}
}
