// Package mail writes and reads the parts of e-mail that compliance hangs on.
// It sends nothing and opens no connection. It is engineering, not legal
// advice: every rule names its source, and which of them apply is for the
// host's counsel to say.
//
//   - [ListHeaders] makes the header fields that list mail must carry:
//     List-Unsubscribe with one click, List-Id and the feedback address.
//   - [CheckMessage] holds a finished message against CAN-SPAM, the rules of
//     the large mailbox providers and the obligations of a gate's decision.
//   - [ParseReport] reads what comes back: bounces, complaints and opt-outs
//     by mail. [Feedback] writes them to the ledger, counts bounces that may
//     pass, and watches the complaint rate.
//
// Whatever is read here was written by strangers. It is bounded in size, depth
// and number of parts, never panics, and can only lower what a contact
// receives: a forged report may stop mail, it can never start any. Addresses,
// tokens and texts of reports print masked.
package mail
