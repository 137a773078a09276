package segment

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
	"github.com/audiencekit/audiencekit/store"
)

// checkpointPurpose is what keys for checkpoints are derived for.
const checkpointPurpose = "audience/segment/checkpoint/v1"

// checkpointHead says what a checkpoint is of, and by what its members were
// decided.
type checkpointHead struct {
	Audience    string          `json:"audience"`
	Position    store.Position  `json:"position"`
	At          int64           `json:"at"` // microseconds
	Version     uint64          `json:"version"`
	Definitions string          `json:"definitions"` // a fingerprint, as are the next but one
	Schema      audience.Schema `json:"schema"`
	Zone        string          `json:"zone"`
	Rules       string          `json:"rules"` // of the zone
	Functions   string          `json:"functions"`
	Index       RefKinds        `json:"index"`
}

func (h *checkpointHead) encode(e *checkpoint.Encoder) {
	text, _ := json.Marshal(h) // of plain values, which never fails
	e.Text(string(text))
}

func decodeHead(d *checkpoint.Decoder) (h checkpointHead) {
	const most = 1 << 26
	if text := d.Text(most); d.OK() && json.Unmarshal([]byte(text), &h) != nil {
		d.Fail("no head")
	}
	return h
}

// fingerprint is a hash of texts and numbers, each with its length.
type fingerprint struct{ hash.Hash }

func newFingerprint() fingerprint { return fingerprint{sha256.New()} }

func (f fingerprint) text(s string) {
	f.number(int64(len(s)))
	f.Write([]byte(s))
}

func (f fingerprint) number(n int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	f.Write(b[:])
}

func (f fingerprint) String() string { return hex.EncodeToString(f.Sum(nil)) }

func fingerprintDefinitions(defs []Definition) string {
	f := newFingerprint()
	for _, d := range defs {
		f.text(d.Name)
		f.text(d.Source)
	}
	return f.String()
}

// fingerprintFunctions tells what functions there are. What they do nobody can
// tell: see [LoadEngine].
func fingerprintFunctions(functions []Function) string {
	sorted := slices.SortedFunc(slices.Values(functions), func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	f := newFingerprint()
	for _, fn := range sorted {
		f.text(fn.Name)
		for _, t := range append(slices.Clone(fn.Args), fn.Result) {
			f.text(t.String())
		}
	}
	return f.String()
}

// fingerprintZone tells the rules of a zone: all changes of its offset up to
// the year 2400, behind which each zone has followed one rule for centuries.
// Another version of the time zone database gives another one when it changes
// a rule.
func fingerprintZone(zone *time.Location) string {
	end := time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC)
	f := newFingerprint()
	t := audience.MinInstant().In(zone)
	for before := math.MaxInt; ; {
		if _, offset := t.Zone(); offset != before {
			before = offset
			f.number(t.Unix())
			f.number(int64(offset))
		}
		_, next := t.ZoneBounds()
		if next.IsZero() || next.After(end) {
			return f.String()
		}
		if !next.After(t) { // on the last day of some leap years the zone's bounds are wrong
			next = t.AddDate(0, 0, 1)
		}
		t = next
	}
}
