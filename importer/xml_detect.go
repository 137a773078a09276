package importer

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// candidate is a place of elements that may be the records.
type candidate struct {
	record string
	depth  int
	count  int
	holds  bool // elements or attributes
}

// findElements finds out which elements are the records: those that hold others
// or have attributes and repeat, as far out as there are any.
func findElements(ctx context.Context, src Source, limits Limits) (*Layout, error) {
	layout := &Layout{Format: "xml", Settings: map[string]string{}}
	w, err := openWindow(ctx, src, limits)
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.Close() }() // it was only read
	if c, err := firstByte(w); err != nil || c != '<' {
		return nil, firstOf(err, unsupported("no element at the beginning"))
	}
	f := finder{tokens: newXMLTokens(w, limits), index: map[string]int{}, limits: limits}
	for n := 0; ; n++ {
		const often = 1024
		if n%often == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		more, err := f.step(layout)
		if _, broken := errors.AsType[*brokenError](err); broken && f.tokens.rooted {
			break // it is met again
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if !more {
			break
		}
	}
	if layout.Settings[settingNamespace] == ownNamespace {
		layout.Settings[settingRecord] = "contacts/contact"
		return layout, nil
	}
	found := f.likely()
	if len(found) == 0 {
		return nil, unsupported("no elements that look like records")
	}
	layout.Settings[settingRecord] = found[0]
	if len(found) > 1 {
		layout.Questions = append(layout.Questions, Question{
			ID: settingRecord, Text: "Several elements of the file repeat. Which of them is a contact?", Options: found, Assumed: found[0],
		})
	}
	return layout, nil
}

// firstByte gives the first byte that is no space, and leaves it there.
func firstByte(w *window) (byte, error) {
	for {
		for i, c := range w.bytes() {
			if !isJSONSpace(c) {
				w.take(i)
				return c, nil
			}
		}
		w.take(len(w.bytes()))
		if !w.fill() {
			return 0, w.failure()
		}
	}
}

// finder counts elements by their place.
type finder struct {
	tokens *xmlTokens
	limits Limits
	at     []string
	places []candidate
	index  map[string]int
}

// maxRecordDepth is how far in records are looked for.
const maxRecordDepth = 4

// step takes one token. It reports false when there is enough.
func (f *finder) step(layout *Layout) (bool, error) {
	f.tokens.allow()
	token, err := f.tokens.next()
	if err != nil {
		return false, err
	}
	switch e := token.(type) {
	case xml.StartElement:
		if len(f.at) == 0 && e.Name.Space != "" {
			layout.Settings[settingNamespace] = e.Name.Space
			if e.Name.Space == ownNamespace {
				return false, nil
			}
		}
		f.enter(e)
	case xml.EndElement:
		f.at = f.at[:len(f.at)-1]
	}
	return true, nil
}

func (f *finder) enter(e xml.StartElement) {
	if len(f.at) <= maxRecordDepth {
		if i, ok := f.index[strings.Join(f.at, "/")]; ok {
			f.places[i].holds = true
		}
	}
	f.at = append(f.at, e.Name.Local)
	if len(f.at) < 2 || len(f.at) > maxRecordDepth {
		return
	}
	place := strings.Join(f.at, "/")
	i, ok := f.index[place]
	if !ok {
		if len(f.places) == f.limits.Columns || len(place) > maxNameBytes {
			return
		}
		i = len(f.places)
		f.index[place] = i
		f.places = append(f.places, candidate{record: place, depth: len(f.at)})
	}
	f.places[i].count++
	f.places[i].holds = f.places[i].holds || len(e.Attr) > 0
}

// likely gives the places of records: those that repeat and are outermost, or
// else one that could have repeated.
func (f *finder) likely() (found []string) {
	for _, least := range []int{2, 1} {
		for depth := 2; depth <= maxRecordDepth; depth++ {
			for _, c := range f.places {
				if c.depth == depth && c.holds && c.count >= least {
					found = append(found, c.record)
				}
			}
			if len(found) > 0 {
				return found
			}
		}
	}
	return nil
}
