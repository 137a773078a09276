package segment

import (
	"errors"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
)

// CheckpointError says why a checkpoint was not used. It holds nothing of what
// is in it. The category is [audience.ErrDenied] without a key that fits,
// [audience.ErrPositionGone] when the feed does not lead on from it,
// [audience.ErrUnsupported] for another format, [audience.ErrInvalid] for
// damage and [audience.ErrConflict] for everything that has become different
// since.
type CheckpointError struct {
	// Rule is one of
	//
	//	"key"          the audience has no keys, or not the one that it was sealed with
	//	"format"       it is no checkpoint, or one of another version of this library
	//	"truncated"    it ends too early
	//	"damaged"      it was changed, or is no whole
	//	"read"         the reader failed
	//	"audience"     it is of another audience
	//	"incarnation"  it is of another life of the store, before a backup was restored
	//	"position"     the feed was trimmed beyond it
	//	"schema"       fields, events or lists are not what they were
	//	"zone"         the zone is another one, or has other rules
	//	"functions"    the host's functions are others
	//	"index"        contacts are to be found by something else
	//	"definitions"  the stored segments of its version are not those in it
	//	"members"      its members do not fit its contacts
	//	"replay"       what was committed since could not be applied
	Rule string
	Err  error // what was found
}

func (e *CheckpointError) Error() string {
	text := "checkpoint not used (" + e.Rule + ")"
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives what was found.
func (e *CheckpointError) Unwrap() error { return e.Err }

// Is answers the category.
func (e *CheckpointError) Is(target error) bool {
	switch e.Rule {
	case "key":
		return target == audience.ErrDenied
	case "format":
		return target == audience.ErrUnsupported
	case "truncated", "damaged", "members":
		return target == audience.ErrInvalid
	case "incarnation", "position":
		return target == audience.ErrPositionGone
	case "audience", "schema", "zone", "functions", "index", "definitions":
		return target == audience.ErrConflict
	}
	return false
}

func unfit(rule, what string) error { return &CheckpointError{Rule: rule, Err: errors.New(what)} }

// unreadable says what reading a checkpoint ended with.
func unreadable(err error) error {
	rule := "read"
	for _, r := range []struct {
		err  error
		rule string
	}{
		{checkpoint.ErrKey, "key"},
		{checkpoint.ErrFormat, "format"},
		{checkpoint.ErrTruncated, "truncated"},
		{checkpoint.ErrDamaged, "damaged"},
	} {
		if errors.Is(err, r.err) {
			rule = r.rule
		}
	}
	return &CheckpointError{Rule: rule, Err: err}
}
