package sqlstore

import (
	"context"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// FindingKind says what is wrong.
type FindingKind uint8

// What can be wrong. In one database a commit is whole or not there, and none
// of this happens; over several it can be half done, and a backup that was put
// together from parts can be anything.
const (
	FindingIdentity    FindingKind = iota + 1 // an identity is held by a contact that is gone or does not have it; mended by releasing it
	FindingUnclaimed                          // a contact has an identity that is not held; mended by claiming it
	FindingTaken                              // a contact has an identity that another one holds; not mended: merge the two
	FindingTags                               // the tags to be found by are not those of the contact; mended
	FindingAttributes                         // the values to be found by are not those of the contact; mended
	FindingStandings                          // the standings to be found by are not what the ledger says; mended
	FindingLedger                             // a chain does not link: something was altered or is missing; not mended
	FindingFeed                               // a commit of the feed lacks parts; not mended: trim the feed and let followers rebuild
	FindingLeftover                           // a part or a mention belongs to no commit; mended by removing it
	FindingCounter                            // contact ids would be given again; mended
	FindingUndecodable                        // a row cannot be read; not mended
)

// String gives "identity", "unclaimed" and so on; "none" for any other.
func (k FindingKind) String() string {
	names := [...]string{
		"none", "identity", "unclaimed", "taken", "tags", "attributes", "standings", "ledger", "feed", "leftover", "counter", "undecodable",
	}
	if int(k) >= len(names) {
		return names[0]
	}
	return names[k]
}

// Finding is one thing that is wrong.
type Finding struct {
	Kind    FindingKind
	Contact audience.ContactID // 0: nobody's
	Mended  bool
}

// String gives kind and contact, such as "tags of contact 7, mended".
func (f Finding) String() string {
	text := f.Kind.String()
	if f.Contact != 0 {
		text += fmt.Sprintf(" of contact %s", f.Contact)
	}
	if f.Mended {
		text += ", mended"
	}
	return text
}

// Check looks for what a commit that was only half done leaves behind, and for
// search copies that differ from the rows they were made of. With mend it puts
// right what can be put right; nothing that a person said or did is ever
// removed. found is called for each finding.
//
// It reads everything, a page of contacts at a time, each page in a
// transaction of its own, which locks its contacts; others go on writing
// meanwhile. Progress, unless nil, is told how many contacts are done.
//
// Errors: of the database, of found, and of the context; then the rest has not
// been looked at. [audience.ErrUnsupported] for an audience of another
// adapter.
func Check(ctx context.Context, aud *store.Audience, mend bool, found func(Finding) error, progress func(contacts int)) error {
	p, ok := store.As[*partition](aud)
	if !ok {
		return wrap(fmt.Errorf("the audience is kept by another adapter: %w", audience.ErrUnsupported))
	}
	if found == nil {
		found = func(Finding) error { return nil }
	}
	if progress == nil {
		progress = func(int) {}
	}
	c := &checker{p: p, mend: mend, found: found, progress: progress}
	for _, step := range []func(context.Context) error{c.counter, c.contacts, c.identities, c.chains, c.feed} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// checker is one call of Check.
type checker struct {
	p        *partition
	mend     bool
	found    func(Finding) error
	progress func(contacts int)
	contact  int // how many are done
}

// page runs fn in a transaction of its own and reports what it found once that
// is committed: it may have been called more than once.
func (c *checker) page(ctx context.Context, fn func(w *writer, note func(kind FindingKind, contact audience.ContactID, mended bool)) error) error {
	var findings []Finding
	_, err := c.p.Update(ctx, func(roles store.WriteRoles) error {
		findings = findings[:0]
		w, ok := roles.(*writer)
		if !ok {
			return wrap(audience.ErrUnsupported)
		}
		return fn(w, func(kind FindingKind, contact audience.ContactID, mended bool) {
			findings = append(findings, Finding{Kind: kind, Contact: contact, Mended: mended && c.mend})
		})
	})
	if err != nil {
		return err
	}
	for _, f := range findings {
		if err := c.found(f); err != nil {
			return err
		}
	}
	return nil
}
