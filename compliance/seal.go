package compliance

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const (
	sealPurpose = "audience/compliance/seal/v1"
	sealVersion = 1
	headsMark   = "audiencekit heads 1\n"
	// maxSealBytes bounds what ParseSeal reads.
	maxSealBytes = 4 << 10
	headsPage    = 1_000
)

// Digest is 32 bytes that are written in hexadecimal.
type Digest [32]byte

// MarshalText writes hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != 2*len(d) {
		return &audience.FieldError{Path: "digest", Rule: "length", Hint: "64 hexadecimal digits"}
	}
	if _, err := hex.Decode(d[:], text); err != nil || !bytes.Equal(hex.AppendEncode(nil, d[:]), text) {
		return &audience.FieldError{Path: "digest", Rule: "hex", Hint: "64 lower-case hexadecimal digits"}
	}
	return nil
}

// Seal says what the ledger of an audience was at an instant: the root of a
// Merkle tree (RFC 6962) over the ends of all chains, also of those who were
// deleted or erased, in order of contact. The host keeps it where nobody can
// reach who can write to the database: then no record from before it can be
// changed, removed, moved or cut off unseen. It holds nothing personal.
type Seal struct {
	Version   int       `json:"version"`
	Audience  string    `json:"audience"`
	At        time.Time `json:"at"`
	Position  string    `json:"position"` // of the feed
	Chains    uint64    `json:"chains"`
	Records   uint64    `json:"records"` // in all chains together
	Root      Digest    `json:"root"`
	Key       string    `json:"key"`                 // id of the key of the MAC
	MAC       Digest    `json:"mac"`                 // HMAC-SHA256
	Signature string    `json:"signature,omitempty"` // Ed25519, in hexadecimal
}

// statement gives the bytes that are signed: each member on a line of its own,
// none of which can hold a line break.
func (s *Seal) statement() []byte {
	return fmt.Appendf(nil, "audiencekit seal %d\n%q\n%s\n%q\n%d\n%d\n%x\n%q\n",
		s.Version, s.Audience, instantText(s.At), s.Position, s.Chains, s.Records, s.Root, s.Key)
}

func (l *Ledger) mac(s *Seal) (Digest, bool) {
	key, ok := l.aud.Keys().Derive(s.Key, sealPurpose)
	if !ok {
		return Digest{}, false
	}
	m := hmac.New(sha256.New, key)
	m.Write(s.statement())
	var out Digest
	m.Sum(out[:0])
	return out, true
}

// SignedBy reports whether the seal carries the Ed25519 signature of a key.
func (s *Seal) SignedBy(key ed25519.PublicKey) bool {
	sig, err := hex.DecodeString(s.Signature)
	return err == nil && len(key) == ed25519.PublicKeySize && ed25519.Verify(key, s.statement(), sig)
}

// authentic reports whether the seal was made by this ledger.
func (l *Ledger) authentic(s *Seal) bool {
	want, ok := l.mac(s)
	if !ok || s.Version != sealVersion || s.Audience != l.aud.Name() || !hmac.Equal(want[:], s.MAC[:]) {
		return false
	}
	if l.signer == nil {
		return true
	}
	public, ok := l.signer.Public().(ed25519.PublicKey)
	return ok && s.SignedBy(public)
}

// Seal seals the ledger as it is. The ends of all chains are written to heads,
// 44 bytes each, in order of contact, for [Ledger.Verify] and
// [Seal.Inclusion]: they are to be kept beside the seal and hold nothing
// personal; nil leaves them out. It goes through all chains once, in one
// snapshot, with constant memory. Without keys it is [audience.ErrDenied].
func (l *Ledger) Seal(ctx context.Context, heads io.Writer) (Seal, error) {
	keys := l.aud.Keys()
	if keys.IsZero() {
		return Seal{}, &audience.DeniedError{Rule: "key", Hint: "sealing needs Options.Keys"}
	}
	s := Seal{Version: sealVersion, Audience: l.aud.Name(), Key: keys.Primary()}
	if heads == nil {
		heads = io.Discard
	}
	w := bufio.NewWriter(heads)
	var t tree
	err := l.aud.View(ctx, func(r *store.Reader) error {
		pos, err := r.Position(ctx)
		if err != nil {
			return err
		}
		s.At, s.Position = l.aud.Now(), pos.String()
		_, _ = w.WriteString(headsMark) // what fails to be written fails to be flushed
		return eachHead(ctx, r, 0, func(h head) error {
			b := h.bytes()
			t.add(h.leaf(), false)
			s.Records += h.seq
			_, err := w.Write(b[:])
			return err
		})
	})
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return Seal{}, err
	}
	s.Chains, s.Root = t.size, t.root()
	s.MAC, _ = l.mac(&s) // the primary key is there
	if l.signer != nil {
		sig, err := l.signer.Sign(rand.Reader, s.statement(), crypto.Hash(0))
		if err != nil {
			return Seal{}, err
		}
		s.Signature = hex.EncodeToString(sig)
	}
	return s, nil
}

