package sqlstore

// sqlite is the dialect of SQLite.
func sqlite() *dialect {
	return &dialect{
		kind:           SQLite,
		mostParameters: 32_766,
		oneWriter:      true,
		doNothing:      onConflictDoNothing,
		upsert:         onConflictUpdate,
	}
}
