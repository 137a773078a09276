package compliance

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// ErrToken is the one answer to every token that is not good here: forged,
// damaged, expired, of another use, key or audience. Why is not told, since
// whoever tries tokens would learn from it.
var ErrToken = errors.New("token not valid")

// TokenUse says what a token is for. Each use has a key of its own, so that a
// token of one use is noise to every other.
type TokenUse string

// The uses.
const (
	TokenUnsubscribe TokenUse = "unsubscribe" // only ever reduces, and never expires
	TokenConfirm     TokenUse = "confirm"     // confirms or rejects a signup
	TokenPreferences TokenUse = "preferences" // opens the preference centre
	TokenRequest     TokenUse = "request"     // proves control of a mailbox, for a request about one's data
	TokenUndo        TokenUse = "undo"        // takes one unsubscription back
)

func tokenUses() []TokenUse {
	return []TokenUse{TokenUnsubscribe, TokenConfirm, TokenPreferences, TokenRequest, TokenUndo}
}

// Claims is what a token says. It never holds an address.
type Claims struct {
	Use     TokenUse
	Contact audience.ContactID // whom it is about; 0: Subject says it
	// Subject is, without a contact, a random number under which the caller
	// keeps what the token is about. Not zero then.
	Subject [8]byte
	// Scope is what it reaches. A list's purpose is not written: the schema
	// knows it.
	Scope   audience.Scope
	Issued  time.Time // in whole seconds; zero: now
	Expires time.Time // in whole seconds; zero with TokenUnsubscribe, and only there
	// Generation is the caller's counter, with which a newer token ends older
	// ones. Zero with TokenUnsubscribe.
	Generation uint16
}

// Tokens mints and verifies the tokens of one audience. A token of another
// audience is not valid, also when both have the same keys. Keys that are no
// longer primary still verify. It is safe for concurrent use.
//
// The form is 0x01, key (4 bytes), issued (4), expires (4), generation (2),
// subject (16), length of the scope (1), scope, and the first 16 bytes of the
// HMAC-SHA256 of all that, in unpadded base64url. The key of the HMAC is
// Keys.Derive(key, "audience/compliance/token/v1/"+use); the key is named by
// its id where that is a decimal number, else by a hash of the id. The subject
// is one block of AES-256 under a key derived for the audience, so that a
// token shows neither contact ids nor how many there are.
type Tokens struct {
	aud  *store.Audience
	keys []tokenKey // the primary first
}

// tokenKey is one key of the host's, derived for everything.
type tokenKey struct {
	number  uint32
	macs    map[TokenUse][]byte
	mailto  []byte
	subject cipher.Block
}

const (
	tokenPurpose   = "audience/compliance/token/v1/"
	mailtoUse      = "unsubscribe/mailto"
	subjectPurpose = "audience/compliance/token-subject/v1/"
	// tokenSkew is how far ahead of the clock a token may have been issued:
	// machines disagree.
	tokenSkew = time.Hour
)

// NewTokens makes the tokens of an audience; [audience.ErrDenied] when it was
// opened without keys.
func NewTokens(aud *store.Audience) (*Tokens, error) {
	if aud == nil {
		return nil, &audience.FieldError{Path: "aud", Rule: "empty", Hint: "an open audience"}
	}
	keys := aud.Keys()
	if keys.IsZero() {
		return nil, &audience.DeniedError{Rule: "key", Hint: "tokens need store.Options.Keys"}
	}
	t := &Tokens{aud: aud}
	for _, id := range keys.IDs() {
		k, err := newTokenKey(keys, id, aud.Name())
		if err != nil {
			return nil, err
		}
		if id == keys.Primary() {
			t.keys = append([]tokenKey{k}, t.keys...)
		} else {
			t.keys = append(t.keys, k)
		}
	}
	return t, nil
}

func newTokenKey(keys audience.Keys, id, audienceName string) (tokenKey, error) {
	k := tokenKey{number: keyNumber(id), macs: make(map[TokenUse][]byte)}
	for _, use := range tokenUses() {
		k.macs[use], _ = keys.Derive(id, tokenPurpose+string(use))
	}
	k.mailto, _ = keys.Derive(id, tokenPurpose+mailtoUse)
	secret, _ := keys.Derive(id, subjectPurpose+audienceName)
	var err error
	k.subject, err = aes.NewCipher(secret)
	return k, err
}

