package compliance

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// FindingKind says what is wrong with the ledger.
type FindingKind string

// The kinds of findings.
const (
	FindingAltered    FindingKind = "altered"    // a record is not what it was
	FindingMissing    FindingKind = "missing"    // a record within or in front of the chain is gone
	FindingReordered  FindingKind = "reordered"  // records stand in another order
	FindingTruncated  FindingKind = "truncated"  // records at the end are gone
	FindingForked     FindingKind = "forked"     // the chain holds together and is not the one that was sealed
	FindingUnreadable FindingKind = "unreadable" // the store cannot read the chain
	FindingSignature  FindingKind = "bad-signature"
	FindingHeads      FindingKind = "bad-heads" // the heads given are not those of the seal
	FindingRoot       FindingKind = "bad-root"  // something sealed has changed; only the heads tell what
)

// Finding is one thing that is wrong. It names nobody.
type Finding struct {
	Kind    FindingKind
	Contact audience.ContactID // whose chain; 0: of the seal
	Seq     uint64             // the first record that is not right, of a forked chain the sealed one
}

// String gives kind, contact and number.
func (f *Finding) String() string {
	if f.Contact == 0 {
		return string(f.Kind)
	}
	return string(f.Kind) + " at record " + strconv.FormatUint(f.Seq, 10) + " of contact " + f.Contact.String()
}

// maxFindings bounds a report.
const maxFindings = 1_000

// Report is what Verify found.
type Report struct {
	Chains, Records uint64    // gone through
	Findings        []Finding // the first of each chain, in order of contact, at most 1,000
	More            int       // findings beyond
}

// OK reports whether nothing was found.
func (r *Report) OK() bool { return len(r.Findings) == 0 }

func (r *Report) add(f Finding) {
	if len(r.Findings) == maxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, f)
}

// VerifyOptions of [Ledger.Verify].
type VerifyOptions struct {
	Seal     *Seal     // nil: only that the chains hold together
	Heads    io.Reader // that were written with the seal
	Progress func(chains, records uint64)
}

// Verify goes through every record of the ledger in one snapshot, with memory
// for one page of chains. It finds each record that does not follow the one in
// front of it. Held against a seal and its heads it also finds, with contact
// and number, what was cut off, left out or written anew with right hashes since;
// a chain that only grew is fine. With a seal alone it tells from the instants
// of the records which were sealed, and can say that something has changed but
// not what; then a transaction that was open while sealing looks like a change.
//
// What is wrong with the ledger is no error: see [Report.OK].
func (l *Ledger) Verify(ctx context.Context, opts VerifyOptions) (Report, error) {
	v := verification{l: l, opts: opts, seal: opts.Seal}
	if v.seal != nil && !l.authentic(v.seal) {
		v.report.add(Finding{Kind: FindingSignature})
		v.seal, opts.Heads = nil, nil // it says nothing
	}
	if v.seal != nil && opts.Heads != nil {
		in, err := newHeadReader(opts.Heads)
		if err != nil {
			return Report{}, err
		}
		v.heads = in
		if err := v.advance(); err != nil {
			return Report{}, err
		}
	}
	if err := l.aud.View(ctx, func(r *store.Reader) error { return v.run(ctx, r) }); err != nil {
		return Report{}, err
	}
	return v.report, nil
}

// verification is one run of Verify.
type verification struct {
	l      *Ledger
	opts   VerifyOptions
	seal   *Seal // nil: none that is genuine
	heads  *headReader
	sealed head // the next that was sealed; the zero head: none
	tree   tree // over what was sealed
	report Report
}

// advance reads the next sealed head.
func (v *verification) advance() error {
	h, ok, err := v.heads.next()
	if err != nil {
		return err
	}
	if v.sealed = h; ok {
		v.tree.add(h.leaf(), false)
	}
	return nil
}

// mostRecords is about how many records are read together.
const mostRecords = 20_000

func (v *verification) run(ctx context.Context, r *store.Reader) error {
	var page []head
	records := uint64(0)
	flush := func() error {
		err := v.chains(ctx, r, page)
		page, records = page[:0], 0
		return err
	}
	if err := v.eachHead(ctx, r, func(h head) error {
		page = append(page, h)
		if records += h.seq; len(page) < headsPage && records < mostRecords {
			return nil
		}
		return flush()
	}); err != nil {
		return err
	}
	if err := flush(); err != nil {
		return err
	}
	if err := v.lost(audience.ContactID(0)); err != nil {
		return err
	}
	v.checkRoot()
	return nil
}

// eachHead is [eachHead], and goes on behind a chain whose end cannot be
// decoded: it is visited as one record that has no hash.
func (v *verification) eachHead(ctx context.Context, r *store.Reader, visit func(head) error) error {
	last := audience.ContactID(0)
	for {
		var stopped error
		err := eachHead(ctx, r, last, func(h head) error {
			last = h.contact
			stopped = visit(h)
			return stopped
		})
		if err == nil || stopped != nil || !isDamage(ctx, err) {
			return err
		}
		if last, err = firstDamaged(ctx, r, last, err); err != nil {
			return err
		}
		if err := visit(head{contact: last, seq: 1}); err != nil {
			return err
		}
	}
}

// firstDamaged gives the first contact behind another one who has a chain. The
// store could not decode its end; it cannot say whose it is, so ids are tried.
func firstDamaged(ctx context.Context, r *store.Reader, after audience.ContactID, cause error) (audience.ContactID, error) {
	if _, err := r.Chains(ctx, 0); err != nil { // nothing can be read
		return 0, cause
	}
	ids := make([]audience.ContactID, 0, headsPage)
	for id := after + 1; id > after; {
		for ids = ids[:0]; len(ids) < headsPage && id > after; id++ {
			ids = append(ids, id)
		}
		if chains, err := r.Chains(ctx, ids...); err == nil && len(chains) == 0 {
			continue
		}
		for _, one := range ids {
			if _, err := r.Chains(ctx, one); err != nil {
				return one, ctx.Err()
			}
		}
		break
	}
	return 0, cause
}

