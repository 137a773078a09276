package compliance

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// ActionKind is what a life-cycle rule does with a contact.
type ActionKind string

// The kinds.
const (
	ActionReengage ActionKind = "re-engage" // tag her, for the host to ask her to come back
	ActionSunset   ActionKind = "sunset"    // write no more marketing to her: a withdrawal in the ledger
	ActionTag      ActionKind = "tag"       // tag her, such as for a mistyped address
	ActionDelete   ActionKind = "delete"    // what [store.Tx.Delete] does: refusals stay
	ActionErase    ActionKind = "erase"     // what [Rights.Erase] does, by every holder: refusals stay
	ActionTrim     ActionKind = "trim"      // remove a part of what is held of her, once it is old: see Part
)

// MechanismSunset is that of a withdrawal that the host made, because a
// contact was silent for long.
const MechanismSunset audience.Mechanism = "sunset"

// LifeCycleRule is a policy: whom it is about, what happens to them, why, and
// what comes next. Whom it is about is a segment, so that the same text can be
// looked at, previewed and explained.
type LifeCycleRule struct {
	Name string // stable, such as "sunset-180d"
	// Who gives whom the rule is about, such as the members of a segment. It is
	// called anew for each preview and run. nil, for ActionTrim alone: everybody.
	Who  func(ctx context.Context) iter.Seq2[audience.ContactID, error]
	Do   ActionKind
	Tag  string // of ActionTag and ActionReengage
	Part Part   // of ActionTrim
	Why  string // for the audit and for people, without personal data
	Next string // what comes after it, in words
	// Hold keeps contacts from being deleted, erased or trimmed, for a legal reason that
	// it gives; "" lets them go. nil: nobody is held. It must neither block nor
	// call the audience.
	Hold func(c *audience.Contact) string
}

// Action is what a rule does, or would do, with one contact.
type Action struct {
	Contact audience.ContactID `json:"contact"`
	Rule    string             `json:"rule"`
	Do      ActionKind         `json:"do"`
	Why     string             `json:"why"`
	Next    string             `json:"next,omitempty"`
	Parts   int                `json:"parts,omitempty"`   // of ActionTrim: how many events, fields or pieces of evidence go
	Skipped string             `json:"skipped,omitempty"` // why nothing happens to her

	overdue overdue
}

// LifeCycleReport counts what a run did.
type LifeCycleReport struct {
	Rule    string `json:"rule"`
	Read    int    `json:"read"`
	Done    int    `json:"done"`
	Skipped int    `json:"skipped"`
	Parts   int    `json:"parts,omitempty"` // of ActionTrim: what went of all of them
}

// LifeCycle runs rules over contacts. Nothing that it does raises anybody's
// status, and nothing cleans refusals away. Whoever is restricted (GDPR Art.
// 18) is left as she is, and nobody is deleted or erased while a request of
// hers is open. It is safe for concurrent use.
type LifeCycle struct {
	ledger *Ledger
	gate   *Gate
	rights *Rights
}

// NewLifeCycle makes the life cycle of a gate's audience. The rights are for
// rules that erase: every holder has to forget then. Without them (nil) such
// rules are refused.
func NewLifeCycle(g *Gate, r *Rights) (*LifeCycle, error) {
	switch {
	case g == nil:
		return nil, &audience.FieldError{Path: "gate", Rule: "empty", Hint: "a gate"}
	case r != nil && r.ledger.aud != g.ledger.aud:
		return nil, &audience.FieldError{Path: "rights", Rule: "audience", Hint: "the rights of the gate's audience"}
	}
	return &LifeCycle{ledger: g.ledger, gate: g, rights: r}, nil
}

func (r *LifeCycleRule) check(schema *audience.Schema) error {
	bad := func(path, hint string) error {
		return &audience.FieldError{Path: "rule." + path, Rule: "empty", Hint: hint}
	}
	switch {
	case r.Name == "":
		return bad("name", "a name")
	case r.Who == nil && r.Do != ActionTrim:
		return bad("who", "whom it is about")
	case r.Why == "":
		return bad("why", "the reason, which the audit keeps")
	case (r.Do == ActionTag || r.Do == ActionReengage) && r.Tag == "":
		return bad("tag", "a tag")
	}
	switch r.Do {
	case ActionReengage, ActionSunset, ActionTag, ActionDelete, ActionErase:
		return nil
	case ActionTrim:
		return r.Part.check(schema)
	default:
		return &audience.FieldError{Path: "rule.do", Rule: "unknown", Hint: "re-engage, sunset, tag, delete, erase or trim"}
	}
}

