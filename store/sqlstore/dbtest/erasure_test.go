package dbtest

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// What is known of her: everything that must not be anywhere when she was
// erased.
const (
	herAddress = "Xaverie.Qorl+news@mail.example"
	herFurther = "xq-private@other.example"
	herFormer  = "xq-former@old.example"
	herTwins   = "xq-twin@twin.example"
	herGuests  = "xq-guest@guest.example"
	herFirst   = `Xavérie "Quill" <Q&A>`
	herLast    = "Vandersteen-Qorl"
	herPhone   = "+4930901820199"
	herKey     = "cust-884422-xq"
	herCRM     = "crm-7719-xq"
	herCity    = "Qorlstadt am Ünd"
	herLike    = "qorlfishing"
	herTag     = "tag-of-xq-only"
	herOrder   = "order-5521-xq"
	herNote    = "Gift for Aunt Qorlinda"
	herDay     = "1961-07-23"
	herIP      = "198.51.100.177"
	herAgent   = "QorlBrowser/9.1 (X11)"
	herWords   = "Yes, said Xaverie, do write to me"
	herReason  = "Xaverie doubts her birthday"
	herLead    = "lead-of-xaverie"
	herVisits  = int64(7391482655)
	herScore   = 48213.8671875
	herAmount  = 917.34375
)

func herMeeting() time.Time { return time.Date(2019, 3, 17, 9, 41, 53, 123_457_000, time.UTC) }

// herTraces are what the scan looks for.
func herTraces() (out [][]trace) {
	for _, x := range []struct{ of, text string }{
		{"address", herAddress},
		{"its compare form", strings.ToLower(herAddress)},
		{"local part", "xaverie.qorl"},
		{"further address", herFurther},
		{"former address", herFormer},
		{"address of the twin", herTwins},
		{"address of the guest", herGuests},
		{"first name", herFirst},
		{"last name", herLast},
		{"phone", herPhone},
		{"key", herKey},
		{"id in the CRM", herCRM},
		{"city", herCity},
		{"like", herLike},
		{"tag", herTag},
		{"event id", herOrder},
		{"note of an event", herNote},
		{"client", herIP},
		{"browser", herAgent},
		{"words", herWords},
		{"reason", herReason},
		{"lead", herLead},
		{"birthday", herDay},
	} {
		out = append(out, tracesOf(x.of, x.text))
	}
	return append(
		out, intTraces("visits", herVisits), doubleTraces("score", herScore), doubleTraces("amount", herAmount), instantTraces("meeting", herMeeting()),
	)
}

// her is the person as the host knows her.
type her struct {
	id, twin, guest, bob audience.ContactID
	links                []string // in mails that she still has
	answer               []byte   // to her request for access, which has what is sealed in the store
	checkpoints          [][]byte // while she was there
}

// live has everything happen to her that leaves something behind.
func (h *host) live() *her {
	t, ctx := h.t, h.t.Context()
	out := &her{}
	source := audience.Source{Kind: audience.SourceHost, Name: "shop"}
	out.bob = h.put(audience.ContactWrite{Match: audience.Key("bob"), Email: audience.MustAddress("bob@example.com"), Set: map[string]audience.Value{"city": audience.StringValue("Graz")}})
	out.id = h.put(audience.ContactWrite{
		Match: audience.Key(herKey), Email: audience.MustAddress(herFormer), Source: source,
		External: []audience.ExternalID{audience.External("crm", herCRM)}, FirstName: audience.NewPrivate(herFirst),
		LastName: audience.NewPrivate(herLast), Phone: audience.NewPrivate(herPhone), AddTags: []string{herTag},
		Set: map[string]audience.Value{
			"city": audience.StringValue(herCity), "likes": audience.StringListValue(herLike, "tea"), "visits": audience.IntValue(herVisits),
			"score": audience.DoubleValue(herScore), "met": audience.TimestampValue(herMeeting()), "birthday": dayValue(t, herDay), "vip": audience.BoolValue(true),
		},
	})
	h.put(audience.ContactWrite{
		Match: audience.ID(out.id), Email: audience.MustAddress(herAddress), Addresses: []audience.Address{audience.MustAddress(herFurther)},
		Detach: []audience.Identity{audience.AddressIdentity(audience.MustAddress(herFormer))}, Source: source,
	})
	for i, id := range []string{herOrder, herOrder + "-2", "bare"} {
		write := audience.EventWrite{
			Contact: audience.ID(out.id), ID: id, Type: "purchase", Time: h.clock().Add(-time.Duration(i) * time.Hour),
			Props: map[string]audience.Value{"value": audience.DoubleValue(herAmount), "note": audience.StringValue(herNote), "when": audience.TimestampValue(herMeeting())},
		}
		_, err := h.aud.Append(ctx, write)
		require.NoError(t, err)
		if i == 1 {
			write.Revision, write.Retract, write.Props = 1, true, nil
			_, err = h.aud.Append(ctx, write)
			require.NoError(t, err)
		}
		h.pass(time.Second)
	}
	h.update(func(tx *store.Tx) error { return tx.AddToList(ctx, "panel", source, audience.ID(out.id)) })
	h.merges(out, source)
	h.imports()
	out.checkpoints = append(out.checkpoints, h.advance())
	h.agree(out)
	h.mailings(out)
	h.restrict(out)
	out.checkpoints = append(out.checkpoints, h.advance())
	h.signup(herAddress, url.Values{"f.first_name": {herFirst}, "f.city": {herCity}, "o.utm_campaign": {herLead}, "o.ref": {herLead}})
	h.signup(herFurther, nil)
	_, _ = h.visit(http.MethodPost, "/mail/u", url.Values{"email": {herAddress}})
	out.answer = h.access(out.id)
	return out
}

