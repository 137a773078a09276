package compliance_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// must ends an example that cannot go on.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// exampleLedger is the ledger of a small shop, with one contact.
func exampleLedger() (context.Context, *compliance.Ledger, audience.Ref) {
	ctx := context.Background()
	keys, err := audience.NewKeys("2026", map[string][]byte{"2026": bytes.Repeat([]byte{7}, 32)})
	must(err)
	now := time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Minute); return now }
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{Keys: keys, Clock: clock})
	must(err)
	l, err := compliance.NewLedger(aud, compliance.LedgerOptions{Controller: compliance.Party{ID: "shop", Name: "Example Shop"}})
	must(err)
	_, err = aud.Put(ctx, audience.ContactWrite{
		Match: audience.Key("u42"), Email: audience.MustAddress("jane@example.com"), FirstName: audience.NewPrivate("Jane"),
	})
	must(err)
	return ctx, l, audience.Key("u42")
}

// exampleGrant is consent by double opt-in to a notice.
func exampleGrant(ctx context.Context, l *compliance.Ledger, jane audience.Ref) {
	n, err := l.PutNotice(ctx, compliance.Notice{
		Version: "3", Text: "Yes, send me news by e-mail.", Language: "en", Purposes: []string{audience.PurposeMarketing},
	})
	must(err)
	_, err = l.Record(ctx, compliance.Declaration{
		Contact: jane, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismDoubleOptIn,
		Notice: n.ID, Evidence: compliance.Evidence{Form: "footer"},
	})
	must(err)
}

// A grant names the notice that was shown; a proof gives its text back.
func ExampleLedger_Proof() {
	ctx, l, jane := exampleLedger()
	exampleGrant(ctx, l, jane)
	p, err := l.Proof(ctx, jane, audience.MarketingScope(), time.Time{})
	fmt.Println(p.State.Standing.Status, p.Notice.Text, p.Evidence.Form, p.Broken == nil, err)
	// Output: subscribed Yes, send me news by e-mail. footer true <nil>
}

// What was ticked before is no consent. It is kept as a fact.
func ExampleLedger_Attempts() {
	ctx, l, jane := exampleLedger()
	_, err := l.Record(ctx, compliance.Declaration{
		Contact: jane, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismPreTicked,
	})
	fmt.Println(err)
	s, _ := l.StateAt(ctx, jane, audience.MarketingScope(), time.Time{})
	attempts, _ := l.Attempts(ctx, jane)
	fmt.Println(s.Standing.Status, attempts[0].Mechanism)
	// Output:
	// compliance: not an affirmative act: denied
	// none pre-ticked
}

// A seal and its heads are kept where nobody can reach who writes to the
// database. Held against them, the ledger cannot have been changed unseen.
func ExampleLedger_Verify() {
	ctx, l, jane := exampleLedger()
	exampleGrant(ctx, l, jane)
	var heads bytes.Buffer
	seal, err := l.Seal(ctx, &heads)
	must(err)
	report, err := l.Verify(ctx, compliance.VerifyOptions{Seal: &seal, Heads: &heads})
	fmt.Println(report.Chains, report.Records, report.OK(), err)
	// Output: 1 1 true <nil>
}

// A restriction is lifted by somebody, for a reason.
func ExampleLedger_Release() {
	ctx, l, jane := exampleLedger()
	fmt.Println(l.Restrict(ctx, jane, audience.Source{Kind: audience.SourcePerson}, "she says that her data are wrong"))
	fmt.Println(l.Release(ctx, jane, audience.Source{}, "corrected"))
	fmt.Println(l.Release(ctx, jane, audience.Source{Actor: "operator-7"}, "corrected"))
	// Output:
	// <nil>
	// denied (actor): a release from a restriction needs Source.Actor: who lifts it
	// <nil>
}

// A purchase makes nobody mailable; rules may derive from it that she is.
func ExampleLedger_Relate() {
	ctx, l, jane := exampleLedger()
	fmt.Println(l.Relate(ctx, jane, compliance.Relation{
		Kind: audience.MechanismPurchase, Entity: "shop", Category: "shoes", ObtainedBySale: true, OptOutOffered: true,
	}))
	all, err := l.Relations(ctx, jane)
	fmt.Println(len(all), all[0].Kind, all[0].Category, err)
	// Output:
	// <nil>
	// 1 purchase shoes <nil>
}

// Suppressions leave and come back as keyed hashes.
func ExampleLedger_ExportSuppressions() {
	ctx, l, jane := exampleLedger()
	_, err := l.Record(ctx, compliance.Declaration{Contact: jane, Kind: audience.ConsentWithdrawn})
	must(err)
	var file bytes.Buffer
	n, err := l.ExportSuppressions(ctx, &file)
	fmt.Println(n, bytes.Contains(file.Bytes(), []byte("jane")), err)
	got, err := l.ImportSuppressions(ctx, &file, audience.Source{Name: "restore"})
	fmt.Println(got.Rows, got.Changed, err)
	// Output:
	// 1 false <nil>
	// 1 0 <nil>
}

// Consent that was given for one address is none for another.
func ExampleLedger_ChangeAddress() {
	ctx, l, jane := exampleLedger()
	exampleGrant(ctx, l, jane)
	fmt.Println(l.ChangeAddress(ctx, jane, audience.MustAddress("jane@new.example.com"), audience.Source{Kind: audience.SourcePerson}))
	s, err := l.StateAt(ctx, jane, audience.MarketingScope(), time.Time{})
	fmt.Println(s.Standing.Status, err)
	// Output:
	// <nil>
	// pending <nil>
}

// A key is given up in three steps: it is joined by a new one, everything moves
// to that, and once nothing names it any more it is left out.
func ExampleLedger_Rekey() {
	ctx, l, jane := exampleLedger()
	exampleGrant(ctx, l, jane)
	report, err := l.Rekey(ctx, nil)
	fmt.Println(report.Moved, report.Suppressions, report.Evidence, err)
	// Output: 0 map[] map[2026:1] <nil>
}

// With a signer of the host's, whoever has its public key can check a seal that
// was kept as JSON.
func ExampleParseSeal() {
	ctx, l, jane := exampleLedger()
	exampleGrant(ctx, l, jane)
	signer := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	l, err := compliance.NewLedger(l.Audience(), compliance.LedgerOptions{Signer: signer})
	must(err)
	seal, err := l.Seal(ctx, nil)
	must(err)
	kept, err := json.Marshal(&seal)
	must(err)
	again, err := compliance.ParseSeal(kept)
	must(err)
	fmt.Println(again.SignedBy(signer.Public().(ed25519.PublicKey)))
	again.Root[0]++
	report, err := l.Verify(ctx, compliance.VerifyOptions{Seal: &again})
	fmt.Println(report.OK(), report.Findings[0].Kind == compliance.FindingSignature, err)
	// Output:
	// true
	// false true <nil>
}
