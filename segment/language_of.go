package segment

import "github.com/audiencekit/audiencekit/store"

// LanguageOf makes the language of an open audience: of its schema, which has
// the store's stable numbers, and in its zone, whatever zone opts names. When
// the schema or the zone changes make a new one; [Set.Evaluate] refuses one
// that does not fit any more.
func LanguageOf(aud *store.Audience, opts Options) (*Language, error) {
	opts.Zone = aud.Zone()
	return NewLanguage(aud.Schema(), opts)
}
