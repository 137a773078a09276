package web

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const (
	sealPurpose = "audience/compliance/pending/v1"
	tagPurpose  = "audience/compliance/web/v1"
	tagBytes    = 16
)

// secrets seal what waits in the store, and make the keyed hashes by which
// things are counted without saying whose they are.
type secrets struct {
	audience string
	keys     []webKey // the primary first
}

type webKey struct {
	id  string
	box cipher.AEAD
	mac []byte
}

func newSecrets(aud *store.Audience) (*secrets, error) {
	keys := aud.Keys()
	if keys.IsZero() {
		return nil, &audience.DeniedError{Rule: "key", Hint: "pages need store.Options.Keys"}
	}
	s := &secrets{audience: aud.Name()}
	for _, id := range keys.IDs() {
		secret, _ := keys.Derive(id, sealPurpose)
		block, err := aes.NewCipher(secret)
		if err != nil {
			return nil, err
		}
		box, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		k := webKey{id: id, box: box}
		k.mac, _ = keys.Derive(id, tagPurpose)
		if id == keys.Primary() {
			s.keys = append([]webKey{k}, s.keys...)
		} else {
			s.keys = append(s.keys, k)
		}
	}
	return s, nil
}

// tag gives a keyed hash under the primary key of texts that have no NUL in
// them, bound to the audience.
func (s *secrets) tag(parts ...string) []byte { return s.tagUnder(&s.keys[0], parts) }

func (s *secrets) tagUnder(k *webKey, parts []string) []byte {
	mac := hmac.New(sha256.New, k.mac)
	mac.Write([]byte(s.audience))
	for _, part := range parts {
		mac.Write([]byte{0})
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)[:tagBytes]
}

// seal encrypts a value for a place: AES-256-GCM with a random nonce, bound to
// audience, namespace and key. In front of it stands, in clear, an instant by
// which the record is swept, and the id of the key.
func (s *secrets) seal(at time.Time, namespace, key string, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	k := &s.keys[0]
	out := binary.BigEndian.AppendUint64(nil, uint64(audience.Micros(at)))
	out = append(out, byte(len(k.id)))
	out = append(out, k.id...)
	nonce := make([]byte, k.box.NonceSize())
	_, _ = rand.Read(nonce) // it never fails
	out = append(out, nonce...)
	return k.box.Seal(out, nonce, plain, s.place(namespace, key)), nil
}

func (s *secrets) place(namespace, key string) []byte {
	return []byte(s.audience + "\x00" + namespace + "\x00" + key)
}

// sealedAt is the instant in front of a sealed value, the zero Time when it is
// none.
func sealedAt(value []byte) time.Time {
	if len(value) < 8 {
		return time.Time{}
	}
	return audience.FromMicros(int64(binary.BigEndian.Uint64(value)))
}

// setSealedAt changes the instant in front of a sealed value.
func setSealedAt(value []byte, at time.Time) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(audience.Micros(at))), value[8:]...)
}

// open decrypts what seal made; false when it is of another place, or its key
// is gone.
func (s *secrets) open(value []byte, namespace, key string, v any) bool {
	if len(value) < 9 || len(value) < 9+int(value[8]) {
		return false
	}
	id, rest := string(value[9:9+value[8]]), value[9+value[8]:]
	for i := range s.keys {
		k := &s.keys[i]
		if k.id != id || len(rest) < k.box.NonceSize() {
			continue
		}
		n := k.box.NonceSize()
		plain, err := k.box.Open(nil, rest[:n], rest[n:], s.place(namespace, key))
		return err == nil && json.Unmarshal(plain, v) == nil
	}
	return false
}

// stamp signs when a form was made, and what it showed.
func (s *secrets) stamp(form, shown string, at time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(audience.Micros(at)))
	b = append(b, s.tag("stamp", form, shown, base64.RawURLEncoding.EncodeToString(b))...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// stampedAt gives when a form was made; false for a stamp that is not ours, or
// of a form that showed something else.
func (s *secrets) stampedAt(form, shown, stamp string) (time.Time, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(stamp)
	if err != nil || len(b) != 8+tagBytes {
		return time.Time{}, false
	}
	for i := range s.keys {
		want := s.tagUnder(&s.keys[i], []string{"stamp", form, shown, base64.RawURLEncoding.EncodeToString(b[:8])})
		if hmac.Equal(want, b[8:]) {
			return audience.FromMicros(int64(binary.BigEndian.Uint64(b))), true
		}
	}
	return time.Time{}, false
}
