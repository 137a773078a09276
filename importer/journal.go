package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// namespace is that of the journal among the features' records. Its keys:
//
//	job/NAME                how an import stands: a head
//	batch/JOB/NUMBER        whom a batch made, and the rows that the store refused
//	contact/JOB/ID/NUMBER   what a batch changed about somebody who was there, as a record of hers
//
//	sweep                   behind which key to go on removing what has expired
//
// JOB is a hash of the name. Heads stay; the others expire when the import can
// no longer be undone, batches after 30 days at the earliest: going on needs
// them too, and nothing in them is personal. What has expired is removed by
// [Sweep] and, a part at a time, by imports.
const namespace = "imports"

// undoFor is how long imports can be undone if nobody says otherwise.
const undoFor = 30 * 24 * time.Hour

// jobHead is how an import stands. It is written in the transaction of each
// batch, in place of the one that was read before: of two processes that run one
// import, one fails.
type jobHead struct {
	Name      string      `json:"name"`
	State     JobState    `json:"state"`
	Content   string      `json:"content,omitempty"` // SHA-256 of the file; "" of a host's own rows
	Plan      string      `json:"plan"`              // SHA-256 of what the plan decides
	Started   time.Time   `json:"started"`
	Changed   time.Time   `json:"changed"`
	UndoUntil time.Time   `json:"undo_until,omitzero"` // zero: never
	Batches   int         `json:"batches"`
	Report    Report      `json:"report"`
	Errors    *reasons    `json:"errors,omitempty"` // of the report, once the import is done
	Undone    *UndoReport `json:"undone,omitempty"`
	Undoing   undoPlace   `json:"undoing,omitzero"`
}

// journal keeps how one import stands, so that it can go on and be undone.
type journal struct {
	head    jobHead
	version uint64 // of the record; 0: there is none
}

func headKey(name string) string { return "job/" + name }

func jobKey(name string) string {
	return hash(name)[:32]
}

func batchKey(job string, batch int) string { return fmt.Sprintf("batch/%s/%08d", job, batch) }

// contactsPrefix begins the keys of what an import changed about contacts who
// were there, in order of the contacts and then of the batches.
func contactsPrefix(job string) string { return "contact/" + job + "/" }

func contactKey(job string, id audience.ContactID, batch int) string {
	return fmt.Sprintf("%s%010d/%08d", contactsPrefix(job), id, batch)
}

// loadJournal reads how an import stands; version 0 when there is none.
func loadJournal(ctx context.Context, r *store.Reader, name string) (*journal, error) {
	j := &journal{}
	rec, err := r.LoadRecord(ctx, namespace, headKey(name))
	switch {
	case errors.Is(err, audience.ErrNotFound):
		return j, nil
	case err != nil:
		return nil, err
	}
	return j, j.decode(&rec)
}

func (j *journal) decode(rec *store.Record) error {
	j.version = rec.Version
	if err := json.Unmarshal(rec.Value, &j.head); err != nil {
		return errDamaged
	}
	j.head.Report.Job = j.head.Name
	if j.head.Errors == nil {
		return nil
	}
	return j.head.Errors.all(func(_ int, e *RowError) { j.head.Report.Errors = append(j.head.Report.Errors, e) })
}

// save writes the head in place of the one that was read, and gives the
// version that it has then.
func (j *journal) save(ctx context.Context, tx *store.Tx, h *jobHead) (uint64, error) {
	h.Changed = tx.At()
	text, err := json.Marshal(h)
	if err != nil {
		return 0, err
	}
	version, err := tx.SaveRecord(ctx, store.Record{Namespace: namespace, Key: headKey(h.Name), Value: text, Version: j.version})
	if errors.Is(err, audience.ErrConflict) {
		return 0, &audience.ConflictError{Kind: "import", Hint: "another process has gone on with this import, or undoes it"}
	}
	return version, err
}

// batchRecord is what the journal keeps of a batch.
type batchRecord struct {
	Made    []byte  `json:"made,omitempty"`  // contacts that it made, packed
	Mine    []byte  `json:"mine,omitempty"`  // contacts of earlier batches that it changed, packed
	Found   []byte  `json:"found,omitempty"` // the same, with the versions that it found
	Seen    []byte  `json:"seen,omitempty"`  // contacts whom its rows are the first to be about, with the lines of these, packed
	Refused reasons `json:"refused"`         // rows that could be read and were rejected
}

// saveBatch writes what is needed to go on behind a batch and to undo it.
func (j *journal) saveBatch(ctx context.Context, b *batch, rows []*entry) error {
	job, number := jobKey(j.head.Name), j.head.Batches+1
	until, at := j.head.UndoUntil, b.tx.At() // which the first run decided, whatever the plan says by now
	var made, mine, found []idVersion
	var records []store.Record
	for _, id := range b.order {
		who := b.folk[id]
		before := b.seen[id].mine
		switch {
		case who.mine && !before:
			made = append(made, idVersion{id, who.version})
		case who.mine && who.version > 0:
			mine = append(mine, idVersion{id, who.version})
			found = append(found, idVersion{id, who.know().stored.Version})
		case !who.mine && until.After(at):
			text := who.undo(b.fields, b.limits.RecordBytes)
			records = append(records, store.Record{
				Namespace: namespace, Key: contactKey(job, id, number), Value: text, Expires: until, Contact: id,
			})
		}
	}
	seen := make([]idVersion, 0, len(b.now))
	for id, s := range b.now {
		seen = append(seen, idVersion{id, uint64(s.line)})
	}
	rec := batchRecord{Made: packIDs(made), Mine: packIDs(mine), Found: packIDs(found), Seen: packIDs(seen)}
	for _, e := range rows {
		if e.bad == nil && e.result.Outcome == Rejected {
			rec.Refused.add(e.n, e.result.Err)
		}
	}
	text, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	records = append(records, store.Record{Namespace: namespace, Key: batchKey(job, number), Value: text, Expires: latest(until, at.Add(undoFor))})
	for len(records) > 0 {
		n := min(len(records), b.limits.BatchItems)
		if _, err := b.tx.SaveRecords(ctx, records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// keptFor is how long the journal of a plan's import is kept.
func keptFor(p *Plan) time.Duration {
	if p.UndoFor > 0 {
		return p.UndoFor
	}
	return undoFor
}

// loadBatch reads what is kept of a batch; nil when it has expired.
func loadBatch(ctx context.Context, r *store.Reader, name string, number int) (*batchRecord, error) {
	rec, err := r.LoadRecord(ctx, namespace, batchKey(jobKey(name), number))
	switch {
	case errors.Is(err, audience.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	out := &batchRecord{}
	if err := json.Unmarshal(rec.Value, out); err != nil {
		return nil, errDamaged
	}
	return out, nil
}

// planHash stands for what a plan decides: neither for its name nor for what is
// told to people about it.
func planHash(p *Plan) string {
	same := *p
	same.Job, same.UndoFor = "", 0
	same.Mapping.Vendor, same.Mapping.Confidence = "", 0
	same.Mapping.Columns = nil
	for _, c := range p.Mapping.Columns {
		c.Confidence, c.Why = 0, ""
		same.Mapping.Columns = append(same.Mapping.Columns, c)
	}
	if p.Layout != nil {
		layout := *p.Layout
		layout.Questions, layout.Notes = nil, nil
		same.Layout = &layout
	}
	text, _ := json.Marshal(same) // it holds nothing that cannot be
	return hash(string(text))
}

// hash gives the hash of texts without NUL.
func hash(texts ...string) string {
	h := sha256.New()
	for _, text := range texts {
		h.Write([]byte(text))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
