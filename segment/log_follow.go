package segment

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// FollowOptions are the options of following the transitions. The zero value
// is safe.
type FollowOptions struct {
	// FromStart has a follower that is new begin with the oldest transition
	// that is kept; else it begins with the next one. A follower that is known
	// goes on where it was.
	FromStart bool
	// Batch is how many transitions a call gets at most; default 1,000, and
	// not more.
	Batch int
	// Poll is how long to wait before looking for transitions that another
	// process wrote; default 1 s. Those of this process come at once.
	Poll time.Duration
}

func (o FollowOptions) withDefaults() FollowOptions {
	if o.Batch <= 0 || o.Batch > batchMoves {
		o.Batch = batchMoves
	}
	if o.Poll <= 0 {
		o.Poll = defaultPoll
	}
	return o
}

// followerPlace is how far a follower has come.
type followerPlace struct {
	Format int    `json:"v"`
	Number uint64 `json:"number"` // everything up to it was delivered
}

// follow calls fn with the transitions in order of their numbers, batch by
// batch, until ctx is done, and gives why it ended. Each batch comes at least
// once: the place is kept in the store, under the follower's name, when fn
// has returned nil, and a follow that was broken off in between begins with
// the same transition again. How the transitions fall into batches may differ
// then, so fn tells by their numbers what it knows already.
//
// An error of fn ends this follow and is given back as it is; nobody else
// notices. Following again continues with what fn did not take, so when and
// how often to try again is the host's to decide. A slow fn holds up nothing
// but itself.
//
// A name is followed by one at a time: of two, one ends with
// [audience.ErrConflict], and what it was given meanwhile the other got too.
// When transitions that were not delivered yet have been trimmed, it is a
// [*TrimmedError]; see unfollow. Of contacts who were erased before their
// delivery nothing comes but what they left by that.
func (l *transitionLog) follow(ctx context.Context, name string, opts FollowOptions, fn func(context.Context, []Transition) error) error {
	opts = opts.withDefaults()
	if err := audience.CheckName("follower", name, l.aud.Limits()); err != nil {
		return err
	}
	place, version, err := l.openPlace(ctx, name, opts.FromStart)
	if err != nil {
		return err
	}
	for {
		wake := l.awaken()
		var moves []Transition
		through := place.Number
		if err := l.aud.View(ctx, func(r *store.Reader) error {
			h, _, err := loadHead(ctx, r)
			if err != nil {
				return err
			}
			moves, through, err = readAfter(ctx, r, &h, place.Number, opts.Batch)
			return err
		}); err != nil {
			return err
		}
		if through == place.Number {
			if err := pause(ctx, wake, opts.Poll); err != nil {
				return err
			}
			continue
		}
		if len(moves) > 0 {
			if err := fn(ctx, moves); err != nil {
				return err
			}
		}
		place.Number = through
		// What fn has done is kept even if the host stops meanwhile.
		if version, err = l.savePlace(context.WithoutCancel(ctx), name, place, version); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// pause waits until it is woken or the time is over.
func pause(ctx context.Context, wake <-chan struct{}, poll time.Duration) error {
	timer := time.NewTimer(poll)
	defer timer.Stop()
	select {
	case <-wake:
		return nil
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// openPlace gives the place of a follower. A new one is written down at once,
// so that what is appended from now on is not missed if fn fails.
func (l *transitionLog) openPlace(ctx context.Context, name string, fromStart bool) (place followerPlace, version uint64, err error) {
	_, err = l.aud.Update(ctx, func(tx *store.Tx) error {
		rec, err := tx.LoadRecord(ctx, spaceFollowers, name)
		if err == nil {
			version = rec.Version
			return decodeState(rec.Value, "follower", &place)
		}
		if !errors.Is(err, audience.ErrNotFound) {
			return err
		}
		h, _, err := loadHead(ctx, &tx.Reader)
		if err != nil {
			return err
		}
		place = followerPlace{Format: headFormat, Number: h.Number}
		if fromStart {
			place.Number = h.FirstNumber - 1
		}
		version, err = writePlace(ctx, tx, name, place, 0)
		return err
	})
	return place, version, err
}

func (l *transitionLog) savePlace(ctx context.Context, name string, place followerPlace, version uint64) (next uint64, err error) {
	_, err = l.aud.Update(ctx, func(tx *store.Tx) error {
		next, err = writePlace(ctx, tx, name, place, version)
		return err
	})
	return next, err
}

func writePlace(ctx context.Context, tx *store.Tx, name string, place followerPlace, version uint64) (uint64, error) {
	value, err := json.Marshal(place)
	if err != nil {
		return 0, err
	}
	return tx.SaveRecord(ctx, store.Record{Namespace: spaceFollowers, Key: name, Value: value, Version: version})
}

// unfollow forgets the place of a follower: followed again, it is new. A
// follow that runs ends with [audience.ErrConflict] at its next batch. A name
// that nobody followed is [audience.ErrNotFound].
func (l *transitionLog) unfollow(ctx context.Context, name string) error {
	_, err := l.aud.Update(ctx, func(tx *store.Tx) error {
		rec, err := tx.LoadRecord(ctx, spaceFollowers, name)
		if err != nil {
			return err
		}
		return tx.DeleteRecord(ctx, spaceFollowers, name, rec.Version)
	})
	return err
}

// followers gives how far every follower has come: the number up to which
// everything was delivered, by name. What lies before the least of them can
// be trimmed without anybody missing it.
func (l *transitionLog) followers(ctx context.Context) (map[string]uint64, error) {
	out := make(map[string]uint64)
	err := l.aud.View(ctx, func(r *store.Reader) error {
		for after := ""; ; {
			const limit = 1_000
			found, err := r.Records(ctx, spaceFollowers, "", after, limit)
			if err != nil {
				return err
			}
			for _, rec := range found {
				var place followerPlace
				if err := decodeState(rec.Value, "follower", &place); err != nil {
					return err
				}
				out[rec.Key] = place.Number
				after = rec.Key
			}
			if len(found) < limit {
				return nil
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
