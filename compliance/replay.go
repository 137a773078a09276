package compliance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// The register of erasures is text: a line that says what it is, one line of
// JSON per person, and a line with a MAC over all lines before it.
const (
	registerHead    = "audiencekit erasures 1 "
	registerFoot    = "mac "
	registerPurpose = "audience/compliance/erasures/v1"
	registerLine    = 64 << 10 // bytes of a line at most
)

// WriteRegister writes the register of those who were erased, and gives how many
// lines it has: who had no address is in it only when she was erased by a request
// or a rule. The host keeps it away from the backups of the database: after one of these was
// restored, [Rights.Replay] erases them again. It names nobody: it holds
// contact ids, keyed hashes of addresses and instants.
func (r *Rights) WriteRegister(ctx context.Context, w io.Writer) (int, error) {
	keys := r.ledger.aud.Keys()
	secret, ok := keys.Derive(keys.Primary(), registerPurpose)
	if !ok {
		return 0, &audience.DeniedError{Rule: "key", Hint: "the register needs store.Options.Keys"}
	}
	mac := hmac.New(sha256.New, secret)
	out := bufio.NewWriter(io.MultiWriter(w, mac))
	_, _ = fmt.Fprintf(out, "%s%s %s\n", registerHead, keys.Primary(), r.ledger.aud.Name())
	n := 0
	for after := ""; ; {
		var page []store.Record
		err := r.ledger.aud.View(ctx, func(rd *store.Reader) (err error) {
			page, err = rd.Records(ctx, namespaceErased, "", after, batch)
			return err
		})
		if err != nil {
			return n, err
		}
		for _, rec := range page {
			after = rec.Key
			_, _ = out.Write(append(rec.Value, '\n'))
			n++
		}
		if len(page) < batch {
			break
		}
	}
	others, err := r.writeTombstones(ctx, out)
	if err != nil {
		return n, err
	}
	n += others
	if err := out.Flush(); err != nil {
		return n, err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", registerFoot, hex.EncodeToString(mac.Sum(nil)))
	return n, err
}

// writeTombstones writes the addresses of those who were erased without a
// request, by [store.Tx.Erase]. Those of requests come once more, which does no
// harm.
func (r *Rights) writeTombstones(ctx context.Context, out io.Writer) (n int, err error) {
	for after := (audience.Suppression{}); ; {
		var page []audience.Suppression
		if err := r.ledger.aud.View(ctx, func(rd *store.Reader) (err error) {
			page, err = rd.AllSuppressions(ctx, after, batch)
			return err
		}); err != nil {
			return n, err
		}
		for _, s := range page {
			after = s
			if s.Reason != audience.SuppressedErased || !s.Stands(r.ledger.aud.Now()) {
				continue
			}
			b, err := json.Marshal(&erasedPerson{Hashes: []string{s.Hash.Key + ":" + hex.EncodeToString(s.Hash.Sum[:])}, At: s.At})
			if err != nil {
				return n, err
			}
			if _, err := out.Write(append(b, '\n')); err != nil {
				return n, err
			}
			n++
		}
		if len(page) < batch {
			return n, nil
		}
	}
}

// ReplayReport says what a replay did.
type ReplayReport struct {
	Read   int // lines of the register, one or more for a person
	Erased int // people who were there again
}

// Replay erases again whoever a register names, before a database that was
// restored from a backup is served: contacts by their id, where it is still
// the same person, and everybody who has one of the addresses. Hosts' own
// holders are asked too. The addresses are suppressed for whoever comes next.
//
// A register that was changed, cut short, or is of another audience is
// [audience.ErrInvalid], and nothing is erased.
func (r *Rights) Replay(ctx context.Context, register io.Reader) (ReplayReport, error) {
	people, err := r.readRegister(register)
	if err != nil {
		return ReplayReport{}, err
	}
	out := ReplayReport{Read: len(people)}
	if len(people) == 0 {
		return out, nil
	}
	found, err := r.findErased(ctx, people)
	if err != nil {
		return out, err
	}
	for _, id := range found {
		var s Subject
		if err := r.ledger.aud.View(ctx, func(rd *store.Reader) (err error) {
			s, err = r.subject(ctx, rd, id)
			return err
		}); err != nil {
			return out, err
		}
		for _, h := range r.holders {
			if _, err := h.Erase(ctx, s); err != nil {
				return out, fmt.Errorf("compliance: erase again by %s: %w", h.Name(), err)
			}
		}
		out.Erased++
	}
	return out, r.holdErased(ctx, people)
}

// findErased gives the contacts who are there again.
func (r *Rights) findErased(ctx context.Context, people []erasedPerson) ([]audience.ContactID, error) {
	byID := make(map[audience.ContactID]*erasedPerson, len(people))
	hashes := make(map[string]bool)
	for i := range people {
		if people[i].Contact != 0 {
			byID[people[i].Contact] = &people[i]
		}
		for _, h := range people[i].Hashes {
			hashes[h] = true
		}
	}
	keys, name := r.ledger.aud.Keys(), r.ledger.aud.Name()
	var found []audience.ContactID
	err := eachContactPage(ctx, r.ledger.aud, func(page []audience.Contact) error {
		for i := range page {
			c := &page[i]
			e, ok := byID[c.ID]
			same := ok && e.Created.Equal(c.CreatedAt)
			for _, a := range c.Addresses {
				for _, h := range keys.AddressHashes(name, a) {
					same = same || hashes[h.Key+":"+hex.EncodeToString(h.Sum[:])]
				}
			}
			if same {
				found = append(found, c.ID)
			}
		}
		return nil
	})
	return found, err
}

// holdErased puts tombstones for the addresses, under the keys that the
// audience has, and the register itself back.
func (r *Rights) holdErased(ctx context.Context, people []erasedPerson) error {
	keys := r.ledger.aud.Keys()
	for from := 0; from < len(people); from += batch {
		_, err := r.ledger.aud.Update(ctx, func(tx *store.Tx) error {
			var rows []audience.Suppression
			for _, e := range people[from:min(from+batch, len(people))] {
				for _, text := range e.Hashes {
					h, ok := parseHash(text)
					if ok && keys.Has(h.Key) {
						rows = append(rows, audience.Suppression{Hash: h, Reason: audience.SuppressedErased, At: e.At, Source: audience.Source{Name: "replay"}})
					}
				}
				if e.Contact == 0 {
					continue
				}
				if err := keepErased(ctx, tx, &e); err != nil {
					return err
				}
			}
			for some := range slices.Chunk(rows, batch) {
				if _, err := tx.SuppressHashes(ctx, some...); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func keepErased(ctx context.Context, tx *store.Tx, e *erasedPerson) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	rec, err := tx.LoadRecord(ctx, namespaceErased, e.key())
	if err != nil && !errors.Is(err, audience.ErrNotFound) {
		return err
	}
	_, err = tx.SaveRecord(ctx, store.Record{Namespace: namespaceErased, Key: e.key(), Value: b, Version: rec.Version})
	return err
}

func parseHash(text string) (audience.AddressHash, bool) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return audience.AddressHash{}, false
	}
	h := audience.AddressHash{Key: text[:i]}
	n, err := hex.Decode(h.Sum[:], []byte(text[i+1:]))
	return h, err == nil && n == len(h.Sum)
}

// readRegister reads a register and checks that it is whole.
func (r *Rights) readRegister(register io.Reader) ([]erasedPerson, error) {
	bad := func(line int, hint string) error {
		return &audience.FieldError{Path: fmt.Sprintf("register line %d", line), Rule: "register", Hint: hint}
	}
	lines := bufio.NewScanner(register)
	lines.Buffer(nil, registerLine)
	if !lines.Scan() {
		return nil, bad(1, "a register that WriteRegister wrote")
	}
	keyID, ok := r.registerKey(lines.Text())
	if !ok {
		return nil, bad(1, "a register of this audience, under a key that it was opened with")
	}
	secret, _ := r.ledger.aud.Keys().Derive(keyID, registerPurpose)
	mac := hmac.New(sha256.New, secret)
	mac.Write(append(lines.Bytes(), '\n'))
	var out []erasedPerson
	for n := 2; lines.Scan(); n++ {
		line := lines.Bytes()
		if foot, ok := bytes.CutPrefix(line, []byte(registerFoot)); ok {
			sum, err := hex.DecodeString(string(foot))
			if err != nil || !hmac.Equal(sum, mac.Sum(nil)) || lines.Scan() {
				return nil, bad(n, "the MAC over all lines before it, and nothing after it: the register was changed")
			}
			return out, nil
		}
		mac.Write(append(line, '\n'))
		var e erasedPerson
		if err := json.Unmarshal(line, &e); err != nil || e.Contact == 0 && len(e.Hashes) == 0 {
			return nil, bad(n, "one person as JSON")
		}
		out = append(out, e)
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return nil, err
	}
	return nil, bad(len(out)+2, "a line with the MAC: the register was cut short")
}

// registerKey gives the key that a first line names, if it is about this
// audience.
func (r *Rights) registerKey(line string) (string, bool) {
	keys := r.ledger.aud.Keys()
	for _, id := range keys.IDs() {
		if line == registerHead+id+" "+r.ledger.aud.Name() {
			return id, true
		}
	}
	return "", false
}