func dayValue(t *testing.T, text string) audience.Value {
	at, err := time.Parse(time.DateOnly, text)
	require.NoError(t, err)
	return audience.DateValue(audience.DateOf(at, time.UTC))
}

// merges: a twin who stays merged, and a guest of Bob who did not.
func (h *host) merges(out *her, source audience.Source) {
	ctx := h.t.Context()
	out.twin = h.put(audience.ContactWrite{Match: audience.Key("twin-of-xq"), Email: audience.MustAddress(herTwins), LastName: audience.NewPrivate(herLast)})
	out.guest = h.put(audience.ContactWrite{Match: audience.Key("guest-of-xq"), Email: audience.MustAddress(herGuests), FirstName: audience.NewPrivate(herFirst)})
	h.record(compliance.Declaration{
		Contact: audience.ID(out.twin), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismVerbal,
		Evidence: compliance.Evidence{AttestedBy: "op7", Text: herWords},
	})
	h.update(func(tx *store.Tx) error { return tx.Merge(ctx, audience.ID(out.id), audience.ID(out.twin), source) })
	h.update(func(tx *store.Tx) error { return tx.Merge(ctx, audience.ID(out.bob), audience.ID(out.guest), source) })
	h.update(func(tx *store.Tx) error { return tx.Unmerge(ctx, out.guest, source) })
	h.update(func(tx *store.Tx) error { return tx.Merge(ctx, audience.ID(out.id), audience.ID(out.guest), source) })
}

// agree: consent with evidence, what was none, a relation and a restriction.
func (h *host) agree(out *her) {
	ctx := h.t.Context()
	evidence := compliance.Evidence{Form: "footer", IP: herIP, UserAgent: herAgent, Fields: map[string]string{"said": herWords}}
	for _, scope := range []audience.Scope{audience.MarketingScope(), {Channel: audience.ChannelEmail, Purpose: "marketing", List: "news"}} {
		h.record(compliance.Declaration{
			Contact: audience.ID(out.id), Kind: audience.ConsentGranted, Scope: scope, Mechanism: audience.MechanismDoubleOptIn, Notice: h.notice,
			Source: audience.Source{Kind: audience.SourcePerson}, Evidence: evidence,
		})
	}
	_, err := h.ledger.Record(ctx, compliance.Declaration{
		Contact: audience.ID(out.id), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismPreTicked, Evidence: evidence,
	})
	require.ErrorIs(h.t, err, audience.ErrDenied)
	require.NoError(h.t, h.ledger.Relate(ctx, audience.ID(out.id), compliance.Relation{Kind: "purchase", Note: herWords, ReferenceID: herOrder}))
	h.pass(time.Second)
}