// Preview gives what a run would do now, in the order of the rule's contacts;
// at most one error, last. Nothing is written.
func (l *LifeCycle) Preview(ctx context.Context, rule LifeCycleRule) iter.Seq2[Action, error] {
	return func(yield func(Action, error) bool) {
		err := l.each(ctx, &rule, func(ids []audience.ContactID) error {
			var actions []Action
			err := l.ledger.aud.View(ctx, func(r *store.Reader) (err error) {
				at, err := r.Instant(ctx)
				if err != nil {
					return err
				}
				actions, err = l.decide(ctx, r, &rule, ids, at)
				return err
			})
			for i := range actions {
				actions[i].overdue = overdue{} // which is long, and of no use to anybody else
				if err == nil && !yield(actions[i], nil) {
					return errStop
				}
			}
			return err
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(Action{}, err)
		}
	}
}

var errStop = errors.New("compliance: stopped")

// Run does what the rule says. Each thousand contacts are one transaction (fifty
// of a rule that removes events, of which each may have very many), in which it is decided again about each of them: what changed since a preview
// counts. Run again it does nothing twice. progress (nil: nobody listens) is
// called after each transaction.
func (l *LifeCycle) Run(ctx context.Context, rule LifeCycleRule, progress func(LifeCycleReport)) (LifeCycleReport, error) {
	out := LifeCycleReport{Rule: rule.Name}
	if rule.Do == ActionErase && l.rights == nil {
		return out, &audience.FieldError{Path: "rule.do", Rule: "rights", Hint: "a life cycle that was made with Rights: every holder has to forget"}
	}
	err := l.each(ctx, &rule, func(ids []audience.ContactID) error {
		var actions []Action
		var requests []string
		_, err := l.ledger.aud.Update(ctx, func(tx *store.Tx) (err error) {
			if _, err := tx.Lock(ctx, ids...); err != nil {
				return err
			}
			if actions, err = l.decide(ctx, &tx.Reader, &rule, ids, tx.At()); err != nil {
				return err
			}
			requests, err = l.do(ctx, tx, &rule, actions)
			return err
		})
		if err != nil {
			return err
		}
		if err := l.erase(ctx, requests); err != nil {
			return err
		}
		out.Read += len(actions)
		for i := range actions {
			if actions[i].Skipped == "" {
				out.Done++
				out.Parts += actions[i].Parts
			}
		}
		out.Skipped = out.Read - out.Done
		if progress != nil {
			progress(out)
		}
		return nil
	})
	return out, err
}

// batch is how many contacts are one transaction: their events are in memory
// at once, of which each may have very many.
func (r *LifeCycleRule) batch() int {
	if r.Do == ActionTrim && r.Part.Events != "" {
		return batch / 20
	}
	return batch
}

// each calls fn for batches of the rule's contacts, in ascending order of id
// within a batch.
func (l *LifeCycle) each(ctx context.Context, rule *LifeCycleRule, fn func([]audience.ContactID) error) error {
	schema := l.ledger.aud.Schema()
	if err := rule.check(&schema); err != nil {
		return err
	}
	who := rule.Who
	if who == nil {
		who = l.everybody
	}
	size := rule.batch()
	ids := make([]audience.ContactID, 0, size)
	for id, err := range who(ctx) {
		if err != nil {
			return err
		}
		if ids = append(ids, id); len(ids) == size {
			if err := fn(ids); err != nil {
				return err
			}
			ids = ids[:0]
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return fn(ids)
}

// decide says what happens to contacts.
func (l *LifeCycle) decide(ctx context.Context, r *store.Reader, rule *LifeCycleRule, ids []audience.ContactID, at time.Time) ([]Action, error) {
	in := Intent{}
	if rule.Do == ActionReengage {
		in.Ask = AskReturn
	}
	looks, err := l.gate.lookAt(ctx, r, ids, in, at)
	if err != nil {
		return nil, err
	}
	var open map[audience.ContactID]openRequest
	if rule.removes() {
		if open, err = openRequests(ctx, r); err != nil {
			return nil, err
		}
	}
	out := make([]Action, len(ids))
	for i := range looks {
		out[i] = Action{Contact: ids[i], Rule: rule.Name, Do: rule.Do, Why: rule.Why, Next: rule.Next, Skipped: l.skip(rule, &looks[i])}
		if q, ok := open[ids[i]]; ok && out[i].Skipped == "" {
			out[i].Skipped = "a request of hers is open: " + string(q.Kind) + " " + q.ID
		}
	}
	if rule.Do == ActionTrim {
		return out, l.findOverdue(ctx, r, rule, looks, out)
	}
	return out, nil
}

// removes reports whether the rule takes data away, which whoever asked for it
// has to be answered about first.
func (r *LifeCycleRule) removes() bool {
	return r.Do == ActionDelete || r.Do == ActionErase || r.Do == ActionTrim
}

// skip says why nothing happens to a contact, or "".
func (l *LifeCycle) skip(rule *LifeCycleRule, k *look) string {
	switch {
	case k.profile == nil:
		return "she is gone"
	case k.profile.History.Restricted(k.at):
		return "her data is restricted to being stored (GDPR Art. 18)"
	}
	c := &k.profile.Contact
	switch rule.Do {
	case ActionReengage:
		if !l.gate.mayAtAll(k) {
			return "she may not be asked to come back"
		}
		fallthrough
	case ActionTag:
		if c.HasTag(rule.Tag) {
			return "she has the tag"
		}
	case ActionSunset:
		if k.profile.Status(k.at).Status != audience.StatusSubscribed {
			return "nothing is written to her anyway"
		}
	case ActionDelete, ActionErase, ActionTrim:
		if rule.Hold != nil {
			if why := rule.Hold(c); why != "" {
				return "held: " + why
			}
		}
	}
	return ""
}

// do acts on those who are not skipped, and writes it into the audit. Those to
// be erased get a request each, whose ids are given: holders are asked once it is
// written down.
func (l *LifeCycle) do(ctx context.Context, tx *store.Tx, rule *LifeCycleRule, actions []Action) ([]string, error) {
	var refs []audience.Ref
	var requests []string
	var chosen []*Action
	seen := make(map[audience.ContactID]bool)
	source := audience.Source{Kind: audience.SourceComputed, Name: rule.Name}
	for i := range actions {
		a := &actions[i]
		if a.Skipped != "" || seen[a.Contact] {
			continue
		}
		seen[a.Contact] = true
		refs, chosen = append(refs, audience.ID(a.Contact)), append(chosen, a)
		if err := l.ledger.audit(ctx, tx, "lifecycle."+string(rule.Do), a.Contact, rule.Name, source); err != nil {
			return nil, err
		}
		if rule.Do != ActionErase {
			continue
		}
		id, err := l.rights.openOwn(ctx, tx, a.Contact)
		if err != nil {
			return nil, err
		}
		requests = append(requests, id)
	}
	if len(refs) == 0 {
		return nil, nil
	}
	switch rule.Do {
	case ActionErase:
		return requests, nil
	case ActionDelete:
		return nil, tx.Delete(ctx, source, refs...)
	case ActionSunset:
		return nil, l.sunset(ctx, tx, refs, source)
	case ActionTrim:
		return nil, l.trim(ctx, tx, rule, chosen, source)
	default:
		writes := make([]audience.ContactWrite, len(refs))
		for i, ref := range refs {
			writes[i] = audience.ContactWrite{Match: ref, Mode: audience.UpdateOnly, AddTags: []string{rule.Tag}, Source: source}
		}
		_, err := tx.Put(ctx, writes...)
		return nil, err
	}
}

func (l *LifeCycle) sunset(ctx context.Context, tx *store.Tx, refs []audience.Ref, source audience.Source) error {
	ds := make([]Declaration, len(refs))
	for i, ref := range refs {
		ds[i] = Declaration{Contact: ref, Kind: audience.ConsentWithdrawn, Scope: audience.MarketingScope(), Mechanism: MechanismSunset, Source: source}
	}
	_, err := l.ledger.RecordIn(ctx, tx, ds...)
	return err
}

// erase asks every holder. What fails stays open as a request, which
// [Rights.Due] gives and [Rights.Erase] goes on with; the others are erased all
// the same.
func (l *LifeCycle) erase(ctx context.Context, requests []string) error {
	var failed []error
	for _, id := range requests {
		report, err := l.rights.Erase(ctx, id)
		if err != nil {
			failed = append(failed, err)
		}
		for _, h := range report.Holders {
			if h.Failed {
				failed = append(failed, fmt.Errorf("compliance: request %s: erase by %s: %w", id, h.Holder, h.Err))
			}
		}
	}
	return errors.Join(failed...)
}

// SunsetPolicy says when silence counts. Zero periods are those of the
// comments.
type SunsetPolicy struct {
	// Signals are the event types that show that she is there, by something she
	// does on purpose; nil: email.clicked and purchase. email.opened is refused:
	// machines open mail (CNIL: an open is no contact by the person).
	Signals  []string
	Reengage audience.Period // of silence, then she is asked to come back: 180d
	Sunset   audience.Period // of silence, then nothing more is sent: 270d
}

// Segments gives the policy in the segment language: whom to ask to come back,
// and whom to stop writing to. Silence is no longer than she has been there.
func (p SunsetPolicy) Segments() (reengage, sunset string, err error) {
	signals := p.Signals
	if len(signals) == 0 {
		signals = []string{"email.clicked", "purchase"}
	}
	if slices.Contains(signals, "email.opened") {
		return "", "", &audience.FieldError{Path: "signals", Rule: "deliberate", Hint: "what she does on purpose: machines open mail"}
	}
	first, last := p.Reengage, p.Sunset
	if first == (audience.Period{}) {
		first, _ = audience.ParsePeriod("180d")
	}
	if last == (audience.Period{}) {
		last, _ = audience.ParsePeriod("270d")
	}
	silent := func(since audience.Period) string {
		var out strings.Builder
		fmt.Fprintf(&out, "contact.status == %q && contact.created_at < ago(%q)", audience.StatusSubscribed, since)
		for _, s := range signals {
			fmt.Fprintf(&out, "\n  && events(%q).within(%q).none()", s, since.String())
		}
		return out.String()
	}
	return silent(first), silent(last), nil
}
