//go:build mattn

package dbtest

import (
	"context"
	"net/url"

	_ "github.com/mattn/go-sqlite3" // registers the driver "sqlite3"; without cgo one that says what is missing
)

// sqlite3 is the driver that registers "sqlite3".
func sqlite3(ctx context.Context, _ url.Values) Database {
	return sqlite(ctx, "sqlite-mattn", "sqlite3", url.Values{
		"_txlock":       {"immediate"},
		"_busy_timeout": {"30000"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"NORMAL"},
	})
}
