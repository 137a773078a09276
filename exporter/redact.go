package exporter

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Redaction is what leaves of a value.
type Redaction uint8

// The redactions.
const (
	// Blank leaves nothing.
	Blank Redaction = iota
	// Mask leaves of text that there is some: of the columns email and
	// other_emails what [audience.Address.Masked] shows, of others ***.
	Mask
	// Hash leaves of text a pseudonym of 64 hexadecimal digits: the same for
	// the same text in the same column of the same audience, under the primary
	// key, without which it says nothing. Addresses are compared as the
	// library does. Whoever has the key can find the person again, so it is
	// still personal data. An audience without keys is [audience.ErrDenied].
	//
	// It is HMAC-SHA256 over the audience, 0, the column, 0, the text; its key is
	// derived for the purpose "exporter/pseudonym/v1" (see [audience.Keys]).
	Hash
)

// Redact lets out whom the gate does, with the named columns redacted. Mask and
// Hash are for columns of text and of lists; of others only Blank is possible.
func Redact(gate Gate, columns map[string]Redaction) Gate {
	return &redacting{gate: gate, columns: maps.Clone(columns)}
}

type redacting struct {
	gate    Gate
	columns map[string]Redaction
}

func (g *redacting) String() string { return gateName(g.gate) + ", redacted" }

func (g *redacting) Parts() audience.ProfileParts { return partsOf(g.gate) }

// Judge serves where this gate is within somebody else's, which cannot redact:
// the columns are blank then.
func (g *redacting) Judge(ctx context.Context, r *store.Reader, at time.Time, people []audience.Profile, release func(int, ...string)) error {
	if g.gate == nil {
		return noGate()
	}
	names := slices.Sorted(maps.Keys(g.columns))
	return g.gate.Judge(ctx, r, at, people, func(i int, without ...string) {
		release(i, names...)
		release(i, without...)
	})
}

// redactions takes a gate apart: who decides, and what becomes of the columns.
// Of two redactions of one column the stricter counts.
func redactions(gate Gate) (Gate, map[string]Redaction) {
	all := make(map[string]Redaction)
	for {
		g, ok := gate.(*redacting)
		if !ok {
			return gate, all
		}
		for name, how := range g.columns {
			if other, ok := all[name]; !ok || strictness(how) > strictness(other) {
				all[name] = how
			}
		}
		gate = g.gate
	}
}

// strictness orders redactions by how little they leave. A hash tells equal
// texts.
func strictness(r Redaction) int {
	switch r {
	case Blank:
		return 2
	case Mask:
		return 1
	default:
		return 0
	}
}

// redactor redacts the values of one column.
type redactor struct {
	how     Redaction
	address bool
	mac     hash.Hash // under the column's key, for Hash
	prefix  []byte
}

func newRedactor(aud *store.Audience, c Column, how Redaction) (*redactor, error) {
	r := &redactor{how: how, address: !c.Custom && (c.Name == "email" || c.Name == "other_emails")}
	switch {
	case how > Hash:
		return nil, &audience.FieldError{Path: "redact." + c.Name, Rule: "unknown", Hint: "Blank, Mask or Hash"}
	case how == Blank:
		return r, nil
	case c.Type != audience.TypeString && c.Type != audience.TypeStringList:
		return nil, &audience.FieldError{Path: "redact." + c.Name, Rule: "type", Hint: "Blank: a " + c.Type.String() + " can neither be masked nor hashed"}
	case how == Mask:
		return r, nil
	}
	keys := aud.Keys()
	key, ok := keys.Derive(keys.Primary(), "exporter/pseudonym/v1")
	if !ok {
		return nil, &audience.DeniedError{Rule: "key", Hint: "pseudonyms need an audience that was opened with keys"}
	}
	r.mac = hmac.New(sha256.New, key)
	r.prefix = []byte(aud.Name() + "\x00" + c.option() + "\x00")
	return r, nil
}

// value redacts a value that is not absent.
func (r *redactor) value(v audience.Value) audience.Value {
	if r.how == Blank {
		return audience.Value{}
	}
	if items, ok := v.StringList(); ok {
		out := make([]string, len(items))
		for i, item := range items {
			out[i] = r.text(item)
		}
		return audience.StringListValue(out...)
	}
	text, _ := v.Str()
	return audience.StringValue(r.text(text))
}

func (r *redactor) text(s string) string {
	var address audience.Address
	if r.address {
		// What the rules of today refuse is redacted as any other text.
		address, _ = audience.ParseAddress(s)
	}
	if r.how == Mask {
		if !address.IsZero() {
			return address.Masked()
		}
		return "***"
	}
	if !address.IsZero() {
		s = address.Canonical()
	}
	r.mac.Reset()
	r.mac.Write(r.prefix)
	r.mac.Write([]byte(s))
	return hex.EncodeToString(r.mac.Sum(nil))
}
