package compliance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

const (
	tokenVersion  = 0x01
	mailtoVersion = 0x81

	tokenHead    = 1 + 4 + 4 + 4 + 2 + 16 + 1 // up to the scope
	tokenMAC     = 16
	maxTokenLen  = (tokenHead + 255 + tokenMAC + 2) / 3 * 4
	mailtoBytes  = 1 + 1 + 16 + 4 + mailtoMAC
	mailtoMAC    = 12
	mailtoChars  = 55
	base32Lower  = "abcdefghijklmnopqrstuvwxyz234567"
	hashedPrefix = 4 // bytes of the hash of a scope
)

// tokenBody is the signed part of a token.
type tokenBody struct {
	key, issued, expires uint32
	generation           uint16
	subject              [16]byte
	scope                string // at most 255 bytes
}

func (b *tokenBody) seal(secret []byte) string {
	out := make([]byte, 0, tokenHead+len(b.scope)+tokenMAC)
	out = append(out, tokenVersion)
	out = binary.BigEndian.AppendUint32(out, b.key)
	out = binary.BigEndian.AppendUint32(out, b.issued)
	out = binary.BigEndian.AppendUint32(out, b.expires)
	out = binary.BigEndian.AppendUint16(out, b.generation)
	out = append(out, b.subject[:]...)
	out = append(out, byte(len(b.scope)))
	out = append(out, b.scope...)
	out = append(out, tag(secret, out, tokenMAC)...)
	return base64.RawURLEncoding.EncodeToString(out)
}

// tag is the truncated HMAC-SHA256 of a message.
func tag(secret, message []byte, size int) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(message)
	return mac.Sum(nil)[:size]
}

// rawToken is a decoded token whose tag was not held against anything yet.
type rawToken []byte

// decodeToken decodes strictly, so that one token has one spelling. Of what is
// inside it looks at the version and at no length but its own.
func decodeToken(token string) (rawToken, bool) {
	if len(token) > maxTokenLen || strings.ContainsAny(token, "\r\n") { // which the decoder would skip
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < tokenHead+tokenMAC || b[0] != tokenVersion {
		return nil, false
	}
	return b, true
}

func (r rawToken) keyNumber() uint32 { return binary.BigEndian.Uint32(r[1:]) }

func (r rawToken) isSealedBy(secret []byte) bool {
	end := len(r) - tokenMAC
	return hmac.Equal(r[end:], tag(secret, r[:end], tokenMAC))
}

// parse reads what isSealedBy found genuine.
func (r rawToken) parse() (tokenBody, bool) {
	scope := r[tokenHead : len(r)-tokenMAC]
	if int(r[tokenHead-1]) != len(scope) {
		return tokenBody{}, false
	}
	return tokenBody{
		key: r.keyNumber(), issued: binary.BigEndian.Uint32(r[5:]), expires: binary.BigEndian.Uint32(r[9:]),
		generation: binary.BigEndian.Uint16(r[13:]), subject: [16]byte(r[15:31]), scope: string(scope),
	}, true
}

func mailtoEncoding() *base32.Encoding {
	return base32.NewEncoding(base32Lower).WithPadding(base32.NoPadding)
}

// scopeHash stands for a scope where there is no room for it.
func scopeHash(scope string) uint32 {
	sum := sha256.Sum256([]byte(scope))
	return binary.BigEndian.Uint32(sum[:hashedPrefix])
}

func sealMailto(key byte, subject [16]byte, scope uint32, secret []byte) string {
	out := make([]byte, 0, mailtoBytes)
	out = append(out, mailtoVersion, key)
	out = append(out, subject[:]...)
	out = binary.BigEndian.AppendUint32(out, scope)
	out = append(out, tag(secret, out, mailtoMAC)...)
	return mailtoEncoding().EncodeToString(out)
}

// rawMailto is the decoded mailto form, its tag not yet checked.
type rawMailto []byte

// decodeMailto decodes in any case of letters. The decoder ignores the unused
// bits of the last character, so the token has to encode to itself.
func decodeMailto(token string) (rawMailto, bool) {
	lower := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' { // ASCII alone: a Kelvin sign is no k
			return r + 'a' - 'A'
		}
		return r
	}, token)
	b, err := mailtoEncoding().DecodeString(lower)
	if err != nil || len(b) != mailtoBytes || b[0] != mailtoVersion || mailtoEncoding().EncodeToString(b) != lower {
		return nil, false
	}
	return b, true
}

func (r rawMailto) key() byte         { return r[1] }
func (r rawMailto) subject() [16]byte { return [16]byte(r[2:18]) }
func (r rawMailto) scopeHash() uint32 { return binary.BigEndian.Uint32(r[18:]) }

func (r rawMailto) isSealedBy(secret []byte) bool {
	end := len(r) - mailtoMAC
	return hmac.Equal(r[end:], tag(secret, r[:end], mailtoMAC))
}

// sealSubject encrypts whom a token is about: the contact and twelve zeros, or
// eight zeros and the subject. The zeros are how another audience's key shows.
func (k *tokenKey) sealSubject(c *Claims) (out [16]byte) {
	var plain [16]byte
	binary.BigEndian.PutUint32(plain[:], uint32(c.Contact))
	if c.Contact == 0 {
		copy(plain[8:], c.Subject[:])
	}
	k.subject.Encrypt(out[:], plain[:])
	return out
}

func (k *tokenKey) openSubject(subject [16]byte, c *Claims) bool {
	var plain [16]byte
	k.subject.Decrypt(plain[:], subject[:])
	contact := binary.BigEndian.Uint32(plain[:])
	rest := [8]byte(plain[8:])
	if [4]byte(plain[4:8]) != [4]byte{} || (contact == 0) == (rest == [8]byte{}) {
		return false
	}
	c.Contact, c.Subject = audience.ContactID(contact), rest
	return true
}

func scopeChannels() []string {
	return []string{audience.ChannelEmail, audience.ChannelSMS, audience.ChannelPhone, audience.ChannelPush, audience.ChannelPost}
}

// scopeText writes a scope for a token: "*" for everything, else
// "purpose:name" or "list:name", behind "channel/" when it is for one channel
// alone: "email/*", "email/purpose:marketing".
func scopeText(s audience.Scope) string {
	text := "*"
	switch {
	case s.List != "":
		text = "list:" + s.List
	case s.Purpose != "":
		text = "purpose:" + s.Purpose
	}
	if s.Channel != "" {
		text = s.Channel + "/" + text
	}
	return text
}

func parseScope(text string) (s audience.Scope, ok bool) {
	if channel, rest, found := strings.Cut(text, "/"); found && slices.Contains(scopeChannels(), channel) {
		s.Channel, text = channel, rest
	}
	if text == "*" {
		return s, true
	}
	kind, name, _ := strings.Cut(text, ":")
	switch kind {
	case "purpose":
		s.Purpose = name
	case "list":
		s.List = name
	default:
		return audience.Scope{}, false
	}
	return s, name != ""
}
