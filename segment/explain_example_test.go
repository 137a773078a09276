package segment_test

import (
	"context"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// Explain says why somebody is in a segment, or not.
func ExampleSetMoment_Explain() {
	ctx := context.Background()
	aud, err := shop(ctx, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	lang, err := segment.LanguageOf(aud, segment.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := lang.CompileSet(
		segment.Definition{Name: "buyer", Source: `events("purchase").within("90d").any()`},
		segment.Definition{Name: "lost", Source: `events("purchase").any() && !inSegment("buyer")`},
		segment.Definition{Name: "vip", Source: `
			inSegment("buyer")
			  && events("purchase").count() > 3
			  && !inSegment("lost")
			  && contact.first_name == "Nora"`},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = aud.View(ctx, func(r *store.Reader) error {
		profile, err := r.Profile(ctx, audience.Key("u1"), set.Parts())
		if err != nil {
			return err
		}
		atoms, err := set.At(aud.Now()).Explain("vip", &profile)
		for _, atom := range atoms {
			fmt.Println(atom.Reveal())
		}
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// yes      inSegment("buyer")
	// no       events("purchase").count() > 3   (is 3)
	// no       inSegment("lost")   (counts when no)
	// unknown  contact.first_name == "Nora"   (is unknown)
}
