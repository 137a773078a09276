package compliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// namespaceSent is that of records of what was sent to a contact, or is about
// to be.
const namespaceSent = "compliance/sent"

// mostSent bounds the log of one contact: only the latest are kept, which are
// more than any sensible cap allows.
const mostSent = 200

// sentMessage is a message that went out, or that somebody holds a permit
// for.
type sentMessage struct {
	Permit  string    `json:"p"`
	Purpose string    `json:"u"`
	At      time.Time `json:"t"`
	// Held is until when a permit counts that is not committed; zero: it is.
	Held time.Time `json:"h,omitzero"`
}

// sentLog is in order of time.
type sentLog []sentMessage

// last gives when the last one was, zero when there is none.
func (s sentLog) last() time.Time {
	if len(s) == 0 {
		return time.Time{}
	}
	return s[len(s)-1].At
}

// without leaves out what a permit stands for.
func (s sentLog) without(permit string) sentLog {
	if permit == "" {
		return s
	}
	return slices.DeleteFunc(slices.Clone(s), func(m sentMessage) bool { return m.Permit == permit })
}

// counting leaves out permits that nobody committed or released in time.
func (s sentLog) counting(at time.Time) sentLog {
	return slices.DeleteFunc(s, func(m sentMessage) bool { return !m.Held.IsZero() && !m.Held.After(at) })
}

// sentKey names the log of a contact: keys have the order of ids.
func sentKey(id audience.ContactID) string { return fmt.Sprintf("%010d", uint32(id)) }

// loadSent reads the logs of contacts, with what counts at an instant. Ids are
// ascending. It reads on from each id that is wanted, so that it takes one
// page for many contacts who are near each other.
func loadSent(ctx context.Context, r *store.Reader, ids []audience.ContactID, at time.Time) (map[audience.ContactID]sentLog, error) {
	out := make(map[audience.ContactID]sentLog)
	for i := 0; i < len(ids); {
		page, err := r.Records(ctx, namespaceSent, "", sentKey(ids[i]-1), batch)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		for _, rec := range page {
			for i < len(ids) && sentKey(ids[i]) < rec.Key {
				i++
			}
			if i == len(ids) {
				break
			}
			if sentKey(ids[i]) != rec.Key {
				continue
			}
			log, err := parseSent(ids[i], rec.Value)
			if err != nil {
				return nil, err
			}
			out[ids[i]] = log.counting(at)
		}
		if i < len(ids) && sentKey(ids[i]) <= page[len(page)-1].Key {
			i++
		}
		if len(page) < batch {
			break
		}
	}
	return out, nil
}

func parseSent(id audience.ContactID, b []byte) (sentLog, error) {
	var log sentLog
	if err := json.Unmarshal(b, &log); err != nil {
		return nil, &audience.ConflictError{Kind: "sent", Contact: id, Hint: "the record of what was sent cannot be read"}
	}
	return log, nil
}

func loadSentRecord(ctx context.Context, r *store.Reader, id audience.ContactID) (sentLog, uint64, error) {
	rec, err := r.LoadRecord(ctx, namespaceSent, sentKey(id))
	if errors.Is(err, audience.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	log, err := parseSent(id, rec.Value)
	return log, rec.Version, err
}

// saveSent writes the log of a contact, which is hers and goes with her.
func (g *Gate) saveSent(ctx context.Context, tx *store.Tx, id audience.ContactID, log sentLog, version uint64) error {
	if len(log) > mostSent {
		log = log[len(log)-mostSent:]
	}
	b, err := json.Marshal(log)
	if err != nil {
		return err
	}
	_, err = tx.SaveRecord(ctx, store.Record{
		Namespace: namespaceSent, Key: sentKey(id), Value: b, Version: version, Contact: id,
	})
	return err
}
