package mail

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// Owner is whose a token is and what it is about. The zero Owner is nobody's.
type Owner struct {
	Contact audience.ContactID
	Scope   audience.Scope // of what its holder may refuse; zero: everything
}

// ResolveTokens gives a [FeedbackOptions.Resolve] for the unsubscribe tokens of
// an audience. A token of another use finds nobody.
func ResolveTokens(t *compliance.Tokens) func(ctx context.Context, token string) (Owner, error) {
	return func(_ context.Context, token string) (Owner, error) {
		claims, err := t.Verify(token, compliance.TokenUnsubscribe)
		switch {
		case errors.Is(err, compliance.ErrToken):
			return Owner{}, nil
		case err != nil:
			return Owner{}, err
		}
		return Owner{Contact: claims.Contact, Scope: claims.Scope}, nil
	}
}

// FeedbackOptions say how feedback is acted on. The zero value is safe: tokens
// find nobody, and all else has its default.
type FeedbackOptions struct {
	// Resolve gives the owner of a token that was found in a report, the zero
	// Owner for a text that is none of ours: see [ResolveTokens]. An error ends [Feedback.Apply]:
	// nothing was recorded, and the host tries again.
	Resolve func(ctx context.Context, token string) (Owner, error)
	// SoftLimit is how many failures that may pass make an address one that
	// failed for good, when they come within SoftWindow and no delivery in
	// between. Zero: 5 within 30 days.
	SoftLimit  int
	SoftWindow time.Duration
	// RateDays is over how many days the complaint rate is taken, today
	// included, in UTC. Zero: 7.
	RateDays int
	// RateFloor is how many messages count as sent at least, so that one
	// complaint about ten messages is no alarm. Zero: 1,000.
	RateFloor int
	// Alarm is called when a complaint raises the severity of the complaint
	// rate of the recipient's domain; nil: the host asks with Rate. It is
	// called after the commit, by Apply's goroutine.
	Alarm func(Rate)
}

// Feedback writes to the ledger what reports say, so that everything else
// follows from there. It keeps counters in the audience's records, for as long
// as they count, under the contact where they are a contact's. It is safe for
// concurrent use.
//
// A report is a letter from a stranger. Let it in where the host gets bounces
// and complaints, authenticated as well as the provider allows: what is forged
// can stop mail to somebody, as a forged opt-out can, and start none.
type Feedback struct {
	ledger *compliance.Ledger
	aud    *store.Audience
	opts   FeedbackOptions
}

// NewFeedback makes feedback for a ledger. Negative numbers are
// [audience.ErrInvalid].
func NewFeedback(l *compliance.Ledger, opts FeedbackOptions) (*Feedback, error) {
	if l == nil {
		return nil, &audience.FieldError{Path: "ledger", Rule: "empty", Hint: "a ledger"}
	}
	if opts.SoftLimit < 0 || opts.SoftWindow < 0 || opts.RateDays < 0 || opts.RateFloor < 0 || opts.RateDays > maxRateDays || opts.SoftLimit > maxSoftLimit {
		return nil, &audience.FieldError{Path: "options", Rule: "range", Hint: "positive numbers, at most 366 days and 1,000 failures"}
	}
	opts.SoftLimit = cmp.Or(opts.SoftLimit, 5)
	opts.SoftWindow = cmp.Or(opts.SoftWindow, 30*24*time.Hour)
	opts.RateDays = cmp.Or(opts.RateDays, 7)
	opts.RateFloor = cmp.Or(opts.RateFloor, 1000)
	return &Feedback{ledger: l, aud: l.Audience(), opts: opts}, nil
}

// Applied tells what became of a report.
type Applied struct {
	// Repeated says that the report was applied before: nothing was done.
	Repeated bool
	// Records are what the ledger got: a refusal each.
	Records []audience.ConsentRecord
	// Suppressed is how many addresses were suppressed on their own: those
	// of nobody who is a contact now, and former ones of contacts.
	Suppressed int
	// Counted is how many failures were counted and not acted on yet.
	Counted int
	// Standing is how many refusals stood already.
	Standing int
	// Unknown is how many recipients nobody could be found by.
	Unknown int
}

// Apply records what a report says, in one transaction.
//
//   - A hard bounce becomes [audience.ConsentBounced] for e-mail.
//   - A complaint becomes [audience.ConsentComplained] for e-mail.
//   - An opt-out becomes [audience.ConsentWithdrawn]: of the token's scope, or
//     of all e-mail when no token says so.
//   - Bounces that may pass are counted; SoftLimit of them within SoftWindow,
//     without a delivery in between, become a bounce. Deliveries are those that
//     the host tells ([Feedback.Delivered]), that a report tells, and the
//     events email.delivered and email.clicked.
//   - What is about the message, the sender or a policy, what is still being
//     tried, and all that is Guessed, is never held against a contact.
//
// Refusals count from the commit, whatever date the report bears. The contact
// is found by our own token if there is one, else by an address in clear; never
// by one that is redacted. Complaints and opt-outs of an address that is no
// contact's suppress the address, if the audience has keys.
//
// The same report again does nothing, for 90 days. Errors are those of Resolve
// and of the store; then nothing was done.
func (f *Feedback) Apply(ctx context.Context, r *Report) (Applied, error) {
	if r == nil {
		return Applied{}, &audience.FieldError{Path: "report", Rule: "empty", Hint: "a report"}
	}
	if r.Kind != ReportDelivery && r.Kind != ReportComplaint && r.Kind != ReportOptOut {
		return Applied{}, nil
	}
	owner, err := f.owner(ctx, r)
	if err != nil {
		return Applied{}, err
	}
	var a application
	err = f.update(ctx, func(tx *store.Tx) error {
		a = application{f: f, tx: tx, report: r, owner: owner, done: map[audience.ContactID]bool{}}
		return a.run(ctx)
	})
	if err != nil {
		return Applied{}, err
	}
	for _, rate := range a.alarms {
		if f.opts.Alarm != nil {
			f.opts.Alarm(rate)
		}
	}
	return a.out, nil
}

// owner asks whose the tokens of a report are; the first that is anybody's
// counts. A token stands for one contact: what reports on several recipients
// is not all hers.
func (f *Feedback) owner(ctx context.Context, r *Report) (Owner, error) {
	if f.opts.Resolve == nil || r.Kind == ReportDelivery && len(r.Recipients) > 1 {
		return Owner{}, nil
	}
	for i, t := range r.Tokens {
		if i >= maxTokens {
			break
		}
		owner, err := f.opts.Resolve(ctx, t.Reveal())
		if err != nil || owner.Contact != 0 {
			return owner, err
		}
	}
	return Owner{}, nil
}

// update is a transaction that counts: another process that counted the same
// in the meantime is a conflict, and the next try sees its number.
func (f *Feedback) update(ctx context.Context, fn func(*store.Tx) error) error {
	for try := 0; ; try++ {
		_, err := f.aud.Update(ctx, fn)
		if err == nil || try >= maxTries || !errors.Is(err, audience.ErrConflict) {
			return err
		}
	}
}

const (
	namespace    = "compliance/mail"
	maxTries     = 5
	maxRateDays  = 366
	maxSoftLimit = 1000
	seenFor      = 90 * 24 * time.Hour
)

// email is the scope of what is about an address or about all mail to it.
func email() audience.Scope { return audience.Scope{Channel: audience.ChannelEmail} }
