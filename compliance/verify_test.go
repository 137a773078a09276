package compliance_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// sealed is a world with chains of several lengths, and its seal.
type sealed struct {
	*world
	ids   []audience.ContactID
	long  audience.ContactID // whose chain has 1,000 records
	seal  compliance.Seal
	heads []byte
}

func newSealed(t *testing.T, change ...func(*compliance.LedgerOptions)) *sealed {
	t.Helper()
	s := &sealed{world: newWorld(t, change...)}
	for i, n := range []int{1, 3, 1_000, 2, 7} {
		id := s.put(fmt.Sprint("u", i), fmt.Sprintf("u%d@example.com", i))
		s.ids = append(s.ids, id)
		s.fill(id, n)
	}
	s.long = s.ids[2]
	s.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.ID(s.ids[3])) })
	s.later(time.Second)
	s.seal, s.heads = s.makeSeal()
	s.later(time.Second)
	return s
}

// fill appends records to a chain.
func (s *sealed) fill(id audience.ContactID, n int) {
	writes := make([]audience.ConsentWrite, n)
	for i := range writes {
		writes[i] = audience.ConsentWrite{Contact: audience.ID(id), Kind: audience.ConsentRequested, Scope: audience.MarketingScope()}
		if i%2 == 1 {
			writes[i].Kind = audience.ConsentBounced
		}
	}
	s.update(func(tx *store.Tx) error {
		_, err := tx.Record(s.t.Context(), writes...)
		return err
	})
}

func (s *sealed) makeSeal() (compliance.Seal, []byte) {
	s.t.Helper()
	var heads bytes.Buffer
	seal, err := s.Seal(s.t.Context(), &heads)
	require.NoError(s.t, err)
	return seal, heads.Bytes()
}

func (s *sealed) verify(opts compliance.VerifyOptions) compliance.Report {
	s.t.Helper()
	out, err := s.Verify(s.t.Context(), opts)
	require.NoError(s.t, err)
	return out
}

func (s *sealed) against() compliance.VerifyOptions {
	return compliance.VerifyOptions{Seal: &s.seal, Heads: bytes.NewReader(s.heads)}
}

func edit(r *audience.ConsentRecord) { r.Mechanism = "forged" }

// relink gives a chain right numbers and hashes from a place on.
func relink(chain []audience.ConsentRecord, from int) {
	for i := from; i < len(chain); i++ {
		chain[i].Seq, chain[i].Prev = uint64(i)+1, audience.ChainStart("main", chain[i].Contact)
		if i > 0 {
			chain[i].Prev = chain[i-1].Hash
		}
		chain[i].Hash = chain[i].ComputeHash()
	}
}

// TestVerifyFindsManipulations is case O19 (R-LED-01).
func TestVerifyFindsManipulations(t *testing.T) {
	type chain = []audience.ConsentRecord
	tests := []struct {
		name   string
		change func(chain) chain
		kind   compliance.FindingKind
		seq    uint64
		alone  bool // found without a seal as well
	}{
		{"O19 one is edited", func(c chain) chain { edit(&c[499]); return c }, compliance.FindingAltered, 500, true},
		{"O19 one is edited, with its hash", func(c chain) chain {
			edit(&c[499])
			c[499].Hash = c[499].ComputeHash()
			return c
		}, compliance.FindingAltered, 500, true},
		{"O19 the first is edited, with its hash", func(c chain) chain {
			edit(&c[0])
			c[0].Hash = c[0].ComputeHash()
			return c
		}, compliance.FindingAltered, 1, true},
		{"O19 one is deleted", func(c chain) chain { return slices.Delete(c, 499, 500) }, compliance.FindingMissing, 500, true},
		{"O19 the first is deleted", func(c chain) chain { return c[1:] }, compliance.FindingMissing, 1, true},
		{"O19 two are swapped", func(c chain) chain { c[499], c[500] = c[500], c[499]; return c }, compliance.FindingReordered, 500, true},
		{"O19 two are swapped, with their numbers", func(c chain) chain {
			c[499], c[500] = c[500], c[499]
			for i := 499; i <= 500; i++ {
				c[i].Seq = uint64(i) + 1
				c[i].Hash = c[i].ComputeHash()
			}
			return c
		}, compliance.FindingReordered, 500, true},
		{"O19 the last ten are cut off", func(c chain) chain { return c[:990] }, compliance.FindingTruncated, 991, false},
		{"O19 the tail is written anew with right hashes", func(c chain) chain {
			edit(&c[800])
			relink(c, 800)
			return c
		}, compliance.FindingForked, 1_000, false},
		{"O19 one is deleted and the rest written anew", func(c chain) chain {
			c = slices.Delete(c, 800, 801)
			relink(c, 800)
			return c
		}, compliance.FindingTruncated, 1_000, false},
		{"the last is edited, with its hash", func(c chain) chain {
			edit(&c[999])
			relink(c, 999)
			return c
		}, compliance.FindingForked, 1_000, false},
		{"all are deleted", func(chain) chain { return nil }, compliance.FindingMissing, 1, false},
		{"a grant without evidence is put in with right hashes", func(c chain) chain {
			c[800].Kind, c[800].Mechanism = audience.ConsentGranted, audience.MechanismPaper
			relink(c, 800)
			return c
		}, compliance.FindingAltered, 801, true},
	}
	s := newSealed(t)
	require.Empty(t, s.verify(s.against()).Findings)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.tamper.of, s.tamper.change = s.long, tt.change
			defer func() { s.tamper.change = nil }()
			want := []compliance.Finding{{Kind: tt.kind, Contact: s.long, Seq: tt.seq}}
			got := s.verify(s.against())
			require.Equal(t, want, got.Findings)
			require.False(t, got.OK())
			if !tt.alone {
				want = nil
			}
			require.Equal(t, want, s.verify(compliance.VerifyOptions{}).Findings, "without a seal")
			blind := s.verify(compliance.VerifyOptions{Seal: &s.seal})
			require.False(t, blind.OK(), "without heads")
			if !tt.alone {
				require.Equal(t, []compliance.Finding{{Kind: compliance.FindingRoot}}, blind.Findings)
			}
		})
	}
}

