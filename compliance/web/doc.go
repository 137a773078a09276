// Package web has the pages on which people sign up, confirm, change what they
// get and leave, as one [http.Handler] without scripts, cookies and sessions.
// It is engineering, not legal advice.
//
//	pages, err := web.NewPages(ctx, ledger, tokens, outbox, web.Options{
//		BaseURL: "https://shop.example/mail",
//		Name:    "The Shop",
//		Forms:   []web.Form{{ID: "footer", Purposes: []string{"marketing"}}},
//	})
//	mux.Handle("/mail/", pages)
//	go pages.Run(ctx) // hands over messages and forgets what was never confirmed
//
// Below the base URL there are
//
//	s/{form}    the signup form; [Pages.Snippet] gives it for a host's page
//	c/{token}   confirms a signup, or rejects it: "this was not me"
//	u/{token}   unsubscribes, by RFC 8058 and by a page with a button
//	u           asks for an address and mails it a link, for who has none
//	z/{token}   takes an unsubscription back, for 30 days
//	p/{token}   the preference centre
//
// What they all keep to:
//
//   - GET and HEAD never change anything: mail scanners follow links and run
//     scripts. Only a POST acts.
//   - What somebody wants less of counts with the commit, and no page asks for
//     more than one press of a button (GDPR Art. 7(3), 16 CFR 316.5, RFC 8058).
//     What somebody wants more of is confirmed from the mailbox first.
//   - What is kept as evidence is what somebody saw, in the language of the form,
//     and what she ticked of it.
//   - The preference centre is for who has the address that its link was mailed
//     to. It shows what she may be sent and can refuse, on whatever that rests, and
//     switches off each of it: also service messages that rest on the interest of
//     the sender, to which she may object (GDPR Art. 21(1)).
//   - A signup is answered with the same bytes whoever the address belongs to,
//     after the same work: what depends on the address happens later, in
//     [Pages.Run]. Nothing typed into a form gets into a mail.
//   - No token, address or name gets into a log of this package;
//     [Pages.MaskTokens] keeps tokens out of the host's own.
//
// Messages for the host to send are those of [compliance.OutgoingKind]. Of an
// unsubscribe-link, Data has "preferences" only when it goes to the primary
// address of the contact.
//
// A [net/http.ServeMux] in front redirects addresses with doubled slashes,
// which RFC 8058 forbids; links that this package makes have none. Routes in
// [net/http.CrossOriginProtection] have to let u/ through: mail clients that
// run in a browser post from their own origin. There is nothing to protect, as
// no cookie carries anybody's authority.
package web
