package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
)

// Record appends to the ledger, in order, and gives the records as they
// stand in it. This is the only way in which anybody becomes mailable.
//
// A withdrawal from everything, a complaint and a bounce suppress the
// contact's addresses in the same commit; a grant of marketing lifts what it
// may lift, for as long as it is in force: see
// [audience.Suppression.LiftedBy]. A scope with a topic gets the topic's
// purpose. Evidence goes into the feature
// records under the contact: [Reader.Evidence] gives it back.
//
// A restriction and its end ([audience.ConsentRestricted],
// [audience.ConsentReleased]) and a relation ([audience.ConsentRelation]) are
// kept in the chain and change neither standings nor suppressions.
//
// A retraction ([audience.ConsentRetracted]) takes back a request, grant or relation
// that was recorded in error: from then on the ledger reads as if that had
// never been made. It goes to the end of the chain it is about, also when that
// contact was merged into another one since, and needs neither evidence nor
// keys. What the grant had lifted of the suppressions of the addresses that
// she has now stands again, unless her ledger still answers it.
//
// Refused items: [audience.ErrInvalid], also for a purpose or topic that is
// not declared, and for a retraction of anything but a request, grant or relation;
// [audience.ErrNotFound] for an unknown contact or record;
// [audience.ErrConflict] for what was taken back already;
// [audience.ErrDenied] for a grant without evidence, without keys, or of
// marketing while a suppression stands that it does not lift, and for a release
// without an actor or a reason;
// [audience.ErrLimit] for a ledger that is full. Refusals, retractions and
// restrictions are never denied.
func (tx *Tx) Record(ctx context.Context, writes ...audience.ConsentWrite) ([]audience.ConsentRecord, error) {
	if err := checkBatch(tx.audience.limits, writes, tx.checkConsent); err != nil || len(writes) == 0 {
		return nil, err
	}
	refs := make([]audience.Ref, len(writes))
	for i := range writes {
		refs[i] = writes[i].Contact
	}
	ids, rows, err := tx.resolveAll(ctx, refs)
	if err != nil {
		return nil, err
	}
	b, err := tx.newConsentBatch(ctx, rows, writes)
	if err != nil {
		return nil, err
	}
	var refused audience.BatchError
	for i := range writes {
		if err := b.apply(ids[i], &writes[i]); err != nil {
			refused.Add(i, err)
		}
	}
	if err := refused.OrNil(); err != nil {
		return nil, err
	}
	return b.commit(ctx)
}

func (tx *Tx) checkConsent(w *audience.ConsentWrite) error {
	if err := w.Check(tx.audience.limits); err != nil {
		return err
	}
	s := &tx.settings.Schema
	if w.Scope.Purpose != "" && !s.HasPurpose(w.Scope.Purpose) {
		return &audience.FieldError{Path: "scope.purpose", Rule: "unknown", Hint: "a declared purpose"}
	}
	if list, ok := s.ListNamed(w.Scope.List); w.Scope.List != "" && (!ok || list.Kind != audience.ListTopic) {
		return &audience.FieldError{Path: "scope.list", Rule: "unknown", Hint: "a declared list of the kind topic"}
	}
	if w.Scope.Purpose != "" && w.Scope != tx.scopeOf(w.Scope) && !w.Kind.IsRefusal() {
		return &audience.FieldError{Path: "scope.purpose", Rule: "list", Hint: "the purpose of the list, or none"}
	}
	if w.Kind == audience.ConsentGranted && tx.audience.keys.IsZero() {
		return &audience.DeniedError{Rule: "key", Hint: "a grant needs Options.Keys: without them no refusal could be held against it"}
	}
	return nil
}

// scopeOf gives the scope of a topic its purpose: the fold would not find a
// record under another one.
func (tx *Tx) scopeOf(s audience.Scope) audience.Scope {
	if list, ok := tx.settings.Schema.ListNamed(s.List); ok && s.List != "" {
		s.Purpose = cmp.Or(list.Purpose, audience.PurposeMarketing)
	}
	return s
}

// consentBatch applies consent writes in memory.
type consentBatch struct {
	tx           *Tx
	rows         map[audience.ContactID]*audience.Contact
	heads        map[audience.ContactID]*audience.ConsentRecord
	lineages     *lineages                                       // when the batch refuses or retracts
	chains       map[audience.ContactID][]audience.ConsentRecord // by origin, then: all records of everybody in the batch
	suppressions *heldSuppressions
	records      []audience.ConsentRecord
	evidence     []Record
	salts        []byte // to be used
	changes      []Change
}

