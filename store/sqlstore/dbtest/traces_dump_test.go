package dbtest

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// dumpTables gives every column of every row of the store's tables, as bytes.
func dumpTables(t *testing.T, db *sql.DB, e Engine) map[string][]byte {
	t.Helper()
	list := map[Engine]string{
		Postgres: `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1`,
		MySQL:    `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1`,
		SQLite:   `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1`,
	}[e]
	out := make(map[string][]byte)
	for _, name := range column(t, db, list) {
		out["table "+name] = dumpTable(t, db, name)
	}
	require.Greater(t, len(out), 10)
	return out
}

func dumpTable(t *testing.T, db *sql.DB, name string) (dump []byte) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+name)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		require.NoError(t, rows.Scan(values...))
		for i := range values {
			switch v := (*values[i].(*any)).(type) {
			case []byte:
				dump = append(dump, v...)
			default:
				dump = fmt.Appendf(dump, "%v", v)
			}
			dump = append(dump, 0, '\n')
		}
	}
	require.NoError(t, rows.Err())
	return dump
}

func column(t *testing.T, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		out = append(out, name)
	}
	require.NoError(t, rows.Err())
	return out
}

// dumpFiles gives every file in the folder of an SQLite database: the main
// file, the log and whatever else there is.
func dumpFiles(t *testing.T, file string) map[string][]byte {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
	require.NoError(t, err)
	out := make(map[string][]byte)
	for _, name := range all {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		out["file "+filepath.Base(name)] = b
	}
	require.NotEmpty(t, out)
	return out
}

// dumpMemory gives every text and every bytes that can be reached from a value
// in memory, whoever keeps them.
func dumpMemory(v any) []byte {
	m := memory{seen: make(map[seenValue]bool)}
	m.walk(reflect.ValueOf(v))
	return m.out
}

type seenValue struct {
	at  uintptr
	typ reflect.Type
	n   int
}

type memory struct {
	seen map[seenValue]bool
	out  []byte
}

func (m *memory) first(v reflect.Value, n int) bool {
	key := seenValue{v.Pointer(), v.Type(), n}
	known := m.seen[key]
	m.seen[key] = true
	return !known
}

func (m *memory) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		m.out = append(append(m.out, v.String()...), 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		m.out = fmt.Appendf(m.out, "%d\x00", v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		m.out = fmt.Appendf(m.out, "%d\x00", v.Uint())
	case reflect.Float32, reflect.Float64:
		m.out = fmt.Appendf(m.out, "%v\x00", v.Float())
	case reflect.Pointer:
		if !v.IsNil() && m.first(v, 0) {
			m.walk(v.Elem())
		}
	case reflect.Interface:
		if !v.IsNil() {
			m.walk(v.Elem())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			m.out = append(append(m.out, v.Slice(0, v.Len()).Bytes()...), 0)
		} else if m.first(v, v.Len()) {
			m.items(v)
		}
	case reflect.Array:
		m.items(v)
	case reflect.Map:
		if v.IsNil() || !m.first(v, 0) {
			return
		}
		for it := v.MapRange(); it.Next(); {
			m.walk(it.Key())
			m.walk(it.Value())
		}
	case reflect.Struct:
		m.fields(v)
	default: // holds no text
	}
}

func (m *memory) items(v reflect.Value) {
	for i := range v.Len() {
		m.walk(v.Index(i))
	}
}

func (m *memory) fields(v reflect.Value) {
	if t := v.Type(); t.PkgPath() == "sync/atomic" && strings.HasPrefix(t.Name(), "Pointer[") {
		if p := v.FieldByName("v").UnsafePointer(); p != nil {
			m.walk(reflect.NewAt(t.Field(0).Type.Elem().Elem(), p))
		}
		return
	}
	for _, field := range v.Fields() {
		m.walk(field)
	}
}