// TestVerifyLetsChainsGrow: what was sealed is found at its number.
func TestVerifyLetsChainsGrow(t *testing.T) {
	s := newSealed(t)
	s.fill(s.ids[0], 5)
	s.fill(s.put("new", "new@example.com"), 2)
	s.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.ID(s.ids[1])) })
	last := uint64(0)
	opts := s.against()
	opts.Progress = func(_, records uint64) { last = records }
	got := s.verify(opts)
	require.Empty(t, got.Findings)
	require.True(t, got.OK())
	require.Equal(t, uint64(6), got.Chains)
	require.Equal(t, s.seal.Records+7, got.Records)
	require.Equal(t, got.Records, last)
	require.Empty(t, s.verify(compliance.VerifyOptions{Seal: &s.seal}).Findings, "by instants")

	s.tamper.of, s.tamper.change = s.ids[0], func(c []audience.ConsentRecord) []audience.ConsentRecord { return c[:4] }
	require.Empty(t, s.verify(s.against()).Findings, "it was sealed with one record")
	s.tamper.broken = s.ids[1]
	require.Equal(t, []compliance.Finding{{Kind: compliance.FindingUnreadable, Contact: s.ids[1], Seq: 1}}, s.verify(s.against()).Findings)
	s.tamper.end = true
	for _, id := range s.ids {
		s.tamper.broken = id
		got := s.verify(s.against())
		require.Equal(t, []compliance.Finding{{Kind: compliance.FindingUnreadable, Contact: id, Seq: 1}}, got.Findings, "and the others are gone through")
		require.Equal(t, uint64(6), got.Chains)
	}
	_, err := s.Seal(t.Context(), nil)
	require.ErrorIs(t, err, errDamaged, "what cannot be read is not sealed")
}

// TestVerifySignature: a seal that was tampered with says nothing.
func TestVerifySignature(t *testing.T) {
	s := newSealed(t)
	for name, change := range map[string]func(*compliance.Seal){
		"root": func(x *compliance.Seal) { x.Root[3]++ }, "chains": func(x *compliance.Seal) { x.Chains-- },
		"records": func(x *compliance.Seal) { x.Records++ }, "instant": func(x *compliance.Seal) { x.At = x.At.Add(time.Microsecond) },
		"mac": func(x *compliance.Seal) { x.MAC[31] ^= 1 }, "key": func(x *compliance.Seal) { x.Key = "k2" },
		"audience": func(x *compliance.Seal) { x.Audience = "other" }, "position": func(x *compliance.Seal) { x.Position += "\n" },
	} {
		opts := s.against()
		seal := s.seal
		change(&seal)
		opts.Seal = &seal
		require.Equal(t, []compliance.Finding{{Kind: compliance.FindingSignature}}, s.verify(opts).Findings, name)
	}
	heads := slices.Clone(s.heads)
	heads[len(heads)-1] ^= 1
	got := s.verify(compliance.VerifyOptions{Seal: &s.seal, Heads: bytes.NewReader(heads)})
	require.Equal(t, compliance.FindingHeads, got.Findings[len(got.Findings)-1].Kind)
	for _, bad := range [][]byte{nil, []byte("x"), heads[:len(heads)-1], append(slices.Clone(s.heads), s.heads[len(s.heads)-44:]...)} {
		_, err := s.Verify(t.Context(), compliance.VerifyOptions{Seal: &s.seal, Heads: bytes.NewReader(bad)})
		require.ErrorIs(t, err, audience.ErrInvalid)
	}
	_, err := s.Verify(t.Context(), compliance.VerifyOptions{Seal: &s.seal, Heads: errReader{}})
	require.ErrorIs(t, err, errBroken)
}

