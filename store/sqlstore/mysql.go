package sqlstore

import "strings"

// mysql is the dialect of MySQL and MariaDB.
func mysql() *dialect {
	return &dialect{
		kind:           MySQL,
		mostParameters: 65_535,
		lock:           " FOR UPDATE",
		keyBytes:       longestKey,
		// Setting a key to itself touches no row; IGNORE would hide other
		// mistakes than that the row exists.
		doNothing: func(keys []string) string { return " ON DUPLICATE KEY UPDATE " + keys[0] + " = " + keys[0] },
		upsert: func(_, columns []string) string {
			sets := make([]string, len(columns))
			for i, c := range columns {
				sets[i] = c + " = VALUES(" + c + ")"
			}
			return " ON DUPLICATE KEY UPDATE " + strings.Join(sets, ", ")
		},
	}
}
