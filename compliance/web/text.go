package web

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// fallback is the language that has every text.
const fallback = "en"

// texts are translations by language and key.
type texts map[string]map[string]string

// newTexts adds a host's texts to those that are there.
func newTexts(own map[string]map[string]string) texts {
	all := texts{"en": english(), "de": german()}
	for lang, entries := range own {
		lang = strings.ToLower(lang)
		merged := maps.Clone(all[lang])
		if merged == nil {
			merged = make(map[string]string)
		}
		maps.Copy(merged, entries)
		all[lang] = merged
	}
	return all
}

func (t texts) text(lang, key string) string { return t.textOr(lang, key, key) }

func (t texts) textOr(lang, key, otherwise string) string {
	if s, ok := t[lang][key]; ok {
		return s
	}
	if s, ok := t[fallback][key]; ok {
		return s
	}
	return otherwise
}

// of gives a text that the host wrote in several languages, in the one wanted
// or else in English, or else in the first by name.
func (t texts) of(own map[string]string, lang string) string {
	base, _, _ := strings.Cut(lang, "-")
	if s := cmp.Or(own[lang], own[base], own[fallback]); s != "" || len(own) == 0 {
		return s
	}
	return own[slices.Min(slices.Collect(maps.Keys(own)))]
}

// nearest gives the language that there is for a tag: itself, or that of its
// first part.
func (t texts) nearest(tag string) string {
	tag = strings.ToLower(strings.TrimSpace(tag))
	base, _, _ := strings.Cut(tag, "-")
	switch {
	case t[tag] != nil:
		return tag
	case t[base] != nil:
		return base
	default:
		return fallback
	}
}

// maxLanguages is how many preferences of a browser are looked at.
const maxLanguages = 20

// choose gives the language that a browser likes best of those there are (RFC
// 9110 section 12.5.4).
func (t texts) choose(r *http.Request) string {
	best, bestQ := fallback, 0.0
	n := 0
	for item := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		if n++; n > maxLanguages {
			break
		}
		tag, param, _ := strings.Cut(strings.TrimSpace(item), ";")
		weight := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(param), "q="); ok {
			var err error
			if weight, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		base, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if (t[strings.ToLower(tag)] != nil || t[base] != nil) && weight > bestQ {
			best, bestQ = t.nearest(tag), weight
		}
	}
	return best
}
