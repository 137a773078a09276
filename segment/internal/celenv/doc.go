// Package celenv is the segment language over cel-go, and the only importer
// of it. Package segment documents the language; its DESIGN.md says why this
// is built so.
//
// The way of an expression:
//
//   - [Env.Compile] parses it with cel-go, without its macros.
//   - The checker (check_*.go) goes through the tree once. It types every part
//     against the schema, reports errors in our words, and gives a new tree of
//     cel-go's operators and of nodes of our own (nodes.go).
//   - cel-go plans the new tree. A decorator puts our nodes (node_*.go,
//     stream.go, aggregate.go) in their places.
//   - [Program.At] computes once what depends on the instant alone.
//   - [Moment.Truth] runs it for a [Row]. State lives in a pool; what absorbs
//     unknowns is cel-go's logic, and running out of steps goes around it.
package celenv
