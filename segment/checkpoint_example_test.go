package segment_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// An engine writes a checkpoint now and then, and the next process starts from
// it and from what was committed since, instead of reading all contacts. A host
// writes to a file of its own, then renames it; the file is as confidential as
// the contacts.
func ExampleLoadEngine() {
	ctx := context.Background()
	keys, err := audience.NewKeys("2026", map[string][]byte{"2026": []byte("an example key, and no secret at all")})
	check(err)
	shop := memstore.New()
	clock := segmenttest.NewClock(shopNoon())
	aud, err := store.Open(ctx, shop, "shop", store.Options{Clock: clock.Now, Keys: keys})
	check(err)
	eng, err := segment.OpenEngine(ctx, aud, segment.EngineOptions{})
	check(err)
	_, err = eng.Apply(ctx, segment.Definition{Name: "active", Source: `events("purchase").within("30d").any()`})
	check(err)
	for _, key := range []string{"u1", "u2"} {
		_, err = aud.Put(ctx, audience.ContactWrite{Match: audience.Key(key)})
		check(err)
	}
	_, err = aud.Append(ctx, purchase("u1", clock.Now()))
	check(err)

	var file bytes.Buffer // os.Create
	check(eng.Checkpoint(ctx, &file))
	check(eng.Close(ctx)) // this process ends; others go on
	_, err = aud.Append(ctx, purchase("u2", clock.Now()))
	check(err)

	opts := segment.EngineOptions{Rebuilt: func(reason error) {
		if unused, ok := errors.AsType[*segment.CheckpointError](reason); ok {
			fmt.Println("built anew, because of:", unused.Rule)
		}
	}}
	damaged := bytes.Clone(file.Bytes())
	damaged[len(damaged)/2] ^= 1
	for _, checkpoint := range [][]byte{file.Bytes(), damaged, nil} {
		eng, err = segment.LoadEngine(ctx, aud, opts, bytes.NewReader(checkpoint))
		check(err)
		active, err := eng.Segment("active")
		check(err)
		fmt.Println("active:", active.Has(audience.Key("u1")), active.Has(audience.Key("u2")))
	}
	// Output:
	// active: true true
	// built anew, because of: damaged
	// active: true true
	// built anew, because of: truncated
	// active: true true
}
