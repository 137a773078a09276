package web

import (
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

// phrase is a text and the language that it is in, "" when nobody said.
type phrase struct{ text, lang string }

// foreign gives the language of a phrase on a page in another one, and "" on a
// page in the same: there the attribute would say nothing.
func (f phrase) foreign(page string) string {
	if f.lang == page {
		return ""
	}
	return f.lang
}

// of gives a text that the host wrote in several languages, in the one wanted
// or else in English, or else in the first by name.
func (t texts) of(own map[string]string, lang string) phrase {
	base, _, _ := strings.Cut(lang, "-")
	for _, l := range append([]string{lang, base, fallback}, slices.Sorted(maps.Keys(own))...) {
		if s := own[l]; s != "" {
			return phrase{s, l}
		}
	}
	return phrase{}
}

// phrase gives a text of the pages and the language in which it is there.
func (t texts) phrase(lang, key string) phrase {
	if s, ok := t[lang][key]; ok {
		return phrase{s, lang}
	}
	return phrase{t.text(lang, key), fallback}
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
