package segment

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
	"github.com/audiencekit/audiencekit/store"
)

// forge gives a checkpoint with another head, sealed as it has to be: what an
// older or newer process, or another host with the same keys, could write.
func forge(t *testing.T, aud *store.Audience, file []byte, change func(h *checkpointHead)) []byte {
	t.Helper()
	keyOf := func(id string) ([]byte, bool) { return aud.Keys().Derive(id, checkpointPurpose) }
	d, err := checkpoint.NewDecoder(bytes.NewReader(file), keyOf)
	require.NoError(t, err)
	head := decodeHead(d)
	change(&head)
	var e checkpoint.Encoder
	head.encode(&e)
	for b := make([]byte, 1); ; {
		if d.AtEnd() {
			break
		}
		_, err := io.ReadFull(d, b)
		require.NoError(t, err)
		_, _ = e.Write(b)
	}
	require.NoError(t, d.Close())
	var out bytes.Buffer
	key, _ := keyOf(aud.Keys().Primary())
	require.NoError(t, e.Seal(&out, aud.Keys().Primary(), key))
	return out.Bytes()
}

// TestCheckpointRefused has a checkpoint with one thing that does not fit
// refused for it, and another engine built.
func TestCheckpointRefused(t *testing.T) {
	f := newLogFixture(t, 50)
	e, err := OpenEngine(t.Context(), f.aud, EngineOptions{})
	require.NoError(t, err)
	_, err = e.Apply(t.Context(), Definition{Name: "even", Source: `contact.id % 2 == 0`}, Definition{Name: "all", Source: `true`})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, e.Checkpoint(t.Context(), &out))
	other := EngineOptions{Functions: []Function{{Name: "f", Result: audience.TypeInt}}}
	sameName := EngineOptions{Functions: []Function{{Name: "f", Result: audience.TypeInt, Args: []audience.Type{audience.TypeInt}}}}
	for _, o := range []*EngineOptions{&other, &sameName} {
		o.Functions[0].Call = func([]audience.Value) (audience.Value, error) { return audience.IntValue(1), nil }
	}
	tests := []struct {
		name   string
		change func(h *checkpointHead)
		opts   EngineOptions
		rule   string // empty: none
		is     error
	}{
		{name: "as it was", change: func(*checkpointHead) {}},
		{"another audience", func(h *checkpointHead) { h.Audience = "other" }, EngineOptions{}, "audience", audience.ErrConflict},
		{"another life", func(h *checkpointHead) { h.Position = store.NewPosition(store.Incarnation{1}, 3) }, EngineOptions{}, "incarnation", audience.ErrPositionGone},
		{"no position", func(h *checkpointHead) { h.Position = store.Position{} }, EngineOptions{}, "incarnation", audience.ErrPositionGone},
		{"ahead of the feed", func(h *checkpointHead) { h.Position = store.NewPosition(h.Position.Incarnation(), 1<<40) }, EngineOptions{}, "position", audience.ErrPositionGone},
		{"another zone", func(h *checkpointHead) { h.Zone = "Europe/Paris" }, EngineOptions{}, "zone", audience.ErrConflict},
		{"other rules of the zone", func(h *checkpointHead) { h.Rules = fingerprintZone(time.UTC) }, EngineOptions{}, "zone", audience.ErrConflict},
		{"a field less", func(h *checkpointHead) { h.Schema.Events = h.Schema.Events[1:] }, EngineOptions{}, "", nil},
		{"a property of another type", func(h *checkpointHead) { h.Schema.Events[0].Props[0].Type = audience.TypeStringList }, EngineOptions{}, "schema", audience.ErrConflict},
		{"a field that is no more", func(h *checkpointHead) {
			h.Schema.Fields = append(h.Schema.Fields, audience.Field{Name: "gone", Type: audience.TypeInt, ID: 9})
		}, EngineOptions{}, "schema", audience.ErrConflict},
		{"other segments of the same version", func(h *checkpointHead) { h.Definitions = fingerprintDefinitions(nil) }, EngineOptions{}, "definitions", audience.ErrConflict},
		{"a version that is not stored", func(h *checkpointHead) { h.Version = 7 }, EngineOptions{}, "definitions", audience.ErrConflict},
		{"no version", func(h *checkpointHead) { h.Version = 0 }, EngineOptions{}, "definitions", audience.ErrConflict},
		{"no segments", func(h *checkpointHead) { h.Version, h.Definitions = 0, fingerprintDefinitions(nil) }, EngineOptions{}, "members", audience.ErrInvalid},
		{"a function", func(*checkpointHead) {}, other, "functions", audience.ErrConflict},
		{"a function that takes something else", func(h *checkpointHead) { h.Functions = fingerprintFunctions(other.Functions) }, sameName, "functions", audience.ErrConflict},
		{"found by addresses", func(*checkpointHead) {}, EngineOptions{Index: RefAddresses}, "index", audience.ErrConflict},
		{"a clock before all clocks", func(h *checkpointHead) { h.At = earliestClock() - 1 }, EngineOptions{}, "damaged", audience.ErrInvalid},
		{"a clock after all clocks", func(h *checkpointHead) { h.At = latestClock() + 1 }, EngineOptions{}, "damaged", audience.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var reason error
			tt.opts.Rebuilt = func(err error) { reason = err }
			e, err := LoadEngine(t.Context(), f.aud, tt.opts, bytes.NewReader(forge(t, f.aud, out.Bytes(), tt.change)))
			require.NoError(t, err)
			if tt.rule == "" {
				require.NoError(t, reason)
			} else {
				var unused *CheckpointError
				require.ErrorAs(t, reason, &unused)
				require.Equal(t, tt.rule, unused.Rule, "%v", reason)
				require.ErrorIs(t, reason, tt.is)
			}
			require.Equal(t, 25, e.Snapshot().Len("even"))
			require.Equal(t, 50, e.Snapshot().Len("all"))
		})
	}
}

