// Package orders shows how a shop writes its own tables and its audience in
// one transaction: see its example.
package orders
