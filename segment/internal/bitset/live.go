package bitset

import (
	"iter"
	"math/bits"
	"slices"
	"sync/atomic"
)

const (
	// PageSize is how many ids a page of a [Live] set spans.
	PageSize = 1 << pageBits
	// PageWords is how many words that takes.
	PageWords = PageSize / 64

	pageBits = 16
	lowMask  = PageSize - 1

	// A page becomes dense above sparseMost ids and sparse again below sparseAgain: the distance keeps a page at the
	// bound from changing its form at every write.
	sparseMost  = 512
	sparseAgain = sparseMost / 2
)

// Words is the bitmap of one page: bit i%64 of word i/64 is the page's i-th id.
type Words = [PageWords]uint64

// Live is a set that changes while it is read: one writer at a time, which its
// owner sees to, and any number of readers, which never wait. The zero Live is
// empty and ready. It must not be copied.
type Live struct {
	table  atomic.Pointer[pageTable]
	length atomic.Int64
	epoch  uint64  // dense pages of earlier epochs may be shared with a Frozen
	frozen *Frozen // what Freeze gave, nil after a change
}

type pageTable struct{ slots []atomic.Pointer[page] }

// page holds at least one id. A sparse one is never written: a change replaces
// it. Readers look at the ids only, count and epoch are the writer's.
type page struct {
	dense  *Words
	sparse []uint16 // sorted, when dense is nil
	count  int
	epoch  uint64 // in which the dense words were made
}

// Contains reports whether the id is in the set. Any goroutine may ask.
func (l *Live) Contains(id uint32) bool {
	t := l.table.Load()
	if t == nil || int(id>>pageBits) >= len(t.slots) {
		return false
	}
	p := t.slots[id>>pageBits].Load()
	if p == nil {
		return false
	}
	low := id & lowMask
	if p.dense != nil {
		return atomic.LoadUint64(&p.dense[low/64])>>(low%64)&1 != 0
	}
	_, found := p.find(uint16(low))
	return found
}

// Len gives the number of ids. Any goroutine may ask; beside a write it is the
// number before or after it.
func (l *Live) Len() int { return int(l.length.Load()) }

// Set puts an id into the set or takes it out and reports whether that changed
// anything. Writer only.
func (l *Live) Set(id uint32, in bool) bool {
	i, low := int(id>>pageBits), uint16(id&lowMask)
	p := l.page(i)
	if p.contains(low) == in {
		return false
	}
	l.frozen = nil
	switch {
	case p == nil:
		l.store(i, &page{sparse: []uint16{low}, count: 1})
	case p.dense != nil:
		l.setDense(i, p, low, in)
	default:
		l.store(i, p.with(low, in, l.epoch))
	}
	if in {
		l.length.Add(1)
	} else {
		l.length.Add(-1)
	}
	return true
}

func (l *Live) setDense(i int, p *page, low uint16, in bool) {
	if !in && p.count <= sparseAgain {
		q := &page{sparse: make([]uint16, 0, p.count-1), count: p.count - 1}
		for id := range wordIDs(p.dense) {
			if id != low {
				q.sparse = append(q.sparse, id)
			}
		}
		l.store(i, q)
		return
	}
	shared := p.epoch != l.epoch
	if shared {
		words := *p.dense
		p = &page{dense: &words, count: p.count, epoch: l.epoch}
	}
	word, bit := &p.dense[low/64], uint64(1)<<(low%64)
	if in {
		p.count++
		atomic.StoreUint64(word, *word|bit)
	} else {
		p.count--
		atomic.StoreUint64(word, *word&^bit)
	}
	if shared {
		l.store(i, p)
	}
}

// SetPage makes the ids of one page those of the words, which are copied.
// Readers see the page before or after. Writer only.
func (l *Live) SetPage(i int, words *Words) {
	q := newPage(words, l.epoch)
	before, after := l.page(i).len(), q.len()
	if before == 0 && after == 0 {
		return
	}
	l.frozen = nil
	l.store(i, q)
	l.length.Add(int64(after - before))
}

// Replace makes the set that of the pages: index and words, which are copied.
// Of an index given twice the last counts. Readers see the set before or
// after. Writer only.
func (l *Live) Replace(pages iter.Seq2[int, *Words]) {
	next := Live{epoch: l.epoch}
	for i, words := range pages {
		next.SetPage(i, words)
	}
	l.frozen = nil
	l.table.Store(next.table.Load())
	l.length.Store(next.length.Load())
}