// TestCheckpointMembersExist wants a member who does not exist to be found.
func TestCheckpointMembersExist(t *testing.T) {
	f := newLogFixture(t, 5)
	e, err := OpenEngine(t.Context(), f.aud, EngineOptions{})
	require.NoError(t, err)
	_, err = e.Apply(t.Context(), Definition{Name: "all", Source: `true`})
	require.NoError(t, err)
	head, saved, queue := e.image()
	f.delete(f.ids[0])
	require.NoError(t, e.Sync(t.Context(), store.Position{}))
	now, _, _ := e.image()
	head.Position = now.Position
	var out checkpoint.Encoder
	head.encode(&out)
	e.refs.encode(&out)
	e.state.Load().core.Table().Encode(&out, func() {})
	saved.Encode(&out)
	queue.encode(&out)
	var file bytes.Buffer
	key, _ := f.aud.Keys().Derive("k", checkpointPurpose)
	require.NoError(t, out.Seal(&file, "k", key))
	var reason error
	e, err = LoadEngine(t.Context(), f.aud, EngineOptions{Rebuilt: func(err error) { reason = err }}, &file)
	require.NoError(t, err)
	var unused *CheckpointError
	require.ErrorAs(t, reason, &unused)
	require.Equal(t, "members", unused.Rule)
	require.Equal(t, 4, e.Snapshot().Len("all"))
}

// TestFingerprintZone: a zone of the same name with other rules is another one.
func TestFingerprintZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	again, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	require.Equal(t, fingerprintZone(berlin), fingerprintZone(again))
	seen := map[string]string{}
	for _, name := range []string{"UTC", "Europe/Berlin", "Europe/London", "America/New_York", "Asia/Kolkata", "Africa/Casablanca", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		f := fingerprintZone(zone)
		require.Empty(t, seen[f], name)
		seen[f] = name
	}
	require.Equal(t, fingerprintZone(time.FixedZone("a", 3600)), fingerprintZone(time.FixedZone("b", 3600)))
	require.NotEqual(t, fingerprintZone(time.FixedZone("a", 3600)), fingerprintZone(time.FixedZone("a", 3601)))
}

// TestTicksRoundTrip writes a queue with all that ticks can have.
func TestTicksRoundTrip(t *testing.T) {
	one, two := store.NewPosition(store.Incarnation{1}, 1), store.NewPosition(store.Incarnation{1}, 2)
	var q ticks
	q.add(tick{at: -5, position: one, moves: []move{in("a", 1), in("b", 1)}})
	q.add(tick{at: -5, position: one, moves: []move{out("a", 1)}, erased: []uint32{7, 8}})
	q.add(tick{at: 9, position: two})
	for _, gap := range []bool{false, true} {
		q.gap = gap
		var e checkpoint.Encoder
		q.encode(&e)
		var file bytes.Buffer
		require.NoError(t, e.Seal(&file, "k", []byte("key")))
		d, err := checkpoint.NewDecoder(&file, func(string) ([]byte, bool) { return []byte("key"), true })
		require.NoError(t, err)
		back := decodeTicks(d)
		require.NoError(t, d.Close())
		require.Equal(t, q, back)
	}
}

// TestCheckpointOfAnotherLifeWouldBeWrong plants what the check is for: a
// checkpoint that claims the life of the store it is given to makes members of
// the wrong people, so accepting any would.
func TestCheckpointOfAnotherLifeWouldBeWrong(t *testing.T) {
	define := Definition{Name: "some", Source: `contact.id % 2 == 0`}
	before := newLogFixture(t, 50)
	e, err := OpenEngine(t.Context(), before.aud, EngineOptions{})
	require.NoError(t, err)
	_, err = e.Apply(t.Context(), define)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, e.Checkpoint(t.Context(), &out))

	restored := newLogFixture(t, 20)
	right, err := OpenEngine(t.Context(), restored.aud, EngineOptions{})
	require.NoError(t, err)
	_, err = right.Apply(t.Context(), define)
	require.NoError(t, err)
	for _, tt := range []struct {
		name     string
		claims   bool
		rule     string
		accepted bool
	}{
		{name: "as it is", rule: "incarnation"},
		{name: "claiming the other life", claims: true, accepted: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := forge(t, restored.aud, out.Bytes(), func(h *checkpointHead) {
				if tt.claims {
					h.Position = right.Position()
				}
			})
			var reason error
			e, err := LoadEngine(t.Context(), restored.aud, EngineOptions{Rebuilt: func(err error) { reason = err }}, bytes.NewReader(file))
			require.NoError(t, err)
			if tt.accepted {
				require.NoError(t, reason)
				require.Equal(t, 25, e.Snapshot().Len("some"), "of other people: the check is what stands between")
				return
			}
			var unused *CheckpointError
			require.ErrorAs(t, reason, &unused)
			require.Equal(t, tt.rule, unused.Rule)
			require.Equal(t, right.Snapshot().Len("some"), e.Snapshot().Len("some"))
		})
	}
}
