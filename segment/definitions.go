package segment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// definitionsChanged is the namespace of the records that hold what was
// applied: a head, and every version in parts.
const definitionsChanged = "segments"

const definitionsHead = "head"

// Version is what the live segments of an audience were from one
// [Engine.Apply] on.
type Version struct {
	Number      uint64 // from 1
	At          time.Time
	Definitions []Definition // in order of their names

	// Schema is the audience's as it was: the definitions speak its names,
	// and mean what these stood for, whatever has been renamed since.
	Schema audience.Schema
}

// definitionsRecord is the head record.
type definitionsRecord struct {
	Version uint64 `json:"version"`
}

// storedVersion is a version as it is stored.
type storedVersion struct {
	At     time.Time          `json:"at"`
	Items  []storedDefinition `json:"segments"`
	Schema audience.Schema    `json:"schema"`
}

type storedDefinition struct {
	Name   string `json:"name"`
	Title  string `json:"title,omitempty"`
	Source string `json:"source"`
	File   string `json:"file,omitempty"`
}

func partKey(version uint64, part int) string { return fmt.Sprintf("%016x/%06d", version, part) }

// loadDefinitions reads the latest version; that of the number 0 when there is
// none.
func loadDefinitions(ctx context.Context, aud *store.Audience) (v Version, err error) {
	err = aud.View(ctx, func(r *store.Reader) error {
		head, _, err := definitionsAt(ctx, r)
		if err != nil || head == 0 {
			v.Schema = r.Schema()
			return err
		}
		v, err = readVersion(ctx, r, head)
		return err
	})
	return v, err
}

// compileVersion compiles what was applied, in the words of its time. Stable
// numbers make it mean today what it meant then.
func (e *Engine) compileVersion(v Version) (*Set, error) {
	return e.compileIn(v.Schema, e.aud.Zone(), v.Definitions)
}

// definitionsAt gives the number of the latest version and the version of the
// head record.
func definitionsAt(ctx context.Context, r *store.Reader) (number, record uint64, err error) {
	rec, err := r.LoadRecord(ctx, definitionsChanged, definitionsHead)
	if errors.Is(err, audience.ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	var head definitionsRecord
	if err := json.Unmarshal(rec.Value, &head); err != nil {
		return 0, 0, errStoredDefinitions()
	}
	return head.Version, rec.Version, nil
}

func errStoredDefinitions() error {
	return &audience.FieldError{Path: "segments", Rule: "format", Hint: "the stored segments cannot be read: apply them anew"}
}

func readVersion(ctx context.Context, r *store.Reader, number uint64) (Version, error) {
	prefix := fmt.Sprintf("%016x/", number)
	var text []byte
	for after := ""; ; {
		parts, err := r.Records(ctx, definitionsChanged, prefix, after, 100)
		if err != nil {
			return Version{}, err
		}
		if len(parts) == 0 {
			break
		}
		for _, p := range parts {
			text = append(text, p.Value...)
			after = p.Key
		}
	}
	if text == nil {
		return Version{}, &audience.NotFoundError{Kind: "version", Name: strconv.FormatUint(number, 10)}
	}
	var stored storedVersion
	if err := json.Unmarshal(text, &stored); err != nil {
		return Version{}, errStoredDefinitions()
	}
	v := Version{Number: number, At: stored.At, Schema: stored.Schema}
	for _, d := range stored.Items {
		v.Definitions = append(v.Definitions, Definition(d))
	}
	return v, nil
}

// saveDefinitions stores what a set was compiled from as a new version, with
// the schema whose names it uses, and announces it.
func saveDefinitions(ctx context.Context, aud *store.Audience, set *Set) (number uint64, err error) {
	_, err = aud.Update(ctx, func(tx *store.Tx) error {
		head, record, err := definitionsAt(ctx, &tx.Reader)
		if err != nil {
			return err
		}
		number = head + 1
		stored := storedVersion{At: tx.At(), Schema: set.language.schema}
		for _, d := range set.definitions {
			stored.Items = append(stored.Items, storedDefinition(d))
		}
		text, err := json.Marshal(stored)
		if err != nil {
			return err
		}
		limit := aud.Limits().RecordBytes
		for part := 0; len(text) > 0; part++ {
			n := min(len(text), limit)
			rec := store.Record{Namespace: definitionsChanged, Key: partKey(number, part), Value: text[:n]}
			if _, err := tx.SaveRecord(ctx, rec); err != nil {
				return err
			}
			text = text[n:]
		}
		text, err = json.Marshal(definitionsRecord{Version: number})
		if err != nil {
			return err
		}
		rec := store.Record{Namespace: definitionsChanged, Key: definitionsHead, Value: text, Version: record}
		if _, err := tx.SaveRecord(ctx, rec); err != nil {
			return err
		}
		return tx.Announce(ctx, definitionsChanged)
	})
	return number, err
}

// Version reads one version of what was applied, by its number;
// [audience.ErrNotFound] when there was none.
func (e *Engine) Version(ctx context.Context, number uint64) (Version, error) {
	if err := e.opened(); err != nil {
		return Version{}, err
	}
	var v Version
	err := e.aud.View(ctx, func(r *store.Reader) (err error) {
		v, err = readVersion(ctx, r, number)
		return err
	})
	return v, err
}

// LatestVersion gives the number of the version that is live in this engine, 0
// before the first [Engine.Apply].
func (e *Engine) LatestVersion() uint64 {
	if e.opened() != nil {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.version
}

// Definitions gives the live segments as they were applied, in order of their
// names.
func (e *Engine) Definitions() []Definition {
	if e.opened() != nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Definition(nil), e.set.definitions...)
}
