package main

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/examples/internal/quickstart"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// outcome is what one run printed.
type outcome struct {
	code           int
	stdout, stderr string
}

// run runs the command; dir is called DIR in what it prints.
func run(t *testing.T, dir string, args ...string) outcome {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	var stdout, stderr bytes.Buffer
	command := quickstart.Command{Name: "quickstart-sql", Home: &home{}}
	code := command.Run(t.Context(), args, &stdout, &stderr)
	return outcome{
		code:   code,
		stdout: strings.ReplaceAll(stdout.String(), dir, "DIR"),
		stderr: strings.ReplaceAll(stderr.String(), dir, "DIR"),
	}
}

// golden gives what the quickstart prints, which keeps nothing.
func golden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "internal", "quickstart", "testdata", name))
	require.NoError(t, err)
	return string(text)
}

// eachStore runs a test on an empty database of each kind.
func eachStore(t *testing.T, test func(t *testing.T, store string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "audience.db")) })
	for _, d := range dbtest.Databases(t) {
		if d.Engine == dbtest.SQLite {
			continue
		}
		t.Run(d.Name, func(t *testing.T) { test(t, storeOf(t, d.Fresh(t))) })
	}
}

// storeOf gives the -store that is the database of a test.
func storeOf(t *testing.T, source dbtest.Source) string {
	t.Helper()
	u := url.URL{Host: "localhost"}
	query := url.Values{}
	if source.Driver == "mysql" {
		config, err := mysql.ParseDSN(source.DSN)
		require.NoError(t, err)
		u.Scheme, u.User, u.Path = "mysql", url.UserPassword(config.User, config.Passwd), "/"+config.DBName
		if config.Net == "unix" {
			query.Set("socket", config.Addr)
		} else {
			u.Host = config.Addr
		}
		u.RawQuery = query.Encode()
		return u.String()
	}
	config, err := pgx.ParseConfig(source.DSN)
	require.NoError(t, err)
	u.Scheme, u.User, u.Path = "postgres", url.UserPassword(config.User, config.Password), "/"+config.Database
	query.Set("host", config.Host)
	if config.TLSConfig == nil {
		query.Set("sslmode", "disable")
	}
	for name, value := range config.RuntimeParams {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// TestRuns: the first run is what the quickstart is on memory; the second one
// finds what is there, by its checkpoint.
func TestRuns(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		dir := t.TempDir()
		flags := []string{"-store", store, "-key", filepath.Join(dir, "key"), "-checkpoint", filepath.Join(dir, "engine"), "-out", filepath.Join(dir, "out")}
		first := run(t, dir, flags...)
		require.Zero(t, first.code, first.stderr)
		require.Equal(t, "DIR/key: a new secret, without which this audience cannot be opened once an address is suppressed: keep it\n", first.stderr)
		require.Equal(t, golden(t, "report.txt"), first.stdout)

		second := run(t, dir, flags...)
		require.Zero(t, second.code, second.stderr)
		require.Empty(t, second.stderr, "the checkpoint fits")
		imported, rest := parts(t, second.stdout)
		require.Contains(t, imported, "shop.csv        84 rows of contacts  imported before")
		require.Contains(t, imported, "newsletter.csv  45 rows of contacts  imported before")
		require.Contains(t, imported, "events.csv      3796 rows of events  0 new  0 updated  3796 known already  0 bad")
		_, want := parts(t, first.stdout)
		require.Equal(t, want, rest)

		look := run(t, dir, "-store", store, "-key", filepath.Join(dir, "key"), "-import=false", "-json", "-now", "2026-03-01T12:00:00Z")
		require.Zero(t, look.code, look.stderr)
		require.Equal(t, golden(t, "members.ndjson"), look.stdout)

		// Another audience, and other tables, are strangers.
		for _, other := range []string{"-audience=other", "-prefix=other_"} {
			nobody := run(t, dir, "-store", store, "-key", filepath.Join(dir, "key"), "-import=false", "-json", other)
			require.Equal(t, 1, nobody.code)
			require.Contains(t, nobody.stderr, "none is there")
		}
		// Without its key the audience, which holds suppressions, stays closed.
		stranger := run(t, dir, "-store", store, "-key", filepath.Join(dir, "key2"), "-import=false", "-json", "-now", "2026-03-01T12:00:00Z")
		require.Equal(t, 1, stranger.code)
		require.Contains(t, stranger.stderr, "denied")
		require.Contains(t, stranger.stderr, "-key: DIR/key2 is not the secret that this audience was made with")
		require.NoFileExists(t, filepath.Join(dir, "key2"), "it is nobody's")
	})
}

// parts gives what a report says of the import, and of the audience.
func parts(t *testing.T, report string) (imported, rest string) {
	t.Helper()
	imported, rest, found := strings.Cut(report, "\nAudience of")
	require.True(t, found)
	return imported, rest
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"help", []string{"-h"}, 0, "-checkpoint"},
		{"no store", nil, 2, "-store is missing"},
		{"unknown store", []string{"-store", "oracle://ann:secret@h/x"}, 2, "sqlite:FILE, postgres://... or mysql://... is expected"},
		{"no such folder", []string{"-store", "sqlite:" + dir + "/no/x.db"}, 1, "quickstart-sql: -store: "},
		{"nobody listens", []string{"-store", "postgres://ann:secret@127.0.0.1:1/shop?connect_timeout=5"}, 1, "quickstart-sql: -store: "},
		{"nobody listens to MySQL", []string{"-store", "mysql://ann:secret@127.0.0.1:1/shop?timeout=5s"}, 1, "quickstart-sql: -store: "},
		{"a folder for a key", []string{"-store", "sqlite:" + dir + "/x.db", "-key", dir}, 1, "-key: "},
		{"a prefix that is none", []string{"-store", "sqlite:" + dir + "/x.db", "-prefix", "X;"}, 1, "-store: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := run(t, dir, tt.args...)
			require.Equal(t, tt.code, got.code, got.stderr)
			require.Contains(t, got.stderr, tt.stderr)
			require.NotContains(t, got.stderr, "ann:secret")
			require.NotContains(t, strings.ReplaceAll(got.stderr, "of the secret", ""), "secret")
			require.Empty(t, got.stdout)
		})
	}
}
