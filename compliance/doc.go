// Package compliance decides whether a contact may be mailed, proves why, and
// lets the contact change that. It sends nothing and knows no transport. It is
// engineering, not legal advice: it keeps the rules that it names, and which
// of them apply to a host is for the host's counsel to say.
//
// A [Ledger] writes what people declare into the audience's ledger and proves
// it later; a [Gate] answers whether one message may go to one contact now;
// [Rights] answers requests for access, portability, rectification,
// restriction, objection and erasure; [LifeCycle] plans what happens to
// contacts who are silent, invalid or to be forgotten. Package
// compliance/web has the pages and handlers, compliance/mail the headers, the
// check of messages and what comes back from mailbox providers.
//
// Below all of it lies package store, which nobody can go around: only a
// record with evidence makes anybody mailable, and a refusal counts from its
// commit.
package compliance
