package compliance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const (
	filePurpose = "audience/compliance/suppressions-file/v1"
	fileFormat  = "audiencekit suppressions 1"
	// maxLineBytes bounds a line of a file of suppressions.
	maxLineBytes = 4 << 10
	// importBatch is how many rows are written in one transaction.
	importBatch = 5_000
	// maxTold bounds the hashes that an import remembers at a time, to find
	// whose they are.
	maxTold = 1 << 20
)

// fileHead is the first line of a file, fileRow each in between and fileEnd the
// last.
type fileHead struct {
	Format   string    `json:"format"`
	Audience string    `json:"audience"`
	At       time.Time `json:"at"`
}

type fileRow struct {
	Key    string    `json:"key"`
	Hash   Digest    `json:"hash"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Lifted time.Time `json:"lifted,omitzero"` // only of what will stand again
	Until  time.Time `json:"until,omitzero"`
}

type fileEnd struct {
	Rows int    `json:"rows"`
	Key  string `json:"key"`
	MAC  Digest `json:"mac"` // HMAC-SHA256 over all lines before
}

// ExportSuppressions writes every suppression that stands or will stand again,
// as keyed hashes without an address: a line of JSON for each, between a first
// line that says what it is and a last one that says how many there are and
// holds a MAC. It gives the number of rows. The hashes are still personal data
// of whoever has the keys. Without keys it is [audience.ErrDenied].
func (l *Ledger) ExportSuppressions(ctx context.Context, w io.Writer) (int, error) {
	mac, ok := l.fileMAC(l.aud.Keys().Primary())
	if !ok {
		return 0, &audience.DeniedError{Rule: "key", Hint: "suppressions need Options.Keys"}
	}
	buffered := bufio.NewWriter(w)
	out := json.NewEncoder(io.MultiWriter(buffered, mac))
	n := 0
	err := l.aud.View(ctx, func(r *store.Reader) error {
		if err := out.Encode(fileHead{fileFormat, l.aud.Name(), l.aud.Now()}); err != nil {
			return err
		}
		for after := (audience.Suppression{}); ; {
			page, err := r.AllSuppressions(ctx, after, headsPage)
			if err != nil || len(page) == 0 {
				return err
			}
			for i := range page {
				s := &page[i]
				if _, stands := s.StandsFrom(); !stands {
					continue
				}
				n++
				if err := out.Encode(fileRow{s.Hash.Key, s.Hash.Sum, s.Reason.String(), s.At, s.Lifted, s.LiftedUntil}); err != nil {
					return err
				}
			}
			after = page[len(page)-1]
		}
	})
	if err != nil {
		return 0, err
	}
	end := fileEnd{Rows: n, Key: l.aud.Keys().Primary()}
	mac.Sum(end.MAC[:0])
	if err := json.NewEncoder(buffered).Encode(end); err != nil {
		return 0, err
	}
	return n, buffered.Flush()
}

func (l *Ledger) fileMAC(id string) (hash.Hash, bool) {
	key, ok := l.aud.Keys().Derive(id, filePurpose)
	if !ok {
		return nil, false
	}
	return hmac.New(sha256.New, key), true
}

// SuppressionImport says what an import of suppressions did.
type SuppressionImport struct {
	Rows     int // read
	Changed  int // added or raised
	Contacts int // who have an address among those
}

// ImportSuppressions takes over a file of [Ledger.ExportSuppressions] of an
// audience of the same name with the same keys, such as after a backup was
// restored. It only adds and raises: nothing is lifted, and a refusal that was
// lifted since the file was written does not come back. Rows are written as they are read,
// some thousand in a transaction, so a file that breaks off has been taken over
// up to there; then, and when the MAC does not fit, the error is
// [audience.ErrInvalid]. A row under a key that is not given is
// [audience.ErrDenied].
func (l *Ledger) ImportSuppressions(ctx context.Context, r io.Reader, source audience.Source) (SuppressionImport, error) {
	in := suppressionFile{lines: bufio.NewReaderSize(r, maxLineBytes), l: l}
	imp := suppressionImport{l: l, source: source, changed: make(map[audience.AddressHash]bool)}
	if err := in.open(); err != nil {
		return imp.out, err
	}
	for {
		s, ok, err := in.next()
		if err != nil {
			return imp.out, errors.Join(err, imp.end(ctx))
		}
		if !ok {
			return imp.out, imp.end(ctx)
		}
		s.Source = source
		if err := imp.add(ctx, s); err != nil {
			return imp.out, err
		}
	}
}

// suppressionFile reads a file line by line.
type suppressionFile struct {
	l      *Ledger
	lines  *bufio.Reader
	number int
	macs   map[string]hash.Hash // under each key, since only the last line says which
}

func (f *suppressionFile) line() ([]byte, error) {
	line, err := f.lines.ReadSlice('\n')
	f.number++
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, f.bad("max-length", "lines of at most 4,096 bytes", true)
	case errors.Is(err, io.EOF):
		return nil, f.bad("end", "a last line with the number of rows: the file breaks off", false)
	}
	return line, err
}

func (f *suppressionFile) bad(rule, hint string, limit bool) error {
	return &audience.FieldError{Path: "line " + strconv.Itoa(f.number), Rule: rule, Hint: hint, Limit: limit}
}

// decode reads the one JSON value of a line.
func decode(line []byte, to any) bool {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if d.Decode(to) != nil {
		return false
	}
	_, err := d.Token()
	return errors.Is(err, io.EOF)
}

func (f *suppressionFile) open() error {
	keys := f.l.aud.Keys()
	if keys.IsZero() {
		return &audience.DeniedError{Rule: "key", Hint: "suppressions need Options.Keys"}
	}
	f.macs = make(map[string]hash.Hash)
	for _, id := range keys.IDs() {
		f.macs[id], _ = f.l.fileMAC(id)
	}
	line, err := f.line()
	if err != nil {
		return err
	}
	var head fileHead
	switch {
	case !decode(line, &head) || head.Format != fileFormat:
		return f.bad("format", "a file of suppressions, version 1", false)
	case head.Audience != f.l.aud.Name():
		return f.bad("audience", "a file of this audience: hashes of another one match nobody", false)
	}
	f.sum(line)
	return nil
}

func (f *suppressionFile) sum(line []byte) {
	for _, m := range f.macs {
		m.Write(line)
	}
}

// next gives the next suppression; false at the end, which was in order.
func (f *suppressionFile) next() (audience.Suppression, bool, error) {
	line, err := f.line()
	if err != nil {
		return audience.Suppression{}, false, err
	}
	var row fileRow
	if !decode(line, &row) {
		return audience.Suppression{}, false, f.close(line)
	}
	f.sum(line)
	reason, ok := suppressionReason(row.Reason)
	if !ok {
		return audience.Suppression{}, false, f.bad("reason", "withdrawn, bounced, complained, manual or erased", false)
	}
	hashed := audience.AddressHash{Key: row.Key, Sum: row.Hash}
	return audience.Suppression{Hash: hashed, Reason: reason, At: row.At, Lifted: row.Lifted, LiftedUntil: row.Until}, true, nil
}

// close checks the last line.
func (f *suppressionFile) close(line []byte) error {
	var end fileEnd
	if !decode(line, &end) {
		return f.bad("format", "a suppression, or the last line", false)
	}
	mac, ok := f.macs[end.Key]
	if !ok {
		return &audience.DeniedError{Rule: "key", Hint: "the file was written under a key that Options.Keys does not have"}
	}
	if end.Rows != f.number-2 || !hmac.Equal(mac.Sum(nil), end.MAC[:]) {
		return f.bad("mac", "the lines as they were written, all of them", false)
	}
	if _, err := f.lines.ReadByte(); !errors.Is(err, io.EOF) {
		return f.bad("end", "nothing behind the last line", false)
	}
	return nil
}

func suppressionReason(text string) (audience.SuppressionReason, bool) {
	for r := audience.SuppressedWithdrawn; r <= audience.SuppressedErased; r++ {
		if r.String() == text {
			return r, true
		}
	}
	return 0, false
}

// suppressionImport writes batches, and tells the feed of contacts who have an
// address among what changed.
type suppressionImport struct {
	l       *Ledger
	source  audience.Source
	batch   []audience.Suppression
	changed map[audience.AddressHash]bool
	out     SuppressionImport
}

func (imp *suppressionImport) add(ctx context.Context, s audience.Suppression) error {
	imp.out.Rows++
	imp.batch = append(imp.batch, s)
	if len(imp.batch) < min(importBatch, imp.l.aud.Limits().BatchItems) {
		return nil
	}
	return imp.flush(ctx)
}

func (imp *suppressionImport) flush(ctx context.Context) error {
	if len(imp.batch) == 0 {
		return nil
	}
	var changed []bool
	if _, err := imp.l.aud.Update(ctx, func(tx *store.Tx) (err error) {
		changed, err = tx.SuppressHashes(ctx, imp.batch...)
		return err
	}); err != nil {
		return err
	}
	for i, is := range changed {
		if is {
			imp.out.Changed++
			imp.changed[imp.batch[i].Hash] = true
		}
	}
	imp.batch = imp.batch[:0]
	if len(imp.changed) < maxTold {
		return nil
	}
	return imp.tell(ctx)
}

func (imp *suppressionImport) end(ctx context.Context) error {
	if err := imp.flush(ctx); err != nil {
		return err
	}
	return imp.tell(ctx)
}

// tell goes through all contacts for those whose addresses are among what
// changed. It runs after the commits: who gets such an address later is told by
// the write that gives it to her.
func (imp *suppressionImport) tell(ctx context.Context) error {
	if len(imp.changed) == 0 {
		return nil
	}
	aud := imp.l.aud
	err := eachContactPage(ctx, aud, func(page []audience.Contact) error {
		var ids []audience.ContactID
		for i := range page {
			if imp.concerns(&page[i]) {
				ids = append(ids, page[i].ID)
			}
		}
		imp.out.Contacts += len(ids)
		if len(ids) == 0 {
			return nil
		}
		_, err := aud.Update(ctx, func(tx *store.Tx) error { return tx.AnnounceSuppressions(ctx, imp.source, ids...) })
		return err
	})
	clear(imp.changed)
	return err
}

func (imp *suppressionImport) concerns(c *audience.Contact) bool {
	for _, a := range c.Addresses {
		for _, h := range imp.l.aud.Keys().AddressHashes(imp.l.aud.Name(), a) {
			if imp.changed[h] {
				return true
			}
		}
	}
	return false
}

// eachContactPage visits all contacts in pages, each read in a snapshot of its
// own.
func eachContactPage(ctx context.Context, aud *store.Audience, visit func([]audience.Contact) error) error {
	for after := store.Cursor(""); ; {
		var page store.Page[audience.Contact]
		if err := aud.View(ctx, func(r *store.Reader) (err error) {
			page, err = r.Contacts(ctx, store.ContactQuery{After: after, Limit: headsPage})
			return err
		}); err != nil {
			return err
		}
		if err := visit(page.Items); err != nil {
			return err
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}
