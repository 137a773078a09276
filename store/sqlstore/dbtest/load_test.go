package dbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const (
	loadAudience  = "load"
	loadNamespace = "load" // of the records in which writers count
	loadEvent     = "step"
	loadPeople    = 24 // who are merged and unmerged, never deleted
	loadClaims    = 40 // external ids that writers fight for
)

// errGivenUp is a step that rolled itself back.
var errGivenUp = errors.New("given up")

// errTwice is a step that finds itself committed.
var errTwice = errors.New("a step is committed twice")

// openLoad opens the audience that the load is put on.
func openLoad(ctx context.Context, a store.Adapter) (*store.Audience, error) {
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, a, loadAudience, store.Options{Keys: keys, Schema: audience.Schema{
		Fields: []audience.Field{{Name: "last", Type: audience.TypeString}, {Name: "points", Type: audience.TypeInt}},
		Events: []audience.EventType{{Name: loadEvent, Props: []audience.Prop{
			{Name: "what", Type: audience.TypeString}, {Name: "pad", Type: audience.TypeString},
		}}},
		Lists: []audience.List{{Name: "gold", Kind: audience.ListStatic}},
	}})
}

// addPeople makes the people of the load.
func addPeople(t testing.TB, aud *store.Audience) (ids []audience.ContactID) {
	t.Helper()
	for n := range loadPeople {
		res, err := aud.Put(t.Context(), newcomer(fmt.Sprintf("p%d", n)))
		require.NoError(t, err)
		ids = append(ids, res.ID)
	}
	return ids
}

// newcomer is a write of somebody who is found by address and by key.
func newcomer(key string) audience.ContactWrite {
	return audience.ContactWrite{
		Email:    audience.MustAddress(key + "@example.com"),
		External: []audience.ExternalID{audience.External(audience.HostSystem, key)},
	}
}

// writer makes transactions, one after the other. Each counts in a record
// of the writer's and writes an event of that number, beside something
// random: all of it has to be there afterwards, or nothing.
type writer struct {
	aud    *store.Audience
	number int // of the writer
	steps  int // so far
	r      *rand.Rand
	people []audience.ContactID
	victim string // somebody whom nobody else knows, "" for nobody
}

func newWriter(aud *store.Audience, number, steps int, seed uint64, people []audience.ContactID) *writer {
	return &writer{aud: aud, number: number, steps: steps, r: rand.New(rand.NewPCG(seed, uint64(number))), people: people}
}

func stepID(writer, step int) string { return fmt.Sprintf("%d-%d", writer, step) }

// parseStepID is the reverse of stepID.
func parseStepID(id string) (writer, step int, ok bool) {
	before, after, found := strings.Cut(id, "-")
	writer, err := strconv.Atoi(before)
	step, err2 := strconv.Atoi(after)
	return writer, step, found && err == nil && err2 == nil
}

func counterKey(writer int) string { return fmt.Sprintf("writer %d", writer) }

// step commits the next transaction. Its error is errGivenUp when it was
// refused and rolled back, as it may be.
func (w *writer) step(ctx context.Context) error {
	w.steps++
	id, work, stubborn := stepID(w.number, w.steps), w.choose(), w.r.IntN(2) == 0
	_, err := w.aud.Update(ctx, func(tx *store.Tx) error {
		if err := w.count(ctx, tx); err != nil {
			return err
		}
		what := work.what
		if err := work.do(ctx, tx, id); isRefusal(err) {
			if !stubborn {
				return fmt.Errorf("%w: %w", errGivenUp, err)
			}
			what = "refused" // what was refused left no trace
		} else if err != nil {
			return err
		}
		_, err := tx.Append(ctx, audience.EventWrite{
			Contact: work.about, ID: id, Type: loadEvent, Time: eventTime(w.steps),
			Props: map[string]audience.Value{"what": audience.StringValue(what)},
		})
		return err
	})
	if err == nil && work.then != nil {
		work.then()
	}
	return err
}

func eventTime(n int) time.Time {
	return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
}

// count notes the step in the writer's record.
func (w *writer) count(ctx context.Context, tx *store.Tx) error {
	rec, err := tx.LoadRecord(ctx, loadNamespace, counterKey(w.number))
	if err != nil && !errors.Is(err, audience.ErrNotFound) {
		return err
	}
	if last, _ := strconv.Atoi(string(rec.Value)); last >= w.steps {
		return errTwice
	}
	_, err = tx.SaveRecord(ctx, store.Record{
		Namespace: loadNamespace, Key: counterKey(w.number), Value: []byte(strconv.Itoa(w.steps)), Version: rec.Version,
	})
	return err
}

// isRefusal reports whether what another writer did made something impossible.
func isRefusal(err error) bool {
	if errors.Is(err, audience.ErrRetryable) {
		return false
	}
	return errors.Is(err, audience.ErrConflict) || errors.Is(err, audience.ErrNotFound) || errors.Is(err, audience.ErrDenied)
}