// chains walks the chains of a page.
func (v *verification) chains(ctx context.Context, r *store.Reader, page []head) error {
	if len(page) == 0 {
		return nil
	}
	ids := make([]audience.ContactID, len(page))
	for i := range page {
		ids[i] = page[i].contact
	}
	all, err := r.Chains(ctx, ids...)
	readable := err == nil
	if err != nil && !isDamage(ctx, err) {
		return err
	}
	for _, h := range page {
		var chain []audience.ConsentRecord
		if readable {
			n := slices.IndexFunc(all, func(x audience.ConsentRecord) bool { return x.Contact != h.contact })
			if n < 0 {
				n = len(all)
			}
			chain, all = all[:n], all[n:]
		} else if chain, err = r.Chains(ctx, h.contact); err != nil {
			if !isDamage(ctx, err) {
				return err
			}
			v.report.add(Finding{FindingUnreadable, h.contact, 1})
		}
		if err := v.chain(h.contact, chain, err == nil || readable); err != nil {
			return err
		}
	}
	if v.opts.Progress != nil {
		v.opts.Progress(v.report.Chains, v.report.Records)
	}
	return ctx.Err()
}

// isDamage tells what cannot be decoded from what cannot be read now.
func isDamage(ctx context.Context, err error) bool {
	return ctx.Err() == nil && !errors.Is(err, audience.ErrClosed) && !errors.Is(err, audience.ErrRetryable)
}

// chain walks one chain and holds it against what was sealed of it.
func (v *verification) chain(id audience.ContactID, chain []audience.ConsentRecord, readable bool) error {
	if err := v.lost(id); err != nil {
		return err
	}
	v.report.Chains++
	v.report.Records += uint64(len(chain))
	var sealed head
	if v.sealed.contact == id && v.sealed.seq > 0 {
		sealed = v.sealed
		if err := v.advance(); err != nil {
			return err
		}
	}
	if v.seal != nil && v.heads == nil {
		v.addSealed(chain, v.seal.At)
	}
	if !readable {
		return nil
	}
	if f := walkChain(v.l.aud.Name(), chain, sealed); f != nil {
		f.Contact = id
		v.report.add(*f)
	}
	return nil
}

// lost reports the sealed chains in front of a contact, 0 for all: they are not
// there any more.
func (v *verification) lost(before audience.ContactID) error {
	for v.heads != nil && v.sealed.seq > 0 && (before == 0 || v.sealed.contact < before) {
		v.report.add(Finding{FindingMissing, v.sealed.contact, 1})
		if err := v.advance(); err != nil {
			return err
		}
	}
	return nil
}

// addSealed adds what a chain ended with at an instant.
func (v *verification) addSealed(chain []audience.ConsentRecord, at time.Time) {
	for i := len(chain) - 1; i >= 0; i-- {
		if r := &chain[i]; !r.Recorded.After(at) {
			h := head{r.Contact, r.Seq, r.Hash}
			v.tree.add(h.leaf(), false)
			return
		}
	}
}

func (v *verification) checkRoot() {
	if v.seal == nil || v.tree.root() == v.seal.Root && v.tree.size == v.seal.Chains {
		return
	}
	kind := FindingRoot
	if v.heads != nil {
		kind = FindingHeads
	}
	v.report.add(Finding{Kind: kind})
}

// walkChain finds the first record of a chain that is not right, or what is not
// as it was sealed; nil when there is nothing.
func walkChain(name string, chain []audience.ConsentRecord, sealed head) *Finding {
	for i := range chain {
		r := &chain[i]
		var prev *audience.ConsentRecord
		if i > 0 {
			prev = &chain[i-1]
		}
		if r.CheckLink(name, prev) != nil {
			return faultAt(name, chain, i)
		}
	}
	n := uint64(len(chain))
	switch {
	case n < sealed.seq && n == 0:
		return &Finding{Kind: FindingMissing, Contact: sealed.contact, Seq: 1}
	case n < sealed.seq:
		return &Finding{Kind: FindingTruncated, Contact: sealed.contact, Seq: n + 1}
	case sealed.seq > 0 && chain[sealed.seq-1].Hash != sealed.hash:
		return &Finding{Kind: FindingForked, Contact: sealed.contact, Seq: sealed.seq}
	}
	return nil
}

// faultAt says why the record at a place does not follow the one in front.
func faultAt(name string, chain []audience.ConsentRecord, i int) *Finding {
	r := &chain[i]
	f := &Finding{Kind: FindingAltered, Contact: r.Contact, Seq: uint64(i) + 1}
	want := audience.ChainStart(name, r.Contact)
	if i > 0 {
		want = chain[i-1].Hash
	}
	belongs := func(x audience.ConsentRecord) bool { return x.Seq == f.Seq || x.Prev == want }
	switch {
	case r.Hash != r.ComputeHash(): // it was changed under its hash
	case r.Seq != f.Seq && slices.ContainsFunc(chain[i+1:], belongs):
		f.Kind = FindingReordered
	case r.Seq > f.Seq:
		f.Kind = FindingMissing
	case r.Prev != want && slices.ContainsFunc(chain[i+1:], func(x audience.ConsentRecord) bool { return x.Prev == want }):
		f.Kind = FindingReordered
	case r.Prev != want && i > 0: // the one in front is not what it followed
		f.Seq--
	}
	return f
}
