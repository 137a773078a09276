package sqlstore

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Listener is a capability of [Options.Driver]: listen to what other processes
// tell, which database/sql cannot. It is for PostgreSQL: with it followers of
// the feed are woken by commits of other processes too.
type Listener interface {
	// Listen listens on a channel (LISTEN), on a connection of the host's
	// database that it keeps for itself. It calls notify with "" as soon as it
	// listens, and then with the payload of each notification, until ctx ends
	// or the connection breaks, and gives the error.
	Listen(ctx context.Context, db *sql.DB, channel string, notify func(payload string)) error
}

// listening is the one connection on which a store listens, while anybody
// waits.
type listening struct {
	mu      sync.Mutex
	waiting int
	stop    context.CancelFunc
}

// join sees to it that the store listens until leave.
func (l *listening) join(s *Store) (leave func()) {
	listener, ok := s.listener()
	if !ok {
		return func() {}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting++
	if l.waiting == 1 {
		ctx, stop := context.WithCancel(context.Background())
		l.stop = stop
		go s.listen(ctx, listener)
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.waiting--
		if l.waiting == 0 {
			l.stop()
		}
	}
}

func (s *Store) listener() (Listener, bool) {
	l, ok := s.driver.(Listener)
	return l, ok && s.dialect.kind == Postgres
}

// channel is where commits are told.
func (s *Store) channel() string { return s.prefix + "feed" }

// listenAgain is how long to wait after the connection broke.
const listenAgain = time.Second

// listen listens until the context ends.
func (s *Store) listen(ctx context.Context, l Listener) {
	for {
		err := l.Listen(ctx, s.db, s.channel(), s.heard)
		if ctx.Err() != nil {
			return
		}
		s.logger.LogAttrs(ctx, slog.LevelWarn, "sqlstore: no longer told of commits of other processes; tries again", slog.Any("error", err))
		if pause(ctx, listenAgain) != nil {
			return
		}
	}
}

// heard wakes those whom a notification is about. Anybody may send any.
func (s *Store) heard(payload string) {
	if payload == "" { // something may have been missed
		s.wakeAll()
		return
	}
	if id, err := strconv.ParseInt(payload, 10, 64); err == nil {
		s.wakeOne(id)
	}
}

const (
	// announceEvery is how often other processes are told at most.
	announceEvery = 5 * time.Millisecond
	// announceWithin is how long telling may take.
	announceWithin = 5 * time.Second
)

// announcing tells other processes of commits: after these and by itself,
// since a transaction that notifies takes a lock which all commits of the
// database then wait for.
type announcing struct {
	mu      sync.Mutex
	changed map[int64]bool // audiences
	running bool
}

// announce has other processes told that an audience changed.
func (a *announcing) announce(s *Store, id int64) {
	if _, ok := s.listener(); !ok { // then theirs has none either
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.changed == nil {
		a.changed = make(map[int64]bool)
	}
	a.changed[id] = true
	if !a.running {
		a.running = true
		go a.run(s)
	}
}

// run tells until there is nothing to tell.
func (a *announcing) run(s *Store) {
	ctx := context.Background()
	for {
		ids := a.take()
		if len(ids) == 0 {
			return
		}
		if err := s.tellOf(ctx, ids); err != nil && !s.isClosed() {
			s.logger.LogAttrs(ctx, slog.LevelWarn, "sqlstore: other processes could not be told of commits and find them when they look", slog.Any("error", err))
		}
		_ = pause(ctx, announceEvery)
	}
}

func (a *announcing) take() numberList {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make(numberList, 0, len(a.changed))
	for id := range a.changed {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	clear(a.changed)
	a.running = len(ids) > 0
	return ids
}

func (s *Store) tellOf(ctx context.Context, ids numberList) error {
	ctx, cancel := context.WithTimeout(ctx, announceWithin)
	defer cancel()
	text, args := s.prepare(s.sql.feed.tell, []any{s.channel(), ids})
	_, err := s.db.ExecContext(ctx, text, args...)
	return s.failed(ctx, s.sql.feed.tell.name, err, false)
}
