package live

// instantColumn holds an instant for each contact who has one, in pages. The
// latest event of a contact lies behind two looks at memory; where every window
// asks for it, it is kept at one.
type instantColumn struct{ pages []*[pageSize]int64 }

// absent is the instant of who has none.
const absent = least

func (k *instantColumn) get(id uint32) reading {
	page := int(id >> 16)
	if page >= len(k.pages) || k.pages[page] == nil {
		return reading{}
	}
	v := k.pages[page][id&(pageSize-1)]
	if v == absent {
		return reading{}
	}
	return reading{v, true}
}

func (k *instantColumn) set(id uint32, r reading) {
	page := int(id >> 16)
	if page >= len(k.pages) || k.pages[page] == nil {
		if !r.known {
			return
		}
		for len(k.pages) <= page {
			k.pages = append(k.pages, nil)
		}
		k.pages[page] = new([pageSize]int64)
		for i := range k.pages[page] {
			k.pages[page][i] = absent
		}
	}
	if !r.known {
		r.value = absent
	}
	k.pages[page][id&(pageSize-1)] = r.value
}

func (k *instantColumn) between(_ *Core, page int, in *words, lo, hi int64) {
	if page >= len(k.pages) || k.pages[page] == nil {
		clear(in[:])
		return
	}
	lo = max(lo, absent+1)
	values := k.pages[page]
	for i, w := range in {
		var kept uint64
		block := values[i<<6 : i<<6+64]
		for rest := w; rest != 0; rest &= rest - 1 {
			bit := lowest(rest)
			if v := block[bit]; lo <= v && v <= hi {
				kept |= 1 << bit
			}
		}
		in[i] = kept
	}
}

// isKept reports whether the instants of an order are kept: those of the
// latest event. Of the second latest and so on few contacts have one, and a
// field is a column already.
func isKept(f feature) bool {
	last, ok := f.(lastOf)
	return ok && last.k == 1
}

// keep notes what the instant of a contact is now.
func (o *order) keep(id uint32, r reading) {
	if o.kept != nil {
		o.kept.set(id, r)
	}
}
