package storetest

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicLifecycle = "lifecycle"

func lifecycleChecks() []Check {
	return []Check{
		{
			Topic: topicLifecycle, Name: "cancelled-reads", run: lifecycleCancelledReads,
			Reason: "Who has stopped waiting must not hold a connection; and a read that was cut off must be an error, never a shorter answer.",
		},
		{
			Topic: topicLifecycle, Name: "cancelled-writes", run: lifecycleCancelledWrites,
			Reason: "A write that was cancelled and reported as done is believed.",
		},
		{
			Topic: topicLifecycle, Name: "cancelled-before-it-began", run: lifecycleCancelledEarly,
			Reason: "A function that runs although its request is gone does work that nobody takes.",
		},
		{
			Topic: topicLifecycle, Name: "closed", run: lifecycleClosed,
			Reason: "A late job must get an error it can tell from an empty audience: an empty answer would unsubscribe or delete on the other side.",
		},
		{
			Topic: topicLifecycle, Name: "name", run: lifecycleName,
			Reason: "An operator with two stores has to see which of them an error is from.",
		},
	}
}

func (k *kit) cancelled() context.Context {
	ctx, cancel := context.WithCancel(k.ctx)
	cancel()
	return ctx
}

func lifecycleCancelledReads(k *kit) {
	p := k.rows()
	u := k.furnished(p, "a", 3)
	over := k.cancelled()
	for i := range readCalls(nil, u) {
		var name string
		err := p.View(k.ctx, func(r store.ReadRoles) error {
			c := readCalls(r, u)[i]
			name = c.name
			require.NoError(k, c.do(k.ctx), name)
			return c.do(over)
		})
		require.ErrorIs(k, err, context.Canceled, name)
	}
}

func lifecycleCancelledWrites(k *kit) {
	p := k.rows()
	u := k.furnished(p, "a", 3)
	before, feed := k.state(p, u), commitTexts(k.commits(p, store.Position{}, 10))
	over := k.cancelled()
	for i := range writeCalls(nil, u) {
		var name string
		_, err := p.Update(k.ctx, func(w store.WriteRoles) error {
			c := writeCalls(w, u)[i]
			name = c.name
			return c.do(over)
		})
		require.ErrorIs(k, err, context.Canceled, name)
		require.Equal(k, before, k.state(p, u), name)
		require.Equal(k, feed, commitTexts(k.commits(p, store.Position{}, 10)), name)
	}
	for i := range writeCalls(nil, u) { // each of them does something
		_, err := p.Update(k.ctx, func(w store.WriteRoles) error {
			c := writeCalls(w, u)[i]
			require.NoError(k, c.do(k.ctx), c.name)
			return context.Canceled // and is undone
		})
		require.ErrorIs(k, err, context.Canceled)
	}
}

func lifecycleCancelledEarly(k *kit) {
	p := k.rows()
	u := k.furnished(p, "a", 2)
	over := k.cancelled()
	head, err := p.Head(k.ctx)
	require.NoError(k, err)
	calls := k.partitionCalls(p, head)
	for _, c := range calls {
		require.ErrorIs(k, c.do(over), context.Canceled, c.name)
	}
	require.Len(k, k.commits(p, store.Position{}, 10), 1)
	k.requireFurnished(p, u, "a", 2)
}

// partitionCalls has every method of a partition and its adapter.
func (k *kit) partitionCalls(p store.Partition, pos store.Position) []call {
	return []call{
		{"Partition", func(ctx context.Context) error { _, err := k.adapter.Partition(ctx, mainAudience); return err }},
		{"View", func(ctx context.Context) error {
			return p.View(ctx, func(store.ReadRoles) error { k.Error("View calls its function"); return nil })
		}},
		{"Update", func(ctx context.Context) error {
			_, err := p.Update(ctx, func(store.WriteRoles) error { k.Error("Update calls its function"); return nil })
			return err
		}},
		{"Commits", func(ctx context.Context) error { _, err := p.Commits(ctx, store.Position{}, 1); return err }},
		{"Head", func(ctx context.Context) error { _, err := p.Head(ctx); return err }},
		{"Trim", func(ctx context.Context) error { return p.Trim(ctx, pos) }},
	}
}

func lifecycleClosed(k *kit) {
	p := k.rows()
	k.furnished(p, "a", 2)
	aud := k.open(mainAudience)
	head, err := p.Head(k.ctx)
	require.NoError(k, err)
	require.NoError(k, k.adapter.Close())
	for _, c := range k.partitionCalls(p, head) {
		require.ErrorIs(k, c.do(k.ctx), audience.ErrClosed, c.name)
	}
	_, err = aud.Put(k.ctx, person("ann"))
	require.ErrorIs(k, err, audience.ErrClosed)
	_, err = store.Open(k.ctx, k.adapter, "another", k.options())
	require.ErrorIs(k, err, audience.ErrClosed)
}

func lifecycleName(k *kit) {
	name := k.adapter.Name()
	require.NotEmpty(k, name)
	p := k.rows()
	id := k.contacts(p, 1)[0]
	_, conflict := p.Update(k.ctx, func(w store.WriteRoles) error {
		return w.PutContacts(k.ctx, []store.ContactRow{{Contact: new(plainContact(id, 2)), Expect: 7}})
	})
	require.ErrorContains(k, conflict, name)
	require.NoError(k, k.adapter.Close())
	_, closed := k.adapter.Partition(k.ctx, mainAudience)
	require.ErrorContains(k, closed, name)
}
