//go:build !mattn

package dbtest

import (
	"context"
	"net/url"

	_ "github.com/ncruces/go-sqlite3/driver" // registers the driver "sqlite3"
)

// sqlite3 is the driver that registers "sqlite3".
func sqlite3(ctx context.Context, pragmas url.Values) Database {
	return sqlite(ctx, "sqlite-ncruces", "sqlite3", pragmas)
}
