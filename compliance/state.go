package compliance

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// State is what the ledger says of one scope at an instant, as far as is known
// now.
type State struct {
	Contact    audience.ContactID
	Scope      audience.Scope
	At         time.Time
	Standing   audience.Standing
	Restricted bool // GDPR Art. 18
	// Record is the one that decides, see [audience.History.Deciding]; the zero
	// record when none does.
	Record audience.ConsentRecord
	// Bundled says that the notice of the deciding grant asked for more purposes
	// than she granted with it (GDPR Art. 7(2)).
	Bundled bool
}

// StateAt gives the state of a scope at an instant in the past or now, by what
// the ledger holds today: earlier processing stays lawful after a withdrawal
// (GDPR Art. 7(3)). A scope with a list asks whether she is on it, see
// [audience.History.OnList]. A contact who was deleted or erased is found by
// her id. The zero instant is now.
func (l *Ledger) StateAt(ctx context.Context, ref audience.Ref, scope audience.Scope, at time.Time) (State, error) {
	var out State
	err := l.aud.View(ctx, func(r *store.Reader) error {
		h, err := r.History(ctx, ref)
		if err != nil {
			return err
		}
		if out, err = l.stateIn(ctx, r, &h, scope, at); err != nil {
			return err
		}
		out.Contact, err = contactOf(ctx, r, ref)
		return err
	})
	return out, err
}

// contactOf resolves a Ref whose history was found.
func contactOf(ctx context.Context, r *store.Reader, ref audience.Ref) (audience.ContactID, error) {
	ids, err := r.Resolve(ctx, ref)
	if err != nil || ids[0] != 0 {
		return ids[0], err
	}
	id, _ := ref.ContactID()
	return id, nil
}

func (l *Ledger) stateIn(ctx context.Context, r *store.Reader, h *audience.History, scope audience.Scope, at time.Time) (State, error) {
	if at.IsZero() {
		at = l.aud.Now()
	}
	at = audience.FromMicros(audience.Micros(at))
	schema := r.Schema()
	v := verdictOf(&schema, h, scope, at)
	out := State{Scope: v.scope, At: at, Restricted: h.Restricted(at), Standing: v.standing, Record: v.record}
	if out.Record.Kind == audience.ConsentGranted && out.Record.Notice != "" {
		n, err := noticeIn(ctx, r, out.Record.Notice)
		if err != nil && !errors.Is(err, audience.ErrNotFound) && !errors.Is(err, audience.ErrConflict) {
			return out, err
		}
		out.Bundled = l.bundled(h, &out.Record, n.Purposes)
	}
	return out, nil
}

// everyRecord visits the records of a history, those of merged contacts first.
func everyRecord(h *audience.History, visit func(*audience.ConsentRecord)) {
	for i := range h.Merged {
		everyRecord(&h.Merged[i].History, visit)
	}
	for i := range h.Records {
		visit(&h.Records[i])
	}
}

// verdict is what a ledger says of one scope at an instant, and by which record.
type verdict struct {
	scope    audience.Scope // what was asked for, of a topic in full
	standing audience.Standing
	record   audience.ConsentRecord // the zero record: none decides
}

// verdictOf is the one place where a ledger is folded for a message or a state:
// what the gate decides by is what the ledger says of that instant. A scope
// with a topic asks whether she is on it; hand-picked lists are nothing that
// people consent to.
func verdictOf(schema *audience.Schema, h *audience.History, scope audience.Scope, at time.Time) verdict {
	list, declared := schema.ListNamed(scope.List)
	topic := declared && scope.List != "" && list.Kind == audience.ListTopic
	if declared && !topic {
		scope.List = ""
	}
	if topic {
		scope.Purpose = cmp.Or(list.Purpose, audience.PurposeMarketing)
	}
	out := verdict{scope: scope}
	if topic && (scope.Channel == "" || scope.Channel == audience.ChannelEmail) {
		out.scope.Channel = audience.ChannelEmail
		out.standing = h.OnList(list, at)
	} else {
		out.standing = h.Fold(scope, at)
	}
	out.record, _ = h.Deciding(out.scope, out.standing, at)
	return out
}

// bundled reports whether a notice asks for purposes that were not granted
// together with a grant.
func (l *Ledger) bundled(h *audience.History, grant *audience.ConsentRecord, asked []string) bool {
	var granted []string
	everyRecord(h, func(r *audience.ConsentRecord) {
		if r.Kind == audience.ConsentGranted && r.Notice == grant.Notice && r.Acted.Equal(grant.Acted) {
			granted = append(granted, l.purposeOf(r.Scope))
		}
	})
	return slices.ContainsFunc(asked, func(p string) bool { return !slices.Contains(granted, p) })
}
