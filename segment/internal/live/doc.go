// Package live keeps segments up to date while contacts, events and time move
// on.
//
// A [Core] stands on a [columns.Table], at a clock. A segment is a formula
// without negation over literals, each true or not for a contact: "the count
// is above 3", "the count is known and not above 3". Literals of one feature
// are kept in order, so that a change of its value finds those that it crosses
// and no others; a literal finds the segments it stands in by an access
// literal of the same conjunction, such as the country, so that only those
// come up that can matter to the contact. What has no form for that is decided
// row by row, when something that it reads changes or at its deadline.
//
// Windows that slide share one order of contacts by time for all lengths, and
// each is a cursor in it; other deadlines lie in an agenda.
//
// All happens in ticks: a commit of the feed, or everything due at one
// instant. Within one the contacts that came up are decided once, segments
// after those that they name, and only net differences come out.
package live