// Load makes the set that of s, like Replace. Writer only.
func (l *Live) Load(s Set) { l.Replace(s.pages()) }

// Pages gives how many pages there are, empty ones counted: every id of the
// set is below Pages()*PageSize. Writer only.
func (l *Live) Pages() int {
	if t := l.table.Load(); t != nil {
		return len(t.slots)
	}
	return 0
}

// Page gives the words of a page, nil if it is empty. They are not to be
// changed and valid until the next write or the next use of scratch, in which
// they may lie. Writer only.
func (l *Live) Page(i int, scratch *Words) *Words { return l.page(i).words(scratch) }

// Freeze gives the set as it is now. It copies the table of the pages; the
// pages are shared until they are written. Writer only.
func (l *Live) Freeze() *Frozen {
	if l.frozen == nil {
		f := &Frozen{length: l.Len(), slots: make([]*page, l.Pages())}
		for i := range f.slots {
			f.slots[i] = l.page(i)
		}
		l.epoch++
		l.frozen = f
	}
	return l.frozen
}

// Bytes gives about how much memory the set takes, frozen views not counted.
// Writer only.
func (l *Live) Bytes() int {
	const own, perSlot, perPage = 64, 8, 48
	n := own + perSlot*l.Pages()
	for i := range l.Pages() {
		if p := l.page(i); p != nil {
			n += perPage + 2*cap(p.sparse)
			if p.dense != nil {
				n += PageSize / 8
			}
		}
	}
	return n
}

func (l *Live) page(i int) *page {
	if t := l.table.Load(); t != nil && i >= 0 && i < len(t.slots) {
		return t.slots[i].Load()
	}
	return nil
}

// store puts a page, nil for none, into the table, which grows by being
// replaced: readers of the old one miss only what is being written.
func (l *Live) store(i int, p *page) {
	t := l.table.Load()
	if t == nil || i >= len(t.slots) {
		grown := &pageTable{slots: make([]atomic.Pointer[page], i+1)}
		for j := range l.Pages() {
			grown.slots[j].Store(t.slots[j].Load())
		}
		grown.slots[i].Store(p)
		l.table.Store(grown)
		return
	}
	t.slots[i].Store(p)
}

// newPage gives nil for no ids.
func newPage(words *Words, epoch uint64) *page {
	p := &page{epoch: epoch}
	for _, w := range words {
		p.count += bits.OnesCount64(w)
	}
	switch {
	case p.count == 0:
		return nil
	case p.count <= sparseMost:
		p.sparse = slices.AppendSeq(make([]uint16, 0, p.count), wordIDs(words))
	default:
		dense := *words
		p.dense = &dense
	}
	return p
}

func (p *page) len() int {
	if p == nil {
		return 0
	}
	return p.count
}

func (p *page) contains(low uint16) bool {
	if p == nil {
		return false
	}
	if p.dense != nil {
		return p.dense[low/64]>>(low%64)&1 != 0
	}
	_, found := p.find(low)
	return found
}

// find gives where a sparse page has the id or would have it.
func (p *page) find(low uint16) (int, bool) { return slices.BinarySearch(p.sparse, low) }

// with gives what comes in the place of a sparse page, nil when nothing is left.
func (p *page) with(low uint16, in bool, epoch uint64) *page {
	at, _ := p.find(low)
	switch {
	case !in && p.count == 1:
		return nil
	case !in:
		return &page{sparse: slices.Concat(p.sparse[:at], p.sparse[at+1:]), count: p.count - 1}
	case p.count < sparseMost:
		return &page{sparse: slices.Concat(p.sparse[:at], []uint16{low}, p.sparse[at:]), count: p.count + 1}
	}
	dense := new(Words)
	p.words(dense)
	dense[low/64] |= 1 << (low % 64)
	return &page{dense: dense, count: p.count + 1, epoch: epoch}
}

func (p *page) words(scratch *Words) *Words {
	switch {
	case p == nil:
		return nil
	case p.dense != nil:
		return p.dense
	}
	*scratch = Words{}
	for _, low := range p.sparse {
		scratch[low/64] |= 1 << (low % 64)
	}
	return scratch
}

// wordIDs gives the ids of a page in ascending order.
func wordIDs(words *Words) iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for i, w := range words {
			for ; w != 0; w &= w - 1 {
				if !yield(uint16(i*64 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}