// mailings: what was sent, bounces, preferences, an opt-out that was undone and
// one of Bob's.
func (h *host) mailings(out *her) {
	t, ctx := h.t, h.t.Context()
	h.send(out.id)
	unsubscribe, err := h.pages.UnsubscribeURL(out.id, audience.Scope{Channel: audience.ChannelEmail, Purpose: "marketing", List: "news"})
	require.NoError(t, err)
	preferences, err := h.pages.PreferencesURL(ctx, out.id)
	require.NoError(t, err)
	_, page := h.visit(http.MethodGet, preferences, nil)
	_, page = h.visit(http.MethodPost, preferences, url.Values{
		"do": {"save"}, "version": {h.hidden(page, "version")}, "c.marketing": {"on"}, "t.news": {"on"}, "frequency": {"weekly"}, "pause": {"30"},
	})
	require.Contains(t, page, "<main>")
	h.pass(time.Second)
	status, _ := h.visit(http.MethodPost, unsubscribe, url.Values{"List-Unsubscribe": {"One-Click"}})
	require.Equal(t, http.StatusOK, status)
	h.pass(time.Second)
	h.report("From: MAILER-DAEMON@mx.example.com\nMessage-ID: <1@mx.example.com>\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nFailed.\n" +
		"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; " + herAddress + "\nAction: failed\nStatus: 4.4.1\n\n--b--\n")
	h.update(func(tx *store.Tx) error {
		return tx.Suppress(ctx, store.SuppressionWrite{Address: audience.MustAddress(herFurther), Reason: audience.SuppressedManually})
	})
	h.signup(herTwins, nil)
	for _, m := range h.deliver() {
		out.links = append(out.links, m.Data["url"])
	}
	require.NotEmpty(t, out.links)
	out.links = append(out.links, unsubscribe, preferences)
}

// imports change what is known of her, so that they can be undone, and refuse
// what is wrong about her.
func (h *host) imports() {
	h.importFile("fair-2026", "email,first_name,last_name,city\n"+herAddress+",Other,Person,Linz\nxaverie.qorl@@mail.example,Xaverie,"+herLast+",\nbob@example.com,Bob,Bobson,Graz\n")
	h.importFile("fair-2027", "email,first_name,last_name,city\n"+herAddress+",\""+strings.ReplaceAll(herFirst, `"`, `""`)+"\","+herLast+","+herCity+"\nxq,"+herLast+",,\n")
	status := h.post("key-1", `[{"email":"`+herAddress+`","last_name":"`+herLast+`"},{"email":"xq@@","last_name":"`+herLast+`"}]`)
	require.Equal(h.t, http.StatusOK, status)
}

// restrict: a restriction that was lifted.
func (h *host) restrict(out *her) {
	operator := audience.Source{Kind: audience.SourceHost, Actor: "op7"}
	require.NoError(h.t, h.ledger.Restrict(h.t.Context(), audience.ID(out.id), operator, herReason))
	h.pass(time.Second)
	require.NoError(h.t, h.ledger.Release(h.t.Context(), audience.ID(out.id), operator, herReason))
	h.pass(time.Second)
}

// access gives the answer to a request for access.
func (h *host) access(id audience.ContactID) []byte {
	request := h.request(compliance.RequestAccess, id)
	var answer bytes.Buffer
	require.NoError(h.t, h.rights.Access(h.t.Context(), request, &answer))
	h.pass(time.Second)
	return answer.Bytes()
}

// erase erases her as a request asks, and looks at what the host sees then.
func (h *host) erase(who *her) {
	t, ctx := h.t, h.t.Context()
	id := h.request(compliance.RequestErasure, who.id)
	report, err := h.rights.Erase(ctx, id)
	require.NoError(t, err)
	require.True(t, report.Complete, fmt.Sprint(report))
	require.Positive(t, report.Holders[0].Removed, "signups and messages that wait")
	h.pass(time.Second)
	require.Empty(t, h.deliver(), "nothing that waits is sent")
	for _, link := range who.links {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			status, page := h.visit(method, link, url.Values{"do": {"confirm"}, "List-Unsubscribe": {"One-Click"}})
			require.Less(t, status, 500, link)
			require.Empty(t, found(map[string][]byte{link: []byte(page)}, slices.Concat(herTraces()...)))
		}
	}
	_, err = h.aud.Contact(ctx, audience.Email(herAddress))
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.NoError(t, h.aud.View(ctx, func(r *store.Reader) error {
		for _, namespace := range []string{"compliance/pending", "compliance/pending-address", "compliance/outbox", "compliance/not-me"} {
			page, err := r.Records(ctx, namespace, "", "", 100)
			require.NoError(t, err)
			require.Empty(t, page, namespace)
		}
		bob, err := r.Contact(ctx, audience.Key("bob"))
		require.NoError(t, err)
		require.Equal(t, "Bob", bob.FirstName.Reveal())
		return nil
	}))
}

