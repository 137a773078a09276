package compliance

import (
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
	// Record is the one that decides; the zero record when none does, or when
	// several contacts that were merged decide together.
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
	list, isList := schema.ListNamed(scope.List)
	if isList = isList && scope.List != "" && list.Kind == audience.ListTopic; isList {
		scope.Purpose = l.purposeOf(audience.Scope{Purpose: list.Purpose})
	}
	out := State{Scope: scope, At: at, Restricted: h.Restricted(at)}
	if isList && (scope.Channel == "" || scope.Channel == audience.ChannelEmail) {
		out.Scope.Channel = audience.ChannelEmail
		out.Standing = h.OnList(list, at)
	} else {
		out.Standing = h.Fold(scope, at)
	}
	if deciding := decidingRecord(h, out.Scope, out.Standing); deciding != nil {
		out.Record = *deciding
	}
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

// decidingRecord finds the record that a standing is due to, the last of
// several; nil when there is none.
func decidingRecord(h *audience.History, scope audience.Scope, s audience.Standing) *audience.ConsentRecord {
	var out *audience.ConsentRecord
	everyRecord(h, func(r *audience.ConsentRecord) {
		if s.Status == audience.StatusNone || r.Kind.Status() != s.Status || !r.Acted.Equal(s.Since) || !r.Scope.Covers(scope) {
			return
		}
		if r.Kind.IsRefusal() || r.Scope.List == scope.List && (r.Kind == audience.ConsentRequested || r.HasEvidence() && r.Mechanism.Affirms()) {
			out = r
		}
	})
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
