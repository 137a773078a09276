// Package audiencetest helps to test and measure what is built on package
// audience.
//
//   - [Shop] generates the contacts, consents and events of a web shop: any
//     number of them, the same on every machine, without holding them.
//   - [Contact], [Event], [Grant] and [Withdrawal] make writes in a line.
//   - [Hostile] and [Refused] are texts that break careless code.
//
// Nobody in it is real: all addresses are below example.com.
package audiencetest