// erasure is the whole test over a store; dump gives everything that it keeps.
func erasure(t *testing.T, h *host, dump func() map[string][]byte) {
	t.Helper()
	ctx := t.Context()
	who := h.live()
	before := dump()
	for namespace, n := range h.recordsOf(who) {
		require.Positive(t, n, "nothing of hers in %s: nothing would be erased", namespace)
	}
	before["answer"] = who.answer
	for i, b := range who.checkpoints {
		before[fmt.Sprintf("checkpoint %d", i)] = b
	}
	for _, traces := range herTraces() {
		require.NotEmpty(t, found(before, traces), "%s is nowhere: the scan would find nothing", traces[0].of)
	}
	var heads bytes.Buffer
	seal, err := h.ledger.Seal(ctx, &heads)
	require.NoError(t, err)
	verify := func() {
		report, err := h.ledger.Verify(ctx, compliance.VerifyOptions{Seal: &seal, Heads: bytes.NewReader(heads.Bytes())})
		require.NoError(t, err)
		require.True(t, report.OK(), report.Findings)
		require.Greater(t, report.Records, uint64(6))
	}
	verify()

	h.erase(who)
	verify()
	for namespace, n := range h.recordsOf(who) {
		require.Zero(t, n, "records of hers in %s, sealed or not", namespace)
	}
	checkpoint := h.advance()
	h.pass(time.Hour)
	later := h.advance()
	after := dump()
	after["checkpoint at once"], after["checkpoint later"], after["log"] = checkpoint, later, h.logged()
	var register bytes.Buffer
	n, err := h.rights.WriteRegister(ctx, &register)
	require.NoError(t, err)
	require.Equal(t, 5, n, "she, and the hash of each of her addresses")
	after["register"] = register.Bytes()
	require.Empty(t, found(after, slices.Concat(herTraces()...)))
	require.NotEmpty(t, found(after, tracesOf("the neighbour", "bob@example.com")), "the scan sees what is there")
	for _, name := range slices.Sorted(maps.Keys(after)) {
		t.Logf("%s: %d bytes scanned", name, len(after[name]))
	}
}

// recordsOf counts the records of hers in every namespace that has some; what
// is sealed in them no scan can find.
func (h *host) recordsOf(who *her) map[string]int {
	out := make(map[string]int)
	partition, err := h.adapter.Partition(h.t.Context(), "shop")
	require.NoError(h.t, err)
	require.NoError(h.t, partition.View(h.t.Context(), func(r store.ReadRoles) error {
		for _, namespace := range []string{"evidence", "compliance/keys", "compliance/sent", "compliance/attempts", "compliance/undo", "compliance/mail", "imports", "unmerged"} {
			out[namespace] = 0
			page, err := r.RecordsAfter(h.t.Context(), namespace, "", "", 10_000, audience.MinInstant())
			if err != nil {
				return err
			}
			for _, rec := range page {
				if slices.Contains([]audience.ContactID{who.id, who.twin, who.guest}, rec.Contact) {
					out[namespace]++
				}
			}
		}
		return nil
	}))
	return out
}

// TestErasureLeavesNothing (O26): when a person was erased no form of what was
// known of her is in any table, in the bytes of the database, in checkpoints or
// in the log; the ledger still verifies and her links answer.
func TestErasureLeavesNothing(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		source := d.Fresh(t)
		if d.Engine == SQLite {
			source.DSN += "&_pragma=secure_delete(1)&_secure_delete=on"
		}
		db := source.Open(t)
		h := newHost(t, source.Store(t, d.Engine))
		erasure(t, h, func() map[string][]byte {
			out := dumpTables(t, db, d.Engine)
			if d.Engine == SQLite {
				var busy, frames, done int
				require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &done))
				require.Zero(t, busy)
				maps.Copy(out, dumpFiles(t, sqliteFile(t, source)))
			}
			return out
		})
	})
}

func sqliteFile(t *testing.T, s Source) string {
	t.Helper()
	u, err := url.Parse(s.DSN)
	require.NoError(t, err)
	return u.Path
}

// TestErasureLeavesNothingInMemory is the same over the store in memory, whose
// dump is whatever can be reached from it.
func TestErasureLeavesNothingInMemory(t *testing.T) {
	adapter := memstore.New()
	erasure(t, newHost(t, adapter), func() map[string][]byte {
		return map[string][]byte{"memory": dumpMemory(adapter)}
	})
}