var errBroken = errors.New("broken")

type errReader struct{}

func (errReader) Read([]byte) (int, error)  { return 0, errBroken }
func (errReader) Write([]byte) (int, error) { return 0, errBroken }

// TestSealSigner: whoever has the public key can check it without the host's.
func TestSealSigner(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	other, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	s := newSealed(t, func(o *compliance.LedgerOptions) { o.Signer = private })
	require.True(t, s.seal.SignedBy(public))
	require.False(t, s.seal.SignedBy(other))
	require.False(t, s.seal.SignedBy(nil))
	require.Empty(t, s.verify(s.against()).Findings)
	s.seal.Signature = ""
	require.Equal(t, []compliance.Finding{{Kind: compliance.FindingSignature}}, s.verify(s.against()).Findings)

	_, err = s.Seal(t.Context(), errReader{})
	require.ErrorIs(t, err, errBroken)
	_, err = keyless(t).Seal(t.Context(), nil)
	require.ErrorIs(t, err, audience.ErrDenied)
}

func TestSealText(t *testing.T) {
	s := newSealed(t)
	text, err := json.Marshal(s.seal)
	require.NoError(t, err)
	back, err := compliance.ParseSeal(text)
	require.NoError(t, err)
	require.Equal(t, s.seal, back)
	require.NotContains(t, string(text), "example.com")
	for _, bad := range []string{"", "{}", "[]", string(text) + "x", string(text) + "{}", `{"version":2}`, `{"version":1,"more":1}`, `{"version":1,"root":"AB"}`} {
		_, err := compliance.ParseSeal([]byte(bad))
		require.ErrorIs(t, err, audience.ErrInvalid, bad)
	}
}

// TestInclusion of every contact in trees of many sizes.
func TestInclusion(t *testing.T) {
	s := &sealed{world: newWorld(t)}
	for n := range 20 {
		id := s.put(fmt.Sprint("u", n), fmt.Sprintf("u%d@example.com", n))
		s.ids = append(s.ids, id)
		s.fill(id, 1+n%3)
		s.seal, s.heads = s.makeSeal()
		for _, id := range s.ids {
			inc, err := s.seal.Inclusion(bytes.NewReader(s.heads), id)
			require.NoError(t, err)
			require.True(t, s.seal.Includes(&inc), "%d of %d", id, n+1)
			for name, change := range map[string]func(*compliance.Inclusion){
				"contact": func(x *compliance.Inclusion) { x.Contact++ }, "seq": func(x *compliance.Inclusion) { x.Seq++ },
				"hash": func(x *compliance.Inclusion) { x.Hash[0]++ }, "index": func(x *compliance.Inclusion) { x.Index += s.seal.Chains },
				"path": func(x *compliance.Inclusion) { x.Path = append(slices.Clone(x.Path), compliance.Digest{}) },
			} {
				bad := inc
				change(&bad)
				require.False(t, s.seal.Includes(&bad), name)
			}
		}
		_, err := s.seal.Inclusion(bytes.NewReader(s.heads), id+1)
		require.ErrorIs(t, err, audience.ErrNotFound)
	}
	s.seal.Root[0]++
	_, err := s.seal.Inclusion(bytes.NewReader(s.heads), s.ids[0])
	require.ErrorIs(t, err, audience.ErrConflict)
}

// TestSealIsRFC6962 holds the root against the recursive definition.
func TestSealIsRFC6962(t *testing.T) {
	s := &sealed{world: newWorld(t)}
	for n := range 33 {
		seal, heads := s.makeSeal()
		var leaves [][]byte
		for b := heads[len("audiencekit heads 1\n"):]; len(b) > 0; b = b[44:] {
			leaves = append(leaves, b[:44])
		}
		require.Len(t, leaves, n)
		require.Equal(t, compliance.Digest(mth(leaves)), seal.Root)
		s.fill(s.put(fmt.Sprint("u", n), fmt.Sprintf("u%d@example.com", n)), 1)
	}
}

// TestVerifyFindsAnyFlip changes one thing anywhere in the ledger.
func TestVerifyFindsAnyFlip(t *testing.T) {
	s := newSealed(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		s.tamper.of = s.ids[r.IntN(len(s.ids))]
		at := r.Uint64()
		s.tamper.change = func(c []audience.ConsentRecord) []audience.ConsentRecord {
			i := int(at % uint64(len(c)))
			c[i].Acted = c[i].Acted.Add(-time.Microsecond)
			if at&1 == 1 {
				c[i].Hash = c[i].ComputeHash()
			}
			return c
		}
		require.Len(t, s.verify(s.against()).Findings, 1)
	}
}
