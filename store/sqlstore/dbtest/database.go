package dbtest

import (
	"context"
	"database/sql"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The variables that say which databases tests run on.
const (
	EnvDatabases = "AUDIENCEKIT_DATABASES"
	EnvPostgres  = "AUDIENCEKIT_POSTGRES"
	EnvMySQL     = "AUDIENCEKIT_MYSQL"
)

// Engine is the kind of a database, whatever its driver.
type Engine uint8

// The engines.
const (
	Postgres Engine = iota + 1
	MySQL           // MySQL 8 and MariaDB
	SQLite
)

// Database is a kind of database that tests run on.
type Database struct {
	Name    string // for subtests and [EnvDatabases], such as "sqlite-modernc"
	Engine  Engine
	Version string // as the engine tells it
	Missing string // why it cannot be used, empty when it can

	required bool // missing, it fails the tests that need it
	fresh    func(t testing.TB) Source
}

// Databases gives the databases that the environment chooses, also those that
// are missing: calls on them skip or fail the test.
func Databases(t testing.TB) []Database {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all := append(sqlites(ctx), findPostgres(ctx, os.Getenv(EnvPostgres)), findMySQL(ctx, os.Getenv(EnvMySQL)))
	chosen, unknown := choose(all, os.Getenv(EnvDatabases))
	if len(unknown) > 0 {
		t.Fatalf("%s: no database is called %q; there are %q", EnvDatabases, unknown, names(all))
	}
	return chosen
}

// Run runs a subtest on each of the [Databases], named after it.
func Run(t *testing.T, test func(t *testing.T, d Database)) {
	t.Helper()
	for _, d := range Databases(t) {
		t.Run(d.Name, func(t *testing.T) {
			d.Need(t)
			test(t, d)
		})
	}
}

// Need skips the test, or fails it, when the database is missing.
func (d Database) Need(t testing.TB) {
	t.Helper()
	if d.Missing == "" {
		return
	}
	if d.required {
		t.Fatalf("%s is missing: %s", d.Name, d.Missing)
	}
	t.Skipf("%s is missing: %s", d.Name, d.Missing)
}

// Fresh makes a new and empty database, which is gone after the test.
func (d Database) Fresh(t testing.TB) Source {
	t.Helper()
	d.Need(t)
	return d.fresh(t)
}

// Open opens a new and empty database; it is closed and gone after the test.
func (d Database) Open(t testing.TB) *sql.DB {
	t.Helper()
	return d.Fresh(t).Open(t)
}

// choose gives the databases that a value of [EnvDatabases] names, and the
// names that are nobody's.
func choose(all []Database, value string) (chosen []Database, unknown []string) {
	var without []string
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		bare := strings.TrimPrefix(name, "-")
		i := slices.IndexFunc(all, func(d Database) bool { return d.Name == bare })
		switch {
		case name == "all":
			chosen = append(chosen, requiredOf(all)...)
		case i < 0:
			unknown = append(unknown, name)
		case bare != name:
			without = append(without, bare)
		default:
			chosen = append(chosen, requiredOf(all[i:i+1])...)
		}
	}
	if chosen == nil && unknown == nil {
		chosen = slices.Clone(all)
	}
	return slices.DeleteFunc(chosen, func(d Database) bool { return slices.Contains(without, d.Name) }), unknown
}

// requiredOf gives databases that have to be there.
func requiredOf(all []Database) []Database {
	out := slices.Clone(all)
	for i := range out {
		out[i].required = true
	}
	return out
}

func names(all []Database) []string {
	var out []string
	for _, d := range all {
		out = append(out, d.Name)
	}
	return out
}
