package audience

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// The canonical bytes of a ledger record are a version byte and then its
// members in ascending order of their tag, each as tag, length and content
// with unsigned varints; a member with its zero value is left out. Later
// versions may add tags, so that the bytes of records that exist never change.
const canonicalVersion = 1

// Tags are fixed for ever.
const (
	tagContact = iota + 1
	tagSeq
	tagKind
	tagChannel
	tagPurpose
	tagList
	tagActed
	tagRecorded
	tagExpires
	tagMechanism
	tagNotice
	tagSourceKind
	tagSourceName
	tagSourceActor
	tagEvidence
	tagPrev
	tagRetracts
)

// maxCanonicalBytes bounds a record. CheckLink holds it too, so that nothing
// is stored that could not be read again.
const maxCanonicalBytes = 64 << 10

// Canonical gives the bytes that the hash is made of: everything but Hash.
func (r *ConsentRecord) Canonical() []byte {
	const most = 256 // bytes, nearly always
	return r.appendCanonical(make([]byte, 0, most))
}

func (r *ConsentRecord) appendCanonical(b []byte) []byte {
	b = append(b, canonicalVersion)
	b = appendNumber(b, tagContact, uint64(r.Contact))
	b = appendNumber(b, tagSeq, r.Seq)
	b = appendNumber(b, tagKind, uint64(r.Kind))
	b = appendBytes(b, tagChannel, r.Scope.Channel)
	b = appendBytes(b, tagPurpose, r.Scope.Purpose)
	b = appendBytes(b, tagList, r.Scope.List)
	b = appendTime(b, tagActed, r.Acted)
	b = appendTime(b, tagRecorded, r.Recorded)
	b = appendTime(b, tagExpires, r.Expires)
	b = appendBytes(b, tagMechanism, r.Mechanism)
	b = appendBytes(b, tagNotice, r.Notice)
	b = appendNumber(b, tagSourceKind, uint64(r.Source.Kind))
	b = appendBytes(b, tagSourceName, r.Source.Name)
	b = appendBytes(b, tagSourceActor, r.Source.Actor)
	b = appendHash(b, tagEvidence, r.Evidence)
	b = appendHash(b, tagPrev, r.Prev)
	return appendNumber(b, tagRetracts, r.Retracts)
}

// ComputeHash gives the SHA-256 of the canonical bytes.
func (r *ConsentRecord) ComputeHash() [32]byte {
	hash, _ := r.hashAndSize()
	return hash
}

// hashAndSize gives the hash of the canonical bytes and how many they are.
func (r *ConsentRecord) hashAndSize() ([32]byte, int) {
	var stack [512]byte // enough for nearly all
	b := r.appendCanonical(stack[:0])
	return sha256.Sum256(b), len(b)
}

func appendBytes[T ~string | ~[]byte](b []byte, tag byte, content T) []byte {
	if len(content) == 0 {
		return b
	}
	b = append(b, tag)
	b = binary.AppendUvarint(b, uint64(len(content)))
	return append(b, content...)
}

func appendNumber(b []byte, tag byte, n uint64) []byte {
	if n == 0 {
		return b
	}
	var digits [binary.MaxVarintLen64]byte
	return appendBytes(b, tag, binary.AppendUvarint(digits[:0], n))
}

// appendTime writes the microseconds since the zero Time, which is the first
// instant of the year 1, plus one.
func appendTime(b []byte, tag byte, t time.Time) []byte {
	us := Micros(t)
	if us == minMicros {
		return b
	}
	return appendNumber(b, tag, uint64(us-minMicros)+1)
}

func appendHash(b []byte, tag byte, h [32]byte) []byte {
	if h == [32]byte{} {
		return b
	}
	return appendBytes(b, tag, h[:])
}

// ParseConsentRecord reads canonical bytes, computing Hash. Bytes that
// Canonical would not have written are a [*FieldError]: there is one form.
func ParseConsentRecord(b []byte) (ConsentRecord, error) {
	bad := func(hint string) (ConsentRecord, error) {
		return ConsentRecord{}, &FieldError{Path: "record", Rule: "canonical", Hint: hint}
	}
	if len(b) > maxCanonicalBytes {
		return bad("at most 64 KiB")
	}
	if len(b) == 0 || b[0] != canonicalVersion {
		return bad("version 1")
	}
	var r ConsentRecord
	rest := b[1:]
	for len(rest) > 0 {
		tag := rest[0]
		n, used := binary.Uvarint(rest[1:])
		if used <= 0 || n > uint64(len(rest)-1-used) {
			return bad("whole members")
		}
		content := rest[1+used : 1+used+int(n)]
		rest = rest[1+used+int(n):]
		if !r.setMember(tag, content) {
			return bad("known members of the right size")
		}
	}
	if string(r.Canonical()) != string(b) {
		return bad("the one canonical form")
	}
	r.Hash = sha256.Sum256(b)
	return r, nil
}

// setMember reads one member; the caller compares the whole with the one
// canonical form, so order, doubles and overlong numbers need no check here.
func (r *ConsentRecord) setMember(tag byte, content []byte) bool {
	number, _ := binary.Uvarint(content)
	switch tag {
	case tagContact:
		r.Contact = ContactID(number)
	case tagSeq:
		r.Seq = number
	case tagKind:
		r.Kind = ConsentKind(number)
	case tagChannel:
		r.Scope.Channel = string(content)
	case tagPurpose:
		r.Scope.Purpose = string(content)
	case tagList:
		r.Scope.List = string(content)
	case tagActed:
		return setTime(&r.Acted, number)
	case tagRecorded:
		return setTime(&r.Recorded, number)
	case tagExpires:
		return setTime(&r.Expires, number)
	case tagMechanism:
		r.Mechanism = Mechanism(content)
	case tagNotice:
		r.Notice = string(content)
	case tagSourceKind:
		r.Source.Kind = SourceKind(number)
	case tagSourceName:
		r.Source.Name = string(content)
	case tagSourceActor:
		r.Source.Actor = string(content)
	case tagEvidence:
		return copy(r.Evidence[:], content) == len(content)
	case tagPrev:
		return copy(r.Prev[:], content) == len(content)
	case tagRetracts:
		r.Retracts = number
	default:
		return false
	}
	return true
}

func setTime(t *time.Time, number uint64) bool {
	const span = maxMicros - minMicros
	if number == 0 || number-1 > span {
		return false
	}
	*t = FromMicros(int64(number-1) + minMicros)
	return true
}