// eachHead visits the ends of all chains behind a contact. Of a page of which
// one end cannot be decoded it visits those in front of it before it gives up.
func eachHead(ctx context.Context, r *store.Reader, after audience.ContactID, visit func(head) error) error {
	for size := headsPage; ; {
		page, err := r.LedgerHeads(ctx, after, size)
		if err != nil && size > 1 && isDamage(ctx, err) {
			size = max(1, size/10)
			continue
		}
		if err != nil {
			return err
		}
		for i := range page {
			after = page[i].Contact
			if err := visit(head{page[i].Contact, page[i].Seq, page[i].Hash}); err != nil {
				return err
			}
		}
		if len(page) < size {
			return nil
		}
	}
}

// ParseSeal reads a seal from the JSON that encoding/json makes of it. That it
// is genuine is for [Ledger.Verify] to say.
func ParseSeal(b []byte) (Seal, error) {
	bad := &audience.FieldError{Path: "seal", Rule: "json", Hint: "a seal as it was written"}
	if len(b) > maxSealBytes {
		return Seal{}, &audience.FieldError{Path: "seal", Rule: "max-length", Hint: fmt.Sprintf("at most %d bytes", maxSealBytes), Limit: true}
	}
	var s Seal
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&s) != nil || s.Version != sealVersion {
		return Seal{}, bad
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Seal{}, bad
	}
	if _, err := audience.Instant(s.At); err != nil {
		return Seal{}, bad
	}
	return s, nil
}

// headReader reads the ends of chains in order of contact.
type headReader struct {
	r    *bufio.Reader
	last audience.ContactID
}

func newHeadReader(r io.Reader) (*headReader, error) {
	h := &headReader{r: bufio.NewReader(r)}
	mark := make([]byte, len(headsMark))
	if _, err := io.ReadFull(h.r, mark); err != nil || string(mark) != headsMark {
		return nil, errHeads(err)
	}
	return h, nil
}

// errHeads is about a file of heads that is none; errors of reading are given
// on.
func errHeads(err error) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return &audience.FieldError{Path: "heads", Rule: "format", Hint: "the heads that Seal wrote, whole"}
}

// next gives the next head; false at the end.
func (h *headReader) next() (head, bool, error) {
	var b [headBytes]byte
	switch _, err := io.ReadFull(h.r, b[:]); {
	case errors.Is(err, io.EOF):
		return head{}, false, nil
	case err != nil:
		return head{}, false, errHeads(err)
	}
	out := parseHead(&b)
	if out.contact <= h.last || out.seq == 0 {
		return head{}, false, errHeads(nil)
	}
	h.last = out.contact
	return out, true, nil
}

// Inclusion shows that the end of a contact's chain is under a seal.
type Inclusion struct {
	Contact audience.ContactID `json:"contact"`
	Seq     uint64             `json:"seq"`
	Hash    Digest             `json:"hash"`
	Index   uint64             `json:"index"` // of the leaf
	Path    []Digest           `json:"path"`  // from the leaf to the root
}

// Inclusion finds a contact among the heads of a seal and gives the path from
// her to its root. It is [audience.ErrNotFound] when nothing was recorded of
// her by then, and [audience.ErrConflict] when the heads are of another seal.
func (s *Seal) Inclusion(heads io.Reader, contact audience.ContactID) (Inclusion, error) {
	in, err := newHeadReader(heads)
	if err != nil {
		return Inclusion{}, err
	}
	var t tree
	out := Inclusion{Contact: contact}
	for {
		h, ok, err := in.next()
		if err != nil {
			return Inclusion{}, err
		}
		if !ok {
			break
		}
		if h.contact == contact {
			out.Seq, out.Hash, out.Index = h.seq, h.hash, t.size
		}
		t.add(h.leaf(), h.contact == contact)
	}
	switch root := t.root(); {
	case root != s.Root || t.size != s.Chains:
		return Inclusion{}, &audience.ConflictError{Kind: "seal", Hint: "the heads are not those of the seal"}
	case out.Seq == 0:
		return Inclusion{}, &audience.NotFoundError{Kind: "contact", Name: contact.String()}
	}
	for _, p := range t.path {
		out.Path = append(out.Path, p)
	}
	return out, nil
}

// Includes reports whether an inclusion leads to the root of the seal.
func (s *Seal) Includes(inc *Inclusion) bool {
	h := head{inc.Contact, inc.Seq, inc.Hash}
	path := make([][32]byte, len(inc.Path))
	for i, p := range inc.Path {
		path[i] = p
	}
	root, ok := climb(h.leaf(), inc.Index, s.Chains, path)
	return ok && root == s.Root
}
