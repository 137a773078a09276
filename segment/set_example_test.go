package segment_test

import (
	"context"
	"fmt"
	"testing/fstest"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// shop is an audience with two contacts and a few events.
func shop(ctx context.Context, now time.Time) (*store.Audience, error) {
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{Clock: func() time.Time { return now }})
	if err != nil {
		return nil, err
	}
	_, err = aud.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Put(ctx, audience.ContactWrite{Match: audience.Key("u1")}, audience.ContactWrite{Match: audience.Key("u2")})
		if err != nil {
			return err
		}
		for i, who := range []string{"u1", "u1", "u2", "u1"} {
			_, err := tx.Append(ctx, audience.EventWrite{
				Contact: audience.Key(who), Type: "purchase", Time: now.AddDate(0, -i, 0),
				Props: map[string]audience.Value{"value": audience.DoubleValue(40)},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return aud, err
}

// A folder of definitions becomes a set, and the set finds its members.
func ExampleLanguage_CompileSet() {
	ctx := context.Background()
	aud, err := shop(ctx, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	folder := fstest.MapFS{ // os.DirFS("segments"), or an embed.FS
		"buyers.cel": {Data: []byte("// Bought something lately\n" + `events("purchase").within("90d").any()`)},
		"big.cel":    {Data: []byte("// Big spenders\n" + `inSegment("buyers") && events("purchase").sum("value") > 100`)},
		"typo.cel":   {Data: []byte(`events("purchase").cuont() > 3`)},
	}
	defs, err := segment.Load(folder)
	if err != nil {
		fmt.Println(err)
		return
	}
	lang, err := segment.LanguageOf(aud, segment.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := lang.CompileSet(defs...)
	if err != nil {
		fmt.Println("refused: typo.cel") // err says file, line, column and what is wrong; the set holds the others
	}
	err = aud.View(ctx, func(r *store.Reader) error {
		result, err := set.Evaluate(ctx, r, aud.Now(), nil)
		if err != nil {
			return err
		}
		for _, name := range result.Names() {
			def, _ := set.Definition(name)
			members, _ := result.Members(name)
			fmt.Printf("%s (%s): %d of %d\n", def.Title, name, members.Len(), result.Contacts)
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// refused: typo.cel
	// Big spenders (big): 1 of 2
	// Bought something lately (buyers): 2 of 2
}

// Members can be combined.
func ExampleMembers() {
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
		segment.Definition{Name: "buyers", Source: `events("purchase").any()`},
		segment.Definition{Name: "regulars", Source: `events("purchase").count() >= 3`},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = aud.View(ctx, func(r *store.Reader) error {
		result, err := set.Evaluate(ctx, r, aud.Now(), nil)
		if err != nil {
			return err
		}
		buyers, _ := result.Members("buyers")
		regulars, _ := result.Members("regulars")
		occasional, err := buyers.AndNot(regulars)
		for id := range occasional.All() {
			fmt.Println("bought once or twice: contact", id)
		}
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// bought once or twice: contact 2
}

// The members of one segment, without an engine. A database that can look for
// them reads nobody else.
func ExampleSet_Find() {
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
		segment.Definition{Name: "buyers", Source: `events("purchase").within("90d").any()`},
		segment.Definition{Name: "regulars", Source: `inSegment("buyers") && events("purchase").sum("value") > 100`},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = aud.View(ctx, func(r *store.Reader) error {
		regulars, err := set.Find(ctx, r, "regulars", aud.Now(), nil)
		if err != nil {
			return err
		}
		for id := range regulars.All() {
			fmt.Println("regular: contact", id)
		}
		n, err := set.Count(ctx, r, "buyers", aud.Now())
		fmt.Println("buyers:", n)
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// regular: contact 1
	// buyers: 2
}
