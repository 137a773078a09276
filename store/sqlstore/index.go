package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

// IndexFields makes an index for every custom field of the audience but those
// of lists, for [store.PredicateReader] to find contacts by; those that are
// there stay. Indexes cost time with every contact that is written, so nothing
// makes them by itself. A field of the same number in another audience of the
// same store is in the same index.
//
// It takes long where there are many contacts. PostgreSQL goes on reading and
// writing meanwhile, SQLite goes on reading. MySQL and MariaDB, where an index
// takes a generated column, may stop writers; their tables have 64 indexes at
// most, beyond which it is audience.ErrLimit. There, other processes use an
// index from their next start on.
func IndexFields(ctx context.Context, aud *store.Audience) error {
	p, ok := store.As[*partition](aud)
	if !ok {
		return fmt.Errorf(adapterName+": %w: an audience of another adapter", audience.ErrUnsupported)
	}
	if err := p.enter(ctx); err != nil {
		return err
	}
	schema := aud.Schema()
	for i := range schema.Fields {
		if err := p.store.indexField(ctx, &schema.Fields[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) indexField(ctx context.Context, f *audience.Field) error {
	if f.Type == audience.TypeStringList {
		return nil
	}
	key := rowcodec.SearchKey(f.Type, f.ID)
	switch s.dialect.kind {
	case Postgres:
		return s.indexConcurrently(ctx, key, f.Type)
	case MySQL:
		return s.indexColumn(ctx, key, f.Type)
	default:
		release, err := s.take(ctx)
		if err != nil {
			return err
		}
		defer release()
		return s.define(ctx, "CREATE INDEX IF NOT EXISTS {contacts}_"+generatedColumn(key)+" ON {contacts} (audience, "+s.dialect.attribute("", key, f.Type)+", id)")
	}
}

// define runs a statement outside of transactions.
func (s *Store) define(ctx context.Context, text string) error {
	_, err := s.db.ExecContext(ctx, s.dialect.build(s.prefix, text, nil))
	return s.failed(ctx, "index fields", err, false)
}

// number asks for a number outside of transactions; 0 when there is none.
func (s *Store) number(ctx context.Context, text string, args ...any) (int64, error) {
	var n sql.NullInt64
	err := s.db.QueryRowContext(ctx, s.dialect.build(s.prefix, text, nil), args...).Scan(&n)
	return n.Int64, s.failed(ctx, "index fields", err, false)
}

// indexConcurrently makes an index without stopping anybody. One that was
// broken off half-way is left behind by PostgreSQL, is used by nobody, and
// counts as being there: it has to go first.
func (s *Store) indexConcurrently(ctx context.Context, key string, t audience.Type) error {
	name := "{contacts}_" + generatedColumn(key)
	broken, err := s.number(ctx, "SELECT COUNT(*) FROM pg_index WHERE indexrelid = to_regclass(?) AND NOT indisvalid", s.prefix+"contacts_"+generatedColumn(key))
	if err != nil {
		return err
	}
	if broken > 0 {
		if err := s.define(ctx, "DROP INDEX CONCURRENTLY IF EXISTS "+name); err != nil {
			return err
		}
	}
	return s.define(ctx, "CREATE INDEX CONCURRENTLY IF NOT EXISTS "+name+" ON {contacts} (audience, "+s.dialect.attribute("", key, t)+", id)")
}

// indexColumn makes a generated column and an index on it.
func (s *Store) indexColumn(ctx context.Context, key string, t audience.Type) error {
	const most = 64
	column := generatedColumn(key)
	table := s.prefix + "contacts"
	there, err := s.number(ctx, "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?", table, column)
	if err != nil {
		return err
	}
	if there == 0 {
		indexes, err := s.number(ctx, "SELECT COUNT(DISTINCT index_name) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ?", table)
		if err != nil {
			return err
		}
		if indexes >= most {
			return wrap(&audience.FieldError{Path: "fields", Rule: "max-items", Hint: "at most 63 fields with an index in this database", Limit: true})
		}
		kind := "bigint"
		if t == audience.TypeString {
			kind = fmt.Sprintf("varbinary(%d)", rowcodec.SearchTextBytes)
		}
		if err := s.define(ctx, "ALTER TABLE {contacts} ADD COLUMN "+column+" "+kind+" AS ("+s.dialect.attribute("", key, t)+
			") VIRTUAL, ADD INDEX "+column+" (audience, "+column+", id)"); err != nil {
			return err
		}
	}
	s.generated.names.Store(nil) // to be looked up again
	return nil
}

// generatedColumns are the columns that MySQL and MariaDB make of values of the
// search copy, by name: an index is on the column, and a query has to name it.
type generatedColumns struct {
	names atomic.Pointer[map[string]bool]
}

// generatedColumn names the column for a key of the search copy.
func generatedColumn(key string) string { return "search_" + key }

// generatedColumns gives the generated columns that there are.
func (r *reader) generatedColumns(ctx context.Context) (map[string]bool, error) {
	s := r.p.store
	if s.dialect.kind != MySQL {
		return nil, nil
	}
	if known := s.generated.names.Load(); known != nil {
		return *known, nil
	}
	names := map[string]bool{}
	const text = "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?"
	err := r.ask(ctx, "generated columns", text, []any{s.prefix + "contacts"}, func(row *sql.Rows) error {
		var name string
		err := row.Scan(&name)
		if strings.HasPrefix(name, generatedColumn("")) {
			names[name] = true
		}
		return err
	})
	if err == nil {
		s.generated.names.Store(&names)
	}
	return names, err
}