// keyNumber names a key within tokens. Two ids may share a number: verifying
// tries every key that has it.
func keyNumber(id string) uint32 {
	if n, err := strconv.ParseUint(id, 10, 32); err == nil {
		return uint32(n)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return h.Sum32()
}

// Mint gives the token of claims, for the path of a URL: 64 to 404 characters
// of A-Z a-z 0-9 - _.
//
// Errors: [audience.ErrInvalid] for an unknown use, neither contact nor
// subject, an expiry where there must be none or none where there must be
// one, and a scope that is too long.
func (t *Tokens) Mint(c Claims) (string, error) {
	if c.Issued.IsZero() {
		c.Issued = t.aud.Now()
	}
	if err := c.check(); err != nil {
		return "", err
	}
	k := &t.keys[0]
	body := tokenBody{
		key: k.number, issued: uint32(c.Issued.Unix()), generation: c.Generation,
		subject: k.sealSubject(&c), scope: scopeText(c.Scope),
	}
	if !c.Expires.IsZero() {
		body.expires = uint32(c.Expires.Unix())
	}
	return body.seal(k.macs[c.Use]), nil
}

// MintMailto gives the form of an unsubscribe token for the local part of a
// mailto address (RFC 2369): 55 characters of a-z and 2-7, which survive that
// a mail system folds their case. It says neither when it was issued nor a
// generation. Errors are those of Mint, and ErrInvalid for any other use.
func (t *Tokens) MintMailto(c Claims) (string, error) {
	if c.Use != TokenUnsubscribe {
		return "", &audience.FieldError{Path: "use", Rule: "unknown", Hint: "only unsubscribe tokens have a mailto form"}
	}
	if c.Issued.IsZero() {
		c.Issued = t.aud.Now()
	}
	if err := c.check(); err != nil {
		return "", err
	}
	k := &t.keys[0]
	return sealMailto(byte(k.number), k.sealSubject(&c), scopeHash(scopeText(c.Scope)), k.mailto), nil
}

func (c *Claims) check() error {
	reduces := c.Use == TokenUnsubscribe
	switch {
	case !c.Use.known():
		return &audience.FieldError{Path: "use", Rule: "unknown", Hint: "unsubscribe, confirm, preferences, request or undo"}
	case (c.Contact == 0) == (c.Subject == [8]byte{}):
		return &audience.FieldError{Path: "contact", Rule: "empty", Hint: "either a contact or a subject"}
	case reduces && (!c.Expires.IsZero() || c.Generation != 0):
		return &audience.FieldError{Path: "expires", Rule: "exclusive", Hint: "none: an unsubscribe token never ends"}
	case !reduces && !c.Expires.After(c.Issued):
		return &audience.FieldError{Path: "expires", Rule: "range", Hint: "an instant after it was issued: what can grant has to end"}
	case !isTokenTime(c.Issued) || !c.Expires.IsZero() && !isTokenTime(c.Expires):
		return &audience.FieldError{Path: "issued", Rule: "range", Hint: "years 1970 to 2105"}
	}
	text := scopeText(c.Scope)
	if back, ok := parseScope(text); len(text) > math.MaxUint8 || !ok || c.Scope.List == "" && back != c.Scope {
		return &audience.FieldError{Path: "scope", Rule: "unknown", Hint: "a known channel, and names of at most 240 bytes together", Limit: len(text) > math.MaxUint8}
	}
	return nil
}

func (u TokenUse) known() bool { return slices.Contains(tokenUses(), u) }

// isTokenTime reports whether four bytes can hold the instant; 0 is for none.
func isTokenTime(t time.Time) bool { return t.Unix() > 0 && t.Unix() <= math.MaxUint32 }

// Verify gives what a token says, in either of its forms, when it is a valid
// one of that use and has not expired. Any other is [ErrToken], whatever is
// wrong with it. Whether a later generation ended it, and whether its contact
// is still there, is for the caller to ask.
func (t *Tokens) Verify(token string, use TokenUse) (Claims, error) {
	if !use.known() {
		return Claims{}, ErrToken
	}
	if len(token) == mailtoChars && use == TokenUnsubscribe {
		return t.verifyMailto(token)
	}
	raw, ok := decodeToken(token)
	if !ok {
		return Claims{}, ErrToken
	}
	number := raw.keyNumber()
	for i := range t.keys {
		k := &t.keys[i]
		if k.number != number || !raw.isSealedBy(k.macs[use]) {
			continue
		}
		body, ok := raw.parse()
		if !ok {
			return Claims{}, ErrToken
		}
		c := Claims{Use: use, Issued: time.Unix(int64(body.issued), 0).UTC(), Generation: body.generation}
		if body.expires != 0 {
			c.Expires = time.Unix(int64(body.expires), 0).UTC()
		}
		scope, ok := parseScope(body.scope)
		if c.Scope = scope; !ok || !k.openSubject(body.subject, &c) || !c.isCurrent(t.aud.Now()) {
			return Claims{}, ErrToken
		}
		return c, nil
	}
	return Claims{}, ErrToken
}

// isCurrent reports whether the token was issued by now and has not expired.
func (c *Claims) isCurrent(now time.Time) bool {
	return !c.Issued.After(now.Add(tokenSkew)) && (c.Expires.IsZero() || c.Expires.After(now))
}

func (t *Tokens) verifyMailto(token string) (Claims, error) {
	raw, ok := decodeMailto(token)
	if !ok {
		return Claims{}, ErrToken
	}
	for i := range t.keys {
		k := &t.keys[i]
		if byte(k.number) != raw.key() || !raw.isSealedBy(k.mailto) {
			continue
		}
		c := Claims{Use: TokenUnsubscribe}
		if c.Scope, ok = t.scopeOfHash(raw.scopeHash()); !ok || !k.openSubject(raw.subject(), &c) {
			return Claims{}, ErrToken
		}
		return c, nil
	}
	return Claims{}, ErrToken
}

// scopeOfHash finds the scope of a mailto token among those that the schema
// knows. A scope that has the hash of a wider one by chance reads as the
// wider one: it refuses more.
func (t *Tokens) scopeOfHash(hash uint32) (audience.Scope, bool) {
	schema := t.aud.Schema()
	scopes := []audience.Scope{{}}
	for _, channel := range append(scopeChannels(), "") {
		scopes = append(scopes, audience.Scope{Channel: channel})
		for _, p := range schema.Purposes {
			scopes = append(scopes, audience.Scope{Channel: channel, Purpose: p.Name})
		}
	}
	for _, channel := range append(scopeChannels(), "") {
		for _, l := range schema.Lists {
			scopes = append(scopes, audience.Scope{Channel: channel, List: l.Name})
		}
	}
	for _, s := range scopes {
		if scopeHash(scopeText(s)) == hash {
			return s, true
		}
	}
	return audience.Scope{}, false
}
