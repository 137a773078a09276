package segment

import (
	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// LanguageOf makes the language of an open audience: of its schema, which has
// the store's stable numbers, and in its zone; another one in opts is an
// [audience.FieldError]. When the schema or the zone changes make a new one;
// [Set.Evaluate] refuses one that does not fit any more.
func LanguageOf(aud *store.Audience, opts Options) (*Language, error) {
	if aud == nil {
		return nil, required("audience", "one of store.Open")
	}
	if zone := opts.Zone; zone != nil && zone.String() != aud.Zone().String() {
		return nil, &audience.FieldError{Path: "zone", Rule: "audience", Hint: "the zone of the audience, or none"}
	}
	opts.Zone = aud.Zone()
	return NewLanguage(aud.Schema(), opts)
}

// sameMeaning reports whether what one language compiled can stand beside what
// the other did.
func (l *Language) sameMeaning(o *Language) bool {
	return l != nil && o != nil && l.fits(o.schema, o.zone) == nil
}