func (tx *Tx) newConsentBatch(ctx context.Context, rows map[audience.ContactID]*audience.Contact, writes []audience.ConsentWrite) (*consentBatch, error) {
	b := &consentBatch{
		tx: tx, rows: rows,
		heads:  make(map[audience.ContactID]*audience.ConsentRecord, len(rows)),
		chains: make(map[audience.ContactID][]audience.ConsentRecord),

		records: make([]audience.ConsentRecord, 0, len(writes)), // never more, so that they stay where they are
		changes: make([]Change, 0, len(writes)),
	}
	ids := make([]audience.ContactID, 0, len(rows))
	for id := range rows {
		ids = append(ids, id)
	}
	heads, err := tx.roles.LedgerHeads(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range heads {
		b.heads[heads[i].Contact] = &heads[i]
		tx.notBefore(heads[i].Recorded)
	}
	looksBack, onlyRequests := false, true
	for i := range writes {
		kind := writes[i].Kind
		looksBack = looksBack || kind.IsRefusal() || kind == audience.ConsentRetracted
		onlyRequests = onlyRequests && kind == audience.ConsentRequested
	}
	if !looksBack && !onlyRequests && len(writes) > fewHashes {
		some, err := tx.anySuppression(ctx)
		if err != nil {
			return nil, err
		}
		onlyRequests = !some // of grants too, there is nothing that they could lift
	}
	var addresses []audience.Address
	if !onlyRequests { // which touch no suppression
		for _, c := range rows {
			addresses = append(addresses, c.Addresses...)
		}
	}
	if b.suppressions, err = tx.loadSuppressions(ctx, addresses); err != nil {
		return nil, err
	}
	if looksBack {
		return b, b.loadChains(ctx, ids)
	}
	return b, nil
}

// loadChains reads what a refusal is held against, which is a grant that was
// made after it, though recorded before; and what can be taken back.
func (b *consentBatch) loadChains(ctx context.Context, ids []audience.ContactID) error {
	l, err := b.tx.lineages(ctx, ids)
	if err != nil {
		return err
	}
	records, err := b.tx.roles.Ledger(ctx, l.origins)
	if err != nil {
		return err
	}
	b.lineages = l
	for i := range records {
		r := &records[i]
		b.tx.notBefore(r.Recorded)
		b.heads[r.Contact] = r
		b.chains[r.Contact] = append(b.chains[r.Contact], *r)
	}
	return nil
}

func (b *consentBatch) apply(id audience.ContactID, w *audience.ConsentWrite) error {
	origin := id
	var target *audience.ConsentRecord
	if w.Kind == audience.ConsentRetracted {
		var err error
		origin, _ = w.Contact.ContactID()
		if target, err = b.target(id, origin, w); err != nil {
			return err
		}
	}
	b.records = append(b.records, b.record(origin, w))
	r := &b.records[len(b.records)-1] // where the feed and the chain's end find it
	if target != nil {
		r.Scope, r.Retracts = target.Scope, target.Seq
	}
	if len(w.Evidence) > 0 {
		b.commitEvidence(r, w.Evidence)
	}
	if err := b.checkRecord(r); err != nil {
		return err
	}
	r.Hash = r.ComputeHash()
	if err := r.CheckLink(b.tx.audience.name, b.heads[origin]); err != nil {
		return err
	}
	c := b.rows[id]
	touched, err := b.applySuppressions(c, r)
	if err != nil {
		return err
	}
	b.heads[origin] = r
	if b.lineages != nil { // else nobody looks back
		b.chains[origin] = append(b.chains[origin], *r)
	}
	if target != nil {
		touched = b.takeBack(c, target)
	}
	change := Change{Kind: ChangeLedger, Contact: id, Record: r, Source: r.Source}
	if touched {
		from := b.suppressions.from(c.Addresses)
		change.SuppressedFrom = &from
	}
	b.changes = append(b.changes, change)
	return nil
}

// record makes the next record of a contact's chain, but for evidence and
// hash.
func (b *consentBatch) record(id audience.ContactID, w *audience.ConsentWrite) audience.ConsentRecord {
	r := audience.ConsentRecord{
		Contact: id, Seq: 1, Prev: audience.ChainStart(b.tx.audience.name, id),
		Kind: w.Kind, Scope: b.tx.scopeOf(w.Scope), Acted: b.tx.at, Recorded: b.tx.at,
		Mechanism: w.Mechanism, Notice: w.Notice, Source: w.Source,
	}
	if head := b.heads[id]; head != nil {
		r.Seq, r.Prev = head.Seq+1, head.Hash
	}
	if acted := audience.FromMicros(audience.Micros(w.Acted)); !w.Acted.IsZero() && acted.Before(b.tx.at) {
		r.Acted = acted
	}
	if !w.Expires.IsZero() && w.Kind.CanEnd() {
		r.Expires = audience.FromMicros(audience.Micros(w.Expires))
	}
	return r
}

// checkRecord holds a request, grant or relation to what nothing else is ever
// held to: a ledger may be full, and consent that was over before it was given
// is a mistake. Of retractions there are no more than of what they take back.
func (b *consentBatch) checkRecord(r *audience.ConsentRecord) error {
	if !r.Kind.CanEnd() {
		return nil
	}
	if limit := b.tx.audience.limits.LedgerRecords; r.Seq > uint64(limit) {
		return &audience.FieldError{Path: "ledger", Rule: "max-items", Hint: fmt.Sprintf("at most %d records of one contact; only refusals, retractions and restrictions are taken beyond", limit), Limit: true}
	}
	if !r.Expires.IsZero() && !r.Expires.After(r.Acted) {
		return &audience.FieldError{Path: "expires", Rule: "range", Hint: "an instant after the person acted"}
	}
	return nil
}

// commitEvidence keeps evidence with a fresh salt, and puts the commitment
// to both into the record.
func (b *consentBatch) commitEvidence(r *audience.ConsentRecord, evidence []byte) {
	const size = 32
	if len(b.salts) < size { // many at a time: asking for them takes longer than making them
		b.salts = make([]byte, size*(cap(b.records)-len(b.records)+1)) // the record is there already
		_, _ = rand.Read(b.salts)                                      // it never fails
	}
	salt := [size]byte(b.salts)
	b.salts = b.salts[size:]
	r.Evidence = audience.Commit(salt, evidence)
	if b.evidence == nil {
		b.evidence = make([]Record, 0, cap(b.records)-len(b.records)+1)
	}
	b.evidence = append(b.evidence, Record{
		Namespace: namespaceEvidence, Key: evidenceKey(r.Contact, r.Seq),
		Value: slices.Concat(salt[:], evidence), Contact: r.Contact,
	})
}

// applySuppressions suppresses by a refusal and lifts by a grant.
func (b *consentBatch) applySuppressions(c *audience.Contact, r *audience.ConsentRecord) (touched bool, err error) {
	if r.Kind == audience.ConsentGranted {
		return b.suppressions.grant(c.Addresses, r)
	}
	reason, ok := audience.SuppressionReasonOf(r)
	if !ok {
		return false, nil
	}
	var addresses []audience.Address
	for _, a := range c.Addresses {
		if b.suppressions.suppress(a, reason, r.Acted, r.Source) {
			addresses = append(addresses, a)
		}
	}
	// What the contact said after the refusal, though it is recorded before it.
	for _, origin := range b.lineages.originsOf(c.ID) {
		h := (&audience.History{Records: b.chains[origin]}).Resolved()
		for i := range h.Records {
			b.suppressions.lift(addresses, &h.Records[i], func(s audience.Suppression) bool { return s.Reason == reason })
		}
	}
	return len(addresses) > 0, nil
}

func (b *consentBatch) commit(ctx context.Context) ([]audience.ConsentRecord, error) {
	if err := b.tx.whole(func() error { return b.store(ctx) }); err != nil {
		return nil, err
	}
	return slices.Clone(b.records), nil // the host may change what it gets, and nobody those that were stored
}

func (b *consentBatch) store(ctx context.Context) error {
	tx := b.tx
	if len(b.evidence) > 0 {
		if _, err := tx.write.PutRecords(ctx, b.evidence, tx.at); err != nil {
			return err
		}
	}
	if err := tx.write.AppendLedger(ctx, b.records); err != nil {
		return err
	}
	if err := b.suppressions.store(ctx); err != nil {
		return err
	}
	return tx.log(ctx, b.changes...)
}

// Evidence gives the evidence that a record of the ledger commits to, after
// holding it against the commitment. Of a record without evidence, or once
// the contact was erased, it is [audience.ErrNotFound]; evidence that is not
// what the record commits to is [audience.ErrConflict].
func (r *Reader) Evidence(ctx context.Context, record audience.ConsentRecord) ([]byte, error) {
	if !record.HasEvidence() {
		return nil, &audience.NotFoundError{Kind: "evidence"}
	}
	kept, err := r.roles.Record(ctx, namespaceEvidence, evidenceKey(record.Contact, record.Seq), audience.MinInstant())
	if errors.Is(err, audience.ErrNotFound) {
		return nil, &audience.NotFoundError{Kind: "evidence"}
	}
	if err != nil {
		return nil, err
	}
	var salt [32]byte
	evidence := kept.Value[min(copy(salt[:], kept.Value), len(kept.Value)):]
	if audience.Commit(salt, evidence) != record.Evidence {
		return nil, &audience.ConflictError{Kind: "evidence", Contact: record.Contact, Hint: "the evidence is not what the ledger commits to"}
	}
	return evidence, nil
}

// evidenceKey names the evidence of a ledger record.
func evidenceKey(contact audience.ContactID, seq uint64) string {
	return contact.String() + "/" + strconv.FormatUint(seq, 10)
}
