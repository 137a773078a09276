package importer

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// TestWriteIsBounded: a batch whose rows are refused one after the other costs
// little more than its rows, not their square.
func TestWriteIsBounded(t *testing.T) {
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{})
	require.NoError(t, err)
	const n = 1000
	rows := make([]*Event, n)
	for i := range rows {
		rows[i] = &Event{Line: i}
	}
	tried := 0
	w := &eventWriter{aud: aud, opts: &Options{}, report: &Report{}}
	w.try = func(_ context.Context, _ *store.Tx, rows []*Event) (refused, counts, error) {
		tried += len(rows)
		return refused{0: &audience.NotFoundError{Kind: "contact"}}, counts{}, nil
	}
	require.NoError(t, w.write(t.Context(), rows))
	require.Len(t, w.bad, n)
	require.Less(t, tried, 40*n)
}
