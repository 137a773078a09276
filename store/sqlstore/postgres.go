package sqlstore

import "strings"

// postgres is the dialect of PostgreSQL.
func postgres() *dialect {
	return &dialect{
		kind:           Postgres,
		arrays:         true,
		mostParameters: 65_535,
		keyBytes:       2_000, // an entry of an index has 2,700 bytes for all of its columns
		lock:           " FOR UPDATE",
		doNothing:      onConflictDoNothing,
		upsert:         onConflictUpdate,
	}
}

func onConflictDoNothing(keys []string) string {
	return " ON CONFLICT (" + strings.Join(keys, ", ") + ") DO NOTHING"
}

func onConflictUpdate(keys, columns []string) string {
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = c + " = excluded." + c
	}
	return " ON CONFLICT (" + strings.Join(keys, ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
}
