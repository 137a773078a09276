package segment

import "slices"

// refNames is what a contact is found by.
type refNames struct{ keys, addresses []string }

func (n refNames) equal(o refNames) bool {
	return slices.Equal(n.keys, o.keys) && slices.Equal(n.addresses, o.addresses)
}

func (n refNames) isZero() bool { return len(n.keys) == 0 && len(n.addresses) == 0 }

const (
	namesPageBits = 6
	namesPageSize = 1 << namesPageBits
)

// namesByID holds the names of contacts, who are mostly neighbours by id, in
// pages. Having no names is the same as not being there. The zero namesByID
// is empty and ready.
type namesByID struct {
	pages map[uint32]*namesPage // by the high bits of the ids
	count int
}

type namesPage [namesPageSize]refNames

func (t *namesByID) get(id uint32) (refNames, bool) {
	page := t.pages[id>>namesPageBits]
	if page == nil {
		return refNames{}, false
	}
	n := page[id%namesPageSize]
	return n, !n.isZero()
}

func (t *namesByID) set(id uint32, n refNames) {
	page := t.pages[id>>namesPageBits]
	switch {
	case page == nil && n.isZero():
		return
	case page == nil:
		if t.pages == nil {
			t.pages = map[uint32]*namesPage{}
		}
		page = new(namesPage)
		t.pages[id>>namesPageBits] = page
	}
	old := &page[id%namesPageSize]
	if !old.isZero() {
		t.count--
	}
	if !n.isZero() {
		t.count++
	}
	*old = n
}

// all visits the contacts that have names, in no order.
func (t *namesByID) all(visit func(id uint32, n refNames)) {
	for high, page := range t.pages {
		for low, n := range page {
			if !n.isZero() {
				visit(high<<namesPageBits|uint32(low), n)
			}
		}
	}
}
