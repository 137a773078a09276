//go:build !linux

package dbtest_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// busy is the time of day, where nobody says how long processors worked.
type busy struct{ time.Time }

func (now busy) since(before busy) time.Duration { return now.Sub(before.Time) }

func cpuTime(*testing.B, dbtest.Engine, *sql.DB) busy { return busy{time.Now()} }
