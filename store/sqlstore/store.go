package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const adapterName = "sqlstore"

var _ store.Adapter = (*Store)(nil)

// Options of [Migrate] and [New]. The zero Options are fine.
type Options struct {
	// Prefix begins the names of all tables: lower-case letters, digits and
	// underscores, at most 16; "" is "ak_". Stores with different prefixes in
	// one database know nothing of each other.
	Prefix string
	// Logger gets what the adapter has to say; nil discards it.
	Logger *slog.Logger
	// Driver has what the host's driver can do beyond database/sql, such as
	// [Listener]: see package pgxcopy. nil: nothing.
	Driver any
}

// Store keeps audiences in a database. Make one with [New]. It is safe for
// concurrent use.
type Store struct {
	db      *sql.DB
	dialect *dialect
	prefix  string
	logger  *slog.Logger
	driver  any
	sql     *statements
	texts   sync.Map // built or insertKey to string
	closed  atomic.Bool
	// prepared are nil where the driver keeps statements itself.
	prepared *preparedStatements
	// generated are the columns that indexes on fields are on.
	generated generatedColumns
	// turn is the one writer's, where there is one at a time.
	turn chan struct{}
	// seats are those of transactions that may want something done on a second
	// connection; fewer than connections, so that there always is one. nil: as
	// many as come.
	seats chan struct{}

	listening  listening
	announcing announcing

	mu         sync.Mutex
	partitions map[string]*partition
}

// Name gives "sqlstore".
func (s *Store) Name() string { return adapterName }

// Close lets go of the store; the database stays the host's to close. Calls
// after it fail with audience.ErrClosed.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.prepared.close()
	s.wakeAll() // so that they find it closed
	return nil
}

func (s *Store) isClosed() bool { return s.closed.Load() }

// Partition opens the rows of one audience.
func (s *Store) Partition(ctx context.Context, name string) (store.Partition, error) {
	if s.isClosed() {
		return nil, wrap(audience.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return nil, wrap(err)
	}
	s.mu.Lock()
	p, ok := s.partitions[name]
	s.mu.Unlock()
	if ok {
		return p, nil
	}
	p, err := s.open(ctx, name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.partitions[name]; ok { // somebody was faster
		return known, nil
	}
	s.partitions[name] = p
	return p, nil
}

// open finds the rows of an audience, making them when there are none.
func (s *Store) open(ctx context.Context, name string) (*partition, error) {
	p := newPartition(s, name)
	return p, s.transaction(ctx, p, func(w *session) error {
		st := &s.sql.partitions
		if _, err := w.exec(ctx, st.add, name); err != nil {
			return err
		}
		if err := w.query(ctx, st.find, func(r *sql.Rows) error { return r.Scan(&p.id) }, name); err != nil {
			return err
		}
		var incarnation store.Incarnation
		if _, err := rand.Read(incarnation[:]); err != nil {
			return err
		}
		if _, err := w.exec(ctx, st.addHead, p.id, incarnation[:]); err != nil {
			return err
		}
		return w.query(ctx, st.incarnation, func(r *sql.Rows) error {
			var b []byte
			if err := r.Scan(&b); err != nil {
				return err
			}
			if len(b) != len(incarnation) {
				return fmt.Errorf("an incarnation of %d bytes", len(b))
			}
			copy(incarnation[:], b)
			p.incarnation.Store(&incarnation)
			return nil
		}, p.id)
	})
}

type partitionStatements struct {
	add, find, addHead, incarnation *statement
}

func newPartitionStatements(c *catalog) partitionStatements {
	return partitionStatements{
		add:         c.add(byAudience, "add audience", "INSERT INTO {audiences} (name) VALUES (?)"+c.dialect.doNothing([]string{"name"})),
		find:        c.add(byAudience, "find audience", "SELECT id FROM {audiences} WHERE name = ?"),
		addHead:     c.add(onEachShard, "add head", "INSERT INTO {heads} (audience, incarnation) VALUES (?, ?)"+c.dialect.doNothing([]string{"audience"})),
		incarnation: c.add(onEachShard, "incarnation", "SELECT incarnation FROM {heads} WHERE audience = ?"),
	}
}
